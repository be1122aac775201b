"""
How lists of networks divide the internet.

Of several lists, `divide` makes the parts that they tell apart, so that one address of each part
stands for all of its addresses. *Outside* are the parts where somebody else has an address too: the
largest of each IP version, and every part that reaches beyond networks as narrow as those of one
organization; see `cidr.is_wide`. Who lists 0.0.0.0/1 keeps nobody out who looks for an address in
it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from iamkit.policy import Network, cidr

Part: TypeAlias = tuple[bool, ...]  # for each list, whether it has an address
Span: TypeAlias = tuple[int, int, int]  # IP version, first address, the one after the last


@dataclass(frozen=True)
class InternetParts:
    """The internet as some lists of networks divide it."""

    spans: dict[Part, list[Span]]
    outside: tuple[Part, ...]  # the largest of IPv4, of IPv6, then others in wide networks only

    def address(self, part: Part) -> str:
        """Return an address of a part."""
        version, first, _ = self.spans[part][0]
        return cidr.address(version, first)

    def networks(self, parts: Iterable[Part]) -> list[str]:
        """Return the fewest networks that make up the parts."""
        found: list[Network] = []
        for version, first, end in (span for part in parts for span in self.spans[part]):
            found += cidr.summarized(version, first, end - 1)
        return list(map(str, cidr.joined(found)))


@lru_cache(maxsize=4096)
def divide(lists: tuple[tuple[Network, ...], ...]) -> InternetParts:
    """Return the parts that these lists tell apart, of both IP versions."""
    spans: dict[Part, list[Span]] = {}
    outside: list[Part] = []
    beyond: list[Part] = []
    for version, length in ((4, 32), (6, 128)):
        ranges = [
            [(int(n[0]), int(n[-1]) + 1) for n in each if n.version == version] for each in lists
        ]
        narrow = [
            (int(n[0]), int(n[-1]) + 1)
            for each in lists
            for n in each
            if n.version == version and not cidr.is_wide(n)
        ]
        edges = {0, 2**length}.union(*(span for each in ranges for span in each))
        sizes: dict[Part, int] = {}
        for first, end in pairwise(sorted(edges)):
            part = tuple(any(low <= first < high for low, high in each) for each in ranges)
            spans.setdefault(part, []).append((version, first, end))
            sizes[part] = sizes.get(part, 0) + end - first
            if not any(low <= first < high for low, high in narrow):
                beyond.append(part)
        outside.append(max(sizes, key=lambda part: (sizes[part], -sum(part))))
    outside += [part for part in dict.fromkeys(beyond) if part not in outside]
    return InternetParts(spans, tuple(outside))
