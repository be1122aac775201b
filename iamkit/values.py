"""JSON of which nothing is certain: lists, objects, text and counts, or an empty one of them."""

from __future__ import annotations

from typing import Any


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
