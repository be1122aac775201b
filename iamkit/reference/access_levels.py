"""
Access levels that say what a call does, where AWS's list of actions says something else.

AWS calls `glue:GetStage` "Permissions management" and `codeconnections:StartOAuthHandshake` "Read".
`data/access_levels.yaml` has such actions with the level that they are given here, and why. An
action that the list does not hold, or has with that level by now, is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from iamkit.reference.files import read_data

ACCESS_LEVELS: Final = "access_levels.yaml"


@dataclass(frozen=True)
class LevelByKey:
    """An action that changes something only if a condition key has a value, or is absent."""

    action: str
    key: str
    changes: str


@cache
def corrected_levels() -> dict[str, tuple[str, ...]]:
    """
    Return the levels of each corrected action, by its name in lower case. Not to be changed.

    >>> corrected_levels()["glue:getstage"]
    ('Read',)
    """
    return {
        action.lower(): tuple(group["levels"])
        for group in _content()["corrected"]
        for action in group["actions"]
    }


@cache
def levels_by_key() -> tuple[LevelByKey, ...]:
    """Return the actions whose level depends on what a request asks for."""
    return tuple(
        LevelByKey(entry["action"], entry["key"], entry["changes"])
        for entry in _content()["by_key"]
    )


@cache
def _content() -> Any:
    return read_data(ACCESS_LEVELS)
