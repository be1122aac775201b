"""Unknown is never pass: each piece of evidence is taken away in turn."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from iamkit import Account, demo
from iamkit.checks.registry import CHECKS, FACTS, POPULATIONS, needs
from iamkit.evidence import cli_files
from iamkit.tables.built_from import calls_of
from tests.accounts import AS_OF, of_answers

# What the demo company does not have: with it, nothing at all is missing.
BESIDES: dict[str, Any] = {
    "contact-information": {"ContactInformation": {"FullName": "Example Corp"}},
    "security-contact": {
        "AlternateContact": {
            "AlternateContactType": "SECURITY",
            "EmailAddress": "security@example.com",
        }
    },
    "analyzers": {"analyzers": []},
    "organization": {"Organization": {"Id": "o-abc", "MasterAccountId": "999999999999"}},
    "organization-accounts": {"Accounts": [{"Id": "999999999999", "Name": "management"}]},
    "features": {"OrganizationId": "o-abc", "EnabledFeatures": ["RootSessions"]},
}
# Some of the checks that each piece of evidence alone leaves unanswered.
UNANSWERED = {
    "credential-report": ["root_access_key", "root_without_mfa"],
    "account-authorization-details": ["administrative_inline_policy", "support_role_missing"],
    "account-password-policy": ["password_policy_missing", "password_policy_no_symbol"],
    "account-summary": [],  # that root's device is virtual is certain without it
    "mfa-devices": [],  # that some administrators have no device at all is, too
    "virtual-mfa-devices": ["root_without_hardware_mfa"],
    "service-specific-credentials": ["service_credential_without_expiry"],
    "server-certificates": ["expired_server_certificate"],
    "saml-providers": ["federation_missing", "federation_without_provider"],
    "open-id-connect-providers": ["federation_missing", "federation_without_provider"],
    "contact-information": ["contact_details_missing"],
    "security-contact": ["security_contact_missing"],
    "analyzers": ["external_access_analyzer_missing"],
    "features": ["root_not_centrally_managed"],
}
# What the table of identities cannot do without.
IDENTITIES = {
    "credential-report",
    "account-authorization-details",
    "mfa-devices",
    "virtual-mfa-devices",
}


@cache
def without(*pieces: str) -> Account:
    """The demo company's evidence but for some pieces of it; nobody may change it."""
    answers = {Path(name).stem: answer for name, answer in demo.company().items()} | BESIDES
    assert set(pieces) <= set(answers)
    with TemporaryDirectory() as folder:
        for name in set(answers) - set(pieces):
            Path(folder, f"{name}.json").write_text(json.dumps(answers[name]))
        return of_answers(*cli_files.responses_in(Path(folder), as_of=AS_OF))


def statuses(account: Account) -> dict[str, str]:
    results = account.audit.results
    return dict(zip(results["check"], results["status"], strict=True))


def needed(check: str) -> set[str]:
    """The calls whose answers a check rests on."""
    names = {*CHECKS[check].needs, *needs(POPULATIONS[CHECKS[check].among])} - set(FACTS)
    return calls_of(Account.tables(), names)


@pytest.fixture(scope="module")
def whole_account() -> Account:
    return without()


@pytest.fixture(scope="module")
def whole(whole_account: Account) -> dict[str, str]:
    return statuses(whole_account)


@pytest.mark.parametrize("piece", UNANSWERED)
def test_what_rests_on_missing_evidence_never_passes(piece: str, whole: dict[str, str]) -> None:
    account = without(piece)
    found = statuses(account)
    missing = set(account.gaps["call"])
    for check, status in found.items():
        if needed(check) & missing:
            assert status in ("not assessed", "fail"), check
        else:
            assert status == whole[check], check
        assert not (status == "pass" and whole[check] != "pass"), check
    for check in UNANSWERED[piece]:
        assert found[check] == "not assessed"


@pytest.mark.parametrize("piece", [*UNANSWERED, "organization", "organization-accounts"])
def test_every_table_tells_which_evidence_it_lacks(piece: str, whole_account: Account) -> None:
    account = without(piece)
    new = account.gaps[~account.gaps["meaning"].isin(whole_account.gaps["meaning"])]
    [call], [meaning] = new["call"], new["meaning"]
    for name in Account.tables():
        needed = call in calls_of(Account.tables(), [name])
        assert (meaning in account.missing(name)) == needed, name
    assert meaning in account.missing("audit")
    assert (meaning in account.missing("identities")) == (piece in IDENTITIES)


def test_a_table_reads_no_more_than_it_declares(whole_account: Account) -> None:
    """Each call behind a table that another reads is one that the other declares."""
    tables = Account.tables()
    now: list[str] = []
    reads: dict[str, set[str]] = {name: set() for name in tables}

    class Watched(Account):
        def __getattribute__(self, name: str) -> Any:
            if name not in tables:
                return super().__getattribute__(name)
            if now:
                reads[now[-1]].add(name)
            now.append(name)
            try:
                return super().__getattribute__(name)
            finally:
                now.pop()

    watched = Watched(whole_account.snapshot, whole_account.settings)
    for name in tables:
        getattr(watched, name)
    undeclared = {}
    for name, read in reads.items():
        known = calls_of(tables, (name, *tables[name].optional))
        if more := calls_of(tables, read) - known:
            undeclared[name] = (sorted(more), sorted(read))
    assert undeclared == {}


def test_every_piece_of_evidence_is_tried() -> None:
    # No check alone rests on these.
    idle = {"account-aliases", "organization", "organization-accounts"}
    given = {Path(name).stem for name in demo.company()} | set(BESIDES)
    assert given - idle == set(UNANSWERED)


def test_a_page_that_never_came_leaves_no_check_of_policies_passed(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    for name, answer in demo.company().items():
        if "UserDetailList" in answer:
            answer = answer | {"IsTruncated": True}
        (given / name).write_text(json.dumps(answer))
    account = of_answers(*cli_files.responses_in(given, as_of=AS_OF))
    for check, status in statuses(account).items():
        if "iam:GetAccountAuthorizationDetails" in needed(check):
            assert status != "pass", check


def test_identities_are_not_ok_without_the_report() -> None:
    identities = without("credential-report").identities
    assert "ok" not in set(identities["verdict"])


def answered(account: Account) -> dict[str, str]:
    """The file of each check that is answered."""
    files = {name: check.find.__module__.rsplit(".", 1)[-1] for name, check in CHECKS.items()}
    given = {name for name, status in statuses(account).items() if status != "not assessed"}
    return {name: files[name] for name in given}


def test_without_policies_only_credentials_are_judged() -> None:
    found = answered(without("account-authorization-details"))
    beside = {"console_user_without_mfa", "external_access_analyzer_missing"}
    files = {file for name, file in found.items() if name not in beside}
    assert files == {"credentials", "password_policy", "root", "services"}


def test_without_the_report_no_credential_is_judged() -> None:
    found = answered(without("credential-report"))
    assert {name for name, file in found.items() if file in ("root", "credentials")} == {
        "root_not_centrally_managed"
    }
    assert {name for name, file in found.items() if file == "mfa"} == {
        "administrative_role_without_mfa"
    }
