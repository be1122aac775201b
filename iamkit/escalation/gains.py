"""
What a way is worth to its caller: more than it has, everything, or nothing.

A caller gains if it certainly gets an action that it did not even perhaps have. Where a permissions
boundary limits what is gained, only what the boundary lets through counts; service control policies
count wherever the evidence has them. Limits that are lifted and older versions of a policy that are
brought back are tried out: what could the caller do then?

Source: IAM User Guide, "Permissions boundaries for IAM entities" and "Versioning IAM policies".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from iamkit.access import SELF_PROMOTION, both, members, with_mfa
from iamkit.escalation.available_paths import AvailablePaths, Caller, EscalationPath
from iamkit.policy import (
    ANYWHERE,
    CERTAIN,
    POSSIBLE,
    Policy,
    PolicyEvaluator,
    PolicyLayers,
    RequestContext,
)
from iamkit.reference import actions as catalogs
from iamkit.values import as_dict


class Gain(NamedTuple):
    """What a way gives: whether anything, whether everything, and what of the caller's it is."""

    more: bool
    everything: bool
    target_arn: str | None = None


NOTHING: Final = Gain(more=False, everything=False)


class Gains:
    """Gains of an account's ways, each worked out once per distinct case."""

    def __init__(self, ways: AvailablePaths) -> None:
        self.ways = ways
        self._catalog = ways.catalog
        self._judge = PolicyEvaluator(self._catalog)
        self._listed = self._catalog.bits(self._catalog.listed.actions)
        self._ceilings: dict[Any, tuple[Any, bool]] = {}
        self._best: dict[Any, str | None] = {}
        self._rows: dict[tuple[str, str], Any] = {}
        self._gained: dict[tuple[int, int], bool] = {}
        self._own: dict[Any, Gain] = {}

    def everything(self, rows: Any) -> bool:
        """Whether rows of bits allow every action on every resource."""
        return not (self._listed & ~rows[ANYWHERE]).any()

    def best(self, arn: str, context: str, kind: str, targets: int, arrived: str) -> str | None:
        """
        The strongest of some users or roles that certainly can what a caller even perhaps cannot.

        `context` is the caller's, `arrived` the one in which it is what it becomes. None: nobody.
        """
        permissions = self.ways.permissions
        column = permissions.contexts.index(context)
        mine = permissions.index[self.ways.row[arn], column]
        asked = (int(mine), kind, targets, arrived)
        if asked not in self._best:
            at = members(targets)
            rows = self._rows_of(kind, arrived)[at]
            found = (
                row for row in self._strongest(np.unique(rows[rows >= 0])) if self._more(mine, row)
            )
            row = next(found, None)
            first = None if row is None else at[np.flatnonzero(rows == row)[0]]
            self._best[asked] = None if first is None else self.ways.kinds[kind].arns[first]
        return self._best[asked]

    def _rows_of(self, kind: str, context: str) -> Any:
        """The distinct rows of bits that the users or roles of a kind have; -1: not evaluated."""
        if (kind, context) not in self._rows:
            permissions = self.ways.permissions
            column = permissions.contexts.index(context)
            places = (self.ways.row.get(arn, -1) for arn in self.ways.kinds[kind].arns)
            found = [permissions.index[at, column] if at >= 0 else -1 for at in places]
            self._rows[kind, context] = np.array(found, dtype=np.int64)
        return self._rows[kind, context]

    def _strongest(self, rows: Any) -> list[int]:
        """Distinct rows, those with the most actions first."""
        ordered: list[int] = rows[np.argsort(-self._strength[rows], kind="stable")].tolist()
        return ordered

    @cached_property
    def _strength(self) -> Any:
        return catalogs.popcount(self.ways.permissions.rows[:, CERTAIN])

    def _more(self, mine: int, gained: int) -> bool:
        """Whether one distinct row certainly holds what another does not even perhaps."""
        if (mine, gained) not in self._gained:
            rows = self.ways.permissions.rows
            more = (rows[gained, CERTAIN] & ~rows[mine, POSSIBLE]).any()
            self._gained[mine, gained] = bool(more)
        return self._gained[mine, gained]

    # --- under a boundary

    def unbounded(self, kind: str, context: str) -> int:
        """The users or roles that no permissions boundary limits."""
        return self.ways.kinds[kind].where(
            self._ceiling(arn, context)[1] for arn in self.ways.kinds[kind].arns
        )

    def under_boundary(self, arn: str, context: str, other: str) -> Gain:
        """What a caller gains by giving another, or itself, everything that its boundary allows."""
        ceiling, free = self._ceiling(other, context)
        if free:
            return Gain(more=True, everything=True)
        more = (ceiling[CERTAIN] & ~self.ways.rows(arn, context)[POSSIBLE]).any()
        return Gain(more=bool(more), everything=False)

    def unlimited(self, arn: str, context: str, targets: Iterable[str], arrived: str) -> Gain:
        """What a caller gains by becoming one of those whose boundary it removes."""
        best = NOTHING
        mine = self.ways.rows(arn, context)[POSSIBLE]
        for target in targets:
            caller, who = self.ways.caller(target), self.ways.context(target, arrived)
            rows = self._judge.rows(caller.layers._replace(boundary=None), who)
            if self.everything(rows):
                return Gain(more=True, everything=True, target_arn=target)
            if not best.more and (rows[CERTAIN] & ~mine).any():
                best = Gain(more=True, everything=False, target_arn=target)
        return best

    def _ceiling(self, arn: str, context: str) -> tuple[Any, bool]:
        """Rows of what a boundary lets through, and whether it limits nothing."""
        layers = self.ways.caller(arn).layers
        return self._bounded(layers, self.ways.context(arn, context))

    def _bounded(self, layers: PolicyLayers, who: RequestContext) -> tuple[Any, bool]:
        if layers.boundary is None:
            return None, True
        asked = (layers.boundary, layers.scps, who)
        if asked not in self._ceilings:
            rows = self._judge.rows(PolicyLayers(layers.boundary, None, layers.scps), who)
            free = self.everything(self._judge.rows(PolicyLayers(layers.boundary), who))
            self._ceilings[asked] = rows, free
        return self._ceilings[asked]

    # --- by joining a group

    def joined(self, arn: str, context: str, group_arn: str) -> Gain:
        """
        What a user gains by joining a group, its own denials and boundary counted.

        Who can do everything already gains it again by a group that gives it, as with any target.
        """
        mine, rows = self.ways.rows(arn, context), self._with_group(arn, context, group_arn)
        layers, who = self.ways.caller(arn).layers, self.ways.context(arn, context)
        if self._whole(mine, "user", layers, who):
            rows = self.ways.rows(group_arn, context)
        if self._whole(rows, "user", layers, who):
            return Gain(more=True, everything=True, target_arn=group_arn)
        more = (rows[CERTAIN] & ~mine[POSSIBLE]).any()
        return Gain(more=bool(more), everything=False, target_arn=group_arn)

    def gets_all(self, arn: str, context: str, group_arn: str) -> bool:
        """Whether a user who joins a group certainly can all that the group's policies allow."""
        if arn == group_arn:
            return False
        rows = self._with_group(arn, context, group_arn)
        return not (self.ways.rows(group_arn, context)[CERTAIN] & ~rows[CERTAIN]).any()

    def _with_group(self, arn: str, context: str, group_arn: str) -> Any:
        layers, group = self.ways.caller(arn).layers, self.ways.caller(group_arn).layers
        identity = tuple(dict.fromkeys((*layers.identity, *group.identity)))
        who = self.ways.context(arn, context)
        return self._judge.rows(layers._replace(identity=identity), who)

    # --- what reaches only oneself

    def own_either(self, way: EscalationPath, arn: str, context: str) -> tuple[Gain, Gain]:
        """What a way that reaches only oneself gives for sure, and perhaps."""
        certain = self.own(way, arn, context)
        if way.found.certain == way.found.possible:
            return certain, certain
        return certain, self.own(way._replace(found=both(way.found.possible)), arn, context)

    def own(self, way: EscalationPath, arn: str, context: str) -> Gain:
        """What a way that reaches only oneself gives for sure."""
        if not way.found.certain:
            return NOTHING
        if way.path.reach == "made":
            return Gain(more=True, everything=True)
        if way.path.gains == "everything":
            target = self._first(way, self.ways.caller(arn))
            return self.under_boundary(arn, context, arn)._replace(target_arn=target)
        if way.path.gains == "session":
            return self._with_mfa(arn, context)
        asked = (way.path.id, way.found.certain, arn, context)
        if asked not in self._own:
            self._own[asked] = self._lifted(way, arn, context)
        return self._own[asked]

    def _with_mfa(self, arn: str, context: str) -> Gain:
        """What a user gains by coming back with MFA, from the same place."""
        if with_mfa(context) == context:
            return NOTHING
        rows = self.ways.rows(arn, with_mfa(context))
        more = (rows[CERTAIN] & ~self.ways.rows(arn, context)[POSSIBLE]).any()
        layers, who = self.ways.caller(arn).layers, self.ways.context(arn, with_mfa(context))
        whole = bool(more) and self._whole(rows, "user", layers, who)
        return Gain(more=bool(more), everything=whole, target_arn=arn)

    def _first(self, way: EscalationPath, caller: Caller) -> str | None:
        """The first of the caller's own resources that a way uses."""
        on = next(on for on in way.path.permissions.values() if on in caller.own)
        found = members(way.found.certain)
        kind = self.ways.kinds["policy" if on in ("own policy", "own boundary") else on[4:]]
        return kind.arns[found[0]] if len(found) else None

    def _lifted(self, way: EscalationPath, arn: str, context: str) -> Gain:
        """The best of what is gained by lifting one limit after the other."""
        caller, who = self.ways.caller(arn), self.ways.context(arn, context)
        mine = self.ways.rows(arn, context)[POSSIBLE]
        best = NOTHING
        for target, layers in self._trials(way, caller):
            rows = self._judge.rows(layers, who)
            whole = self._whole(rows, caller.kind, layers, who)
            if whole or (not best.more and (rows[CERTAIN] & ~mine).any()):
                best = Gain(more=True, everything=whole, target_arn=target)
            if whole:
                break
        return best

    def _whole(self, rows: Any, kind: str, layers: PolicyLayers, who: RequestContext) -> bool:
        """Whether rows are everything, or let their holder give it itself, whatever its name."""
        own = "role" if kind == "role" else "user"
        actions = [action for action, on in SELF_PROMOTION.items() if on == own]
        promotes = bool((self._catalog.bits(actions) & rows[ANYWHERE]).any())
        return self.everything(rows) or (promotes and self._bounded(layers, who)[1])

    def _trials(self, way: EscalationPath, caller: Caller) -> Iterator[tuple[str, PolicyLayers]]:
        """What would limit the caller without each thing that the way can take away."""
        layers, needs = caller.layers, way.path.needs
        if "own boundary" in needs:
            if layers.boundary is not None:
                yield caller.arn, layers._replace(boundary=None)
        elif "other version" in needs:
            yield from self._older(way, caller)
        else:
            on = next(on for on in way.path.permissions.values() if on in caller.own)
            kind = self.ways.kinds[on[4:]]
            for owner in (kind.arns[at] for at in members(way.found.certain)):
                whole = "denying group" in needs
                inline = "denying inline policy" in needs
                for target, gone in self._denying(caller, owner, inline=inline, whole=whole):
                    left = tuple(each for each in layers.identity if each not in gone)
                    yield target, layers._replace(identity=left)

    def _denying(
        self, caller: Caller, owner: str, *, inline: bool, whole: bool
    ) -> Iterator[tuple[str, set[Policy]]]:
        """
        Policies on a user, group or role that deny something: each, and all of them.

        Of a group that is left, all it has, together.
        """
        arns = self.ways.callers.policy_arns
        via = None if owner == caller.arn else owner
        routes = self._routes.get(caller.arn, {})
        only_here = [each for each in caller.layers.identity if routes[arns[each]] == {via}]
        denying = [each for each in only_here if any(not said.allows for said in each.statements)]
        if whole:
            if denying:
                yield owner, set(only_here)
            return
        gone = [each for each in denying if ("#" in arns[each]) == inline]
        yield from ((arns[each], {each}) for each in gone)
        if len(gone) > 1:
            yield arns[gone[0]], set(gone)

    @cached_property
    def _routes(self) -> dict[str, dict[str, set[str | None]]]:
        """For each holder, each policy and the groups it comes through; None: directly."""
        held = self.ways.account.policy_assignments
        found: dict[str, dict[str, set[str | None]]] = {}
        columns = (held[name].tolist() for name in ("principal_arn", "policy_arn", "via_arn"))
        for arn, policy, via in zip(*columns, strict=True):
            routes = found.setdefault(arn, {}).setdefault(policy, set())
            routes.add(via if isinstance(via, str) else None)
        return found

    def _older(self, way: EscalationPath, caller: Caller) -> Iterator[tuple[str, PolicyLayers]]:
        """The caller's layers with each older version of each policy it may bring back."""
        arns = self.ways.callers.policy_arns
        policies = self.ways.kinds["policy"].arns
        able = {policies[at] for at in members(way.found.certain)}
        for each in caller.layers.identity:
            for document in self._versions.get(arns[each], ()) if arns[each] in able else ():
                older = Policy(each.name, document)
                changed = tuple(older if one is each else one for one in caller.layers.identity)
                yield arns[each], caller.layers._replace(identity=changed)

    @cached_property
    def _versions(self) -> dict[str, list[Any]]:
        """Readable versions that are not in force, by policy."""
        old = self.ways.account.policy_old_versions
        old = old[old["problem"].isna()]
        found: dict[str, list[Any]] = {}
        for arn, document in zip(old["policy_arn"], old["document"], strict=True):
            found.setdefault(arn, []).append(as_dict(document))
        return found

    def strength(self, arn: str, context: str) -> int:
        """How many actions somebody certainly can: a measure for the best of several groups."""
        return int(catalogs.popcount(np.asarray(self.ways.rows(arn, context)[CERTAIN])))
