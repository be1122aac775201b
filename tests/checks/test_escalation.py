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
MOST = {"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}


def holder(name: str, *statements: Any, **members: Any) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return user(name, UserPolicyList=[{"PolicyName": "own", "PolicyDocument": document}], **members)


def found(account: Account, check: str) -> list[str]:
    hits = account.checked.findings.query("check == @check and status == 'fail'")
    return sorted(hits["name"])


def test_a_policy_that_lets_its_holder_escalate_is_reported_with_its_holder(
    tmp_path: Path,
) -> None:
    accused = account(tmp_path, details([holder("ann", LAMBDA)]))
    assert found(accused, "can_escalate") == ["ann"]
    detail = accused.checked.findings.query("check == 'can_escalate'")["detail"].item()
    assert detail.startswith("through own: Invoke a new function with a passed role (lambda-001)")


@pytest.mark.parametrize(
    "besides",
    [
        {"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"},
        {"Effect": "Deny", "Action": "lambda:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
    ],
)
def test_a_denial_closes_the_way(tmp_path: Path, besides: dict[str, Any]) -> None:
    assert found(account(tmp_path, details([holder("ann", LAMBDA, besides)])), "can_escalate") == []


def test_a_boundary_closes_the_way(tmp_path: Path) -> None:
    bound = policy("only-s3", {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
    member = {
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": f"{ARN}policy/only-s3",
        }
    }
    bounded = account(tmp_path, details([holder("ann", LAMBDA, **member)], policies=[bound]))
    assert found(bounded, "can_escalate") == []


def test_one_permission_less_is_no_way(tmp_path: Path) -> None:
    less = LAMBDA | {"Action": ["iam:PassRole", "lambda:CreateFunction"]}
    assert found(account(tmp_path, details([holder("ann", less)])), "can_escalate") == []


def test_one_named_role_to_pass_is_for_whoever_knows_that_role(tmp_path: Path) -> None:
    named = [
        LAMBDA | {"Action": ["lambda:CreateFunction", "lambda:InvokeFunction"]},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": f"{ARN}role/harmless"},
    ]
    assert found(account(tmp_path, details([holder("ann", *named)])), "can_escalate") == []


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
