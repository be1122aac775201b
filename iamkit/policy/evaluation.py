"""
What each principal can do: every action at once, as rows of bits, per named context.

`decisions` answers for one request. Here the question is turned round: for each principal and
context, which of all actions? One row of bits per answer, in three strengths:

| row | an action is in it if it is | errs towards |
| --- | --- | --- |
| `possible` | allowed on some resource, unknown conditions helping the caller | allowed |
| `certain` | allowed on some resource whatever the unknown conditions are | denied |
| `anywhere` | certain, and on every resource | denied |

Report a problem only with `certain`, and its absence only with `possible`. A deny counts against
`possible` only where it certainly applies to all that an allow covers, so a deny on one bucket
never erases an action; it counts against `certain` unless a resource is found that it leaves alone.

A condition is evaluated once per policy content and context, and principals with the same policies
share their rows. Resource-based policies, resource control policies, session policies and VPC
endpoint policies are not in the evidence: rows say what identity policies, boundaries and SCPs
permit.

Source: IAM User Guide, "Policy evaluation logic" and "Permissions boundaries for IAM entities".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Final, TypeAlias

import numpy as np

from iamkit.memory import Memo
from iamkit.policy.context import UNKNOWN, RequestContext
from iamkit.policy.decision import on_resource
from iamkit.policy.model import Policy, PolicyLayers, Statement, widest
from iamkit.policy.patterns import Pattern, resolve, variable_keys
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
    def scoped(self) -> tuple[Denial, ...]:
        """The denials that are about some resources only."""
        return tuple(each for each in self.denials if not each[0].everything)

    @cached_property
    def allowed(self) -> Any:
        """What it may allow somewhere."""
        return np.bitwise_or.reduce([*self.cells.values()]) if self.cells else np.uint64(0)

    @cached_property
    def narrow(self) -> bool:
        """Whether something is allowed on some resources only."""
        return any(scopes for scopes, _ in self.cells)


class Dependencies:
    """What a policy's statements depend on, whatever the context."""

    def __init__(self, found: tuple[Statement, ...]) -> None:
        self.statements = found
        self.condition_keys = _merged(each.condition_keys for each in found)
        self.resource_keys = _merged(each.resource_keys for each in found)
        self.keys = frozenset(self.condition_keys + self.resource_keys)
        self.numbers: Memo[Any, int] = Memo()  # of what it comes to, by what it depends on
        wide = [not each.not_resources and "*" in each.resources for each in found]
        self.everywhere = all(wide)  # no statement is about some resources only
        self.one_sided = all(  # only allows are, and they say which
            everywhere or (each.allows and not each.not_resources)
            for each, everywhere in zip(found, wide, strict=True)
        )

    @cached_property
    def shape(self) -> tuple[Any, ...]:
        """Equal for policies with equal rows, if no resource is compared with another."""
        return tuple(map(_shape, self.statements))


def _shape(statement: Statement) -> tuple[Any, ...]:
    """What a statement says, of its resources only whether they are all, some or by a variable."""
    resources = {
        text if variable_keys(text) or Pattern(text).everything else ""
        for text in statement.resources
    }
    condition = json.dumps(statement.condition, default=repr)
    about = statement.actions, statement.not_actions, frozenset(resources)
    return statement.allows, *about, condition, statement.variables


def _merged(keys: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted(set().union(*keys)))


@dataclass(frozen=True, eq=False)
class Profile:
    """
    What of some layers their rows depend on: one object for all that come to the same.

    `alike`: rows depend on where statements apply only in being everywhere or somewhere, so that
    policies about an own bucket are the same for all.
    """

    layers: tuple[tuple[Dependencies, ...], ...]
    alike: bool

    @cached_property
    def keys(self) -> frozenset[str]:
        """The condition keys, in lower case, that they depend on."""
        return frozenset().union(*(read.keys for read in chain.from_iterable(self.layers)))


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
        self.nothing = np.zeros((5, catalog.words), dtype=self.every.dtype)
        self._dependencies: Memo[str, Dependencies] = Memo()
        self._by_policy: Memo[Policy, Dependencies] = Memo()
        self._by_shape: Memo[Any, Dependencies] = Memo()
        self._profiles: Memo[PolicyLayers, Profile] = Memo()
        self._distinct: Memo[Any, Profile] = Memo()
        self._scopes: Memo[tuple[Any, ...], tuple[Scope | None, bool]] = Memo()
        self._bits: Memo[tuple[tuple[str, ...], bool], Bits] = Memo()
        self._effects: list[Effects] = []
        self._same: list[int] = []  # by number of effects, the first that comes to the same rows
        self._by_rows: Memo[bytes, int] = Memo()
        self._alone: Memo[int, Bits] = Memo()

    def rows(self, layers: PolicyLayers, context: RequestContext) -> Bits:
        """Return what is possible, certain and allowed anywhere, shape (3, words)."""
        return self.combine(self.outcomes(layers, context)[0])

    def profile(self, layers: PolicyLayers) -> Profile:
        """Return what of the layers their rows depend on, in the order of the policies."""
        return self._profiles.once(layers, self._profile, layers)

    def _profile(self, layers: PolicyLayers) -> Profile:
        read = tuple(tuple(map(self._read, policies)) for _, policies in layers.named())
        identity, *others = read
        alike = (
            self.resource is None
            and all(each.one_sided for each in identity)
            and all(each.everywhere for policies in others for each in policies)
        )
        if alike:
            read = tuple(
                tuple(self._by_shape.once(each.shape, lambda same: same, each) for each in policies)
                for policies in read
            )
        return self._distinct.once((read, alike), Profile, read, alike)

    def keys(self, layers: PolicyLayers) -> frozenset[str]:
        """Return the condition keys, in lower case, that the layers' rows depend on."""
        return self.profile(layers).keys

    def outcomes(
        self, layers: PolicyLayers, *contexts: RequestContext, varying: Keys = EVERY
    ) -> list[Outcomes]:
        """
        Return what the layers come to in each context: equal outcomes have equal rows.

        `varying` are the condition keys in which the contexts differ, if that is known.
        """
        same = self._same
        return [
            tuple(tuple(sorted({same[number] for number in layer})) for layer in judged)
            for judged in self._judgements(layers, contexts, varying)
        ]

    def case(self, layers: PolicyLayers, context: RequestContext) -> Any:
        """
        Return what rows depend on: equal where no policy tells two principals and requests apart.

        Where no resource is compared with another, it makes no difference what a policy variable
        holds.
        """
        return self.cases(layers, context)[0]

    def cases(
        self, layers: PolicyLayers, *contexts: RequestContext, varying: Keys = EVERY
    ) -> list[Any]:
        """Return the `case` of each context; `varying` as for `outcomes`."""
        profile = self.profile(layers)
        return [(profile, each) for each in self._judgements(layers, contexts, varying)]

    def _judgements(
        self, layers: PolicyLayers, contexts: Sequence[RequestContext], varying: Keys
    ) -> list[Outcomes]:
        """In each context the number of each policy's judgement, layer by layer."""
        profile = self.profile(layers)
        alike = profile.alike
        found = (self._of_layer(each, contexts, varying, alike) for each in profile.layers)
        return list(zip(*found, strict=True))

    def _of_layer(
        self,
        policies: Iterable[Dependencies],
        contexts: Sequence[RequestContext],
        varying: Keys,
        alike: bool,
    ) -> list[tuple[int, ...]]:
        """What the policies of one layer are told in each context, one number for each policy."""
        columns = [
            [self._judged(read, contexts[0], alike=alike)] * len(contexts)
            if varying.isdisjoint(read.keys)
            else [self._judged(read, each, alike=alike) for each in contexts]
            for read in policies
        ]
        return list(zip(*columns, strict=True)) if columns else [()] * len(contexts)

    def _read(self, policy: Policy) -> Dependencies:
        return self._by_policy.once(policy, self._read_content, policy)

    def _read_content(self, policy: Policy) -> Dependencies:
        return self._dependencies.once(policy.content, Dependencies, policy.statements)

    def _judged(self, read: Dependencies, context: RequestContext, *, alike: bool) -> int:
        """Number of a policy's judgement; the same for contexts that it does not tell apart."""
        asked: Any = alike, context.answers(read.condition_keys)
        if read.resource_keys:
            variables = context.answers(read.resource_keys)
            asked += tuple(None if alike and isinstance(v, str) else v for v in variables)
        return read.numbers.once(asked, self._judge_anew, read, context, alike)

    def _judge_anew(self, read: Dependencies, context: RequestContext, alike: bool) -> int:
        number = len(self._effects)
        self._effects.append(self._judge(read.statements, context))
        if alike:  # what it allows and denies is all there is to compare
            held = self._alone.once(number, self._by_itself, number).tobytes()
            self._same.append(self._by_rows.setdefault(held, number))
        else:
            self._same.append(number)
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

    def combine(self, outcomes: Outcomes) -> Bits:
        """
        Return the rows of what every layer allows, less what any layer denies: (3, words).

        Only for actions that something denies on some resources, or that two layers allow on some
        each, resources are compared; the others are in what each policy by itself allows.
        """
        found = self._united(outcomes)
        surely, denied = found[3], found[3] | found[4]
        rows = found[:3].copy()
        rows[POSSIBLE] &= ~surely
        rows[CERTAIN:] &= ~denied
        layers = [[self._effects[number] for number in layer] for layer in outcomes]
        compared = self._to_compare(layers)
        if compared is not None and (compared & rows[POSSIBLE]).any():
            rows &= ~compared
            rows |= self._compared(layers, compared & ~surely, compared & ~denied)
        return rows

    def _united(self, outcomes: Outcomes) -> Bits:
        """
        What all layers allow: possibly, certainly, everywhere; what any denies: surely, perhaps.

        Each policy is taken by itself: what is denied on some resources only is left out. Shape
        (5, words).
        """
        layers = [
            np.bitwise_or.reduce(
                [self._alone.once(n, self._by_itself, n) for n in layer] or [self.nothing]
            )
            for layer in outcomes
        ]
        found: Bits = layers[0] if len(layers) == 1 else np.bitwise_and.reduce(layers)
        if len(layers) > 1:
            found[3:] = np.bitwise_or.reduce([layer[3:] for layer in layers])
        return found

    def _by_itself(self, number: int) -> Bits:
        """What one policy allows and denies, as `_united` says."""
        effects = self._effects[number]
        denied = {True: self.none, False: self.none}
        for scope, sure, bits in effects.denials:
            if scope.everything:
                denied[sure] = denied[sure] | bits
        return np.array([*self._allowed(effects.cells), denied[True], denied[False]])

    def _to_compare(self, layers: Sequence[Sequence[Effects]]) -> Bits | None:
        """The actions for which resources have to be compared; None: for none."""
        if sum(any(each.narrow for each in layer) for layer in layers) > 1:
            return self.every
        scoped = [bits for layer in layers for each in layer for _, _, bits in each.scoped]
        return np.bitwise_or.reduce(scoped) if scoped else None

    def _compared(
        self, layers: Sequence[Sequence[Effects]], possibly: Bits, certainly: Bits
    ) -> Bits:
        """The rows of actions that nothing denies on every resource, surely and perhaps."""
        cells, *others = (_together(layer, possibly) for layer in layers)
        for other in others:
            cells = _both(cells, other)
        scoped = [denial for layer in layers for each in layer for denial in each.scoped]
        possible, certain, anywhere = self.none.copy(), self.none.copy(), self.none.copy()
        for (scopes, sure), bits in cells.items():
            possible |= _left(bits, scopes, scoped)
            if sure:
                left = bits & certainly
                certain |= _witnessed(left, scopes, scoped)
                if not scopes:
                    for _, _, elsewhere in scoped:
                        left = left & ~elsewhere
                    anywhere |= left
        return np.array([possible, certain, anywhere])

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


def _together(layer: Iterable[Effects], wanted: Bits) -> Cells:
    """What the policies of one layer allow of some actions."""
    cells: Cells = {}
    for each in layer:
        if not (each.allowed & wanted).any():
            continue
        for where, bits in each.cells.items():
            shared = bits & wanted
            if shared.any():
                _add(cells, where, shared)
    return cells


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
