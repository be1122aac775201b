"""
Trust policies: which strangers, other accounts and services may assume a role, and who does.

Each trust policy is tried with a caller whom it should keep out, see `crossings.TRUSTED_PRINCIPALS`: somebody
with an account of their own, a vendor at work for another customer, a service at work for another
account. These checks err towards reporting. A trust policy that cannot be read is not assessed.

Source: IAM User Guide, "The confused deputy problem", "Access to AWS accounts owned by third
parties" and "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.checks.registry import check
from iamkit.checks.wording import ADMIN, GUIDE, ago, names_by_key
from iamkit.settings import Settings
from iamkit.table import stack
from iamkit.tables import without_service_linked
from iamkit.trust import days_idle

READ_ONLY: Final = ":iam::aws:policy/ReadOnlyAccess"


def reported(
    hit: pd.DataFrame, said: pd.Series[Any], trusted_principals: pd.DataFrame
) -> pd.DataFrame:
    """One row per role of what was found, and one for each that has a door nobody can read."""
    odd = trusted_principals[trusted_principals["who"].eq("unreadable")]
    unread = "its trust policy cannot be read: "
    parts = [
        pd.DataFrame({"subject": table["role_arn"], "detail": text, "status": status})
        for table, text, status in ((hit, said, "fail"), (odd, odd["open_to"], "not assessed"))
    ]
    whole = stack(*parts).drop_duplicates()
    joined = whole.groupby(["subject", "status"], sort=False)["detail"].agg("; ".join)
    made = joined.reset_index()
    return made.assign(
        detail=made["detail"].where(made["status"].eq("fail"), unread + made["detail"])
    )


@check(
    severity="critical",
    title="A role that anyone with an AWS account may assume",
    among="roles",
    remedy="Name the accounts or roles that you trust under Principal.",
    source=f"{GUIDE}reference_policies_elements_principal.html",
    errs="towards reporting: what a condition asks that nobody knows helps the caller",
)
def anyone_may_assume(trusted_principals: pd.DataFrame) -> pd.DataFrame:
    """
    Roles whose trust policy lets in a stranger: Principal * or an Allow with NotPrincipal.

    A condition on organization, account, source, network or endpoint keeps strangers out; one on
    aws:PrincipalArn does unless its account is a wildcard, since names can be chosen. One on
    sts:ExternalId alone does not: AWS does not treat it as a secret. Nor does one on MFA or tags.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted_principals = TRUSTED_PRINCIPALS.rows(dict(role_arn="r", who="anyone", statement="statement 1",
    ...                         open_to="anyone with an AWS account"))
    >>> anyone_may_assume(trusted_principals).detail.tolist()
    ['statement 1 lets in anyone with an AWS account']
    """
    hit = trusted_principals[trusted_principals["who"].eq("anyone")]
    return reported(hit, hit["statement"] + " lets in " + hit["open_to"], trusted_principals)


@check(
    severity="high",
    title="Another account may assume the role without an external id",
    among="roles",
    remedy="Ask for an external id that only you and they use (sts:ExternalId); if the account is "
    "yours, add it to known_accounts in the settings.",
    source=f"{GUIDE}id_roles_common-scenarios_third-party.html",
    errs="towards reporting: which accounts are yours, only the settings and AWS Organizations say",
)
def vendor_without_external_id(trusted_principals: pd.DataFrame) -> pd.DataFrame:
    """
    Roles that trust an account that is not known to be yours, whoever it acts for.

    A vendor's other customers could have it act in this account (the confused deputy). The accounts
    of the settings and of the organization are yours; a condition that asks for an organization is
    taken to name your own.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted_principals = TRUSTED_PRINCIPALS.rows(dict(role_arn="r", who="unknown account", account_id="999988887777",
    ...                         problem="no external id"))
    >>> vendor_without_external_id(trusted_principals).detail.tolist()
    ['account 999988887777 may assume it without an external id']
    """
    hit = trusted_principals[trusted_principals["problem"].eq("no external id")]
    said = "account " + hit["account_id"] + " may assume it without an external id"
    return reported(hit, said, trusted_principals)


@check(
    severity="low",
    title="A service may be led to assume the role for somebody else",
    among="roles",
    remedy="Add a condition on aws:SourceAccount or aws:SourceArn, after looking up in the "
    "service's documentation that it sends the key.",
    source=f"{GUIDE}confused-deputy.html",
    errs="towards reporting: which services send these keys, no page of AWS's lists",
)
def service_without_source(trusted_principals: pd.DataFrame) -> pd.DataFrame:
    """
    Roles that a service may assume whosever resource it works for (the confused deputy).

    A condition on aws:SourceAccount, aws:SourceArn, the source's organization, an external id or
    aws:PrincipalAccount prevents it. Roles of instances and functions pass: they are only ever
    assumed for a resource of their own account, to which somebody may pass them. Service-linked
    roles have no trust policy to write.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted_principals = TRUSTED_PRINCIPALS.rows(dict(role_arn="r", who="service", principal="events.amazonaws.com",
    ...                         problem="no source"))
    >>> service_without_source(trusted_principals).detail.tolist()
    ['events.amazonaws.com may assume it for any account']
    """
    hit = trusted_principals[trusted_principals["problem"].eq("no source")]
    return reported(hit, hit["principal"] + " may assume it for any account", trusted_principals)


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
    trusted_principals: pd.DataFrame, policy_assignments: pd.DataFrame
) -> pd.DataFrame:
    """
    Roles with AWS's ReadOnlyAccess that another account, or anyone, may assume.

    The policy reads what is stored, not only what there is. An external id makes no difference. The
    accounts of the settings and of the organization are yours.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> from iamkit.tables import POLICY_ASSIGNMENTS
    >>> held = POLICY_ASSIGNMENTS.rows(
    ...     dict(principal_arn="r", policy_arn="arn:aws:iam::aws:policy/ReadOnlyAccess"))
    >>> trusted_principals = TRUSTED_PRINCIPALS.rows(dict(role_arn="r", who="unknown account", account_id="999988887777"))
    >>> cross_account_read_only(trusted_principals, held).detail.tolist()
    ['account 999988887777 may assume it, and ReadOnlyAccess reads data too']
    """
    reads = policy_assignments.loc[
        policy_assignments["policy_arn"].str.endswith(READ_ONLY), "principal_arn"
    ]
    trusted_principals = trusted_principals[trusted_principals["role_arn"].isin(reads)]
    hit = trusted_principals[trusted_principals["who"].isin(["unknown account", "anyone"])]
    who = ("account " + hit["account_id"]).fillna("anyone with an AWS account")
    return reported(
        hit, who + " may assume it, and ReadOnlyAccess reads data too", trusted_principals
    )


@check(
    severity="medium",
    title="An administrator's role is open to the whole account",
    among="roles",
    remedy="Name under Principal of the trust policy the users and roles that need it; what the "
    "account's root ARN lets in, every policy with sts:AssumeRole on * decides.",
    source=f"{GUIDE}reference_policies_elements_principal.html",
    errs="towards reporting: how many policies allow sts:AssumeRole on it is not counted",
)
def administrator_role_open_to_account(
    trusted_principals: pd.DataFrame, administrators: pd.DataFrame
) -> pd.DataFrame:
    """
    Administrators' roles whose trust policy names the account, not who in it.

    A condition on names or tags narrows it enough; one on MFA does not say who. Who comes in for
    certain, `can_become_administrator` says of each.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted_principals = TRUSTED_PRINCIPALS.rows(dict(role_arn="r", who="own account", statement="statement 1",
    ...     open_to="whoever in this account may call sts:AssumeRole on it"))
    >>> admins = pd.DataFrame({"principal_arn": ["r"], "admin": ["everything"]})
    >>> administrator_role_open_to_account(trusted_principals, admins).detail.tolist()
    ['can do everything, and lets in whoever in this account may call sts:AssumeRole on it']
    """
    powerful = administrators.set_index("principal_arn")["admin"].map(ADMIN)
    trusted_principals = trusted_principals[trusted_principals["role_arn"].isin(powerful.index)]
    hit = trusted_principals[trusted_principals["who"].eq("own account")]
    said = hit["role_arn"].map(powerful) + ", and lets in " + hit["open_to"]
    return reported(hit, said, trusted_principals)


@check(
    severity="medium",
    title="Outsiders who come in by the role may go on to other accounts",
    among="roles",
    remedy="Take sts:AssumeRole away, or name under Resource the one role that the work needs.",
    source=f"{GUIDE}id_roles.html (Role chaining)",
    errs="towards reporting: whether the other accounts let the role in is not in the evidence",
)
def outsiders_go_on(trusted_principals: pd.DataFrame, outbound_roles: pd.DataFrame) -> pd.DataFrame:
    """
    Roles that anyone, an unknown account or too many of a provider's identities may assume, and
    whose own policies let them assume roles of other accounts: to those, the caller is you.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS, OUTBOUND_ROLES
    >>> trusted_principals = TRUSTED_PRINCIPALS.rows(dict(role_arn="r", who="anyone", open_to="anyone with an AWS account"))
    >>> on = OUTBOUND_ROLES.rows(dict(principal_arn="r", role="arn:aws:iam::444455556666:role/ops"))
    >>> outsiders_go_on(trusted_principals, on).detail.tolist()
    ['anyone with an AWS account may go on to arn:aws:iam::444455556666:role/ops']
    """
    trusted_principals = trusted_principals[
        trusted_principals["role_arn"].isin(outbound_roles["principal_arn"])
    ]
    outsider = trusted_principals["who"].isin(["anyone", "unknown account"])
    hit = trusted_principals[
        outsider | trusted_principals["problem"].isin(["loose subject", "no audience"])
    ]
    further = names_by_key(hit["role_arn"], outbound_roles["principal_arn"], outbound_roles["role"])
    return reported(hit, hit["open_to"] + " may go on to " + further, trusted_principals)


@check(
    severity="low",
    title="A trust policy names an identity that no longer exists",
    among="roles",
    remedy="Take the id out of the trust policy; if its successor needs the role, name that.",
    source=f"{GUIDE}reference_policies_elements_principal.html",
)
def trusts_deleted_identity(trusted_principals: pd.DataFrame) -> pd.DataFrame:
    """
    Roles that trust an id instead of an ARN: what IAM shows of a user or role that was deleted.

    Nobody comes in by it, not even a new user or role of the same name, so whoever the door was
    made for is shut out, and nobody has looked at it since.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted_principals = TRUSTED_PRINCIPALS.rows(dict(role_arn="r", who="deleted identity",
    ...                         principal="AROAEXAMPLEEXAMPLEEXA"))
    >>> trusts_deleted_identity(trusted_principals).detail.tolist()
    ['names AROAEXAMPLEEXAMPLEEXA, a user or role that was deleted']
    """
    hit = trusted_principals[trusted_principals["who"].eq("deleted identity")]
    said = "names " + hit["principal"] + ", a user or role that was deleted"
    return reported(hit, said, trusted_principals)


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

    >>> from iamkit.tables import ROLES
    >>> made = ROLES.rows(dict(role_arn="r", created="2024-01-01T00:00Z", service_linked=False))
    >>> unused_role(made, pd.Timestamp("2026-01-01T00:00Z"), Settings()).detail.tolist()
    ['no use within 400 days; made 731 days ago']
    """
    own = without_service_linked(roles, roles, "role_arn")
    made = (as_of - own["created"]).dt.days
    idle = days_idle(own, as_of)
    undated = idle.isna()
    hit = own[idle.ge(settings.unused_role_days).fillna(value=True)]
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
