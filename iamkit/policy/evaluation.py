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

A policy is judged once per content and answers to the keys that it asks, and whatever comes to the
same shares its row. Resource-based policies, session policies and VPC endpoint policies are not in
the evidence, and resource control policies are not counted here: rows say what identity policies,
boundaries and SCPs permit.

Source: IAM User Guide, "Policy evaluation logic" and "Permissions boundaries for IAM entities".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from operator import and_, or_
from typing import Any, Final, TypeAlias

import numpy as np

from iamkit.memory import Memo
from iamkit.policy.context import UNKNOWN, RequestContext
from iamkit.policy.decision import on_resource
from iamkit.policy.dependencies import Dependencies, Profile, Reads, grouped
from iamkit.policy.distinct_rows import DistinctRows
from iamkit.policy.effects import Cells, Effects, add, compared, to_compare
from iamkit.policy.model import Policy, PolicyLayers, Statement, widest
from iamkit.policy.patterns import Pattern, resolve
from iamkit.policy.scopes import ALL, Scope, Scopes
from iamkit.reference import Bits, Catalog

POSSIBLE: Final = 0
CERTAIN: Final = 1
ANYWHERE: Final = 2
STRENGTHS: Final = ("possible", "certain", "anywhere")
_SOME: Final = Scope((Pattern("some"),))  # stands for any where none is compared with another
Outcomes: TypeAlias = tuple[tuple[int, ...], ...]  # numbers of policies' effects, layer by layer


@dataclass(frozen=True, eq=False)
class Arrivals:
    """What requests contain, independent of the caller, that differ in the keys `varying` only."""

    contexts: Sequence[RequestContext]
    varying: frozenset[str]


class PolicyEvaluator:
    """
    Rows of bits for layers in contexts, everything costly done once per distinct content.

    Rows are numbered: `bits` has each once, of shape (3, words). With `resource`, rows are about
    that resource alone: `possible` and `certain` then differ only by unknown conditions, and an
    action's bit is exactly what `decide` says.
    """

    def __init__(self, catalog: Catalog, resource: str | None = None) -> None:
        self.catalog = catalog
        self.resource = resource
        self.every = catalog.bits("*")
        self.none = np.zeros_like(self.every)
        self.nothing = np.zeros((3, catalog.words), dtype=self.every.dtype)
        self.bits = DistinctRows(self.nothing)
        self._outcome_numbers: Memo[Outcomes, int] = Memo()
        self._by_content: Memo[Any, Dependencies] = Memo()
        self._by_policy: Memo[Policy, tuple[Dependencies, ...]] = Memo()
        self._by_shape: Memo[Any, Dependencies] = Memo()
        self._profiles: Memo[PolicyLayers, Profile] = Memo()
        self._distinct: Memo[tuple[Reads, bool], Profile] = Memo()
        self._parts: Memo[tuple[Profile, frozenset[str]], tuple[Profile, Profile]] = Memo()
        self._keyless: Memo[Profile, Outcomes] = Memo()
        self._across: Memo[Any, list[int]] = Memo()
        self._scopes: Memo[tuple[Any, ...], tuple[Scope | None, bool]] = Memo()
        self._bits: Memo[tuple[tuple[str, ...], bool], Bits] = Memo()
        self._effects: list[Effects] = []
        self._allowed: list[Bits] = []  # by number of effects, what each allows by itself
        self._denied: dict[int, Bits] = {}  # and denies, if it denies something everywhere
        self._scoped: set[int] = set()  # numbers of those that deny something on some resources
        self._by_answers: Memo[Any, int] = Memo()
        self._by_rows: Memo[bytes, int] = Memo()
        self._comparisons: Memo[Outcomes, Bits] = Memo()

    def rows(self, layers: PolicyLayers, context: RequestContext) -> Bits:
        """Return what is possible, certain and allowed anywhere, shape (3, words)."""
        return self.combine(self.outcomes(layers, context)[0])

    def number(self, outcome: Outcomes) -> int:
        """Return the number of the row that an outcome comes to; several may come to the same."""
        return self._outcome_numbers.once(outcome, self._number, outcome)

    def _number(self, outcome: Outcomes) -> int:
        return self.number_of(self.combine(outcome))

    def number_of(self, row: Bits) -> int:
        """Return the number of a row."""
        return self.bits.number(row)

    def all_rows(self) -> Bits:
        """Return the rows by number, shape (rows, 3, words)."""
        return self.bits.all()

    def profile(self, layers: PolicyLayers) -> Profile:
        """Return what of the layers their rows depend on, in the order of the policies."""
        return self._profiles.once(layers, self._profile, layers)

    def _profile(self, layers: PolicyLayers) -> Profile:
        read = tuple(
            tuple(chain.from_iterable(map(self._read, policies))) for _, policies in layers.named()
        )
        identity, *others = read
        alike = (
            self.resource is None
            and all(each.one_sided for each in identity)
            and all(each.everywhere for policies in others for each in policies)
        )
        if alike:
            read = tuple(
                tuple(self._by_shape.setdefault(each.shape, each) for each in policies)
                for policies in read
            )
        return self.profile_of(read, alike=alike)

    def profile_of(self, read: Reads, *, alike: bool) -> Profile:
        """Return the one profile of these policies."""
        return self._distinct.once((read, alike), Profile, read, alike)

    def parts(self, profile: Profile, keys: frozenset[str]) -> tuple[Profile, Profile]:
        """Return what of a profile depends on none of some condition keys, and what does."""
        return self._parts.once((profile, keys), self._divide, profile, keys)

    def _divide(self, profile: Profile, keys: frozenset[str]) -> tuple[Profile, Profile]:
        still, moving = (self.profile_of(each, alike=profile.alike) for each in profile.parts(keys))
        return still, moving

    def keys(self, layers: PolicyLayers) -> frozenset[str]:
        """Return the condition keys, in lower case, that the layers' rows depend on."""
        return self.profile(layers).keys

    def outcomes(self, layers: PolicyLayers, *contexts: RequestContext) -> list[Outcomes]:
        """Return what the layers come to in each context: equal outcomes have equal rows."""
        profile = self.profile(layers)
        return [self._outcome(profile, context) for context in contexts]

    def outcomes_by(
        self, profile: Profile, arrivals: Arrivals, known: RequestContext
    ) -> list[Outcomes]:
        """
        Return what layers come to however somebody arrives, of whom this is `known`.

        Statements that depend on no condition key, as most, are judged once; the others once for
        all who hold them and of whom they ask the same.
        """
        layers = []
        keyless = self._keyless.once(profile, self._judge_keyless, profile)
        for fixed, keyed in zip(keyless, profile.keyed, strict=True):
            if keyed:
                columns = [self._judge_across(arrivals, each, profile, known) for each in keyed]
                moved = [*zip(*columns, strict=True)]
                both = {each: _listed((*fixed, *each)) for each in dict.fromkeys(moved)}
                layers.append([both[each] for each in moved])
            else:
                layers.append([fixed] * len(arrivals.contexts))
        return [*zip(*layers, strict=True)]

    def _judge_keyless(self, profile: Profile) -> Outcomes:
        keyless = (tuple(read for read in layer if not read.keys) for layer in profile.layers)
        return self._outcome(Profile(tuple(keyless), profile.alike), RequestContext({}, UNKNOWN))

    def _judge_across(
        self, arrivals: Arrivals, read: Dependencies, profile: Profile, known: RequestContext
    ) -> list[int]:
        alike = profile.alike
        asked = (arrivals, read, alike, read.asked(known, alike=alike))
        return self._across.once(asked, self._judge_each, arrivals, read, known, alike)

    def _judge_each(
        self, arrivals: Arrivals, read: Dependencies, known: RequestContext, alike: bool
    ) -> list[int]:
        contexts = arrivals.contexts
        if read.keys.isdisjoint(arrivals.varying):
            return [self._judged(read, contexts[0].joined(known), alike=alike)] * len(contexts)
        return [self._judged(read, each.joined(known), alike=alike) for each in contexts]

    def _outcome(self, profile: Profile, context: RequestContext) -> Outcomes:
        alike = profile.alike
        return tuple(
            _listed(self._judged(read, context, alike=alike) for read in layer)
            for layer in profile.layers
        )

    def case(self, layers: PolicyLayers, known: RequestContext) -> Any:
        """
        Return what rows depend on: equal where no policy tells two principals and requests apart.

        Where no resource is compared with another, it makes no difference what a policy variable
        holds.
        """
        profile = self.profile(layers)
        return profile, profile.asked(known, profile.keys)

    def _read(self, policy: Policy) -> tuple[Dependencies, ...]:
        return self._by_policy.once(policy, self._read_anew, policy)

    def _read_anew(self, policy: Policy) -> tuple[Dependencies, ...]:
        read = map(Dependencies, grouped(policy.statements))
        return tuple(self._by_content.setdefault(each.content, each) for each in read)

    def _judged(self, read: Dependencies, context: RequestContext, *, alike: bool) -> int:
        """Number of what a policy comes to; the same for contexts that it does not tell apart."""
        asked = (alike, read.asked(context, alike=alike)) if read.keys else alike
        return read.numbers.once(asked, self._judge, read, context, alike)

    def _judge(self, read: Dependencies, context: RequestContext, alike: bool) -> int:
        answers = []
        for statement in read.statements:
            holds = statement.applies(context)
            if holds is not False:
                scope, known = self._resources(statement, context)
                if scope is not None:
                    where = _SOME if alike and not scope.everything else scope
                    answers.append((statement, bool(holds) and known, where))
        return self._by_answers.once((alike, *answers), self._effects_of, answers, alike)

    def _effects_of(self, answers: Iterable[tuple[Statement, bool, Scope]], alike: bool) -> int:
        cells: Cells = {}
        denials = []
        for statement, certain, scope in answers:
            bits = self.covered(statement)
            if statement.allows:
                where: Scopes = frozenset() if scope.everything else frozenset([scope])
                add(cells, (where, certain), bits)
            else:
                denials.append((scope, certain, bits))
        return self.effect_number(Effects(cells, tuple(denials)), alike=alike)

    def effect_number(self, effects: Effects, *, alike: bool) -> int:
        """
        Return the number of effects.

        `alike`: the same for those with equal rows, if what they are by themselves is all.
        """
        alone = effects.alone(self.none)
        number = len(self._effects)
        if alike:
            number = self._by_rows.setdefault(alone.tobytes(), number)
        if number == len(self._effects):
            self._effects.append(effects)
            if effects.scoped:
                self._scoped.add(number)
            self._allowed.append(alone[:3].copy())
            if alone[3:].any():
                self._denied[number] = alone[3:]
        return number

    def effects(self, number: int) -> Effects:
        """Return the effects with a number."""
        return self._effects[number]

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

    def covered(self, statement: Statement) -> Bits:
        """Return the actions that a statement is about."""
        return self._bits.once((statement.actions, statement.not_actions), self._about, statement)

    def _about(self, statement: Statement) -> Bits:
        named = self.catalog.bits(statement.actions)
        return self.every & ~named if statement.not_actions else named

    def combine(self, outcomes: Outcomes) -> Bits:
        """
        Return the rows of what every layer allows, less what any layer denies: (3, words).

        Resources are compared only where that can change something.
        """
        rows, surely, denied = self._united(outcomes)
        if len(outcomes) == 1 and self._scoped.isdisjoint(outcomes[0]):
            return rows
        layers = [[self._effects[number] for number in layer] for layer in outcomes]
        wanted = to_compare(layers)
        if (wanted & rows[POSSIBLE]).any():
            relevant = tuple(
                tuple(
                    number
                    for number, each in zip(numbers, layer, strict=True)
                    if each.scoped or (each.allowed & wanted).any()
                )
                for numbers, layer in zip(outcomes, layers, strict=True)
            )
            again = self._comparisons.once(relevant, self._compare, relevant, wanted)
            rows &= ~wanted
            rows |= again & ~np.array([surely, denied, denied])
        return rows

    def _compare(self, outcomes: Outcomes, wanted: Bits) -> Bits:
        return compared([[self._effects[number] for number in layer] for layer in outcomes], wanted)

    def _united(self, outcomes: Outcomes) -> tuple[Bits, Bits, Bits]:
        """
        What all layers allow less what any denies, and what is denied surely, and at all.

        Each policy is taken by itself: what is denied on some resources only is left out.
        """
        rows = reduce(
            and_,
            [
                reduce(or_, [self._allowed[number] for number in layer], self.nothing)
                for layer in outcomes
            ],
        )
        denying = [self._denied[n] for layer in outcomes for n in layer if n in self._denied]
        if not denying:
            return rows, self.none, self.none
        surely, perhaps = reduce(or_, denying)
        denied = surely | perhaps
        rows[POSSIBLE] &= ~surely
        rows[CERTAIN:] &= ~denied
        return rows, surely, denied


def _listed(numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(numbers)))


def together(outcomes: Outcomes, others: Outcomes) -> Outcomes:
    """Return what the policies of both come to, layer by layer."""
    return tuple(
        _listed((*one, *other)) if one and other else one or other
        for one, other in zip(outcomes, others, strict=True)
    )
