"""Credentials for single services, certificates, and services allowed but not used."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account
from iamkit.checks import services as checks
from iamkit.settings import Settings
from iamkit.tables.schema import (
    CREDENTIALS,
    LAST_ACCESSED,
    SERVER_CERTIFICATES,
    SERVICE_CREDENTIALS,
)
from tests.accounts import ARN, account, details, role, user
from tests.checks import result

NOW = pd.Timestamp("2026-11-01T06:00:00Z")
ANA = f"{ARN}user/ana"


def ago(days: int) -> pd.Timestamp:
    return NOW - pd.Timedelta(days=days)


# ── Credentials for one service ──────────────────────────────────────────────────────────────────


def credential(**facts: Any) -> pd.DataFrame:
    usual = {
        "user_arn": ANA,
        "user_name": "ana",
        "service": "bedrock.amazonaws.com",
        "credential_id": "ACCAEXAMPLE1",
        "active": True,
        "age_days": 154,
    }
    return SERVICE_CREDENTIALS.rows({**usual, **facts})


def test_an_active_credential_that_never_expires_is_named_with_its_age() -> None:
    found = checks.service_credential_without_expiry(credential())
    assert found[["subject", "status", "detail"]].values.tolist() == [
        [ANA, "fail", "ACCAEXAMPLE1 for bedrock.amazonaws.com, made 154 days ago, never expires"]
    ]
    assert "that expires" in found["next_step"].item()


def test_one_that_expires_or_does_not_work_is_fine() -> None:
    assert checks.service_credential_without_expiry(credential(expires=ago(-65))).empty
    assert checks.service_credential_without_expiry(credential(active=False)).empty


def test_one_that_may_be_active_is_not_assessed() -> None:
    found = checks.service_credential_without_expiry(credential(active=None, age_days=None))
    assert found["status"].tolist() == ["not assessed"]
    assert "an unknown number of days ago" in found["detail"].item()


def test_a_password_for_git_cannot_expire_so_the_step_is_another() -> None:
    found = checks.service_credential_without_expiry(credential(service="codecommit.amazonaws.com"))
    assert found["next_step"].tolist() == [
        "Use temporary credentials of a role instead. Deactivate it, wait to see if anything "
        "fails, then delete it: its use is not in the evidence."
    ]


def test_one_of_an_unknown_user_keeps_the_users_name() -> None:
    found = checks.service_credential_without_expiry(credential(user_arn=None))
    assert found["subject"].tolist() == ["ana"]


# ── Certificates ─────────────────────────────────────────────────────────────────────────────────


def test_users_with_active_signing_certificates_are_found_and_root_is_not() -> None:
    table = CREDENTIALS.rows(
        {"user_arn": ANA, "is_root": False, "certificates_active": 2},
        {"user_arn": f"{ARN}user/bo", "is_root": False, "certificates_active": 0},
        {"user_arn": f"{ARN}root", "is_root": True, "certificates_active": 1},
    )
    found = checks.active_signing_certificate(table)
    assert found.values.tolist() == [[ANA, "active signing certificates: 2"]]


@pytest.mark.parametrize(
    ("expired", "expires", "said"),
    [
        (True, ago(335), [["fail", "expired on 2025-12-01, 335 days ago"]]),
        (True, ago(0), [["fail", "expired on 2026-11-01, today"]]),
        (False, ago(-1), []),
        (None, None, [["not assessed", "when it expires is not known"]]),
    ],
)
def test_a_server_certificate_is_found_once_it_has_expired(
    expired: bool | None, expires: Any, said: list[Any]
) -> None:
    table = SERVER_CERTIFICATES.rows(
        {"certificate_arn": "shop", "expired": expired, "expires": expires}
    )
    found = checks.expired_server_certificate(table, NOW)
    assert found[["status", "detail"]].values.tolist() == said


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("service_credential_without_expiry", "iam:ListServiceSpecificCredentials"),
        ("expired_server_certificate", "iam:ListServerCertificates"),
        ("stale_service_access", "iam:GetServiceLastAccessedDetails"),
    ],
)
def test_what_was_not_asked_is_not_assessed(name: str, call: str, tmp_path: Path) -> None:
    said = result(account(tmp_path, details([user("ann")])), name)
    assert said["status"] == "not assessed"
    assert call in said["reason"]


# ── Services allowed and not used ────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Bo may look at users; the others, some of them roles, may pass roles and run functions."""

    work = ["iam:PassRole", "lambda:*", "s3:GetObject", "bedrock:ListFoundationModels"]

    def allowing(*actions: str) -> list[dict[str, Any]]:
        statement = {"Effect": "Allow", "Action": actions or work, "Resource": "*"}
        return [{"PolicyName": "own", "PolicyDocument": {"Statement": [statement]}}]

    trust = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]
    }
    own = role("AWSServiceRoleForX", trust, Path="/aws-service-role/x.amazonaws.com/")
    return account(
        tmp_path_factory.mktemp("company"),
        details(
            [
                user("ana", UserPolicyList=allowing()),
                user("bo", UserPolicyList=allowing("s3:GetObject", "iam:GetUser")),
                user("new", UserPolicyList=allowing(), CreateDate=ago(179).isoformat()),
            ],
            roles=[
                role("app", trust, RolePolicyList=allowing()),
                {**own, "RolePolicyList": allowing()},
            ],
        ),
    )


def accessed(company: Account, who: str, **services: int | None) -> pd.DataFrame:
    """What the check says if `who` used each service so many days ago; None: never."""
    rows = [
        {"principal_arn": ARN + who, "service": name, "last_used": None if d is None else ago(d)}
        for name, d in services.items()
    ]
    return checks.stale_service_access(
        LAST_ACCESSED.rows(*rows), company.permissions, company.roles, Settings(), company.as_of
    )


@pytest.mark.parametrize("who", ["user/ana", "role/app"])
def test_risky_services_that_were_not_used_are_named(company: Account, who: str) -> None:
    found = accessed(company, who, s3=2, iam=None, **{"lambda": 300})
    assert found.values.tolist() == [[ARN + who, "not used for 180 days: iam, lambda"]]


@pytest.mark.parametrize(("days", "stale"), [(179, False), (180, True)])
def test_a_service_is_stale_from_the_day_of_the_setting_on(
    company: Account, days: int, stale: bool
) -> None:
    assert len(accessed(company, "user/ana", s3=0, iam=days)) == stale


def test_each_is_judged_by_what_it_may_do_itself(company: Account) -> None:
    who = ["user/bo", "role/app", "user/ana"]
    rows = [
        {"principal_arn": ARN + each, "service": name, "last_used": used}
        for each in who
        for name, used in {"s3": NOW, "iam": None}.items()
    ]
    found = checks.stale_service_access(
        LAST_ACCESSED.rows(*rows), company.permissions, company.roles, Settings(), company.as_of
    )
    assert found["subject"].tolist() == [f"{ARN}role/app", f"{ARN}user/ana"]


def test_a_service_in_which_nothing_risky_is_allowed_is_left_alone(company: Account) -> None:
    assert accessed(company, "user/ana", s3=0, bedrock=None, dynamodb=None).empty


def test_who_used_nothing_at_all_is_left_to_other_checks(company: Account) -> None:
    assert accessed(company, "user/ana", s3=None, iam=300).empty


def test_who_is_new_has_had_no_time_to_use_everything(company: Account) -> None:
    assert accessed(company, "user/new", s3=0, iam=None).empty


def test_roles_that_belong_to_aws_and_groups_are_left_out(company: Account) -> None:
    assert accessed(company, "role/AWSServiceRoleForX", s3=0, iam=None).empty
    assert accessed(company, "group/Admins", s3=0, iam=None).empty


def test_a_long_list_is_cut(company: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "NAMED", 1)
    found = accessed(company, "user/ana", bedrock=0, s3=None, iam=None, **{"lambda": None})
    assert found["detail"].tolist() == ["not used for 180 days: iam and 2 more"]
