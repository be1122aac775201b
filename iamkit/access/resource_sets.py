"""
Sets of an account's users, groups, roles and policies, as numbers.

A set of resources of a kind is an int: bit n stands for the n-th of them, so that sets are joined,
intersected and compared as fast as numbers. The last bit stands for a resource that may be created
later. A `ResourceSet` is two such sets: where something is certain, and where it is possible.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
from typing import Any, Final, NamedTuple

import numpy as np

from iamkit.policy import Pattern

KINDS: Final = ("user", "group", "role", "policy")
BOUNDARY: Final = "iam:permissionsboundary"


class ResourceSet(NamedTuple):
    """Two sets of resources: where something is certain, and where it is at least possible."""

    certain: int
    possible: int

    def __and__(self, other: ResourceSet) -> ResourceSet:
        return ResourceSet(self.certain & other.certain, self.possible & other.possible)

    def __or__(self, other: ResourceSet) -> ResourceSet:
        return ResourceSet(self.certain | other.certain, self.possible | other.possible)


NOWHERE: Final = ResourceSet(0, 0)


def certainly(found: int) -> ResourceSet:
    """Return the same set as certain and as possible."""
    return ResourceSet(found, found)


def union(sets: Iterable[int]) -> int:
    """Return all that is in any of the sets."""
    return reduce(or_, sets, 0)


def members(found: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """
    Return the numbers in a set, in order.

    >>> members(0b1010).tolist()
    [1, 3]
    """
    size = (found.bit_length() + 7) // 8
    raw = np.frombuffer(found.to_bytes(size, "little"), dtype=np.uint8)
    flags = np.unpackbits(raw, bitorder="little").view(bool)  # nonzero is faster on booleans
    return flags.nonzero()[0]


@dataclass(frozen=True, eq=False)
class Resources:
    """The resources of one kind: their ARNs in order, and the condition keys known of each."""

    pattern: Pattern  # which every ARN of the kind in the account matches
    arns: tuple[str, ...]
    condition_keys: tuple[Mapping[str, Any], ...]

    @cached_property
    def number(self) -> dict[str, int]:
        """The place of each ARN."""
        return {arn: at for at, arn in enumerate(self.arns)}

    @cached_property
    def _by_name(self) -> dict[str, str]:
        """The ARN by name in lower case; AWS allows each name once, whatever the path."""
        return {arn.rsplit("/", 1)[-1].lower(): arn for arn in self.arns}

    def named_by(self, pattern: Pattern) -> str | None:
        """The ARN with the name in which a pattern ends; None if it has wildcards or is unused."""
        name = Pattern(pattern.text.rsplit("/", 1)[-1]).plain
        return None if name is None else self._by_name.get(name.lower())

    @property
    def future(self) -> int:
        """The set of the one that may be created later."""
        return 1 << len(self.arns)

    @property
    def existing(self) -> int:
        """The set of all that exist."""
        return self.future - 1

    @property
    def every(self) -> int:
        """The set of all, the one that may be created later included."""
        return 2 * self.future - 1

    def set_of(self, arns: Iterable[str]) -> int:
        """The set of those with these ARNs; others are ignored."""
        return union(1 << self.number[arn] for arn in arns if arn in self.number)

    @cached_property
    def _ordered(self) -> tuple[list[str], Any]:
        """The ARNs as they sort, and the place of each."""
        order = sorted(range(len(self.arns)), key=self.arns.__getitem__)
        return [self.arns[at] for at in order], np.array(order, dtype=np.int64)

    def matching(self, pattern: Pattern) -> int:
        """The set of those that a pattern matches; only ARNs that begin like it are looked at."""
        arns, places = self._ordered
        pattern = self._begun_alike(pattern)
        start = pattern.start
        first = bisect_left(arns, start)
        last = bisect_right(arns, start, lo=first, key=lambda arn: arn[: len(start)])
        flags = np.zeros(len(arns), dtype=bool)
        flags[places[first:last]] = pattern.each(arns[first:last])
        return self.select(flags)

    def _begun_alike(self, pattern: Pattern) -> Pattern:
        """
        A pattern that matches the same of them, but begins as they do: so few are looked at.

        Where no ARN has more than five colons, a pattern with as many matches it part by part.
        """
        *asked, name = pattern.text.split(":")
        if len(asked) != len(self._beginning):
            return pattern
        parts = zip(asked, self._beginning, strict=True)
        if not all(Pattern(one).matches(own) for one, own in parts):
            return pattern
        return Pattern(":".join([*self._beginning, name]))

    @cached_property
    def _beginning(self) -> list[str]:
        """The parts with which every ARN begins, before its only part that differs; or none."""
        *parts, _ = self.pattern.text.split(":")
        start, count = ":".join([*parts, ""]), len(parts)
        same = all(arn.startswith(start) and arn.count(":") == count for arn in self.arns)
        return parts if same else []

    def select(self, flags: Iterable[Any]) -> int:
        """The set of those whose flag is true, flags in the order of the ARNs."""
        given = (
            flags if isinstance(flags, np.ndarray) else np.fromiter(map(bool, flags), dtype=bool)
        )
        bits = np.packbits(given, bitorder="little")
        return int.from_bytes(bits.tobytes(), "little")
