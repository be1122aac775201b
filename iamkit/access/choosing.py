"""
Rows of bits for a caller that chooses what suits it: the Region, the user agent, the tags it asks.

`policy.evaluation` leaves a key that nobody knows open: an allow or a deny that depends on it is
not certain. Some of those keys the caller picks itself, see `policy.choices`, so here every class
of their values is tried, and an action is certain if it is with one of them. `anywhere` is
evaluated action by action, as each call makes its own choice. An action that exists in one Region
only is tried in this Region.

Source: IAM User Guide, "AWS global condition context keys", aws:RequestedRegion.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np

from iamkit.memory import Memo
from iamkit.policy import (
    ABSENT,
    ANYWHERE,
    CERTAIN,
    EVERY,
    POSSIBLE,
    UNKNOWN,
    Keys,
    KeyTest,
    Outcomes,
    PolicyEvaluator,
    PolicyLayers,
    Profile,
    RequestContext,
    choices,
)
from iamkit.reference import Bits, Catalog

Tests: TypeAlias = tuple[tuple[KeyTest, bool], ...]  # and whether variables count in each

# Keys of the caller, and one of its account, that decide what is best to choose.
_SUITING: Final = (*choices.OF_RESOURCE.values(), choices.HOME_REGION)


class ChoosingEvaluator(PolicyEvaluator):
    """Rows of bits as `PolicyEvaluator` has them, the caller's own choices made for the best."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self._carried: Memo[tuple[str, ...], Bits] = Memo()
        self._having: Memo[str, Bits] = Memo()
        self._chosen_keys: Memo[Profile, frozenset[str]] = Memo()
        self._tests: Memo[Profile, Tests] = Memo()
        self._combined: Memo[Outcomes, Bits] = Memo()

    def chooses(self, layers: PolicyLayers) -> bool:
        """Whether the caller's choices make a difference to what these layers allow."""
        return bool(self._chosen(layers))

    def _chosen(self, layers: PolicyLayers) -> frozenset[str]:
        profile = self.profile(layers)
        return self._chosen_keys.once(profile, _chosen_keys, profile)

    def _find_tests(self, layers: PolicyLayers) -> Tests:
        """The tests of chosen keys."""
        tests = choices.tests_of(layers.statements)
        return tuple((test, variables) for test, variables in tests if choices.is_chosen(test.key))

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
        keys = self.catalog.listed.condition_keys
        having = [choices.carried_by(each, key) for each in keys.values]
        actions = zip(self.catalog.listed.actions, keys.codes, strict=True)
        return self.catalog.bits(action for action, code in actions if having[code])

    def rows(self, layers: PolicyLayers, context: RequestContext) -> Bits:
        """Return what is possible, certain and allowed anywhere, shape (3, words)."""
        if not self.chooses(layers):
            return super().rows(layers, context)
        keys = self._chosen(layers)
        tests = self._tests.once(self.profile(layers), self._find_tests, layers)
        chosen = choices.chosen_values(tests, context)
        contexts = [context, *map(context.joined, chosen)]
        own, *others = self.outcomes(layers, *contexts, varying=keys)
        rows = self._made(own).copy()
        home = choices.home_region(context)
        if choices.REGION in keys and context.get(choices.REGION) is UNKNOWN:
            at_home = super().rows(layers, context.but({choices.REGION: home}))
            rows[POSSIBLE] &= ~self._at_home
            rows[POSSIBLE] |= at_home[POSSIBLE] & self._at_home
        gained: dict[Outcomes, Bits] = {}  # for which actions it may come to that
        for each, outcome in zip(chosen, others, strict=True):
            if outcome != own:
                elsewhere = each.get(choices.REGION) not in (UNKNOWN, home)
                mask = self._carrying(each)
                mask = mask & ~self._at_home if elsewhere else mask
                gained[outcome] = gained[outcome] | mask if outcome in gained else mask
        for outcome, mask in gained.items():
            rows[[CERTAIN, ANYWHERE]] |= self._made(outcome)[[CERTAIN, ANYWHERE]] & mask
        return rows

    def _made(self, outcome: Outcomes) -> Bits:
        """The rows of an outcome, which are not to be changed: many contexts share them."""
        return self._combined.once(outcome, self.combine, outcome)

    def cases(
        self, layers: PolicyLayers, *contexts: RequestContext, varying: Keys = EVERY
    ) -> list[Any]:
        """What rows depend on, see `PolicyEvaluator.case`: what is best to choose as well."""
        found = super().cases(layers, *contexts, varying=varying)
        if not self.chooses(layers):
            return found
        suiting = (each.answers(_SUITING) for each in contexts)
        return list(zip(found, suiting, strict=True))


def _chosen_keys(profile: Profile) -> frozenset[str]:
    return frozenset(filter(choices.is_chosen, profile.keys))
