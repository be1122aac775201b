"""
Sets of an account's resources, each with what is certain and what is possible.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
from typing import Any, Final, NamedTuple

import numpy as np

from iamkit.policy import (
    Pattern,
)

KINDS: Final = ("user", "group", "role", "policy")
BOUNDARY: Final = "iam:permissionsboundary"


class ResourceSet(NamedTuple):
    """Two sets of resources: where it is certain, and where it is at least possible."""

    certain: int
    possible: int

    def __and__(self, other: ResourceSet) -> ResourceSet:
        return ResourceSet(self.certain & other.certain, self.possible & other.possible)

    def __or__(self, other: ResourceSet) -> ResourceSet:
        return ResourceSet(self.certain | other.certain, self.possible | other.possible)


NOWHERE: Final = ResourceSet(0, 0)


def both(found: int) -> ResourceSet:
    """What is certain is possible."""
    return ResourceSet(found, found)


def joined(sets: Iterable[int]) -> int:
    """All that is in any of the sets."""
    return reduce(or_, sets, 0)


def members(found: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """
    Return the numbers in a set, in order.

    >>> members(0b1010).tolist()
    [1, 3]
    """
    size = (found.bit_length() + 7) // 8
    raw = np.frombuffer(found.to_bytes(size, "little"), dtype=np.uint8)
    flags = np.unpackbits(raw, bitorder="little").view(bool)  # of which nonzero is found sooner
    return flags.nonzero()[0]


@dataclass(frozen=True, eq=False)
class Resources:
    """The resources of one kind: their ARNs in order, and what conditions can know of each."""

    pattern: Pattern  # which every ARN of the kind in the account matches
    arns: tuple[str, ...]
    known: tuple[Mapping[str, Any], ...]

    @cached_property
    def number(self) -> dict[str, int]:
        """The place of each ARN."""
        return {arn: at for at, arn in enumerate(self.arns)}

    @cached_property
    def _called(self) -> dict[str, str]:
        """The ARN by name in lower case, in which, whatever the path, no two may be alike."""
        return {arn.rsplit("/", 1)[-1].lower(): arn for arn in self.arns}

    def only(self, pattern: Pattern) -> str | None:
        """The ARN with the name that a pattern gives; None if it gives none, or nobody's."""
        name = Pattern(pattern.text.rsplit("/", 1)[-1]).plain
        return None if name is None else self._called.get(name.lower())

    @property
    def unborn(self) -> int:
        """The set of the one that might be there one day."""
        return 1 << len(self.arns)

    @property
    def there(self) -> int:
        """The set of all that are there."""
        return self.unborn - 1

    @property
    def every(self) -> int:
        """The set of all, the unborn one included."""
        return 2 * self.unborn - 1

    def of(self, arns: Iterable[str]) -> int:
        """The set of those with these ARNs; others are ignored."""
        return joined(1 << self.number[arn] for arn in arns if arn in self.number)

    @cached_property
    def _ordered(self) -> tuple[list[str], Any]:
        """The ARNs as they sort, and the place of each."""
        order = sorted(range(len(self.arns)), key=self.arns.__getitem__)
        return [self.arns[at] for at in order], np.array(order, dtype=np.int64)

    def matching(self, pattern: Pattern) -> int:
        """The set of those that a pattern matches; only ARNs that begin like it are looked at."""
        arns, places = self._ordered
        start = pattern.start
        first = bisect_left(arns, start)
        last = bisect_right(arns, start, lo=first, key=lambda arn: arn[: len(start)])
        flags = np.zeros(len(arns), dtype=bool)
        flags[places[first:last]] = pattern.each(arns[first:last])
        return self.where(flags)

    def where(self, flags: Iterable[Any]) -> int:
        """The set of those whose flag is true, flags in the order of the ARNs."""
        told = flags if isinstance(flags, np.ndarray) else np.fromiter(map(bool, flags), dtype=bool)
        bits = np.packbits(told, bitorder="little")
        return int.from_bytes(bits.tobytes(), "little")
