"""
Which users and roles fulfil what an escalation method needs besides permissions and trust.

The credential report says whether a user has room for an access key or has a password; the
authorization details say whether a role is in an instance profile. What only another service's
inventory could tell is never fulfilled.

Source: `prerequisites` in `data/escalation.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit.access import BOUNDARY, NOWHERE, Resources, ResourceSet, certainly
from iamkit.memory import Memo
from iamkit.policy import ABSENT
from iamkit.tables import AccountTables

# Decided elsewhere: in `gains` (lifted limits, other versions) or in `targets` (trust).
DECIDED_ELSEWHERE: Final = frozenset(
    {
        "own boundary",
        "denying inline policy",
        "denying managed policy",
        "denying group",
        "other version",
        "tag condition",
        "EMR roles",
        "stack set administration",
    }
)


class Prerequisites:
    """The users or roles that fulfil each prerequisite: possible where the evidence is silent."""

    def __init__(self, account: AccountTables, resources: Mapping[str, Resources]) -> None:
        self._account = account
        self._resources = resources
        self._found: Memo[str, ResourceSet] = Memo()

    def fulfilled_by(self, name: str) -> ResourceSet:
        """Who fulfils a prerequisite; nobody for what IAM's evidence cannot tell."""
        return self._found.once(name, self._find, name)

    def _find(self, name: str) -> ResourceSet:
        if name in ("room for a key", "two keys"):
            exists = self._account.access_keys.groupby("user_arn")["exists"]
            keys = exists.sum(min_count=2)  # of two slots, active or not
            return self._users(keys.lt(2) if name == "room for a key" else keys.eq(2))
        if name in ("password", "no password"):
            return self._users(self._reported("password_enabled").eq(name == "password"))
        if name in ("no second factor", "no device of its own"):
            return self._users(self._reported("mfa_registered").eq(False))
        roles = self._resources["role"]
        if name == "instance profile":
            table = self._account.roles
            in_profile = table.loc[table["instance_profiles"].map(bool), "role_arn"]
            return certainly(roles.set_of(in_profile))
        if name == "target's boundary":
            bounded = (keys[BOUNDARY] is not ABSENT for keys in roles.condition_keys)
            return certainly(roles.select(bounded))
        return NOWHERE

    def _reported(self, column: str) -> pd.Series[Any]:
        return self._account.credentials.set_index("user_arn")[column]

    def _users(self, flags: pd.Series[Any]) -> ResourceSet:
        users = self._resources["user"]
        told = flags.reindex(list(users.arns))
        return ResourceSet(users.select(told.fillna(False)), users.select(told.fillna(True)))
