"""
Which escalation paths each caller has, and whom each reaches.

For one caller in one context: every method of `reference.escalation_methods` whose permissions the
caller has, with its targets; see `targets`. What a path gives, `gains` says; where it leads further
on, `graph`.

Callers whom nothing tells apart share their paths, but for what is their own: see `callers_alike`.

Every answer comes twice: what is certain, and what is possible. What nobody can know from IAM's
evidence, such as whether a function exists, is never a target.

Source: IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from iamkit.access import Permissions, Principals, ResourceSet, certainly
from iamkit.escalation.allowed_resources import RETAGGED
from iamkit.escalation.callers import KIND, Caller, Callers
from iamkit.escalation.callers_alike import Alike, AlikeCallers
from iamkit.escalation.changed_tags import Changed, ChangedTags
from iamkit.escalation.targets import (
    ASSUME_ROLE,
    FURTHER_ACTIONS,
    NOT_IN_EVIDENCE,
    SESSION_TAGS,
    EscalationPath,
    Permitted,
    Targets,
    deciding,
)
from iamkit.memory import Memo
from iamkit.policy import CERTAIN, POSSIBLE, RequestContext
from iamkit.reference import EscalationMethod, escalation_methods


class _UsableMethod(NamedTuple):
    """A method whose actions are possible, and whether those on what nobody can see are allowed."""

    method: EscalationMethod
    elsewhere: Permitted


@dataclass(frozen=True, eq=False)
class _Usable:
    """Methods that a caller may be able to use; equal ones are one object."""

    methods: tuple[_UsableMethod, ...]

    @cached_property
    def actions(self) -> tuple[str, ...]:
        """The actions whose resources decide whom these methods reach."""
        found = (action for each in self.methods for action in deciding(each.method))
        return tuple(dict.fromkeys(found))


# What a caller may be able to use: first the methods for which it does not matter what trust
# policies say of the caller (False), then the others (True); nothing that is empty.
_AllUsable = tuple[tuple[_Usable, bool], ...]


@dataclass(frozen=True, eq=False)
class Case:
    """What callers have in common whom nothing tells apart, each list in the order of methods."""

    shared: list[EscalationPath]  # `CALLER` among the targets is whoever asks
    apart: tuple[_UsableMethod, ...]  # methods that give each its own

    @cached_property
    def reaches_self(self) -> bool:
        """Whether a shared path leads to whoever asks."""
        return any(each.kind == "self" and each.method.reach != "created" for each in self.shared)

    @cached_property
    def reached(self) -> dict[str, int]:
        """By kind, on whom there are permissions for shared paths, and whom these may reach."""
        found: dict[str, int] = {}
        for each in self.shared:
            if each.kind != "self":
                some = each.where.possible | each.targets.possible
                found[each.kind] = found.get(each.kind, 0) | some
        return found


class AvailablePaths:
    """The paths of every caller of an account, found when asked for, once per distinct case."""

    def __init__(self, principals: Principals, permissions: Permissions) -> None:
        catalog = principals.catalog
        # Some methods' actions are newer than the list of actions, and nobody's policy names them.
        self.methods = [
            method
            for method in escalation_methods().values()
            if all(catalog.bits(action).any() for action in method.permissions)
        ]
        actions = [action for method in self.methods for action in method.permissions]
        self.callers = Callers(principals, permissions, [*actions, *FURTHER_ACTIONS])
        self.targets = Targets(self.callers)
        self._paths: Memo[tuple[str, str], list[EscalationPath]] = Memo()
        self._cases: Memo[Any, Case] = Memo()
        self._cases_in: Memo[tuple[Alike, _AllUsable, str], list[Case]] = Memo()
        self._own: Memo[tuple[Case, str], list[EscalationPath]] = Memo()
        self.tags = ChangedTags(self.callers, self.targets.assuming)
        self._changed: Memo[Any, list[EscalationPath]] = Memo()
        self._usable: Memo[Any, _AllUsable] = Memo()
        self._distinct: Memo[tuple[_UsableMethod, ...], _Usable] = Memo()
        self._same: dict[ResourceSet, ResourceSet] = {}  # equal sets are kept once
        every = [action for method in self.methods for action in deciding(method)]
        self._alike = AlikeCallers(self.callers, self.targets.assuming, every)

    def paths(self, arn: str, context: str) -> list[EscalationPath]:
        """Return the paths of a caller, a user, role or group, in a named context."""
        return self._paths.once((arn, context), self._all_paths, arn, context)

    def paths_with_tags(self, arn: str, who: RequestContext) -> list[EscalationPath]:
        """
        Return the paths of somebody whose tags are changed, as `ChangedTags` says.

        Without those that change tags again, or that come back with MFA.
        """
        caller = self.callers.caller(arn)
        key = (arn, who.answers((*self.callers.keys(caller), RETAGGED)))
        return self._changed.once(key, self._paths_with_tags, arn, who)

    def paths_changed(self, changed: Changed, arn: str, context: str) -> list[EscalationPath]:
        """
        Return the paths of who acts with changed tags, as `ChangedTags` says, for a caller.

        Where others' tags are changed, only those that lead to these others and did not before.
        """
        found = self.paths_with_tags(changed.arn, changed.context)
        if changed.kind is None:
            return found
        before = {path.method.id: path.targets.possible for path in self.paths(arn, context)}
        return [
            path._replace(
                targets=ResourceSet(
                    *(
                        part & changed.others & ~before.get(path.method.id, 0)
                        for part in path.targets
                    )
                )
            )
            for path in found
            if path.kind == changed.kind
        ]

    def _paths_with_tags(self, arn: str, who: RequestContext) -> list[EscalationPath]:
        alike = self._alike.of(arn)
        rows = np.array(self.callers.rows_of(alike.caller.layers, who))[None]
        usable = self._usable_with(
            self._methods_of(rows)[:, 0], alike.caller.kind, alike.named, self._changing_no_tags
        )

        def answers(keys: tuple[str, ...]) -> Any:
            return "tags", who.answers((*keys, RETAGGED))

        cases = self._find_cases(usable, alike.caller, answers, lambda: who)
        return self._of_cases(cases, arn, lambda: who)

    def _all_paths(self, arn: str, name: str) -> list[EscalationPath]:
        alike = self._alike.of(arn)
        usable = self._usable_methods(alike, self.callers.number(arn, name))
        if not usable:
            return []

        def answers(keys: tuple[str, ...]) -> Any:
            return alike.known.answers(keys), self.callers.arrived(name, keys)

        def context() -> RequestContext:
            return self.callers.context(arn, name)

        key = (alike, usable, name)
        cases = self._cases_in.once(key, self._find_cases, usable, alike.caller, answers, context)
        return self._of_cases(cases, arn, context)

    def _find_cases(
        self,
        usable: _AllUsable,
        standing: Caller,
        answers: Callable[[tuple[str, ...]], Any],
        context: Callable[[], RequestContext],
    ) -> list[Case]:
        """What a caller has in common with others; `answers` tells by some keys with whom."""
        found = []
        for methods, by_trust in usable:
            caller = self._alike.for_actions(standing, methods.actions)
            keys = self._alike.keys(caller) if by_trust else caller.own_keys
            key = (methods, caller, answers(keys))
            found.append(self._cases.once(key, self._find_case, methods, caller, context))
        return found

    def _find_case(
        self, usable: _Usable, caller: Caller, given: Callable[[], RequestContext]
    ) -> Case:
        context, depends = given(), self.targets.depends_on_caller
        apart = tuple(each for each in usable.methods if depends(each.method, caller, context))
        shared = [each for each in usable.methods if each not in apart]
        return Case(self._find(shared, caller, context), apart)

    def _of_cases(
        self, cases: list[Case], arn: str, context: Callable[[], RequestContext]
    ) -> list[EscalationPath]:
        """The paths of one of the callers of some cases."""
        found: list[EscalationPath] = []
        for case in cases:
            paths = self._own.once((case, arn), self._of_case, case, arn)
            if case.apart:
                own = self._find(case.apart, self.callers.caller(arn), context())
                paths = sorted([*paths, *own], key=lambda path: self._order[path.method.id])
            found += paths
        return found

    def _of_case(self, case: Case, arn: str) -> list[EscalationPath]:
        """The shared paths as they are for one of the callers: without itself among others."""
        reached = case.reached.items()
        if not case.reaches_self and not any(
            some & self.callers.itself(arn, kind) for kind, some in reached
        ):
            return case.shared
        found = (self._for_caller(path, arn) for path in case.shared)
        return [path for path in found if path.where.possible or path.targets.possible]

    def _for_caller(self, path: EscalationPath, arn: str) -> EscalationPath:
        """A path of a case as it is for one of the callers."""
        if path.method.reach == "created":
            return path
        if path.kind != "self":
            own = self.callers.itself(arn, path.kind)
            if not own or not own & (path.where.possible | path.targets.possible):
                return path
            others = certainly(~own)
            return path._replace(targets=path.targets & others, where=path.where & others)
        (_, on), *_ = path.method.permissions.items()
        own = self.callers.itself(arn, KIND[on])
        mine = ResourceSet(*(own if part else 0 for part in path.targets))
        where = ResourceSet(*(own if part else 0 for part in path.where))
        return path._replace(targets=self.targets.fulfilling(path.method, mine), where=where)

    def _find(
        self, usable: Iterable[_UsableMethod], caller: Caller, context: RequestContext
    ) -> list[EscalationPath]:
        """The paths that are permitted or reach somebody, at least possibly."""
        made = (self.targets.path(*each, caller, context) for each in usable)
        return [
            path._replace(targets=self._same.setdefault(path.targets, path.targets))
            for path in made
            if path.where.possible or path.targets.possible
        ]

    def _usable_methods(self, alike: Alike, number: int) -> _AllUsable:
        """The methods whose actions are all possible, as far as rows of bits tell."""
        kind, named = alike.caller.kind, alike.named
        numbers, distinct = self._allowed_methods
        if number < len(numbers):
            at = numbers[number]
            return self._usable.once(
                (at, kind, named), self._usable_with, distinct[:, at], kind, named
            )
        rows = np.array(self.callers.numbered_rows(number))[None]
        return self._usable_with(self._methods_of(rows)[:, 0], kind, named)

    @cached_property
    def _allowed_methods(self) -> tuple[list[int], Any]:
        """For each row of bits the number of what it allows, and these, each once."""
        allowed = self._methods_of(self.callers.permissions.rows)
        _, first, numbers = np.unique(
            np.packbits(allowed, axis=2).swapaxes(0, 1).reshape(allowed.shape[1], -1),
            axis=0,
            return_index=True,
            return_inverse=True,
        )
        return numbers.ravel().tolist(), allowed[:, first]

    def _methods_of(self, rows: Any) -> Any:
        """
        Which methods rows of bits allow: booleans of shape (3, rows, methods).

        Whether all actions of each are possible, then whether those on what nobody can see are
        certain, and possible.
        """
        asked = ((self._needed, POSSIBLE), (self._elsewhere, CERTAIN), (self._elsewhere, POSSIBLE))
        return np.array([wanted.within(rows[:, at]) for wanted, at in asked])

    def _usable_with(self, allowed: Any, kind: str, named: bool, among: Any = True) -> _AllUsable:
        """Of the methods that a row allows, of shape (3, methods), the usable `among` some."""
        acts_as = "role" if kind == "role" else "user"
        possible, *elsewhere = allowed
        usable = possible | (self._need_no_permission & named)
        own: list[_UsableMethod] = []
        trusted: list[_UsableMethod] = []
        for at in np.flatnonzero(usable & self._open_to[acts_as] & among).tolist():
            method = self.methods[at]
            permitted = Permitted(*(bool(flags[at]) for flags in elsewhere))
            by_trust = method.trust in ("caller", "named")
            (trusted if by_trust else own).append(_UsableMethod(method, permitted))
        return tuple(
            (self._distinct.once(tuple(some), _Usable, tuple(some)), by_trust)
            for some, by_trust in ((own, False), (trusted, True))
            if some
        )

    @cached_property
    def _order(self) -> dict[str, int]:
        """The place of each method."""
        return {method.id: at for at, method in enumerate(self.methods)}

    @cached_property
    def _changing_no_tags(self) -> Any:
        """Whether each method neither changes tags nor comes back with MFA, shape (methods,)."""
        return np.array([each.gains not in ("condition", "session") for each in self.methods])

    @cached_property
    def _need_no_permission(self) -> Any:
        """Whether each method needs none where a trust policy names the caller."""
        return np.array([each.id in (ASSUME_ROLE, SESSION_TAGS) for each in self.methods])

    @cached_property
    def _open_to(self) -> dict[str, Any]:
        """For users and roles, whether each method is open to them."""
        return {
            kind: np.array([each.caller in ("any", kind) for each in self.methods])
            for kind in ("user", "role")
        }

    @cached_property
    def _needed(self) -> _ActionSets:
        """For each method, all its actions."""
        return self._sets(method.permissions for method in self.methods)

    @cached_property
    def _elsewhere(self) -> _ActionSets:
        """For each method, its actions on what IAM's evidence does not show."""
        return self._sets(
            [action for action, on in method.permissions.items() if on in NOT_IN_EVIDENCE]
            for method in self.methods
        )

    def _sets(self, wanted: Iterable[Iterable[str]]) -> _ActionSets:
        return _ActionSets([self.callers.catalog.bits(actions) for actions in wanted])


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
