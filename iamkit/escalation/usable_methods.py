"""
Which escalation methods a caller may be able to use, as far as its rows of bits tell.

A row of bits says which actions are allowed on at least one resource. A method is usable if all its
actions are possible; on which resources, and whom it then reaches, `available_paths` finds out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from iamkit.escalation.targets import ASSUME_ROLE, NOT_IN_EVIDENCE, SESSION_TAGS, Permitted
from iamkit.memory import Memo
from iamkit.policy import CERTAIN, POSSIBLE
from iamkit.reference import Catalog, EscalationMethod


@dataclass(frozen=True, eq=False)
class UsableMethod:
    """A method whose actions are possible, and whether those on what nobody can see are allowed."""

    method: EscalationMethod
    elsewhere: Permitted

    @property
    def by_trust(self) -> bool:
        """Whether it matters what trust policies say of the caller."""
        return depends_on_trust(self.method)


def depends_on_trust(method: EscalationMethod) -> bool:
    """Whether it matters for a method what trust policies say of its caller."""
    return method.trust in ("caller", "named")


class UsableMethods:
    """The usable methods of an account's distinct bit rows; equal answers are one object."""

    def __init__(self, catalog: Catalog, methods: Sequence[EscalationMethod], rows: Any) -> None:
        self._catalog, self._methods, self._rows = catalog, methods, rows
        self._found: Memo[tuple[int, str, bool], tuple[UsableMethod, ...]] = Memo()
        self._by_words: Memo[Any, tuple[UsableMethod, ...]] = Memo()
        self._made: Memo[tuple[int, Permitted], UsableMethod] = Memo()

    def numbered(self, number: int, kind: str, named: bool) -> tuple[UsableMethod, ...] | None:
        """
        The methods that a user or role with one of the distinct rows may be able to use.

        `named` says whether a trust policy names it. Those methods first for which it does not
        matter. None: there is no row with this number.
        """
        numbers, allowed = self._distinct
        if number >= len(numbers):
            return None
        key = (numbers[number], kind, named)
        return self._found.once(key, self._among, allowed[:, numbers[number]], kind, named)

    def of_row(
        self, row: Any, kind: str, named: bool, *, changing_tags: bool = True
    ) -> tuple[UsableMethod, ...]:
        """
        The same for a row of bits, shape (3, words).

        Without `changing_tags` those are left out that change tags or come back with MFA.
        """
        key = (row[:, self._words].tobytes(), kind, named, changing_tags)
        return self._by_words.once(key, self._of_row, row, kind, named, changing_tags)

    def _of_row(
        self, row: Any, kind: str, named: bool, changing_tags: bool
    ) -> tuple[UsableMethod, ...]:
        among = True if changing_tags else self._changing_no_tags
        return self._among(self._allowed_by(row[None])[:, 0], kind, named, among)

    def _among(
        self, allowed: Any, kind: str, named: bool, among: Any = True
    ) -> tuple[UsableMethod, ...]:
        """The usable methods by what a row allows, of shape (3, methods), `among` some."""
        possible, *elsewhere = allowed
        usable = possible | (self._need_no_permission & named)
        usable &= self._open_to["role" if kind == "role" else "user"] & among
        found = []
        for at in np.flatnonzero(usable).tolist():
            permitted = Permitted(*(bool(flags[at]) for flags in elsewhere))
            key = (at, permitted)
            found.append(self._made.once(key, UsableMethod, self._methods[at], permitted))
        return tuple(sorted(found, key=lambda each: each.by_trust))

    # --- what rows of bits allow

    @cached_property
    def _distinct(self) -> tuple[list[int], Any]:
        """For each row of bits the number of what it allows; and these, each once."""
        allowed = self._allowed_by(self._rows)
        packed = np.concatenate(np.packbits(allowed, axis=2), axis=1)  # a row for each, if any
        _, first, numbers = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        return numbers.ravel().tolist(), allowed[:, first]

    def _allowed_by(self, rows: Any) -> Any:
        """
        Which methods rows of bits allow: booleans of shape (3, rows, methods).

        Whether all actions of each are possible, then whether those on what nobody can see are
        certain, and possible.
        """
        asked = ((self._needed, POSSIBLE), (self._elsewhere, CERTAIN), (self._elsewhere, POSSIBLE))
        return np.array([wanted.within(rows[:, at]) for wanted, at in asked])

    @cached_property
    def _words(self) -> Any:
        """The words of a row in which actions of methods are."""
        actions = [action for method in self._methods for action in method.permissions]
        return np.flatnonzero(self._catalog.bits(actions))

    @cached_property
    def _needed(self) -> _ActionSets:
        """For each method, all its actions."""
        return self._sets(method.permissions for method in self._methods)

    @cached_property
    def _elsewhere(self) -> _ActionSets:
        """For each method, its actions on what IAM's evidence does not show."""
        return self._sets(
            [action for action, on in method.permissions.items() if on in NOT_IN_EVIDENCE]
            for method in self._methods
        )

    def _sets(self, wanted: Iterable[Iterable[str]]) -> _ActionSets:
        return _ActionSets([self._catalog.bits(actions) for actions in wanted])

    # --- what the methods are like

    @cached_property
    def _changing_no_tags(self) -> Any:
        """Whether each method neither changes tags nor comes back with MFA, shape (methods,)."""
        return np.array([each.gains not in ("condition", "session") for each in self._methods])

    @cached_property
    def _need_no_permission(self) -> Any:
        """Whether each method needs none where a trust policy names the caller."""
        return np.array([each.id in (ASSUME_ROLE, SESSION_TAGS) for each in self._methods])

    @cached_property
    def _open_to(self) -> dict[str, Any]:
        """For users and roles, whether each method is open to them."""
        return {
            kind: np.array([each.caller in ("any", kind) for each in self._methods])
            for kind in ("user", "role")
        }


class _ActionSets:
    """Sets of actions as bits, each in a few of a row's hundreds of words."""

    def __init__(self, sets: list[Any]) -> None:
        bits = np.array(sets)
        number, self._words = bits.nonzero()
        self._bits = bits[number, self._words]
        self._some, self._starts = np.unique(number, return_index=True)
        self._count = len(sets)

    def within(self, rows: Any) -> Any:
        """Which sets each row of bits has all of: booleans of shape (rows, sets)."""
        lacks = (self._bits & ~rows[:, self._words]).astype(bool)
        found = np.ones((len(rows), self._count), dtype=bool)
        if len(self._some):
            found[:, self._some] = ~np.logical_or.reduceat(lacks, self._starts, axis=1)
        return found
