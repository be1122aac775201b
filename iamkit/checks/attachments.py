"""
Policies on users and on empty groups, and unattached policies.

Policies that are attached directly or inline count. A permissions boundary grants nothing.
"""

from __future__ import annotations

import pandas as pd

from iamkit.arns import AWS_MANAGED
from iamkit.checks.deletions import asked_for, beside
from iamkit.checks.facts import graded, kept_for_emergencies
from iamkit.checks.registry import check
from iamkit.checks.wording import GUIDE, names_by_key
from iamkit.counts import counted
from iamkit.table import COUNT, TEXT

DELETE_GROUP = "Delete the group: anyone who is added to it gets its permissions."


def _with_policies(
    attachments: pd.DataFrame, principals: pd.Series[str], text: str
) -> pd.DataFrame:
    """Rows of a check: the principals with policies, `text`, and the policies' number and names."""
    direct = attachments[attachments["how"].ne("boundary")]
    direct = direct[direct["principal_arn"].isin(principals)]
    name = direct["policy_arn"].str.extract(r"([^/#]+)$", expand=False)
    grouped = direct.groupby("principal_arn", sort=False)
    found = grouped.agg(number=("policy_arn", "nunique")).reset_index()
    number = found["number"].map(lambda n: counted(n, "policies")).astype(TEXT)
    names = names_by_key(found["principal_arn"], direct["principal_arn"], name)
    return pd.DataFrame({"subject": found["principal_arn"], "detail": text + number + ": " + names})


@check(
    severity="low",
    title="A policy is attached to a user instead of a group or role",
    impact=(
        "Permissions given one user at a time drift apart and stay behind when the person changes "
        "jobs. A review has to read every user instead of a few groups."
    ),
    among="users",
    remedy="Put the user into a group that has the policy, or use a role instead.",
    source="https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-2",
)
def policy_on_user(
    principals: pd.DataFrame, attachments: pd.DataFrame, break_glass: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    Users with policies attached to themselves, or inline.

    >>> from iamkit.tables import ATTACHMENTS, PRINCIPALS
    >>> people = PRINCIPALS.rows(dict(principal_arn="u", kind="user"))
    >>> on = dict(principal_arn="u", policy_arn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    >>> policy_on_user(people, ATTACHMENTS.rows(dict(**on, how="attached"))).detail.tolist()
    ['has itself 1 policy: ReadOnlyAccess']
    """
    users = principals.loc[principals["kind"] == "user", "principal_arn"]
    found = _with_policies(attachments, users, "has itself ")
    return graded(found, "low", kept_for_emergencies(break_glass))


@check(
    severity="low",
    title="AWSCloudShellFullAccess is attached",
    impact=(
        "CloudShell can upload and download files. A person with this policy can move data out of "
        "the account through the browser, past restrictions on laptops."
    ),
    among="users, groups and roles",
    remedy="Attach a policy that allows CloudShell without upload and download of files.",
    source="https://docs.aws.amazon.com/cloudshell/latest/userguide/sec-auth-with-identities.html",
)
def cloudshell_full_access(attachments: pd.DataFrame) -> pd.DataFrame:
    """
    Users, groups and roles that can upload and download files through CloudShell.

    >>> from iamkit.tables import ATTACHMENTS
    >>> arn = "arn:aws:iam::aws:policy/AWSCloudShellFullAccess"
    >>> on = ATTACHMENTS.rows(dict(principal_arn="g", policy_arn=arn, how="attached"))
    >>> cloudshell_full_access(on).detail.tolist()
    ['AWSCloudShellFullAccess is attached']
    """
    full = attachments["policy_arn"].str.endswith(f"{AWS_MANAGED}AWSCloudShellFullAccess")
    found = attachments.loc[full & attachments["how"].eq("attached"), "principal_arn"]
    return pd.DataFrame({"subject": found, "detail": "AWSCloudShellFullAccess is attached"})


@check(
    severity="low",
    title="A customer managed policy is not attached",
    impact=(
        "Old policies remain ready to be attached by mistake, with permissions that nobody has "
        "reviewed since."
    ),
    among="customer policies",
    remedy="Delete it; keep its text in your infrastructure code if you need it again.",
    source=f"{GUIDE}access_policies_managed-vs-inline.html",
)
def unattached_policy(
    policies: pd.DataFrame,
    attachments: pd.DataFrame,
    as_of: pd.Timestamp,
    statements: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Customer policies that are neither attached nor a boundary, by the evidence and by AWS's counts.

    A policy that a condition names as the required boundary of new principals is noted, because it
    is needed.

    >>> from iamkit.tables import ATTACHMENTS, POLICIES
    >>> policies = POLICIES.rows(dict(policy_arn="p", kind="customer",
    ...                               updated=pd.Timestamp("2026-01-01", tz="UTC")))
    >>> now = pd.Timestamp("2026-01-31", tz="UTC")
    >>> unattached_policy(policies, ATTACHMENTS.rows(), now).detail.tolist()
    ['not attached; unchanged for 30 days']
    """
    counted = policies["attached"].fillna(0) + policies["bounding"].fillna(0)
    idle = counted.eq(0) & ~policies["policy_arn"].isin(attachments["policy_arn"])
    found = policies[policies["kind"].eq("customer") & idle]
    days = (as_of - found["updated"]).dt.days.astype(COUNT).astype(TEXT)
    since = ("; unchanged for " + days + " days").fillna("")
    by = asked_for(found["policy_arn"], statements)
    rows = pd.DataFrame(
        {
            "subject": found["policy_arn"],
            "detail": "not attached" + since + ("; " + by + " refers to it").fillna(""),
            "next_step": ("Keep it as long as " + by + " refers to it.").astype("object"),
        }
    )
    return graded(rows, "low", frozenset(rows.loc[by.notna(), "subject"]))


@check(
    severity="low",
    title="A group without members has policies",
    impact=(
        "Nobody looks after permissions that nobody has. A user added later gets all of them at "
        "once, whether they still fit or not."
    ),
    among="groups",
    remedy=DELETE_GROUP,
    source=f"{GUIDE}id_groups_manage_delete.html",
)
def empty_group_with_policies(
    groups: pd.DataFrame, attachments: pd.DataFrame, policies: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    Groups that have policies but no members.

    >>> from iamkit.tables import ATTACHMENTS, GROUPS
    >>> empty = GROUPS.rows(dict(group_arn="g", members=0))
    >>> on = ATTACHMENTS.rows(dict(principal_arn="g", policy_arn="g#reports", how="inline"))
    >>> empty_group_with_policies(empty, on).detail.tolist()
    ['no members, but 1 policy: reports']
    """
    empty = groups.loc[groups["members"].eq(0), "group_arn"]
    found = _with_policies(attachments, empty, "no members, but ")
    left = beside(found["subject"], attachments, None, policies)
    return found.assign(next_step=DELETE_GROUP + left)
