"""
Which roles let their callers set something in the session: its tags, or a source identity.

A trust policy allows that apart from assuming the role, by sts:TagSession and
sts:SetSourceIdentity. As with assuming it, the caller's own policies have to allow the call too
where the trust policy names only the account.

Errs towards no: where the same policy denies the call to anybody, it is only possible.

Source: IAM User Guide, "Pass session tags in AWS STS" and "Monitor and control actions taken with
assumed roles".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from iamkit.access import NOWHERE, Principals, Resources, ResourceSet
from iamkit.policy import RequestContext, choices, conditions
from iamkit.reference import covered_actions
from iamkit.trust import trust_policy
from iamkit.trust.trust_policy import ANYONE, AWS
from iamkit.values import listed

TAG_SESSION: Final = "sts:TagSession"
SET_SOURCE_IDENTITY: Final = "sts:SetSourceIdentity"
_ACTIONS: Final = (TAG_SESSION.lower(), SET_SOURCE_IDENTITY.lower())


class _Grant(NamedTuple):
    """One principal that a statement lets set something in the session of a role."""

    action: str
    principal: str
    condition: Any
    role: int
    denied: bool  # perhaps, by another statement


class SessionGrants:
    """What the trust policies of an account's roles say about what callers set in sessions."""

    def __init__(self, callers: Principals, roles: Resources) -> None:
        self._callers = callers
        self._roles = roles
        account = callers.account
        root = f"arn:{account.partition}:iam::{account.account_id}:root"
        self._own = frozenset((account.account_id, root))

    @cached_property
    def _grants(self) -> tuple[_Grant, ...]:
        return tuple(self._read())

    def _read(self) -> Iterator[_Grant]:
        found = [(row, action) for row, about in self._rows for action in about]
        denied = {(row["role_arn"], action) for row, action in found if row["effect"] == "Deny"}
        for row, action in found:
            role = self._roles.number.get(row["role_arn"])
            kind = ANYONE if row["negated"] is True else row["principal_type"]
            if row["effect"] != "Allow" or role is None or kind not in (AWS, ANYONE):
                continue
            principal = ANYONE if kind == ANYONE else row["principal"]
            yield _Grant(
                action, principal, row["conditions"], role, (row["role_arn"], action) in denied
            )

    @cached_property
    def keys(self) -> frozenset[str]:
        """The condition keys, in lower case, that decide whom `roles_letting` admits."""
        return frozenset().union(*(conditions.keys(each.condition) for each in self._grants))

    @cached_property
    def taggable(self) -> int:
        """The roles whose trust policy lets somebody, a provider or a service too, tag sessions."""
        named = (
            row["role_arn"]
            for row, about in self._rows
            if row["effect"] == "Allow" and _ACTIONS[0] in about
        )
        return self._roles.set_of(named)

    @cached_property
    def _rows(self) -> list[tuple[dict[Any, Any], tuple[str, ...]]]:
        """The rows of trust policies that are about one of the two actions, and about which."""
        account = self._callers.account
        readable = trust_policy.readable_rows(account.limited_trust, account.roles)
        stated = zip(readable["actions"], readable["not_actions"], strict=True)
        about = [_about(tuple(listed(each)), tuple(listed(other))) for each, other in stated]
        rows = trust_policy.rows(readable[np.array([bool(each) for each in about], dtype=bool)])
        return list(zip(rows, filter(None, about), strict=True))

    def roles_letting(
        self, action: str, arn: str, who: RequestContext
    ) -> tuple[ResourceSet, ResourceSet]:
        """
        Return the roles that let an identity by name, or anyone, and those that let its account.

        `action` is `TAG_SESSION` or `SET_SOURCE_IDENTITY`; `who` has the tags that are passed.
        """
        named = by_account = NOWHERE
        for each in self._grants:
            own = each.principal in self._own
            if each.action != action.lower() or not (own or each.principal in (arn, ANYONE)):
                continue
            holds = conditions.evaluate(each.condition, who)
            if holds is None:
                made = choices.condition_choices([each.condition], who)
                tried = (conditions.evaluate(each.condition, who.joined(one)) for one in made)
                holds = True if any(tried) else None
            if holds is False:
                continue
            certain = holds and not each.denied
            where = ResourceSet(1 << each.role if certain else 0, 1 << each.role)
            if own:
                by_account |= where
            else:
                named |= where
        return named, by_account


@lru_cache(maxsize=4096)
def _about(actions: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the two actions a statement of a trust policy is about, by Action and NotAction."""
    named: set[str] = set()
    for text in actions or others:
        named |= covered_actions(str(text).lower(), _ACTIONS)
    return tuple(action for action in _ACTIONS if (action in named) == bool(actions))
