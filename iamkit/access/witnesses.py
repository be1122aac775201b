"""
One concrete request that shows what a verdict says: what it asks for, and what it carries.

Source: IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, islice, product
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
    DOUBT,
    STRENGTHS,
    UNKNOWN,
    Decision,
    Mark,
    Pattern,
    Policy,
    PolicyLayers,
    RequestContext,
    Statement,
    Value,
    certainly_allowed,
    certainly_stopped,
    decide,
    resolve,
)

_STRENGTHS: Final = ("certain", "possible")
_WAYS: Final = 8  # requests that are tried
_RESOURCES: Final = 24  # resources of each
_SETTLED: Final = 64  # combinations of values of unknown keys that are tried

# How AWS writes the keys that requests differ in; of others, the policy's spelling is shown.
_WRITTEN: Final = {
    key.lower(): key for each in CONTEXTS.values() for key in (*each.keys, *CHOSEN_NAMES)
}

Witness = Mapping[str, Any]


class Request(NamedTuple):
    """A request that is allowed or, where nobody knows, may be."""

    resource: str
    context: RequestContext
    effect: str


class Found(NamedTuple):
    """The same with the decision that says why, and how a table shows it."""

    decision: Decision
    context: RequestContext
    witness: Witness


@dataclass(frozen=True, eq=False)
class _About:
    """What all layers of a principal say about one action: one object for all that say the same."""

    action: str
    layers: PolicyLayers  # of one principal of whom they do

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Its statements, those of the identity first."""
        policies = self.layers.policies
        return tuple(each for policy in policies for each in policy.about(self.action))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The condition keys, in lower case, that they depend on."""
        found = ((*each.condition_keys, *each.resource_keys) for each in self.statements)
        return tuple(sorted(frozenset().union(*found)))

    def effect(self, resource: str, context: RequestContext) -> str:
        """What `decide` says, without the reasons."""
        asked = self.action, resource, context, self.layers
        if certainly_allowed(*asked):
            return "Allowed"
        return "Denied" if certainly_stopped(*asked, ()) else "Unknown"


class Witnesses:
    """
    Finds requests that are allowed.

    A witness is a dict of `action`, `resource`, `context` (condition key to its value, "absent" or
    "unknown", of the keys that the principal's policies test) and `effect`: Allowed or, where no
    value of the unknown keys was found that settles it, Unknown. What is tried is decided once for
    all whose policies say the same about the action.
    """

    def __init__(self, attackers: Attackers) -> None:
        self.attackers = attackers
        self._said: Memo[tuple[Policy, str], tuple[Any, ...]] = Memo()
        self._about: Memo[Any, _About] = Memo()
        self._tried: Memo[Any, tuple[str | None, str | None]] = Memo()
        self._settled: Memo[Any, Mapping[str, Value] | None] = Memo()
        self._rows: Memo[Case, list[tuple[AttackRequest, int]]] = Memo()
        self._strengths: Memo[tuple[int, str], str] = Memo()
        self._allowed: Memo[Any, bool] = Memo()
        self._tested: Memo[Policy, tuple[tuple[str, str], ...]] = Memo()
        self._written: Memo[Any, list[tuple[str, str]]] = Memo()

    def find(
        self, arn: str, action: str, credentials: Iterable[Credential], places: Iterable[Place]
    ) -> Witness | None:
        """Return a request by one of the credentials from one of the places; None: none found."""
        found = self._search(arn, action, _names(tuple(credentials), tuple(places)))
        return None if found is None else self._shown(arn, action, found)

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
        found = self._search(arn, action, tuple(names), tuple(resources))
        return None if found is None else self._decided(arn, action, found)

    def settled(self, arn: str, found: Decision, context: RequestContext) -> Found:
        """Return an unknown decision with values of the unknown keys that settle it, if any do."""
        about = self._all_about(self.attackers.callers.layers(arn), found.action)
        doubtful = Request(found.resource, context, found.effect)
        return self._decided(arn, found.action, self._settle(arn, about, doubtful) or doubtful)

    def _search(
        self, arn: str, action: str, names: tuple[str, ...], resources: Sequence[str] = ()
    ) -> Request | None:
        asking = self.attackers.rows(arn), action, names
        if not self._allowed.once(asking, self._any_strength, *asking):
            return None
        about = self._all_about(self.attackers.callers.layers(arn), action)
        doubtful: Request | None = None
        for context in islice(self._contexts(arn, action, names), _WAYS):
            asked = about, context.answers(about.keys), resources
            unknown, allowed = self._tried.once(asked, self._try, about, context, resources)
            if unknown is not None and doubtful is None:
                doubtful = Request(unknown, context, "Unknown")
                settled = self._settle(arn, about, doubtful)
                if settled is not None:
                    return settled
            if allowed is not None:
                return Request(allowed, context, "Allowed")
        return doubtful

    def _any_strength(self, rows: Iterable[int], action: str, names: tuple[str, ...]) -> bool:
        """Whether an action is certain or possible in one of the named contexts."""
        by_name = zip(DEFAULT_CONTEXTS, rows, strict=True)
        return any(self._strength(row, action) for name, row in by_name if name in names)

    def _try(
        self, about: _About, context: RequestContext, resources: Sequence[str]
    ) -> tuple[str | None, str | None]:
        """The first resource that is allowed, and the first before it that may be."""
        unknown = None
        for resource in resources or islice(self._resources(about, context), _RESOURCES):
            effect = about.effect(resource, context)
            if effect == "Allowed":
                return unknown, resource
            if effect == "Unknown" and unknown is None:
                unknown = resource
        return unknown, None

    def _all_about(self, layers: PolicyLayers, action: str) -> _About:
        said = tuple(
            (layer, *(self._said.once((each, action), _said, each, action) for each in policies))
            for layer, policies in layers.named()
        )
        return self._about.once((action, said), _About, action, layers)

    def _settle(self, arn: str, about: _About, doubtful: Request) -> Request | None:
        """A doubtful request with values of the unknown keys by which it is allowed."""
        context = doubtful.context
        tests = Tests(self.attackers.callers.layers(arn).statements)
        unknown = [key for key in tests.of if context.get(key) is UNKNOWN and key != DOUBT]
        deciding = tuple(key for key in unknown if key in about.keys)
        asked = context.answers((*about.keys, *tests.taken_from(deciding)))
        said = tuple(
            (each.test.said, each.test.values) for key in deciding for each in tests.of[key]
        )
        same = about, doubtful.resource, asked, deciding, said
        chosen = self._settled.once(same, _settling, about, doubtful, tests, deciding)
        if chosen is None:
            return None
        further = (key for key in unknown if key not in deciding)
        others = {key: next(_candidates(tests, key, context)) for key in further}
        return Request(doubtful.resource, context.but({**others, **chosen}), "Allowed")

    def _contexts(self, arn: str, action: str, names: Sequence[str]) -> Iterator[RequestContext]:
        """What requests carry by which the action is allowed: for certain, then perhaps."""
        callers, case = self.attackers.callers, self.attackers.case(arn)
        if case is None:
            yield from (callers.context(arn, name) for name in names)
            return
        known = callers.caller(arn).but({ISSUED: UNKNOWN})  # the request says when
        asked = [
            (self._strength(number, action), request)
            for request, number in self._rows.once(case, self._numbered, case)
            if request.name in names
        ]
        for wanted in _STRENGTHS:
            for strength, request in asked:
                if strength == wanted:
                    # Who share a case have names of their own.
                    yield request.context.joined(known)

    def _numbered(self, case: Case) -> list[tuple[AttackRequest, int]]:
        return [*zip(case.tried.plan.requests, self.attackers.numbers(case), strict=True)]

    def _strength(self, number: int, action: str) -> str:
        """Whether an action is certain or possible by a row; empty: neither."""
        return self._strengths.once((number, action), self._find_strength, number, action)

    def _find_strength(self, number: int, action: str) -> str:
        row, bit = self.attackers.bits[number], self.attackers.catalog.bits(action)
        held = (name for name in _STRENGTHS if (row[STRENGTHS.index(name)] & bit).any())
        return next(held, "")

    def _resources(self, about: _About, context: RequestContext) -> Iterator[str]:
        """Resources that a statement which allows an action covers, each once."""
        account = self.attackers.callers.account
        service = about.action.partition(":")[0].lower()
        parts = ("arn", account.partition, service, "us-east-1", account.account_id, "iamkit")
        seen: set[str] = set()
        for pattern in _covering(about.statements, context):
            for resource in _filled(pattern, parts):
                if resource and resource not in seen:
                    seen.add(resource)
                    yield resource

    def _decided(self, arn: str, action: str, found: Request) -> Found:
        """A request with the decision about it."""
        layers = self.attackers.callers.layers(arn)
        decision = decide(action, found.resource, found.context, **layers._asdict())
        return Found(decision, found.context, self._shown(arn, action, found))

    def _shown(self, arn: str, action: str, found: Request) -> Witness:
        policies = self.attackers.callers.layers(arn).policies
        tested = tuple(self._tested.once(each, _tested, each) for each in policies)
        names = self._written.once(tested, _written, tested)
        return {
            "action": action,
            "resource": found.resource,
            "context": {name: _shown_value(found.context.get(key)) for key, name in names},
            "effect": found.effect,
        }


def _said(policy: Policy, action: str) -> tuple[Any, ...]:
    """What a policy says about one action, but for its statements' names."""
    return tuple(
        (
            *(each.allows, each.resources, each.not_resources),
            *(repr(each.condition), each.variables),
        )
        for each in policy.about(action)
    )


def _tested(policy: Policy) -> tuple[tuple[str, str], ...]:
    """The condition keys that a policy depends on, and how it writes those that it tests."""
    found: dict[str, str] = {}
    for each in policy.statements:
        found |= dict.fromkeys((*each.condition_keys, *each.resource_keys), "") | found
        found |= {test.key: test.said.split(maxsplit=1)[1] for test in each.tests}
    return tuple(found.items())


def _written(tested: Iterable[Iterable[tuple[str, str]]]) -> list[tuple[str, str]]:
    """The keys that policies depend on, in order, and what a witness calls them."""
    found: dict[str, str] = {}
    for key, name in chain.from_iterable(tested):
        found[key] = name or found.get(key, key)
    kept = sorted(found.keys() - {*CALLER_KEYS[:-1]})
    return [(key, _WRITTEN.get(key, found[key])) for key in kept]


@cache
def _names(credentials: tuple[Credential, ...], places: tuple[Place, ...]) -> tuple[str, ...]:
    """The named contexts of these credentials and places."""
    named = ((name, CONTEXTS[name]) for name in DEFAULT_CONTEXTS)
    return tuple(
        name for name, each in named if each.credential in credentials and each.place in places
    )


def _settling(
    about: _About, doubtful: Request, tests: Tests, keys: Sequence[str]
) -> Mapping[str, Value] | None:
    """Values of unknown keys that settle a request; None if none of those tried does."""
    context = doubtful.context
    values = [_values(tests, key, context) for key in keys]
    for each in islice(product(*values), _SETTLED):
        chosen = dict(zip(keys, each, strict=True))
        if about.effect(doubtful.resource, context.but(chosen)) == "Allowed":
            return chosen
    return None


def _candidates(tests: Tests, key: str, known: RequestContext) -> Iterator[Value]:
    """Values of a key that nobody knows."""
    yield from (pattern.filled("iamkit", "1") for pattern, _ in tests.named(key, known))
    yield from ("iamkit", ABSENT)


def _values(tests: Tests, key: str, known: RequestContext) -> list[Value]:
    """A value of each class of a key that nobody knows."""
    candidates = _candidates(tests, key, known)
    return [each[key] for each in tests.classes(({key: value} for value in candidates), known)]


def _covering(statements: Iterable[Statement], context: RequestContext) -> Iterator[Pattern]:
    """What statements that allow an action cover, and what those that deny it leave out."""
    for statement in statements:
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


def _shown_value(value: Value) -> str:
    if isinstance(value, Mark):
        return value.value
    return value if isinstance(value, str) else ", ".join(value)
