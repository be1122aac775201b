"""
Which actions an Action pattern covers: the one matcher that all of the kit uses.

Source: IAM User Guide, "IAM JSON policy elements: Action".
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

Spans: TypeAlias = tuple[tuple[int, int], ...]  # half-open ranges of rows

PATTERN: Final = re.compile(r"[!-9;-~]+:[!-9;-~]+")  # printable ASCII; IAM rejects all else but `*`

EVERY_ACTION: Final = ("*", "*:*")  # patterns of every action
_STARS: Final = re.compile(r"\*+")
LAST: Final = "\U0010ffff"  # sorts after what any name begins with
_LITERAL: Final = re.compile(r"[^*?]*")


@lru_cache(maxsize=65536)  # thousands of policies name the same actions
def covers_action(pattern: str, action: str) -> bool:
    """
    Return whether an Action pattern covers an action, by the rules of `Catalog.bits`.

    >>> covers_action("s3:get*", "s3:GetObject"), covers_action("*:Get*", "s3:GetObject")
    (True, True)
    >>> covers_action("GetObject", "s3:GetObject"), covers_action("s3:Get[A-Z]*", "s3:GetObject")
    (False, False)
    """
    key, name = canonical(pattern), action.lower()
    if key in EVERY_ACTION:
        return True
    return name.startswith(_LITERAL.findall(key)[0]) and bool(spans([name], key))


def covered_actions(pattern: str, actions: tuple[str, ...]) -> frozenset[str]:
    """
    Return which of some actions an Action pattern covers, by the rules of `Catalog.bits`.

    >>> covered_actions("s3:Get*", ("s3:GetObject", "s3:PutObject", "ec2:GetConsoleOutput"))
    frozenset({'s3:GetObject'})
    """
    keys, names = _in_order(actions)
    found = spans(keys, canonical(pattern))
    return frozenset(name for start, stop in found for name in names[start:stop])


@lru_cache(maxsize=64)
def _in_order(actions: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Actions sorted without regard to case, in lower case and as given."""
    names = sorted(actions, key=str.lower)
    return [name.lower() for name in names], names


def spans(keys: Sequence[str], key: str) -> Spans:
    """
    Return the places in sorted lower-case keys that a lower-case pattern covers.

    Bisects to its literal beginning, then matches what begins so.
    """
    if key in EVERY_ACTION:
        return ((0, len(keys)),)
    if not PATTERN.fullmatch(key):
        return ()
    prefix = _LITERAL.findall(key)[0]
    start = bisect_left(keys, prefix)
    if prefix == key:
        stop = bisect_right(keys, key, start)
    else:
        stop = bisect_left(keys, prefix + LAST, start)
    if prefix == key or key == f"{prefix}*":
        return ((start, stop),) if start < stop else ()
    matched = _glob(key).fullmatch
    return tuple((at, at + 1) for at in range(start, stop) if matched(keys[at]))


def canonical(pattern: str) -> str:
    return _STARS.sub("*", pattern.lower())


@lru_cache(maxsize=4096)
def _glob(key: str) -> re.Pattern[str]:
    """
    Compile a lower-case pattern. A piece between stars, once found, is not looked for again.

    The first place is as good as any later one, so a hostile pattern costs quadratic time at worst.
    """
    pieces = ("".join("[^*]" if c == "?" else re.escape(c) for c in p) for p in key.split("*"))
    first, *later = pieces
    if not later:
        return re.compile(first, re.DOTALL)
    inner = "".join(f"(?>.*?{piece})" for piece in later[:-1])
    return re.compile(f"{first}{inner}.*{later[-1]}", re.DOTALL)
