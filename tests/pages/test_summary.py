"""What should be done first, and what could not be seen, as the summary asks it."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from iamkit import Account, charts
from iamkit.checks import AUDIT_TABLES, Audit
from iamkit.pages import summary
from iamkit.results import CLASSES, IDENTITIES, History
from tests.accounts import account, details, report
from tests.pages import checked, holding, numbers
from tests.policies import EVERYTHING, line, person

FINDINGS, RESULTS, ACCEPTANCES = AUDIT_TABLES
BECOMING = {"check": "can_become_administrator", "status": "pass", "failing": 0, "total": 3}


def audited(
    *results: dict[str, Any], found: Sequence[dict[str, Any]] = (), **tables: Any
) -> Account:
    """An account whose checks came to this."""
    usual = {"severity": "high", "status": "fail", "failing": 1, "total": 2, "among": "users"}
    rows = [{**usual, "check": f"check {at}", **each} for at, each in enumerate(results)]
    findings = [{"check": "check 0", "status": "fail", "detail": "so", **each} for each in found]
    made = Audit(FINDINGS.rows(*findings), RESULTS.rows(*rows), ACCEPTANCES.rows())
    return holding(audit=made, history=History({}), **tables)


def first_number(*results: dict[str, Any]) -> tuple[str, str]:
    """The note and the tone of the number of checks that fail."""
    nobody = {"credentials": pd.DataFrame({"mfa_registered": [], "password_enabled": []})}
    held = audited(*results, BECOMING, administrators=pd.DataFrame({"principal_arn": []}), **nobody)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(summary.mfa, "registered", lambda account: "–")
        patched.setattr(summary.mfa, "enforced", lambda account, of: "–")
        head = summary.headline(held)
    assert isinstance(head, charts.Figures)
    return head.items[0][2], head.items[0][3]


@pytest.mark.parametrize(
    ("statuses", "note", "tone"),
    [
        (["fail", "pass"], "of 3 (1 high); 2 pass", "bad"),
        (["pass"], "of 2; 2 pass", "good"),
        (["noted"], "of 2; 1 passes; 1 notes facts", "good"),
        (["noted"] * 2, "of 3; 1 passes; 2 note facts", "good"),
        (["not applicable"], "of 2; 1 passes; 1 has nothing to examine", "good"),
    ],
)
def test_the_first_number_says_what_became_of_the_checks(
    statuses: list[str], note: str, tone: str
) -> None:
    assert first_number(*({"status": each} for each in statuses)) == (note, tone)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Ann administers with MFA that nothing enforces, and bo's key does."""
    lines = report(line("ann", password=True, mfa=True), line("bo", keys=1), line("cy"))
    users = [person("ann", EVERYTHING), person("bo", EVERYTHING), person("cy")]
    folder = tmp_path_factory.mktemp("company")
    return account(folder, details(users), credential_report=lines)


def test_the_numbers_are_the_account_s(company: Account) -> None:
    found, results = numbers(summary.headline(company)), company.audit.results
    assert found["Checks that fail"] == (str(results["status"].eq("fail").sum()), "bad")
    assert found["Administrators"] == ("2", "plain")
    assert found["Can become administrator"][0] == "0"
    assert found["MFA registered"] == ("100 %", "plain")
    assert found["MFA enforced"] == ("0 %", "plain")
    assert "Checks with errors" not in found


@pytest.mark.parametrize(
    ("severities", "said", "tone"),
    [
        (["low", "critical", "low"], "(1 critical, 2 low)", "bad"),
        (["medium", "low"], "(1 medium, 1 low)", "note"),
        (["low"], "(1 low)", "plain"),
    ],
)
def test_the_number_of_failing_checks_is_as_red_as_the_gravest(
    severities: list[str], said: str, tone: str
) -> None:
    note, shown = first_number(*({"severity": each} for each in severities))
    assert said in note
    assert shown == tone


def test_checks_that_broke_are_a_number_of_their_own(company: Account) -> None:
    broken = company.audit.results.copy()
    broken.loc[0, "error"] = "ZeroDivisionError"
    held = Account(company.snapshot, company.settings)
    held.__dict__["audit"] = company.audit._replace(results=broken)
    assert numbers(summary.headline(held))["Checks with errors"] == ("1", "bad")


def test_what_cannot_be_assessed_is_no_number() -> None:
    row = RESULTS.rows({**BECOMING, "status": "not assessed", "reason": "no trust policies"})
    found = summary._becoming(row)
    assert found == ("–", "not assessed", "note", "no trust policies")


def test_identities_that_need_attention_say_what_to_do_first() -> None:
    row = {"verdict": "high", "principal_arn": "ann", "name": "ann", "next_steps": ["this", "that"],
           "mfa_enforced": "nothing to protect", "kind": "user"}  # fmt: skip
    wrong = {"subject": "ann", "severity": "high", "status": "fail", "check": "old", "detail": ""}
    rows = [
        {**wrong, "title": "It is old"},
        {**wrong, "title": "It is weak", "severity": "medium", "check": "weak"},
    ]
    held = holding(
        identities=IDENTITIES.rows(row, {**row, "principal_arn": "bo", "verdict": "medium"}),
        audit=checked()._replace(findings=AUDIT_TABLES[0].rows(*rows)),
    )
    (found,) = summary.identities_first(held).to_dict("records")
    assert found["next_step"] == "this"
    assert found["why"] == "It is old"
    assert found["enforced"] == "–"


def test_a_failing_check_names_each_subject_once() -> None:
    subjects = [{"subject": name, "name": name} for name in "abcdefg"]
    again = {"subject": "a", "name": "a", "detail": "and so"}
    accepted = {"subject": "z", "name": "z", "status": "accepted"}
    held = audited(
        {"failing": 7, "total": 9}, {"status": "pass"}, found=[again, *subjects, accepted]
    )
    (found,) = summary.failing_checks(held).to_dict("records")
    assert found["count"] == "7 of 9 users"
    assert found["who"] == list("abcdefg")


def test_a_fact_is_counted_by_subject_and_fails_nothing() -> None:
    noted = [{"subject": name, "name": name, "status": "noted"} for name in ("a", "b")]
    held = audited({"status": "noted", "title": "a fact"}, found=noted)
    assert summary.facts(held).values.tolist() == [["a fact", 2, ["a", "b"]]]
    elsewhere = {"subject": "c", "name": "c", "status": "noted", "reported_by": "check 1"}
    beside = audited({"status": "noted"}, {"status": "fail"}, found=[*noted, elsewhere])
    assert summary.facts(beside)["who"].tolist() == [["a", "b"]], "a problem is no fact"
    assert summary.failing_checks(held).empty


def test_users_are_counted_by_privilege_and_protection(company: Account) -> None:
    found = summary.by_protection(company)
    assert found.index.tolist() == ["admin", "none"], "the most first"
    assert found.loc["admin"].to_dict() == {"MFA not enforced": 1, "no MFA device": 1}
    assert set(found.columns) <= set(summary.PROTECTION)


def test_whoever_has_nothing_to_protect_is_protected() -> None:
    row = {"kind": "user", "principal_arn": "ann", "privilege": "none", "mfa_registered": True}
    users = IDENTITIES.rows(
        {**row, "mfa_enforced": "nothing to protect"},
        {**row, "principal_arn": "bo", "mfa_enforced": "partial"},
        {**row, "principal_arn": "cy", "mfa_registered": None, "mfa_enforced": "enforced"},
    )
    found = summary.by_protection(holding(identities=users))
    assert found.loc["none"].to_dict() == dict.fromkeys(summary.PROTECTION, 1)


def test_identities_are_counted_by_the_worst_that_stolen_credentials_allow(
    company: Account,
) -> None:
    found = summary.by_exposed_risk(company)
    assert found.to_dict() == dict.fromkeys(CLASSES, 0) | {"escalation": 2}


def test_checks_that_lack_evidence_or_broke_are_listed() -> None:
    held = audited(
        {"status": "not assessed", "title": "unseen"},
        {"status": "fail", "title": "broken", "error": "it broke"},
        {"status": "fail", "title": "whole"},
    )
    assert summary.not_assessed(held)["title"].tolist() == ["unseen", "broken"]


@pytest.mark.parametrize(
    ("severities", "shown", "said"),
    [
        (["high", "low"], ["high"], "Checks of high severity or worse that fail, of 2"),
        (["medium", "low"], ["medium", "low"], "Checks that fail, none of them of high severity"),
        ([], [], "Checks of high severity or worse that fail, of 0"),
    ],
)
def test_an_account_with_low_findings_only_has_them_named(
    severities: list[str], shown: list[str], said: str
) -> None:
    found = [
        {"check": f"check {at}", "subject": "a", "name": "ana"} for at in range(len(severities))
    ]
    held = audited(*({"severity": each, "title": each} for each in severities), found=found)
    table, caption = summary.checks_first(held)
    assert table["severity"].tolist() == shown
    assert caption.startswith(said)
    assert all(who == ["ana"] for who in table["who"])
