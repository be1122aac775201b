"""Distinct rows of bits by number, in one array that grows."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np

from iamkit.reference import Bits

FIRST: Final = 64  # rows that there is room for at first


class DistinctRows:
    """
    Rows of bits, each kept once; `rows[number]` is one of them, `rows.all()` all of them.

    Nobody can write to what is given out. What is equal has the same digest of 128 bits, by which
    rows are found again.
    """

    def __init__(self, nothing: Bits) -> None:
        """Make it for rows of the shape of `nothing`."""
        self._room = np.empty((FIRST, *nothing.shape), nothing.dtype)
        self._numbers: dict[bytes, int] = {}
        self._show()

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, number: int) -> Bits:
        row: Bits = self._shown[number]
        return row

    def all(self) -> Bits:
        """Return the rows so far by number, without copying them."""
        return self._shown[: len(self)]

    def number(self, row: Bits) -> int:
        """Return the number of a row; a new one has the next."""
        digest = blake2b(np.ascontiguousarray(row).data, digest_size=16).digest()
        known = len(self)
        number = self._numbers.setdefault(digest, known)
        if number == known:
            if number == len(self._room):
                self._grow()
            self._room[number] = row
        return number

    def _grow(self) -> None:
        larger = np.empty((2 * len(self._room), *self._room.shape[1:]), self._room.dtype)
        larger[: len(self._room)] = self._room
        self._room = larger
        self._show()

    def _show(self) -> None:
        self._shown = self._room.view()
        self._shown.flags.writeable = False
