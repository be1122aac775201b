"""Checks run, count, and never pass what they have not seen."""

import dataclasses
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account, load
from iamkit.checks import registry as findings
from iamkit.checks.own import every
from iamkit.checks.registry import CHECKS, Check, check, population
from iamkit.checks.returned import Row, resolved, rows_of
from iamkit.checks.run import run
from iamkit.errors import CheckError, SettingsError
from iamkit.report import render
from iamkit.report.notebooks import NOTEBOOKS
from iamkit.settings import Acceptance, Settings
from tests.accounts import ARN, HEADER, details, user, written
from tests.accounts import report as csv_report

PASSWORD = "true,2026-10-30T00:00:00Z,2026-10-01T00:00:00Z,N/A"
NONE = "false,N/A,N/A,N/A"
KEYS = "false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"


def line(name: str, password: str = PASSWORD, mfa: str = "false") -> str:
    return f"{name},{ARN}user/{name},2024-05-01T12:00:00Z,{password},{mfa},{KEYS}"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Three users: ann without MFA, ben with it, cid without a password."""
    lines = [line("ann"), line("ben", mfa="true"), line("cid", NONE)]
    return written(
        tmp_path_factory.mktemp("people"),
        details([user("ann"), user("ben"), user("cid")]),
        credential_report=csv_report(*lines),
    )


def no_mfa(credentials: pd.DataFrame) -> pd.DataFrame:
    hit = credentials.query("password_enabled and mfa_registered == False and not is_root")
    return pd.DataFrame({"subject": hit["user_arn"], "detail": "no device"})


def rule(find: Any = no_mfa, **changes: Any) -> dict[str, Check]:
    facts = {
        "severity": "high",
        "title": "A console user has no MFA",
        "among": "console users",
        "remedy": "Register a device",
        "source": "IAM User Guide",
        "errs": "neither way",
        "absence": False,
    }
    return {find.__name__: Check(name=find.__name__, find=find, **(facts | changes))}


def only(account: Account, checks: dict[str, Check]) -> dict[str, Any]:
    return dict(run(account, checks).results.iloc[0])


def accepting(account: Account, *entries: Acceptance) -> Account:
    return dataclasses.replace(account, settings=Settings(accepted=entries))


def risk(**changes: Any) -> Acceptance:
    facts = {
        "check": "no_mfa",
        "subject": "ann",
        "owner": "Ana",
        "reason": "Leaves soon.",
        "expires": date(2026, 12, 31),
    }
    return Acceptance(**(facts | changes))


def test_a_failing_check_counts_subjects_among_its_population(people: Account) -> None:
    found, results, _ = run(people, rule())
    assert found[["check", "kind", "name", "detail", "status", "next_step"]].values.tolist() == [
        ["no_mfa", "user", "ann", "no device", "fail", "Register a device"]
    ]
    result = results.iloc[0]
    assert (result["status"], result["failing"], result["total"]) == ("fail", 1, 2)
    assert result["evidence_of"] == people.as_of


def test_a_check_without_findings_passes(people: Account) -> None:
    def nothing(credentials: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"subject": [], "detail": []})

    result = only(people, rule(nothing))
    assert (result["status"], result["failing"], result["total"]) == ("pass", 0, 2)


def test_missing_evidence_is_not_assessed_with_its_gap(tmp_path: Path) -> None:
    blind = written(tmp_path, details([user("ann")]), credential_report=None)
    result = only(blind, rule())
    assert result["status"] == "not assessed"
    assert "passwords, access keys and MFA" in result["reason"]
    assert pd.isna(result["total"])


def test_what_fails_on_incomplete_evidence_still_fails(
    people: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(people), "missing", lambda self, *tables: "a page is missing")
    result = only(people, rule())
    assert (result["status"], result["reason"]) == ("fail", "a page is missing")


def test_an_absence_on_incomplete_evidence_proves_nothing(
    people: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(people), "missing", lambda self, *tables: "a page is missing")
    found, results, _ = run(people, rule(absence=True))
    assert found.empty
    assert results["status"].tolist() == ["not assessed"]


def test_a_subject_that_cannot_be_assessed_keeps_a_check_from_passing(people: Account) -> None:
    def undated(credentials: pd.DataFrame) -> pd.DataFrame:
        arn = credentials["user_arn"].tail(1)
        return pd.DataFrame({"subject": arn, "detail": "no date", "status": "not assessed"})

    result = only(people, rule(undated))
    assert (result["status"], result["unknown"], result["failing"]) == ("not assessed", 1, 0)
    assert "too little about 1 of 2" in result["reason"]


class OddError(BaseException):
    """What no usual `except` catches."""


class SpeechlessError(ValueError):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "error", [KeyError("colour"), SystemExit(0), GeneratorExit(), OddError("x"), SpeechlessError()]
)
def test_a_check_that_breaks_is_not_assessed_and_costs_no_other(
    people: Account, error: BaseException
) -> None:
    def broken(credentials: pd.DataFrame) -> pd.DataFrame:
        raise error

    results = run(people, rule(broken) | rule()).results.set_index("check")
    assert results["status"].to_dict() == {"broken": "not assessed", "no_mfa": "fail"}
    said = f"the check stopped with an error: {type(error).__name__}"
    assert said in results.loc["broken", "reason"]


def test_a_check_changes_its_own_tables_only(people: Account) -> None:
    def a_greedy_one(credentials: pd.DataFrame) -> pd.DataFrame:
        credentials["mfa_registered"] = True
        credentials.drop(credentials.index, inplace=True)
        return pd.DataFrame({"subject": [], "detail": []})

    before = people.credentials.copy()
    results = run(people, rule(a_greedy_one) | rule()).results.set_index("check")
    assert results.loc["no_mfa", "failing"] == 1
    pd.testing.assert_frame_equal(people.credentials, before)


def test_the_most_severe_come_first(people: Account) -> None:
    def worse(credentials: pd.DataFrame) -> pd.DataFrame:
        return no_mfa(credentials)

    found = run(people, rule() | rule(worse, severity="critical")).findings
    assert found["check"].tolist() == ["worse", "no_mfa"]


@pytest.mark.parametrize("subject", ["ann", "a*", f"{ARN}user/ann", "*/ann", "a?n"])
def test_an_accepted_risk_is_shown_and_counted_apart(people: Account, subject: str) -> None:
    entry = risk(subject=subject, ticket="SEC-1")
    found, results, acceptances = run(accepting(people, entry), rule())
    assert found["status"].tolist() == ["accepted"]
    assert found["acceptance"].tolist() == [
        "accepted by Ana, until 2026-12-31: Leaves soon. (SEC-1)"
    ]
    result = results.iloc[0]
    assert (result["status"], result["failing"], result["accepted"]) == ("accepted", 0, 1)
    assert acceptances[["state", "findings"]].values.tolist() == [["in force", 1]]


def test_accepting_one_does_not_accept_another(people: Account) -> None:
    def all_users(credentials: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"subject": credentials["user_arn"].tail(3), "detail": "is here"})

    result = only(accepting(people, risk(check="all_users")), rule(all_users, among="users"))
    assert (result["status"], result["failing"], result["accepted"]) == ("fail", 2, 1)


def test_an_expired_acceptance_fails_again_and_says_so(people: Account) -> None:
    entry = risk(expires=date(2026, 10, 31))
    found, results, acceptances = run(accepting(people, entry), rule())
    assert found["status"].tolist() == ["fail"]
    assert found["acceptance"].str.startswith("expired; it was accepted by Ana").all()
    assert results["status"].tolist() == ["fail"]
    assert acceptances["state"].tolist() == ["expired"]


def test_an_acceptance_holds_through_its_last_day(people: Account) -> None:
    entry = risk(expires=date(2026, 11, 1))
    assert only(accepting(people, entry), rule())["status"] == "accepted"


def test_acceptances_that_match_nothing_are_reported(people: Account) -> None:
    acceptances = run(accepting(people, risk(subject="ben")), rule()).acceptances
    assert acceptances["state"].tolist() == ["matches nothing"]


def test_a_risk_that_no_check_is_about_is_refused() -> None:
    entry = risk(check="old_acces_key")
    said = "accepted, line 7: there is no check 'old_acces_key'; did you mean old_access_key?"
    with pytest.raises(SettingsError, match=re.escape(said)):
        every(Settings(accepted=(dataclasses.replace(entry, line=7),)))


def test_a_row_without_a_subject_breaks_a_check_only_where_no_evidence_is_missing() -> None:
    nameless = pd.DataFrame({"subject": [None, "a"], "detail": ["no name", "is wrong"]})
    (one,) = rule().values()
    rows, wrong = rows_of(one, nameless, [{"a"}])
    assert wrong == ["it returned a row without a subject"]
    rows, wrong = rows_of(one, nameless, [{"a"}], nameless=True)
    assert [row.subject for row in rows] == ["a"]
    assert wrong == []


def test_what_was_not_assessed_cannot_be_accepted(people: Account) -> None:
    def no_mfa(credentials: pd.DataFrame) -> pd.DataFrame:
        arn = credentials["user_arn"]
        return pd.DataFrame({"subject": arn, "detail": "no date", "status": "not assessed"})

    assert only(accepting(people, risk(subject="*")), rule(no_mfa))["status"] == "not assessed"


@pytest.fixture
def registry() -> Iterator[None]:
    before = dict(CHECKS)
    yield
    CHECKS.clear()
    CHECKS.update(before)


FACTS: dict[str, Any] = {
    "title": "t",
    "among": "users",
    "remedy": "r",
    "source": "s",
    "severity": "low",
}


def test_two_checks_cannot_have_one_name(registry: None) -> None:
    def twice(users: pd.DataFrame) -> pd.DataFrame:
        return users

    first = twice

    def other(users: pd.DataFrame) -> pd.DataFrame:
        return users.head(1)

    other.__name__ = "twice"
    check(**FACTS)(first)
    with pytest.raises(CheckError, match=r"two checks have the name twice; the other is in .*py"):
        check(**FACTS)(other)


def test_a_severity_that_does_not_exist_is_refused(registry: None) -> None:
    with pytest.raises(CheckError, match="severity is one of critical, high"):
        check(**(FACTS | {"severity": "grave"}))(no_mfa)


def test_an_argument_that_no_account_has_is_refused_where_the_check_is_made(
    registry: None,
) -> None:
    def asks(credental: pd.DataFrame) -> pd.DataFrame:
        return credental

    with pytest.raises(CheckError, match=r"asks for 'credental'.*did you mean credentials\?"):
        check(**FACTS)(asks)
    with pytest.raises(CheckError, match="check cats asks for 'credental'"):
        population("cats")(asks)
    assert "asks" not in CHECKS


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"subject": [None], "detail": "x"}, "a row without a subject"),
        ({"subject": ["u"], "detail": "x", "status": None}, "neither fail nor not assessed"),
        ({"subject": ["u"], "detail": "x", "status": "pass"}, "neither fail nor not assessed"),
    ],
)
def test_a_row_that_does_not_fit_makes_a_check_not_assessed(
    people: Account, rows: dict[str, Any], says: str
) -> None:
    def odd(credentials: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(rows)

    result = only(people, rule(odd))
    assert (result["status"], result["failing"]) == ("not assessed", 0)
    assert says in result["reason"]


def raises(users: pd.DataFrame) -> pd.DataFrame:
    raise CheckError("no luck")


def leaves(users: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"subject": users["user_arn"], "detail": "x"}).assign(status=["fail"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"among": "cats"}, "there is no population 'cats'; there are"),
        ({"find": lambda cats: cats}, "asks for 'cats', which no account has"),
        ({"find": lambda users: users}, "it returned no column detail, subject"),
        ({"find": lambda users: None}, "it returned no table, but NoneType"),
        ({"find": lambda users: users[["user_arn", "user_arn"]].set_axis(["subject", "subject"],
          axis=1).assign(detail="x")}, "it returned column subject twice"),
        ({"find": raises}, "CheckError: no luck"),
        ({"find": leaves}, "ValueError: Length of values"),
    ],
)  # fmt: skip
def test_a_check_that_does_not_fit_costs_only_itself(
    people: Account, changes: dict[str, Any], says: str
) -> None:
    entry = dataclasses.replace(rule()["no_mfa"], name="odd", **changes)
    results = run(people, {"odd": entry} | rule()).results.set_index("check")
    assert results["status"].to_dict() == {"odd": "not assessed", "no_mfa": "fail"}
    assert says in results.loc["odd", "reason"]
    assert says in results.loc["odd", "error"]
    assert pd.isna(results.loc["no_mfa", "error"])


def test_a_population_that_breaks_costs_only_the_checks_that_count_among_it(
    people: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(findings.POPULATIONS, "broken", lambda users: users["colour"])
    odd = {"odd": dataclasses.replace(rule()["no_mfa"], name="odd", among="broken")}
    results = run(people, odd | rule()).results.set_index("check")
    assert results["status"].to_dict() == {"odd": "not assessed", "no_mfa": "fail"}
    assert "KeyError" in results.loc["odd", "error"]


def test_a_table_that_breaks_costs_only_the_checks_that_need_it(
    people: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(self: Account) -> pd.DataFrame:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(Account, "server_certificates", property(breaks))
    fresh = load(people.snapshot.path)
    results = run(fresh).results.set_index("check")
    broken = results[results["error"].notna()]
    assert broken.index.tolist() == ["expired_server_certificate"]
    assert broken["status"].tolist() == ["not assessed"]
    assert "ZeroDivisionError: a fault" in broken["reason"].iloc[0]


def test_nobody_is_ok_where_a_check_broke(people: Account, tmp_path: Path) -> None:
    broken = OWN.replace('hit = users[users["tags"].map(len) == 0]', 'hit = users["colour"]')
    identities = with_own(people, tmp_path, broken).identities
    assert "ok" not in set(identities["verdict"])
    assert "ok" in set(people.identities["verdict"])


def test_a_subject_that_does_not_exist_is_told_and_the_others_still_fail(people: Account) -> None:
    def odd(credentials: pd.DataFrame) -> pd.DataFrame:
        arns = [f"{ARN}user/ann", f"{ARN}user/nobody"]
        return pd.DataFrame({"subject": arns, "detail": "x"})

    found, results, _ = run(people, rule(odd))
    assert found["subject"].tolist() == [f"{ARN}user/ann"]
    assert results["status"].tolist() == ["fail"]
    assert "user/nobody', which is not in the account" in results["error"].iloc[0]


def test_a_finding_that_is_returned_twice_is_there_once_and_fails(people: Account) -> None:
    def twice(credentials: pd.DataFrame) -> pd.DataFrame:
        status = ["not assessed", "fail", "fail", "not assessed"]
        return pd.DataFrame({"subject": f"{ARN}user/ann", "detail": "x", "status": status})

    found, results, _ = run(people, rule(twice))
    assert found["status"].tolist() == ["fail"]
    assert pd.isna(results["error"].iloc[0])


def test_nobody_in_the_population_is_not_applicable_and_no_pass(tmp_path: Path) -> None:
    alone = written(tmp_path, details([]), credential_report=csv_report())
    result = only(alone, rule())
    assert (result["status"], result["failing"], result["total"]) == ("not applicable", 0, 0)
    assert result["reason"] == "there are no console users"


def test_a_check_of_nobody_is_not_called(tmp_path: Path) -> None:
    def breaks(credentials: pd.DataFrame) -> pd.DataFrame:
        raise ValueError(f"called with {len(credentials)} rows")

    alone = written(tmp_path, details([]), credential_report=csv_report())
    result = only(alone, rule(breaks))
    assert (result["status"], result["reason"]) == ("not applicable", "there are no console users")
    assert "called with 1 rows" in only(alone, rule(breaks, among="the root user"))["error"]


def test_an_account_without_a_line_for_root_is_not_one_without_a_root_user(
    tmp_path: Path,
) -> None:
    silent = written(tmp_path, details([user("ann")]), credential_report=HEADER)
    results = run(silent).results.set_index("check")
    for name in ("root_access_key", "root_without_mfa", "root_signing_certificate"):
        assert results.loc[name, "status"] == "not assessed", name


def test_nobody_seen_on_missing_evidence_is_not_assessed(
    people: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(people), "missing", lambda self, *tables: "a page is missing")
    nobody = rule(among="server certificates")
    nobody["no_mfa"] = dataclasses.replace(nobody["no_mfa"], find=lambda: pd.DataFrame(
        {"subject": [], "detail": []}))  # fmt: skip
    result = only(people, nobody)
    assert (result["status"], result["reason"]) == ("not assessed", "a page is missing")


@pytest.mark.parametrize(
    ("found", "status"),
    [(None, "not applicable"), ("not assessed", "not applicable"), ("fail", "fail")],
)
def test_a_check_that_a_partition_has_nothing_for_is_not_applicable_unless_it_fails(
    people: Account, found: str | None, status: str
) -> None:
    def root(credentials: pd.DataFrame) -> pd.DataFrame:
        arns = credentials["user_arn"].tail(1 if found else 0)
        return pd.DataFrame({"subject": arns, "detail": "x", "status": found})

    asked = rule(root, not_in={"aws": "nothing here"})
    assert only(people, asked)["status"] == status
    elsewhere = only(people, rule(root, not_in={"aws-cn": "nothing there"}))
    assert elsewhere["status"] == (found or "pass")


def test_every_check_says_all_that_a_report_prints() -> None:
    for entry in CHECKS.values():
        assert entry.source.startswith("https://docs.aws.amazon.com/"), entry.name
        assert entry.remedy[0].isupper(), entry.name
        assert entry.find.__doc__, entry.name
        assert entry.among in findings.POPULATIONS, entry.name


OWN = '''
import pandas as pd
from iamkit import check

@check(severity="low", title="A user has no tags", among="users", remedy="Tag the user.",
       source="https://intranet.example/tags")
def untagged_user(users: pd.DataFrame) -> pd.DataFrame:
    """Users without tags."""
    hit = users[users["tags"].map(len) == 0]
    return pd.DataFrame({"subject": hit["user_arn"], "detail": "no tags"})
'''


@pytest.fixture
def populations() -> Iterator[None]:
    """Those of the kit again after the test, which may add its own."""
    kept = dict(findings.POPULATIONS)
    yield
    for name in set(findings.POPULATIONS) - set(kept):
        del findings.POPULATIONS[name]


def with_own(people: Account, tmp_path: Path, text: str) -> Account:
    (tmp_path / "ours.py").write_text(text)
    (tmp_path / "iamkit.yml").write_text("own_checks: [ours.py]\n")
    return load(people.snapshot.path, tmp_path / "iamkit.yml")


def test_the_check_of_the_readme_runs(people: Account, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    [example] = [
        code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "@check" in code
    ]
    results = with_own(people, tmp_path, example).check("untagged_user").results.set_index("check")
    assert results.loc["untagged_user", ["status", "failing"]].tolist() == ["fail", 3]


def test_an_organization_adds_a_check_with_one_function(people: Account, tmp_path: Path) -> None:
    results = with_own(people, tmp_path, OWN).audit.results.set_index("check")
    assert results.loc["untagged_user", ["status", "failing", "total"]].tolist() == ["fail", 3, 3]
    assert "untagged_user" not in CHECKS  # the next account may have other settings


@pytest.mark.usefixtures("populations")
def test_a_check_may_count_among_a_population_defined_below_it(
    people: Account, tmp_path: Path
) -> None:
    text = (
        OWN.replace('among="users"', 'among="staff of ours"')
        + """
from iamkit.checks import population

@population("staff of ours")
def staff(users: pd.DataFrame) -> pd.Series:
    return users["user_arn"]
"""
    )
    results = with_own(people, tmp_path, text).check("untagged_user").results.set_index("check")
    assert results.loc["untagged_user", ["status", "failing", "total"]].tolist() == ["fail", 3, 3]


def test_some_checks_say_what_the_audit_says_of_them(demo_account: Account) -> None:
    """Alone, and two together: rows, counts and steps are those of the whole audit."""
    whole = demo_account.audit
    for name in ("unused_role", "root_access_key", "can_escalate", "too_many_administrators"):
        found = demo_account.check(name)
        same = [part[part["check"] == name].reset_index(drop=True) for part in whole]
        for one, other in zip(found, same, strict=True):
            pd.testing.assert_frame_equal(one, other)
    two = demo_account.check("unused_role", "old_access_key")
    assert (
        set(two.findings["check"]) == set(two.results["check"]) == {"unused_role", "old_access_key"}
    )


def test_only_the_risks_accepted_of_the_checks_asked_for_are_told(
    people: Account, tmp_path: Path
) -> None:
    (tmp_path / "iamkit.yml").write_text(
        "accepted:\n"
        "- {check: old_access_key, subject: '*', owner: me, reason: r, expires: 2027-01-01}\n"
    )
    made = load(people.snapshot.path, tmp_path / "iamkit.yml")
    assert made.check("unused_role").acceptances.empty


def test_a_check_that_there_is_none_of_is_an_error(people: Account) -> None:
    with pytest.raises(
        SettingsError, match="there is no check 'unused_rol'; did you mean unused_r"
    ):
        people.check("unused_rol")
    with pytest.raises(SettingsError, match=r"name a check, or ask account\.audit"):
        people.check()


def test_a_check_added_at_run_time_is_in_the_report(people: Account, tmp_path: Path) -> None:
    with_own(people, tmp_path, OWN)
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    shutil.copy(NOTEBOOKS / "07-controls.ipynb", notebooks)
    settings = tmp_path / "iamkit.yml"
    made = render(people.snapshot.path, tmp_path / "out", settings=settings, notebooks=notebooks)
    page = made.pages[0].read_text(encoding="utf-8")
    assert "untagged_user" in page
    assert "A user has no tags" in (made.index.parent / "findings.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "x = 1\ndef (",
            r"own checks in .*ours\.py, line 2: SyntaxError.*; correct the file, or remove",
        ),
        ("x = 1\n\ny = x / 0\n", r"ours\.py, line 3: ZeroDivisionError: division by zero; correct"),
        ("import not_there", r"ours\.py, line 1: ModuleNotFoundError.*; correct the file"),
        ("raise SystemExit(3)", r"ours\.py, line 1: SystemExit: 3; correct"),
        ("class E(BaseException): ...\nraise E(3)", r"ours\.py, line 2: E: 3; correct"),
        ("\0", r"ours\.py.*: (SyntaxError|ValueError): .*; correct"),
        ("x = 1", "there is no function under @check in it; correct"),
        (
            OWN.replace('among="users"', 'among="usrs"'),
            r"ours\.py, line \d+: check untagged_user counts among 'usrs'.*; did you mean users\?",
        ),
        (OWN.replace("untagged_user", "root_access_key"), r"line \d+: two checks have the name"),
    ],
)
def test_own_checks_that_do_not_fit_are_an_error(
    people: Account, tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(CheckError, match=says):
        _ = with_own(people, tmp_path, text).audit


FOREVER = OWN.replace(
    "    hit = users",
    "    while True:\n        try:\n            len(users)\n"
    "        except Exception:\n            pass\n    hit = users",
)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="there is no timer that interrupts")


@POSIX
def test_a_check_that_never_ends_costs_only_itself(people: Account, tmp_path: Path) -> None:
    endless = with_own(people, tmp_path, FOREVER)
    limited = Account(endless.snapshot, endless.settings.with_overrides(max_check_seconds=1))
    before = signal.getsignal(signal.SIGALRM)
    results = limited.audit.results.set_index("check")
    said = "CheckTimeout: it ran for more than 1 s, which is max_check_seconds"
    assert results.loc["untagged_user", ["status", "error"]].tolist() == ["not assessed", said]
    assert results["error"].notna().sum() == 1
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@POSIX
def test_a_file_of_checks_that_never_ends_is_an_error(people: Account, tmp_path: Path) -> None:
    endless = with_own(people, tmp_path, "while True: pass")
    limited = Account(endless.snapshot, endless.settings.with_overrides(max_check_seconds=1))
    with pytest.raises(CheckError, match=r"ours\.py, line 1: CheckTimeout: the file ran for more"):
        limited.check("untagged_user")


@POSIX
@pytest.mark.usefixtures("populations")
def test_a_population_that_never_ends_costs_what_counts_among_it(
    people: Account, tmp_path: Path
) -> None:
    text = (
        OWN.replace('among="users"', 'among="endless ones"')
        + """
from iamkit.checks import population

@population("endless ones")
def endless(users: pd.DataFrame) -> pd.Series:
    while True:
        pass
"""
    )
    endless = with_own(people, tmp_path, text)
    limited = Account(endless.snapshot, endless.settings.with_overrides(max_check_seconds=1))
    results = limited.audit.results.set_index("check")
    assert results.loc["untagged_user", "error"].startswith("CheckTimeout: it ran for more than 1")
    assert results["error"].notna().sum() == 1


# ── What one check notes and another one reports ─────────────────────────────────────────────────


def noted(check: str, reported_by: str | None = None, subject: str = "ann") -> Row:
    return Row(check, subject, "a detail", "noted", "a step", "info", reported_by)


def fails(check: str, subject: str = "ann") -> Row:
    return Row(check, subject, "a detail", "fail", "a step", "high")


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([fails("b")], "b"),
        ([noted("b", "c"), fails("c")], "c"),
        ([noted("b")], None),  # a fact
        ([noted("b"), fails("b")], "b"),  # of two rows about one subject the worse counts
        ([fails("b", "bo")], "b"),  # which is about the holder of the policy
        ([], "b"),
        ([noted("b", "a")], "a"),  # two checks that name each other end nowhere
    ],
)
def test_what_is_noted_names_the_check_that_reports_it(
    others: list[Row], expected: str | None
) -> None:
    for rows in ([noted("a", "b"), *others], [*others, noted("a", "b")]):
        found = {row.check: row.reported_by for row in resolved(rows) if row.check == "a"}
        assert found == {"a": expected}


def test_only_what_is_noted_is_reported_elsewhere(people: Account) -> None:
    def both(credentials: pd.DataFrame) -> pd.DataFrame:
        users = credentials.query("password_enabled and not is_root")["user_arn"]
        ann = users.str.endswith("ann")
        severities = ann.map({True: "info", False: "high"})
        return pd.DataFrame({"subject": users, "detail": "x", "severity": severities,
                             "reported_by": "root_used"})  # fmt: skip

    audit = run(people, rule(both))
    named = audit.findings.set_index("name")["reported_by"].dropna()
    assert named.to_dict() == {"ann": "root_used"}
    assert audit.results["reported_by"].tolist() == [["root_used"]]
