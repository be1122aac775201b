"""Whoever may be an administrator, for all anybody knows, counts where a pass would reassure."""

from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from tests.accounts import ARN, account, details, policy, report, role, user
from tests.checks import result

TODAY = "2026-10-01T00:00:00Z"
KEYS = ",".join(["false", *["N/A"] * 4] * 2 + ["false", "N/A"] * 2)


def statement(action: Any = "*", resource: Any = "*", effect: str = "Allow", **more: Any) -> Any:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def when(operator: str, key: str, value: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


UNKNOWN = when("StringEquals", "aws:ResourceTag/team", "red")


def people(folder: Path, mfa: str, *statements: Any, number: int = 1, **members: Any) -> Account:
    """Users u0, u1, … with these statements inline, with or without an MFA device."""
    inline = [{"PolicyName": "p", "PolicyDocument": {"Statement": list(statements)}}]
    names = [f"u{each}" for each in range(number)]
    lines = [
        f"{name},{ARN}user/{name},{TODAY},true,{TODAY},{TODAY},N/A,{mfa},{KEYS}" for name in names
    ]
    users = [user(name, UserPolicyList=inline, **members) for name in names]
    return account(folder, details(users=users), credential_report=report(*lines))


def admins(made: Account) -> dict[str, str]:
    table = made.possible_administrators
    return dict(zip(table["name"], table["admin"], strict=True))


def test_five_behind_a_condition_that_nobody_knows_are_not_none_of_nobody(tmp_path: Path) -> None:
    made = people(tmp_path, "false", statement(**UNKNOWN), number=5)
    found = result(made, "administrator_without_mfa")
    assert (found["status"], found["unknown"], found["total"]) == ("not assessed", 5, 5)


def test_with_mfa_they_pass(tmp_path: Path) -> None:
    made = people(tmp_path, "true", statement(**UNKNOWN), number=5)
    found = result(made, "administrator_without_mfa")
    assert (found["status"], found["total"]) == ("pass", 5)


def test_whoever_is_certainly_one_fails(tmp_path: Path) -> None:
    found = result(people(tmp_path, "false", statement()), "administrator_without_mfa")
    assert (found["status"], found["failing"], found["total"]) == ("fail", 1, 1)


@pytest.mark.parametrize(
    "statements",
    [
        [statement("s3:*")],
        [statement(resource="arn:aws:s3:::b/*")],
        [statement(), statement(effect="Deny")],
        [statement("iam:AttachUserPolicy", f"{ARN}user/other", **UNKNOWN)],
        [statement("iam:AttachUserPolicy", **when("ArnEquals", "iam:PolicyARN", f"{ARN}policy/x"))],
        [statement("iam:PutUserPolicy", **when("ArnEquals", "iam:PermissionsBoundary", ARN + "x"))],
    ],
)
def test_nobody_else_counts(tmp_path: Path, statements: list[Any]) -> None:
    made = people(tmp_path, "false", *statements)
    assert admins(made) == {}
    assert result(made, "administrator_without_mfa")["status"] == "not applicable"


@pytest.mark.parametrize(
    ("statements", "admin"),
    [
        ([statement(), statement(effect="Deny", **UNKNOWN)], "everything"),
        ([statement("iam:PutUserPolicy", **UNKNOWN)], "through IAM"),
        ([statement("iam:*", f"{ARN}user/u0", **UNKNOWN)], "through IAM"),
    ],
)
def test_what_a_condition_may_allow_counts(
    tmp_path: Path, statements: list[Any], admin: str
) -> None:
    made = people(tmp_path, "false", *statements)
    assert admins(made) == {"u0": admin}
    assert result(made, "administrator_without_mfa")["status"] == "not assessed"


def test_a_boundary_keeps_one_from_administration(tmp_path: Path) -> None:
    boundary = {"PermissionsBoundaryArn": f"{ARN}policy/Bound"}
    inline = [{"PolicyName": "p", "PolicyDocument": {"Statement": [statement(**UNKNOWN)]}}]
    ann = user("ann", UserPolicyList=inline, PermissionsBoundary=boundary)
    bound = policy("Bound", {"Statement": [statement("s3:*")]})
    assert admins(account(tmp_path, details(users=[ann], policies=[bound]))) == {}


def test_a_user_whose_policies_are_not_shown_may_be_one(tmp_path: Path) -> None:
    line = f"ghost,{ARN}user/ghost,{TODAY},true,{TODAY},{TODAY},N/A,false,{KEYS}"
    made = account(tmp_path, details(users=[user("ann")]), credential_report=report(line))
    assert admins(made) == {"ghost": "everything"}
    assert result(made, "administrator_without_mfa")["status"] == "not assessed"


@pytest.mark.parametrize("kind", ["user", "role"])
def test_a_policy_of_full_administration_under_an_unknown_condition_does_not_pass(
    kind: str, tmp_path: Path
) -> None:
    inline = [{"PolicyName": "p", "PolicyDocument": {"Statement": [statement(**UNKNOWN)]}}]
    trust = {"Statement": [statement("sts:AssumeRole", Principal={"AWS": f"{ARN}root"})]}
    del trust["Statement"][0]["Resource"]
    who = {
        # The role trusts the account: without users nobody could be asked for MFA there.
        "users": [user("x", UserPolicyList=inline)] if kind == "user" else [user("ann")],
        "roles": [role("x", trust, RolePolicyList=inline)] if kind == "role" else [],
    }
    made = account(tmp_path, details(**who))
    found = result(made, f"administrator_{kind}")
    assert (found["status"], found["unknown"], found["total"]) == ("not assessed", 1, 1)
    for name in ("administrative_role_without_mfa", "administrator_role_open_to_account"):
        expected = "not assessed" if kind == "role" else "not applicable"
        assert result(made, name)["status"] == expected
