"""What policies allow and deny in a context, where, and what is left of it where they overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
from typing import Any, TypeAlias

import numpy as np

from iamkit.policy.scopes import Scope, Scopes, apart, covers, witnesses
from iamkit.reference import Bits

Cells: TypeAlias = dict[tuple[Scopes, bool], Bits]  # where, and whether certainly: which actions
Denial: TypeAlias = tuple[Scope, bool, Bits]  # where, whether certainly, which actions


@dataclass(frozen=True, eq=False)
class Effects:
    """A policy in a context: what it allows and denies, where, and how certainly."""

    cells: Cells
    denials: tuple[Denial, ...]

    @cached_property
    def scoped(self) -> tuple[Denial, ...]:
        """The denials that are about some resources only."""
        return tuple(each for each in self.denials if not each[0].everything)

    @cached_property
    def allowed(self) -> Any:
        """What it may allow somewhere."""
        return _union(self.cells.values())

    @cached_property
    def narrow(self) -> Any:
        """What it may allow on some resources only."""
        return _union(bits for (scopes, _), bits in self.cells.items() if scopes)

    def alone(self, none: Bits) -> Bits:
        """
        What it allows by itself: possibly, certainly, everywhere; what it denies: certainly,
        possibly.

        What is denied on some resources only is left out. Shape (5, words).
        """
        possible, certain, anywhere = none.copy(), none.copy(), none.copy()
        for (scopes, sure), bits in self.cells.items():
            possible |= bits
            if sure:
                certain |= _witnessed(bits, scopes, ())
                if not scopes:
                    anywhere |= bits
        denied = {True: none, False: none}
        for scope, sure, bits in self.denials:
            if scope.everything:
                denied[sure] = denied[sure] | bits
        return np.array([possible, certain, anywhere, denied[True], denied[False]])


def add(cells: Cells, where: tuple[Scopes, bool], bits: Bits) -> None:
    """Allow further actions there."""
    cells[where] = cells[where] | bits if where in cells else bits


def to_compare(layers: Sequence[Sequence[Effects]]) -> Any:
    """
    The actions for which resources have to be compared.

    Those that something denies on some resources, or that two layers allow on some each. The others
    are in what each policy by itself allows.
    """
    found = _union(bits for layer in layers for each in layer for _, _, bits in each.scoped)
    narrow = np.uint64(0)
    for layer in layers:
        own = _union(each.narrow for each in layer)
        found = found | (narrow & own)
        narrow = narrow | own
    return found


def compared(layers: Sequence[Sequence[Effects]], wanted: Bits) -> Bits:
    """Return the rows of some actions, shape (3, words), denials on every resource aside."""
    cells, *others = (_together(layer, wanted) for layer in layers)
    for other in others:
        cells = _both(cells, other)
    scoped = [denial for layer in layers for each in layer for denial in each.scoped]
    elsewhere = _union(bits for _, _, bits in scoped)
    possible, certain, anywhere = (np.zeros_like(wanted) for _ in range(3))
    for (scopes, sure), bits in cells.items():
        possible |= _left(bits, scopes, scoped)
        if sure:
            certain |= _witnessed(bits, scopes, scoped)
            if not scopes:
                anywhere |= bits & ~elsewhere
    return np.array([possible, certain, anywhere])


def _union(rows: Iterable[Bits]) -> Any:
    """All that some rows hold; a zero without any."""
    return reduce(or_, rows, np.uint64(0))


def _left(bits: Bits, scopes: Scopes, denials: Iterable[Denial]) -> Bits:
    """What is left of an allow after the denials that surely cover all its resources."""
    for scope, sure, denied in denials:
        if sure and any(covers(scope, each) for each in scopes):
            bits = bits & ~denied
    return bits


def _witnessed(bits: Bits, scopes: Scopes, denials: Sequence[Denial]) -> Bits:
    """What is left of an allow on one resource at least, of those that are tried."""
    near = [(scope, denied) for scope, _, denied in denials if (denied & bits).any()]
    if not near and (not scopes or (len(scopes) == 1 and not next(iter(scopes)).negated)):
        return bits  # a pattern without limits matches something
    found = np.zeros_like(bits)
    for resource in witnesses(scopes):
        left = bits
        for scope, denied in near:
            if scope.holds(resource):
                left = left & ~denied
        found |= left
    return found


def _together(layer: Iterable[Effects], wanted: Bits) -> Cells:
    """What the policies of one layer allow of some actions."""
    cells: Cells = {}
    for each in layer:
        for where, bits in each.cells.items():
            shared = bits & wanted
            if shared.any():
                add(cells, where, shared)
    return cells


def _both(cells: Cells, others: Cells) -> Cells:
    """What both of two layers allow, on the resources that both cover."""
    joined: Cells = {}
    for (scopes, sure), bits in cells.items():
        for (other_scopes, other_sure), other_bits in others.items():
            if any(apart(one, other) for one in scopes for other in other_scopes):
                continue
            shared = bits & other_bits
            if shared.any():
                add(joined, (scopes | other_scopes, sure and other_sure), shared)
    return joined
