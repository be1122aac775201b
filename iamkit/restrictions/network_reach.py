"""
From which networks the permissions of a principal can be used.

The networks that a principal's policies name divide the internet into parts that no policy tells
apart. What is possible is evaluated at one address of each part, through VPC endpoints, and through
an AWS service. Access key, password and MFA are all tried, and every value that a caller chooses,
so that another demand is not mistaken for a network restriction. *Outside* is the largest part of
each IP version, with 0.0.0.0/0 in a list the part inside that list; every other part that reaches
into a wide network; and a VPC endpoint of the attacker's own, which no policy names. An endpoint
that a policy names is an inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from iamkit.access import (
    BY_PLACE,
    DEFAULT_CONTEXTS,
    Case,
    Credential,
    Permissions,
    Place,
    Plan,
    Source,
    union,
)
from iamkit.memory import Memo
from iamkit.policy import (
    ENDPOINT_KEYS,
    POSSIBLE,
    SOURCE_IP_KEYS,
    Arrivals,
    KeyTest,
    Policy,
    PolicyLayers,
    RequestContext,
)
from iamkit.reference import Bits
from iamkit.restrictions.network_lists import admits, covering, network_tests
from iamkit.restrictions.one_step import OneStep
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
    "Requests through a VPC endpoint are denied too, because they contain no aws:SourceIp. This is "
    "safe, but such requests fail."
)
NO_SERVICES: Final = "Calls that AWS services make on its behalf are denied too."
ONE_CREDENTIAL_ONLY: Final = (
    "The network restricts either requests with MFA or requests without MFA, but not both, so "
    "everything is possible from anywhere."
)
NO_EFFECT: Final = (
    "Its policies list networks, but every action is also possible from other networks."
)

OUTSIDE: Final = BY_PLACE["outside"]  # by key, password and MFA


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
            yield f"{self.policy} blocks the listed networks and allows all others."
        elif whole := covering(self.test):
            said = ", ".join(map(str, whole))
            yield f"{self.policy} lists {said}, so its list does not restrict anything."
        if self.as_text:
            yield f"{self.policy} compares aws:SourceIp as text; networks may be incomplete."


def _source_ip_lists(policy: Policy) -> tuple[SourceIpList, ...]:
    return tuple(
        SourceIpList(statement.policy, statement.allows, test)
        for statement in policy.statements
        for test in network_tests(statement.condition, SOURCE_IP_KEYS)
    )


@dataclass(frozen=True, eq=False)
class NetworkReach:
    """
    What principals can do, by where their requests come from: rows of bits, shape (words,).

    `outside` are the contexts of callers from outside, in which statements are evaluated;
    `arriving` returns them. `everywhere` is what is possible in some context, `from_outside` what
    is possible from outside.
    `one_credential_only` says that networks restrict requests with MFA or those without, not both.
    The rest are columns of `NETWORK_RESTRICTIONS`. One reach is shared by many principals, whose
    policies may differ.
    """

    arriving: Callable[[], Sequence[RequestContext]]
    from_outside: Bits
    everywhere: Bits
    networks: Sequence[str] = ANYWHERE
    endpoint: str = "works"
    via_services: str = "works"
    lists: Sequence[SourceIpList] = ()
    one_credential_only: bool = False
    left_unknown: Sequence[str] = ()

    @cached_property
    def outside(self) -> Sequence[RequestContext]:
        """What requests from outside carry; for most verdicts nobody asks."""
        return self.arriving()

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
        if self.left_unknown:
            found.append(
                f"Too many conditions; these keys count as unknown: {', '.join(self.left_unknown)}."
            )
        if self.is_restricted:
            found += [NO_ENDPOINTS] if self.endpoint == "denied" else []
            found += [NO_SERVICES] if self.via_services == "denied" else []
        elif self.one_credential_only:
            found.append(ONE_CREDENTIAL_ONLY)
        elif self.lists and not found:
            found.append(NO_EFFECT)
        return found


class _RolesAdded(NamedTuple):
    """Numbers of the rows of what the roles that a principal becomes may do; see `OneStep`."""

    outside: int  # those that it becomes from outside, used from there
    anywhere: int


class NetworkEvaluator:
    """
    From where users and roles can be used, evaluated once for all whose policies are alike.

    Where no policy of a principal tests one of `NETWORK_KEYS`, all that the permissions show is
    possible from everywhere. The others are tried by every request that their policies tell apart;
    see `access.attack_requests`.
    """

    def __init__(self, permissions: Permissions, becoming: OneStep | None = None) -> None:
        self.callers = permissions.callers
        self.attackers = permissions.attackers
        self.becoming = becoming or OneStep(self.attackers, None)
        self.evaluator = self.attackers.evaluator
        self.cases: list[tuple[PolicyLayers, NetworkReach]] = []
        self._numbers: Memo[Any, int] = Memo()
        self._reaches: Memo[Any, NetworkReach] = Memo()
        self._lists: Memo[Policy, tuple[SourceIpList, ...]] = Memo()
        self._allowed: Memo[str, int] = Memo()
        self._elsewhere: Memo[Plan, tuple[Arrivals, Arrivals]] = Memo()
        self._everywhere = cache(self._unrestricted)
        self._service = self.callers.arriving("via-service")
        self._endpoint = self.callers.arriving("vpc-endpoint")
        self.direct = [self.callers.arriving(name) for name in OUTSIDE]

    def number(self, principal_arn: str) -> int:
        """Return the place in `cases` of a principal's layers and reach."""
        layers = self.callers.layers(principal_arn)
        asked = self.attackers.case(principal_arn)
        if asked is None or self.attackers.keys(layers).isdisjoint(NETWORK_KEYS):
            # No address is told apart: at most, services that call on its behalf are.
            row = self.becoming.everything(principal_arn)
            return self._numbers.once((layers, row), self._listed, layers, self._everywhere(row))
        roles = _RolesAdded(
            self.becoming.added(principal_arn, OUTSIDE),
            self.becoming.added(principal_arn),
        )
        same = (layers, asked, roles)
        return self._numbers.once(same, self._restricted, layers, asked, roles)

    def roles_allowed(self, actions: Iterable[str]) -> int:
        """Return the set of roles that may use one of these actions from outside."""
        return union(self._allowed.once(each, self._find_allowed, each) for each in actions)

    def _find_allowed(self, action: str) -> int:
        possible = self.evaluator.all_rows()[:, POSSIBLE]
        allows: Any = (possible & self.attackers.catalog.bits(action)).any(axis=1)
        places = [DEFAULT_CONTEXTS.index(name) for name in OUTSIDE]
        return union(
            roles
            for rows, roles in self.becoming.allowing.items()
            if any(allows[rows[at]] for at in places)
        )

    def _listed(self, layers: PolicyLayers, reach: NetworkReach) -> int:
        self.cases.append((layers, reach))
        return len(self.cases) - 1

    def _restricted(self, layers: PolicyLayers, asked: Case, roles: _RolesAdded) -> int:
        """The place of principals whose policies test one of `NETWORK_KEYS`."""
        lists = [
            each
            for policy in layers.policies
            for each in self._lists.once(policy, _source_ip_lists, policy)
        ]
        written = tuple((each.policy, each.test.said, each.test.values) for each in lists)
        same = (asked, roles, written)
        reach = self._reaches.once(same, self._evaluated, asked, roles, lists)
        return self._listed(layers, reach)

    def _unrestricted(self, number: int) -> NetworkReach:
        """The reach of principals whom no network restricts: a row, by number."""
        row = self._possible(number)
        return NetworkReach(lambda: self.direct, row, row)

    def _bits(self, numbers: Iterable[int]) -> Bits:
        """What is possible by any of the rows with these numbers."""
        return self._possible(self.attackers.union(numbers))

    def _possible(self, number: int) -> Bits:
        found: Bits = self.attackers.bits[number][POSSIBLE]
        return found

    def _evaluated(
        self, case: Case, roles: _RolesAdded, lists: Sequence[SourceIpList]
    ) -> NetworkReach:
        """The reach of principals whose policies test one of `NETWORK_KEYS`."""
        tried = case.tried
        sources = tried.plan.sources
        asked = dict.fromkeys(zip(sources, self.attackers.numbers(case), strict=True))
        # By credential: restrictions that hold for one credential only are told apart.
        outside, anywhere = (
            np.array([self._united(asked, each, outer=outer) for each in Credential])
            for outer in (True, False)
        )
        outside |= self._possible(roles.outside)
        anywhere |= self._possible(roles.anywhere)
        from_outside, everywhere = np.bitwise_or.reduce(outside), np.bitwise_or.reduce(anywhere)
        restricted = everywhere & ~from_outside
        relevant = restricted if restricted.any() else everywhere
        numbers = dict.fromkeys(number for _, number in asked)
        met = {each for each in numbers if (self._possible(each) & relevant).any()}
        inside = dict.fromkeys(
            part for (part, _, _), number in asked if part is not None and number in met
        )
        by_service, by_endpoint = self._by_arrival(case)
        through_endpoint = bool((by_endpoint & relevant).any())
        return NetworkReach(
            arriving=lambda: [
                each.context for each in tried.requests if each.spot.place is Place.OUTSIDE
            ],
            from_outside=from_outside,
            everywhere=everywhere,
            networks=tried.parts.networks(inside) if restricted.any() else ANYWHERE,
            endpoint="denied" if not through_endpoint else "works" if inside else "required",
            via_services="works" if (by_service & relevant).any() else "denied",
            lists=lists,
            one_credential_only=bool((anywhere & ~outside).any()),
            left_unknown=tried.left_unknown,
        )

    def _united(
        self, asked: Iterable[tuple[Source, int]], credential: Credential, *, outer: bool
    ) -> Bits:
        """What is possible with a credential, from outside only or from anywhere."""
        return self._bits(
            number for (_, far, each), number in asked if each is credential and (far or not outer)
        )

    def _by_arrival(self, case: Case) -> tuple[Bits, Bits]:
        """What is possible through an AWS service, and through some VPC endpoint."""
        profile, plan = self.evaluator.profile(case.layers), case.tried.plan
        found = []
        for arrivals in self._elsewhere.once(plan, self._arriving_elsewhere, plan):
            outcomes = self.evaluator.outcomes_by(profile, arrivals, case.tried.known)
            found.append(self._bits(map(self.attackers.number, dict.fromkeys(outcomes))))
        return found[0], found[1]

    def _arriving_elsewhere(self, plan: Plan) -> tuple[Arrivals, Arrivals]:
        """Requests through a service, and through an endpoint: all but the place as planned."""
        kept = [
            each.context.only(each.context.values.keys() - NETWORK_KEYS) for each in plan.requests
        ]
        service, endpoint = (
            Arrivals([*dict.fromkeys(map(arrival.joined, kept))], plan.arrivals.varying)
            for arrival in (self._service, self._endpoint)
        )
        return service, endpoint
