"""
Trust policies: which strangers, other accounts and services may assume a role, and who does.

Each trust policy is tried with a caller whom it should keep out, see `doors`: somebody with an
account of their own, a vendor at work for another customer, a service at work for another account.
These checks err towards reporting. A trust policy that cannot be read is not assessed.

Source: IAM User Guide, "The confused deputy problem", "Access to AWS accounts owned by third
parties" and "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from iamkit.callers import Callers
from iamkit.checks.credentials import ago
from iamkit.doors import (
    DEPUTY,
    VENDOR,
    WORD,
    foreign,
    guises,
    lets_in,
    open_to_anyone,
    reported,
    ways_in,
)
from iamkit.findings import check
from iamkit.patterns import ABSENT
from iamkit.settings import Settings

GUIDE: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
READ_ONLY: Final = ":iam::aws:policy/ReadOnlyAccess"

# Services that assume a role only for a resource of the role's own account, to which somebody had
# to pass it there (iam:PassRole), and whose role has one purpose: an instance, a function.
# Source: EC2 User Guide, "IAM roles for Amazon EC2"; Lambda Developer Guide, "Execution role"; IAM
# User Guide, "Grant a user permissions to pass a role to an AWS service": not across accounts.
PASSED: Final = ("ec2.amazonaws.com", "lambda.amazonaws.com", "edgelambda.amazonaws.com")


@check(
    severity="critical",
    title="A role that anyone with an AWS account may assume",
    among="roles",
    remedy="Name the accounts or roles that you trust under Principal.",
    source=f"{GUIDE}reference_policies_elements_principal.html",
    errs="towards reporting: what a condition asks that nobody knows helps the caller",
)
def anyone_may_assume(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """
    Roles whose trust policy lets in a stranger: Principal * or an Allow with NotPrincipal.

    A condition on organization, account, source, network or endpoint keeps strangers out; one on
    aws:PrincipalArn does unless its account is a wildcard, since names can be chosen. One on
    sts:ExternalId alone does not: AWS does not treat it as a secret. Nor does one on MFA or tags.

    >>> from iamkit.schema import ROLES, TRUST
    >>> trust = TRUST.rows(dict(role_arn="r", index=0, effect="Allow", principal_type="*",
    ...     principal="*", negated=False, actions=["sts:AssumeRole"], conditions={}))
    >>> anyone_may_assume(trust, ROLES.rows()).detail.tolist()
    ['statement 1 lets in anyone with an AWS account']
    """
    hit = open_to_anyone(ways_in(trust, roles))
    idle = lets_in(hit, lambda door: [each.but({"sts:externalid": WORD}) for each in guises(door)])
    said = pd.Series("anyone with an AWS account", index=hit.index)
    said = said.mask(~idle, "anyone who learns the external id, which AWS does not treat as secret")
    where = "statement " + ("“" + hit["sid"] + "”").fillna((hit["index"] + 1).astype("str"))
    return reported(hit, where + " lets in " + said, trust, roles)


@check(
    severity="high",
    title="Another account may assume the role without an external id",
    among="roles",
    remedy="Ask for an external id that only you and they use (sts:ExternalId); if the account is "
    "yours, add it to known_accounts in the settings.",
    source=f"{GUIDE}id_roles_common-scenarios_third-party.html",
    errs="towards reporting: which accounts are yours, only the settings say",
)
def vendor_without_external_id(
    trust: pd.DataFrame, roles: pd.DataFrame, callers: Callers, settings: Settings
) -> pd.DataFrame:
    """
    Roles that trust an account that is not known to be yours, whoever it acts for.

    A vendor's other customers could have it act in this account (the confused deputy). The
    organization's management account is yours; a condition that asks for an organization is taken
    to name your own.

    >>> from types import SimpleNamespace
    >>> from iamkit.schema import ORGANIZATION, ROLES, TRUST
    >>> trust = TRUST.rows(dict(role_arn="r", index=0, effect="Allow", principal_type="AWS",
    ...     principal="arn:aws:iam::999988887777:root", account_id="999988887777",
    ...     negated=False, actions=["sts:AssumeRole"], conditions={}))
    >>> own = SimpleNamespace(account_id="111122223333", organization=ORGANIZATION.rows())
    >>> vendor_without_external_id(
    ...     trust, ROLES.rows(), SimpleNamespace(account=own), Settings()).detail.tolist()
    ['account 999988887777 may assume it without an external id']
    """
    doors = foreign(ways_in(trust, roles), callers, settings)
    asked = [VENDOR.but({"sts:externalid": each}) for each in (ABSENT, WORD)]
    hit = doors[lets_in(doors, lambda _: asked)]
    said = "account " + hit["account_id"] + " may assume it without an external id"
    return reported(hit, said, trust, roles)


@check(
    severity="low",
    title="A service may be led to assume the role for somebody else",
    among="roles",
    remedy="Add a condition on aws:SourceAccount or aws:SourceArn, after looking up in the "
    "service's documentation that it sends the key.",
    source=f"{GUIDE}confused-deputy.html",
    errs="towards reporting: which services send these keys, no page of AWS's lists",
)
def service_without_source(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """
    Roles that a service may assume whosever resource it works for (the confused deputy).

    A condition on aws:SourceAccount, aws:SourceArn, the source's organization, an external id or
    aws:PrincipalAccount prevents it. Roles of instances and functions pass: they are only ever
    assumed for a resource of their own account, to which somebody may pass them. Service-linked
    roles have no trust policy to write.

    >>> from iamkit.schema import ROLES, TRUST
    >>> door = dict(role_arn="r", index=0, effect="Allow", principal_type="Service",
    ...     negated=False, actions=["sts:AssumeRole"], conditions={})
    >>> trust = TRUST.rows({**door, "principal": "events.amazonaws.com"},
    ...                    {**door, "principal": "ec2.amazonaws.com"})
    >>> service_without_source(trust, ROLES.rows()).detail.tolist()
    ['events.amazonaws.com may assume it for any account']
    """
    doors = ways_in(trust, roles)
    service = doors["principal"].fillna("").str.lower().str.removesuffix(".cn")
    doors = doors[doors["principal_type"].eq("Service") & ~service.isin(PASSED)]
    hit = doors[lets_in(doors, lambda _: [DEPUTY])]
    return reported(hit, hit["principal"] + " may assume it for any account", trust, roles)


@check(
    severity="medium",
    title="Another account may read everything",
    among="roles",
    remedy="Give the role only what the other account needs, such as ViewOnlyAccess, which shows "
    "no contents of data; if the account is yours, add it to known_accounts in the settings.",
    source=f"{GUIDE}best-practices.html (Apply least-privilege permissions)",
    errs="towards reporting: a boundary that takes reading away is not looked at",
)
def cross_account_read_only(
    trust: pd.DataFrame,
    roles: pd.DataFrame,
    holdings: pd.DataFrame,
    callers: Callers,
    settings: Settings,
) -> pd.DataFrame:
    """
    Roles with AWS's ReadOnlyAccess that another account, or anyone, may assume.

    That policy reads data, not only settings: objects, tables, parameters. An external id changes
    whom the account acts for, not what it may read.

    >>> from types import SimpleNamespace
    >>> from iamkit.schema import HOLDINGS, ORGANIZATION, ROLES, TRUST
    >>> held = HOLDINGS.rows(
    ...     dict(principal_arn="r", policy_arn="arn:aws:iam::aws:policy/ReadOnlyAccess"))
    >>> trust = TRUST.rows(dict(role_arn="r", index=0, effect="Allow", principal_type="AWS",
    ...     principal="999988887777", account_id="999988887777", negated=False,
    ...     actions=["sts:AssumeRole"], conditions={}))
    >>> own = SimpleNamespace(account_id="111122223333", organization=ORGANIZATION.rows())
    >>> cross_account_read_only(
    ...     trust, ROLES.rows(), held, SimpleNamespace(account=own), Settings()).detail.tolist()
    ['account 999988887777 may assume it, and ReadOnlyAccess reads data too']
    """
    reads = holdings.loc[holdings["policy_arn"].str.endswith(READ_ONLY), "principal_arn"]
    doors = ways_in(trust, roles)
    doors = doors[doors["role_arn"].isin(reads)]
    named = foreign(doors, callers, settings)
    named = named[lets_in(named, lambda _: [VENDOR])]
    hit = pd.concat([named, open_to_anyone(doors)])
    who = ("account " + hit["account_id"]).fillna("anyone with an AWS account")
    said = who + " may assume it, and ReadOnlyAccess reads data too"
    return reported(hit, said, trust[trust["role_arn"].isin(reads)], roles)


@check(
    severity="low",
    title="A role that nobody uses",
    among="roles",
    remedy="Take the role's permissions away, and delete it when nobody misses them.",
    source=f"{GUIDE}best-practices.html (Regularly review and remove unused users, roles, ...)",
    errs="towards reporting: AWS looks back 400 days, so an earlier use counts as none",
)
def unused_role(roles: pd.DataFrame, as_of: pd.Timestamp, settings: Settings) -> pd.DataFrame:
    """
    Roles not assumed for as long as the settings' `unused_role_days`, or never, and made before.

    A role with neither a use nor a day of creation is not assessed.

    >>> from iamkit.schema import ROLES
    >>> made = ROLES.rows(dict(role_arn="r", created="2024-01-01T00:00Z", service_linked=False))
    >>> unused_role(made, pd.Timestamp("2026-01-01T00:00Z"), Settings()).detail.tolist()
    ['no use within 400 days; made 731 days ago']
    """
    own = roles[~roles["service_linked"]]
    made = (as_of - own["created"]).dt.days
    idle = (as_of - own["last_used"]).dt.days
    undated = own["created"].isna() & own["last_used"].isna()
    hit = own[idle.fillna(made).ge(settings.unused_role_days) | undated]
    never = "no use within 400 days; made " + ago(made[hit.index])
    never = never.mask(made[hit.index] <= 400, "never used; made " + ago(made[hit.index]))
    said = ("last used " + ago(idle[hit.index])).where(hit["last_used"].notna(), never)
    return pd.DataFrame(
        {
            "subject": hit["role_arn"],
            "detail": said.mask(undated, "the evidence has neither a use nor a day of creation"),
            "status": undated[hit.index].map({True: "not assessed", False: "fail"}),
        }
    )
