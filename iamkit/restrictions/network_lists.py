"""
The lists of networks that policies hold, and how they divide the internet.

A list says who is let in (an Allow inside some networks, a Deny outside them) or who is kept out.
`networks` tells of each one what is wrong with it and whom it concerns; `divided` makes of several
lists the places that they tell apart, so that one address of each stands for all.

Source: IAM User Guide, "AWS global condition context keys" and "IAM JSON policy elements: Condition
operators", IP address condition operators.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, TypeAlias

import pandas as pd

from iamkit.access import Principals
from iamkit.policy import INTERNET, WIDE, KeyTest, Network, Policy, conditions, private_networks
from iamkit.table import COUNT, OBJECT, TEXT, TRUTH, Column, Table, objects, stack
from iamkit.tables import AccountTables
from iamkit.values import as_dict

NETWORK_LISTS: Final = Table(
    name="network_lists",
    row="one list of networks or VPC endpoints, in one statement of one policy",
    key=("policy_arn", "index", "operator", "key"),
    columns=(
        Column("policy_arn", TEXT, "policy; a trust policy's role; an SCP's name"),
        Column("policy_name", TEXT, "name; the role's for a trust policy"),
        Column(
            "kind",
            TEXT,
            "aws (managed by AWS), customer, inline, trust or scp",
            values=(
                "aws",
                "customer",
                "inline",
                "trust",
                "scp",
            ),
        ),
        Column("index", COUNT, "position of the statement, from 0"),
        Column("sid", TEXT, "Sid"),
        Column("effect", TEXT, "Allow or Deny"),
        Column("operator", TEXT, "operator as written"),
        Column("key", TEXT, "condition key, as AWS writes it"),
        Column("use", TEXT, "allow list: those in it are let in; block list: they are kept out"),
        Column("networks", OBJECT, "list as written"),
        Column("problems", OBJECT, "list of sentences"),
        Column("open", TRUTH, "an allow list that admits every IPv4 or every IPv6 address"),
        Column("unapproved", OBJECT, "entries not within settings.approved_networks, if any are"),
        Column(
            "behind", COUNT, "users and roles it applies to, through groups and as boundary too"
        ),
        Column("who", OBJECT, "list of their names"),
    ),
)

KEYS: Final = {
    key.lower(): key
    for key in ("aws:SourceIp", "aws:VpcSourceIp", "aws:SourceVpc", "aws:SourceVpce")
}

_OF_ADDRESSES: Final = (*INTERNET, "aws:vpcsourceip")


# ── Places ─────────────────────────────────────────────────────────────────────────────────────


Place: TypeAlias = tuple[bool, ...]  # for each list, whether it holds an address
Span: TypeAlias = tuple[int, int, int]  # IP version, first address, the one after the last
_ADDRESS: Final[dict[int, Any]] = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}


@dataclass(frozen=True)
class Places:
    """The internet as some lists of networks divide it."""

    spans: dict[Place, list[Span]]
    outside: tuple[Place, ...]  # the largest of IPv4, then of IPv6

    def address(self, place: Place) -> str:
        """Return an address of a place."""
        version, first, _ = self.spans[place][0]
        return str(_ADDRESS[version](first))

    def networks(self, places: Iterable[Place]) -> list[str]:
        """Return the fewest networks that make up the places."""
        found: list[Network] = []
        for version, first, end in (span for place in places for span in self.spans[place]):
            edges = _ADDRESS[version](first), _ADDRESS[version](end - 1)
            found += ipaddress.summarize_address_range(*edges)
        return list(map(str, _joined(found)))


@lru_cache(maxsize=4096)
def divided(lists: tuple[tuple[Network, ...], ...]) -> Places:
    """Return the places that these lists tell apart, of both IP versions."""
    spans: dict[Place, list[Span]] = {}
    outside = []
    for version, length in ((4, 32), (6, 128)):
        held = [
            [(int(n[0]), int(n[-1]) + 1) for n in each if n.version == version] for each in lists
        ]
        edges = {0, 2**length}.union(*(span for each in held for span in each))
        sizes: dict[Place, int] = {}
        for first, end in pairwise(sorted(edges)):
            place = tuple(any(low <= first < high for low, high in each) for each in held)
            spans.setdefault(place, []).append((version, first, end))
            sizes[place] = sizes.get(place, 0) + end - first
        outside.append(max(sizes, key=lambda place: (sizes[place], -sum(place))))
    return Places(spans, tuple(outside))


def _joined(networks: Iterable[Network]) -> list[Network]:
    """The fewest networks that hold the same addresses, IPv4 first."""
    given: list[Any] = list(networks)
    parts = ([each for each in given if each.version == version] for version in (4, 6))
    return [network for part in parts for network in ipaddress.collapse_addresses(part)]


def parsed(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the texts that are networks; `conditions.problems` tells of others."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            continue
    return tuple(found)


def unapproved(texts: Iterable[str], approved: Sequence[Network]) -> list[str]:
    """Return the networks that no approved one holds as a whole; none if none is approved."""
    if not approved:
        return []
    pairs = ((text, network) for text in texts for network in parsed([text]))
    return [text for text, network in pairs if not _within(network, approved)]


def _within(network: Network, others: Iterable[Network]) -> bool:
    return any(network[0] in other and network[-1] in other for other in others)


def approved_networks(account: AccountTables) -> list[Network]:
    """Return the approved networks of the settings, neighbours joined."""
    return _joined(parsed(account.settings.approved_networks))


def covering(test: KeyTest) -> list[Network]:
    """Return 0.0.0.0/0, ::/0 or both, if the networks of a test together are that."""
    return [network for network in _joined(parsed(test.values)) if not network.prefixlen]


def listings(condition: Any, keys: Iterable[str] = KEYS) -> Iterator[KeyTest]:
    """Yield the tests of a Condition that list networks or endpoints under one of the keys."""
    for operator, block in as_dict(condition).items():
        for key, raw in as_dict(block).items():
            if key.lower() in keys:
                test = KeyTest.of(operator, key, raw)
                if test.name not in ("null", "bool"):
                    yield test


def admits(test: KeyTest, *, allows: bool) -> bool:
    """Return whether a list is of those who are let in; else it is of those who are kept out."""
    return allows == ("not" not in test.name)


# ── The table ──────────────────────────────────────────────────────────────────────────────────


def network_lists(account: AccountTables, callers: Principals) -> pd.DataFrame:
    """
    Every list of networks or VPC endpoints in the account's policies. Rows: see `NETWORK_LISTS`.

    Policies come first, then trust policies, then the SCPs that bind. A statement whose Effect is
    neither Allow nor Deny lets nobody in and keeps nobody out, so it is left out.
    """
    private, approved = private_networks(), approved_networks(account)
    written, who = _conditional(account, callers)
    rows = []
    for about in written.query("effect in ['Allow', 'Deny']").to_dict("records"):
        for test in listings(about["conditions"]):
            lets_in = admits(test, allows=about["effect"] == "Allow")
            own = approved if lets_in and test.key in INTERNET else ()
            rows.append(
                {
                    **{name: about[name] for name in NETWORK_LISTS.names if name in about},
                    "operator": next(iter(test.alone)),
                    "key": KEYS[test.key],
                    "use": "allow list" if lets_in else "block list",
                    "networks": list(test.values),
                    "problems": list(_problems(test, about["problem"], private)),
                    "open": lets_in and bool(covering(test)),
                    "unapproved": unapproved(test.values, own),
                }
            )
    made = pd.DataFrame(rows, columns=NETWORK_LISTS.names)
    held = _holders(account, set(made["policy_arn"])) | who
    made["who"] = objects(held.get(arn, []) for arn in made["policy_arn"])
    return NETWORK_LISTS.conform(made.assign(behind=made["who"].map(len)))


def _conditional(
    account: AccountTables, callers: Principals
) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Statements with a Condition, and to whom those of trust policies and SCPs apply."""
    names = ["policy_arn", "policy_name", "kind"]
    own = account.statements.query("conditional").merge(account.policies[names], on="policy_arn")
    roles = account.roles.dropna(subset="role_arn").set_index("role_arn")["role_name"]
    trust = account.trust.query("conditional").drop_duplicates(["role_arn", "index"])
    role = trust["role_arn"]
    trust = trust.assign(policy_arn=role, policy_name=role.map(roles), kind="trust")
    people = account.principals.query("kind in ['user', 'role']")
    seen = callers.has_scps  # without them nobody's layers have any
    scps = [callers.layers(arn).scps if seen else () for arn in people["principal_arn"]]
    binding = pd.DataFrame(_control_policies(next(filter(None, scps), ())))
    bound = list(people["name"][[bool(levels) for levels in scps]])
    columns = [*names, "index", "sid", "effect", "conditions", "problem"]
    parts = [part.reindex(columns=columns) for part in (own, trust, binding)]
    who = {arn: [name] for arn, name in roles.items()}
    return stack(*parts), who | dict.fromkeys(parts[-1]["policy_arn"], bound)


def _control_policies(levels: Iterable[Sequence[Policy]]) -> list[dict[str, Any]]:
    """Statements of SCPs, those of one that several levels have only once."""
    found = {
        (policy.name, each.index): each
        for level in levels
        for policy in level
        for each in policy.statements
    }
    return [
        {
            **dict.fromkeys(("policy_arn", "policy_name"), name),
            "kind": "scp",
            "index": index,
            "sid": each.sid,
            "effect": "Allow" if each.allows else "Deny",
            "conditions": each.condition,
        }
        for (name, index), each in found.items()
    ]


def _holders(account: AccountTables, policies: set[str]) -> dict[str, list[str]]:
    """Names of the users and roles that have each policy, or are bounded by it."""
    bounds = account.principals[["principal_arn", "boundary_arn"]]
    bounds = bounds.rename(columns={"boundary_arn": "policy_arn"})
    both = stack(account.policy_assignments[["principal_arn", "policy_arn"]], bounds)
    both = both[both["policy_arn"].isin(policies)].drop_duplicates()
    people = account.principals.query("kind in ['user', 'role']")[["principal_arn", "name"]]
    held = people.merge(both, on="principal_arn")
    return {str(arn): list(names) for arn, names in held.groupby("policy_arn")["name"]}


def _problems(test: KeyTest, unreadable: Any, private: Sequence[Network]) -> Iterator[str]:
    """What is wrong with a list, in sentences."""
    if isinstance(unreadable, str):
        yield f"The statement {unreadable}, so the list does nothing."
    yield from (f"{said}." for said in conditions.problems(test.alone))
    twice = [text for text, times in Counter(test.values).items() if times > 1]
    yield from (f"{text} is listed more than once." for text in twice)
    if test.key in _OF_ADDRESSES and "ipaddress" not in test.name:
        yield f"{test.said} compares addresses as text, not as networks."
    whole = covering(test)
    for network in whole:
        yield f"Its entries make up {network}, which is every IPv{network.version} address."
    listed = [(text, network) for text in dict.fromkeys(test.values) for network in parsed([text])]
    for text, network in listed:
        if test.key in INTERNET and _within(network, private):
            yield f"{text} is private: no request from the internet comes from there."
        if network.prefixlen < WIDE[network.version] and not whole:
            yield f"{text} is wide: {network.num_addresses:,} addresses."
        around = [other for other, wider in listed if other != text and _within(network, [wider])]
        if around:
            yield f"{text} is within {around[0]}."
