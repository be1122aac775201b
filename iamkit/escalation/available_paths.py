"""
Which escalation paths each caller has, and whom each reaches.

For one caller in one context: every method of `reference.escalation_methods` whose permissions the
caller has, with its targets; see `targets`. What a path gives, `gains` says; where it leads further
on, `graph`.

Every answer comes twice: what is certain, and what is possible. What nobody can know from IAM's
evidence, such as whether a function exists, is never a target.

Source: IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from iamkit.access import Permissions, Principals, ResourceSet
from iamkit.escalation.allowed_resources import RETAGGED
from iamkit.escalation.callers import Caller, Callers
from iamkit.escalation.changed_tags import Changed, ChangedTags
from iamkit.escalation.targets import (
    ASSUME_ROLE,
    FURTHER_ACTIONS,
    NOT_IN_EVIDENCE,
    SESSION_TAGS,
    EscalationPath,
    Permitted,
    Targets,
)
from iamkit.memory import Memo
from iamkit.policy import CERTAIN, POSSIBLE, RequestContext
from iamkit.reference import EscalationMethod, escalation_methods


class _UsableMethod(NamedTuple):
    """A method whose actions are possible, and whether those on what nobody can see are allowed."""

    method: EscalationMethod
    elsewhere: Permitted


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
        self._found: Memo[Any, list[EscalationPath]] = Memo()
        self.tags = ChangedTags(self.callers, self.targets.assuming)
        self._changed: Memo[Any, list[EscalationPath]] = Memo()
        self._usable: Memo[Any, tuple[list[_UsableMethod], list[_UsableMethod]]] = Memo()
        self._same: dict[ResourceSet, ResourceSet] = {}  # equal sets are kept once

    def paths(self, arn: str, context: str) -> list[EscalationPath]:
        """
        Return the paths of a caller, a user, role or group, in a named context.

        Contexts that no policy tells apart share one list.
        """
        return self._paths.once((arn, context), self._all_paths, arn, context)

    def paths_with_tags(self, arn: str, who: RequestContext) -> list[EscalationPath]:
        """
        Return the paths of somebody whose tags are changed, as `ChangedTags` says.

        Without those that change tags again, or that come back with MFA.
        """
        caller = self.callers.caller(arn)
        key = (arn, who.answers((*self.callers.keys(caller), RETAGGED)))
        return self._changed.once(key, self._paths_with_tags, caller, who)

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

    def _paths_with_tags(self, caller: Caller, who: RequestContext) -> list[EscalationPath]:
        rows = self.callers.rows_of(caller.layers, who)
        usable = (each for some in self._usable_with(rows, caller) for each in some)
        again = ("condition", "session")
        return self._find([u for u in usable if u.method.gains not in again], caller, who)

    def _all_paths(self, arn: str, name: str) -> list[EscalationPath]:
        caller, number = self.callers.caller(arn), self.callers.number(arn, name)
        own, trusted = self._usable.once(
            (number, caller.kind, caller.named), self._usable_methods, caller, number
        )
        if not own and not trusted:
            return []
        context = self.callers.context(arn, name)
        return [
            *self._paths_by(own, caller, context, number, self.callers.own_keys(caller)),
            *self._paths_by(trusted, caller, context, number, self.callers.keys(caller)),
        ]

    def _paths_by(
        self,
        usable: list[_UsableMethod],
        caller: Caller,
        context: RequestContext,
        number: int,
        keys: tuple[str, ...],
    ) -> list[EscalationPath]:
        """The paths by some methods, all of which depend on the same condition keys."""
        if not usable:
            return []
        # The first method tells which of a caller's two lists it is.
        key = (usable[0].method.id, caller.arn, number, context.answers(keys))
        return self._found.once(key, self._find, usable, caller, context)

    def _find(
        self, usable: list[_UsableMethod], caller: Caller, context: RequestContext
    ) -> list[EscalationPath]:
        """The paths that are permitted or reach somebody, at least possibly."""
        made = (self.targets.path(*each, caller, context) for each in usable)
        return [
            path._replace(targets=self._same.setdefault(path.targets, path.targets))
            for path in made
            if path.permitted.possible or path.targets.possible
        ]

    def _usable_methods(
        self, caller: Caller, number: int
    ) -> tuple[list[_UsableMethod], list[_UsableMethod]]:
        """
        The methods whose actions are all possible, as far as rows of bits tell.

        First those for which it does not matter what trust policies say of the caller.
        """
        return self._usable_with(self.callers.numbered_rows(number), caller)

    def _usable_with(
        self, rows: Any, caller: Caller
    ) -> tuple[list[_UsableMethod], list[_UsableMethod]]:
        """The same for rows of bits."""
        rows = [row[self._words] for row in rows]
        acts_as = "role" if caller.kind == "role" else "user"
        possible = ~(self._needed & ~rows[POSSIBLE]).any(axis=1)
        elsewhere = [~(self._elsewhere & ~rows[at]).any(axis=1) for at in (CERTAIN, POSSIBLE)]
        usable = possible | (self._need_no_permission & caller.named)
        own: list[_UsableMethod] = []
        trusted: list[_UsableMethod] = []
        for at in np.flatnonzero(usable & self._open_to[acts_as]).tolist():
            method = self.methods[at]
            permitted = Permitted(*(bool(flags[at]) for flags in elsewhere))
            by_trust = method.trust in ("caller", "named")
            (trusted if by_trust else own).append(_UsableMethod(method, permitted))
        return own, trusted

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
    def _words(self) -> Any:
        """The words of a bit row in which actions of methods are: a few of hundreds."""
        actions = [action for method in self.methods for action in method.permissions]
        return np.flatnonzero(self.callers.catalog.bits(actions))

    @cached_property
    def _needed(self) -> Any:
        """For each method, bits of all its actions, in `_words`."""
        bits = self.callers.catalog.bits
        return np.array([bits(method.permissions)[self._words] for method in self.methods])

    @cached_property
    def _elsewhere(self) -> Any:
        """For each method, bits of actions on what IAM's evidence does not show, in `_words`."""
        used = (
            [action for action, on in method.permissions.items() if on in NOT_IN_EVIDENCE]
            for method in self.methods
        )
        return np.array([self.callers.catalog.bits(actions)[self._words] for actions in used])
