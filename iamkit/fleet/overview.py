"""
The page over all accounts of a run, and the same as CSV.

Its figures come from the history that each report keeps, so it costs no analysis. An account that
could not be audited has a row that says so; its last known figures are those of an earlier run, and
are marked as such, never shown as today's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from iamkit.checks import Status
from iamkit.errors import ReportError
from iamkit.fleet.account_result import AccountResult
from iamkit.report import MARK, as_csv, installed_version
from iamkit.results import MEASURES, AuditRecord, kept
from iamkit.whole_file import write_whole

INDEX: Final = "index.html"
CSV: Final = "overview.csv"
GENERATOR: Final = b'<meta name="generator" content="iamkit'

# The columns of the page: measure → heading.
SHOWN: Final[Mapping[str, str]] = {
    "findings_critical": "Critical findings",
    "findings_high": "High findings",
    "findings_medium": "Medium findings",
    "findings_low": "Low findings",
    "mfa_registered": "MFA registered",
    "mfa_enforced": "MFA enforced",
    "administrators": "Administrators",
    "network_restricted": "Restricted to networks",
    "old_passwords": "Old passwords",
    "old_keys": "Old access keys",
    "unused_credentials": "Unused credentials",
}


@dataclass(frozen=True)
class Cell:
    """A figure, what it was in the audit before in words, and whether that is good or bad."""

    text: str
    was: str = ""
    tone: str = "plain"


@dataclass(frozen=True)
class Row:
    """An account on the page: what the run did for it, and its figures in the order of `SHOWN`."""

    result: AccountResult
    cells: tuple[Cell, ...]
    as_of: str
    stale: bool  # the figures are of an earlier audit, not of this run's
    not_assessed: int | None = None  # checks that the numbers of findings leave out; None: unknown


def refuse(reports: Path) -> None:
    """Raise `ReportError` if what is at the place of the page or the table is not iamkit's."""
    for name, begins in ((INDEX, GENERATOR), (CSV, f"{MARK}account,name,".encode())):
        path = reports / name
        if path.exists() and begins not in path.read_bytes()[:20_000]:
            raise ReportError(
                f"{path} was not made by iamkit and is where the overview would be; move it away, "
                "or name another folder as `reports` in the run file"
            )


def write(
    reports: Path, results: Sequence[AccountResult], run: str, elsewhere: Sequence[str] = ()
) -> Path:
    """
    Write the page and the CSV file; return the page's path.

    `elsewhere` are accounts of which there are audits, and no result of the run.
    """
    rows = rows_of(reports, results)
    write_whole(reports / CSV, (MARK + as_csv(table(rows))).encode("utf-8", "replace"))
    write_whole(reports / INDEX, html(rows, run, elsewhere, results).encode("utf-8", "replace"))
    return reports / INDEX


def rows_of(reports: Path, results: Sequence[AccountResult]) -> list[Row]:
    """Return a row per account that was asked, in their order."""
    return [_row(reports, result) for result in results if not result.not_asked]


def html(
    rows: Sequence[Row],
    run: str,
    elsewhere: Sequence[str] = (),
    results: Sequence[AccountResult] = (),
) -> str:
    """
    Return the page over all accounts.

    `results` are all of the run, those of the organization that were not asked included.
    """
    from iamkit.report import page

    failed = [row.result for row in rows if row.result.error]
    lacking = [row.result for row in rows if row.result.missing and not row.result.error]
    audited = len(failed) < len(rows)
    worst = {
        name: None if not audited else sum(row.result.findings.get(name, 0) for row in rows)
        for name in ("critical", "high", "medium", "low")
    }
    template = page.templates(installed_version("iamkit")).get_template("overview.html.j2")
    return str(
        template.render(
            rows=rows,
            headings=list(SHOWN.values()),
            run=run,
            failed=failed,
            lacking=lacking,
            not_asked=[each for each in results if each.not_asked],
            findings=worst,
            elsewhere=elsewhere,
            csv=CSV,
        )
    )


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the page as a table: one row per account and measure."""
    said = [
        {
            "account": row.result.account_id,
            "name": row.result.name,
            "as_of": row.as_of,
            "of_this_run": not row.stale,
            "checks_not_assessed": row.not_assessed,
            "error": row.result.error,
            "measure": measure,
            "meaning": MEASURES[measure].meaning,
            "value": cell.text,
            "was": cell.was,
        }
        for row in rows
        for measure, cell in zip(SHOWN, row.cells, strict=True)
    ]
    columns = ["account", "name", "as_of", "of_this_run", "error", "measure", "meaning", "value",
               "was", "checks_not_assessed"]  # fmt: skip
    frame = pd.DataFrame(said, columns=columns)
    return frame.astype({"checks_not_assessed": "Int64"})


def _row(reports: Path, result: AccountResult) -> Row:
    record = kept(reports / result.account_id) if result.account_id else None
    if record is None or record.audits.empty:
        return Row(result, tuple(Cell("not known") for _ in SHOWN), "", stale=True)
    audits = record.audits.sort_values("as_of", kind="stable")
    evidence = audits["evidence"].tolist()
    at = evidence.index(result.evidence) if result.evidence in evidence else len(evidence) - 1
    cells = tuple(_cell(record, name, evidence[max(at - 1, 0) : at + 1]) for name in SHOWN)
    moment = audits["as_of"].iloc[at]
    checked = record.checked[record.checked["evidence"] == evidence[at]]
    unknown = int(checked["status"].eq(Status.NOT_ASSESSED).sum())
    stale = evidence[at] != result.evidence
    return Row(result, cells, f"{moment:%Y-%m-%d %H:%M}", stale, unknown)


def _cell(record: AuditRecord, measure: str, audits: Sequence[str]) -> Cell:
    """A measure of the last of one or two audits, and what it was in the first."""
    rows = record.measures[record.measures["measure"] == measure].set_index("evidence")
    values = [rows.loc[each, ["value", "of"]] for each in audits if each in rows.index]
    if not values or pd.isna(values[-1]["value"]):
        return Cell("not assessed", tone="note")
    text = _said(values[-1])
    if len(values) < 2 or pd.isna(values[0]["value"]):
        return Cell(text)
    before, now = (_number(each) for each in values)
    if _said(values[0]) == text:
        return Cell(text)
    if before is None or now is None or before == now:
        return Cell(text, f"was {_said(values[0])}")
    better = MEASURES[measure].better
    good = (now > before) == (better == "more")
    arrow = "▲" if now > before else "▼"
    tone = "plain" if better == "neither" else "good" if good else "bad"
    return Cell(text, f"{arrow} was {_said(values[0])}", tone)


def _said(row: Any) -> str:
    """A measure as text: "3", or "3 of 7"."""
    if pd.isna(row["of"]):
        return f"{row['value']:,.0f}"
    return f"{row['value']:,.0f} of {row['of']:,.0f}" if row["of"] else "nobody"


def _number(row: Any) -> float | None:
    """What is compared: a share where it is part of something, else the number itself."""
    if pd.isna(row["of"]):
        return float(row["value"])
    return float(row["value"] / row["of"]) if row["of"] else None
