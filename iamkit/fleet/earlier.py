"""What the results of an earlier run say, where they are still of use to this one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from iamkit.errors import ReportError


def refuse(path: Path) -> None:
    """Raise `ReportError` if what is at the place of the results is somebody's own file."""
    if path.exists() and _read(path) is None:
        raise ReportError(
            f"{path} was not made by iamkit and is where the results would be; move it away, or "
            "name another folder as `reports` in the run file"
        )


def account_ids(path: Path) -> dict[str, str]:
    """
    Return the account that each entry of the run file led to, by the entry's name.

    Of an entry that fails before AWS says which account it is, the last known figures can be shown.
    """
    with suppress(TypeError, KeyError, AttributeError):
        given = (_read(path) or {})["accounts"]
        return {each["name"]: each["account_id"] for each in given if each["account_id"]}
    return {}


def _read(path: Path) -> Mapping[str, Any] | None:
    with suppress(OSError, ValueError):
        said = json.loads(path.read_bytes())
        if isinstance(said, dict) and {"run", "accounts", "exit_code"} <= said.keys():
            return said
    return None
