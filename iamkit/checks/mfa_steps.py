"""
Steps to MFA for one user: what a demand for MFA would stop, and what comes first.

A denial without MFA stops access keys as well as the console: a request that is signed with a
long-term key carries no MFA, and only a session of sts:GetSessionToken with a code does.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.checks.use import idle_keys, keys_in_use
from iamkit.table import TEXT

DENY: Final = "Without MFA, deny all but registering a device, as AWS's example policy does."
ASK: Final = 'Add "Bool": {"aws:MultiFactorAuthPresent": "true"} to the trust policy\'s condition.'
IF_EXISTS: Final = (
    'Write "BoolIfExists" instead of "Bool" in the statement that denies without MFA.'
)

ONLY_DEVICES: Final = (
    "In the statement that denies without MFA, except only what registering a device needs."
)


def stronger_step(
    users: pd.Series[Any],
    none: pd.Series[bool],
    access_keys: pd.DataFrame | None,
    mfa_enforcement: pd.DataFrame | None,
) -> pd.Series[Any]:
    """
    Which device to register: a passkey gives no code, and a key that needs MFA needs codes.

    Source: AWS STS API, GetSessionToken: TokenCode, of a hardware or virtual device.
    """
    step = pd.Series(None, users.index, "object")
    step = step.mask(none, "Register a passkey, security key or hardware token.")
    if access_keys is None or mfa_enforcement is None:
        return step
    needs = mfa_enforcement.loc[mfa_enforcement["key"].eq("required"), "principal_arn"]
    busy = keys_in_use(users, access_keys).where(users.isin(needs))
    token = "Register a hardware token, then remove the virtual device: " + busy
    token += " needs codes of MFA, and a passkey gives none."
    return step.mask(busy.notna() & ~none, token)


def deny_step(
    users: pd.Series[Any], credentials: pd.DataFrame, access_keys: pd.DataFrame | None
) -> pd.Series[Any]:
    """What comes before a denial without MFA: a device, and another place for a key in use."""
    bare = credentials.loc[credentials["mfa_registered"].eq(other=False), "user_arn"]
    step = pd.Series("", users.index, TEXT)
    step = step.mask(users.isin(bare), "Have an MFA device registered. ")
    if access_keys is not None:
        step += _first("Move what ", users, access_keys, " does to a role: the denial stops it. ")
    return step + DENY


def if_exists_step(users: pd.Series[Any], access_keys: pd.DataFrame) -> pd.Series[Any]:
    """What comes before a denial that stops keys, too; keys that nobody uses go instead."""
    end = " does to a role, or have it get sessions with MFA (sts:GetSessionToken). "
    step = _first("Move what ", users, access_keys, end) + IF_EXISTS
    idle = idle_keys(users, access_keys)
    return step.mask(idle.notna(), idle)


def only_devices_step(users: pd.Series[Any], access_keys: pd.DataFrame | None) -> pd.Series[Any]:
    """What comes before an exception for more than devices is taken back."""
    if access_keys is None:
        return pd.Series(ONLY_DEVICES, users.index, TEXT)
    return _first("See what ", users, access_keys, " does without MFA. ") + ONLY_DEVICES


def trust_step(roles: pd.Series[Any], trusted_principals: pd.DataFrame | None) -> pd.Series[Any]:
    """
    How to ask users for MFA in the trust policy of a role without shutting others out of it.

    Roles, services and identity providers bring no MFA. Where one of them stands in the statement,
    or a whole account whose roles may come too, the users need a statement of their own.
    """
    step = pd.Series(ASK, roles.index, TEXT)
    if trusted_principals is None:
        return step
    trusted = trusted_principals[trusted_principals["mfa"].ne(other=True).fillna(value=True)]
    user = trusted["principal"].str.contains(":user/", na=False)
    with_user = trusted.loc[user, ["role_arn", "number"]].drop_duplicates()
    beside = trusted[~user].merge(with_user, on=["role_arn", "number"])
    whole = trusted[~user & trusted["who"].isin(["own account", "known account"])]
    apart = "Put the users into a statement of their own: " + ASK[:1].lower() + ASK[1:-1]
    apart += " there. Others of the statement bring no MFA, and stay as they are."
    name = "Name the users under Principal instead of the account, and " + ASK[:1].lower() + ASK[1:]
    name += " Roles of the account bring no MFA: those that need this one get another statement."
    step = step.mask(roles.isin(whole["role_arn"]), name)
    return step.mask(roles.isin(beside["role_arn"]), apart)


def _first(
    begin: str, users: pd.Series[Any], access_keys: pd.DataFrame, end: str
) -> pd.Series[Any]:
    """A sentence about the keys that a user has in use; empty where there are none."""
    busy = keys_in_use(users, access_keys)
    return (begin + busy + end).fillna("")
