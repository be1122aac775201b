"""
What became of each finding, month by month: new, recurring, fixed, accepted, expired, not assessed.

A finding that an audit could not assess is neither new nor fixed: it keeps what it was until an
audit can tell. A month without an audit is no month in which something was fixed. Where settings or
the analysis changed between two audits, the earlier evidence was judged again by the later rules
(`record.REJUDGED`), so what only the rules did is told apart from what somebody did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from iamkit.checks import Status
from iamkit.results.record import AuditRecord
from iamkit.table import COUNT, TEXT, TIME, Column, Table, own_texts


class State:
    """What a finding is in one audit, seen from those before it."""

    NEW: Final = "new"  # it was not there before
    RECURRING: Final = "recurring"  # it was there before
    FIXED: Final = "fixed"  # it was there before, and is not there now
    ACCEPTED: Final = "accepted"  # somebody accepts it for now
    EXPIRED: Final = "expired"  # somebody accepted it, until a day that has passed
    NOT_ASSESSED: Final = "not assessed"  # it was there before; this audit cannot tell


STATES: Final = (
    State.NEW,
    State.RECURRING,
    State.EXPIRED,
    State.ACCEPTED,
    State.NOT_ASSESSED,
    State.FIXED,
)
RULES: Final = "settings or version"

FINDING_STATES: Final = Table(
    name="finding_states",
    row="one finding in one audit; a fixed one in the first audit without it",
    key=("finding", "as_of"),
    columns=(
        Column("as_of", TIME, "time of the evidence"),
        Column("state", TEXT, ", ".join(STATES), values=STATES),
        Column("severity", TEXT, "its severity, or what it last was"),
        Column("name", TEXT, "name of the subject"),
        Column("title", TEXT, "what is wrong, in general"),
        Column("since", TIME, "first audit of those without a gap in which it was there"),
        Column("audits", COUNT, "number of these audits that found it"),
        Column(
            "because",
            TEXT,
            "settings or version: only because these changed it is new or fixed; missing: what the "
            "evidence shows changed",
            values=(RULES,),
        ),
        Column("detail", TEXT, "what is wrong with this subject, or was"),
        Column("acceptance", TEXT, "who accepts it, until when, or that this has expired"),
        Column("check", TEXT, "id of the check"),
        Column("subject", TEXT, "ARN of what it is about; the account id for the account"),
        Column("finding", TEXT, "id of the finding"),
    ),
)

FACTS: Final = ("severity", "name", "title", "detail", "acceptance", "check", "subject", "finding")
THERE: Final = (Status.FAIL, Status.ACCEPTED)


@dataclass
class _Known:
    """A finding as the last audit that could assess it left it."""

    row: dict[str, Any]
    since: pd.Timestamp
    audits: int = 0


@own_texts
def finding_states(records: AuditRecord) -> pd.DataFrame:
    """
    The state of each finding in each audit of one account. Rows: see `FINDING_STATES`.

    The audits in their order, and of each the gravest findings first, as audits list them.
    """
    rows: list[dict[str, Any]] = []
    known: dict[str, _Known] = {}
    audits = records.audits.sort_values(["as_of", "evidence"], kind="stable")
    for moment, evidence in zip(audits["as_of"], audits["evidence"], strict=True):
        rows += _of_audit(records.of(evidence), moment, known)
    return FINDING_STATES.conform(pd.DataFrame(rows, columns=FINDING_STATES.names))


def _of_audit(
    record: AuditRecord, moment: pd.Timestamp, known: dict[str, _Known]
) -> Iterator[dict[str, Any]]:
    """The rows of one audit; `known`, what the audits before it found, becomes what it found."""
    again = set(record.rejudged["finding"])
    other_rules = bool(record.audits["before"].notna().any())
    columns = [record.found[name].tolist() for name in (*FACTS, "status")]
    rows = [dict(zip((*FACTS, "status"), row, strict=True)) for row in zip(*columns, strict=True)]
    found = {row["finding"]: row for row in rows if row["status"] in THERE}
    unsure = {row["finding"] for row in rows if row["status"] == Status.NOT_ASSESSED}
    unknown = set(record.checked.loc[record.checked["status"].eq(Status.NOT_ASSESSED), "check"])
    for name, row in found.items():
        state = _state(row, is_new=name not in known)
        at = known.setdefault(name, _Known(row, moment))
        at.row, at.audits = row, at.audits + 1
        only_rules = state == State.NEW and other_rules and name in again
        yield _row(at, moment, state, because=RULES if only_rules else None)
    for name in [name for name in known if name not in found]:
        at = known[name]
        if name in unsure or at.row["check"] in unknown:
            yield _row(at, moment, State.NOT_ASSESSED)
            continue
        del known[name]
        only_rules = other_rules and name not in again
        yield _row(at, moment, State.FIXED, because=RULES if only_rules else None)


def _state(row: dict[str, Any], *, is_new: bool) -> str:
    if row["status"] == Status.ACCEPTED:
        return State.ACCEPTED
    if isinstance(row["acceptance"], str):
        return State.EXPIRED
    return State.NEW if is_new else State.RECURRING


def _row(
    at: _Known, moment: pd.Timestamp, state: str, because: str | None = None
) -> dict[str, Any]:
    return {
        **{name: at.row[name] for name in FACTS},
        "as_of": moment,
        "state": state,
        "since": at.since,
        "audits": at.audits,
        "because": because,
    }
