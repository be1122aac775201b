"""Policies that give too much, and policies that do not say what they mean."""

import pytest

from iamkit.checks import run
from iamkit.checks.registry import CHECKS
from tests.accounts import ARN, account, details, policy, user
from tests.checks import result

GIVING = (
    "full_access_to_cloudtrail",
    "full_access_to_kms",
    "marketplace_subscription",
    "permissive_role_assumption",
    "reads_every_secret",
    "whole_services_everywhere",
)


def allow(action="*", resource="*", **members):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **members}


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def said(made, check):
    """Detail of each of a check's findings, by the name of its subject."""
    rows = run.run(made, {check: CHECKS[check]}).findings
    return dict(zip(rows["name"], rows["detail"], strict=True))


def policies(folder, **statements):
    """An account of customer policies, attached to nobody."""
    shown = [policy(name, document(*each)) for name, each in statements.items()]
    return account(folder, details(policies=shown))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return policies(
        tmp_path_factory.mktemp("own"),
        Everything=[allow()],
        Keys=[allow("kms:*")],
        Trails=[allow("cloudtrail:*")],
        Shop=[allow("aws-marketplace:Subscribe")],
        Roles=[allow("sts:AssumeRole", "arn:aws:iam::*:role/eks-*")],
        Secrets=[allow("secretsmanager:GetSecretValue")],
        Narrow=[allow("kms:Decrypt"), allow("sts:AssumeRole", f"{ARN}role/one")],
    )


@pytest.mark.parametrize(
    ("check", "names"),
    [
        ("full_access_to_kms", {"Everything", "Keys"}),
        ("full_access_to_cloudtrail", {"Everything", "Trails"}),
        ("marketplace_subscription", {"Everything", "Shop"}),
        ("permissive_role_assumption", {"Everything", "Roles"}),
        ("reads_every_secret", {"Secrets"}),
        ("whole_services_everywhere", {"Keys", "Trails"}),
        ("escalating_customer_policy", {"Everything", "Roles"}),
    ],
)
def test_each_finds_its_own(own, check, names):
    """Full administration is found by those that ask for one thing, not by those about breadth."""
    assert set(said(own, check)) == names


@pytest.mark.parametrize("check", [*GIVING, "escalating_customer_policy"])
def test_a_policy_that_is_only_a_boundary_gives_nothing(tmp_path, check):
    top = document(allow(["kms:*", "cloudtrail:*", "aws-marketplace:*", "sts:*", "ssm:*"]))
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": f"{ARN}policy/Top"}
    ann = user("ann", PermissionsBoundary=boundary)
    made = account(tmp_path, details(users=[ann], policies=[policy("Top", top)]))
    assert said(made, check) == {}


@pytest.mark.parametrize("check", [*GIVING, "escalating_inline_policy"])
def test_a_policy_that_cannot_be_read_is_not_assessed(tmp_path, check):
    torn = [{"PolicyName": "torn", "PolicyDocument": "no policy"}]
    made = account(tmp_path, details(users=[user("ann", UserPolicyList=torn)]))
    assert result(made, check)["status"] == "not assessed"


def test_whole_services_are_those_written_so_and_left_whole(tmp_path):
    made = policies(
        tmp_path,
        Two=[allow(["SQS:*", "dynamodb:*", "s3:GetObject"])],
        But=[{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}],
        Cut=[allow("sqs:*"), {"Effect": "Deny", "Action": "sqs:Delete*", "Resource": "*"}],
        Some=[allow("sqs:*", "arn:aws:sqs:*:*:jobs")],
        If=[allow("sqs:*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})],
        Named=[allow(["ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel"])],
        Denies=[{"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}],
    )
    assert said(made, "whole_services_everywhere") == {
        "Two": "allows sqs:*, dynamodb:* on every resource",
        "But": "allows all except iam:*, sts:* on every resource",
    }


def test_escalations_are_told_by_name_the_simplest_first(tmp_path):
    made = policies(
        tmp_path,
        Keys=[allow("iam:CreateAccessKey")],
        Services=[allow(["apprunner:*", "iam:PassRole", "iam:PutUserPolicy"])],
    )
    details = said(made, "escalating_customer_policy")
    assert details["Keys"].startswith("allows a way to gain permissions: ")
    assert details["Keys"].endswith(" (iam-002); attached to nobody")
    assert details["Services"].startswith("allows 3 ways to gain permissions: ")
    assert details["Services"].index("(iam-007)") < details["Services"].index("(apprunner-001)")


def test_one_that_is_attached_is_not_said_to_be_on_nobody(tmp_path):
    keys = policy("Keys", document(allow("iam:CreateAccessKey")))
    named = [{"PolicyName": "Keys", "PolicyArn": f"{ARN}policy/Keys"}]
    ann = user("ann", AttachedManagedPolicies=named)
    made = account(tmp_path, details(users=[ann], policies=[keys]))
    assert said(made, "escalating_customer_policy")["Keys"].endswith(" (iam-002)")


def test_an_inline_policy_that_escalates_is_named_as_its_owners(tmp_path):
    inline = [{"PolicyName": "run", "PolicyDocument": document(allow("iam:AttachUserPolicy"))}]
    made = account(tmp_path, details(users=[user("ann", UserPolicyList=inline)]))
    rows = run.run(made, {"c": CHECKS["escalating_inline_policy"]}).findings
    assert rows["subject"].tolist() == [f"{ARN}user/ann#run"]


def test_what_a_policy_means_otherwise_comes_with_what_to_write(tmp_path):
    hole = {"Bool": {"aws:MultiFactorAuthPresent": "false"}}
    made = policies(
        tmp_path,
        Hole=[{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": hole}],
        Typo=[allow("s3:GetObjekt")],
        Fine=[allow("s3:GetObject")],
    )
    rows = run.run(made, {"c": CHECKS["policy_says_otherwise"]}).findings
    assert rows["name"].tolist() == ["Hole"]
    assert "BoolIfExists" in rows["next_step"][0]


def test_actions_that_do_not_exist_are_listed_a_policy_a_row(tmp_path):
    made = policies(
        tmp_path,
        Typos=[allow(["s3:GetObjekt", "dynamdb:Query", "s3:GetObject"])],
        Fine=[allow("s3:GetObject")],
    )
    found = said(made, "policy_names_nothing")
    assert list(found) == ["Typos"]
    assert found["Typos"].count("known") == 2
