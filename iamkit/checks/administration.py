"""
Policies that give full administration, now or as soon as somebody attaches or restores them.

A policy is judged by itself, with its denies and for a caller who meets its conditions on the way
in: see `powers`.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.access import Principals, administrative
from iamkit.checks.registry import check
from iamkit.table import TEXT

BOUNDARIES: Final = (
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"
)

VERSIONS: Final = (
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html"
)

CIS: Final = "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-1"
WHOLE: Final = "allows every action on every resource"
ERRS: Final = "towards silence: what a condition on an unknown key guards is not counted"


def wrong(policies: pd.DataFrame, holds: pd.Series[Any], detail: Any) -> pd.DataFrame:
    """
    Return rows of a check on policies: fail where `holds`, not assessed where that is missing.

    `policies` are rows of `POLICY_GRANTS` or joined to them; `detail` is a text or a column of them.
    """
    said = pd.DataFrame({"subject": policies["policy_arn"], "detail": detail}, policies.index)
    said["detail"] = said["detail"].where(holds.notna(), "its document is not in the evidence")
    said["status"] = holds.notna().map({True: "fail", False: "not assessed"})
    return said[holds.fillna(value=True)]


def some(names: pd.Series[str]) -> str:
    """
    Join up to three names, or two and how many more.

    >>> some(pd.Series(["Admins", "ops", "ci", "deploy"]))
    'Admins, ops and 2 more'
    """
    names = names.dropna().drop_duplicates()
    more = f" and {len(names) - 2} more" if len(names) > 3 else ""
    return ", ".join(names[:2] if more else names) + more


def named(keys: pd.Series[str], of: pd.Series[str], names: pd.Series[str]) -> pd.Series[str]:
    """For each key, `some` of the names that go with it; missing where there are none."""
    wanted = of.isin(keys)
    return keys.map(names[wanted].groupby(of[wanted]).agg(some)).astype(TEXT)


def _administrative(policies: pd.DataFrame, attachments: pd.DataFrame) -> pd.DataFrame:
    """Fail where one of these policies is administrative; the detail says who has it."""
    policies = policies[policies["administrative"].fillna(value=True)]
    names = attachments["principal_arn"].str.rsplit("/", n=1).str[-1]
    on = named(policies["policy_arn"], attachments["policy_arn"], names)
    whole = policies["everything"].fillna(value=True)
    met = policies["conditional"].fillna(value=False)
    detail = whole.map(
        {True: WHOLE, False: "allows all but a few exceptions that its holder can lift"}
    )
    detail += met.map({True: ", if its conditions are met", False: ""})
    detail += ("; on " + on).fillna("")
    return wrong(policies, policies["administrative"], detail)


def _of(
    policy_grants: pd.DataFrame, kind: str, policy_assignments: pd.DataFrame, *, held: bool
) -> pd.DataFrame:
    return policy_grants[
        policy_grants["kind"].eq(kind)
        & policy_grants["policy_arn"].isin(policy_assignments["policy_arn"]).eq(held)
    ]


@check(
    severity="high",
    title="A policy managed by AWS that gives full administration is attached",
    among="attached AWS managed policies",
    remedy="Attach policies for what its holders do instead; keep one administrator role for "
    "emergencies, assumed with MFA.",
    source=CIS,
    errs=ERRS,
)
def administrative_aws_policy(
    policy_grants: pd.DataFrame, policy_assignments: pd.DataFrame, attachments: pd.DataFrame
) -> pd.DataFrame:
    """
    Attached policies of AWS's that allow everything, judged by what is in them, not by name.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, POLICY_ASSIGNMENTS
    >>> arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    >>> on = dict(principal_arn="arn:aws:iam::111122223333:role/ops", policy_arn=arn)
    >>> policy_grants = POLICY_GRANTS.rows(dict(policy_arn=arn, kind="aws", everything=True,
    ...                           administrative=True, conditional=False))
    >>> administrative_aws_policy(policy_grants, POLICY_ASSIGNMENTS.rows(on), ATTACHMENTS.rows(on)).detail.tolist()
    ['allows every action on every resource; on ops']
    """
    return _administrative(_of(policy_grants, "aws", policy_assignments, held=True), attachments)


@check(
    severity="critical",
    title="An attached customer managed policy gives full administration",
    among="attached customer policies",
    remedy="Replace it by policies that name the actions and resources its holders need.",
    source=CIS,
    errs=ERRS,
)
def administrative_customer_policy(
    policy_grants: pd.DataFrame, policy_assignments: pd.DataFrame, attachments: pd.DataFrame
) -> pd.DataFrame:
    """
    Attached customer policies that allow everything, however that is written.

    `Action: "*:*"`, `NotAction`, a `*` among other resources, and an Allow under a condition that
    the right caller meets, all count; an Allow that a Deny of the policy takes back does not.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, POLICY_ASSIGNMENTS
    >>> on = dict(principal_arn="arn:aws:iam::111122223333:user/ann", policy_arn="p")
    >>> policy_grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="customer", everything=True,
    ...                           administrative=True, conditional=True))
    >>> found = administrative_customer_policy(policy_grants, POLICY_ASSIGNMENTS.rows(on), ATTACHMENTS.rows(on))
    >>> found.detail.tolist()
    ['allows every action on every resource, if its conditions are met; on ann']
    """
    return _administrative(
        _of(policy_grants, "customer", policy_assignments, held=True), attachments
    )


@check(
    severity="low",
    title="A customer managed policy that nobody has gives full administration",
    among="unattached customer policies",
    remedy="Delete it: whoever may attach a policy may attach this one.",
    source=CIS,
    errs=ERRS,
)
def administrative_unattached_policy(
    policy_grants: pd.DataFrame, policy_assignments: pd.DataFrame, attachments: pd.DataFrame
) -> pd.DataFrame:
    """
    Customer policies on nobody that allow everything; a boundary is `open_boundary`'s matter.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, POLICY_ASSIGNMENTS
    >>> policy_grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="customer", everything=True,
    ...                           administrative=True))
    >>> found = administrative_unattached_policy(policy_grants, POLICY_ASSIGNMENTS.rows(), ATTACHMENTS.rows())
    >>> found.detail.tolist()
    ['allows every action on every resource']
    """
    unused = _of(policy_grants, "customer", policy_assignments, held=False)
    bounds = attachments.loc[attachments["how"] == "boundary", "policy_arn"]
    return _administrative(unused[~unused["policy_arn"].isin(bounds)], attachments)


@check(
    severity="critical",
    title="An inline policy gives full administration",
    among="inline policies",
    remedy="Replace it by policies that name the actions and resources its owner needs.",
    source=CIS,
    errs=ERRS,
)
def administrative_inline_policy(
    policy_grants: pd.DataFrame, attachments: pd.DataFrame
) -> pd.DataFrame:
    """
    Inline policies of users, groups and roles that allow everything.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS
    >>> on = dict(principal_arn="arn:aws:iam::111122223333:user/ann", policy_arn="p", how="inline")
    >>> policy_grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="inline", everything=False,
    ...                           administrative=True))
    >>> administrative_inline_policy(policy_grants, ATTACHMENTS.rows(on)).detail.tolist()
    ['allows all but a few exceptions that its holder can lift; on ann']
    """
    return _administrative(policy_grants[policy_grants["kind"] == "inline"], attachments)


@check(
    severity="medium",
    title="An old version of a policy gives full administration",
    among="customer policies",
    remedy="Delete the version: one call makes it the default again.",
    source=VERSIONS,
    errs=ERRS,
)
def administrative_old_version(
    policy_old_versions: pd.DataFrame,
    policies: pd.DataFrame,
    policy_grants: pd.DataFrame,
    callers: Principals,
) -> pd.DataFrame:
    """
    Versions not in force that allow everything, of customer policies that do not themselves.

    Whoever may call iam:SetDefaultPolicyVersion on the policy makes its holders administrators.
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
    detail = "version " + old["version_id"] + made + " gives full administration"
    found = wrong(old, holds.where(seen), detail)
    return found.assign(step="Delete version " + old["version_id"] + " of the policy")


@check(
    severity="medium",
    title="A permissions boundary limits nothing",
    among="boundaries",
    remedy="Allow in it only what those who have it may at most do.",
    source=BOUNDARIES,
    errs=ERRS,
)
def open_boundary(policy_grants: pd.DataFrame, attachments: pd.DataFrame) -> pd.DataFrame:
    """
    Boundaries that allow every action on every resource, whoever asks from wherever.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS
    >>> on = ATTACHMENTS.rows(dict(principal_arn="u", policy_arn="p", how="boundary"))
    >>> policy_grants = POLICY_GRANTS.rows(dict(policy_arn="p", everything=True, conditional=False))
    >>> open_boundary(policy_grants, on).detail.tolist()
    ['allows every action on every resource; bounds 1 identity']
    """
    bounds = attachments.loc[attachments["how"] == "boundary", "policy_arn"].value_counts()
    used = policy_grants[policy_grants["policy_arn"].isin(bounds.index)]
    number = used["policy_arn"].map(bounds)
    who = number.astype("str") + number.eq(1).map({True: " identity", False: " identities"})
    detail = f"{WHOLE}; bounds " + who
    return wrong(used, used["everything"] & ~used["conditional"], detail)
