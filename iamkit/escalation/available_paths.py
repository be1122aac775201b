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

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from iamkit.access import Permissions, Principals, ResourceSet, certainly
from iamkit.escalation.allowed_resources import RETAGGED
from iamkit.escalation.callers import KIND, Caller, Callers
from iamkit.escalation.callers_alike import AlikeCallers
from iamkit.escalation.changed_tags import Changed, ChangedTags
from iamkit.escalation.targets import FURTHER_ACTIONS, EscalationPath, Targets, deciding
from iamkit.escalation.usable_methods import UsableMethod, UsableMethods, depends_on_trust
from iamkit.memory import Memo
from iamkit.policy import RequestContext
from iamkit.reference import escalation_methods


@dataclass(frozen=True, eq=False)
class Case:
    """What callers have in common whom nothing tells apart, each list in the order of methods."""

    shared: list[EscalationPath]  # `CALLER` among the targets is whoever asks
    apart: tuple[UsableMethod, ...]  # methods that give each its own

    @cached_property
    def reaches_self(self) -> bool:
        """Whether a shared path leads to the caller itself."""
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
        self._usable = UsableMethods(catalog, self.methods, permissions.rows)
        self._cases: Memo[Any, Case] = Memo()
        self._same_cases: Memo[Any, Case] = Memo()
        self._shared: Memo[Any, EscalationPath | None] = Memo()
        self._apart: Memo[Any, EscalationPath] = Memo()
        self._own: Memo[tuple[Case, str], list[EscalationPath]] = Memo()
        self.tags = ChangedTags(self.callers, self.targets.assuming)
        self._changed: Memo[Any, list[EscalationPath]] = Memo()
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
        standing = alike.caller
        row = np.array(self.callers.rows_of(standing.layers, who))
        usable = self._usable.of_row(row, standing.kind, alike.named, changing_tags=False)

        def answers(keys: tuple[str, ...]) -> Any:
            return "tags", who.answers((*keys, RETAGGED))

        key = (alike, usable, answers(self._alike.keys(standing)))
        case = self._cases.once(key, self._find_case, usable, standing, answers, lambda: who)
        return self._of_caller(case, arn, lambda: who)

    def _all_paths(self, arn: str, name: str) -> list[EscalationPath]:
        alike = self._alike.of(arn)
        usable = self.usable_methods(alike.caller.kind, alike.named, self.callers.number(arn, name))
        if not usable:
            return []

        def answers(keys: tuple[str, ...]) -> Any:
            return alike.known.answers(keys), self.callers.arrived(name, keys)

        def context() -> RequestContext:
            return self.callers.context(arn, name)

        key = (alike, usable, name)
        case = self._cases.once(key, self._find_case, usable, alike.caller, answers, context)
        return self._of_caller(case, arn, context)

    def usable_methods(self, kind: str, named: bool, number: int) -> tuple[UsableMethod, ...]:
        """
        Return the methods that callers of a kind may be able to use by one of the distinct rows.

        `named` says whether a trust policy names them.
        """
        found = self._usable.numbered(number, kind, named)
        if found is None:  # the rows of groups are not among them
            row = np.array(self.callers.numbered_rows(number))
            found = self._usable.of_row(row, kind, named)
        return found

    # --- what callers have in common

    def _find_case(
        self,
        usable: tuple[UsableMethod, ...],
        standing: Caller,
        answers: Callable[[tuple[str, ...]], Any],
        context: Callable[[], RequestContext],
    ) -> Case:
        """What a caller has in common with others; `answers` tells by some keys with whom."""
        shared, apart = [], []
        for each in usable:
            caller = self._alike.for_actions(standing, deciding(each.method))
            keys = self._alike.keys(caller) if each.by_trust else caller.own_keys
            key = (each, caller, answers(keys))
            path = self._shared.once(key, self._shared_path, each, caller, context)
            if path is None:
                apart.append(each)
            elif _is_any(path):
                shared.append(path)
        same = (*map(id, shared), *apart)  # kept in `_shared`, so that no other has the same id
        return self._same_cases.once(same, Case, shared, tuple(apart))

    def _shared_path(
        self, usable: UsableMethod, caller: Caller, given: Callable[[], RequestContext]
    ) -> EscalationPath | None:
        """A path as all have it for whom one caller stands; None: each has its own."""
        context = given()
        if self.targets.depends_on_caller(usable.method, caller, context):
            return None
        return self._find(usable, caller, context)

    def _find(
        self, usable: UsableMethod, caller: Caller, context: RequestContext
    ) -> EscalationPath:
        path = self.targets.path(usable.method, usable.elsewhere, caller, context)
        return path._replace(targets=self._same.setdefault(path.targets, path.targets))

    # --- what each has

    def _of_caller(
        self, case: Case, arn: str, context: Callable[[], RequestContext]
    ) -> list[EscalationPath]:
        """The paths of one of the callers of a case."""
        found = self._own.once((case, arn), self._of_case, case, arn)
        if case.apart:
            who = context()
            own = [self._path_apart(each, arn, who) for each in case.apart]
            found = [*found, *filter(_is_any, own)]
            found.sort(key=lambda path: self._order[path.method.id])
        return found

    def _path_apart(
        self, usable: UsableMethod, arn: str, context: RequestContext
    ) -> EscalationPath:
        """A path that each caller has its own of."""
        caller = self.callers.caller(arn)
        if "trusted provider" in usable.method.resources:  # whose trust tests other keys
            return self._find(usable, caller, context)
        answers = context.answers((*self._alike.keys(caller), RETAGGED))
        key = (usable, caller, answers)
        return self._apart.once(key, self._find, usable, caller, context)

    def _of_case(self, case: Case, arn: str) -> list[EscalationPath]:
        """The shared paths as they are for one of the callers: without itself among others."""
        reached = case.reached.items()
        if not case.reaches_self and not any(
            some & self.callers.itself(arn, kind) for kind, some in reached
        ):
            return case.shared
        found = (self._for_caller(path, arn) for path in case.shared)
        return list(filter(_is_any, found))

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

    @cached_property
    def _order(self) -> dict[str, tuple[bool, int]]:
        """The place of each method among a caller's paths; see `UsableMethods`."""
        return {method.id: (depends_on_trust(method), at) for at, method in enumerate(self.methods)}


def _is_any(path: EscalationPath) -> bool:
    """Whether a path is permitted or reaches somebody, at least possibly."""
    return bool(path.where.possible or path.targets.possible)
