"""
Trust policies: which outsiders, other accounts and services may assume a role.

Each trust policy is tested with callers that it should reject, see `trust.TRUSTED_PRINCIPALS`: a
caller with an AWS account of its own, a vendor acting for another customer, a service acting for
another account. These checks err towards reporting. A trust policy that cannot be read is not
assessed.

Source: IAM User Guide, "The confused deputy problem", "Access to AWS accounts owned by third
parties" and "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.arns import AWS_MANAGED
from iamkit.checks.facts import graded, of_platforms, reported_elsewhere
from iamkit.checks.registry import check
from iamkit.checks.use import RECENT
from iamkit.checks.wording import ADMIN, GUIDE, UNSURE, ago, names_by_key
from iamkit.reference import platform_roles as known_platforms
from iamkit.reference import service_deputies
from iamkit.table import TEXT, lists_by_key, stack
from iamkit.trust import GENUINE, IMPOSTOR, NOT_KNOWN

READ_ONLY: Final = f"{AWS_MANAGED}ReadOnlyAccess"


def reported(
    hit: pd.DataFrame, said: pd.Series[Any], trusted_principals: pd.DataFrame
) -> pd.DataFrame:
    """One row per role with a finding, and one per role with an unreadable trust statement."""
    unreadable = trusted_principals[trusted_principals["who"].eq("unreadable")]
    if hit.empty and unreadable.empty:
        return pd.DataFrame(columns=["subject", "status", "detail"], dtype=TEXT)
    reason = "its trust policy cannot be read: "
    parts = [
        pd.DataFrame({"subject": table["role_arn"], "detail": text, "status": status})
        for table, text, status in (
            (hit, said, "fail"),
            (unreadable, unreadable["open_to"], "not assessed"),
        )
    ]
    whole = stack(*parts).drop_duplicates()
    made = whole.drop_duplicates(["subject", "status"]).dropna(subset="subject")
    both = [table["subject"] + "/" + table["status"] for table in (whole, made)]
    said_of = lists_by_key(both[0], whole["detail"])
    made = made.assign(detail=both[1].map({key: "; ".join(of) for key, of in said_of.items()}))
    made = made[["subject", "status", "detail"]].reset_index(drop=True)
    return made.assign(
        detail=made["detail"].where(made["status"].eq("fail"), reason + made["detail"])
    )


def in_use_first(
    found: pd.DataFrame, trusted_principals: pd.DataFrame, first: str, then: str, as_of: Any
) -> pd.DataFrame:
    """Rows with a step each: `then`, after `first` where the role was used lately, with the day."""
    if as_of is None:
        return found
    used = trusted_principals.drop_duplicates("role_arn").set_index("role_arn")["last_used"]
    last = used.reindex(found["subject"]).set_axis(found.index)
    days = (as_of - last).dt.days.astype("Int64")
    busy = days.lt(RECENT).fillna(value=False).astype("bool")
    said = first + " (it was used " + ago(days) + "). " + then
    return found.assign(next_step=said.astype("object").where(busy, then))


IF_YOURS: Final = (
    "Find out whether the account is in your organization. If it is, add it to known_accounts in "
    "the settings."
)


def _doubted(
    found: pd.DataFrame, hit: pd.DataFrame, platform_roles: pd.DataFrame | None
) -> pd.DataFrame:
    """
    Do not assess roles of platforms that trust only the platform's own roles, of unknown accounts.

    A member of an organization cannot list its accounts, so one of them may be the platform's.
    `hit` are the trusted principals that `found` is about.
    """
    if platform_roles is None or found.empty:
        return found
    kinds = {each.id: each for each in known_platforms()}
    kind = platform_roles.set_index("role_arn")["made_by"].reindex(hit["role_arn"])
    own = [
        isinstance(made_by, str) and kinds[made_by].names_role(str(principal))
        for made_by, principal in zip(kind, hit["principal"], strict=True)
    ]
    others = hit.loc[~pd.Series(own, hit.index, dtype="bool"), "role_arn"]
    open_ = of_platforms(platform_roles, NOT_KNOWN) - frozenset(others)
    unknown = found["subject"].isin(list(open_)) & found["status"].eq("fail")
    doubt = "; whether this account is in the organization is not in the evidence"
    step = pd.Series(None, found.index, "object")
    return found.assign(
        status=found["status"].mask(unknown, "not assessed"),
        detail=found["detail"].mask(unknown, found["detail"] + doubt),
        next_step=step.mask(unknown, IF_YOURS),
    )


NOT_OURS: Final = (
    "Find out whose organization it is. If it is not yours, remove it from the condition; if it "
    "is, accept this finding in the settings."
)


def _another_organization(trusted_principals: pd.DataFrame) -> pd.Series[bool]:
    """Whether any account of an organization is trusted that is not the one of this account."""
    return trusted_principals["problem"].eq("another organization").fillna(value=False)


NAME_THEM: Final = "Name the accounts or roles that you trust under Principal."
ADD_SOURCE: Final = (
    "Add a condition on aws:SourceAccount or aws:SourceArn to the trust policy, as the service's "
    "guide describes."
)
LOOK_UP: Final = (
    "Look up in the service's guide whether it sends aws:SourceAccount or aws:SourceArn; if it "
    "does, add a condition on it. If it does not, a condition would lock out the service."
)
WHO_COMES: Final = "Check in CloudTrail who assumes the role"


@check(
    severity="critical",
    title="Anyone with an AWS account may assume the role",
    impact=(
        "Anyone can open an AWS account and assume this role within minutes, if they know or "
        "guess its ARN. They then have all its permissions, and no credential has to be stolen."
    ),
    among="roles",
    remedy=NAME_THEM,
    source=f"{GUIDE}reference_policies_elements_principal.html",
    errs="towards reporting: a condition on an unknown value counts as met",
)
def anyone_may_assume(
    trusted_principals: pd.DataFrame, as_of: pd.Timestamp | None = None
) -> pd.DataFrame:
    """
    Roles whose trust policy trusts everyone: Principal *, or an Allow with NotPrincipal.

    A condition that names organizations, accounts, sources, networks or endpoints is enough. A
    condition that an outsider can meet is not enough. An outsider can choose names, paths, tags,
    session names and the kind of identity. A wildcard for an account, organization, VPC or endpoint
    matches the outsider's own. A list of a million IPv4 addresses (a /12) or more, or of more than
    a /32 of IPv6, is too wide. An sts:ExternalId alone is not enough, because AWS does not treat it
    as a secret.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted = TRUSTED_PRINCIPALS.rows(
    ...     dict(role_arn="r", who="anyone", statement="statement 1",
    ...          open_to="anyone with an AWS account"))
    >>> anyone_may_assume(trusted).detail.tolist()
    ['statement 1 trusts anyone with an AWS account']
    """
    hit = trusted_principals[trusted_principals["who"].eq("anyone")]
    found = reported(hit, hit["statement"] + " trusts " + hit["open_to"], trusted_principals)
    return in_use_first(found, trusted_principals, WHO_COMES, NAME_THEM, as_of)


@check(
    severity="high",
    title="Another account may assume the role without an external id",
    impact=(
        "A vendor that serves many customers can be made to use your role for another of them, "
        "who only has to give its ARN. The external id stops that."
    ),
    among="roles",
    remedy=(
        "Agree on an external id that only you and they use, and require it (sts:ExternalId) as "
        "soon as they send it. If the account is yours, add it to known_accounts in the settings."
    ),
    source=f"{GUIDE}id_roles_common-scenarios_third-party.html",
    errs="towards reporting: only accounts in the settings or AWS Organizations are known as yours",
)
def vendor_without_external_id(
    trusted_principals: pd.DataFrame, platform_roles: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    Roles that an account not known to be yours may assume without an external id.

    Other customers of a vendor could make the vendor act in this account (the confused deputy). The
    accounts in the settings and in the organization count as yours. An organization in a condition
    counts as yours, unless the evidence shows that the account is in another one. A platform role
    is not assessed if it trusts a role of the platform in an account that is possibly in the
    organization.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted = TRUSTED_PRINCIPALS.rows(
    ...     dict(role_arn="r", who="unknown account", account_id="999988887777",
    ...          problem="no external id"))
    >>> vendor_without_external_id(trusted).detail.tolist()
    ['account 999988887777 may assume it without an external id']
    """
    abroad = _another_organization(trusted_principals)
    abroad &= trusted_principals["external_id"].ne(other=True).fillna(value=True)
    hit = trusted_principals[trusted_principals["problem"].eq("no external id") | abroad]
    whole = hit["open_to"] + " may assume it, which is not the organization of this account"
    said = "account " + hit["account_id"] + " may assume it without an external id"
    said = said.mask(hit["problem"].eq("another organization"), whole)
    found = _doubted(reported(hit, said, trusted_principals), hit, platform_roles)
    whole_arns = hit.loc[hit["problem"].eq("another organization"), "role_arn"]
    step = found["next_step"] if "next_step" in found else pd.Series(None, found.index, "object")
    return found.assign(next_step=step.mask(found["subject"].isin(whole_arns), NOT_OURS))


@check(
    severity="low",
    title="An AWS service may assume the role on behalf of any account",
    impact=(
        "Another customer of the service can name your role in their own configuration and let "
        "the service use it for them. AWS calls this the confused deputy problem."
    ),
    among="roles",
    remedy=LOOK_UP,
    source=f"{GUIDE}confused-deputy.html",
    errs="towards reporting: AWS publishes no list of the services that send these keys, and those "
    "that are not in service_deputies.yaml are reported as well",
)
def service_without_source(
    trusted_principals: pd.DataFrame, platform_roles: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    Roles that a service may assume on behalf of any account's resource (the confused deputy).

    A condition on aws:SourceAccount, aws:SourceArn, the source's organization, an external id or
    aws:PrincipalAccount prevents it, unless an outsider's resource matches, as with
    arn:aws:sns:*:*:* and arn:aws:s3:::*. Roles for some services pass, such as EC2 and Lambda:
    these services assume a role only for a resource of the role's own account, after iam:PassRole.
    `service_deputies.yaml` lists them, and the services whose guide recommends these keys. For any
    other service, the next step is to read its guide. Service-linked roles are left out, because
    AWS writes their trust policies.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted = TRUSTED_PRINCIPALS.rows(
    ...     dict(role_arn="r", who="service", principal="events.amazonaws.com",
    ...          problem="no source"))
    >>> service_without_source(trusted).detail.tolist()
    ['events.amazonaws.com may assume it for any account']
    """
    hit = trusted_principals[trusted_principals["problem"].eq("no source")]
    said = hit["principal"] + " may assume it for any account"
    found = reported(hit, said, trusted_principals)
    unknown = hit.loc[hit["principal"].map(service_deputies.page_about).isna(), "role_arn"]
    known = ~found["subject"].isin(unknown)
    beside = of_platforms(platform_roles, GENUINE, IMPOSTOR)  # of impostors, see their own check
    known &= ~found["subject"].isin(list(beside))  # a role of a platform is changed its own way
    found["next_step"] = known.map({True: ADD_SOURCE, False: LOOK_UP}).astype("object")
    impostors = of_platforms(platform_roles, IMPOSTOR)
    return reported_elsewhere(graded(found, "low", beside), impostors, "platform_role_impostor")


@check(
    severity="medium",
    title="An AWS service may assume the role for an account that is not known to be yours",
    impact=(
        "Somebody who controls that account can make the service act with your role, on their "
        "behalf. If the account number is mistyped, a stranger has this access."
    ),
    among="roles",
    remedy="Remove the account from the condition on aws:SourceAccount or aws:SourceArn; if it is "
    "yours, add it to known_accounts in the settings.",
    source=f"{GUIDE}confused-deputy.html",
    errs="towards reporting: only accounts in the settings or AWS Organizations are known as yours",
)
def service_for_unknown_account(trusted_principals: pd.DataFrame) -> pd.DataFrame:
    """
    Roles that a service may assume for a resource of an account or organization that is not yours.

    The owner of that account can make the service act with the role in this account. If a service
    may act on behalf of any account, `service_without_source` reports it instead.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted = TRUSTED_PRINCIPALS.rows(
    ...     dict(role_arn="r", who="service", problem="unknown source",
    ...          open_to="sns.amazonaws.com, for account 999988887777, not known to be yours"))
    >>> service_for_unknown_account(trusted).detail.tolist()
    ['trusts sns.amazonaws.com, for account 999988887777, not known to be yours']
    """
    hit = trusted_principals[trusted_principals["problem"].eq("unknown source")]
    return reported(hit, "trusts " + hit["open_to"], trusted_principals)


@check(
    severity="medium",
    title="Another account may read everything",
    impact=(
        "People of the other account can read all settings and much data here, and you do not see "
        "who they are. A break-in there reads this account too."
    ),
    among="roles",
    remedy=(
        "Give the role only the permissions that the other account needs, such as ViewOnlyAccess, "
        "which does not allow reading stored data; if the account is yours, add it to "
        "known_accounts in the settings."
    ),
    source=f"{GUIDE}best-practices.html (Apply least-privilege permissions)",
    errs="towards reporting: a permissions boundary that denies reading is not considered",
)
def cross_account_read_only(
    trusted_principals: pd.DataFrame,
    policy_assignments: pd.DataFrame,
    platform_roles: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Roles with AWS's ReadOnlyAccess that another account or anyone may assume.

    ReadOnlyAccess allows reading stored data, not only names and settings. An external id makes no
    difference. The accounts in the settings and in the organization count as yours. Of roles of
    platforms, see `vendor_without_external_id`.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> from iamkit.tables import POLICY_ASSIGNMENTS
    >>> assigned = POLICY_ASSIGNMENTS.rows(
    ...     dict(principal_arn="r", policy_arn="arn:aws:iam::aws:policy/ReadOnlyAccess"))
    >>> trusted = TRUSTED_PRINCIPALS.rows(
    ...     dict(role_arn="r", who="unknown account", account_id="999988887777"))
    >>> cross_account_read_only(trusted, assigned).detail.tolist()
    ['account 999988887777 may assume it, and ReadOnlyAccess reads data too']
    """
    reads = policy_assignments.loc[
        policy_assignments["policy_arn"].str.endswith(READ_ONLY), "principal_arn"
    ]
    trusted_principals = trusted_principals[trusted_principals["role_arn"].isin(reads)]
    outsider = trusted_principals["who"].isin(["unknown account", "anyone"])
    hit = trusted_principals[outsider | _another_organization(trusted_principals)]
    who = ("account " + hit["account_id"]).fillna(hit["open_to"])
    said = who + " may assume it, and ReadOnlyAccess reads data too"
    return _doubted(reported(hit, said, trusted_principals), hit, platform_roles)


@check(
    severity="medium",
    title="An administrator role trusts the whole account",
    impact=(
        "Any user or role here with sts:AssumeRole on it can become administrator. Which of them "
        "may is decided in many policies, and nobody sees it in the role."
    ),
    among="roles",
    remedy="Name the users and roles that need the role under Principal of the trust policy. With "
    "the account's root ARN there, every policy with sts:AssumeRole on * allows assuming it.",
    source=f"{GUIDE}reference_policies_elements_principal.html",
    errs="towards reporting: whether any policy allows sts:AssumeRole on it is not considered",
)
def administrator_role_open_to_account(
    trusted_principals: pd.DataFrame,
    administrators: pd.DataFrame,
    possible_administrators: pd.DataFrame | None = None,
    platform_roles: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Administrator roles whose trust policy names the account instead of its users or roles.

    A condition on names or tags is enough. A condition on MFA is not enough, because it names
    nobody. The check `can_become_administrator` lists the identities that can certainly assume such
    a role.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted = TRUSTED_PRINCIPALS.rows(
    ...     dict(role_arn="r", who="own account", statement="statement 1",
    ...          open_to="any identity of this account"))
    >>> admins = pd.DataFrame({"principal_arn": ["r"], "admin": ["everything"]})
    >>> administrator_role_open_to_account(trusted, admins).detail.tolist()
    ['can do everything, and trusts any identity of this account']
    """
    admin = administrators.set_index("principal_arn")["admin"].map(ADMIN)
    mine = trusted_principals[trusted_principals["role_arn"].isin(admin.index)]
    hit = mine[mine["who"].eq("own account")]
    said = hit["role_arn"].map(admin) + ", and trusts " + hit["open_to"]
    noted = of_platforms(platform_roles)
    found = graded(reported(hit, said, mine), "medium", noted)
    if possible_administrators is None:
        return found
    may = trusted_principals[trusted_principals["who"].eq("own account")]
    may = may[may["role_arn"].isin(possible_administrators["principal_arn"])]
    may = may[~may["role_arn"].isin(admin.index)]
    detail = UNSURE + "; it trusts " + may["open_to"]
    more = pd.DataFrame({"subject": may["role_arn"], "detail": detail, "status": "not assessed"})
    return stack(found, more)


@check(
    severity="medium",
    title="Outsiders may assume the role and, through it, roles of other accounts",
    impact=(
        "An outsider who is let into this role can assume further roles with it. A break-in at "
        "the partner reaches accounts that never trusted the partner."
    ),
    among="roles",
    remedy="Remove sts:AssumeRole, or name under Resource the one role that the work needs.",
    source=f"{GUIDE}id_roles.html (Role chaining)",
    errs="towards reporting: the trust policies of the other accounts are not in the evidence",
)
def outsiders_go_on(
    trusted_principals: pd.DataFrame,
    outbound_roles: pd.DataFrame,
    administrators: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Roles through which outsiders can also assume roles of other accounts. Anyone, an unknown
    account, a service acting for one, or too many identities of a provider may assume the role, and
    its policies allow assuming roles of other accounts. Those accounts see this account as the
    caller. For administrator roles this is noted as a fact.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS, OUTBOUND_ROLES
    >>> trusted = TRUSTED_PRINCIPALS.rows(
    ...     dict(role_arn="r", who="anyone", open_to="anyone with an AWS account"))
    >>> outbound = OUTBOUND_ROLES.rows(
    ...     dict(principal_arn="r", role="arn:aws:iam::444455556666:role/a"))
    >>> outsiders_go_on(trusted, outbound).detail.tolist()
    ['anyone with an AWS account may assume it and then arn:aws:iam::444455556666:role/a']
    """
    trusted_principals = trusted_principals[
        trusted_principals["role_arn"].isin(outbound_roles["principal_arn"])
    ]
    outsider = trusted_principals["who"].isin(["anyone", "unknown account"])
    loose = ["loose subject", "no audience", "unknown source", "another organization"]
    hit = trusted_principals[outsider | trusted_principals["problem"].isin(loose)]
    further = names_by_key(hit["role_arn"], outbound_roles["principal_arn"], outbound_roles["role"])
    said = hit["open_to"] + " may assume it and then " + further
    everything = () if administrators is None else frozenset(administrators["principal_arn"])
    return graded(reported(hit, said, trusted_principals), "medium", everything)


NAME_NEW: Final = (
    "Remove the id from the trust policy. If a new user or role needs the role, name its ARN."
)
NOBODY_LEFT: Final = (
    "Delete the role if nobody needs it: its trust policy names nobody else. If the role is "
    "needed, replace the id with the ARN of the user or role that needs it."
)


@check(
    severity="low",
    title="A trust policy names an identity that no longer exists",
    impact=(
        "The trust names somebody by an id that is gone, so what the role is for is no longer "
        "clear. A person who repairs it by name may let in a new identity that only has the old "
        "name."
    ),
    among="roles",
    remedy=NAME_NEW,
    source=f"{GUIDE}reference_policies_elements_principal.html",
)
def trusts_deleted_identity(trusted_principals: pd.DataFrame) -> pd.DataFrame:
    """
    Roles that trust an id instead of an ARN. IAM shows the id of a user or role that was deleted.

    Nobody can assume the role with it, not even a new user or role of the same name. The trust
    policy was not reviewed after the deletion.

    >>> from iamkit.trust import TRUSTED_PRINCIPALS
    >>> trusted = TRUSTED_PRINCIPALS.rows(
    ...     dict(role_arn="r", who="deleted identity", principal="AROAEXAMPLEEXAMPLEEXA"))
    >>> trusts_deleted_identity(trusted).detail.tolist()
    ['names AROAEXAMPLEEXAMPLEEXA, a user or role that was deleted']
    """
    hit = trusted_principals[trusted_principals["who"].eq("deleted identity")]
    said = "names " + hit["principal"] + ", a user or role that was deleted"
    found = reported(hit, said, trusted_principals)
    others = trusted_principals.loc[trusted_principals["who"].ne("deleted identity"), "role_arn"]
    alone = ~found["subject"].isin(others)
    return found.assign(next_step=alone.map({True: NOBODY_LEFT, False: NAME_NEW}))
