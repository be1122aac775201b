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

# How a number of what fails is coloured, by the gravest severity in it: red is for the first two.
TONES: Final[Mapping[str, str]] = {
    "critical": "bad",
    "high": "bad",
    "medium": "note",
    "low": "plain",
    "info": "plain",
}


def look(text: str, beside: str = "") -> str:
    """
    Return the look of a badge: of a failure, as grave as the severity `beside` it.

    >>> look("low"), look("fail", "low"), look("fail"), look("unheard of")
    ('low', 'fail low', 'fail', '')
    """
    name = BADGES.get(text.lower(), "")
    return f"{name} {beside}" if name == "fail" and beside in TONES else name
