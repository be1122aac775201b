"""
What a check returned: its valid findings, and the errors of the others.

Anybody can write a check. An invalid row is left out and reported as an error, so the check is not
assessed, or fails on its valid rows. It never stops the audit, and never passes.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from typing import Any, NamedTuple

import pandas as pd

from iamkit.checks.registry import INFO, SEVERITIES, STATUSES, Check, Status


class Row(NamedTuple):
    """One finding, before it is labelled."""

    check: str
    subject: str
    detail: str
    status: str
    next_step: str
    severity: str
    reported_by: str | None = None


def rows_of(
    each: Check, returned: Any, known: Collection[Container[str]], *, nameless: bool = False
) -> tuple[list[Row], list[str]]:
    """
    Return the rows that a check found, and what is wrong with what it returned.

    `known` hold the subjects that there are: ARNs, and the account's id. One subject and detail
    make one row; of two statuses it has the worse, and of two severities the graver. Where evidence
    is missing, rows may be `nameless`: they are left out, as the gap says that something is.
    """
    if not isinstance(returned, pd.DataFrame):
        return [], [f"it returned no table, but {type(returned).__name__}"]
    absent = {"subject", "detail"} - set(returned.columns)
    if absent:
        return [], [f"it returned no column {', '.join(sorted(absent))}"]
    twice = returned.columns[returned.columns.duplicated()]
    if len(twice):
        return [], [f"it returned column {twice[0]} twice"]
    if nameless:
        returned = returned[returned["subject"].notna()]
    if returned.empty:
        return [], []
    usual = {
        "status": Status.FAIL,
        "next_step": None,
        "severity": each.severity,
        "reported_by": None,
    }
    columns = [
        returned[name].tolist() if name in returned else [usual[name]] * len(returned)
        for name in ("subject", "detail", *usual)
    ]
    found: dict[tuple[str, str], Row] = {}
    wrong: dict[str, None] = {}  # in the order in which they come
    for subject, detail, said, advice, severity, other in zip(*columns, strict=True):
        problem = _problem(subject, said, severity, known)
        if problem:
            wrong[problem] = None
            continue
        text = _text(detail)
        if text is None:
            wrong["it returned a row without a detail"] = None
        key = (subject, text or each.title)
        if said == Status.FAIL and severity == INFO:
            said = Status.NOTED
        by = _text(other) if said == Status.NOTED else None
        row = Row(each.name, *key, said, _text(advice) or each.remedy, severity, by)
        if key not in found or _weight(row) < _weight(found[key]):
            found[key] = row
    return list(found.values()), list(wrong)


def resolved(rows: Iterable[Row]) -> list[Row]:
    """
    Return the rows of all checks; of what is noted, the check that really reports a problem.

    The named check may only note the same subject, too: because a third one reports it, or as a
    fact, which no check reports. A check without a row about it is about another subject, such as
    the holder of a policy.
    """
    rows = list(rows)
    told: dict[tuple[str, str], str | None] = {}
    for row in sorted(rows, key=_weight, reverse=True):  # the worst of a subject is the last
        told[row.check, row.subject] = row.reported_by if row.status == Status.NOTED else row.check

    def last(row: Row) -> str | None:
        by, seen = row.reported_by, {row.check}
        while by is not None and by not in seen:
            seen.add(by)
            by = told.get((by, row.subject), by)
        return by

    return [row._replace(reported_by=last(row)) for row in rows]


def _weight(row: Row) -> tuple[int, int]:
    """What comes first is worse."""
    return STATUSES.index(row.status), SEVERITIES.index(row.severity)


def _problem(subject: Any, status: Any, severity: Any, known: Collection[Container[str]]) -> str:
    """What keeps a row from being a finding; empty if nothing does."""
    if not isinstance(subject, str) or not subject:
        return "it returned a row without a subject"
    if not isinstance(status, str) or status not in (Status.FAIL, Status.NOT_ASSESSED):
        return "it returned a status that is neither fail nor not assessed"
    if not isinstance(severity, str) or severity not in SEVERITIES:
        return f"it returned a severity that is none of {', '.join(SEVERITIES)}"
    if not any(subject in each for each in known):
        return f"it returned the subject {subject!r}, which is not in the account"
    return ""


def _text(value: Any) -> str | None:
    """A text that says something; None for anything else."""
    return value if isinstance(value, str) and value.strip() else None
