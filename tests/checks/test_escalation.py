"""Almost an administrator, or able to become one."""

from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from tests.accounts import ARN, account, details, policy, role, user

LAMBDA = {
    "Effect": "Allow",
    "Action": ["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"],
    "Resource": "*",
}
CAN = "can_escalate"
MOST = {"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}


def holder(name: str, *statements: Any, **members: Any) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return user(name, UserPolicyList=[{"PolicyName": "own", "PolicyDocument": document}], **members)


def found(account: Account, check: str) -> list[str]:
    hits = account.check(check).findings.query("status in ['fail', 'noted']")
    return sorted(hits["name"])


WORKER = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}


def opened(folder: Path, *people: Any, does: str = "*", **more: Any) -> Account:
    """An account with these users and a role for functions, which may do everything."""
    document = {"Statement": {"Effect": "Allow", "Action": does, "Resource": "*"}}
    worker = role(
        "worker", WORKER, RolePolicyList=[{"PolicyName": "p", "PolicyDocument": document}]
    )
    return account(folder, details(list(people), roles=[worker], **more))


def test_who_has_a_way_and_a_target_is_reported_with_both(tmp_path: Path) -> None:
    accused = opened(tmp_path, holder("ann", LAMBDA))
    assert found(accused, "can_escalate") == ["ann"]
    detail = accused.check("can_escalate").findings["detail"].item()
    assert detail == "Invoke a new function with a passed role: worker (lambda-001)"


def test_a_role_that_gives_nothing_more_is_no_target(tmp_path: Path) -> None:
    assert found(opened(tmp_path, holder("ann", LAMBDA), does="lambda:InvokeFunction"), CAN) == []


@pytest.mark.parametrize(
    "besides",
    [
        {"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"},
        {"Effect": "Deny", "Action": "lambda:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
    ],
)
def test_a_denial_closes_the_way(tmp_path: Path, besides: dict[str, Any]) -> None:
    assert found(opened(tmp_path, holder("ann", LAMBDA, besides)), CAN) == []


def test_a_boundary_closes_the_way(tmp_path: Path) -> None:
    bound = policy("only-s3", {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
    member = {
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": f"{ARN}policy/only-s3",
        }
    }
    assert found(opened(tmp_path, holder("ann", LAMBDA, **member), policies=[bound]), CAN) == []


def test_one_permission_less_is_no_way(tmp_path: Path) -> None:
    less = LAMBDA | {"Action": ["iam:PassRole", "lambda:CreateFunction"]}
    assert found(opened(tmp_path, holder("ann", less)), CAN) == []


@pytest.mark.parametrize(("name", "expected"), [("worker", ["ann"]), ("harmless", [])])
def test_one_named_role_to_pass_counts_for_what_it_is(
    tmp_path: Path, name: str, expected: list[str]
) -> None:
    named = [
        LAMBDA | {"Action": ["lambda:CreateFunction", "lambda:InvokeFunction"]},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": f"{ARN}role/{name}"},
    ]
    assert found(opened(tmp_path, holder("ann", *named)), CAN) == expected


def test_what_lacks_only_a_function_is_reported_as_such(tmp_path: Path) -> None:
    """Bob's way, a key for a user without two, has no user to be made for: that is known."""
    code = {"Effect": "Allow", "Action": "lambda:UpdateFunctionCode", "Resource": "*"}
    keys = {"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": f"{ARN}user/zoe"}
    lacking = opened(tmp_path, holder("ann", code), holder("bob", keys))
    assert found(lacking, "escalates_with_a_target") == ["ann"]
    assert found(lacking, CAN) == []


def test_whoever_has_a_proven_way_is_not_told_of_others(tmp_path: Path) -> None:
    both = LAMBDA | {"Action": "lambda:*"}
    passing = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}
    assert found(opened(tmp_path, holder("ann", both, passing)), "escalates_with_a_target") == []


def test_power_users_are_almost_administrators(tmp_path: Path) -> None:
    """Bob is one, Cid only reads, Dan's boundary leaves him little, Eva has some services."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    reading = {"Effect": "Allow", "Action": ["*:Get*", "*:List*", "*:Describe*"], "Resource": "*"}
    bound = {
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": f"{ARN}policy/read",
        }
    }
    made = account(
        tmp_path,
        details(
            [
                holder("ann", MOST),
                holder("bob", everything),
                holder("cid", reading),
                holder("dan", MOST, **bound),
                holder("eva", {"Effect": "Allow", "Action": "s*:*", "Resource": "*"}),
            ],
            policies=[policy("read", {"Statement": reading})],
        ),
    )
    assert found(made, "near_administrator") == ["ann"]


def test_administrators_and_aws_s_own_roles_are_left_to_others(tmp_path: Path) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    linked = role(
        "AWSServiceRoleForX",
        {},
        Path="/aws-service-role/x.amazonaws.com/",
        RolePolicyList=[{"PolicyName": "own", "PolicyDocument": {"Statement": [LAMBDA, MOST]}}],
    )
    calm = account(tmp_path, details([holder("ann", everything)], roles=[linked]))
    assert found(calm, "can_escalate") == found(calm, "near_administrator") == []
