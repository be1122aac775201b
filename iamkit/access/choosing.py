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

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from iamkit.memory import Memo
from iamkit.policy import (
    ABSENT,
    UNKNOWN,
    Arrivals,
    Cells,
    Effects,
    Outcomes,
    PolicyEvaluator,
    PolicyLayers,
    Profile,
    RequestContext,
    add,
    choices,
    together,
)
from iamkit.reference import Bits, Catalog

# Keys of the caller, and one of its account, that decide what is best to choose.
_SUITING: Final = (*choices.OF_RESOURCE.values(), choices.HOME_REGION)


@dataclass(frozen=True, eq=False)
class Choice:
    """What policies come to with the caller's best choices, and for which actions that holds."""

    outcome: Outcomes
    mask: Bits  # of shape (3, words)


class ChoosingEvaluator(PolicyEvaluator):
    """Rows of bits as `PolicyEvaluator` has them, the caller's own choices made for the best."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self._carried: Memo[tuple[tuple[str, ...], bool], Bits] = Memo()
        self._having: Memo[str, Bits] = Memo()
        self._chosen_keys: Memo[frozenset[str], frozenset[str]] = Memo()
        self._chosen: Memo[Any, list[tuple[Choice, ...]]] = Memo()
        self._choices: Memo[Any, tuple[Choice, ...]] = Memo()
        self._by_choices: Memo[Any, int] = Memo()

    def chooses(self, layers: PolicyLayers) -> bool:
        """Whether the caller's choices make a difference to what these layers allow."""
        return bool(self._divided(self.profile(layers))[1].reads)

    def rows(self, layers: PolicyLayers, context: RequestContext) -> Bits:
        """Return what is possible, certain and allowed anywhere, shape (3, words)."""
        others, choosing = self._divided(self.profile(layers))
        own = self._outcome(others, context)
        if not choosing.reads:
            return self.combine(own)
        return self._best(own, self._chosen_in(choosing, context))

    def numbers(self, profile: Profile, arrivals: Arrivals, known: RequestContext) -> list[int]:
        """Return the numbers of rows, however somebody arrives, of whom this is `known`."""
        others, choosing = self._divided(profile)
        outcomes = self.outcomes_by(others, arrivals, known)
        if not choosing.reads:
            return [self.number(each) for each in outcomes]
        asked = (arrivals, choosing, self._suiting(choosing, known))
        chosen = self._chosen.once(asked, self._choose_each, arrivals, choosing, known)
        return [
            self._by_choices.once((each, best), self._best_number, each, best)
            for each, best in zip(outcomes, chosen, strict=True)
        ]

    def _choose_each(
        self, arrivals: Arrivals, choosing: Profile, known: RequestContext
    ) -> list[tuple[Choice, ...]]:
        return [self._chosen_in(choosing, each.joined(known)) for each in arrivals.contexts]

    def _best_number(self, outcome: Outcomes, chosen: tuple[Choice, ...]) -> int:
        if len(chosen) == 1:
            return self.number(together(outcome, chosen[0].outcome))
        return self.number_of(self._best(outcome, chosen))

    def _best(self, outcome: Outcomes, chosen: tuple[Choice, ...]) -> Bits:
        rows = (self.combine(together(outcome, each.outcome)) & each.mask for each in chosen)
        found: Bits = np.bitwise_or.reduce([*rows])
        return found

    def _divided(self, profile: Profile) -> tuple[Profile, Profile]:
        """The statements to which the caller's choices make no difference, and the others."""
        keys = self._chosen_keys.once(profile.keys, _chosen_keys, profile.keys)
        return self.parts(profile, keys) if keys else (profile, _NONE)

    def _suiting(self, choosing: Profile, context: RequestContext) -> tuple[Any, ...]:
        """What of a context decides what is best to choose."""
        return choosing.asked(context, choosing.keys), context.answers(_SUITING)

    def _chosen_in(self, choosing: Profile, context: RequestContext) -> tuple[Choice, ...]:
        """What statements that ask for chosen keys come to, if the caller chooses what suits it."""
        asked = (choosing, self._suiting(choosing, context))
        return self._choices.once(asked, self._choose, choosing, context)

    def _choose(self, choosing: Profile, context: RequestContext) -> tuple[Choice, ...]:
        """
        Try every choice. The identity's allows with all of them count at once, as one policy.

        That holds for choices with which the other policies, which deny or limit, come to the same.
        """
        identity, *limits = choosing.layers
        empty = ((),) * len(limits)
        granting = tuple(read for read in identity if read.allows_only)
        denying = tuple(read for read in identity if not read.allows_only)
        allowing = self.profile_of((granting, *empty), alike=choosing.alike)
        stopping = self.profile_of((denying, *limits), alike=choosing.alike)
        masks: dict[Outcomes, dict[Outcomes, Bits]] = {}  # as they are stopped, and allowed
        for each, mask in self._options(choosing, context):
            found = masks.setdefault(self._outcome(stopping, each), {})
            allowed = self._outcome(allowing, each)
            found[allowed] = found[allowed] | mask if allowed in found else mask
        made = []
        for stopped, found in masks.items():
            number = self.effect_number(self._joined(found), alike=choosing.alike)
            mask = np.bitwise_or.reduce([*found.values()])
            made.append(Choice(together(stopped, ((number,), *empty)), mask))
        return tuple(made)

    def _joined(self, found: Mapping[Outcomes, Bits]) -> Effects:
        """What policies allow that come to each outcome for the actions of a mask."""
        cells: Cells = {}
        for (allowed, *_), (possibly, certainly, _) in found.items():
            for number in allowed:
                for (scopes, sure), bits in self.effects(number).cells.items():
                    certain = bits & certainly if sure else self.none
                    for where, some in ((True, certain), (False, bits & possibly & ~certain)):
                        if some.any():
                            add(cells, (scopes, where), some)
        return Effects(cells, ())

    def _options(
        self, choosing: Profile, context: RequestContext
    ) -> Iterator[tuple[RequestContext, Bits]]:
        """
        What may be chosen, and for which actions its rows count, shape (3, words).

        What is possible is so without a choice; at home in the home Region.
        """
        statements = (each for read in choosing.reads for each in read.statements)
        tests = [each for each in choices.tests_of(statements) if choices.is_chosen(each[0].key)]
        home = choices.home_region(context)
        if choices.REGION in choosing.keys and context.get(choices.REGION) is UNKNOWN:
            yield context, np.array([self.every & ~self._at_home, self.every, self.every])
            at_home = np.array([self._at_home, self.none, self.none])
            yield context.but({choices.REGION: home}), at_home
        else:
            yield context, np.array([self.every] * 3)
        for each in choices.chosen_values(tests, context):
            elsewhere = each.get(choices.REGION) not in (UNKNOWN, home)
            yield context.joined(each), self._carrying(each, elsewhere=elsewhere)

    @cached_property
    def _at_home(self) -> Bits:
        """The actions that are called in the partition's home Region only."""
        return self.catalog.bits(choices.GLOBAL_SERVICES)

    def _carrying(self, chosen: RequestContext, *, elsewhere: bool) -> Bits:
        """The actions whose requests have all keys that are chosen: most have no tags, say."""
        keys = tuple([key for key, value in chosen.values.items() if value is not ABSENT])
        return self._carried.once((keys, elsewhere), self._find_carried, keys, elsewhere)

    def _find_carried(self, keys: tuple[str, ...], elsewhere: bool) -> Bits:
        having = [self._having.once(key, self._find_having, key) for key in keys]
        found = np.bitwise_and.reduce([self.every, *having])
        certain = found & ~self._at_home if elsewhere else found
        return np.array([self.none, certain, certain])

    def _find_having(self, key: str) -> Bits:
        return self.catalog.having_keys(lambda keys: choices.carried_by(keys, key))


_NONE: Final = Profile((), alike=True)


def _chosen_keys(keys: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(choices.is_chosen, keys))
