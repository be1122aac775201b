"""
Facts: rows that are noted instead of reported, because of the identity that they are about.

A row of severity `info` is shown and counted, but does not change a result; see `registry.check`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from iamkit.checks.registry import INFO
from iamkit.trust import GENUINE


def graded(
    found: pd.DataFrame, severity: Any, noted: Collection[str], reported_by: str = ""
) -> pd.DataFrame:
    """
    Give rows a severity, one for all or one each: that of facts where they are about the noted.

    `reported_by` is the check that reports a problem of the noted; without one they are facts.

    >>> found = pd.DataFrame({"subject": ["u", "v"]})
    >>> graded(found, "high", {"u"}).severity.tolist()
    ['info', 'high']
    >>> graded(found, "high", {"u"}, "root_without_mfa").reported_by.dropna().to_dict()
    {0: 'root_without_mfa'}
    """
    severities = pd.Series(severity, found.index, dtype="object")
    noted_ones = found["subject"].isin(list(noted))
    made = found.assign(severity=severities.mask(noted_ones, INFO))
    return reported_elsewhere(made, noted, reported_by) if reported_by else made


def reported_elsewhere(found: pd.DataFrame, subjects: Collection[str], by: str) -> pd.DataFrame:
    """Name the check that reports a problem of some subjects, which these rows only note."""
    named = pd.Series(found.get("reported_by"), found.index, dtype="object")
    return found.assign(reported_by=named.mask(found["subject"].isin(list(subjects)), by))


def kept_for_emergencies(break_glass: pd.DataFrame | None) -> frozenset[str]:
    """ARNs of those who are kept for emergencies and protected as such."""
    if break_glass is None:
        return frozenset()
    ready = break_glass["ready"].fillna(value=False)
    return frozenset(break_glass.loc[ready, "principal_arn"])


def of_platforms(platform_roles: pd.DataFrame | None, *standings: str) -> frozenset[str]:
    """
    ARNs of the roles that platforms made, or of those of other standings.

    Roles whose names anybody gives are not among them.
    """
    if platform_roles is None:
        return frozenset()
    wanted = standings or (GENUINE,)
    facts = (platform_roles[name].tolist() for name in ("role_arn", "standing", "named"))
    rows = zip(*facts, strict=True)
    return frozenset(arn for arn, standing, named in rows if standing in wanted and named is True)


def as_platforms_want(platform_roles: pd.DataFrame | None) -> frozenset[str]:
    """ARNs of the roles that platforms made, and whose permissions are their choice as well."""
    if platform_roles is None:
        return frozenset()
    fixed = platform_roles[platform_roles["fixed"].fillna(value=False)]
    return of_platforms(fixed)
