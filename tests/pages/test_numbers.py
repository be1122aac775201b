"""Numbers add up, and a measure has one number, whichever page says it."""

from collections import defaultdict
from pathlib import Path

import pytest

from iamkit import Account
from iamkit.charts import Figures
from iamkit.pages import (
    controls,
    credentials,
    escalation,
    identities,
    method,
    mfa,
    network,
    overview,
    permissions,
    summary,
    trend,
    trust,
)
from tests.accounts import account
from tests.checks.test_well_run import opened

PAGES = (summary, mfa, credentials, network, permissions, escalation, trust, identities)


@pytest.fixture(params=["demo", "well run", "empty"])
def anybody(request: pytest.FixtureRequest, tmp_path: Path) -> Account:
    if request.param == "demo":
        made: Account = request.getfixturevalue("demo_account")
        return made
    return opened(tmp_path) if request.param == "well run" else account(tmp_path)


def test_a_number_is_the_same_on_every_page(anybody: Account) -> None:
    said: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for page in PAGES:
        head = page.headline(anybody)
        if isinstance(head, Figures):
            for label, value, _, _ in head.items:
                said[label][page.__name__] = value
    different = {label: of for label, of in said.items() if len(set(of.values())) > 1}
    assert different == {}
    shown = said["Administrators"] or {"": "–"}
    assert {f"{overview.number(anybody, 'administrators').part:,}", "–"} >= set(shown.values())


def test_the_practices_are_those_of_the_measures_and_the_trend(anybody: Account) -> None:
    figures = overview.practices(anybody).set_index("practice")["figure"]
    for practice in overview.PRACTICES:
        found = overview.number(anybody, practice.measure)
        of = f"{found.part:,} of {found.whole:,}"
        assert figures[practice.title] == ("–" if found.missing or not found.whole else of)
    assert len(trend.practices(anybody)) > 0


def test_identities_are_users_and_roles_and_the_root_user(anybody: Account) -> None:
    number = identities.populations(anybody).set_index("who")["number"].astype("Int64")
    own = number["users"] + number["roles"]
    assert number["identities"] == own + number["root user"]
    if not anybody.missing("permissions"):
        assert number["users and roles"] == number["users"] + number["roles"]
    verdicts = anybody.identities["verdict"].value_counts()
    assert verdicts.sum() == number["identities"]
    assert len(identities.shown(anybody, 10**6)) == verdicts.get("critical", 0) + verdicts.get(
        "high", 0
    )


def test_findings_are_counted_alike_by_severity_by_check_and_by_control(anybody: Account) -> None:
    findings = anybody.audit.findings.query("status == 'fail'")
    once = findings.drop_duplicates(["check", "subject"])
    assert sum(overview.severities(anybody).values()) == len(once[once["severity"] != "info"])
    assert once.groupby("check").size().sum() == anybody.audit.results["failing"].sum()
    meant = method.severities(anybody).set_index("severity")["findings"]
    said = overview.severities(anybody)
    assert {name: meant[name] for name in said} == said
    head = controls.headline(anybody)
    assert isinstance(head, Figures)
    assert sum(int(value) for _, value, _, _ in head.items) == len(anybody.audit.results)
