"""
What a check returned: its valid findings, and the errors of the others.

Anybody can write a check. An invalid row is left out and reported as an error, so the check is not
assessed, or fails on its valid rows. It never stops the audit, and never passes.
"""

from __future__ import annotations

from collections.abc import Collection, Container
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
    usual = {"status": Status.FAIL, "next_step": None, "severity": each.severity}
    columns = [
        returned[name].tolist() if name in returned else [usual[name]] * len(returned)
        for name in ("subject", "detail", *usual)
    ]
    found: dict[tuple[str, str], Row] = {}
    wrong: dict[str, None] = {}  # in the order in which they come
    for subject, detail, said, advice, severity in zip(*columns, strict=True):
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
        row = Row(each.name, *key, said, _text(advice) or each.remedy, severity)
        if key not in found or _weight(row) < _weight(found[key]):
            found[key] = row
    return list(found.values()), list(wrong)


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
