"""JSON of which nothing is certain: lists, objects, text and counts, or an empty one of them."""

from __future__ import annotations

import json
from typing import Any


class RepeatedNameError(ValueError):
    """An object in JSON names a member twice."""


def json_of(text: str | bytes) -> Any:
    """
    What JSON says. Raises `ValueError` where it is none, or an object names a member twice.

    The last of two would count in Python; another reader takes the first, and hides the other.

    >>> json_of('{"Effect": "Deny", "Effect": "Allow"}')
    Traceback (most recent call last):
        ...
    iamkit.values.RepeatedNameError: it names "Effect" twice in one object
    """
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RepeatedNameError(f'it names "{twice}" twice in one object')
    return made


def listed(value: Any) -> list[Any]:
    """A list as it is, nothing as empty, anything else as its only item."""
    return value if isinstance(value, list) else [] if value is None else [value]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def as_count(value: Any) -> int | None:
    return value if type(value) is int else None
