"""
Which roles are reached from which, where one role's trust policy names another.

A set of roles is an int, see `access.resource_sets`. Roles that reach each other reach the same, so
what is reached is found once for each such group, in time that grows with the number of roles and
of the steps between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from iamkit.access import members, union
from iamkit.memory import Memo


@dataclass(frozen=True, eq=False)
class Group:
    """Roles that reach each other, the groups that they reach in one step, and all they reach."""

    roles: int
    onward: tuple[Group, ...]
    reached: int  # themselves included


class RoleChains:
    """
    What each role reaches: `waves` are the sets of roles that each reaches in one step, in order.

    >>> chains = RoleChains([(0b010,), (0b100,), (), (0b001,)])
    >>> bin(chains.reached(0b0001))
    '0b111'
    >>> list(chains.ordered((0b1000,), among=0b0110))
    [1, 2]
    """

    def __init__(self, waves: Sequence[Sequence[int]]) -> None:
        self._waves = waves
        self._next = [union(each) for each in waves]
        self._of: Memo[int, frozenset[Group]] = Memo()
        self._reached: Memo[int, int] = Memo()

    @cached_property
    def groups(self) -> list[Group]:
        """Every group, after those that it reaches."""
        return list(dict.fromkeys(self._groups.values()))

    @cached_property
    def _groups(self) -> dict[int, Group]:
        """The group of each role."""
        found: dict[int, Group] = {}
        for roles in _strongly_connected([members(each).tolist() for each in self._next]):
            own = union(1 << at for at in roles)
            beside = union(self._next[at] for at in roles) & ~own
            onward = tuple({found[at]: None for at in members(beside).tolist()})
            reached = union((own, *(each.reached for each in onward)))
            found |= dict.fromkeys(roles, Group(own, onward, reached))
        return found

    def groups_of(self, first: int) -> frozenset[Group]:
        """Return the groups that some roles are in."""
        return self._of.once(first, self._find, first)

    def _find(self, first: int) -> frozenset[Group]:
        groups = self._groups
        return frozenset([groups[at] for at in members(first).tolist()])

    def reached(self, first: int) -> int:
        """Return what is reached from some roles, themselves included."""
        return self._reached.once(first, self._united, first)

    def _united(self, first: int) -> int:
        return union(each.reached for each in self.groups_of(first))

    def reached_without(self, role: int, first: int) -> int:
        """Return what is reached from roles that a role reaches in one step, not by way of it."""
        own = 1 << role
        all_reached = self.reached(first) & ~own
        if first == self._next[role] & ~own:  # who comes back to it begins anew with these
            return all_reached
        found = pending = first
        while pending and found != all_reached:
            at = pending.bit_length() - 1
            pending ^= 1 << at
            beyond = self._groups[at].reached
            if beyond & own:
                beyond = self._next[at] & ~own
                pending |= beyond & ~found
            found |= beyond
        return found

    def ordered(self, first: Iterable[int], among: int, without: int = 0) -> Iterator[int]:
        """
        Yield the roles of a set that are reached, in the order of a walk.

        The walk begins with the sets `first`, goes on from the last role that was reached, and
        never enters `without`.
        """
        waves: Iterable[int] = tuple(first)
        reached = self.reached(union(waves))
        seen, wanted = without, among & reached & ~without
        if wanted.bit_count() == 1 and not without & reached:
            yield wanted.bit_length() - 1
            return
        pending: list[int] = []
        while wanted:
            for wave in waves:
                new = wave & ~seen
                if not new:
                    continue
                seen |= new
                yield from members(new & wanted).tolist()
                wanted &= ~new
                pending += members(new).tolist()
            if not pending:
                return
            waves = self._waves[pending.pop()]


def _strongly_connected(onward: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """
    Yield the strongly connected components of a graph, each after those that it reaches.

    Source: R. Tarjan, "Depth-first search and linear graph algorithms" (1972).
    """
    low: list[int] = [0] * len(onward)  # 0: not entered yet
    done = len(onward) + 1  # more than any number of order
    entered = 0
    open_ones: list[int] = []
    for root in range(len(onward)):
        if low[root]:
            continue
        entered += 1
        low[root] = entered
        open_ones.append(root)
        ways = [(root, entered, iter(onward[root]))]
        while ways:
            at, number, left = ways[-1]
            for following in left:
                if not low[following]:
                    entered += 1
                    low[following] = entered
                    open_ones.append(following)
                    ways.append((following, entered, iter(onward[following])))
                    break
                low[at] = min(low[at], low[following])
            else:
                ways.pop()
                if ways:
                    before = ways[-1][0]
                    low[before] = min(low[before], low[at])
                if low[at] == number:
                    component: list[int] = []
                    while not component or component[-1] != at:
                        component.append(open_ones.pop())
                        low[component[-1]] = done
                    yield component
