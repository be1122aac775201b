"""
Policies that give administrator access, now or as soon as somebody attaches or restores them.

For a policy in use this is noted, because somebody has to administer an account. The checks in
`administrators`, `mfa` and `trust` report problems of the principals that have the policy.

A policy is evaluated by itself, with its Deny statements, for a caller who meets its conditions on
MFA and networks: see `access.policy_grants`.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from iamkit.access import Principals, administrative
from iamkit.checks.deletions import asked_for
from iamkit.checks.facts import of_platforms, reported_elsewhere
from iamkit.checks.registry import INFO, check
from iamkit.checks.wording import ERRS_ON_CONDITIONS, GUIDE, THEN_OLD, names_by_key, policy_rows

BOUNDARIES: Final = f"{GUIDE}access_policies_boundaries.html"
VERSIONS: Final = f"{GUIDE}access_policies_managed-versioning.html"
CIS: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-1"
FULL: Final = "allows every action on every resource"


def _administrative(policies: pd.DataFrame, attachments: pd.DataFrame) -> pd.DataFrame:
    """Fail where one of these policies is administrative; the detail says who has it."""
    policies = policies[policies["administrative"].fillna(value=True)]
    names = attachments["principal_arn"].str.rsplit("/", n=1).str[-1]
    on = names_by_key(policies["policy_arn"], attachments["policy_arn"], names)
    everything = policies["everything"].fillna(value=True)
    conditional = policies["conditional"].fillna(value=False)
    detail = everything.map(
        {True: FULL, False: "allows everything but a few exceptions that its holder can remove"}
    )
    detail += conditional.map({True: ", if its conditions are met", False: ""})
    detail += ("; on " + on).fillna("")
    found = policy_rows(policies, policies["administrative"], detail)
    for kind in ("role", "user"):  # a user with the policy is the graver problem
        of_kind = attachments["principal_arn"].str.contains(f":{kind}/", na=False)
        held = attachments.loc[of_kind & attachments["how"].ne("boundary"), "policy_arn"]
        found = reported_elsewhere(found, held, f"administrator_{kind}")
    return found


def _of_kind(
    policy_grants: pd.DataFrame, kind: str, policy_assignments: pd.DataFrame, *, assigned: bool
) -> pd.DataFrame:
    """Policies of a kind that are assigned to anybody, or to nobody."""
    return policy_grants[
        policy_grants["kind"].eq(kind)
        & policy_grants["policy_arn"].isin(policy_assignments["policy_arn"]).eq(assigned)
    ]


@check(
    severity=INFO,
    title="An AWS managed policy that gives administrator access is attached",
    impact=(
        "Everyone who gets this policy, through a group or a role too, can do everything in the "
        "account. One careless attachment makes another administrator."
    ),
    among="attached AWS managed policies",
    remedy=(
        "Replace it with policies that allow only what its holders need. Keep one administrator "
        "role for emergencies that requires MFA."
    ),
    source=CIS,
    errs=ERRS_ON_CONDITIONS,
)
def administrative_aws_policy(
    policy_grants: pd.DataFrame,
    policy_assignments: pd.DataFrame,
    attachments: pd.DataFrame,
    platform_roles: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Attached AWS managed policies that allow everything, by their content, not by their name.

    The next step leaves out roles of platforms, which need the policy.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, POLICY_ASSIGNMENTS
    >>> arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    >>> on = dict(principal_arn="arn:aws:iam::111122223333:role/ops", policy_arn=arn)
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn=arn, kind="aws", everything=True,
    ...                    administrative=True, conditional=False))
    >>> assigned, attached = POLICY_ASSIGNMENTS.rows(on), ATTACHMENTS.rows(on)
    >>> administrative_aws_policy(grants, assigned, attached).detail.tolist()
    ['allows every action on every resource; on ops']
    """
    mine = _of_kind(policy_grants, "aws", policy_assignments, assigned=True)
    found = _administrative(mine, attachments)
    of_platform = attachments["principal_arn"].isin(list(of_platforms(platform_roles)))
    others = attachments[~of_platform]
    names = others["principal_arn"].str.rsplit("/", n=1).str[-1]
    on = names_by_key(found["subject"], others["policy_arn"], names)
    mixed = found["subject"].isin(attachments.loc[of_platform, "policy_arn"])
    step = pd.Series(None, found.index, "object").mask(mixed, "Replace it on " + on + INSTEAD)
    return found.assign(next_step=step.mask(mixed & on.isna(), PLATFORMS_ONLY))


INSTEAD: Final = (
    " with policies that allow only what they need. Keep one administrator role for emergencies "
    "that requires MFA."
)
PLATFORMS_ONLY: Final = "Keep it: only roles of platforms have it."


@check(
    severity=INFO,
    title="An attached customer managed policy gives administrator access",
    impact=(
        "Its holders can read, change and delete everything, and anyone who may edit the policy "
        "decides what administrators can do."
    ),
    among="attached customer policies",
    remedy="Replace it with policies that name the actions and resources that its holders need.",
    source=CIS,
    errs=ERRS_ON_CONDITIONS,
)
def administrative_customer_policy(
    policy_grants: pd.DataFrame, policy_assignments: pd.DataFrame, attachments: pd.DataFrame
) -> pd.DataFrame:
    """
    Attached customer policies that allow everything, however that is written.

    `Action: "*:*"`, `NotAction`, a `*` among other resources, and an Allow under a condition that
    the right caller meets, all count; an Allow that a Deny of the policy overrides does not.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, POLICY_ASSIGNMENTS
    >>> on = dict(principal_arn="arn:aws:iam::111122223333:user/ann", policy_arn="p")
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="customer", everything=True,
    ...                    administrative=True, conditional=True))
    >>> assigned, attached = POLICY_ASSIGNMENTS.rows(on), ATTACHMENTS.rows(on)
    >>> administrative_customer_policy(grants, assigned, attached).detail.tolist()
    ['allows every action on every resource, if its conditions are met; on ann']
    """
    return _administrative(
        _of_kind(policy_grants, "customer", policy_assignments, assigned=True), attachments
    )


@check(
    severity="low",
    title="An unattached customer managed policy gives administrator access",
    impact=(
        "Anyone who may attach policies can attach this one and become administrator. No new "
        "policy has to be written, which monitoring might notice."
    ),
    among="unattached customer policies",
    remedy="Delete it: anyone who can attach policies can attach this one.",
    source=CIS,
    errs=ERRS_ON_CONDITIONS,
)
def administrative_unattached_policy(
    policy_grants: pd.DataFrame,
    policy_assignments: pd.DataFrame,
    attachments: pd.DataFrame,
    statements: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Unattached customer policies that allow everything; for boundaries, see `open_boundary`.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, POLICY_ASSIGNMENTS
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="customer", everything=True,
    ...                    administrative=True))
    >>> assigned, attached = POLICY_ASSIGNMENTS.rows(), ATTACHMENTS.rows()
    >>> administrative_unattached_policy(grants, assigned, attached).detail.tolist()
    ['allows every action on every resource']
    """
    unused = _of_kind(policy_grants, "customer", policy_assignments, assigned=False)
    bounds = attachments.loc[attachments["how"] == "boundary", "policy_arn"]
    found = _administrative(unused[~unused["policy_arn"].isin(bounds)], attachments)
    by = asked_for(found["subject"], statements)
    narrow = "Reduce its permissions, and keep it as long as " + by + " refers to it."
    return found.assign(next_step=narrow.astype("object"))


@check(
    severity=INFO,
    title="An inline policy gives administrator access",
    impact=(
        "An inline policy is in no list of managed policies. A review of those lists misses this "
        "administrator."
    ),
    among="inline policies",
    remedy="Replace it with policies that name the actions and resources that its owner needs.",
    source=CIS,
    errs=ERRS_ON_CONDITIONS,
)
def administrative_inline_policy(
    policy_grants: pd.DataFrame, attachments: pd.DataFrame
) -> pd.DataFrame:
    """
    Inline policies of users, groups and roles that allow everything.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS
    >>> on = dict(principal_arn="arn:aws:iam::111122223333:user/ann", policy_arn="p", how="inline")
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="inline", everything=False,
    ...                    administrative=True))
    >>> administrative_inline_policy(grants, ATTACHMENTS.rows(on)).detail.tolist()
    ['allows everything but a few exceptions that its holder can remove; on ann']
    """
    return _administrative(policy_grants[policy_grants["kind"] == "inline"], attachments)


@check(
    severity="medium",
    title="An old version of a customer managed policy gives administrator access",
    impact=(
        "Anyone with iam:SetDefaultPolicyVersion can put the old version in force and give all "
        "its holders administrator access, without writing a policy."
    ),
    among="customer policies",
    remedy="Delete the version: one API call can make it the default version again.",
    source=VERSIONS,
    errs=ERRS_ON_CONDITIONS,
)
def administrative_old_version(
    policy_old_versions: pd.DataFrame,
    policies: pd.DataFrame,
    policy_grants: pd.DataFrame,
    callers: Principals,
) -> pd.DataFrame:
    """
    Versions other than the default that allow everything, if the default version does not.

    A principal that may call iam:SetDefaultPolicyVersion on the policy can make its holders
    administrators.
    """
    already = policy_grants.loc[policy_grants["administrative"].fillna(value=False), "policy_arn"]
    mine = policies.loc[policies["kind"] == "customer", "policy_arn"]
    old = policy_old_versions[
        policy_old_versions["policy_arn"].isin(mine)
        & ~policy_old_versions["policy_arn"].isin(already)
    ]
    seen = old["problem"].isna()
    holds = pd.Series(administrative(old["document"], callers), old.index, dtype="boolean")
    made = old["created"].dt.strftime(" of %Y-%m-%d").fillna("")
    detail = "version " + old["version_id"] + made + " gives administrator access"
    found = policy_rows(old, holds.where(seen), detail)
    step = "Delete version " + old["version_id"] + " of the policy"
    return found.assign(next_step=step.reindex(found.index))  # an empty frame would take all rows


MAXIMUM: Final = "Allow in it only the maximum permissions that its users and roles may have."


@check(
    severity="medium",
    title="A permissions boundary does not limit anything",
    impact=(
        "A boundary is meant to cap what delegated administrators can hand out. This one caps "
        "nothing, so a user who must set it on new roles can still make an administrator."
    ),
    among="boundaries",
    remedy=MAXIMUM,
    source=BOUNDARIES,
    errs=ERRS_ON_CONDITIONS,
)
def open_boundary(policy_grants: pd.DataFrame, attachments: pd.DataFrame) -> pd.DataFrame:
    """
    Boundaries that allow every action on every resource, to any caller from anywhere.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS
    >>> on = ATTACHMENTS.rows(dict(principal_arn="u", policy_arn="p", how="boundary"))
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", everything=True, conditional=False))
    >>> open_boundary(grants, on).detail.tolist()
    ['allows every action on every resource; bounds 1 identity']
    """
    bounds = attachments.loc[attachments["how"] == "boundary", "policy_arn"].value_counts()
    used = policy_grants[policy_grants["policy_arn"].isin(bounds.index)]
    number = used["policy_arn"].map(bounds)
    who = number.astype("str") + number.eq(1).map({True: " identity", False: " identities"})
    detail = f"{FULL}; bounds " + who
    found = policy_rows(used, used["everything"] & ~used["conditional"], detail)
    changed = used["kind"].eq("customer").reindex(found.index)  # those of AWS are replaced
    return found.assign(next_step=changed.map({True: f"{MAXIMUM} {THEN_OLD}", False: None}))
