"""
Networks in CIDR notation: read, compared, private or wide.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from iamkit.reference import lint_facts

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=4096)
def network(text: str) -> _Network | None:
    """A CIDR range or one address, of which IPv6 ones are a /128; bits after the prefix drop."""
    if not re.fullmatch(r"[0-9A-Fa-f:.]+(/\d{1,3})?", text, re.ASCII):
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def within(actual: _Network, wanted: _Network) -> bool:
    """One address in a range of its own IP version."""
    return actual.num_addresses == 1 and actual.network_address in wanted


def networks(
    conditions: Iterable[Mapping[str, Any]],
) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Every network that the conditions name."""
    found = []
    for condition in conditions:
        for operator, block in condition.items():
            if "ipaddress" in operator.lower() and isinstance(block, dict):
                for values in block.values():
                    for text in values if isinstance(values, list) else [values]:
                        try:
                            found.append(ipaddress.ip_network(text, strict=False))
                        except (TypeError, ValueError):
                            continue
    return found


Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
WIDE: Final = {4: 8, 6: 32}  # by IP version: networks with a shorter prefix


def private_networks() -> list[Network]:
    """Networks from which no request comes over the internet."""
    return [ipaddress.ip_network(text) for text in lint_facts()["private"].split()]
