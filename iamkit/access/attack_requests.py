"""
Every request that an attacker can make with a principal's credentials, as far as policies differ.

A named context is one request of its kind; a verdict has to stand up to all of them. Which there
are follows from the policies that bind the principal, see `request_classes`: each part of the
internet that they tell apart, a VPC endpoint of the attacker's own and each that they name, each
age of MFA, each value of a key that the caller chooses. What a credential turns into for nothing
counts as the credential: anyone with a key has a session too (`sts:GetSessionToken` needs no
permission), in which `aws:MultiFactorAuthPresent` is false and `aws:TokenIssueTime` is present, and
which cannot call IAM, nor of STS more than AssumeRole and GetCallerIdentity.

What a service does on a caller's behalf is left out: it follows a direct request that is itself
allowed, so it makes nothing reachable to whom everything is closed. Where more requests differ than
`MANY`, the key that splits least is left unknown, which errs towards "not safe".

Source: STS API Reference, GetSessionToken; IAM User Guide, "AWS global condition context keys".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Final, NamedTuple

from iamkit.access.contexts import ISSUED, Credential, Place, context_of
from iamkit.access.internet_parts import InternetParts, Part, divide
from iamkit.access.principals import Principals
from iamkit.access.request_classes import (
    CHOSEN,
    HOME_REGIONS,
    REGION,
    TIMES,
    Tests,
    ages,
    chosen,
    endpoint_classes,
    moments,
)
from iamkit.memory import Memo
from iamkit.policy import (
    ABSENT,
    ENDPOINT_KEYS,
    MFA_KEYS,
    SOURCE_IP_KEYS,
    UNKNOWN,
    Arrivals,
    Network,
    Policy,
    PolicyLayers,
    RequestContext,
    Value,
    cidr,
)

MANY: Final = 1024  # requests of one principal
SOURCE_IP: Final = SOURCE_IP_KEYS[0]
VPC_SOURCE_IP: Final = "aws:vpcsourceip"

# Of whom a resource is: what the evidence answers for the account's own, and nobody for others.
RESOURCE_KEYS: Final = ("aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths")

# What tells requests of one principal apart.
DERIVED_KEYS: Final = frozenset(
    (*MFA_KEYS, *SOURCE_IP_KEYS, *ENDPOINT_KEYS, *TIMES, *CHOSEN, *RESOURCE_KEYS)
)


class Spot(NamedTuple):
    """Where a request comes from."""

    place: Place
    part: Part | None  # of the internet; None: a VPC endpoint, or an address compared as text
    keys: Mapping[str, Value]


class Address(NamedTuple):
    """An address that a request may come from, and its part of the internet."""

    part: Part | None
    text: Value


class AttackRequest(NamedTuple):
    """A request to try."""

    credential: Credential
    spot: Spot
    session: bool  # of sts:GetSessionToken, whose calls are limited
    context: RequestContext

    @property
    def name(self) -> str:
        """The named context that it is of a kind with."""
        return context_of(self.credential, self.spot.place)

    @property
    def elsewhere(self) -> bool:
        """Whether it goes to a Region in which nothing of IAM is called."""
        region = self.context.get(REGION)
        return isinstance(region, str) and region not in HOME_REGIONS


class Signed(NamedTuple):
    """What a request is signed with, and the condition keys that say so."""

    credential: Credential
    session: bool
    keys: Mapping[str, Value]


Source = tuple[Part | None, bool, Credential]  # its part of the internet, whether outside
Kind = tuple[str, bool, bool]  # named context, of a session, elsewhere


@dataclass(frozen=True, eq=False)
class Plan:
    """Requests that policies tell apart, with nothing of who makes them."""

    requests: tuple[AttackRequest, ...]
    parts: InternetParts
    left_unknown: tuple[str, ...]  # keys whose classes were too many

    @cached_property
    def arrivals(self) -> Arrivals:
        """What the requests carry."""
        return Arrivals([each.context for each in self.requests], DERIVED_KEYS)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Of each request: its part of the internet, whether that is outside, what signs it."""
        return tuple(
            (each.spot.part, each.spot.place is Place.OUTSIDE, each.credential)
            for each in self.requests
        )

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Of which kind each request is."""
        return tuple((each.name, each.session, each.elsewhere) for each in self.requests)


@dataclass(frozen=True, eq=False)
class AttackRequests:
    """The requests that one principal's policies tell apart, of whom this is known."""

    plan: Plan
    known: RequestContext

    @property
    def parts(self) -> InternetParts:
        """The parts of the internet that they come from."""
        return self.plan.parts

    @property
    def left_unknown(self) -> tuple[str, ...]:
        """Keys whose classes were too many."""
        return self.plan.left_unknown

    @cached_property
    def requests(self) -> tuple[AttackRequest, ...]:
        """The requests as made by this principal."""
        return tuple(
            AttackRequest(credential, spot, session, context.joined(self.known))
            for credential, spot, session, context in self.plan.requests
        )


class RequestDeriver:
    """Makes the requests that policies tell apart."""

    def __init__(self, callers: Principals) -> None:
        self.callers = callers
        account = callers.account
        self.approved: tuple[Network, ...] = cidr.parse_networks(account.settings.approved_networks)
        self.direct = RequestContext(callers.arrival("any"), UNKNOWN)
        self._tests: Memo[Any, tuple[Tests, tuple[str, ...]]] = Memo()
        self._plans: Memo[Any, Plan] = Memo()

    def derive(
        self,
        layers: PolicyLayers,
        known: RequestContext,
        *,
        user: bool,
        further: Iterable[Any] = (),
    ) -> AttackRequests:
        """
        Return the requests that `layers`, and `further` Condition elements, tell apart.

        `known` is what the evidence knows of the caller. Callers whose policies say the same about
        `DERIVED_KEYS` share everything but that.
        """
        evaluator = self.callers.evaluator
        asking = evaluator.profile(layers).asking(DERIVED_KEYS)
        beside = tuple(further)
        same = (*asking, *map(_written, beside))
        tests, taken = self._tests.once(same, _tests, layers, beside)
        base = self.direct.joined(known)
        asked = (same, user, base.get(ISSUED), base.answers(taken))
        plan = self._plans.once(asked, self._planned, tests, base, user)
        return AttackRequests(plan, known.but({ISSUED: UNKNOWN}))

    def asked(self, policy: Policy) -> tuple[tuple[Any, ...], frozenset[str]]:
        """
        Return what a policy asks of `DERIVED_KEYS`, and the keys that it takes into account.

        Callers whose policies ask the same in the same order have the same requests.
        """
        asking = self.callers.evaluator.profile(PolicyLayers((policy,))).asking(DERIVED_KEYS)
        return tuple(asking), frozenset().union(*(each.keys for each in asking))

    def _planned(self, tests: Tests, base: RequestContext, user: bool) -> Plan:
        """The requests, with nothing of who makes them; of `base` only variables count."""
        parts = self._parts(tests)
        dimensions = self._dimensions(tests, base, parts)
        signed = self._signed(tests, base, user=user)
        left: list[str] = []
        while _count(dimensions) * len(signed) > MANY:
            splitting = [key for key, values in dimensions.items() if len(values) > 1]
            if not splitting:
                break
            least = min(splitting, key=lambda key: len(dimensions[key]))
            left.append(least)
            dimensions[least] = [(_NOWHERE if least == SOURCE_IP else UNKNOWN, Place.OUTSIDE)]
        issued = base.get(ISSUED)
        requests = tuple(
            each._replace(context=_issued(each.context, issued))
            for each in self._requests(dimensions, signed, tests)
        )
        return Plan(requests, parts, tuple(left))

    def _parts(self, tests: Tests) -> InternetParts:
        if SOURCE_IP not in tests.of:
            return divide(())
        lists = [cidr.parse_networks(test.values) for test, _ in tests.of[SOURCE_IP] if test.values]
        return divide((*lists, *((each,) for each in self.approved)))

    def _dimensions(
        self, tests: Tests, known: RequestContext, parts: InternetParts
    ) -> dict[str, list[tuple[Any, Place]]]:
        """By key, the values to try, each with the place that it makes a request come from."""
        found: dict[str, list[tuple[Any, Place]]] = {}
        found[SOURCE_IP] = _addresses(tests, known, parts)
        for key in ENDPOINT_KEYS:
            if key not in tests.of:
                continue
            if key in tests.variables:
                found[key] = [(UNKNOWN, Place.OUTSIDE)]
            elif key == VPC_SOURCE_IP:
                lists = tuple(cidr.parse_networks(test.values) for test, _ in tests.of[key])
                divided = divide(lists)
                found[key] = [(divided.address(part), Place.OUTSIDE) for part in divided.spans]
            else:
                found[key] = [
                    (each.value, Place.INSIDE if each.named else Place.OUTSIDE)
                    for each in endpoint_classes(tests, key, known)
                ]
        partition = self.callers.account.partition
        for key in CHOSEN:
            if key in tests.of:
                values = (
                    chosen(tests, key, known, partition)
                    if key not in tests.variables
                    else [UNKNOWN]
                )
                found[key] = [(value, Place.OUTSIDE) for value in values]
        for key in RESOURCE_KEYS:
            if key in tests.of:  # one's own resources, and those of others
                whose = dict.fromkeys((self.direct.get(key), UNKNOWN))
                found[key] = [(value, Place.OUTSIDE) for value in whose]
        return found

    def _signed(self, tests: Tests, known: RequestContext, *, user: bool) -> list[Signed]:
        """What requests can be signed with: a role's session as well with MFA absent as false."""
        asks = not tests.of.keys().isdisjoint((*MFA_KEYS, *TIMES))
        times = moments(tests, known, self.callers.account.as_of)
        present, age = MFA_KEYS
        password: dict[str, Value] = {present: "false", age: ABSENT}
        found: list[Signed] = []
        for at in times if asks else times[:1]:
            key = {**at, present: ABSENT, age: ABSENT, ISSUED.lower(): ABSENT}
            found.append(Signed(Credential.KEY, False, key))
            if asks:
                found.append(Signed(Credential.KEY, user, {**at, **password}))
            found.append(Signed(Credential.PASSWORD, False, {**at, **password}))
            for each in ages(tests, known):
                found.append(Signed(Credential.MFA, False, {**at, present: "true", age: each}))
        return found

    def _requests(
        self,
        dimensions: Mapping[str, list[tuple[Any, Place]]],
        signed: Iterable[Signed],
        tests: Tests,
    ) -> Iterator[AttackRequest]:
        asked = not tests.of.keys().isdisjoint((*SOURCE_IP_KEYS, *ENDPOINT_KEYS))
        spots = list(_spots(dimensions, asked=asked))
        keys = [key for key in (*CHOSEN, *RESOURCE_KEYS) if key in dimensions]
        choices = list(product(*([value for value, _ in dimensions[key]] for key in keys)))
        for spot in spots:
            for how in signed:
                for choice in choices:
                    values = {**spot.keys, **how.keys, **dict(zip(keys, choice, strict=True))}
                    yield AttackRequest(how.credential, spot, how.session, self.direct.but(values))


def _written(condition: Any) -> str:
    """Text that is equal for Conditions that say the same in the same order."""
    return json.dumps(condition, default=repr)


def _tests(layers: PolicyLayers, further: Iterable[Any]) -> tuple[Tests, tuple[str, ...]]:
    """The tests, and the keys that those of `DERIVED_KEYS` take variables from."""
    asking = (
        each
        for each in layers.statements
        if not DERIVED_KEYS.isdisjoint((*each.condition_keys, *each.resource_keys))
    )
    tests = Tests(asking, further)
    return tests, tests.taken_from(DERIVED_KEYS)


def _issued(context: RequestContext, issued: Value) -> RequestContext:
    """When a role's session began is what the evidence says, unless the request says when."""
    if issued is UNKNOWN or isinstance(context.get(ISSUED), str):
        return context
    return context.but({ISSUED: issued})


def _count(dimensions: Mapping[str, list[tuple[Any, Place]]]) -> int:
    """How many combinations of places and choices there are, the most."""
    internet = len(dimensions[SOURCE_IP])
    endpoints = choices = 1
    for key, values in dimensions.items():
        if key in ENDPOINT_KEYS:
            endpoints *= len(values)
        elif key != SOURCE_IP:
            choices *= len(values)
    return (internet + endpoints) * choices


_NOWHERE: Final = Address(None, UNKNOWN)

# Addresses of the internet that stand for parts which have them; others are stood for by their
# first.
_EXAMPLES: Final = ("45.0.66.66", "91.7.66.66", "2a00:66::66")


def _addresses(
    tests: Tests, known: RequestContext, parts: InternetParts
) -> list[tuple[Address, Place]]:
    """
    An address of each part of the internet, with its part, and of each pattern of addresses.

    A pattern of text, such as `203.0.113.*`, is an inside of its own if it spells at least two
    numbers of the address out; what else it may match is unknown, which errs towards open.
    """
    if SOURCE_IP in tests.variables:
        return [(_NOWHERE, Place.OUTSIDE)]
    found: dict[Address, Place] = {}
    for part in parts.spans:
        place = Place.OUTSIDE if part in parts.outside else Place.INSIDE
        found[Address(part, _example(parts, part))] = place
    for pattern, _ in tests.named(SOURCE_IP, known):
        if pattern.plain is None:
            narrow = pattern.start.count(".") >= 2 or pattern.start.count(":") >= 3
            fillings = (pattern.filled(run, "1") for run in ("7", "7.7", "7.7.7", "7.7.7.7"))
            texts = [text for text in fillings if cidr.network(text) and "/" not in text]
            place = Place.INSIDE if narrow else Place.OUTSIDE
            found |= {Address(None, text): place for text in texts[:1]}
            found[_NOWHERE] = Place.INSIDE
    return list(found.items())


def _example(parts: InternetParts, part: Part) -> str:
    for text in _EXAMPLES:
        network = cidr.parse_networks([text])[0]
        at = int(network[0])
        if any(
            version == network.version and first <= at < end
            for version, first, end in parts.spans[part]
        ):
            return text
    return parts.address(part)


def _spots(dimensions: Mapping[str, list[tuple[Any, Place]]], *, asked: bool) -> Iterator[Spot]:
    """Where requests come from: addresses of the internet and, if it is `asked`, endpoints."""
    keys = [key for key in ENDPOINT_KEYS if key in dimensions]
    no_endpoint: dict[str, Value] = dict.fromkeys(ENDPOINT_KEYS, ABSENT)
    for address, place in dimensions[SOURCE_IP]:
        yield Spot(place, address.part, {**no_endpoint, SOURCE_IP: address.text})
    if not asked:
        return
    unasked: dict[str, Value] = dict.fromkeys(ENDPOINT_KEYS, UNKNOWN)
    for combination in product(*(dimensions[key] for key in keys)):
        inside = any(place is Place.INSIDE for _, place in combination)
        values = dict(zip(keys, (value for value, _ in combination), strict=True))
        place = Place.INSIDE if inside else Place.OUTSIDE
        yield Spot(place, None, {**unasked, **values, SOURCE_IP: ABSENT})
