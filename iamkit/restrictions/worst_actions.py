"""The first actions, in some order, of many rows of bits at once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from iamkit.reference import Bits, Catalog, popcount

MOST: Final = 5
_BLOCK: Final = 256  # actions that are looked at together; most rows need the first block only


def first_actions(rows: Bits, order: Any, catalog: Catalog) -> list[list[str]]:
    """
    Return the first actions that each row holds, at most `MOST`.

    `rows` has the shape (rows, words); `order` are the numbers of the catalog's actions, the first
    one first.
    """
    names = catalog.actions["action"].to_numpy()
    words, bits = order >> 6, np.uint64(1) << (order & 63).astype(np.uint64)
    wanted = np.minimum(popcount(rows), MOST)
    found: list[list[str]] = [[] for _ in rows]
    left = np.flatnonzero(wanted)
    for start in range(0, len(order), _BLOCK):
        block = slice(start, start + _BLOCK)
        at, places = ((rows[left][:, words[block]] & bits[block]) != 0).nonzero()
        first = np.arange(len(at)) - np.searchsorted(at, at) < MOST  # of its row in this block
        named = names[order[start + places[first]]].tolist()
        for number, action in zip(left[at[first]].tolist(), named, strict=True):
            if len(found[number]) < MOST:
                found[number].append(action)
        left = np.array([each for each in left.tolist() if len(found[each]) < wanted[each]], int)
        if not len(left):
            break
    return found
