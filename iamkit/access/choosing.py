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
        self._having: Memo[str, Bits] = Memo()
        self._chosen_keys: Memo[PolicyLayers, frozenset[str]] = Memo()
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
        keys = sorted(key for key, value in chosen.values.items() if value is not ABSENT)
        found = self.every
        for key in keys:
            found = found & self._having.once(key, self._find_having, key)
        return found

    def _find_having(self, key: str) -> Bits:
        actions = self.catalog.listed.actions
        return self.catalog.bits(each for each in actions if choices.carries(each, key))

    def _find_tests(self, layers: PolicyLayers) -> tuple[tuple[KeyTest, bool], ...]:
        """The tests of chosen keys."""
        statements = (
            each for _, layer in layers.named() for policy in layer for each in policy.statements
        )
        tests = choices.tests_of(statements)
        return tuple((test, variables) for test, variables in tests if choices.is_chosen(test.key))

    def _rows(self, layers: PolicyLayers, context: RequestContext) -> tuple[Bits, Bits, Bits]:
        """The rows in one context, which are not to be changed: many contexts share them."""
        outcomes = self.outcomes(layers, context)[0]
        return self._combined.once(outcomes, self.combine, outcomes)

    def rows(self, layers: PolicyLayers, context: RequestContext) -> tuple[Bits, Bits, Bits]:
        """Return (possible, certain, anywhere), each of shape (words,)."""
        rows = self._rows(layers, context)
        if not self.chooses(layers):
            return rows
        possible, certain, anywhere = (each.copy() for each in rows)
        region = context.get(choices.REGION)
        home = choices.home_region(context)
        if region is UNKNOWN and choices.REGION in self._chosen(layers):
            at_home = self._rows(layers, context.but({choices.REGION: home}))
            possible = (possible & ~self._at_home) | (at_home[POSSIBLE] & self._at_home)
        tests = self._tests.once(layers, self._find_tests, layers)
        for chosen in choices.chosen_values(tests, context):
            made = self._rows(layers, context.joined(chosen))
            carrying = self._carrying(chosen)
            elsewhere = chosen.get(choices.REGION) not in (UNKNOWN, home)
            for row, better in ((certain, made[CERTAIN]), (anywhere, made[ANYWHERE])):
                row |= (better & ~self._at_home if elsewhere else better) & carrying
        return possible, certain, anywhere
