"""
Networks in CIDR notation, of both IP versions: read, compared, joined.

`network` reads what policies hold. The settings do not use it: they refuse what a person mistyped
in the approved networks, such as bits after the prefix, which a policy may hold.

Source: IAM User Guide, "IP address condition operators".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias

from iamkit.reference import lint_facts
from iamkit.values import as_dict, listed

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_SHORTEST: Final = {4: 8, 6: 32}  # by IP version: networks with a shorter prefix are wide
_ADDRESS: Final[Mapping[int, Any]] = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}


@lru_cache(maxsize=4096)
def network(text: str) -> Network | None:
    """
    A CIDR range, or one address as a /32 or /128; None if it is neither.

    Bits after the prefix drop, as AWS drops them.

    >>> network("203.0.113.9/24"), network("office")
    (IPv4Network('203.0.113.0/24'), None)
    """
    if not re.fullmatch(r"[0-9A-Fa-f:.]+(/\d{1,3})?", text, re.ASCII):
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def parse_networks(texts: Iterable[Any]) -> tuple[Network, ...]:
    """The networks among values; `conditions.problems` tells of the others."""
    found = (network(text) for text in texts if isinstance(text, str))
    return tuple(each for each in found if each is not None)


def networks_in(conditions: Iterable[Mapping[str, Any]]) -> list[Network]:
    """Every network that a test of addresses in the conditions names, in their order."""
    return [
        each
        for condition in conditions
        for operator, block in condition.items()
        if "ipaddress" in operator.lower()
        for values in as_dict(block).values()
        for each in parse_networks(listed(values))
    ]


def matches_address(actual: Network, wanted: Network) -> bool:
    """Whether one address is in a range of its own IP version; False for more than one."""
    return actual.num_addresses == 1 and actual.network_address in wanted


def within(narrow: Network, others: Iterable[Network]) -> bool:
    """Whether one of the other networks holds all of `narrow`."""
    return any(narrow[0] in other and narrow[-1] in other for other in others)


def joined(networks: Iterable[Network]) -> list[Network]:
    """The fewest networks that hold the same addresses, IPv4 first."""
    given: list[Any] = list(networks)
    parts = ([each for each in given if each.version == version] for version in _ADDRESS)
    return [each for part in parts for each in ipaddress.collapse_addresses(part)]


def everything(networks: Iterable[Network]) -> list[Network]:
    """0.0.0.0/0, ::/0 or both, if the networks together are every address of that version."""
    return [each for each in joined(networks) if each.prefixlen == 0]


def is_wide(given: Network) -> bool:
    """Whether it holds more addresses than an organization has: shorter than /8, or /32 of IPv6."""
    return given.prefixlen < _SHORTEST[given.version]


@cache
def private_networks() -> tuple[Network, ...]:
    """Networks from which no request comes over the internet, by `data/lint.yaml`."""
    return parse_networks(lint_facts()["private"].split())


def is_private(given: Network) -> bool:
    """Whether no request comes from it over the internet."""
    return within(given, private_networks())


def has_host_bits(text: str) -> bool:
    """Whether a network's text has bits after its prefix, which AWS drops."""
    return ipaddress.ip_interface(text).ip != ipaddress.ip_interface(text).network[0]


def address(version: int, number: int) -> str:
    """The address with this number."""
    return str(_ADDRESS[version](number))


def summarized(version: int, first: int, last: int) -> list[Network]:
    """The networks that make up the addresses with the numbers `first` to `last`."""
    return list(
        ipaddress.summarize_address_range(_ADDRESS[version](first), _ADDRESS[version](last))
    )
