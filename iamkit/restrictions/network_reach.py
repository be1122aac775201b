"""
From which networks the permissions of a principal can be used.

The networks that a principal's policies name divide the internet into parts that no policy tells
apart. What is possible is evaluated at one address of each part, through a VPC endpoint, and
through an AWS service. Access key, password and MFA are all tried, so that a demand for MFA is not
mistaken for a network restriction. *Outside* is the largest part of each IP version: with 0.0.0.0/0
in a list, the part inside that list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from iamkit.access import ARRIVAL_KEYS, BY_PLACE, CONTEXTS, Permissions
from iamkit.policy import (
    ENDPOINT_KEYS,
    MFA_KEYS,
    POSSIBLE,
    SOURCE_IP_KEYS,
    UNKNOWN,
    KeyTest,
    Outcomes,
    PolicyEvaluator,
    PolicyLayers,
    RequestContext,
    cidr,
)
from iamkit.reference import Bits
from iamkit.restrictions.internet_parts import InternetParts, divide
from iamkit.restrictions.network_lists import admits, covering, network_tests
from iamkit.restrictions.verdicts import (
    NOTHING_TO_PROTECT,
    PARTLY_RESTRICTED,
    RESTRICTED,
    UNRESTRICTED,
)

ANYWHERE: Final = ("0.0.0.0/0", "::/0")

# Keys that say from where or through what a request comes. A policy that tests none of them allows
# the same from everywhere.
SERVICE: Final = ("aws:viaawsservice", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast")
NETWORK_KEYS: Final = frozenset((*SOURCE_IP_KEYS, *ENDPOINT_KEYS, *SERVICE))

NO_ENDPOINTS: Final = (
    "Requests through a VPC endpoint are denied too, for lack of an aws:SourceIp: safe, unless "
    "they are meant to work."
)
NO_SERVICES: Final = "Calls that AWS services make on its behalf are denied too."
ONE_CREDENTIAL_ONLY: Final = (
    "Networks bind requests with MFA or those without, but not both, so all is possible from "
    "anywhere."
)
NO_EFFECT: Final = "Its policies list networks, but every action is possible from others too."

OUTSIDE: Final = BY_PLACE["outside"]  # by key, password and MFA
_CREDENTIALS: Final = tuple(
    {key.lower(): value for key, value in CONTEXTS[name].keys.items() if key.lower() in MFA_KEYS}
    for name in OUTSIDE
)
_ANYBODY: Final = RequestContext({}, UNKNOWN)  # nothing is known of who the caller is


class SourceIpList(NamedTuple):
    """A test of aws:SourceIp, and the statement it is in."""

    policy: str
    allows: bool
    test: KeyTest

    @property
    def as_text(self) -> bool:
        """Whether addresses are compared letter by letter."""
        return "ipaddress" not in self.test.name

    @property
    def notes(self) -> Iterator[str]:
        """What a reader of the verdict should know about this list."""
        if not admits(self.test, allows=self.allows):
            yield f"{self.policy} lists networks to keep out, which lets in all others."
        elif whole := covering(self.test):
            said = ", ".join(map(str, whole))
            yield f"{self.policy} lists {said}, so its list keeps nobody out."
        if self.as_text:
            yield f"{self.policy} compares aws:SourceIp as text; networks may not show it all."


def _source_ip_lists(layers: PolicyLayers) -> Iterator[SourceIpList]:
    for _, policies in layers.named():
        for statement in (each for policy in policies for each in policy.statements):
            for test in network_tests(statement.condition, SOURCE_IP_KEYS):
                yield SourceIpList(statement.policy, statement.allows, test)


@dataclass(frozen=True, eq=False)
class NetworkReach:
    """
    What principals can do, by where their requests come from: rows of bits, shape (words,).

    `outside` are the contexts of callers from outside, in which statements are judged. `everywhere`
    is what is possible in some context, `from_outside` what is possible from outside.
    `one_credential_only` says that networks restrict requests with MFA or those without, not both.
    The rest are columns of `NETWORK_RESTRICTIONS`. One reach is shared by many principals, whose
    policies may differ.
    """

    outside: Sequence[RequestContext]
    from_outside: Bits
    everywhere: Bits
    networks: Sequence[str] = ANYWHERE
    endpoint: str = "works"
    via_services: str = "works"
    lists: Sequence[SourceIpList] = ()
    one_credential_only: bool = False

    @cached_property
    def restricted(self) -> Bits:
        """What is possible, but not from outside."""
        return self.everywhere & ~self.from_outside

    @cached_property
    def is_restricted(self) -> bool:
        """Whether anything is."""
        return bool(self.restricted.any())

    @cached_property
    def verdict(self) -> str:
        """The column of that name."""
        if not self.everywhere.any():
            return NOTHING_TO_PROTECT
        if self.is_restricted:
            return PARTLY_RESTRICTED if self.from_outside.any() else RESTRICTED
        return UNRESTRICTED

    def columns(self) -> dict[str, Any]:
        """Return the columns of `NETWORK_RESTRICTIONS` that follow from this alone."""
        if self.verdict == NOTHING_TO_PROTECT:
            return {"verdict": NOTHING_TO_PROTECT, "networks": [], "notes": []}
        return {
            "verdict": self.verdict,
            "networks": list(self.networks),
            "endpoint": self.endpoint,
            "via_services": self.via_services,
            "notes": list(dict.fromkeys(self._notes())),
        }

    def _notes(self) -> list[str]:
        found = [note for each in self.lists for note in each.notes]
        if self.is_restricted:
            found += [NO_ENDPOINTS] if self.endpoint == "denied" else []
            found += [NO_SERVICES] if self.via_services == "denied" else []
        elif self.one_credential_only:
            found.append(ONE_CREDENTIAL_ONLY)
        elif self.lists and not found:
            found.append(NO_EFFECT)
        return found


class NetworkEvaluator:
    """
    From where users and roles can be used, evaluated once for all whose policies are alike.

    Where no policy of a principal tests one of `NETWORK_KEYS`, all that the permissions show is
    possible from everywhere. The others are evaluated in each part that their lists make.
    """

    def __init__(self, permissions: Permissions) -> None:
        self.callers = permissions.callers
        self.evaluator = PolicyEvaluator(permissions.catalog)
        self.cases: list[tuple[PolicyLayers, NetworkReach]] = []
        self._numbers: dict[Any, int] = {}
        self._keys = cache(_tested_keys)
        self._row = cache(self._combined)
        self._arrivals = {name: self.callers.arrival(name) for name in CONTEXTS}
        self.direct = [RequestContext(self._arrivals[name], UNKNOWN) for name in OUTSIDE]

    def number(self, principal_arn: str, everywhere: NetworkReach) -> int:
        """
        Return the place in `cases` of a principal's layers and reach.

        `everywhere` is its reach if no policy tests one of `NETWORK_KEYS`.
        """
        layers = self.callers.layers(principal_arn)
        keys = self._keys(layers)
        known = _ANYBODY
        case: tuple[PolicyLayers, Any] = (layers, everywhere)
        tests_network = not keys.isdisjoint(NETWORK_KEYS)
        if tests_network and (tested := keys & self.callers.caller_keys):
            values = self.callers.known(principal_arn)
            known = RequestContext({key: values[key] for key in tested}, UNKNOWN)
            # With equal outcomes in one context, nothing that policies ask of them differs.
            case = (layers, self.evaluator.outcomes(layers, self.direct[0].joined(known))[0])
        if case not in self._numbers:
            self._numbers[case] = len(self.cases)
            reach = self._evaluated(layers, known) if tests_network else everywhere
            self.cases.append((layers, reach))
        return self._numbers[case]

    def _evaluated(self, layers: PolicyLayers, known: RequestContext) -> NetworkReach:
        """The reach of principals whose policies test one of `NETWORK_KEYS`."""
        lists = list(_source_ip_lists(layers))
        parts = divide(tuple(cidr.parse_networks(each.test.values) for each in lists))
        contexts = self._contexts(parts, known)
        if not any(each.as_text for each in lists):
            del contexts["any"]  # the parts are all there is
        rows = self._possible(layers, contexts)
        by_service = rows.pop("via-service")
        # By credential: restrictions that hold for one credential only are told apart.
        outside = np.bitwise_or.reduce([rows[part] for part in parts.outside])
        anywhere = np.bitwise_or.reduce(list(rows.values()))
        from_outside, everywhere = np.bitwise_or.reduce(outside), np.bitwise_or.reduce(anywhere)
        restricted = everywhere & ~from_outside
        relevant = restricted if restricted.any() else everywhere
        inside = [part for part in parts.spans if (rows[part] & relevant).any()]
        through_endpoint = bool((rows["vpc-endpoint"] & relevant).any())
        return NetworkReach(
            outside=[context for part in parts.outside for context in contexts[part]],
            from_outside=from_outside,
            everywhere=everywhere,
            networks=parts.networks(inside) if restricted.any() else ANYWHERE,
            endpoint="denied" if not through_endpoint else "works" if inside else "required",
            via_services="works" if (by_service & relevant).any() else "denied",
            lists=lists,
            one_credential_only=bool((anywhere & ~outside).any()),
        )

    def _contexts(
        self, parts: InternetParts, known: RequestContext
    ) -> dict[Any, list[RequestContext]]:
        """
        Contexts, one per credential, by where a request comes from.

        That is each part, by its key, and the arrivals "vpc-endpoint", "via-service" and "any".
        """
        internet = self._arrivals["any"]
        arrivals: dict[Any, dict[str, Any]] = {
            part: {**internet, "aws:sourceip": parts.address(part)} for part in parts.spans
        }
        address = {"aws:sourceip": parts.address(parts.outside[0])}
        arrivals["vpc-endpoint"] = self._arrivals["vpc-endpoint"]
        arrivals["via-service"] = self._arrivals["via-service"] | address
        arrivals["any"] = internet
        return {
            source: [
                RequestContext({**arrival, **credential}, UNKNOWN).joined(known)
                for credential in _CREDENTIALS
            ]
            for source, arrival in arrivals.items()
        }

    def _possible(
        self, layers: PolicyLayers, contexts: dict[Any, list[RequestContext]]
    ) -> dict[Any, Bits]:
        """Rows of what is possible by where a request comes from, shape (credentials, words)."""
        each_context = [context for several in contexts.values() for context in several]
        outcomes = self.evaluator.outcomes(layers, *each_context, varying=ARRIVAL_KEYS)
        rows = np.array([self._row(each) for each in outcomes])
        shape = (len(contexts), len(_CREDENTIALS), -1)
        return dict(zip(contexts, rows.reshape(shape), strict=True))

    def _combined(self, outcomes: Outcomes) -> Bits:
        return self.evaluator.combine(outcomes)[POSSIBLE]


def _tested_keys(layers: PolicyLayers) -> frozenset[str]:
    """Condition keys, in lower case, that the layers' statements test."""
    return frozenset(
        key
        for _, policies in layers.named()
        for policy in policies
        for each in policy.statements
        for key in (*each.condition_keys, *each.resource_keys)
    )
