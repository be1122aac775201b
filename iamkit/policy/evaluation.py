"""
What each principal can do: every action at once, as rows of bits, per named context.

`decisions` answers for one request. Here the question is turned round: for each principal and
context, which of all actions? One row of bits per answer, in three strengths:

| row | an action is in it if it is | errs towards |
| --- | --- | --- |
| `possible` | allowed on some resource, unknown conditions helping the caller | allowed |
| `certain` | allowed on some resource whatever the unknown conditions are | denied |
| `anywhere` | certain, and on every resource | denied |

Accuse with `certain`, reassure with `possible`. A deny counts against `possible` only where it
certainly applies to all that an allow covers, so a deny on one bucket never erases an action; it
counts against `certain` unless a resource is found that it leaves alone.

A condition is judged once per policy content and context, and principals with the same policies
share their rows. Resource-based policies, resource control policies, session policies and VPC
endpoint policies are not in the evidence: rows say what identity policies, boundaries and SCPs
permit.

Source: IAM User Guide, "Policy evaluation logic" and "Permissions boundaries for IAM entities".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np

from iamkit.memory import Memo
from iamkit.policy.context import UNKNOWN, RequestContext
from iamkit.policy.decision import on_resource
from iamkit.policy.model import Policy, PolicyLayers, Statement, widest
from iamkit.policy.patterns import Pattern, resolve
from iamkit.policy.scopes import ALL, EVERY, Keys, Scope, Scopes, apart, covers, witnesses
from iamkit.reference import Bits, Catalog

POSSIBLE: Final = 0
CERTAIN: Final = 1
ANYWHERE: Final = 2
STRENGTHS: Final = ("possible", "certain", "anywhere")
Cells: TypeAlias = dict[tuple[Scopes, bool], Bits]  # where, and whether certainly: which actions
Denial: TypeAlias = tuple[Scope, bool, Bits]  # where, whether certainly, which actions
Outcomes: TypeAlias = tuple[tuple[int, ...], ...]  # numbers of policies' effects, layer by layer


@dataclass(frozen=True, eq=False)
class Effects:
    """A policy in a context: what it allows and denies, where, and how certainly."""

    cells: Cells
    denials: tuple[Denial, ...]

    @cached_property
    def denies_everywhere_only(self) -> bool:
        """Whether no denial is about some resources only."""
        return all(scope.everything for scope, _, _ in self.denials)


class Dependencies:
    """What a policy's statements depend on, whatever the context."""

    def __init__(self, found: tuple[Statement, ...]) -> None:
        self.statements = found
        self.condition_keys = _merged(each.condition_keys for each in found)
        self.resource_keys = _merged(each.resource_keys for each in found)
        self.keys = frozenset(self.condition_keys + self.resource_keys)
        self.numbers: dict[Any, int] = {}  # of what it comes to, by what it depends on
        wide = [not each.not_resources and "*" in each.resources for each in found]
        self.everywhere = all(wide)  # no statement is about some resources only
        self.one_sided = all(  # only allows are, and they say which
            everywhere or (each.allows and not each.not_resources)
            for each, everywhere in zip(found, wide, strict=True)
        )


def _merged(keys: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted(set().union(*keys)))


class PolicyEvaluator:
    """
    Rows of bits for layers in contexts, everything costly done once per distinct content.

    With `resource`, rows are about that resource alone: `possible` and `certain` then differ only
    by unknown conditions, and an action's bit is exactly what `decide` says.
    """

    def __init__(self, catalog: Catalog, resource: str | None = None) -> None:
        self.catalog = catalog
        self.resource = resource
        self.every = catalog.bits("*")
        self.none = np.zeros_like(self.every)
        self._dependencies: Memo[str, Dependencies] = Memo()
        self._by_policy: Memo[Policy, Dependencies] = Memo()
        self._scopes: Memo[tuple[Any, ...], tuple[Scope | None, bool]] = Memo()
        self._bits: Memo[tuple[tuple[str, ...], bool], Bits] = Memo()
        self._effects: list[Effects] = []
        self._alone: Memo[int, Bits] = Memo()
        self._layers: Memo[tuple[int, ...], Effects] = Memo()

    def rows(self, layers: PolicyLayers, context: RequestContext) -> tuple[Bits, Bits, Bits]:
        """Return (possible, certain, anywhere), each of shape (words,)."""
        return self.combine(self.outcomes(layers, context)[0])

    def keys(self, layers: PolicyLayers) -> frozenset[str]:
        """Return the condition keys, in lower case, that the layers' rows depend on."""
        found = [self._read(policy).keys for _, policies in layers.named() for policy in policies]
        return frozenset().union(*found)

    def outcomes(
        self, layers: PolicyLayers, *contexts: RequestContext, varying: Keys = EVERY
    ) -> list[Outcomes]:
        """
        Return what the layers come to in each context: equal outcomes have equal rows.

        `varying` are the condition keys in which the contexts differ, if that is known. Where no
        resource is compared with another, what a policy variable holds makes no difference, so
        principals with the same policies share their outcomes.
        """
        alike = self._never_compares(layers)
        found = [
            self._of_layer(policies, contexts, varying, alike=alike)
            for _, policies in layers.named()
        ]
        return list(zip(*found, strict=True))

    def _of_layer(
        self,
        policies: Iterable[Policy],
        contexts: Sequence[RequestContext],
        varying: Keys,
        *,
        alike: bool,
    ) -> list[tuple[int, ...]]:
        """What the policies of one layer come to in each context."""
        fixed: set[int] = set()
        changing = []
        for policy in policies:
            read = self._read(policy)
            if varying.isdisjoint(read.keys):
                fixed.add(self._outcome(read, contexts[0], alike=alike))
            else:
                changing.append([self._outcome(read, each, alike=alike) for each in contexts])
        if not changing:
            return [tuple(sorted(fixed))] * len(contexts)
        return [tuple(sorted(fixed.union(column))) for column in zip(*changing, strict=True)]

    def _never_compares(self, layers: PolicyLayers) -> bool:
        """Whether rows depend on where statements apply only in being everywhere or somewhere."""
        if self.resource is not None:
            return False
        others = (layers.boundary or (), *layers.scps)
        return all(self._read(policy).one_sided for policy in layers.identity) and all(
            self._read(policy).everywhere for policies in others for policy in policies
        )

    def _read(self, policy: Policy) -> Dependencies:
        return self._by_policy.once(policy, self._read_content, policy)

    def _read_content(self, policy: Policy) -> Dependencies:
        return self._dependencies.once(policy.content, Dependencies, policy.statements)

    def _outcome(self, read: Dependencies, context: RequestContext, *, alike: bool) -> int:
        """Number of a policy's judgement; the same for contexts that it does not tell apart."""
        asked: Any = context.answers(read.condition_keys)
        if read.resource_keys:
            variables = context.answers(read.resource_keys)
            held = [None if alike and isinstance(v, str) else v for v in variables]
            asked = (asked, alike, *held)
        number = read.numbers.get(asked)
        if number is None:
            number = read.numbers[asked] = len(self._effects)
            self._effects.append(self._judge(read.statements, context))
        return number

    def _judge(self, found: Iterable[Statement], context: RequestContext) -> Effects:
        cells: Cells = {}
        denials = []
        for statement in found:
            holds = statement.applies(context)
            if holds is False:
                continue
            scope, known = self._resources(statement, context)
            if scope is None:
                continue
            certain = bool(holds) and known
            bits = self._covered(statement)
            if statement.allows:
                where: Scopes = frozenset() if scope.everything else frozenset([scope])
                _add(cells, (where, certain), bits)
            else:
                denials.append((scope, certain, bits))
        return Effects(cells, tuple(denials))

    def _resources(
        self, statement: Statement, context: RequestContext
    ) -> tuple[Scope | None, bool]:
        """What `_scope` says, found once per values of the variables it holds."""
        asked = (statement, context.answers(statement.resource_keys))
        return self._scopes.once(asked, self._scope, statement, context)

    def _scope(self, statement: Statement, context: RequestContext) -> tuple[Scope | None, bool]:
        """The widest resources that a statement may cover, and whether it covers exactly those."""
        if self.resource is not None:
            on = on_resource(statement, self.resource, context)
            return (None if on is False else ALL), bool(on)
        known, patterns = True, []
        for text in statement.resources:
            pattern = resolve(text, context, variables=statement.variables)
            if pattern is UNKNOWN:
                known = False
                if not statement.not_resources:
                    patterns.append(widest(text))
            elif isinstance(pattern, Pattern):
                patterns.append(pattern)
        if not patterns:
            return (ALL if statement.not_resources else None), known
        return Scope(tuple(patterns), statement.not_resources), known

    def _covered(self, statement: Statement) -> Bits:
        return self._bits.once((statement.actions, statement.not_actions), self._about, statement)

    def _about(self, statement: Statement) -> Bits:
        named = self.catalog.bits(statement.actions)
        return self.every & ~named if statement.not_actions else named

    def _layer(self, outcomes: tuple[int, ...]) -> Effects:
        """All policies of one layer together."""
        return self._layers.once(outcomes, self._together, outcomes)

    def _together(self, outcomes: tuple[int, ...]) -> Effects:
        cells: Cells = {}
        judged = [self._effects[number] for number in outcomes]
        for each in judged:
            for where, bits in each.cells.items():
                _add(cells, where, bits)
        return Effects(cells, tuple(denial for each in judged for denial in each.denials))

    def combine(self, outcomes: Outcomes) -> tuple[Bits, Bits, Bits]:
        """Return the rows of what every layer allows, less what any layer denies."""
        if len(outcomes) == 1 and all(
            self._effects[number].denies_everywhere_only for number in outcomes[0]
        ):
            return self._united(outcomes[0])
        layers = [self._layer(each) for each in outcomes]
        cells = layers[0].cells
        for layer in layers[1:]:
            cells = _both(cells, layer.cells)
        denied = {True: self.none, False: self.none}  # on every resource: surely, perhaps
        scoped = []
        for scope, sure, bits in (denial for layer in layers for denial in layer.denials):
            if scope.everything:
                denied[sure] = denied[sure] | bits
            else:
                scoped.append((scope, sure, bits))
        surely, perhaps = ~denied[True], ~(denied[True] | denied[False])
        if not scoped:
            possible, certain, anywhere = self._allowed(cells)
            return possible & surely, certain & perhaps, anywhere & perhaps
        possible, certain, anywhere = self.none.copy(), self.none.copy(), self.none.copy()
        for (scopes, sure), bits in cells.items():
            possible |= _left(bits & surely, scopes, scoped)
            if sure:
                left = bits & perhaps
                certain |= _witnessed(left, scopes, scoped)
                if not scopes:
                    for _, _, elsewhere in scoped:
                        left = left & ~elsewhere
                    anywhere |= left
        return possible, certain, anywhere

    def _united(self, numbers: tuple[int, ...]) -> tuple[Bits, Bits, Bits]:
        """
        The rows of policies of one layer, none of which denies anything on some resources only.

        They are those of each policy alone, together: no allow is compared with another statement.
        """
        found = np.bitwise_or.reduce(
            [self._alone.once(number, self._by_itself, number) for number in numbers]
            or [np.array([self.none] * 5)]
        )
        possible, certain, anywhere, surely, perhaps = found
        left = ~(surely | perhaps)
        return possible & ~surely, certain & left, anywhere & left

    def _by_itself(self, number: int) -> Bits:
        """
        What one policy allows: possibly, certainly, everywhere; and denies: surely, perhaps.

        Its denials are all on every resource. Shape (5, words).
        """
        effects = self._effects[number]
        denied = {True: self.none, False: self.none}
        for _, sure, bits in effects.denials:
            denied[sure] = denied[sure] | bits
        return np.array([*self._allowed(effects.cells), denied[True], denied[False]])

    def _allowed(self, cells: Cells) -> tuple[Bits, Bits, Bits]:
        """The rows of what is allowed, if nothing is denied: possibly, certainly, everywhere."""
        possible, certain, anywhere = self.none.copy(), self.none.copy(), self.none.copy()
        for (scopes, sure), bits in cells.items():
            possible |= bits
            if sure:
                certain |= _witnessed(bits, scopes, ())
                if not scopes:
                    anywhere |= bits
        return possible, certain, anywhere


def _left(bits: Bits, scopes: Scopes, denials: Iterable[Denial]) -> Bits:
    """What is left of an allow after the denials that surely cover all its resources."""
    for scope, sure, denied in denials:
        if sure and any(covers(scope, each) for each in scopes):
            bits = bits & ~denied
    return bits


def _witnessed(bits: Bits, scopes: Scopes, denials: Sequence[Denial]) -> Bits:
    """What is left of an allow on one resource at least, of those that are tried."""
    near = [(scope, denied) for scope, _, denied in denials if (denied & bits).any()]
    if not near and (not scopes or (len(scopes) == 1 and not next(iter(scopes)).negated)):
        return bits  # a pattern without limits matches something
    found = np.zeros_like(bits)
    for resource in witnesses(scopes):
        left = bits
        for scope, denied in near:
            if scope.holds(resource):
                left = left & ~denied
        found |= left
    return found


def _add(cells: Cells, where: tuple[Scopes, bool], bits: Bits) -> None:
    cells[where] = cells[where] | bits if where in cells else bits


def _both(cells: Cells, others: Cells) -> Cells:
    """What both of two layers allow, on the resources that both cover."""
    joined: Cells = {}
    for (scopes, sure), bits in cells.items():
        for (other_scopes, other_sure), other_bits in others.items():
            if any(apart(one, other) for one in scopes for other in other_scopes):
                continue
            shared = bits & other_bits
            if shared.any():
                _add(joined, (scopes | other_scopes, sure and other_sure), shared)
    return joined
