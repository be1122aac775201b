"""
Next steps to MFA for one user: what a requirement of MFA would stop, and what to do before.

A Deny without MFA stops access keys as well as the console, because a request that is signed with a
long-term key contains no MFA information. Only a session of sts:GetSessionToken with an MFA code
does.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.checks.use import idle_keys, keys_in_use
from iamkit.restrictions import MfaVerdict
from iamkit.table import TEXT

DENY: Final = (
    "Without MFA, deny all actions except those to register a device, as AWS's example policy does."
)
ASK: Final = 'Add "Bool": {"aws:MultiFactorAuthPresent": "true"} to the trust policy\'s condition.'
IF_EXISTS: Final = (
    'Write "BoolIfExists" instead of "Bool" in the statement that denies without MFA.'
)

ONLY_DEVICES: Final = (
    "In the statement that denies without MFA, except only the actions to register a device."
)


def stronger_step(
    users: pd.Series[Any],
    none: pd.Series[bool],
    access_keys: pd.DataFrame | None,
    mfa_enforcement: pd.DataFrame | None,
) -> pd.Series[Any]:
    """
    Which device to register: an access key that needs MFA needs codes, and a passkey shows none.

    Source: AWS STS API, GetSessionToken: TokenCode, of a hardware or virtual device.
    """
    step = pd.Series(None, users.index, "object")
    step = step.mask(none, "Register a passkey, security key or hardware token.")
    if access_keys is None or mfa_enforcement is None:
        return step
    needs = mfa_enforcement.loc[mfa_enforcement["key"].eq("required"), "principal_arn"]
    busy = keys_in_use(users, access_keys).where(users.isin(needs))
    token = "Register a hardware token, then remove the virtual device: " + busy
    token += " needs MFA codes, and a passkey shows none."
    return step.mask(busy.notna() & ~none, token)


def until_registered(users: pd.Series[Any], mfa_enforcement: pd.DataFrame | None) -> pd.Series[Any]:
    """
    What to add about users without a device for whom MFA is enforced; an empty text for others.

    >>> verdicts = pd.DataFrame({"principal_arn": ["a", "b"], "verdict": ["enforced", "none"]})
    >>> until_registered(pd.Series(["a", "b"]), verdicts).tolist()
    ['; MFA is enforced, so until one is registered only what that needs is allowed', '']
    """
    said = pd.Series("", users.index, TEXT)
    if mfa_enforcement is None:
        return said
    enforced = mfa_enforcement.loc[
        mfa_enforcement["verdict"].eq(MfaVerdict.ENFORCED), "principal_arn"
    ]
    until = "; MFA is enforced, so until one is registered only what that needs is allowed"
    return said.mask(users.isin(enforced), until)


def deny_step(
    users: pd.Series[Any], credentials: pd.DataFrame, access_keys: pd.DataFrame | None
) -> pd.Series[Any]:
    """What to do before a Deny without MFA: register a device, and replace a key that is in use."""
    bare = credentials.loc[credentials["mfa_registered"].eq(other=False), "user_arn"]
    step = pd.Series("", users.index, TEXT)
    step = step.mask(users.isin(bare), "Let the user register an MFA device. ")
    if access_keys is not None:
        step += _first(
            "Move the work of ", users, access_keys, " to a role: the Deny stops the key. "
        )
    return step + DENY


def if_exists_step(users: pd.Series[Any], access_keys: pd.DataFrame) -> pd.Series[Any]:
    """What to do before a Deny that also stops keys; keys that nobody uses are removed instead."""
    end = " to a role, or use the key only to get sessions with MFA (sts:GetSessionToken). "
    step = _first("Move the work of ", users, access_keys, end) + IF_EXISTS
    idle = idle_keys(users, access_keys)
    return step.mask(idle.notna(), idle)


def only_devices_step(users: pd.Series[Any], access_keys: pd.DataFrame | None) -> pd.Series[Any]:
    """What to do before an exception for other actions than registering devices is removed."""
    if access_keys is None:
        return pd.Series(ONLY_DEVICES, users.index, TEXT)
    return _first("Check what ", users, access_keys, " is used for without MFA. ") + ONLY_DEVICES


def trust_step(roles: pd.Series[Any], trusted_principals: pd.DataFrame | None) -> pd.Series[Any]:
    """
    How to require MFA from users in the trust policy of a role without locking out other
    principals.

    Sessions of roles, services and identity providers have no MFA. If the statement also trusts one
    of them, or a whole account and so its roles, the users need a separate statement.
    """
    step = pd.Series(ASK, roles.index, TEXT)
    if trusted_principals is None:
        return step
    trusted = trusted_principals[trusted_principals["mfa"].ne(other=True).fillna(value=True)]
    user = trusted["principal"].str.contains(":user/", na=False)
    with_user = trusted.loc[user, ["role_arn", "number"]].drop_duplicates()
    beside = trusted[~user].merge(with_user, on=["role_arn", "number"])
    whole = trusted[~user & trusted["who"].isin(["own account", "known account"])]
    apart = "Put the users into a separate statement: " + ASK[:1].lower() + ASK[1:-1]
    apart += " there. Keep the other principals in the old statement: they cannot use MFA."
    name = "Name the users under Principal instead of the account, and " + ASK[:1].lower() + ASK[1:]
    name += (
        " If roles of the account need this role, name them in a separate statement: roles have no "
        "MFA."
    )
    step = step.mask(roles.isin(whole["role_arn"]), name)
    return step.mask(roles.isin(beside["role_arn"]), apart)


def _first(
    begin: str, users: pd.Series[Any], access_keys: pd.DataFrame, end: str
) -> pd.Series[Any]:
    """A sentence about the keys that a user has in use; empty where there are none."""
    busy = keys_in_use(users, access_keys)
    return (begin + busy + end).fillna("")
