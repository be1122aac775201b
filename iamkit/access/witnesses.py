"""
One concrete request that shows what a verdict says: what it asks for, and what it carries.

Source: IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice, product
from typing import Any, Final, NamedTuple

from iamkit.access.attack_requests import AttackRequest
from iamkit.access.attackers import Attackers, Case
from iamkit.access.contexts import (
    CALLER_KEYS,
    CONTEXTS,
    DEFAULT_CONTEXTS,
    ISSUED,
    Credential,
    Place,
)
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

_WAYS: Final = 8  # requests that are tried
_RESOURCES: Final = 24  # resources of each
_SETTLED: Final = 64  # combinations of values of unknown keys that are tried

# How AWS writes the keys that requests differ in; of others, the policy's spelling is shown.
_WRITTEN: Final = {
    key.lower(): key for each in CONTEXTS.values() for key in (*each.keys, *CHOSEN_NAMES)
}

Witness = Mapping[str, Any]


class Found(NamedTuple):
    """A request that is allowed or, where nobody knows, may be; and how a table shows it."""

    decision: Decision
    context: RequestContext
    witness: Witness


class Witnesses:
    """
    Finds requests that are allowed.

    A witness is a dict of `action`, `resource`, `context` (condition key to its value, "absent" or
    "unknown", of the keys that the principal's policies test) and `effect`: Allowed or, where no
    value of the unknown keys was found that settles it, Unknown.
    """

    def __init__(self, attackers: Attackers) -> None:
        self.attackers = attackers
        self._found: Memo[Any, Found | None] = Memo()
        self._settling: Memo[Any, Mapping[str, Value] | None] = Memo()

    def find(
        self, arn: str, action: str, credentials: Iterable[Credential], places: Iterable[Place]
    ) -> Witness | None:
        """Return a request by one of the credentials from one of the places; None: none found."""
        names = _names(tuple(credentials), tuple(places))
        same = (self.alike(arn), action, *names)
        found = self._found.once(same, self.request, arn, action, names)
        return None if found is None else found.witness

    def alike(self, arn: str) -> tuple[Any, ...]:
        """Return what is equal for principals of whom the same requests are allowed."""
        layers = self.attackers.callers.layers(arn)
        tested = self.attackers.keys(layers)
        asked = not tested.isdisjoint(self.attackers.callers.caller_keys)  # who they are
        return layers, id(self.attackers.case(arn)), arn if asked else None

    def request(
        self, arn: str, action: str, names: Sequence[str], resources: Sequence[str] = ()
    ) -> Found | None:
        """
        Return a request for an action in one of the named contexts; None: none was found.

        It is for one of the `resources` or, without any, for one that the policies speak of.
        """
        layers, case = self.attackers.callers.layers(arn), self.attackers.case(arn)
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
            spoken_of = resources or islice(self._resources(layers, action, context), _RESOURCES)
            for resource in spoken_of:
                found = _decided(action, resource, context, layers)
                if found:
                    return self._shown(found, context, layers)
                if found.effect == "Unknown" and doubtful is None:
                    doubtful = found, context
                    settled = self.settled(found, context, layers)
                    if settled.decision:
                        return settled
        return None if doubtful is None else self._shown(*doubtful, layers)

    def settled(self, found: Decision, context: RequestContext, layers: PolicyLayers) -> Found:
        """Return an unknown decision with values of the unknown keys that settle it, if any do."""
        tested = sorted(self.attackers.keys(layers) - {*CALLER_KEYS})
        same = (layers, found.action, *context.answers(tested))
        chosen = self._settling.once(same, self._settle, found, context, layers)
        if chosen is not None:
            known = context.but(chosen)
            again = _decided(found.action, found.resource, known, layers)
            if again:
                return self._shown(again, known, layers)
        return self._shown(found, context, layers)

    def _contexts(
        self, arn: str, case: Case | None, action: str, names: Sequence[str]
    ) -> Iterator[RequestContext]:
        """What requests carry by which the action is allowed: for certain, then perhaps."""
        callers = self.attackers.callers
        if case is None:
            yield from (callers.context(arn, name) for name in names)
            return
        bit = self.attackers.catalog.bits(action)
        known = callers.caller(arn).but({ISSUED: UNKNOWN})  # the request says when
        asked: list[tuple[bool, AttackRequest]] = []
        for request, outcome in zip(case.tried.requests, case.outcomes, strict=True):
            row = self.attackers.bits[self.attackers.row(request, outcome)]
            if request.name in names and (row[POSSIBLE] & bit).any():
                asked.append((not (row[CERTAIN] & bit).any(), request))
        for _, request in sorted(asked, key=lambda each: each[0]):
            yield request.context.joined(known)  # who share a case have names of their own

    def _resources(
        self, layers: PolicyLayers, action: str, context: RequestContext
    ) -> Iterator[str]:
        """Resources that a statement which allows an action covers, each once."""
        account = self.attackers.callers.account
        service = action.partition(":")[0].lower()
        parts = ("arn", account.partition, service, "us-east-1", account.account_id, "iamkit")
        seen: set[str] = set()
        for pattern in _covering(layers, action, context):
            for resource in _filled(pattern, parts):
                if resource and resource not in seen:
                    seen.add(resource)
                    yield resource

    def _settle(
        self, found: Decision, context: RequestContext, layers: PolicyLayers
    ) -> Mapping[str, Value] | None:
        """Values of the unknown keys that settle a decision; None if none of those tried does."""
        tests = Tests(layers.statements)
        keys = [key for key in tests.of if context.get(key) is UNKNOWN and key != DOUBT]
        values = [_values(tests, key, context) for key in keys]
        for each in islice(product(*values), _SETTLED):
            chosen = dict(zip(keys, each, strict=True))
            if _decided(found.action, found.resource, context.but(chosen), layers):
                return chosen
        return None

    def _shown(self, found: Decision, context: RequestContext, layers: PolicyLayers) -> Found:
        tested = self.attackers.keys(layers)
        keys = sorted(key for key in tested if key not in CALLER_KEYS[:-1])
        tests = (test for each in layers.statements for test in each.tests)
        written = {test.key: test.said.split(maxsplit=1)[1] for test in tests}
        names = {**written, **_WRITTEN}
        witness = {
            "action": found.action,
            "resource": found.resource,
            "context": {names.get(key, key): _said(context.get(key)) for key in keys},
            "effect": found.effect,
        }
        return Found(found, context, witness)


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


def _covering(layers: PolicyLayers, action: str, context: RequestContext) -> Iterator[Pattern]:
    """What statements that allow an action cover, and what those that deny it leave out."""
    for policy in layers.policies:  # of the identity first
        for statement in policy.about(action):
            if statement.allows is not statement.not_resources:
                texts = statement.resources
            else:
                texts = ("*",) if statement.allows else ()
            for text in texts:
                pattern = resolve(text, context, variables=statement.variables)
                if isinstance(pattern, Pattern):
                    yield pattern


def _filled(pattern: Pattern, parts: Sequence[str]) -> Iterator[str]:
    """Resources that a pattern matches; `parts` stand for the wildcards of an ARN's parts."""
    written = pattern.arn_parts
    if len(written) == len(parts):
        pairs = zip(written, parts, strict=True)
        whole = ":".join(each.filled(part, "1") for each, part in pairs)
        if pattern.matches(whole):
            yield whole
    yield from (pattern.filled(run, "1") for run in ("*", "iamkit", ""))


def _said(value: Value) -> str:
    if isinstance(value, Mark):
        return value.value
    return value if isinstance(value, str) else ", ".join(value)
