"""What checks count among: the denominators, each a function of tables that gives ARNs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from iamkit.checks.facts import of_platforms
from iamkit.checks.registry import population
from iamkit.settings import Settings
from iamkit.table import stack
from iamkit.tables import without_service_linked
from iamkit.trust import FEDERATED, GENUINE, IMPOSTOR


def with_password(credentials: pd.DataFrame) -> pd.DataFrame:
    """Rows of users with an enabled password, without root."""
    return credentials[_true(credentials["password_enabled"]) & _others(credentials)]


def with_active_keys(access_keys: pd.DataFrame) -> pd.DataFrame:
    """Rows of active access keys, without root's."""
    return access_keys[_true(access_keys["active"]) & _others(access_keys)]


def with_credentials(credentials: pd.DataFrame) -> pd.DataFrame:
    """Rows of users with an enabled password or an active access key, without root."""
    has = _true(credentials["password_enabled"]) | _true(credentials["keys_active"].gt(0))
    return credentials[has & _others(credentials)]


def _true(flags: pd.Series[Any]) -> pd.Series[bool]:
    return flags.fillna(value=False).astype("bool")


def _others(table: pd.DataFrame) -> pd.Series[bool]:
    """Rows that are known not to be about root."""
    return ~table["is_root"].fillna(value=True).astype("bool")


@population("the account")
def account(account_id: str) -> pd.Series[Any]:
    """The account itself, by its id."""
    return pd.Series([account_id], dtype="str")


@population("the root user")
def root(credentials: pd.DataFrame) -> pd.Series[Any]:
    """The root user, which every account has, even if the credential report leaves it out."""
    report = credentials["user_arn"]
    return report.str.replace(r":user/.*$", ":root", regex=True).drop_duplicates()


@population("root users who can sign in")
def root_with_credentials(credentials: pd.DataFrame) -> pd.Series[Any]:
    """The root user, unless the evidence shows that it has neither a password nor a key."""
    known = credentials[credentials["is_root"]]
    bare = known["password_enabled"].eq(other=False) & known["keys_active"].eq(0)
    none = bool(bare.fillna(value=False).any())
    return root(credentials)[: 0 if none else None]


@population("users")
def users(principals: pd.DataFrame) -> pd.Series[Any]:
    """IAM users, from either report."""
    return principals.loc[principals["kind"] == "user", "principal_arn"]


@population("console users")
def console_users(credentials: pd.DataFrame) -> pd.Series[Any]:
    """Users with an enabled password, without root."""
    return with_password(credentials)["user_arn"]


@population("console users with hardware MFA asked for")
def asked_for_hardware_mfa(
    credentials: pd.DataFrame, possible_administrators: pd.DataFrame, settings: Settings
) -> pd.Series[Any]:
    """Console users whom the setting `hardware_mfa` names; administrators possibly are ones."""
    users = with_password(credentials)["user_arn"]
    admins = possible_administrators["principal_arn"]
    asked = {"everyone": users, "administrators": users[users.isin(admins)]}
    return asked.get(settings.hardware_mfa, users[:0])


@population("users with active keys")
def users_with_active_keys(access_keys: pd.DataFrame) -> pd.Series[Any]:
    """Users with at least one active access key, without root."""
    return with_active_keys(access_keys)["user_arn"].drop_duplicates()


@population("users with credentials")
def users_with_credentials(credentials: pd.DataFrame) -> pd.Series[Any]:
    """Users with an enabled password or an active access key, without root."""
    return with_credentials(credentials)["user_arn"]


@population("groups")
def groups(groups: pd.DataFrame) -> pd.Series[Any]:
    """IAM groups."""
    return groups["group_arn"]


@population("roles")
def roles(roles: pd.DataFrame) -> pd.Series[Any]:
    """IAM roles, except service-linked roles."""
    return without_service_linked(roles, roles, "role_arn")["role_arn"]


@population("users and roles")
def users_and_roles(principals: pd.DataFrame, roles: pd.DataFrame) -> pd.Series[Any]:
    """Users and roles, except service-linked roles."""
    able = principals[principals["kind"].isin(["user", "role"])]
    return without_service_linked(able, roles)["principal_arn"]


@population("users, groups and roles")
def users_groups_and_roles(principals: pd.DataFrame, roles: pd.DataFrame) -> pd.Series[Any]:
    """Users, groups and roles, except service-linked roles."""
    attachable = principals[principals["kind"] != "root"]
    return without_service_linked(attachable, roles)["principal_arn"]


@population("users and roles kept for emergencies")
def kept_for_emergencies(break_glass: pd.DataFrame) -> pd.Series[Any]:
    """Users and roles that the settings or a tag name as break-glass."""
    return break_glass["principal_arn"]


@population("administrators")
def administrators(possible_administrators: pd.DataFrame) -> pd.Series[Any]:
    """
    Users and roles that can certainly or possibly do everything, or give themselves everything.

    Five possible administrators are not "none of 0".
    """
    return possible_administrators["principal_arn"]


@population("administrator users")
def administrator_users(possible_administrators: pd.DataFrame) -> pd.Series[Any]:
    """The administrators that are users: a role has no MFA device of its own."""
    users = possible_administrators["kind"].eq("user")
    return possible_administrators.loc[users, "principal_arn"]


@population("administrator roles that people assume")
def administrator_roles(
    possible_administrators: pd.DataFrame,
    trusted_principals: pd.DataFrame,
    users: pd.DataFrame,
    platform_roles: pd.DataFrame,
) -> pd.Series[Any]:
    """The administrators that are roles, without those that only roles or platforms assume."""
    roles = possible_administrators["kind"].eq("role")
    others = not_for_people(trusted_principals, users, trusted_principals)
    others |= of_platforms(platform_roles, GENUINE, IMPOSTOR)
    found = possible_administrators.loc[roles, "principal_arn"]
    return found[~found.isin(others)]


def not_for_people(
    trusted_principals: pd.DataFrame | None,
    users: pd.DataFrame | None,
    entries: pd.DataFrame | None,
) -> frozenset[str]:
    """
    Roles that, by these entries of trust policies, only roles assume, or nobody in the own account.

    For an account that is not yours an external id is expected, because MFA would lock out the tool
    of a vendor.
    """
    if trusted_principals is None or users is None or entries is None:
        return frozenset()
    nobody = ["deleted identity", "unknown account", *FEDERATED, "service"]
    asked = entries[~entries["who"].isin(nobody)]
    named = asked["principal"].str.contains(r"^arn:[\w-]+:(?:iam::\d+:role/|sts::)|^AROA", na=False)
    empty = asked["who"].isin(["own account", "own identity"]) & users.empty
    direct = asked.loc[~(named | empty), "role_arn"]
    return frozenset(trusted_principals["role_arn"]) - frozenset(direct)


@population("attached AWS managed policies")
def attached_aws_policies(
    policies: pd.DataFrame, policy_assignments: pd.DataFrame
) -> pd.Series[Any]:
    """AWS managed policies that are attached to a user, group or role."""
    return _policies(policies, "aws", policy_assignments["policy_arn"], attached=True)


@population("attached customer policies")
def attached_customer_policies(
    policies: pd.DataFrame, policy_assignments: pd.DataFrame
) -> pd.Series[Any]:
    """Customer managed policies that are attached to a user, group or role."""
    return _policies(policies, "customer", policy_assignments["policy_arn"], attached=True)


@population("unattached customer policies")
def unattached_customer_policies(
    policies: pd.DataFrame, policy_assignments: pd.DataFrame
) -> pd.Series[Any]:
    """Customer managed policies that are attached to nothing."""
    return _policies(policies, "customer", policy_assignments["policy_arn"], attached=False)


def _policies(
    policies: pd.DataFrame, kind: str, assigned: pd.Series[Any], *, attached: bool
) -> pd.Series[Any]:
    of_kind = policies.loc[policies["kind"] == kind, "policy_arn"]
    return of_kind[of_kind.isin(assigned) == attached]


@population("customer policies")
def customer_policies(policies: pd.DataFrame) -> pd.Series[Any]:
    """Customer managed policies, attached or not."""
    return policies.loc[policies["kind"] == "customer", "policy_arn"]


@population("inline policies")
def inline_policies(policies: pd.DataFrame) -> pd.Series[Any]:
    """Inline policies of users, groups and roles."""
    return policies.loc[policies["kind"] == "inline", "policy_arn"]


@population("own policies")
def own_policies(policies: pd.DataFrame) -> pd.Series[Any]:
    """Customer managed and inline policies: those that the account's owner wrote."""
    return policies.loc[policies["kind"] != "aws", "policy_arn"]


@population("own policies with a list of networks")
def policies_with_network_lists(
    policies: pd.DataFrame, network_lists: pd.DataFrame, incomplete: pd.DataFrame
) -> pd.Series[Any]:
    """Customer managed and inline policies that list networks, or may: they cannot be read."""
    own = own_policies(policies)
    return own[own.isin(network_lists["policy_arn"]) | own.isin(incomplete["subject"])]


@population("boundaries")
def boundaries(attachments: pd.DataFrame) -> pd.Series[Any]:
    """Policies set as the permissions boundary of a user or role."""
    return attachments.loc[attachments["how"] == "boundary", "policy_arn"].drop_duplicates()


@population("server certificates")
def server_certificates(server_certificates: pd.DataFrame) -> pd.Series[Any]:
    """TLS certificates stored in IAM."""
    return server_certificates["certificate_arn"]


@population("users with service credentials")
def with_service_credentials(service_credentials: pd.DataFrame) -> pd.Series[Any]:
    """Users with service-specific credentials, by ARN."""
    whose = service_credentials["user_arn"].fillna(service_credentials["user_name"])
    return whose.drop_duplicates()


def with_possible(administrators: pd.DataFrame, possible: pd.DataFrame | None) -> pd.DataFrame:
    """Return the administrators, and who is one if unknown conditions hold."""
    if possible is None:
        return administrators
    return stack(administrators, possible).drop_duplicates("principal_arn")
