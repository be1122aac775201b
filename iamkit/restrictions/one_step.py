"""
What a principal becomes in one step for which it needs no permission: roles that name it.

A role of the account whose trust policy names a user or role, or anyone, is assumed without any
permission of the caller's; only a Deny, or a service control policy that does not allow it, stops
that. For a user not even the implicit denial of a permissions boundary does. So whatever such a
role may do counts as what the user may do, by the credential and from the network by which the
trust policy admits it. From there on the role's own sessions count, and the roles that name it in
turn.

A role that trusts the account needs `sts:AssumeRole` of the caller, which is then itself something
that the caller may do, so no verdict depends on it.

Errs towards open: an unknown condition of a trust policy is taken to help the caller.

Source: IAM User Guide, "Policy evaluation for requests within a single account" and "Permissions
boundaries for IAM entities".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

from iamkit.access import (
    CONTEXTS,
    DEFAULT_CONTEXTS,
    Attackers,
    Place,
    context_of,
    members,
    union,
)
from iamkit.memory import Memo
from iamkit.reference import Bits
from iamkit.restrictions.first_steps import Assumable, FirstSteps, Waves
from iamkit.restrictions.role_chains import Group, RoleChains

Rows = tuple[int, ...]  # numbers of rows, one for each of `DEFAULT_CONTEXTS`


class OneStep:
    """
    The roles that each principal becomes without permission, and the rows they add.

    What follows of a role is worked out once, for all roles that reach each other together. What a
    principal becomes follows of the roles whose trust policies name it.
    """

    def __init__(self, attackers: Attackers, assumable: Assumable | None) -> None:
        self.attackers = attackers
        self.roles = assumable.roles.arns if assumable else ()
        self._places = assumable.roles.number if assumable else {}
        self._first = FirstSteps(attackers, assumable) if assumable else None
        self._rows: Memo[tuple[Rows, tuple[tuple[str, Rows], ...]], Rows] = Memo()
        self._by_waves: Memo[Waves, dict[str, list[int]]] = Memo()
        self._of_first: Memo[int, Rows] = Memo()
        self._of_sets: Memo[int, Rows] = Memo()
        self._less_one: Memo[tuple[Group, Rows], Rows] = Memo()
        self._held_twice: Memo[Group, tuple[Bits, Bits]] = Memo()

    def waves(self, arn: str) -> Waves:
        """Return the roles that trust policies let a principal become, as they are found."""
        return self._first.of(arn) if self._first else ()

    def rows(self, arn: str) -> Rows:
        """Return the numbers of a principal's rows by `DEFAULT_CONTEXTS`, its roles' included."""
        own = self.attackers.rows(arn)
        sessions = tuple(
            (name, self._sessions(arn, union(sets))) for name, sets in self._by_context(arn).items()
        )
        return self._rows.once((own, sessions), _together, self.attackers, own, sessions)

    def added(self, arn: str, contexts: Sequence[str] = DEFAULT_CONTEXTS) -> int:
        """
        Return the number of the row of what a principal may do by the roles that it becomes.

        It becomes them in one of these contexts, and uses them in one.
        """
        first = union(each.roles for each in self.waves(arn) if each.context in contexts)
        rows = zip(DEFAULT_CONTEXTS, self._sessions(arn, first), strict=True) if first else ()
        return self.attackers.union(row for name, row in rows if name in contexts)

    def everything(self, arn: str) -> int:
        """Return the number of the row of all that a principal and its roles may do anywhere."""
        found = {*self.attackers.rows(arn)}
        if first := union(each.roles for each in self.waves(arn)):
            # That a role may be reached by itself adds nothing to what it may do.
            found.update(self._of_first.once(first, self._from, first))
        return self.attackers.union(found)

    def roles_of(
        self, arn: str, among: int, contexts: Collection[str] = DEFAULT_CONTEXTS
    ) -> Iterator[str]:
        """
        Yield the roles of a set that a principal becomes in some contexts, each once.

        Those that name it come before those that name these.
        """
        itself, wanted = self._itself(arn), among
        for name, sets in self._by_context(arn).items():
            if name in contexts:
                for at in self._chains.ordered(sets, wanted, itself):
                    wanted &= ~(1 << at)
                    yield self.roles[at]

    def reached(self, arn: str, contexts: Collection[str]) -> int:
        """Return the set of roles that a principal becomes in some contexts."""
        first = union(each.roles for each in self.waves(arn) if each.context in contexts)
        return self._reached(arn, first) if first else 0

    @cached_property
    def allowing(self) -> dict[Rows, int]:
        """The roles by the rows of their sessions, as sets."""
        found: dict[Rows, int] = {}
        for at, arn in enumerate(self.roles):
            rows = self.attackers.rows(arn)
            found[rows] = found.get(rows, 0) | 1 << at
        return found

    def _by_context(self, arn: str) -> dict[str, list[int]]:
        """By named context, the first roles of a principal, as they are found."""
        waves = self.waves(arn)
        return self._by_waves.once(waves, _by_context, waves)

    @cached_property
    def _chains(self) -> RoleChains:
        """What roles become of each other."""
        return RoleChains([tuple(each.roles for each in self.waves(arn)) for arn in self.roles])

    def _itself(self, arn: str) -> int:
        """The set of a role itself; of a user nothing."""
        return 1 << self._places[arn] if arn in self._places else 0

    def _reached(self, arn: str, first: int) -> int:
        if self._chains.reached(first) & self._itself(arn):
            return self._chains.reached_without(self._places[arn], first)
        return self._chains.reached(first)

    def _sessions(self, arn: str, first: int) -> Rows:
        """The rows of the sessions of all roles that a principal becomes by these first ones."""
        itself = self._itself(arn)
        if not self._chains.reached(first) & itself:
            return self._of_first.once(first, self._from, first)
        found = self._reached(arn, first)
        if found != self._chains.reached(first) & ~itself:
            return self._of_sets.once(found, self._of_roles, found)
        # What leads back to a role is of its own group.
        groups, own = self._chains.groups_of(first), self.attackers.rows(arn)
        (group,) = [each for each in groups if each.reached & itself]
        left = self._less_one.once((group, own), self._less, group, own)
        beside = groups.union(group.onward) - {group}
        return self._all([left, *(self._of_group[each] for each in beside)])

    def _less(self, group: Group, own: Rows) -> Rows:
        """The rows of the sessions of a group, less one role with these rows."""
        one, two = self._held_twice.once(group, self._count, group)
        kept = two | (one & ~np.array([self.attackers.bits[each] for each in own]))
        return tuple(map(self.attackers.evaluator.number_of, kept))

    def _count(self, group: Group) -> tuple[Bits, Bits]:
        """What one role of a group may do, and what two may: rows by context."""
        one = np.array([self.attackers.evaluator.nothing] * len(DEFAULT_CONTEXTS))
        two = one.copy()
        for at in members(group.roles).tolist():
            rows = self.attackers.rows(self.roles[at])
            held = np.array([self.attackers.bits[each] for each in rows])
            two |= one & held
            one |= held
        return one, two

    def _from(self, first: int) -> Rows:
        """The rows of the sessions of all roles that these reach, themselves included."""
        return self._all(self._of_group[each] for each in self._chains.groups_of(first))

    @cached_property
    def _of_group(self) -> dict[Group, Rows]:
        """The rows of all that each group reaches."""
        found: dict[Group, Rows] = {}
        for each in self._chains.groups:
            own = self._of_roles(each.roles)
            found[each] = self._all([own, *(found[further] for further in each.onward)])
        return found

    def _of_roles(self, roles: int) -> Rows:
        """The rows of the sessions of all roles of a set."""
        return self._all({self.attackers.rows(self.roles[at]) for at in members(roles).tolist()})

    def _all(self, several: Iterable[Rows]) -> Rows:
        """Rows of all that one of several allows, context by context."""
        return tuple(self.attackers.union(numbers) for numbers in zip(*several, strict=True))


def _by_context(waves: Waves) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, roles in waves:
        found.setdefault(name, []).append(roles)
    return found


def _together(attackers: Attackers, own: Rows, sessions: Iterable[tuple[str, Rows]]) -> Rows:
    """A principal's own rows, with those of roles that it becomes in named contexts."""
    found = {name: {number} for name, number in zip(DEFAULT_CONTEXTS, own, strict=True)}
    for name, rows in sessions:
        credential, place = CONTEXTS[name].credential, CONTEXTS[name].place
        allowed = dict(zip(DEFAULT_CONTEXTS, rows, strict=True))
        for used in Place:
            inside = Place.INSIDE in (place, used)
            added = context_of(str(credential), Place.INSIDE if inside else Place.OUTSIDE)
            found[added].add(allowed[context_of("key", used)])
    return tuple(attackers.union(numbers) for numbers in found.values())
