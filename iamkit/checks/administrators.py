"""
Identities that have a policy that gives administrator access, or can give themselves one.

The first three checks look at attached policies. If a boundary or a Deny prevents administrator
access, the principal is not in table `administrators` and passes.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.checks.facts import graded, kept_for_emergencies, of_platforms
from iamkit.checks.registry import INFO, check
from iamkit.checks.wording import (
    GUIDE,
    LEAST_PRIVILEGE,
    UNSURE,
    join_names,
    names_by_key,
    status,
)
from iamkit.counts import counted
from iamkit.settings import Settings
from iamkit.table import COUNT, TEXT, stack
from iamkit.tables import without_service_linked

ASSUME: Final = "Let the user assume an administrator role with MFA, and "
OIDC: Final = ":oidc-provider/"  # a workload elsewhere, such as a pipeline
# Services that run code of the account's own with a role.
COMPUTE: Final = (
    "ec2.amazonaws.com",
    "lambda.amazonaws.com",
    "edgelambda.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "pods.eks.amazonaws.com",
    "build.apprunner.amazonaws.com",
    "tasks.apprunner.amazonaws.com",
    "codebuild.amazonaws.com",
    "glue.amazonaws.com",
    "sagemaker.amazonaws.com",
)


def _holders(
    kind: str, principals: pd.DataFrame, attachments: pd.DataFrame, policy_grants: pd.DataFrame
) -> pd.DataFrame:
    """
    Rows of a check: principals of a kind with an administrative policy.

    A principal with none, but with a policy whose document is not in the evidence, is not assessed.
    """
    mine = principals.loc[principals["kind"] == kind, "principal_arn"]
    direct = attachments[attachments["how"].ne("boundary")]
    granted = direct[direct["principal_arn"].isin(mine)].merge(policy_grants, on="policy_arn")
    granted = granted[granted["administrative"].fillna(value=True)]
    certain = granted["administrative"].notna()
    hit = certain | ~granted["principal_arn"].isin(granted.loc[certain, "principal_arn"])
    granted = granted[hit]
    grouped = granted.groupby("principal_arn", sort=False)
    found = grouped.agg(known=("administrative", "count"), unseen=("unseen", "any"))
    found = found.reset_index(names="subject")
    names = names_by_key(found["subject"], granted["principal_arn"], granted["policy_name"])
    found = found.assign(name=names)
    known = found["known"] > 0
    unseen = "what " + found["name"] + " allows is not in the evidence"
    found["detail"] = ("has " + found["name"]).where(known, unseen)
    return found.assign(status=status(known))


def _unlimited(found: pd.DataFrame, administrators: pd.DataFrame, possible: Any) -> pd.DataFrame:
    """
    Leave out principals that a boundary or a Deny prevents from being administrators.

    If the boundary or the Deny has an unknown condition, the result is not known.
    """
    limited = found["status"].eq("fail") & ~found["unseen"].fillna(value=False)
    limited &= ~found["subject"].isin(administrators["principal_arn"])
    unsure = limited & found["subject"].isin(everything(possible))
    found = found.assign(
        status=found["status"].mask(unsure, "not assessed"),
        detail=found["detail"].mask(unsure, found["detail"] + "; " + UNSURE),
    )
    return found[~limited | unsure]


def _doubtful(
    kind: str, found: pd.DataFrame, attachments: pd.DataFrame, administrators: Any, possible: Any
) -> pd.DataFrame:
    """Rows of those of a kind who may have full administration themselves, as far as is known."""
    if possible is None:
        return found
    direct = attachments.loc[attachments["how"].ne("boundary"), "principal_arn"]
    may = possible[possible["kind"].eq(kind) & possible["principal_arn"].isin(direct)]
    may = may[may["principal_arn"].isin(everything(possible))]
    beside = {*found["subject"], *administrators["principal_arn"]}
    new = may.loc[~may["principal_arn"].isin(beside), "principal_arn"]
    more = pd.DataFrame({"subject": new, "detail": UNSURE, "status": "not assessed"}, new.index)
    return stack(found, more)


def everything(possible: pd.DataFrame | None) -> list[str]:
    """ARNs of the principals that can do everything if the unknown conditions hold."""
    if possible is None:
        return []
    arns = possible.loc[possible["admin"].eq("everything"), "principal_arn"]
    return [str(arn) for arn in arns]


@check(
    severity="high",
    title="A user has a policy that gives administrator access",
    impact=(
        "A password or access key of a user works until somebody revokes it. If it leaks, the "
        "attacker can do everything and can make credentials of their own to stay."
    ),
    among="users",
    remedy=ASSUME + "remove the policy from the user.",
    source=LEAST_PRIVILEGE,
    errs="towards more: without service control policies in the evidence, what they forbid counts",
)
def administrator_user(
    principals: pd.DataFrame,
    attachments: pd.DataFrame,
    policy_grants: pd.DataFrame,
    administrators: pd.DataFrame,
    possible_administrators: pd.DataFrame | None = None,
    break_glass: pd.DataFrame | None = None,
    statements: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users with an administrative policy attached or inline; groups are in `administrator_group`.

    A user that is kept for emergencies, and protected accordingly, is noted as a fact. Allow `*`
    together with Deny `*`, or with a boundary that allows little, is not administrator access.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, PRINCIPALS
    >>> ann = "arn:aws:iam::111122223333:user/ann"
    >>> people = PRINCIPALS.rows(dict(principal_arn=ann, kind="user"))
    >>> on = ATTACHMENTS.rows(dict(principal_arn=ann, policy_arn="p", how="attached"))
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", policy_name="Owner", administrative=True))
    >>> administrator_user(people, on, grants, people).detail.tolist()
    ['has Owner']
    """
    holders = _holders("user", principals, attachments, policy_grants)
    found = _unlimited(holders, administrators, possible_administrators)
    found = _doubtful("user", found, attachments, administrators, possible_administrators)
    found = found.assign(next_step=_allowed_only(found["subject"], attachments, statements))
    return graded(found, "high", kept_for_emergencies(break_glass))


def _allowed_only(
    users: pd.Series[Any], attachments: pd.DataFrame, statements: pd.DataFrame | None
) -> pd.Series[Any]:
    """The next step for users whose policies also deny something: keep the Deny."""
    step = pd.Series(None, users.index, "object")
    if statements is None:
        return step
    denying = statements.loc[statements["effect"].eq("Deny"), "policy_arn"]
    both = attachments.loc[attachments["policy_arn"].isin(denying), "principal_arn"]
    keep = "remove what the policy allows. Keep what it denies in a separate policy."
    return step.mask(users.isin(both), ASSUME + keep)


@check(
    severity=INFO,
    title="A group has a policy that gives administrator access",
    impact=(
        "Adding a user to this group is enough to make an administrator. Anyone who may change "
        "its members therefore decides who administers the account."
    ),
    among="groups",
    remedy=(
        "Keep the group small and require MFA of its members, or let them assume an administrator "
        "role instead."
    ),
    source=LEAST_PRIVILEGE,
)
def administrator_group(
    principals: pd.DataFrame,
    attachments: pd.DataFrame,
    policy_grants: pd.DataFrame,
    groups: pd.DataFrame,
) -> pd.DataFrame:
    """
    Groups whose members are administrators, and how many those are.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, GROUPS, PRINCIPALS
    >>> people = PRINCIPALS.rows(dict(principal_arn="g", kind="group"))
    >>> on = ATTACHMENTS.rows(dict(principal_arn="g", policy_arn="p", how="inline"))
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", policy_name="Owner", administrative=True))
    >>> groups = GROUPS.rows(dict(group_arn="g", members=3))
    >>> administrator_group(people, on, grants, groups).detail.tolist()
    ['has Owner; 3 members']
    """
    found = _holders("group", principals, attachments, policy_grants)
    members = found["subject"].map(groups.set_index("group_arn")["members"])
    members = members.astype(COUNT)
    number = (members.astype(TEXT) + " members").mask(members.eq(1).fillna(value=False), "1 member")
    number = number.where(members.notna(), "an unknown number of members")
    return found.assign(detail=found["detail"] + "; " + number)


@check(
    severity=INFO,
    title="A role has a policy that gives administrator access",
    impact=(
        "Anyone whom the trust policy lets in can do everything for as long as the session lasts. "
        "A stolen session of this role is a stolen account."
    ),
    among="roles",
    remedy=(
        "Give the role only the permissions that it needs. Keep an administrator role for "
        "emergencies that only a few users can assume, with MFA."
    ),
    source=LEAST_PRIVILEGE,
    errs="towards more: without service control policies in the evidence, what they forbid counts",
)
def administrator_role(
    principals: pd.DataFrame,
    attachments: pd.DataFrame,
    policy_grants: pd.DataFrame,
    administrators: pd.DataFrame,
    roles: pd.DataFrame,
    trust: pd.DataFrame,
    possible_administrators: pd.DataFrame | None = None,
    platform_roles: pd.DataFrame | None = None,
    trusted_principals: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Roles with an administrative policy, and who may assume them; without service-linked roles.

    A role for people is noted as a fact. A role for code (on an instance, in a function or in a
    pipeline) is a finding of medium severity, because anyone who can change the code is an
    administrator. A role for a vendor, an account that is not known to be yours, is one of high
    severity even with an external id; without one, see `vendor_without_external_id`.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, PRINCIPALS, ROLES, TRUST
    >>> people = PRINCIPALS.rows(dict(principal_arn="r", kind="role"))
    >>> on = ATTACHMENTS.rows(dict(principal_arn="r", policy_arn="p", how="attached"))
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", policy_name="Owner", administrative=True))
    >>> trust = TRUST.rows(dict(role_arn="r", effect="Allow", principal="lambda.amazonaws.com"))
    >>> administrator_role(people, on, grants, people, ROLES.rows(), trust).detail.tolist()
    ['has Owner; may be assumed by lambda.amazonaws.com']
    """
    holders = _holders("role", principals, attachments, policy_grants)
    found = _unlimited(holders, administrators, possible_administrators)
    found = _doubtful("role", found, attachments, administrators, possible_administrators)
    allowed = trust[trust["effect"] == "Allow"]
    trusted = names_by_key(found["subject"], allowed["role_arn"], allowed["principal"])
    who = ("; may be assumed by " + trusted).fillna("; nobody may assume it")
    if platform_roles is not None:
        genuine = platform_roles[platform_roles["role_arn"].isin(of_platforms(platform_roles))]
        genuine = genuine.set_index("role_arn")
        behind = "; a role of " + genuine["platform"] + ", for " + genuine["behind"]
        who = found["subject"].map(behind).astype(TEXT).fillna(who)
    code = allowed["principal"].isin(COMPUTE) | allowed["principal"].str.contains(OIDC, na=False)
    found = found.assign(detail=found["detail"] + who)
    people = frozenset(found["subject"]) - frozenset(allowed.loc[code, "role_arn"])
    found = graded(found, "medium", people)
    of_vendors = found["subject"].isin(_for_vendors(trusted_principals))
    found = found.assign(
        severity=found["severity"].mask(of_vendors, "high"),
        next_step=pd.Series(None, found.index, "object").mask(of_vendors, FOR_VENDORS),
    )
    return without_service_linked(found, roles, "subject")


FOR_VENDORS: Final = (
    "Give the role only the permissions that the other account needs; if the account is yours, add "
    "it to known_accounts in the settings."
)


def _for_vendors(trusted_principals: pd.DataFrame | None) -> frozenset[str]:
    """Roles that accounts not known to be yours may assume with an external id, as they should."""
    if trusted_principals is None:
        return frozenset()
    vendor = trusted_principals["who"].eq("unknown account") & trusted_principals["problem"].isna()
    return frozenset(trusted_principals.loc[vendor, "role_arn"])


@check(
    severity="high",
    title="An identity can give itself any permission through IAM",
    impact=(
        "The identity looks limited, but it can attach a policy or change one so that it may do "
        "anything. An attacker with its credentials does that in one request."
    ),
    among="users and roles",
    remedy=(
        "Limit its IAM actions to identities and policies other than its own, or set a permissions "
        "boundary that it cannot remove."
    ),
    source=f"{GUIDE}access_policies_boundaries.html",
    errs="towards silence: only a single call to IAM counts, not a path of several steps",
)
def administrator_through_iam(
    administrators: pd.DataFrame,
    roles: pd.DataFrame,
    policy_assignments: pd.DataFrame,
    policy_grants: pd.DataFrame,
    possible_administrators: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Users and roles that can make themselves administrator: they can write or attach a policy.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import POLICY_ASSIGNMENTS, ROLES
    >>> who = pd.DataFrame({"principal_arn": ["u"], "admin": ["through IAM"]})
    >>> assigned = POLICY_ASSIGNMENTS.rows(dict(principal_arn="u", policy_arn="p"))
    >>> grants = POLICY_GRANTS.rows(
    ...     dict(policy_arn="p", policy_name="Publish", escalations=["iam-001"]))
    >>> administrator_through_iam(who, ROLES.rows(), assigned, grants).detail.tolist()
    ['can give itself any permission with Publish']
    """
    through = administrators[administrators["admin"] == "through IAM"]
    found = without_service_linked(through, roles)["principal_arn"].to_frame("subject")
    escalating = policy_grants[
        policy_grants["escalations"].map(bool, na_action="ignore").eq(other=True)
    ]
    granted = policy_assignments.merge(escalating, on="policy_arn")
    policy = names_by_key(found["subject"], granted["principal_arn"], granted["policy_name"])
    made = found.assign(detail="can give itself any permission" + (" with " + policy).fillna(""))
    if possible_administrators is None:
        return made
    may = possible_administrators[possible_administrators["admin"] == "through IAM"]
    may = may[~may["principal_arn"].isin(administrators["principal_arn"])]
    new = without_service_linked(may, roles)["principal_arn"]
    unsure = "whether it can give itself any permission depends on what is not in the evidence"
    more = pd.DataFrame({"subject": new, "detail": unsure, "status": "not assessed"}, new.index)
    return stack(made.assign(status="fail"), more)


@check(
    severity="low",
    title="There are more administrators than the settings allow",
    impact=(
        "Each administrator is one more laptop and mailbox from which the whole account can be "
        "taken. With many of them, unusual use of one is hard to notice."
    ),
    among="the account",
    remedy=(
        "Give identities that do not administer the account only the permissions that they need."
    ),
    source=LEAST_PRIVILEGE,
    errs=(
        "towards silence: identities that are administrators only under unknown conditions do not "
        "count"
    ),
)
def too_many_administrators(
    administrators: pd.DataFrame,
    account_id: str,
    settings: Settings,
    platform_roles: pd.DataFrame | None = None,
    roles: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    More administrators than the setting `max_administrators`, not counting roles of platforms.

    >>> six = pd.DataFrame({"principal_arn": list("abcdef"), "name": list("abcdef")})
    >>> too_many_administrators(six, "111122223333", Settings()).detail.tolist()
    ['6 users and roles are administrators, more than 5: a, b and 4 more']
    """
    many = administrators
    if roles is not None:
        many = without_service_linked(many, roles)
    many = many[~many["principal_arn"].isin(of_platforms(platform_roles))]
    most = settings.max_administrators
    number = len(many)
    said = f"{counted(number, 'users and roles')} are administrators, more than {most}: "
    rows = [[account_id, said + join_names(many["name"])]] if len(many) > most else []
    return pd.DataFrame(rows, columns=["subject", "detail"])
