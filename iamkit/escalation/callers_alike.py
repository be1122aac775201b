"""
Callers whom nothing tells apart: one stands for all, and what it finds is everybody's.

Of a caller's policies only what they say matters, but for its own name (`shared_policies`); of
trust policies, whether they speak of it. So thousands of callers come to a few dozen cases.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from iamkit.escalation.assuming import Assuming
from iamkit.escalation.callers import Caller, Callers
from iamkit.escalation.shared_policies import SharedResources, Who
from iamkit.memory import Memo
from iamkit.policy import PolicyLayers, RequestContext


@dataclass(frozen=True, eq=False)
class Alike:
    """Callers whom nothing tells apart but who they are: one object for all of them."""

    caller: Caller  # who stands for them
    named: bool  # trust policies name them, or anyone
    known: RequestContext  # what is known of one of them, the same for all as far as it matters


class AlikeCallers:
    """The one who stands for each caller."""

    def __init__(self, callers: Callers, assuming: Assuming, actions: Iterable[str]) -> None:
        self._callers = callers
        self._assuming = assuming
        self._shared = SharedResources(callers.allowed, tuple(actions))
        self._alike: Memo[str, Alike] = Memo()
        self._groups: Memo[Any, Alike] = Memo()
        self._standing: Memo[Any, Caller] = Memo()
        self._narrowed: Memo[tuple[Caller, tuple[str, ...]], Caller] = Memo()
        self._keys: Memo[Caller, tuple[str, ...]] = Memo()

    def of(self, arn: str) -> Alike:
        """Those who are like a caller."""
        return self._alike.once(arn, self._find, arn)

    def _find(self, arn: str) -> Alike:
        callers = self._callers
        kind, known = callers.kind(arn), callers.known(arn)
        layers = callers.principals.layers(arn)
        relevant = self._shared.layers_for(layers, Who(arn, kind, known))
        spoken_of = arn if self._spoken_of(arn) else None
        key = (kind, relevant, spoken_of)
        caller = self._standing.once(key, self._standing_for, arn, kind, layers, relevant)
        named = callers.assumable.names(arn)
        group = (caller, named, known.answers(self.keys(caller)))
        return self._groups.once(group, Alike, caller, named, known)

    def for_actions(self, caller: Caller, actions: tuple[str, ...]) -> Caller:
        """The one who stands for all who are like a caller as far as some actions go."""
        return self._narrowed.once((caller, actions), self._narrow, caller, actions)

    def _narrow(self, caller: Caller, actions: tuple[str, ...]) -> Caller:
        relevant = self._shared.narrowed(caller.relevant, actions)
        spoken_of = caller.arn if self._spoken_of(caller.arn) else None
        key = (caller.kind, relevant, spoken_of)
        return self._standing.once(
            key, self._standing_for, caller.arn, caller.kind, caller.layers, relevant
        )

    def _standing_for(self, arn: str, kind: str, layers: PolicyLayers, relevant: Any) -> Caller:
        own = dict.fromkeys(("own user", "own role", "own group", "own policy", "own boundary"), 0)
        if kind in ("user", "role"):
            own[f"own {kind}"] = self._shared.caller(kind)
        return Caller(arn, kind, layers, self._shared, relevant, own)

    def keys(self, caller: Caller) -> tuple[str, ...]:
        """The condition keys that its own or the trust policies test that may let it in."""
        return self._keys.once(caller, self._find_keys, caller)

    def _find_keys(self, caller: Caller) -> tuple[str, ...]:
        trusting = self._callers.assumable.keys(caller.arn) | self._assuming.grants.keys
        return tuple(sorted(trusting.union(caller.own_keys)))

    def _spoken_of(self, arn: str) -> bool:
        """Whether a trust policy speaks of somebody or of a session of it, for or against."""
        return arn in self._named or arn.rsplit("/", 1)[-1] in self._with_named_sessions

    @cached_property
    def _named(self) -> frozenset[str]:
        return frozenset(self._callers.account.trust["principal"].dropna().tolist())

    @cached_property
    def _with_named_sessions(self) -> frozenset[str]:
        """The names of roles of which a session is named."""
        sessions = (each.partition(":assumed-role/")[2] for each in self._named)
        return frozenset(each.split("/")[0] for each in sessions if each)
