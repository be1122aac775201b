"""
From where each identity can be used.

A policy can tie a user to the office: a Deny outside some networks, an Allow inside them, a VPC
endpoint. Whether it does is not read off the text but tried out. The networks that a principal's
policies name divide the internet into places that no policy tells apart; what is possible is
evaluated at one address of each, through a VPC endpoint, and through an AWS service, with no second
factor, a password and MFA alike, so that a demand for MFA is not mistaken for a fence. *Outside* is
the largest place of each IP version: with 0.0.0.0/0 in a list, that list's inside.

What is possible takes unknown conditions as helping the caller. So "restricted" is certain, as far as
the evidence goes, and "unrestricted", "partly restricted" and the counts of what is open err towards open. A fence on
some resources only leaves its actions possible on others, and counts as none. VPC endpoint
policies, resource-based policies and session policies are not in the evidence. A session with MFA
is taken to be a minute old, as in `callers.CONTEXTS`.

Source: IAM User Guide, "AWS global condition context keys" (aws:SourceIp, aws:SourceVpc,
aws:SourceVpce, aws:VpcSourceIp, aws:ViaAWSService) and "AWS: Denies access to AWS based on the
source IP".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from iamkit.access import (
    ARRIVAL_KEYS,
    CHUNK,
    COLUMNS,
    CONTEXTS,
    DEFAULT_CONTEXTS,
    RISKY,
    Permissions,
)
from iamkit.policy import (
    ENDPOINT,
    INTERNET,
    MFA,
    POSSIBLE,
    UNKNOWN,
    KeyTest,
    Network,
    Outcomes,
    Policy,
    PolicyEvaluator,
    PolicyLayers,
    RequestContext,
    Statement,
    conditions,
)
from iamkit.reference import Bits, Catalog, actions
from iamkit.restrictions.network_lists import (
    Places,
    admits,
    approved_networks,
    covering,
    divided,
    listings,
    parsed,
    unapproved,
)
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table
from iamkit.tables import AccountTables

NETWORK_RESTRICTIONS: Final = Table(
    name="network_restrictions",
    row="one user or role, and from where it can be used; a role, as its sessions can",
    key=("principal_arn",),
    columns=(
        Column("principal_arn", TEXT, "user or role"),
        Column(
            "kind",
            TEXT,
            "user or role",
            values=(
                "user",
                "role",
            ),
        ),
        Column("name", TEXT, "name"),
        Column(
            "verdict",
            TEXT,
            "fenced: nothing is possible from outside; partial: some actions are; none: the "
            "network makes no difference; nothing to protect: nothing is possible from anywhere",
            values=("restricted", "partly restricted", "unrestricted", "nothing to protect"),
        ),
        Column(
            "networks",
            OBJECT,
            "list of the networks from which more is possible than from outside, overlaps joined; "
            "0.0.0.0/0 and ::/0 if the verdict is none; empty: only through VPC endpoints, or none",
        ),
        Column(
            "covered",
            "Float64",
            "share of the possible actions that are not possible from outside; missing: there are "
            "no possible actions",
        ),
        Column("outside_actions", COUNT, "actions possible from outside"),
        Column("outside_risky", COUNT, "of those, the ones in a class of permissions.RISKY"),
        Column("worst", OBJECT, "list of up to five of the open actions, the riskiest first"),
        Column("policy_arn", TEXT, "policy that decides; missing for SCPs and where none does"),
        Column("policy_name", TEXT, "its name"),
        Column(
            "statement",
            TEXT,
            "its Sid or its number, from 1: the fence if fenced or partial, else the Allow that "
            "leaves it open",
        ),
        Column(
            "endpoint",
            TEXT,
            "through a VPC endpoint, what is fenced works, is denied, or the endpoint is required",
        ),
        Column("via_services", TEXT, "called by an AWS service on its behalf, it works or denied"),
        Column("notes", OBJECT, "list of sentences that a reader of the verdict should know"),
        Column("unapproved", OBJECT, "networks not within settings.approved_networks, if any are"),
        Column("why", TEXT, "the verdict in a sentence"),
    ),
)

FENCED, PARTIAL, NONE, NOTHING = (
    "restricted",
    "partly restricted",
    "unrestricted",
    "nothing to protect",
)

ANYWHERE: Final = ("0.0.0.0/0", "::/0")

# Keys that say by which way a request comes; a policy that tests none is the same from everywhere.
SERVICE: Final = ("aws:viaawsservice", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast")
ROUTE: Final = frozenset((*INTERNET, *ENDPOINT, *SERVICE))

NO_ENDPOINTS: Final = (
    "Requests through a VPC endpoint are denied too, for lack of an aws:SourceIp: safe, unless "
    "they are meant to work."
)

NO_SERVICES: Final = "Calls that AWS services make on its behalf are denied too."

EASED: Final = (
    "Networks bind requests with MFA or those without, but not both, so all is possible from "
    "anywhere."
)

IN_VAIN: Final = "Its policies list networks, but every action is possible from others too."
OUTSIDE: Final = ("stolen-key", "stolen-password", "mfa-outside")  # a key, a password, MFA

NOBODY: Final = RequestContext(
    {}, UNKNOWN
)  # what is known of a caller whom no policy asks who it is

FACTORS: Final = tuple(
    {key.lower(): value for key, value in CONTEXTS[name].keys.items() if key.lower() in MFA}
    for name in OUTSIDE
)


# ── Verdicts ───────────────────────────────────────────────────────────────────────────────────


class Listing(NamedTuple):
    """A test of aws:SourceIp, and where it stands."""

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


def _listings(layers: PolicyLayers) -> Iterator[Listing]:
    for _, policies in layers.named():
        for statement in (each for policy in policies for each in policy.statements):
            for test in listings(statement.condition, INTERNET):
                yield Listing(statement.policy, statement.allows, test)


@dataclass(frozen=True, eq=False)
class Reach:
    """
    What principals can do, by where their requests come from: rows of bits, shape (words,).

    `outside` are contexts of callers from outside, in which statements are judged. `eased` says
    that the network makes a difference, but none with MFA. The rest are columns of `NETWORK_RESTRICTIONS`. One
    reach is shared by many principals, whose policies may differ.
    """

    outside: Sequence[RequestContext]
    open: Bits
    best: Bits
    networks: Sequence[str] = ANYWHERE
    endpoint: str = "works"
    via_services: str = "works"
    listings: Sequence[Listing] = ()
    eased: bool = False

    @cached_property
    def fenced(self) -> Bits:
        """What is possible, but not from outside."""
        return self.best & ~self.open

    @cached_property
    def about(self) -> Bits:
        """The actions that a deciding statement is about: those fenced or, if none are, open."""
        return self.fenced if self.fenced.any() else self.open

    @cached_property
    def verdict(self) -> str:
        """The column of that name."""
        if not self.best.any():
            return NOTHING
        if self.fenced.any():
            return PARTIAL if self.open.any() else FENCED
        return NONE

    def columns(self) -> dict[str, Any]:
        """Return the columns of `NETWORK_RESTRICTIONS` that follow from this alone."""
        if self.verdict == NOTHING:
            return {"verdict": NOTHING, "networks": [], "notes": []}
        return {
            "verdict": self.verdict,
            "networks": list(self.networks),
            "endpoint": self.endpoint,
            "via_services": self.via_services,
            "notes": list(dict.fromkeys(self._notes())),
        }

    def _notes(self) -> list[str]:
        found = [note for each in self.listings for note in each.notes]
        if self.fenced.any():
            found += [NO_ENDPOINTS] if self.endpoint == "denied" else []
            found += [NO_SERVICES] if self.via_services == "denied" else []
        elif self.eased:
            found.append(EASED)
        elif self.listings and not found:
            found.append(IN_VAIN)
        return found


class Survey:
    """
    From where users and roles can be used, everything costly done once for those who are alike.

    Where no policy of a principal asks by which way a request comes, all that the permissions show
    is possible from everywhere; the others are tried at the places that their lists make.
    """

    def __init__(self, permissions: Permissions) -> None:
        self.callers = permissions.callers
        self.judge = PolicyEvaluator(permissions.catalog)
        self.reached: list[tuple[PolicyLayers, Reach]] = []
        self._numbers: dict[Any, int] = {}
        self._keys: dict[PolicyLayers, frozenset[str]] = {}
        self._rows: dict[Outcomes, Bits] = {}
        self._arrivals = {name: self.callers.arrival(name) for name in CONTEXTS}
        self.straight = [RequestContext(self._arrivals[name], UNKNOWN) for name in OUTSIDE]

    def number(self, principal_arn: str, everywhere: Reach) -> int:
        """
        Return the place in `reached` of a principal's layers and reach.

        `everywhere` is its reach if no policy asks by which way a request comes.
        """
        layers = self.callers.layers(principal_arn)
        keys = self._asked(layers)
        known = NOBODY
        alike: tuple[PolicyLayers, Any] = (layers, everywhere)
        routed = not keys.isdisjoint(ROUTE)
        if routed and (personal := keys & self.callers.caller_keys):
            who = self.callers.known(principal_arn)
            known = RequestContext({key: who[key] for key in personal}, UNKNOWN)
            # With equal outcomes in one context, nothing that policies ask of them differs.
            alike = (layers, self.judge.outcomes(layers, self.straight[0].joined(known))[0])
        if alike not in self._numbers:
            self._numbers[alike] = len(self.reached)
            self.reached.append((layers, self._tried(layers, known) if routed else everywhere))
        return self._numbers[alike]

    def _asked(self, layers: PolicyLayers) -> frozenset[str]:
        """Condition keys, in lower case, that the layers' statements ask for."""
        if layers not in self._keys:
            self._keys[layers] = frozenset(
                key
                for _, policies in layers.named()
                for policy in policies
                for each in policy.statements
                for key in (*each.condition_keys, *each.resource_keys)
            )
        return self._keys[layers]

    def _tried(self, layers: PolicyLayers, known: RequestContext) -> Reach:
        """The reach of principals whose policies ask by which way a request comes."""
        lists = list(_listings(layers))
        places = divided(tuple(parsed(each.test.values) for each in lists))
        ways = self._ways(places, known)
        if not any(each.as_text for each in lists):
            del ways["any"]  # the places are all there is
        rows = self._possible(layers, ways)
        by_service = rows.pop("via-service")
        outside = np.bitwise_or.reduce([rows[place] for place in places.outside])
        anywhere = np.bitwise_or.reduce(list(rows.values()))
        open_, best = np.bitwise_or.reduce(outside), np.bitwise_or.reduce(anywhere)
        fenced = best & ~open_
        about = fenced if fenced.any() else best  # what it matters to know the ways to
        inside = [place for place in places.spans if (rows[place] & about).any()]
        through = bool((rows["vpc-endpoint"] & about).any())
        return Reach(
            [context for place in places.outside for context in ways[place]],
            open_,
            best,
            places.networks(inside) if fenced.any() else ANYWHERE,
            "denied" if not through else "works" if inside else "required",
            "works" if (by_service & about).any() else "denied",
            lists,
            bool((anywhere & ~outside).any()),
        )

    def _ways(self, places: Places, known: RequestContext) -> dict[Any, list[RequestContext]]:
        """Contexts by way in, one per factor: from each place, and three of `callers.CONTEXTS`."""
        internet = self._arrivals["any"]
        arrivals: dict[Any, dict[str, Any]] = {
            place: {**internet, "aws:sourceip": places.address(place)} for place in places.spans
        }
        address = {"aws:sourceip": places.address(places.outside[0])}
        arrivals["vpc-endpoint"] = self._arrivals["vpc-endpoint"]
        arrivals["via-service"] = self._arrivals["via-service"] | address
        arrivals["any"] = internet
        return {
            way: [
                RequestContext({**arrival, **factor}, UNKNOWN).joined(known) for factor in FACTORS
            ]
            for way, arrival in arrivals.items()
        }

    def _possible(
        self, layers: PolicyLayers, ways: dict[Any, list[RequestContext]]
    ) -> dict[Any, Bits]:
        """Rows of what is possible by way, shape (factors, words)."""
        contexts = [context for each in ways.values() for context in each]
        outcomes = self.judge.outcomes(layers, *contexts, varying=ARRIVAL_KEYS)
        for each in outcomes:
            if each not in self._rows:
                self._rows[each] = self.judge.combine(each)[POSSIBLE]
        rows = np.array([self._rows[each] for each in outcomes])
        return dict(zip(ways, rows.reshape(len(ways), len(FACTORS), -1), strict=True))


# ── Deciding statements ────────────────────────────────────────────────────────────────────────


class Statements:
    """Which statement decides, and how many actions each covers, counted once per content."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._counts: dict[Any, int] = {}

    def deciding(self, layers: PolicyLayers, reach: Reach) -> tuple[Policy, Statement] | None:
        """
        Return the statement that fences or, where none does, the one that leaves it open.

        Of several, a Deny rather than an Allow and an Allow without a Condition rather than one
        with; then the one about most actions.
        """
        fence = reach.about is reach.fenced
        policies = [p for _, each in layers.named() for p in each] if fence else layers.identity
        decides = _closes if fence else _opens
        ranked = [
            ((not each.allows or not each.condition, self._count(each, reach)), policy, each)
            for policy in policies
            for each in policy.statements
            if decides(each, reach.outside)
        ]
        ranked = [entry for entry in ranked if entry[0][1]]
        return max(ranked, key=lambda entry: entry[0])[1:] if ranked else None

    def _count(self, statement: Statement, reach: Reach) -> int:
        """Number of the actions which it is about that a statement covers."""
        asked = (statement.actions, statement.not_actions, reach)
        if asked not in self._counts:
            named = self.catalog.bits(statement.actions)
            bits = reach.about & (~named if statement.not_actions else named)
            self._counts[asked] = int(actions.popcount(bits))
        return self._counts[asked]


def _truths(statement: Statement, contexts: Iterable[RequestContext]) -> set[conditions.Truth]:
    condition, variables = statement.condition, statement.variables
    return {conditions.evaluate(condition, each, variables=variables) for each in contexts}


def _closes(statement: Statement, outside: Iterable[RequestContext]) -> bool:
    """Whether a statement keeps callers from outside out by the way they come."""
    if ROUTE.isdisjoint(statement.condition_keys):
        return False
    truths = _truths(statement, outside)
    return truths == {False} if statement.allows else True in truths


def _opens(statement: Statement, outside: Iterable[RequestContext]) -> bool:
    """Whether a statement may allow something from outside."""
    return statement.allows and (not statement.condition or _truths(statement, outside) != {False})


# ── The table ──────────────────────────────────────────────────────────────────────────────────


def network_restrictions(account: AccountTables, permissions: Permissions) -> pd.DataFrame:
    """
    From where each user and role can be used. Rows: see `NETWORK_RESTRICTIONS`, in the order of the permissions.

    `permissions` are the account's, in the contexts of `callers.DEFAULT` at least. Users whom only
    the credential report knows are left out, as there.
    """
    survey, people = Survey(permissions), permissions.principals
    columns = [permissions.contexts.index(name) for name in DEFAULT_CONTEXTS]
    found, which = np.unique(permissions.index[:, columns], axis=0, return_inverse=True)
    possible = (np.bitwise_or.reduce(permissions.rows[each, POSSIBLE]) for each in found)
    everywhere = [Reach(survey.straight, row, row) for row in possible]
    numbers = [
        survey.number(arn, everywhere[at])
        for arn, at in zip(people["principal_arn"], which.reshape(-1), strict=True)
    ]
    rows = _described(survey.reached, permissions, approved_networks(account)).take(numbers)
    return NETWORK_RESTRICTIONS.conform(
        rows.assign(**{name: people[name].array for name in COLUMNS})
    )


def _described(
    reached: Sequence[tuple[PolicyLayers, Reach]],
    permissions: Permissions,
    approved: Sequence[Network],
) -> pd.DataFrame:
    """One row per entry: the columns of `NETWORK_RESTRICTIONS`, those that say whose it is left empty."""
    shared = _shared(list(dict.fromkeys(reach for _, reach in reached)), permissions, approved)
    statements, arns = Statements(permissions.catalog), permissions.callers.policy_arns
    rows = []
    for layers, reach in reached:
        policy, statement = statements.deciding(layers, reach) or (None, None)
        name = statement and (statement.sid or f"statement {statement.index + 1}")
        by = f" ({name} of {policy.name})" if policy else ""
        rows.append(
            {
                **shared[reach],
                "policy_arn": policy and arns.get(policy),
                "policy_name": policy and policy.name,
                "statement": name,
                "why": f"{shared[reach]['why']}{by}.",
            }
        )
    return pd.DataFrame(rows, columns=NETWORK_RESTRICTIONS.names)


def _shared(
    reaches: Sequence[Reach], permissions: Permissions, approved: Sequence[Network]
) -> dict[Reach, dict[str, Any]]:
    """The columns that do not depend on what decides; of `why` the beginning."""
    catalog = permissions.catalog
    numbers: dict[bytes, int] = {}  # equal rows of bits are looked at once
    opened = [numbers.setdefault(reach.open.tobytes(), len(numbers)) for reach in reaches]
    whole = [numbers.setdefault(reach.best.tobytes(), len(numbers)) for reach in reaches]
    bits = np.frombuffer(b"".join(numbers), actions.WORD).reshape(-1, catalog.words)
    classes = np.array([catalog.mask(risk=risk) for risk in RISKY])
    counts = actions.popcount(bits)
    at_risk = actions.popcount(bits & np.bitwise_or.reduce(classes))
    worst, found = _worst(bits, classes, catalog), {}
    for reach, at, best in zip(reaches, opened, whole, strict=True):
        columns = reach.columns()
        found[reach] = {
            **columns,
            "covered": 1 - counts[at] / counts[best] if counts[best] else None,
            "outside_actions": counts[at],
            "outside_risky": at_risk[at],
            "worst": worst[at],
            "unapproved": unapproved(columns["networks"], approved),
            "why": _why(reach, f"{counts[at]:,} of {counts[best]:,}"),
        }
    return found


def _worst(rows: Bits, classes: Bits, catalog: Catalog) -> list[list[str]]:
    """The five riskiest actions of each row: by the first of their classes, then by how many."""
    risky = catalog.flags(classes)
    first = np.where(risky.any(axis=0), risky.argmax(axis=0), len(risky))
    order = np.lexsort((-risky.sum(axis=0), first))
    names = catalog.actions["action"].to_numpy()[order]
    return [
        list(names[np.flatnonzero(flags)[:5]])
        for start in range(0, len(rows), CHUNK)
        for flags in catalog.flags(rows[start : start + CHUNK])[:, order]
    ]


def _why(reach: Reach, share: str) -> str:
    """The verdict in a sentence, without what decides it; `share` is open of possible actions."""
    places = [_some(reach.networks)] if reach.networks else []
    places += ["a VPC endpoint"] if reach.endpoint != "denied" else []
    only = f"only from {' or '.join(places) or 'addresses compared as text'}"
    return {
        NOTHING: "Nothing is possible from anywhere",
        NONE: "All that is possible is possible from anywhere",
        FENCED: f"Possible {only}",
        PARTIAL: f"{share} possible actions are possible from anywhere, the others {only}",
    }[reach.verdict]


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")
