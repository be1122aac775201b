"""Badges: how severities and results are marked in a table, on a page and in JupyterLab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# The look of each, by its name: a severity is filled, a result of a check is outlined.
BADGES: Final[Mapping[str, str]] = {
    **{name: name for name in ("critical", "high", "medium", "low", "info", "pass", "fail")},
    "accepted": "accepted",
    "not assessed": "unknown",
    "noted": "info",
    "not applicable": "accepted",  # muted: neither good nor bad
}
