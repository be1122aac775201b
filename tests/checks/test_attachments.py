"""Where policies are, and are not."""

import pandas as pd
import pytest

from iamkit.checks.attachments import (
    cloudshell_full_access,
    empty_group_with_policies,
    policy_on_user,
    unattached_policy,
)
from iamkit.tables.schema import ATTACHMENTS, GROUPS, POLICIES, PRINCIPALS

NOW = pd.Timestamp("2026-11-01T06:00:00Z")
CLOUDSHELL = "arn:aws:iam::aws:policy/AWSCloudShellFullAccess"


def attached(principal, *policies, how="attached"):
    rows = [{"principal_arn": principal, "policy_arn": arn, "how": how} for arn in policies]
    return ATTACHMENTS.rows(*rows)


def said(found):
    return dict(zip(found["subject"], found["detail"], strict=True))


def test_policies_on_users_are_named_once_however_they_are_there():
    people = PRINCIPALS.rows(
        *({"principal_arn": kind, "kind": kind} for kind in ("user", "group", "role", "root"))
    )
    everywhere = pd.concat(
        [attached(kind, "p/One", "p/Two", "p/Three", "p/Four") for kind in people["kind"]]
        + [attached("user", "user#mine", how="inline")]
    )
    assert said(policy_on_user(people, everywhere)) == {
        "user": "has itself 5 policies: One, Two and 3 more"
    }


def test_a_boundary_is_no_policy_on_a_user():
    people = PRINCIPALS.rows({"principal_arn": "user", "kind": "user"})
    assert policy_on_user(people, attached("user", "p/One", how="boundary")).empty


def test_cloudshell_counts_on_anybody_but_not_as_a_boundary():
    given = pd.concat(
        [
            attached("user", CLOUDSHELL),
            attached("group", CLOUDSHELL.replace("arn:aws:", "arn:aws-cn:")),
            attached("role", CLOUDSHELL, how="boundary"),
            attached("role", "arn:aws:iam::012345678901:policy/AWSCloudShellFullAccess"),
        ]
    )
    assert cloudshell_full_access(given)["subject"].tolist() == ["user", "group"]


@pytest.mark.parametrize(
    ("facts", "detail"),
    [
        ({}, ["not attached"]),
        ({"attached": 0, "bounding": 0}, ["not attached"]),
        ({"updated": NOW - pd.Timedelta(days=3, hours=1)}, ["not attached; unchanged for 3 days"]),
        ({"attached": 1}, []),
        ({"bounding": 1}, []),
        ({"kind": "aws"}, []),
    ],
)
def test_a_policy_on_nobody(facts, detail):
    table = POLICIES.rows({"policy_arn": "p/One", "kind": "customer", **facts})
    assert unattached_policy(table, ATTACHMENTS.rows(), NOW)["detail"].tolist() == detail


@pytest.mark.parametrize("how", ["attached", "boundary"])
def test_a_policy_on_somebody_is_on_somebody_whatever_aws_counts(how):
    table = POLICIES.rows({"policy_arn": "p/One", "kind": "customer", "attached": 0})
    assert unattached_policy(table, attached("user", "p/One", how=how), NOW).empty


def test_groups_without_members_that_give_something():
    table = GROUPS.rows(
        {"group_arn": "empty", "members": 0},
        {"group_arn": "bare", "members": 0},
        {"group_arn": "full", "members": 2},
    )
    given = pd.concat([attached("empty", "p/One", "p/Two"), attached("full", "p/One")])
    assert said(empty_group_with_policies(table, given)) == {
        "empty": "no members, but 2 policies: One, Two"
    }
