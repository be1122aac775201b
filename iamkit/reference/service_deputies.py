"""
Which AWS services can use a role for an outsider, as `data/service_deputies.yaml` has them.

Adding a service is adding an entry there, with the page of AWS's that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from iamkit.reference.files import read_data

_SUFFIX: Final = re.compile(r"\.amazonaws\.com(\.cn)?$")
_REGION: Final = r"[a-z]{2,}(-[a-z]+)+-\d"


@cache
def _patterns(part: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return a pattern of each service principal of a list, and the page about it."""
    entries: Iterable[dict[str, Any]] = read_data("service_deputies.yaml")[part]
    return tuple(
        (re.compile(re.escape(name).replace(r"\{region\}", _REGION)), entry["source"])
        for entry in entries
        for name in entry["services"]
    )


def _page(part: str, principal: str) -> str | None:
    name = _SUFFIX.sub("", principal.lower())
    return next((page for pattern, page in _patterns(part) if pattern.fullmatch(name)), None)


def is_no_deputy(principal: str) -> bool:
    """
    Whether a service takes only a role of the account in which its resource is.

    >>> is_no_deputy("ec2.amazonaws.com.cn"), is_no_deputy("states.amazonaws.com")
    (True, False)
    """
    return _page("no_deputies", principal) is not None


def page_about(principal: str) -> str | None:
    """
    The page that asks for aws:SourceArn or aws:SourceAccount of a service; None: none is known.

    >>> page_about("states.eu-west-1.amazonaws.com") == page_about("states.amazonaws.com")
    True
    >>> page_about("example.amazonaws.com")
    """
    return _page("deputies", principal)
