"""The demo company: every planted weakness is found, and nothing is said of those built clean."""

from pathlib import Path

import pandas as pd
import pytest

from iamkit import Account, demo, load
from iamkit.checks.registry import CHECKS, POPULATIONS, needs
from iamkit.demo.company import CLEAN, PLANTED

# Which check tells of each weakness, and of what it says it if not of the name itself.
TOLD_BY = {
    "<root_account>": "root_without_hardware_mfa",
    "account-password-policy": "password_policy_short",
    "legacy-shop-2024": "expired_server_certificate",
    "elena.petrova": "administrator_without_mfa",
    "dmitri.volkov": "password_without_enforced_mfa",
    "carlos.mendez": "administrator_user",
    "aisha.rahman": "administrator_through_iam",
    "priya.raman": "can_become_administrator",
    "kofi.mensah": "administrator_through_iam",
    "nadia.haddad": "can_become_administrator",
    "ingrid.larsen": "password_without_enforced_mfa",
    "victor.lemaire": "administrator_through_iam",
    "tomas.novak": "console_user_without_mfa",
    "grace.kim": "console_user_without_mfa",
    "bjorn.eriksen": "unused_password",
    "noor.khan": "unusable_user",
    "fatima.alsayed": "old_password",
    "liam.murphy": "unused_kind_of_access",
    "pedro.alves": "unused_access_key",
    "sam.taylor": "access_key_made_with_user",
    "peter.jansen": "unused_password",
    "amara.diallo": "whole_services_everywhere",
    "kwame.boateng": "key_escapes_mfa",
    "hugo.bernard": "key_usable_from_anywhere",
    "mei.chen": "mfa_can_be_removed",
    "devon.price.ext": "network_fence_with_holes",
    "anton.weber.ext": "unused_password",
    "rosa.lima.ext": "unused_access_key",
    "svc-ci": "key_usable_from_anywhere",
    "svc-monitoring": "two_active_access_keys",
    "svc-config-sync": "console_user_without_mfa",
    "BedrockAPIKey-k4xq": "service_credential_without_expiry",
    "DataScience": "cloudshell_full_access",
    "Interns-2019": "empty_group_with_policies",
    "ops-automation": "administrator_role",
    "jenkins-runner": "can_become_administrator",
    "release-train": "can_become_administrator",
    "nightly-build": "can_become_administrator",
    "data-platform": "near_administrator",
    "legacy-migration": "unused_role",
    "vendor-cost-review": "vendor_without_external_id",
    "public-uploads": "anyone_may_assume",
    "github-preview": "federation_without_subject",
    "github-legacy": "federation_without_subject",
    "PlatformOwner": "administrative_customer_policy",
    "IdentityManager": "escalating_customer_policy",
    "LaunchWithAnyRole": "escalating_customer_policy",
    "PolicyPublisher": "escalating_customer_policy",
    "HelpdeskAccounts": "escalating_customer_policy",
    "AdminFromOffice": "administrative_customer_policy",
    "RequireMFA-Support": "policy_says_otherwise",
    "RequireMFA-DataScience": "policy_says_otherwise",
    "OfficeNetworks-Contractors": "network_list_open",
    "FinanceReportsIfMFA": "policy_says_otherwise",
    "DeployPipeline": "administrative_old_version",
    "LegacyReporting": "unattached_policy",
    "ReportingJobs": "policy_names_nothing",
    "QueueAndTableAccess": "whole_services_everywhere",
    "EverythingButIdentity": "whole_services_everywhere",
    "ReadAllSecrets": "reads_every_secret",
    "OpenBoundary": "open_boundary",
}
# Policies that are a fact and no fault, and the holder whose finding says what is wrong.
FACTS = {
    "PlatformOwner": "carlos.mendez",
    "IdentityManager": "aisha.rahman",
    "LaunchWithAnyRole": "priya.raman",
    "PolicyPublisher": "kofi.mensah",
    "HelpdeskAccounts": "nadia.haddad",
    "AdminFromOffice": "ingrid.larsen",
}
# Weaknesses that a finding about something else tells of.
ELSEWHERE = {"account-password-policy": "example-corp", "amara.diallo": "migration-temp"}


@pytest.fixture(scope="module")
def failing(demo_account: Account) -> pd.DataFrame:
    """What fails, and the facts that are noted: see `FACTS`."""
    return demo_account.audit.findings.query("status in ['fail', 'noted']")


def test_the_list_here_is_the_demo_s() -> None:
    assert set(TOLD_BY) == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_weakness_is_found(failing: pd.DataFrame, name: str) -> None:
    told = failing[failing["name"] == ELSEWHERE.get(name, name)].set_index("check")["status"]
    assert told.get(TOLD_BY[name]) == ("noted" if name in FACTS else "fail")
    if name in FACTS:  # what it does is a finding of who holds it
        assert FACTS[name] in set(failing.loc[failing["status"].eq("fail"), "name"])


@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_said_of_what_is_clean(demo_account: Account, name: str) -> None:
    told = demo_account.audit.findings.query("name == @name")
    assert told[["check", "detail"]].values.tolist() == []


def test_clean_users_and_roles_are_ok(demo_account: Account) -> None:
    clean = demo_account.identities[demo_account.identities["name"].isin(CLEAN)]
    assert len(clean) > 8
    assert set(clean["verdict"]) == {"ok"}


@pytest.mark.parametrize("users", [40, 150])
def test_another_size_of_company_tells_the_same_of_the_cast(tmp_path: Path, users: int) -> None:
    findings = load(demo.snapshots(tmp_path, users=users, seed=users)).audit.findings
    told = set(zip(findings["check"], findings["name"], strict=True))
    assert {(check, ELSEWHERE.get(name, name)) for name, check in TOLD_BY.items()} <= told
    assert findings[findings["name"].isin(CLEAN)].empty


def test_no_check_breaks_and_every_subject_is_counted(demo_account: Account) -> None:
    results = demo_account.audit.results
    assert not results["reason"].fillna("").str.contains("broke").any()
    for check, found in demo_account.audit.findings.groupby("check"):
        members = POPULATIONS[CHECKS[str(check)].among]
        wanted = {name: getattr(demo_account, name) for name in needs(members)}
        assert set(found["subject"]) <= set(members(**wanted)), check
