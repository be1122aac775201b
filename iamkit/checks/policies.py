"""
Policies that grant too much, and policies with mistakes.

A policy is evaluated by itself, with its Deny statements, for a caller who meets its conditions on
MFA and networks: see `access.policy_grants`. A policy that is only a permissions boundary grants
nothing.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from iamkit.access import THROUGH_IAM
from iamkit.checks.facts import as_platforms_want, graded, reported_elsewhere
from iamkit.checks.registry import INFO, check
from iamkit.checks.role_widths import BEGINNING, CLOSED, NAME, role_widths
from iamkit.checks.wording import (
    ERRS_ON_CONDITIONS,
    GUIDE,
    LEAST_PRIVILEGE,
    THEN_OLD,
    join_names,
    names_by_key,
    policy_rows,
)
from iamkit.reference import escalation_methods
from iamkit.table import TEXT, TRUTH, lists_by_key, stack

NARROW: Final = "Name the actions and resources that its holders need."
WITHOUT_ONE: Final = (
    "Remove one of the actions, or limit it to the roles, users and other resources that it is "
    "meant for."
)
ERRS_ON_TARGETS: Final = (
    "towards reporting: whether the roles, users and resources that the method needs exist is not "
    "examined; towards silence: a policy that names a single resource, or needs a second policy, "
    "does not count"
)


def _granting(policy_grants: pd.DataFrame, attachments: pd.DataFrame, *kinds: str) -> pd.DataFrame:
    """Policies of these kinds, without those that are nothing but a boundary."""
    bounds = attachments["how"] == "boundary"
    bounding = attachments.loc[bounds, "policy_arn"]
    attached = attachments.loc[~bounds, "policy_arn"]
    mine = policy_grants[policy_grants["kind"].isin(kinds or ("customer", "inline"))]
    return mine[~mine["policy_arn"].isin(bounding) | mine["policy_arn"].isin(attached)]


def _full(policies: pd.DataFrame, service: str) -> pd.DataFrame:
    """Fail where a policy gives one service in full; not assessed where it is not known."""
    lists = policies["full_services"]
    holds = lists.map(lambda names: service in names, na_action="ignore").astype(TRUTH)
    found = policy_rows(policies, holds, f"allows every {service} action on every resource")
    return _within(found, policies, "medium")


def _within(found: pd.DataFrame, policies: pd.DataFrame, severity: str) -> pd.DataFrame:
    """Rows with a severity; administrative policies, which other checks report, are noted."""
    whole = policies.loc[policies["administrative"].fillna(value=False), "policy_arn"]
    return graded(found, severity, frozenset(whole))


@check(
    severity="medium",
    title="A policy gives full access to CloudTrail",
    impact=(
        "An attacker can stop the trail or delete it before doing anything else. The log then "
        "ends where the investigation should begin."
    ),
    among="own policies",
    remedy="Remove the actions that stop, delete or change trails. Few identities need them.",
    source=LEAST_PRIVILEGE,
    errs=ERRS_ON_CONDITIONS,
)
def full_access_to_cloudtrail(
    policy_grants: pd.DataFrame, attachments: pd.DataFrame
) -> pd.DataFrame:
    """
    Policies whose holder can stop the recording of its own actions.

    An administrative policy is noted as a fact: other checks are about it and its holders. A policy
    that nobody has counts, too.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS
    >>> grants = POLICY_GRANTS.rows(
    ...     dict(policy_arn="p", kind="inline", full_services=["cloudtrail"]))
    >>> full_access_to_cloudtrail(grants, ATTACHMENTS.rows()).detail.tolist()
    ['allows every cloudtrail action on every resource']
    """
    return _full(_granting(policy_grants, attachments), "cloudtrail")


@check(
    severity="medium",
    title="A policy gives full access to KMS",
    impact=(
        "The holder can decrypt data, and can schedule keys for deletion. Data under a deleted "
        "key cannot be read again by anybody."
    ),
    among="own policies",
    remedy="Name the keys, and separate the permissions to use keys from those to administer them.",
    source=LEAST_PRIVILEGE,
    errs=ERRS_ON_CONDITIONS,
)
def full_access_to_kms(policy_grants: pd.DataFrame, attachments: pd.DataFrame) -> pd.DataFrame:
    """
    Policies whose holder can use, share and delete every key.

    An administrative policy is noted as a fact: other checks are about it and its holders. A policy
    that nobody has counts, too.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS
    >>> grants = POLICY_GRANTS.rows(
    ...     dict(policy_arn="p", kind="customer", full_services=["kms", "s3"]))
    >>> full_access_to_kms(grants, ATTACHMENTS.rows()).detail.tolist()
    ['allows every kms action on every resource']
    """
    return _full(_granting(policy_grants, attachments), "kms")


@check(
    severity="low",
    title="A policy allows subscribing to any AWS Marketplace product",
    impact=(
        "One click can start a contract that costs thousands per month. The software subscribed "
        "to can also run in the account with a role."
    ),
    among="own policies",
    remedy=(
        "Give aws-marketplace:Subscribe only to the people who buy, or use a private marketplace."
    ),
    source="https://docs.aws.amazon.com/marketplace/latest/buyerguide/"
    "buyer-iam-users-groups-policies.html",
    errs=ERRS_ON_CONDITIONS,
)
def marketplace_subscription(
    policy_grants: pd.DataFrame, attachments: pd.DataFrame
) -> pd.DataFrame:
    """
    Policies whose holder can commit the company to pay.

    An administrative policy is noted as a fact: other checks are about it and its holders. A policy
    that nobody has counts, too.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="customer", subscribes=True))
    >>> marketplace_subscription(grants, ATTACHMENTS.rows()).detail.tolist()
    ['allows aws-marketplace:Subscribe on every resource']
    """
    mine = _granting(policy_grants, attachments)
    found = policy_rows(
        mine, mine["subscribes"], "allows aws-marketplace:Subscribe on every resource"
    )
    return _within(found, mine, "low")


@check(
    severity="high",
    title="A policy allows assuming roles that it does not name",
    impact=(
        "The holder can assume every role whose trust policy lets it, including roles made later "
        "with more access. Nobody decides about each of these one by one."
    ),
    among="own policies",
    remedy="List the ARNs of the intended roles under Resource, with their account.",
    source=f"{GUIDE}id_roles_use_permissions-to-switch.html",
    errs="towards reporting: the roles may not trust the holder of the policy",
)
def permissive_role_assumption(
    policy_grants: pd.DataFrame,
    attachments: pd.DataFrame,
    statements: pd.DataFrame | None = None,
    platform_roles: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Policies with sts:AssumeRole on a wildcard: for any role, any account, or any matching name.

    Any role is of high severity, a beginning of names of medium, and one name in any account of
    low severity. What AWS or a platform writes into its own roles is noted as a fact, and so is an
    administrative policy. A policy that nobody has counts, too.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="customer", assumes_any_role=True))
    >>> permissive_role_assumption(grants, ATTACHMENTS.rows()).detail.tolist()
    ['allows sts:AssumeRole on roles that it does not name one by one']
    """
    mine = _granting(policy_grants, attachments)
    said = "allows sts:AssumeRole on roles that it does not name one by one"
    found = _within(policy_rows(mine, mine["assumes_any_role"], said), mine, "high")
    if statements is not None:
        widths = role_widths(statements[statements["policy_arn"].isin(found["subject"])])
        found = found[found["subject"].map(widths).ne(CLOSED)]
        width = found["subject"].map(widths)
        told = found["severity"].ne(INFO)
        found["severity"] = found["severity"].mask(told & width.eq(NAME), "low")
        found["severity"] = found["severity"].mask(told & width.eq(BEGINNING), "medium")
        found["next_step"] = width.map({NAME: OWN_ORGANIZATION}).astype("object")
    of_platform = found["subject"].str.split("#").str[0].isin(as_platforms_want(platform_roles))
    return found.assign(severity=found["severity"].mask(of_platform, INFO))


OWN_ORGANIZATION: Final = (
    "Add a condition on aws:ResourceOrgID or aws:ResourceAccount, or list the accounts of the role "
    "under Resource."
)


def _escalating(
    policies: pd.DataFrame,
    policy_assignments: pd.DataFrame | None,
    escalations: pd.DataFrame | None,
    administrators: pd.DataFrame | None,
) -> pd.DataFrame:
    """
    Fail where a policy alone allows an escalation method; the detail says how many and which.

    If a holder can use the method, the checks of users and roles report the holder, and the policy
    is noted; one of an administrator is a fact. A policy that nobody has is of low severity.
    """
    holds = policies["escalations"].map(bool, na_action="ignore").astype(TRUTH)
    detail = policies["escalations"][holds.fillna(value=False)].map(_methods)
    found = policy_rows(policies, holds, detail)
    several = policies["escalations"].str.len().gt(1).reindex(found.index)
    found["next_step"] = several.map({True: WITHOUT_ONE_OF_EACH, False: WITHOUT_ONE})
    if policy_assignments is None or escalations is None or administrators is None:
        return found
    holders = policy_assignments["principal_arn"]
    by_admins = holders.isin(administrators["principal_arn"])
    by_others = holders.isin(escalations["principal_arn"]) & ~by_admins
    held = found["subject"].isin(policy_assignments["policy_arn"])
    severity = held.map({True: "high", False: "low"})
    used, reported = (
        policy_assignments.loc[by, "policy_arn"] for by in (by_admins | by_others, by_others)
    )
    return reported_elsewhere(graded(found, severity, used), reported, "can_escalate")


WITHOUT_ONE_OF_EACH: Final = (
    "For each way, remove one of its actions, or limit it to the roles, users and other resources "
    "that it is meant for."
)
UNUSED: Final = "Delete it if nobody needs it: it gives administrator access, and nobody has it."


def _methods(found: list[str]) -> str:
    """How many escalation methods these are, and some of their names, those within IAM first."""
    methods = escalation_methods()
    number = f"{len(found)} ways" if len(found) > 1 else "a way"
    ordered = sorted(found, key=lambda method: not method.startswith("iam-"))
    names = join_names(f"{methods[each].name} ({each})" for each in ordered)
    return f"allows {number} to gain permissions: {names}"


@check(
    severity="high",
    title="A customer managed policy by itself allows privilege escalation",
    impact=(
        "Every holder of this policy, now or later, can make itself more powerful with what it "
        "allows. The risk grows with each attachment."
    ),
    among="customer policies",
    remedy=WITHOUT_ONE,
    source=LEAST_PRIVILEGE,
    errs=ERRS_ON_TARGETS,
)
def escalating_customer_policy(
    policy_grants: pd.DataFrame,
    attachments: pd.DataFrame,
    policy_assignments: pd.DataFrame,
    escalations: pd.DataFrame | None = None,
    administrators: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Policies that alone allow all calls of an escalation method.

    A Deny without MFA, from elsewhere, or of one unrelated resource does not prevent it. If a
    holder can use the method, the policy is noted, because `can_escalate` reports the holder; so is
    one whose holder is an administrator. Policies attached to nobody count with low severity:
    anyone who can attach policies can attach them.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, POLICY_ASSIGNMENTS
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="customer", escalations=["iam-001"]))
    >>> found = escalating_customer_policy(grants, ATTACHMENTS.rows(), POLICY_ASSIGNMENTS.rows())
    >>> found.detail.str.endswith("(iam-001); attached to nobody").tolist()
    [True]
    """
    mine = _granting(policy_grants, attachments, "customer")
    found = _escalating(mine, policy_assignments, escalations, administrators)
    nobody = ~found["subject"].isin(policy_assignments["policy_arn"])
    everything = mine["administrative"].fillna(value=False).reindex(found.index)
    return found.assign(
        detail=found["detail"] + nobody.map({True: "; attached to nobody", False: ""}),
        next_step=found["next_step"]
        .mask(everything, f"{NARROW} {THEN_OLD}")
        .mask(everything & nobody, UNUSED),
    )


@check(
    severity="high",
    title="An inline policy by itself allows privilege escalation",
    impact=(
        "Its holder can make itself more powerful with what this policy allows, and it appears in "
        "no list of managed policies."
    ),
    among="inline policies",
    remedy=WITHOUT_ONE,
    source=LEAST_PRIVILEGE,
    errs=ERRS_ON_TARGETS,
)
def escalating_inline_policy(
    policy_grants: pd.DataFrame,
    attachments: pd.DataFrame,
    policy_assignments: pd.DataFrame | None = None,
    escalations: pd.DataFrame | None = None,
    administrators: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Inline policies that alone allow all calls of an escalation method.

    If a holder can use the method, the policy is noted, because `can_escalate` reports the holder;
    so is one whose holder is an administrator.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="u#p", kind="inline", escalations=["sts-001"]))
    >>> escalating_inline_policy(grants, ATTACHMENTS.rows()).status.tolist()
    ['fail']
    """
    mine = _granting(policy_grants, attachments, "inline")
    return _escalating(mine, policy_assignments, escalations, administrators)


@check(
    severity="medium",
    title="A policy allows reading every secret or parameter",
    impact=(
        "One stolen credential of a holder gives the passwords and API keys of every application. "
        "With them, an attacker goes on to databases and other companies' services."
    ),
    among="own policies",
    remedy="Name the secrets and parameters, by path or tag.",
    source="https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html",
    errs=ERRS_ON_CONDITIONS,
)
def reads_every_secret(policy_grants: pd.DataFrame, attachments: pd.DataFrame) -> pd.DataFrame:
    """
    Policies that allow reading every secret or every parameter, except administrative ones.

    A policy that nobody has counts, too.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="customer", reads_secrets=True,
    ...                    administrative=False))
    >>> reads_every_secret(grants, ATTACHMENTS.rows()).detail.tolist()
    ['allows reading every secret of Secrets Manager, or every parameter of Parameter Store']
    """
    mine = _granting(policy_grants, attachments)
    said = "allows reading every secret of Secrets Manager, or every parameter of Parameter Store"
    return policy_rows(mine, mine["reads_secrets"] & ~mine["administrative"], said)


@check(
    severity="medium",
    title="A policy gives full access to a service on every resource",
    impact=(
        "The holder can delete or share every resource of the service, not only its own. A wrong "
        "name in a script or a stolen key then hits systems of other teams."
    ),
    among="own policies",
    remedy=NARROW,
    source=LEAST_PRIVILEGE,
    errs=ERRS_ON_CONDITIONS,
)
def whole_services_everywhere(
    policy_grants: pd.DataFrame,
    attachments: pd.DataFrame,
    statements: pd.DataFrame,
    policy_assignments: pd.DataFrame | None = None,
    administrators: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Allow statements with `service:*`, or with NotAction, on `*` without a condition.

    A service counts if the policy's denies leave all of it; administrative policies are left out,
    and policies that nobody has are not.
    A policy that gives iam:* and no other service is noted as a fact if it makes a holder an
    administrator, because `administrator_through_iam` reports the holder.

    >>> from iamkit.access import POLICY_GRANTS
    >>> from iamkit.tables import ATTACHMENTS, STATEMENTS
    >>> grants = POLICY_GRANTS.rows(dict(policy_arn="p", kind="customer", administrative=False,
    ...                    full_services=["kms", "s3"]))
    >>> s3 = dict(policy_arn="p", effect="Allow", actions=["s3:*"], not_actions=[],
    ...           any_resource=True, conditional=False)
    >>> whole_services_everywhere(grants, ATTACHMENTS.rows(), STATEMENTS.rows(s3)).detail.tolist()
    ['allows s3:* on every resource']
    """
    mine = _granting(policy_grants, attachments)
    said = _whole_services(mine, statements)
    holds = (said.notna() & ~mine["administrative"]).mask(mine["administrative"].isna())
    found = policy_rows(mine, holds, "allows " + said + " on every resource")
    if policy_assignments is None or administrators is None:
        return found
    only_iam = mine.loc[said.eq("iam:*").fillna(value=False), "policy_arn"]
    through = administrators.loc[administrators["admin"].eq(THROUGH_IAM), "principal_arn"]
    held = policy_assignments[policy_assignments["principal_arn"].isin(through)]
    noted = frozenset(only_iam) & frozenset(held["policy_arn"])
    return graded(found, "medium", noted, "administrator_through_iam")


def _whole_services(policies: pd.DataFrame, statements: pd.DataFrame) -> pd.Series[str]:
    """What each policy allows with wildcards `service:*` and with NotAction, in words."""
    wide = statements[statements["any_resource"] & ~statements["conditional"]]
    wide = wide[wide["effect"].eq("Allow") & wide["problem"].isna()]
    given = policies[["policy_arn", "full_services"]].explode("full_services").dropna()
    given["said"] = given["full_services"].astype(TEXT) + ":*"
    asked = wide[["policy_arn", "actions"]].explode("actions")
    asked["said"] = asked["actions"].astype(TEXT).str.lower()
    most = wide[wide["not_actions"].map(bool) & wide["policy_arn"].isin(given["policy_arn"])]
    lists = most["not_actions"].map(lambda names: f"all except {join_names(names)}")
    found = stack(
        asked.merge(given, on=["policy_arn", "said"])[["policy_arn", "said"]],
        most[["policy_arn"]].assign(said=lists),
    )
    return names_by_key(policies["policy_arn"], found["policy_arn"], found["said"])


def _own_lint(lint: pd.DataFrame) -> pd.DataFrame:
    return lint[lint["kind"].isin(["customer", "inline"])]


def _problems(lint: pd.DataFrame) -> pd.DataFrame:
    """Rows of a check: the problems of each policy, and what to write instead of them all."""
    found = lint[["policy_arn"]].drop_duplicates().rename(columns={"policy_arn": "subject"})
    detail = names_by_key(found["subject"], lint["policy_arn"], lint["problem"])
    said = lint.dropna(subset="suggestion")
    steps = {
        arn: "; ".join(dict.fromkeys(texts))
        for arn, texts in lists_by_key(said["policy_arn"], said["suggestion"]).items()
    }
    step = found["subject"].map(steps).astype("object")
    return found.assign(detail=detail, next_step=step).reset_index(drop=True)


@check(
    severity="medium",
    title="A policy has another effect than it seems to have",
    impact=(
        "People rely on what the statement seems to say. It may allow what they believe is "
        "denied, and a review by eye does not see it."
    ),
    among="own policies",
    remedy="Correct the statement, so that it has the intended effect.",
    source=f"{GUIDE}access-analyzer-reference-policy-checks.html",
    errs="either way, as each rule of the policy page says",
)
def policy_says_otherwise(lint: pd.DataFrame) -> pd.DataFrame:
    """
    Policies with a serious mistake, such as a Deny without effect or an Allow for everybody.

    Examples: `Bool` instead of `BoolIfExists`, or 0.0.0.0/0 in a list of networks.

    >>> from iamkit.lint import LINT
    >>> lint = LINT.rows(dict(policy_arn="p", kind="customer", severity="high", problem="Effect"))
    >>> policy_says_otherwise(lint).detail.tolist()
    ['Effect']
    """
    own = _own_lint(lint)
    return _problems(own[own["severity"] == "high"])


@check(
    severity="low",
    title="A policy contains actions that do not exist",
    impact=(
        "A misspelt action in an Allow breaks a program; in a Deny it leaves open what its author "
        "meant to forbid."
    ),
    among="own policies",
    remedy="Correct the name, or remove it.",
    source="https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html",
    errs=(
        "towards reporting: an action that is newer than the kit's list of actions counts as not "
        "existing"
    ),
)
def policy_names_nothing(lint: pd.DataFrame) -> pd.DataFrame:
    """
    Policies with a misspelt or retired action, or a wildcard that matches no action.

    >>> from iamkit.lint import LINT
    >>> lint = LINT.rows(dict(policy_arn="p", kind="inline", rule="unknown-action",
    ...                       problem='"s3:GetObjekt" is not a known action'))
    >>> policy_names_nothing(lint).detail.tolist()
    ['"s3:GetObjekt" is not a known action']
    """
    own = _own_lint(lint)
    return _problems(own[own["rule"] == "unknown-action"])
