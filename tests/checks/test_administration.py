"""Policies that give full administration: found whatever they are, wherever they are."""

import pandas as pd
import pytest

from iamkit.checks import run
from iamkit.checks.registry import CHECKS
from tests.accounts import ARN, account, details, group, policy, role, user

ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
READ = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}],
}
AWS = "arn:aws:iam::aws:policy/"


def on(*arns):
    named = [{"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn} for arn in arns]
    return {"AttachedManagedPolicies": named}


def rows(made, check):
    return run.run(made, {check: CHECKS[check]}).findings


def found(made, check):
    """Status of each of a check's findings, by the name of its subject."""
    return dict(zip(rows(made, check)["name"], rows(made, check)["status"], strict=True))


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """Everything and a little, as each kind of policy, on a user, a group and a role."""
    inline = [
        {"PolicyName": "all-inline", "PolicyDocument": ALL},
        {"PolicyName": "read-inline", "PolicyDocument": READ},
    ]
    torn = [{"PolicyName": "torn-inline", "PolicyDocument": "no policy"}]
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": f"{ARN}policy/Top"}
    return account(
        tmp_path_factory.mktemp("company"),
        details(
            users=[
                user("ann", UserPolicyList=inline, PermissionsBoundary=boundary),
                user("bob", UserPolicyList=torn, **on(f"{ARN}policy/Owner")),
                user("cid", **on(f"{ARN}policy/Reader")),
            ],
            groups=[group("Admins", **on(AWS + "AdministratorAccess", AWS + "Unseen"))],
            roles=[role("ops", {"Statement": []}, **on(f"{ARN}policy/Owner"))],
            policies=[
                policy("Owner", ALL),
                policy("Reader", READ),
                policy("Spare", ALL),
                policy("Top", ALL, PermissionsBoundaryUsageCount=1),
                policy("AdministratorAccess", ALL, Arn=AWS + "AdministratorAccess"),
            ],
        ),
    )


def test_policies_of_aws_are_judged_by_what_is_in_them(company):
    assert found(company, "administrative_aws_policy") == {
        "AdministratorAccess": "noted",
        "Unseen": "not assessed",
    }


def test_customer_policies_that_somebody_has(company):
    assert found(company, "administrative_customer_policy") == {"Owner": "noted"}


def test_customer_policies_that_nobody_has_and_that_are_no_boundary(company):
    assert found(company, "administrative_unattached_policy") == {"Spare": "fail"}


def test_inline_policies_and_those_that_cannot_be_read(company):
    assert found(company, "administrative_inline_policy") == {
        "all-inline": "noted",
        "torn-inline": "not assessed",
    }


def test_the_detail_says_who_has_it(company):
    said = rows(company, "administrative_customer_policy")["detail"]
    assert said.tolist() == ["allows every action on every resource; on bob, ops"]


def test_a_boundary_that_bounds_nothing(company):
    assert found(company, "open_boundary") == {"Top": "fail"}


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Deny", "Action": "iam:DeleteUserPermissionsBoundary", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        },
    ],
)
def test_a_boundary_that_takes_a_little_away_is_not_open(tmp_path, statement):
    top = {"Version": "2012-10-17", "Statement": [*ALL["Statement"], statement]}
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": f"{ARN}policy/Top"}
    ann = user("ann", PermissionsBoundary=boundary)
    made = account(tmp_path, details(users=[ann], policies=[policy("Top", top)]))
    assert found(made, "open_boundary") == {}


def test_a_boundary_that_is_not_in_the_evidence_is_not_assessed(tmp_path):
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": f"{ARN}policy/Gone"}
    made = account(tmp_path, details(users=[user("ann", PermissionsBoundary=boundary)]))
    assert found(made, "open_boundary") == {"Gone": "not assessed"}


def kept(name, *documents):
    """A policy with versions 1, 2, …, of which the last is in force."""
    listed = [
        {
            "Document": document,
            "VersionId": f"v{number}",
            "IsDefaultVersion": number == len(documents),
            "CreateDate": "2026-03-01T09:00:00+00:00",
        }
        for number, document in enumerate(documents, start=1)
    ]
    return policy(name, None, DefaultVersionId=f"v{len(documents)}", PolicyVersionList=listed)


def test_old_versions_that_can_be_put_in_force_again(tmp_path):
    made = account(
        tmp_path,
        details(
            policies=[
                kept("Fixed", ALL, READ, READ),
                kept("Still", ALL, ALL),
                kept("Fine", READ, READ),
                kept("Torn", "no policy", READ),
            ]
        ),
    )
    assert found(made, "administrative_old_version") == {"Fixed": "fail", "Torn": "not assessed"}
    first = rows(made, "administrative_old_version").iloc[0]
    assert first["detail"] == "version v1 of 2026-03-01 gives administrator access"
    assert first["next_step"] == "Delete version v1 of the policy"


def test_without_authorization_details_nothing_passes(tmp_path):
    made = account(tmp_path)
    names = [name for name in CHECKS if name.startswith("administrative_")]
    gap = made.snapshot.manifest["gaps"]
    gap.append(
        {
            "call": "iam:GetAccountAuthorizationDetails",
            "code": "AccessDenied",
            "meaning": "policies are not known",
        }
    )
    results = run.run(made, {name: CHECKS[name] for name in names}).results
    assert set(results["status"]) == {"not assessed"}


def test_empty_tables_give_no_finding_and_no_error(tmp_path):
    made = account(tmp_path)
    mine = {
        name: each
        for name, each in CHECKS.items()
        if each.find.__module__.rsplit(".", 1)[-1]
        in ("administration", "administrators", "policies", "attachments")
        and each.among != "the account"
    }
    assert len(mine) == 24
    results = run.run(made, mine).results
    assert results["status"].unique().tolist() == ["not applicable"]
    assert results["reason"].str.startswith("there are no ").all()
    assert pd.isna(results["error"]).all()
