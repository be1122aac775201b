"""
What an escalation path gives its caller: more than it has, everything, or nothing.

A caller gains if it certainly gets an action that it did not even possibly have. Where a
permissions boundary limits what is gained, only what the boundary allows counts; service control
policies count wherever the evidence has them. Limits that a path lifts, and older versions of a
policy that it brings back, are tried: what could the caller do then?

Source: IAM User Guide, "Permissions boundaries for IAM entities" and "Versioning IAM policies".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from iamkit.access import SELF_PROMOTION, certainly, members, with_mfa
from iamkit.escalation.callers import Caller, Callers
from iamkit.escalation.changed_tags import Changed
from iamkit.escalation.targets import EscalationPath
from iamkit.memory import Memo
from iamkit.policy import (
    ANYWHERE,
    CERTAIN,
    POSSIBLE,
    Policy,
    PolicyLayers,
    RequestContext,
)
from iamkit.reference import actions as catalogs
from iamkit.values import as_dict


class Gain(NamedTuple):
    """Whether a path gives anything, whether everything, and by which target or resource."""

    more: bool
    everything: bool
    target_arn: str | None = None


NOTHING: Final = Gain(more=False, everything=False)
EVERYTHING: Final = Gain(more=True, everything=True)


class Gains:
    """Gains of an account's escalation paths, each worked out once per distinct case."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._resources = callers.resources
        self._catalog = callers.catalog
        self._rows_of = callers.rows_of
        self._every_action = self._catalog.every_listed
        self._ceilings: Memo[Any, tuple[Any, bool]] = Memo()
        self._strongest: Memo[Any, str | None] = Memo()
        self._candidates: Memo[tuple[str, int, str], list[tuple[int, str]]] = Memo()
        self._numbers: Memo[tuple[str, str], Any] = Memo()
        self._exceeds: Memo[tuple[int, int], bool] = Memo()
        self._lifted: Memo[Any, Gain] = Memo()

    def everything(self, rows: Any) -> bool:
        """Whether rows of bits allow every action on every resource."""
        return not (self._every_action & ~rows[ANYWHERE]).any()

    # --- by becoming another

    def strongest(
        self, arn: str, context: str, kind: str, targets: int, arrived: str
    ) -> str | None:
        """
        The strongest of some users or roles that certainly can what a caller cannot even possibly.

        `context` is the caller's, `arrived` the one in which it acts as the target. None: nobody.
        """
        key = (self._callers.number(arn, context), kind, targets, arrived)
        return self._strongest.once(key, self._find_strongest, *key)

    def _find_strongest(self, own: int, kind: str, targets: int, arrived: str) -> str | None:
        by_strength = self._candidates.once(
            (kind, targets, arrived), self._by_strength, kind, targets, arrived
        )
        exceeds = self._exceeds.once
        found = (
            arn
            for number, arn in by_strength
            if exceeds((own, number), self._gains_more, own, number)
        )
        return next(found, None)

    def _by_strength(self, kind: str, targets: int, arrived: str) -> list[tuple[int, str]]:
        """The distinct bit rows of some users or roles, the strongest first, and who has each."""
        at = members(targets)
        numbers = self._numbers.once((kind, arrived), self._row_numbers, kind, arrived)[at]
        known = numbers >= 0
        distinct, first = np.unique(numbers[known], return_index=True)
        order = np.argsort(-self._strengths[distinct], kind="stable")
        arns, holders = self._resources[kind].arns, at[known][first]
        return [(int(distinct[each]), arns[holders[each]]) for each in order]

    def _row_numbers(self, kind: str, context: str) -> Any:
        """Which of the distinct bit rows each user or role of a kind has; -1: not evaluated."""
        permissions = self._callers.permissions
        column = permissions.contexts.index(context)
        places = (self._callers.row.get(arn, -1) for arn in self._resources[kind].arns)
        found = [permissions.index[at, column] if at >= 0 else -1 for at in places]
        return np.array(found, dtype=np.int64)

    @cached_property
    def _strengths(self) -> Any:
        """How many actions each of the distinct bit rows certainly allows."""
        return catalogs.popcount(self._callers.permissions.rows[:, CERTAIN])

    def _gains_more(self, own: int, gained: int) -> bool:
        """Whether one distinct row certainly allows what another does not even possibly."""
        rows = self._callers.permissions.rows
        return bool((rows[gained, CERTAIN] & ~rows[own, POSSIBLE]).any())

    # --- under a boundary

    def unbounded(self, kind: str, context: str) -> int:
        """The users or roles that no permissions boundary limits."""
        kind_resources, layers = self._resources[kind], self._callers.layers
        return kind_resources.select(
            layers(arn).boundary is None or self._ceiling(arn, context)[1]
            for arn in kind_resources.arns
        )

    def under_boundary(self, arn: str, context: str, other: str) -> Gain:
        """What a caller gains by giving another, or itself, everything that its boundary allows."""
        ceiling, unlimited = self._ceiling(other, context)
        if unlimited:
            return EVERYTHING
        more = (ceiling[CERTAIN] & ~self._callers.rows(arn, context)[POSSIBLE]).any()
        return Gain(more=bool(more), everything=False)

    def without_boundary(
        self, arn: str, context: str, targets: Iterable[str], arrived: str
    ) -> Gain:
        """What a caller gains by becoming one of those whose boundary it removes."""
        best = NOTHING
        own = self._callers.rows(arn, context)[POSSIBLE]
        for target in targets:
            layers = self._callers.layers(target)._replace(boundary=None)
            rows = self._rows_of(layers, self._callers.context(target, arrived))
            if self.everything(rows):
                return EVERYTHING._replace(target_arn=target)
            if not best.more and (rows[CERTAIN] & ~own).any():
                best = Gain(more=True, everything=False, target_arn=target)
        return best

    def _ceiling(self, arn: str, context: str) -> tuple[Any, bool]:
        """Rows of what somebody's boundary allows, and whether it limits nothing."""
        layers = self._callers.layers(arn)
        if layers.boundary is None:
            return None, True
        return self._ceiling_of(layers, self._callers.context(arn, context))

    def _ceiling_of(self, layers: PolicyLayers, who: RequestContext) -> tuple[Any, bool]:
        if layers.boundary is None:
            return None, True
        key = (layers.boundary, layers.scps, who)
        return self._ceilings.once(key, self._bounded_rows, *key)

    def _bounded_rows(self, boundary: Any, scps: Any, who: RequestContext) -> tuple[Any, bool]:
        rows = self._rows_of(PolicyLayers(boundary, None, scps), who)
        return rows, self.everything(self._rows_of(PolicyLayers(boundary), who))

    # --- by joining a group

    def joining(self, arn: str, context: str, group_arn: str) -> Gain:
        """
        What a user gains by joining a group, its own denials and boundary counted.

        A user who can do everything already gains it again from a group that gives it, as with any
        other target.
        """
        own, rows = self._callers.rows(arn, context), self._as_member(arn, context, group_arn)
        layers, who = self._callers.layers(arn), self._callers.context(arn, context)
        if self._gives_everything(own, "user", layers, who):
            rows = self._callers.rows(group_arn, context)
        if self._gives_everything(rows, "user", layers, who):
            return EVERYTHING._replace(target_arn=group_arn)
        more = (rows[CERTAIN] & ~own[POSSIBLE]).any()
        return Gain(more=bool(more), everything=False, target_arn=group_arn)

    # --- with changed tags

    def with_tags(self, changed: Changed, paths: Iterable[EscalationPath]) -> bool:
        """Whether somebody with changed tags can do everything, or give it itself by one call."""
        caller, who = self._callers.caller(changed.arn), changed.context
        rows = self._rows_of(caller.layers, who)
        if self._gives_everything(rows, caller.kind, caller.layers, who):
            return True
        promotes = (
            each.method.reach == "created"
            or (each.method.gains == "everything" and self._ceiling_of(caller.layers, who)[1])
            for each in paths
            if each.kind == "self" and each.targets.certain
        )
        return any(promotes)

    def more_with_tags(self, changed: Changed, arn: str, context: str) -> bool:
        """Whether somebody with changed tags certainly can what a caller cannot even possibly."""
        rows = self._rows_of(self._callers.layers(changed.arn), changed.context)
        return bool((rows[CERTAIN] & ~self._callers.rows(arn, context)[POSSIBLE]).any())

    def gets_all(self, arn: str, context: str, group_arn: str) -> bool:
        """Whether a user who joins a group certainly can all that the group's policies allow."""
        if arn == group_arn:
            return False
        rows = self._as_member(arn, context, group_arn)
        return not (self._callers.rows(group_arn, context)[CERTAIN] & ~rows[CERTAIN]).any()

    def _as_member(self, arn: str, context: str, group_arn: str) -> Any:
        """Bit rows of a user once it has joined a group."""
        layers = self._callers.layers(arn)
        group = self._callers.layers(group_arn)
        identity = tuple(dict.fromkeys((*layers.identity, *group.identity)))
        who = self._callers.context(arn, context)
        return self._rows_of(layers._replace(identity=identity), who)

    def strength(self, arn: str, context: str) -> int:
        """How many actions somebody certainly can: a measure for the best of several groups."""
        return int(catalogs.popcount(np.asarray(self._callers.rows(arn, context)[CERTAIN])))

    # --- by what reaches only oneself

    def own_certain_and_possible(
        self, path: EscalationPath, arn: str, context: str
    ) -> tuple[Gain, Gain]:
        """What a path that reaches only the caller certainly gives, and what it possibly gives."""
        certain = self.own(path, arn, context)
        if path.targets.certain == path.targets.possible:
            return certain, certain
        possible = path._replace(targets=certainly(path.targets.possible))
        return certain, self.own(possible, arn, context)

    def own(self, path: EscalationPath, arn: str, context: str) -> Gain:
        """What a path that reaches only the caller certainly gives."""
        if not path.targets.certain:
            return NOTHING
        if path.method.reach == "created":
            return EVERYTHING
        if path.method.gains == "everything":
            target = self._first(path, self._callers.caller(arn))
            return self.under_boundary(arn, context, arn)._replace(target_arn=target)
        if path.method.gains == "session":
            return self._with_mfa(arn, context)
        key = (path.method.id, path.targets.certain, arn, context)
        return self._lifted.once(key, self._best_without_limits, path, arn, context)

    def _with_mfa(self, arn: str, context: str) -> Gain:
        """What a user gains by coming back with MFA, from the same place."""
        if with_mfa(context) == context:
            return NOTHING
        own, gained = (self._callers.number(arn, each) for each in (context, with_mfa(context)))
        if not self._exceeds.once((own, gained), self._gains_more, own, gained):
            return Gain(more=False, everything=False, target_arn=arn)
        layers, who = self._callers.layers(arn), self._callers.context(arn, with_mfa(context))
        rows = self._callers.numbered_rows(gained)
        everything = self._gives_everything(rows, "user", layers, who)
        return Gain(more=True, everything=everything, target_arn=arn)

    def _first(self, path: EscalationPath, caller: Caller) -> str | None:
        """The first of the caller's own resources that a path uses."""
        on = _used_of_own(path, caller)
        found = members(path.targets.certain)
        kind = self._resources["policy" if on in ("own policy", "own boundary") else on[4:]]
        return kind.arns[found[0]] if len(found) else None

    def _best_without_limits(self, path: EscalationPath, arn: str, context: str) -> Gain:
        """The best of what the caller gains by lifting one limit after the other."""
        caller, who = self._callers.caller(arn), self._callers.context(arn, context)
        own = self._callers.rows(arn, context)[POSSIBLE]
        best = NOTHING
        for target, layers in self._with_each_limit_lifted(path, caller):
            rows = self._rows_of(layers, who)
            if self._gives_everything(rows, caller.kind, layers, who):
                return EVERYTHING._replace(target_arn=target)
            if not best.more and (rows[CERTAIN] & ~own).any():
                best = Gain(more=True, everything=False, target_arn=target)
        return best

    def _gives_everything(
        self, rows: Any, kind: str, layers: PolicyLayers, who: RequestContext
    ) -> bool:
        """Whether rows are everything, or let their holder give it itself, whatever its name."""
        own = "role" if kind == "role" else "user"
        actions = [action for action, on in SELF_PROMOTION.items() if on == own]
        promotes = bool((self._catalog.bits(actions) & rows[ANYWHERE]).any())
        return self.everything(rows) or (promotes and self._ceiling_of(layers, who)[1])

    def _with_each_limit_lifted(
        self, path: EscalationPath, caller: Caller
    ) -> Iterator[tuple[str, PolicyLayers]]:
        """The caller's layers without each limit that the path can lift, and what is changed."""
        layers, prerequisites = caller.layers, path.method.prerequisites
        if "own boundary" in prerequisites:
            if layers.boundary is not None:
                yield caller.arn, layers._replace(boundary=None)
        elif "other version" in prerequisites:
            yield from self._with_older_versions(path, caller)
        else:
            kind = self._resources[_used_of_own(path, caller)[4:]]
            for owner in (kind.arns[at] for at in members(path.targets.certain)):
                whole = "denying group" in prerequisites
                inline = "denying inline policy" in prerequisites
                for target, removed in self._denying(caller, owner, inline=inline, whole=whole):
                    left = tuple(each for each in layers.identity if each not in removed)
                    yield target, layers._replace(identity=left)

    def _denying(
        self, caller: Caller, owner: str, *, inline: bool, whole: bool
    ) -> Iterator[tuple[str, set[Policy]]]:
        """
        Policies on a user, group or role that deny something: each, and all of them.

        With `whole`, all policies of a group together, as the caller loses them by leaving it.
        """
        arns = self._callers.principals.policy_arns
        via = None if owner == caller.arn else owner
        routes = self._routes.get(caller.arn, {})
        only_here = [each for each in caller.layers.identity if routes[arns[each]] == {via}]
        denying = [each for each in only_here if any(not one.allows for one in each.statements)]
        if whole:
            if denying:
                yield owner, set(only_here)
            return
        removable = [each for each in denying if ("#" in arns[each]) == inline]
        yield from ((arns[each], {each}) for each in removable)
        if len(removable) > 1:
            yield arns[removable[0]], set(removable)

    @cached_property
    def _routes(self) -> dict[str, dict[str, set[str | None]]]:
        """For each principal, each policy and the groups it comes through; None: directly."""
        assigned = self._callers.account.policy_assignments
        found: dict[str, dict[str, set[str | None]]] = {}
        columns = (assigned[name].tolist() for name in ("principal_arn", "policy_arn", "via_arn"))
        for arn, policy, via in zip(*columns, strict=True):
            routes = found.setdefault(arn, {}).setdefault(policy, set())
            routes.add(via if isinstance(via, str) else None)
        return found

    def _with_older_versions(
        self, path: EscalationPath, caller: Caller
    ) -> Iterator[tuple[str, PolicyLayers]]:
        """The caller's layers with each older version of each policy that it may bring back."""
        arns = self._callers.principals.policy_arns
        policies = self._resources["policy"].arns
        settable = {policies[at] for at in members(path.targets.certain)}
        for each in caller.layers.identity:
            arn = arns[each]
            for document in self._versions.get(arn, ()) if arn in settable else ():
                older = Policy(each.name, document)
                changed = tuple(older if one is each else one for one in caller.layers.identity)
                yield arn, caller.layers._replace(identity=changed)

    @cached_property
    def _versions(self) -> dict[str, list[Any]]:
        """Readable versions that are not in force, by policy."""
        old = self._callers.account.policy_old_versions
        old = old[old["problem"].isna()]
        found: dict[str, list[Any]] = {}
        for arn, document in zip(old["policy_arn"], old["document"], strict=True):
            found.setdefault(arn, []).append(as_dict(document))
        return found


def _used_of_own(path: EscalationPath, caller: Caller) -> str:
    """What of the caller's own a path uses, such as "own group"."""
    return next(on for on in path.method.permissions.values() if on in caller.own)
