"""
The figures of each account of a run: as rows of the page over all accounts, and as CSV.

They come from the history that each report keeps, so they cost no analysis. An account that could
not be audited has a row that says so; its last known figures are those of an earlier run, and are
marked as such, never shown as today's. `overview_page` is the page, `over_accounts` what all
accounts come to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import pandas as pd

from iamkit.errors import ReportError
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.over_accounts import OverAccounts
from iamkit.fleet.rolled_up import TIME_OF_AUDIT
from iamkit.report import MARK, as_csv
from iamkit.results import GRAVE, MEASURES
from iamkit.whole_file import write_whole

INDEX: Final = "index.html"
CSV: Final = "overview.csv"
WORKBOOK: Final = "organization.xlsx"
WRITTEN: Final = (INDEX, WORKBOOK, CSV)
BOOK: Final = "by iamkit"  # in the properties of the workbook
GENERATOR: Final = b'<meta name="generator" content="iamkit'

# The columns of the page: measure → heading.
SHOWN: Final[Mapping[str, str]] = {
    "findings_critical": "Critical findings",
    "findings_high": "High findings",
    "mfa_enforced": "MFA enforced",
    "administrators": "Administrators",
    "network_restricted": "Restricted to networks",
    "old_passwords": "Old passwords",
    "old_keys": "Old access keys",
    "can_become_administrator": "Can become administrator",
    "mfa_registered": "MFA registered",
    "unused_credentials": "Unused credentials",
    "findings_medium": "Medium findings",
    "findings_low": "Low findings",
}


@dataclass(frozen=True)
class Cell:
    """
    A figure, what it was in the audit before in words, and whether that is good or bad.

    `value` and `of` are the figure as numbers; `to` is the page of the account that shows it, empty
    if the report does not have it.
    """

    text: str
    was: str = ""
    tone: str = "plain"
    value: float | None = None
    of: float | None = None
    to: str = ""

    @property
    def by(self) -> float | None:
        """What rows are sorted and compared by: the share of a part, else the number itself."""
        if self.value is None or self.of is None:
            return self.value
        return self.value / self.of if self.of else None


@dataclass(frozen=True)
class Row:
    """An account on the page: what the run did for it, and its figures in the order of `SHOWN`."""

    result: AccountResult
    cells: tuple[Cell, ...]
    as_of: str
    stale: bool  # the figures are of an earlier audit, not of this run's
    not_assessed: int | None = None  # checks that the numbers of findings leave out; None: unknown


class Pages(Protocol):
    """Where reports are, and where the page over all of them is written; see `places.Place`."""

    front: Path

    def pages(self, audits: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """The names of the pages that the reports of some audits have."""


def refuse(reports: Path) -> None:
    """Raise `ReportError` if what is at the place of the page or the table is not iamkit's."""
    marks = {INDEX: GENERATOR, CSV: f"{MARK}account,name,".encode()}
    strange = [
        name
        for name, begins in marks.items()
        if (reports / name).exists() and begins not in (reports / name).read_bytes()[:20_000]
    ]
    if (reports / WORKBOOK).exists():
        from iamkit.report import workbook

        strange += [] if BOOK in workbook.comments_of(reports / WORKBOOK) else [WORKBOOK]
    for name in strange:
        raise ReportError(
            f"{reports / name} was not made by iamkit and is where the overview would be; move it "
            "away, or name another folder as `reports` in the run file"
        )


def write(place: Pages, over: OverAccounts, run: str, elsewhere: Sequence[str] = ()) -> None:
    """
    Write the page, the workbook and the CSV file.

    `elsewhere` are accounts of which there are audits, and no result of the run.
    """
    from iamkit.fleet import overview_page

    rows = rows_of(over, place)
    text = {CSV: MARK + as_csv(table(rows)), INDEX: overview_page.html(rows, run, elsewhere, over)}
    for name, content in text.items():
        write_whole(place.front / name, content.encode("utf-8", "replace"))
    write_whole(place.front / WORKBOOK, overview_page.workbook(rows, run, over))


def rows_of(over: OverAccounts, place: Pages) -> list[Row]:
    """Return a row per account that was asked, in their order."""
    of_account = {
        str(account_id): audits
        for account_id, audits in over.known.audits.groupby("account_id", sort=False)
    }
    shown = [(each, *_audits(each, of_account.get(str(each.account_id)))) for each in over.asked]
    pages = place.pages(audit for _, audits, audit in shown if audits)
    leads = _leads()
    return [
        _row(over, result, audits, audit, {name: page for name, page in leads.items()
                                           if page in pages.get(audit, ())})
        for result, audits, audit in shown
    ]  # fmt: skip


def _leads() -> Mapping[str, str]:
    """The page of a report that shows each figure."""
    from iamkit.pages import overview as five

    found = dict.fromkeys(SHOWN, INDEX) | {
        "mfa_registered": f"{five.MFA}.html",
        "can_become_administrator": f"{five.ESCALATION}.html",
        "unused_credentials": f"{five.CREDENTIALS}.html",
    }
    return found | {each.measure: f"{each.page}.html" for each in five.PRACTICES}


def _audits(result: AccountResult, known: pd.DataFrame | None) -> tuple[list[tuple[Any, Any]], str]:
    """Evidence and time of the audit that is shown and the one before it; where the first is."""
    if known is None:
        return [], ""
    audits = list(zip(known["evidence"], known["as_of"], strict=True))
    at = next((at for at, each in enumerate(audits) if each[0] == result.evidence), -1)
    chosen = audits[: at + 1] if at >= 0 else audits
    place = f"{result.account_id}/{chosen[-1][1]:{TIME_OF_AUDIT}}"
    return chosen[:-3:-1], place


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


def _row(
    over: OverAccounts,
    result: AccountResult,
    audits: Sequence[tuple[Any, Any]],
    audit: str,
    leads: Mapping[str, str],
) -> Row:
    """The row of an account: `audits` are the one shown and the one before, `leads` its pages."""
    if not audits:
        return Row(result, tuple(Cell("not known") for _ in SHOWN), "", stale=True)
    evidence, moment = audits[0]
    of = [
        {name: over.values.get((each, name), (None, None)) for name in SHOWN} for each, _ in audits
    ]
    cells = tuple(
        _cell(name, [each[name] for each in of], f"{audit}/{leads[name]}" if name in leads else "")
        for name in SHOWN
    )
    unknown, _ = over.values.get((evidence, "checks_not_assessed"), (None, None))
    stale = evidence != result.evidence
    not_assessed = None if pd.isna(unknown) else int(unknown)
    return Row(result, cells, f"{moment:%Y-%m-%d %H:%M}", stale, not_assessed)


def _cell(measure: str, values: Sequence[tuple[Any, Any]], to: str) -> Cell:
    """A measure of an audit and of the one before it."""
    cell, *earlier = (_figure(*each, to) for each in values)
    if cell.value is None or not earlier or earlier[0].value is None:
        return cell
    [before] = earlier
    if before.text == cell.text:
        return cell
    if before.by is None or cell.by is None or before.by == cell.by:
        return replace(cell, was=f"was {before.text}")
    better = MEASURES[measure].better
    good = (cell.by > before.by) == (better == "more")
    tone = "plain" if better == "neither" else "good" if good else "bad"
    return replace(cell, was=f"{'▲' if cell.by > before.by else '▼'} was {before.text}", tone=tone)


def _figure(value: Any, of: Any, to: str) -> Cell:
    """A measure by itself."""
    if pd.isna(value):
        return Cell("not assessed", tone="note", to=to)
    whole = None if pd.isna(of) else float(of)
    return Cell(_said(value, whole), value=float(value), of=whole, to=to)


def _said(value: float, of: float | None) -> str:
    """
    A measure as text.

    >>> _said(3, 7), _said(1200, None), _said(0, 0)
    ('3 of 7', '1,200', 'nobody')
    """
    if of is None:
        return f"{value:,.0f}"
    return f"{value:,.0f} of {of:,.0f}" if of else "nobody"


def worst_first(rows: Collection[Row]) -> list[Row]:
    """Rows of accounts that are not known, then those with the gravest findings first."""
    grave = [list(SHOWN).index(f"findings_{each}") for each in GRAVE]

    def rank(row: Row) -> tuple[bool, list[float]]:
        return not row.stale, [-(row.cells[at].value or 0) for at in grave]

    return sorted(rows, key=rank)
