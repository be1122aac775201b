"""People read the titles of checks; ids are for files and settings."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.checks import every
from iamkit.pages import controls, explained, findings, overview, titles
from iamkit.settings import Settings
from tests.accounts import ARN, HEADER, ROOT, account, again, details, user
from tests.results.months import line

IDS = re.compile(rf"\b(?:{'|'.join(each for each in every(Settings()) if '_' in each)})\b")


def texts(shown: Any) -> Iterator[str]:
    """All texts that a reader sees of what a page shows; not where its links lead."""
    if isinstance(shown, str):
        yield shown
    elif isinstance(shown, dict):
        for name, value in shown.items():
            if name not in ("anchor", "address", "links"):
                yield from texts(value)
    elif isinstance(shown, list | tuple):
        for value in shown:
            yield from texts(value)


def test_no_table_and_no_explanation_shows_the_id_of_a_check(demo_account: Account) -> None:
    shown = {
        "controls": controls.controls(demo_account),
        "older controls": controls.controls(demo_account, older=True),
        "checks": controls.checks(demo_account),
    }
    made: dict[str, Any] = {name: frame.to_dict("records") for name, frame in shown.items()}
    for page in set(overview.page_of(demo_account).values()):
        made[page] = explained.explained(demo_account, page)
    seen = {name: [IDS.search(text) for text in texts(of)] for name, of in made.items()}
    assert all(seen.values())
    assert {name: hit[0] for name, hits in seen.items() for hit in hits if hit} == {}


def test_an_accepted_risk_is_named_by_the_title_of_its_check(demo_account: Account) -> None:
    entry = {"check": "old_password", "subject": "*", "owner": "ana", "reason": "so"}
    held = again(demo_account, accepted=[{**entry, "expires": date(2027, 1, 1)}])
    (row,) = findings.accepted_risks(held).to_dict("records")
    assert row["title"] == titles.titles(held)["old_password"]


@pytest.mark.parametrize("status", ["fail", "noted", "pass"])
def test_the_evidence_of_a_control_says_how_many_of_whom(
    demo_account: Account, status: str
) -> None:
    results = demo_account.audit.results
    row = results[results["status"].eq(status) & results["total"].gt(1)].iloc[:1]
    assert not row.empty, "the demo company has checks of each"
    (said,) = [controls._outcomes(demo_account)[name][1] for name in row["check"]]
    assert re.search(r"\b(none|\d+) of \d+ [a-z]", said), said
    assert said.startswith("Not found: ") == (status == "pass")


def test_a_check_that_passes_claims_no_more_than_it_asked(tmp_path: Path) -> None:
    """A provider is there, and people sign in with passwords all the same."""
    provider = {"Arn": f"{ARN}saml-provider/Okta", "ValidUntil": "2034-02-21T07:34:14+00:00"}
    given = {"saml_providers": {"SAMLProviderList": [provider]}}
    given["open_id_connect_providers"] = {"OpenIDConnectProviderList": []}
    report = "\n".join([HEADER, ROOT, line("ann")])
    found = account(tmp_path, details(users=[user("ann")]), credential_report=report, **given)
    assert found.credentials["password_enabled"].sum() == 1
    results = titles.of_what_holds(found.check("federation_missing", "root_without_mfa").results)
    said = dict(zip(results["check"], results["title"], strict=True))
    assert said["federation_missing"].startswith("People can sign in through an identity provider")
    assert said["root_without_mfa"] == "The root user has MFA"
    assert not any(title.startswith("Not found: people sign in") for title in said.values())
