"""
One condition key's test in a Condition, read by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iamkit.policy.context import value_text
from iamkit.values import listed


@dataclass(frozen=True)
class KeyTest:
    """One condition key under one operator."""

    name: str  # in lower case, without prefix and IfExists
    quantifier: str  # "", "forallvalues" or "foranyvalue"
    if_exists: bool
    key: str  # in lower case
    values: tuple[str, ...]
    said: str  # operator and key as written
    alone: Mapping[str, Any]  # a Condition of this test only

    @classmethod
    def of(cls, operator: str, key: str, raw: Any) -> KeyTest:
        """Read one entry of an operator's block."""
        prefix, _, rest = operator.lower().rpartition(":")
        name = rest.removesuffix("ifexists")
        values = tuple(text for value in listed(raw) if (text := value_text(value)) is not None)
        alone = {operator: {key: raw}}
        return cls(name, prefix, name != rest, key.lower(), values, f"{operator} {key}", alone)
