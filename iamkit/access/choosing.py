"""
Rows of bits for a caller that chooses what suits it: the Region, the user agent, the tags it asks.

`policy.evaluation` leaves a key that nobody knows open: an allow or a deny that hangs on it is not
certain. Some of those keys the caller picks itself, see `policy.choices`, so here every class of
their values is tried, and an action is certain if it is with one of them. `anywhere` is judged
action by action, as each call makes its own choice. What is called in one Region only is tried in
that one.

Source: IAM User Guide, "AWS global condition context keys", aws:RequestedRegion.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from iamkit.memory import Memo
from iamkit.policy import (
    ABSENT,
    ANYWHERE,
    CERTAIN,
    POSSIBLE,
    UNKNOWN,
    KeyTest,
    Outcomes,
    PolicyEvaluator,
    PolicyLayers,
    RequestContext,
    choices,
)
from iamkit.reference import Bits, Catalog


class ChoosingEvaluator(PolicyEvaluator):
    """Rows of bits as `PolicyEvaluator` has them, the caller's own choices made for the best."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self._carried: Memo[tuple[str, ...], Bits] = Memo()
        self._having: Memo[str, Bits] = Memo()
        self._chosen_keys: Memo[PolicyLayers, frozenset[str]] = Memo()
        self._asked: Memo[PolicyLayers, tuple[str, ...]] = Memo()
        self._tests: Memo[PolicyLayers, tuple[tuple[KeyTest, bool], ...]] = Memo()
        self._combined: Memo[Outcomes, tuple[Bits, Bits, Bits]] = Memo()

    def chooses(self, layers: PolicyLayers) -> bool:
        """Whether the caller's choices make a difference to what these layers allow."""
        return bool(self._chosen(layers))

    def _chosen(self, layers: PolicyLayers) -> frozenset[str]:
        return self._chosen_keys.once(layers, self._find_chosen_keys, layers)

    def _find_chosen_keys(self, layers: PolicyLayers) -> frozenset[str]:
        return frozenset(filter(choices.is_chosen, self.keys(layers)))

    @cached_property
    def _at_home(self) -> Bits:
        """The actions that are called in the partition's home Region only."""
        return self.catalog.bits(choices.GLOBAL_SERVICES)

    def _carrying(self, chosen: RequestContext) -> Bits:
        """The actions whose requests have all keys that are chosen: most have no tags, say."""
        keys = tuple([key for key, value in chosen.values.items() if value is not ABSENT])
        return self._carried.once(keys, self._find_carried, keys)

    def _find_carried(self, keys: tuple[str, ...]) -> Bits:
        having = [self._having.once(key, self._find_having, key) for key in keys]
        found: Bits = np.bitwise_and.reduce([self.every, *having])
        return found

    def _find_having(self, key: str) -> Bits:
        actions = self.catalog.listed.actions
        return self.catalog.bits(each for each in actions if choices.carries(each, key))

    def _find_tests(self, layers: PolicyLayers) -> tuple[tuple[KeyTest, bool], ...]:
        """The tests of chosen keys."""
        tests = choices.tests_of(layers.statements)
        return tuple((test, variables) for test, variables in tests if choices.is_chosen(test.key))

    def rows(self, layers: PolicyLayers, context: RequestContext) -> tuple[Bits, Bits, Bits]:
        """Return (possible, certain, anywhere), each of shape (words,)."""
        if not self.chooses(layers):
            return super().rows(layers, context)
        keys, tests = self._chosen(layers), self._tests.once(layers, self._find_tests, layers)
        chosen = choices.chosen_values(tests, context)
        contexts = [context, *map(context.joined, chosen)]
        own, *others = self.outcomes(layers, *contexts, varying=keys)
        possible, certain, anywhere = (each.copy() for each in self._made(own))
        home = choices.home_region(context)
        if choices.REGION in keys and context.get(choices.REGION) is UNKNOWN:
            at_home = super().rows(layers, context.but({choices.REGION: home}))
            possible = (possible & ~self._at_home) | (at_home[POSSIBLE] & self._at_home)
        gained: dict[Outcomes, Bits] = {}  # for which actions it may come to that
        for each, outcome in zip(chosen, others, strict=True):
            if outcome != own:
                elsewhere = each.get(choices.REGION) not in (UNKNOWN, home)
                mask = self._carrying(each)
                mask = mask & ~self._at_home if elsewhere else mask
                gained[outcome] = gained[outcome] | mask if outcome in gained else mask
        for outcome, mask in gained.items():
            better = self._made(outcome)
            certain |= better[CERTAIN] & mask
            anywhere |= better[ANYWHERE] & mask
        return possible, certain, anywhere

    def _made(self, outcome: Outcomes) -> tuple[Bits, Bits, Bits]:
        """The rows of an outcome, which are not to be changed: many contexts share them."""
        return self._combined.once(outcome, self.combine, outcome)

    def asked(self, layers: PolicyLayers) -> tuple[str, ...]:
        """Return the condition keys, in lower case, by which `rows` differ for these layers."""
        return self._asked.once(layers, self._find_asked, layers)

    def _find_asked(self, layers: PolicyLayers) -> tuple[str, ...]:
        keys = self.keys(layers)
        if not self.chooses(layers):
            return tuple(sorted(keys))
        return tuple(sorted({*keys, *choices.OF_RESOURCE.values(), choices.HOME_REGION}))
