"""What an account lacks, and when nobody can say."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit.checks import governance
from iamkit.checks.registry import CHECKS
from iamkit.tables.schema import (
    ANALYZERS,
    CONTACTS,
    CREDENTIALS,
    IDENTITY_PROVIDERS,
    POLICY_ASSIGNMENTS,
    ROLES,
)
from tests.accounts import ACCOUNT, ARN, account
from tests.checks import result

AWS = "arn:aws:iam::aws:policy/"


def holding(who: str, policy: str, via: str | None = None) -> dict[str, Any]:
    via_arn = via and ARN + via
    return {"principal_arn": ARN + who, "policy_arn": policy, "via_arn": via_arn}


# ── Support and audit ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        ([holding("role/support", f"{AWS}AWSSupportAccess")], False),
        ([holding("user/ana", f"{AWS}AWSSupportAccess", "group/Support")], False),
        ([holding("group/Support", f"{AWS}AWSSupportAccess")], True),
        ([holding("role/own", f"{ARN}policy/AWSSupportAccess")], True),
        ([holding("role/cn", "arn:aws-cn:iam::aws:policy/AWSSupportAccess")], False),
        ([holding("role/admin", f"{AWS}AdministratorAccess")], True),
        ([], True),
    ],
)
def test_somebody_holds_the_policy_for_aws_support(held: list[Any], missing: bool) -> None:
    found = governance.support_role_missing(POLICY_ASSIGNMENTS.rows(*held), ACCOUNT)
    assert found["subject"].tolist() == [ACCOUNT] * missing


def test_a_role_holds_the_policy_for_audits() -> None:
    role = holding("role/audit", f"{AWS}SecurityAudit")
    users = [holding(f"user/{name}", f"{AWS}SecurityAudit", "group/Audit") for name in "ab"]
    twice = holding("user/a", f"{AWS}SecurityAudit")
    check = governance.security_audit_role_missing
    assert check(POLICY_ASSIGNMENTS.rows(role), ACCOUNT).empty
    assert check(POLICY_ASSIGNMENTS.rows(*users, twice), ACCOUNT)["detail"].tolist() == [
        "no role holds SecurityAudit; users who hold it: 2"
    ]
    assert check(POLICY_ASSIGNMENTS.rows(), ACCOUNT)["detail"].tolist() == [
        "no role holds SecurityAudit"
    ]


# ── Federation ───────────────────────────────────────────────────────────────────────────────────

PEOPLE = CREDENTIALS.rows(
    {"user_arn": f"{ARN}user/ana", "is_root": False, "password_enabled": True},
    {"user_arn": f"{ARN}root", "is_root": True, "password_enabled": True},
)
GITHUB = {"kind": "OIDC", "name": "token.actions.githubusercontent.com"}
CLUSTER = {"kind": "OIDC", "name": "oidc.eks.eu-west-1.amazonaws.com/id/6B1F"}


@pytest.mark.parametrize(
    ("providers", "roles", "missing"),
    [
        ([], [], True),
        ([GITHUB, CLUSTER], [], True),
        ([{"kind": "SAML", "name": "Okta"}], [], False),
        ([{"kind": "SAML", "name": "gitlab.com"}], [], False),
        ([GITHUB, {"kind": "OIDC", "name": "example.okta.com"}], [], False),
        ([{"kind": "OIDC", "name": None}], [], False),
        ([GITHUB], [{"role_name": "AWSReservedSSO_Reader_0123456789abcdef"}], False),
        ([], [{"role_name": "MyAWSReservedSSO_Reader"}], True),
    ],
)
def test_people_sign_in_through_a_provider_for_people(
    providers: list[Any], roles: list[Any], missing: bool
) -> None:
    found = governance.federation_missing(
        PEOPLE, IDENTITY_PROVIDERS.rows(*providers), ROLES.rows(*roles), ACCOUNT
    )
    assert (
        found["detail"].tolist()
        == ["no identity provider for people; users with a password: 1"] * missing
    )


def test_without_console_users_there_is_nobody_to_federate() -> None:
    nobody = PEOPLE[PEOPLE["is_root"]]
    none = IDENTITY_PROVIDERS.rows()
    assert governance.federation_missing(nobody, none, ROLES.rows(), ACCOUNT).empty


# ── Contacts and analyzers ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "kind"),
    [("security_contact_missing", "security"), ("contact_details_missing", "account")],
)
@pytest.mark.parametrize(
    ("present", "status"), [(True, []), (False, ["fail"]), (None, ["not assessed"])]
)
def test_a_contact_is_set_or_not_or_unreadable(
    name: str, kind: str, present: bool | None, status: list[str]
) -> None:
    others = {"security", "account", "billing"} - {kind}
    contacts = CONTACTS.rows(
        *({"kind": other, "present": present is not True} for other in sorted(others)),
        {"kind": kind, "present": present},
    )
    found: pd.DataFrame = getattr(governance, name)(contacts, ACCOUNT)
    assert found["status"].tolist() == status
    assert found["subject"].eq(ACCOUNT).all()


@pytest.mark.parametrize(
    ("analyzers", "detail"),
    [
        ([("ACCOUNT", "ACTIVE")], []),
        ([("ORGANIZATION", "ACTIVE"), ("ACCOUNT", "FAILED")], []),
        ([], ["no external access analyzer"]),
        ([("ORGANIZATION_INTERNAL_ACCESS", "ACTIVE")], ["no external access analyzer"]),
        ([("ACCOUNT_UNUSED_ACCESS", "ACTIVE")], ["no external access analyzer"]),
        ([("ACCOUNT", "DISABLED")], ["no external access analyzer is active: DISABLED"]),
        ([("ACCOUNT", None)], ["no external access analyzer is active: of unknown status"]),
    ],
)
def test_an_active_analyzer_of_external_access_is_there(
    analyzers: list[tuple[str, str]], detail: list[str]
) -> None:
    table = ANALYZERS.rows(*({"type": kind, "status": status} for kind, status in analyzers))
    found = governance.external_access_analyzer_missing(table, ACCOUNT)
    assert found["detail"].tolist() == detail


# ── Missing evidence ─────────────────────────────────────────────────────────────────────────────

NAMES = [
    name for name, each in CHECKS.items() if each.find.__module__ == "iamkit.checks.governance"
]


def test_what_cannot_be_seen_is_not_missing(tmp_path: Path) -> None:
    made = account(tmp_path)  # a credential report and authorization details are all there is
    assert {name: result(made, name)["status"] for name in NAMES} == {
        "support_role_missing": "fail",
        "security_audit_role_missing": "fail",
        "federation_missing": "not assessed",
        "security_contact_missing": "not assessed",
        "contact_details_missing": "not assessed",
        "external_access_analyzer_missing": "not assessed",
    }


def test_details_cut_short_leave_open_who_holds_what(tmp_path: Path) -> None:
    made = account(tmp_path, account_summary={"SummaryMap": {"Roles": 7}})
    assert result(made, "support_role_missing")["status"] == "not assessed"
    assert result(made, "support_role_missing")["failing"] == 0


def test_a_missing_security_contact_fails_whatever_the_other_contacts_are(tmp_path: Path) -> None:
    made = account(tmp_path)
    contacts = CONTACTS.rows({"kind": "security", "present": False})
    vars(made)["contacts"] = contacts  # no saved file can say that AWS has none
    assert result(made, "security_contact_missing")["status"] == "fail"
    assert result(made, "contact_details_missing")["status"] == "not assessed"
