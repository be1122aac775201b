"""Proposals about credentials that nobody uses, and about the password policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.remedies.commands import name_of
from iamkit.remedies.proposal import (
    RECENT,
    Proposal,
    active_keys,
    failing,
    for_emergencies,
    recent,
    used,
)
from iamkit.results import changes

RULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "password_policy_missing": {"users_may_change": True},
    "password_policy_short": {"minimum_length": 14},
    "password_policy_no_symbol": {"symbols": True},
    "password_policy_no_number": {"numbers": True},
    "password_policy_no_uppercase": {"uppercase": True},
    "password_policy_no_lowercase": {"lowercase": True},
    "password_policy_reuse": {"reuse_prevention": 24},
}


def unused_keys(account: Account) -> Proposal:
    """Deactivate access keys that nobody has used for the settings' `unused_days`."""
    users = set(failing(account, "unused_access_key", "unused_kind_of_access")["subject"])
    limit = account.settings.unused_days
    emergency = for_emergencies(account)
    made, left, stopped = [], [], []
    for key in active_keys(account, users):
        if key.user_arn in emergency:
            left.append(f"{key.user_name}: kept for emergencies")
            continue
        never = key.use == "never used" and pd.notna(key.age_days) and key.age_days >= limit
        if never or (key.use == "used" and pd.notna(key.idle_days) and key.idle_days >= limit):
            made.append(changes.DeactivateAccessKey(key.user_arn, int(key.slot)))
            stopped += [used(key)] if recent(key.idle_days) else []
        else:
            left.append(f"{key.user_name}, access key {key.slot}: not unused for {limit} days")
    return Proposal(
        "deactivate-unused-keys",
        "Deactivate access keys that nobody uses",
        "A key that nobody uses can be stolen all the same. An inactive one can be made active "
        "again at once; delete it when nobody has asked for it.",
        tuple(made),
        tuple(stopped),
        ("use before April 2015, and use that AWS does not record",),
        tuple(left),
    )


def unused_passwords(account: Account) -> Proposal:
    """Remove passwords that nobody has used for a while."""
    people = account.credentials.set_index("user_arn")
    limit = max(RECENT, account.settings.unused_days)
    emergency = for_emergencies(account)
    made, left = [], []
    subjects = failing(account, "unused_password", "unused_kind_of_access")["subject"].unique()
    for arn in subjects:
        row = people.loc[arn]
        if not (pd.notna(row["password_enabled"]) and row["password_enabled"]):
            continue
        days = row["password_idle_days"]
        if pd.isna(days):
            days = row["password_age_days"]
        if pd.notna(days) and days >= limit and arn not in emergency and not row["is_root"]:
            made.append(changes.DeleteLoginProfile(arn))
        else:
            used = f"used in the last {limit} days, or nobody knows when"
            why = "kept for emergencies" if arn in emergency else used
            left.append(f"{name_of(arn)}: {why}")
    return Proposal(
        "remove-unused-passwords",
        "Remove passwords that nobody uses",
        "A password that nobody uses can be guessed or stolen all the same. Its user can get a "
        "new one.",
        tuple(made),
        left_out=tuple(left),
    )


def password_rules(account: Account) -> Proposal:
    """Set the password policy as a whole, with all that is to stay."""
    found = failing(account, *RULES)["check"]
    rules: dict[str, Any] = {}
    for check in found:
        rules |= RULES[check]
    if found.eq("password_policy_missing").any():
        for each in RULES.values():
            rules |= each
    wanted = changes.UpdatePasswordPolicy.keeping(account.password_policy, **rules)
    return Proposal(
        "set-password-policy",
        "Set the account's password policy",
        "AWS resets what the call leaves out, so the command has all rules: those of today, and "
        "those that fail.",
        (wanted,) if rules else (),
        not_known=("present passwords stay as they are until they are changed",),
    )
