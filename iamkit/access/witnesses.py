"""
One concrete request that shows what a verdict says: what it asks for, and what it carries.

Source: IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice, product
from typing import Any, Final

from iamkit.access.attack_requests import AttackRequest
from iamkit.access.attackers import Attackers, Case
from iamkit.access.contexts import CALLER_KEYS, CONTEXTS, DEFAULT_CONTEXTS, Credential, Place
from iamkit.access.request_classes import CHOSEN_NAMES, Tests
from iamkit.memory import Memo
from iamkit.policy import (
    ABSENT,
    CERTAIN,
    DOUBT,
    POSSIBLE,
    UNKNOWN,
    Decision,
    Mark,
    Pattern,
    PolicyLayers,
    RequestContext,
    Value,
    decide,
    resolve,
)

_WAYS: Final = 8  # requests, and resources of each, that are tried
_SETTLED: Final = 64  # combinations of values of unknown keys that are tried

# How AWS writes the keys that requests differ in.
_WRITTEN: Final = {
    key.lower(): key for each in CONTEXTS.values() for key in (*each.keys, *CHOSEN_NAMES)
}

Witness = Mapping[str, Any]


class Witnesses:
    """
    Finds requests that are allowed.

    A witness is a dict of `action`, `resource`, `context` (condition key to its value, "absent" or
    "unknown", of the keys that the principal's policies test) and `effect`: Allowed or, where no
    value of the unknown keys was found that settles it, Unknown.
    """

    def __init__(self, attackers: Attackers) -> None:
        self.attackers = attackers
        self._found: Memo[Any, Witness | None] = Memo()

    def find(
        self, arn: str, action: str, credentials: Iterable[Credential], places: Iterable[Place]
    ) -> Witness | None:
        """Return a request by one of the credentials from one of the places; None: none found."""
        names = _names(tuple(credentials), tuple(places))
        case = self.attackers.case(arn)
        layers = self.attackers.callers.layers(arn)
        tested = self.attackers.keys(layers)
        asked = not tested.isdisjoint(self.attackers.callers.caller_keys)  # who they are
        same = (layers, id(case), arn if asked else None, action, names)
        return self._found.once(same, self._find, arn, layers, case, action, names)

    def _find(
        self, arn: str, layers: PolicyLayers, case: Case | None, action: str, names: tuple[str, ...]
    ) -> Witness | None:
        doubtful: tuple[Decision, RequestContext] | None = None
        about = (each for policy in layers.identity for each in policy.about(action))
        if not any(each.allows for each in about):
            return None
        keys = tuple(self.attackers.keys(layers))
        tried: set[tuple[Value, ...]] = set()
        for context in islice(self._contexts(arn, case, action, names), _WAYS):
            if (asked := context.answers(keys)) in tried:  # as another that came to nothing
                continue
            tried.add(asked)
            for resource in islice(_resources(layers, action, context), _WAYS):
                found = _decided(action, resource, context, layers)
                if found:
                    return self._shown(found, context, layers)
                if found.effect == "Unknown" and doubtful is None:
                    doubtful = found, context
                    settled = self._settle(found, context, layers)
                    if settled is not None:
                        return settled
        return None if doubtful is None else self._shown(*doubtful, layers)

    def _contexts(
        self, arn: str, case: Case | None, action: str, names: tuple[str, ...]
    ) -> Iterator[RequestContext]:
        """What requests carry by which the action is allowed: for certain, then perhaps."""
        callers = self.attackers.callers
        if case is None:
            yield from (callers.context(arn, name) for name in names)
            return
        bit = self.attackers.catalog.bits(action)
        known = callers.caller(arn)
        asked: list[tuple[bool, AttackRequest]] = []
        for request, outcome in zip(case.tried.requests, case.outcomes, strict=True):
            row = self.attackers.bits[self.attackers.row(request, outcome)]
            if request.name in names and (row[POSSIBLE] & bit).any():
                asked.append((not (row[CERTAIN] & bit).any(), request))
        for _, request in sorted(asked, key=lambda each: each[0]):
            yield known.joined(request.context)

    def _settle(
        self, found: Decision, context: RequestContext, layers: PolicyLayers
    ) -> Witness | None:
        """Try values of the unknown keys; None if none of them settles it."""
        tests = Tests(layers.statements)
        keys = [key for key in tests.of if context.get(key) is UNKNOWN and key != DOUBT]
        values = [_values(tests, key, context) for key in keys]
        for chosen in islice(product(*values), _SETTLED):
            settled = context.but(dict(zip(keys, chosen, strict=True)))
            again = _decided(found.action, found.resource, settled, layers)
            if again:
                return self._shown(again, settled, layers)
        return None

    def _shown(self, found: Decision, context: RequestContext, layers: PolicyLayers) -> Witness:
        tested = self.attackers.keys(layers)
        keys = sorted(key for key in tested if key not in CALLER_KEYS[:-1])
        return {
            "action": found.action,
            "resource": found.resource,
            "context": {_WRITTEN.get(key, key): _said(context.get(key)) for key in keys},
            "effect": found.effect,
        }


@cache
def _names(credentials: tuple[Credential, ...], places: tuple[Place, ...]) -> tuple[str, ...]:
    """The named contexts of these credentials and places."""
    named = ((name, CONTEXTS[name]) for name in DEFAULT_CONTEXTS)
    return tuple(
        name for name, each in named if each.credential in credentials and each.place in places
    )


def _decided(action: str, resource: str, context: RequestContext, layers: PolicyLayers) -> Decision:
    return decide(
        action,
        resource,
        context,
        identity=layers.identity,
        boundary=layers.boundary,
        scps=layers.scps,
    )


def _values(tests: Tests, key: str, known: RequestContext) -> list[Value]:
    """A value of each class of a key that nobody knows."""
    named = (pattern.filled("iamkit", "1") for pattern, _ in tests.named(key, known))
    candidates: list[Value] = [*named, "iamkit", ABSENT]
    return [each[key] for each in tests.classes(({key: value} for value in candidates), known)]


def _resources(layers: PolicyLayers, action: str, context: RequestContext) -> Iterator[str]:
    """Resources that a statement which allows an action covers."""
    seen = set()
    for policy in layers.identity:
        for statement in policy.about(action):
            if not statement.allows:
                continue
            for text in ("*",) if statement.not_resources else statement.resources:
                pattern = resolve(text, context, variables=statement.variables)
                if not isinstance(pattern, Pattern):
                    continue
                for run in ("*", "iamkit", ""):
                    resource = pattern.filled(run, "1")
                    if resource and resource not in seen:
                        seen.add(resource)
                        yield resource


def _said(value: Value) -> str:
    if isinstance(value, Mark):
        return value.value
    return value if isinstance(value, str) else ", ".join(value)
