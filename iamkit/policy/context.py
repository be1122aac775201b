"""
What is known of a request: its condition keys, each a text, texts, absent or unknown.

Source: IAM User Guide, "AWS global condition context keys" and "Multivalued context keys".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, TypeAlias


class Mark(Enum):
    """What stands in a context instead of a value."""

    ABSENT = "absent"
    UNKNOWN = "unknown"

    __hash__ = object.__hash__  # contexts are keys by the million, and Enum's own is slow


ABSENT: Final = Mark.ABSENT
UNKNOWN: Final = Mark.UNKNOWN
Value: TypeAlias = str | tuple[str, ...] | Mark


@dataclass(frozen=True)
class RequestContext:
    """
    What is known of a request: condition key (in any case) to text, texts, ABSENT or UNKNOWN.

    A key that `values` leaves out is `default`: ABSENT suits one concrete request, UNKNOWN a whole
    class of them. An empty list is an absent key. Numbers and booleans become text. Contexts are
    equal if they answer alike, and can be keys of a dict. Raises `TypeError` for any other value.

    >>> RequestContext({"aws:SourceIp": "203.0.113.9"}).get("AWS:sourceip")
    '203.0.113.9'
    """

    values: Mapping[str, Any]
    default: Mark = ABSENT

    def __post_init__(self) -> None:
        values = {key.lower(): _context_value(key, value) for key, value in self.values.items()}
        kept = {key: value for key, value in values.items() if value is not self.default}
        object.__setattr__(self, "values", MappingProxyType(kept))

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> RequestContext:
        """Return what is known by these values of keys in lower case; of others, nothing is."""
        known = {key: value for key, value in values.items() if value is not UNKNOWN}
        return _made(known, UNKNOWN)

    @cached_property
    def _hash(self) -> int:
        return hash((frozenset(self.values.items()), self.default))

    def __hash__(self) -> int:
        return self._hash

    def get(self, key: str) -> Value:
        """The value of a key: text, a tuple of texts for a list, ABSENT or UNKNOWN."""
        value: Value = self.values.get(key.lower(), self.default)
        return value

    def answers(self, keys: Iterable[str]) -> tuple[Value, ...]:
        """The values of keys in lower case: contexts with other values have to be distinguished."""
        values, default = self.values, self.default
        return tuple([values.get(key, default) for key in keys])

    def but(self, values: Mapping[str, Any]) -> RequestContext:
        """Return this context with `values` in the place of its own."""
        changed = {key.lower(): _context_value(key, value) for key, value in values.items()}
        joined = {**self.values, **changed}
        kept = {key: value for key, value in joined.items() if value is not self.default}
        return _made(kept, self.default)

    def only(self, keys: Iterable[str]) -> RequestContext:
        """Return what this context knows of some keys, in lower case."""
        values = self.values
        return _made({key: values[key] for key in keys if key in values}, self.default)

    def joined(self, other: RequestContext) -> RequestContext:
        """Return this context with what `other` knows in the place of its own values."""
        return _made({**self.values, **other.values}, self.default)


def _made(values: Mapping[str, Value], default: Mark) -> RequestContext:
    """A context of values as contexts have them already: they are made by the million."""
    made = object.__new__(RequestContext)
    object.__setattr__(made, "values", values)
    object.__setattr__(made, "default", default)
    return made


def _context_value(key: str, value: Any) -> Value:
    if isinstance(value, Mark):
        return value
    if isinstance(value, list | tuple):
        texts = tuple(text for item in value if (text := value_text(item)) is not None)
        if len(texts) == len(value):
            return texts or ABSENT
    elif (text := value_text(value)) is not None:
        return text
    raise TypeError(f"{key} is {value!r}, which no condition key can be")


def value_text(value: Any) -> str | None:
    """A JSON string, number or boolean as text, as AWS reads it; None for anything else."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None
