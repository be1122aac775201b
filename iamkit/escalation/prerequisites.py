"""
What a way takes besides permissions and trust, as far as the evidence tells.

Whether a user has room for an access key or has a password, the credential report says; whether a
role is in an instance profile, the authorization details. What only another service's inventory
could tell is never met.

Source: `needs` in `data/escalation.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit.access import BOUNDARY, NOWHERE, Resources, ResourceSet, both
from iamkit.policy import ABSENT
from iamkit.tables import AccountTables

# Met where lifting the limit, or going back to the version, is worth something; or told by trust.
BY_WORTH: Final = frozenset(
    {
        "own boundary",
        "denying inline policy",
        "denying managed policy",
        "denying group",
        "other version",
        "EMR roles",
        "stack set administration",
    }
)


class Prerequisites:
    """Which users and roles meet a need: surely, and perhaps, where the evidence is silent."""

    def __init__(self, account: AccountTables, kinds: Mapping[str, Resources]) -> None:
        self._account = account
        self._kinds = kinds
        self._met: dict[str, ResourceSet] = {}

    def met(self, need: str) -> ResourceSet:
        """The users or roles that meet a need; nobody for what IAM's evidence cannot tell."""
        if need not in self._met:
            self._met[need] = self._found(need)
        return self._met[need]

    def _found(self, need: str) -> ResourceSet:
        if need in ("room for a key", "two keys"):
            exists = self._account.access_keys.groupby("user_arn")["exists"]
            keys = exists.sum(min_count=2)  # of two slots, active or not
            return self._users(keys.lt(2) if need == "room for a key" else keys.eq(2))
        if need in ("password", "no password"):
            return self._users(self._reported("password_enabled").eq(need == "password"))
        if need in ("no second factor", "no device of its own"):
            return self._users(self._reported("mfa_registered").eq(False))
        if need == "instance profile":
            roles = self._account.roles
            held = roles.loc[roles["instance_profiles"].map(bool), "role_arn"]
            return both(self._kinds["role"].of(held))
        if need == "target's boundary":
            known = self._kinds["role"].known
            return both(self._kinds["role"].where(each[BOUNDARY] is not ABSENT for each in known))
        return NOWHERE

    def _reported(self, column: str) -> pd.Series[Any]:
        return self._account.credentials.set_index("user_arn")[column]

    def _users(self, flags: pd.Series[Any]) -> ResourceSet:
        users = self._kinds["user"]
        told = flags.reindex(list(users.arns))
        return ResourceSet(users.where(told.fillna(False)), users.where(told.fillna(True)))
