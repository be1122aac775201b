"""The verdict of a report: the five practices, what to do first and what was not assessed."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from iamkit import Account
from iamkit.checks import AUDIT_TABLES, Audit, every
from iamkit.pages import credentials, mfa, overview, trend
from iamkit.report.notebooks import NOTEBOOKS
from iamkit.results import IDENTITIES
from iamkit.settings import Settings
from tests.accounts import ARN, account, details, report, user
from tests.pages import checked, holding
from tests.policies import EVERYTHING, deny, line, person, trusts, worker
from tests.results.months import audit
from tests.results.months import line as month_line

FINDINGS, RESULTS, ACCEPTANCES = AUDIT_TABLES
UNLESS_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Ann is safe, bo has a password alone and an old key, and anyone may assume a role."""
    users = [
        person("ann", EVERYTHING, deny("*", Condition=UNLESS_MFA)),
        person("bo", EVERYTHING),
    ]
    lines = report(line("ann", password=True, mfa=True), line("bo", password=True, keys=1))
    folder = tmp_path_factory.mktemp("company")
    roles = [worker("open", trusts("*"))]
    return account(folder, details(users, roles=roles), credential_report=lines)


def test_each_practice_has_a_figure_of_a_whole_and_a_verdict_in_words(company: Account) -> None:
    found = overview.practices(company).set_index("practice")
    assert list(found.index) == [
        "MFA", "Kinds of access and permissions", "Networks", "Passwords", "Access keys",
    ]  # fmt: skip
    assert found.loc["MFA", "figure"] == "1 of 2"
    assert found.loc["MFA", "counts"] == "users with MFA enforced: more is better"
    assert found.loc["Passwords", "counts"].endswith("fewer is better")
    assert found["counts"].is_unique
    assert found.loc["MFA", "state"] == "critical"
    said = "MFA is enforced for 1 of 2 users with permissions. 1 of 2 console users has an MFA"
    assert found.loc["MFA", "verdict"].startswith(said)
    assert found.loc["Kinds of access and permissions", "figure"] == "2 of 3"
    assert "0 of 3 users and roles can be used from named" in found.loc["Networks", "verdict"]
    assert found.loc["Networks", "verdict"].endswith("2 are not restricted; 1 has no permissions.")
    assert (found["change"] == "").all()
    assert "change" not in overview.compared(company)
    assert set(found["page"]) <= {path.stem for path in NOTEBOOKS.glob("*.ipynb")}


def test_the_figures_are_those_of_the_other_pages(company: Account) -> None:
    found = overview.practices(company).set_index("practice")["figure"]
    shares = mfa.enforced_shares(company).set_index("of").loc["users"]
    assert found["MFA"] == f"{shares['part']} of {shares['whole']}"
    keys = credentials.active_keys(company)
    assert found["Access keys"] == f"{len(credentials.old_keys(company))} of {len(keys)}"
    last = trend.practices(company).set_index("practice").iloc[:, -1]
    parts = [figures.str.split(" of ").str[0].tolist() for figures in (found, last)]
    assert parts[0] == parts[1], "the page on the trend has the same five"
    assert last["users and roles that are administrators"] == "2"


def test_of_nobody_nothing_passes_and_words_say_so(tmp_path: Path) -> None:
    found = overview.practices(account(tmp_path)).set_index("practice")
    assert not found["state"].eq("pass").any()
    assert found.loc["MFA", "figure"] == "–"
    assert found.loc["MFA", "counts"] == "", "there is nothing that it would count"
    assert "The account has no users." in found.loc["MFA", "verdict"]
    said = found.loc["Passwords", "verdict"]
    assert said.startswith("No user has a console password. 8 checks of this practice could not be")
    assert found.loc["Access keys", "state"] == "not assessed", "service credentials are not known"
    said = "1 check of this practice could not be assessed, because evidence is missing."
    assert found.loc["Access keys", "verdict"].endswith(said)
    assert found.loc["Access keys", "verdict"].startswith("No user has an active access key. ")
    assert found.loc["Networks", "verdict"] == "The account has no users and no roles."


def test_without_evidence_a_practice_is_not_assessed(tmp_path: Path) -> None:
    held = account(tmp_path, details([user("ann")]), credential_report=None)
    found = overview.practices(held).set_index("practice")
    for practice in ("Passwords", "Access keys"):
        assert found.loc[practice, "state"] == "not assessed"
        assert found.loc[practice, "verdict"].startswith("Not assessed: ")
        assert found.loc[practice, "figure"] == "–"
    assert overview.facts(held)["not_assessed"]


@pytest.mark.parametrize(
    ("statuses", "part", "whole", "state"),
    [
        (["pass", "fail"], 2, 2, "high"),
        (["not assessed", "pass"], 2, 2, "not assessed"),
        (["accepted", "pass"], 2, 2, "accepted"),
        (["pass", "noted"], 2, 2, "pass"),
        (["pass"], 0, 2, "noted"),
        (["pass"], 0, 0, "not applicable"),
        (["not applicable"], 2, 2, "not applicable"),
    ],
)
def test_a_practice_stands_as_the_worst_of_its_checks(
    statuses: list[str], part: int, whole: int, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["key_usable_from_anywhere", "network_list_open"]
    results = checked(**dict(zip(names, statuses, strict=False)), old_password="fail")
    of = next(each for each in overview.PRACTICES if each.title == "Networks")
    monkeypatch.setattr(overview, "number", lambda *_: overview.Number(part, whole))
    monkeypatch.setattr(overview.trend, "change", lambda account, measure: ("", ""))
    only = replace(of, verdict=lambda account: "")
    monkeypatch.setattr(overview, "PRACTICES", (only,))
    assert overview.practices(holding(audit=results))["state"].tolist() == [state]


def test_a_practice_says_whether_it_is_better_than_in_the_audit_before(tmp_path: Path) -> None:
    people = {"UserDetailList": [person("ann", EVERYTHING)]}
    audit(tmp_path, 1, people, month_line("ann", mfa=True))
    safe = {"UserDetailList": [person("ann", EVERYTHING, deny("*", Condition=UNLESS_MFA))]}
    second = audit(tmp_path, 2, safe, month_line("ann", mfa=True))
    changes = overview.practices(second).set_index("practice")["change"]
    assert changes["MFA"] == "▲ better than in the audit before: 0 of 1"
    assert changes["Passwords"] == "→ as in the audit before"
    assert "change" in overview.compared(second)


def test_what_to_do_first_is_the_most_severe_and_the_most_frequent() -> None:
    usual = {"status": "fail", "total": 9, "among": "users", "remedy": "Do it."}
    results = RESULTS.rows(
        {**usual, "check": "few", "title": "Few", "severity": "high", "failing": 1},
        {**usual, "check": "many", "title": "Many", "severity": "high", "failing": 8},
        {**usual, "check": "grave", "title": "Grave", "severity": "critical", "failing": 1},
        {**usual, "check": "low", "title": "Low", "severity": "low", "failing": 9},
        {**usual, "check": "fine", "title": "Fine", "severity": "critical", "status": "pass"},
    )
    wrong = {"status": "fail", "detail": "so", "severity": "high"}
    findings = FINDINGS.rows(
        {**wrong, "check": "grave", "subject": "a", "name": "ann", "next_step": "Act today."},
        *(
            {**wrong, "check": "many", "subject": str(n), "name": f"user-{n}", "next_step": "Act."}
            for n in range(8)
        ),
    )
    # Identities come in the order in which they need attention.
    people = IDENTITIES.rows(*({"principal_arn": str(n)} for n in (7, 3, 0)))
    audit = Audit(findings, results, ACCEPTANCES.rows())
    found = overview.worst(holding(audit=audit, identities=people))
    assert found["title"].tolist() == ["Grave", "Many", "Few"]
    assert found["first_step"].tolist() == ["Act today.", "user-7: Act.", "Do it."]
    assert found["count"].tolist()[1] == "8 of 9 users"
    assert found["who"].tolist()[1].startswith("user-7, user-3, user-0, user-1, ")


def test_each_page_counts_the_checks_that_it_shows(company: Account) -> None:
    found, results = overview.by_page(company), company.audit.results
    for page in overview.EVERY_CHECK:
        assert found[page]["checks"] == len(results)
        assert found[page]["fail"] == (results["status"] == "fail").sum()
        worst = found[page]["worst"]
        assert worst == results.loc[results["status"] == "fail", "severity"].iloc[0]
    assert found["03-network"]["worst"] == "high"
    parts = [found[page]["checks"] for page in found if page not in overview.EVERY_CHECK]
    assert sum(parts) <= len(results)


def test_each_check_of_the_kit_has_a_page_of_its_own_or_that_of_the_controls() -> None:
    held = SimpleNamespace(settings=Settings())
    pages: Any = overview.page_of(held)  # type: ignore[arg-type]
    assert set(pages) == set(every(Settings()))
    assert set(pages.values()) <= {path.stem for path in NOTEBOOKS.glob("*.ipynb")}
    assert pages["root_without_mfa"] == "01-mfa"
    assert pages["old_password"] == "02-credentials"
    assert pages["security_contact_missing"] == "07-controls"
    shown_there = {name for name, page in pages.items() if page == "07-controls"}
    files = {every(Settings())[name].find.__module__.rpartition(".")[2] for name in shown_there}
    assert files == {"governance"}, "a file of checks that is no page's"


@pytest.mark.parametrize(
    ("as_of", "collected_at", "said"),
    [
        ("2026-11-01T06:00:00Z", "2026-11-01T06:00:20Z", "less than a minute old"),
        ("2026-11-01T06:00:00Z", "2026-11-01T06:01:00Z", "1 minute old"),
        ("2026-11-01T06:00:00Z", "2026-11-01T10:00:00+00:00", "4 hours old"),
        ("2026-11-01T06:00:00Z", "2026-11-11T06:00:00Z", "10 days old"),
        ("2026-11-01T06:00:00Z", "2026-11-01T05:00:00Z", ""),
        ("2026-11-01T06:00:00Z", "<script>", ""),
        ("2026-11-01T06:00:00Z", None, ""),
    ],
)
def test_the_evidence_has_an_age(as_of: str, collected_at: str | None, said: str) -> None:
    manifest = {"as_of": as_of, "collected_at": collected_at}
    held = holding(snapshot=SimpleNamespace(manifest=manifest))
    assert (said in overview.age(held)) if said else overview.age(held) == ""


def test_the_facts_are_json_and_leave_out_the_calls_behind_a_reason(company: Account) -> None:
    made = json.loads(json.dumps(overview.facts(company)))
    assert made["checks"] == len(company.audit.results)
    assert made["severities"]["critical"] >= 1
    assert not any("not provided" in each["reason"] for each in made["not_assessed"])
    assert ARN not in made["worst"][0]["who"]
