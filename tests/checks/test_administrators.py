"""Who holds full administration, and who can give it to himself."""

import pytest

from iamkit.checks import run
from iamkit.checks.registry import CHECKS
from tests.accounts import ARN, account, details, group, policy, role, user

ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NONE = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
AWS = "arn:aws:iam::aws:policy/"
LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def allow(action, resource="*"):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def on(*names):
    arns = [name if name.startswith("arn:") else f"{ARN}policy/{name}" for name in names]
    named = [{"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn} for arn in arns]
    return {"AttachedManagedPolicies": named}


def said(made, check):
    """Detail of each of a check's findings, by the name of its subject."""
    rows = run.run(made, {check: CHECKS[check]}).findings
    return dict(zip(rows["name"], rows["detail"], strict=True))


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    inline = [{"PolicyName": "mine", "PolicyDocument": ALL}]
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": f"{ARN}policy/Read"}
    linked = "/aws-service-role/support.amazonaws.com/"
    return account(
        tmp_path_factory.mktemp("company"),
        details(
            users=[
                user("ann", UserPolicyList=inline, **on("Owner")),
                user("bob", GroupList=["Admins"]),
                user("cid", PermissionsBoundary=boundary, **on("Owner")),
                user("dan", **on("Owner", "Nothing")),
                user("eve", **on("Read", AWS + "Unseen")),
                user("fay", **on("Read")),
            ],
            groups=[group("Admins", **on("Owner")), group("Readers", **on("Read"))],
            roles=[
                role("ops", LAMBDA, **on("Owner")),
                role("shut", {"Statement": []}, **on("Owner")),
                role("web", LAMBDA, **on("Read")),
                role("linked", LAMBDA, Path=linked, Arn=f"{ARN}role{linked}linked", **on("Owner")),
            ],
            policies=[
                policy("Owner", ALL),
                policy("Nothing", NONE),
                policy("Read", allow("s3:Get*")),
            ],
        ),
    )


def test_users_are_named_for_what_is_on_themselves(company):
    """
    Bob's group is the group's matter; a boundary limits Cid, a denial Dan; Fay reads; what Eve has
    besides is not known.
    """
    assert said(company, "administrator_user") == {
        "ann": "has Owner, mine",
        "eve": "what Unseen allows is not in the evidence",
    }


def test_groups_are_named_with_the_number_of_their_members(company):
    assert said(company, "administrator_group") == {"Admins": "has Owner; 1 member"}


def test_roles_are_named_with_those_who_may_assume_them(company):
    """A service-linked role has what AWS gives it, and is nobody's to change."""
    assert said(company, "administrator_role") == {
        "ops": "has Owner; may be assumed by lambda.amazonaws.com",
        "shut": "has Owner; nobody may assume it",
    }


def test_what_is_unseen_beside_full_administration_does_not_matter(tmp_path):
    ann = user("ann", **on("Owner", AWS + "Unseen"))
    made = account(tmp_path, details(users=[ann], policies=[policy("Owner", ALL)]))
    assert said(made, "administrator_user") == {"ann": "has Owner"}


def test_who_may_write_his_own_policy_is_an_administrator(tmp_path):
    own = [{"PolicyName": "own", "PolicyDocument": allow("iam:PutUserPolicy", f"{ARN}user/dan")}]
    made = account(
        tmp_path,
        details(
            users=[
                user("ann", **on("Publish")),
                user("bob", **on("Owner")),
                user("cid", **on("Read")),
                user("dan", UserPolicyList=own),
            ],
            policies=[
                policy("Publish", allow("iam:CreatePolicyVersion")),
                policy("Owner", ALL),
                policy("Read", allow("iam:Get*")),
            ],
        ),
    )
    assert said(made, "administrator_through_iam") == {
        "ann": "can give itself any permission with Publish",
        "dan": "can give itself any permission",
    }


def test_a_boundary_keeps_who_may_write_his_own_policy_from_it(tmp_path):
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": f"{ARN}policy/Read"}
    made = account(
        tmp_path,
        details(
            users=[user("ann", PermissionsBoundary=boundary, **on("Iam"))],
            policies=[policy("Iam", allow("iam:*")), policy("Read", allow("iam:Get*"))],
        ),
    )
    assert said(made, "administrator_through_iam") == {}


def test_administrator_access_that_is_not_in_the_evidence_is_not_said_to_be_limited(tmp_path):
    ann = user("ann", **on(AWS + "AdministratorAccess"))
    made = account(tmp_path, details(users=[ann]))
    assert said(made, "administrator_user") == {"ann": "has AdministratorAccess"}
