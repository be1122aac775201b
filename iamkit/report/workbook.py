"""
The tables of an account as a workbook: a sheet per table, for people who filter and sort.

The first sheet says of which account, moment and evidence it is, lists the sheets and says what
each of them lacks; the second says what each column means. Every sheet has its title, the meanings,
and headers that stay in view and filter. Values have their types; text is text, whatever it looks
like, so nothing of the account can become a formula or a link.

A workbook has limits: a cell that is too long is cut and says so, as does a sheet of a table that
is too long, and a time or number that a spreadsheet cannot hold is text. The same account gives the
same bytes: the only time in it is that of the evidence.

Source: Microsoft, "Excel specifications and limits"; XlsxWriter.
"""

from __future__ import annotations

import html
import io
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from iamkit.account import Account
from iamkit.charts import cell, clean, column_headers, unmarked
from iamkit.checks import AUDIT_TABLES
from iamkit.counts import agreeing, counted
from iamkit.errors import ReportError, one_line
from iamkit.report.csv_files import of_audit
from iamkit.report.manifest import installed_version
from iamkit.results import FOUND_ROWS, MATRIX, chosen_matrix, with_ids
from iamkit.table import COUNT, OBJECT, TIME, TRUTH, Column, Table
from iamkit.tables import tables_of

MOST_ROWS: Final = 1_048_576  # of a sheet
MOST_CHARACTERS: Final = 32_767  # of a cell, as UTF-16 counts them
MOST_DIGITS: Final = 10**15  # a spreadsheet's numbers have no more
ABOVE: Final = 3  # rows of a sheet before its data: title, meanings, headers
WIDEST, MEASURED = 60, 200  # characters of a column, and how many rows say how wide it is
YEARS: Final = range(1900, 10000)  # that a spreadsheet's times can be of

Write = Callable[[int, int, Any], int]


@dataclass(frozen=True)
class Sheet:
    """A table as a sheet: its name, what the table is, and how an account gives it."""

    title: str
    table: Table
    rows: Callable[[Account], pd.DataFrame]
    derived: str = ""  # the account's name for it, by which it is known what evidence it lacks


class Rows(NamedTuple):
    """What a sheet shows: its name, what the table is, the rows, and what to know of them."""

    title: str
    table: Table
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


def sheets() -> list[Sheet]:
    """Return the sheets in their order: what was found, then what it was found in."""
    _, results, acceptances = AUDIT_TABLES
    built = tables_of(Account)

    def of(title: str, name: str) -> Sheet:
        definition = built[name].definition
        assert definition  # noqa: S101 - a test asks for all of them
        return Sheet(title, definition, lambda account: getattr(account, name), name)

    return [
        of("Identities", "identities"),
        Sheet("Findings", FOUND_ROWS, with_ids),
        Sheet(
            "Controls",
            MATRIX,
            lambda account: chosen_matrix(account.audit.results, account.settings),
        ),
        Sheet("Checks", results, lambda account: account.audit.results),
        Sheet("Accepted risks", acceptances, lambda account: account.audit.acceptances),
        of("Users", "users"),
        of("Groups", "groups"),
        of("Roles", "roles"),
        replace(of("Access keys", "access_keys"), rows=_access_keys),
        of("MFA devices", "mfa_devices"),
        of("Policies", "policies"),
        of("Policy assignments", "policy_assignments"),
        of("Trusted principals", "trusted_principals"),
        replace(of("Escalation paths", "escalations"), rows=_proven_escalations),
        of("Outbound roles", "outbound_roles"),
        of("Identity providers", "identity_providers"),
        of("Password policy", "password_policy"),
        of("Gaps", "gaps"),
        of("Incomplete", "incomplete"),
    ]


def _access_keys(account: Account) -> pd.DataFrame:
    """The access keys that are there; the table has two rows for every user."""
    keys = account.access_keys
    return keys[keys["exists"].fillna(value=True)]


def _proven_escalations(account: Account) -> pd.DataFrame:
    """The proven escalation paths; administrators and paths without a target have many more."""
    paths = account.escalations
    administrators = account.administrators["principal_arn"]
    return paths[paths["status"].eq("proven") & ~paths["principal_arn"].isin(administrators)]


def workbook(account: Account) -> bytes:
    """Return the workbook of an account, as bytes. Raises ReportError if it cannot be made."""
    of = of_audit(account)
    facts = {
        "Account": of["account_id"],
        **({"Alias": account.alias} if account.alias else {}),
        "Evidence as of": of["as_of"],
        "Evidence SHA-256": of["evidence_sha256"],
        "iamkit": installed_version("iamkit"),
    }
    return book(
        f"Identity and access of account {of['account_id']}",
        facts,
        (_rows_of(each, account) for each in sheets()),
        named=f"IAM of account {of['account_id']}, {of['as_of']}",
        comments=f"Evidence {of['evidence_sha256']}",
        made=account.as_of.tz_localize(None).to_pydatetime(),
    )


def _rows_of(sheet: Sheet, account: Account) -> Rows:
    """What a sheet shows; a table that cannot be made must not cost the other sheets."""
    notes = []
    try:
        frame = sheet.table.cast(sheet.rows(account))
    except Exception as error:
        said = f"not made: {type(error).__name__}: {one_line(error)}"
        return Rows(sheet.title, sheet.table, sheet.table.rows(), (said,))
    if sheet.derived and (lacks := account.missing(sheet.derived)):
        notes.append(f"incomplete, as evidence is missing: {lacks}")
    return Rows(sheet.title, sheet.table, frame, tuple(notes))


def book(
    title: str,
    facts: Mapping[str, str],
    given: Iterable[Rows],
    *,
    named: str,
    comments: str,
    made: datetime,
) -> bytes:
    """
    Return a workbook with a sheet for each table, as bytes. Raises ReportError if it cannot be.

    `title` and `facts` are on its first sheet; `named`, `comments` and when it was `made`, UTC
    without a zone, are its properties.
    """
    content = io.BytesIO()
    written = xlsxwriter.Workbook(
        content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    written.set_properties({"title": named, "comments": comments, "created": made})
    looks = _Looks(written)
    first, second = written.add_worksheet("Report"), written.add_worksheet("Columns")
    listed = [_Filled(written.add_worksheet(each.title), each, looks) for each in given]
    _contents(first, title, facts, listed, looks)
    _columns(second, listed, looks)
    written.close()
    return content.getvalue()


def comments_of(path: Path) -> str:
    """Return the comments in the properties of a workbook; empty if it is none."""
    with suppress(OSError, zipfile.BadZipFile, KeyError, ValueError):
        with zipfile.ZipFile(path) as opened:
            core = opened.read("docProps/core.xml").decode("utf-8", "replace")
        return html.unescape(core.partition("<dc:description>")[2].partition("</")[0])
    return ""


class _Looks:
    """The formats of a workbook."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        top = {"valign": "top", "font_name": "Calibri", "font_size": 10}
        self.title: Format = book.add_format({**top, "bold": True, "font_size": 14})
        self.header: Format = book.add_format(
            {**top, "bold": True, "bottom": 1, "bg_color": "#e8edf3"}
        )
        self.meaning: Format = book.add_format(
            {**top, "italic": True, "font_size": 8, "font_color": "#4a5560", "text_wrap": True}
        )
        self.text: Format = book.add_format({**top, "num_format": "@"})
        self.wrapped: Format = book.add_format({**top, "num_format": "@", "text_wrap": True})
        self.number: Format = book.add_format({**top, "num_format": "0.########"})
        self.count: Format = book.add_format({**top, "num_format": "0"})
        self.time: Format = book.add_format({**top, "num_format": "yyyy-mm-dd hh:mm"})
        self.truth: Format = book.add_format(top)

    def of(self, column: Column) -> Format:
        """The format of a column's values."""
        by_type = {TIME: self.time, COUNT: self.count, "float64": self.number, TRUTH: self.truth}
        return by_type.get(column.dtype, self.text)


class _Filled:
    """A sheet with its table, and what the workbook's first sheets say of it."""

    def __init__(self, page: Worksheet, sheet: Rows, looks: _Looks) -> None:
        self.sheet = sheet
        self.notes = [*sheet.notes]
        columns, named = sheet.table.columns, column_headers(sheet.table.names)
        self.headers = [of.label or said for of, (said, _) in zip(columns, named, strict=True)]
        self._page, self._looks = page, looks
        self._cut = 0
        frame = sheet.frame
        self.rows = len(frame)
        if self.rows > MOST_ROWS - ABOVE:
            frame = frame.head(MOST_ROWS - ABOVE)
            self.notes.append(
                f"first {len(frame):,} of {counted(self.rows, 'rows')}: a sheet has no more"
            )
        for position, (column, said) in enumerate(zip(columns, self.headers, strict=True)):
            values = frame[column.name].tolist()
            width = self._column(position, column, values, looks.time)
            page.set_column(position, position, max(width, len(said) + 3), looks.of(column))
            self._put(page.write_string(1, position, _for_people(column.meaning), looks.meaning))
            self._put(page.write_string(2, position, said, looks.header))
        if self._cut:
            said = f"{counted(self._cut, 'cells')} [was|were] too long and [is|are] cut"
            self.notes.append(agreeing(said, self._cut))
        said = f"{sheet.title}: {sheet.table.row}"
        said = "; ".join([said, *self.notes])
        self._put(page.write_string(0, 0, clean(said), looks.title))
        page.set_row(1, 48)
        page.freeze_panes(ABOVE, 0)
        page.autofilter(2, 0, 2 + len(frame), len(columns) - 1)

    def _column(self, position: int, column: Column, values: list[Any], times: Format) -> int:
        """Write the values of a column; return how many characters wide it is."""
        page, width = self._page, 0
        put, convert = self._writer(column)
        for row, value in enumerate(values, start=ABOVE):
            if value is None or value is pd.NA or value is pd.NaT or value != value:
                continue  # a cell of a missing value is empty
            held = convert(value)
            if isinstance(held, str):
                if len(held) > MOST_CHARACTERS // 2:
                    held = self._whole(held)
                if row < MEASURED and len(held) > width:
                    width = len(held)
                failed = page.write_string(row, position, held)
            else:
                failed = put(row, position, held)
            if failed:
                self._put(failed)
        return min(width + 1, WIDEST) if width else 11 if column.dtype != TIME else 17

    def _writer(self, column: Column) -> tuple[Write, Callable[[Any], Any]]:
        """How a column's values are written, and made what a spreadsheet holds."""
        if column.dtype == TIME:
            return self._page.write_datetime, _time
        if column.dtype in (COUNT, "float64"):
            return self._page.write_number, _number
        if column.dtype == TRUTH:
            return self._page.write_boolean, bool
        if column.dtype == OBJECT:
            return self._count, _of_any_type
        return self._page.write_string, _text

    def _count(self, row: int, position: int, value: Any) -> int:
        """Write a number into a column of texts, whose format would show it as one."""
        return int(self._page.write_number(row, position, value, self._looks.count))

    def _whole(self, text: str) -> str:
        """A text that fits a cell: what is too long is cut, and says so."""
        units = text.encode("utf-16-le")
        if len(units) <= 2 * MOST_CHARACTERS:
            return text
        self._cut += 1
        kept = units[: 2 * (MOST_CHARACTERS - 60)].decode("utf-16-le", "ignore")
        return f"{kept} … [cut: {len(text) - len(kept):,} more characters]"

    def _put(self, failed: int) -> None:
        if failed:
            said = f"a cell of the sheet {self.sheet.title} could not be written ({failed})"
            raise ReportError(f"report.xlsx cannot be made: {said}; please report this")


def _text(value: Any) -> str:
    """A text or a list as files hold it; the members of a dict as `key=value`."""
    if type(value) is not str:
        if isinstance(value, dict):
            value = [f"{name}={of}" for name, of in value.items()]
        value = str(cell(value))
    return clean(value)


def _of_any_type(value: Any) -> Any:
    """A value of a column of several types: numbers stay numbers, the rest is text."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return _number(value) if whole else _text(value)


def _for_people(meaning: str) -> str:
    """
    The meaning of a column for who knows spreadsheets: a cell shows a list as any text.

    >>> _for_people("list of the kinds of its devices"), _for_people("verdict of `identities`")
    ('the kinds of its devices', 'verdict of identities')
    """
    return unmarked(meaning).removeprefix("list of texts: ").removeprefix("list of ")


def _number(value: Any) -> int | float | str:
    """A number, as text if a spreadsheet would lose digits of it."""
    if not math.isfinite(value) or abs(value) >= MOST_DIGITS:
        return str(value)
    return int(value) if value == int(value) else float(value)


def _time(value: pd.Timestamp) -> Any:
    """A time in UTC without its zone, which a spreadsheet cannot hold; or text."""
    if value.year not in YEARS:
        return value.isoformat()
    return value.tz_localize(None).to_pydatetime(warn=False)


def _contents(
    page: Worksheet, title: str, facts: Mapping[str, str], listed: list[_Filled], looks: _Looks
) -> None:
    """Write the first sheet: of what the workbook is, and a row per sheet."""
    page.set_column(0, 0, 22, looks.text)
    page.set_column(1, 1, 70, looks.wrapped)
    page.set_column(2, 2, 10, looks.count)
    page.set_column(3, 3, 70, looks.wrapped)
    page.write_string(0, 0, title, looks.title)
    for row, (name, value) in enumerate(facts.items(), start=2):
        page.write_string(row, 0, name, looks.header)
        page.write_string(row, 1, clean(value))
    first = len(facts) + 3
    for position, name in enumerate(("Sheet", "A row is", "Rows", "Note")):
        page.write_string(first, position, name, looks.header)
    for row, each in enumerate(listed, start=first + 1):
        page.write_string(row, 0, each.sheet.title)
        page.write_string(row, 1, each.sheet.table.row)
        page.write_number(row, 2, each.rows)
        page.write_string(row, 3, clean("; ".join(each.notes))[:MOST_CHARACTERS])


def _columns(page: Worksheet, listed: Iterable[_Filled], looks: _Looks) -> None:
    """Write the second sheet: what each column of each sheet means."""
    names = ("Sheet", "Column", "Name in iamkit", "Type", "Meaning")
    for position, (name, width) in enumerate(zip(names, (20, 28, 28, 12, 100), strict=True)):
        page.set_column(position, position, width, looks.text)
        page.write_string(0, position, name, looks.header)
    row = 0
    for each in listed:
        described = each.sheet.table.describe()[["column", "type", "meaning"]]
        described["meaning"] = described["meaning"].map(_for_people)
        for said, (name, kind, meaning) in zip(
            each.headers, described.itertuples(index=False), strict=True
        ):
            row += 1
            for position, text in enumerate((each.sheet.title, said, name, kind, meaning)):
                page.write_string(row, position, text)
    page.freeze_panes(1, 0)
    page.autofilter(0, 0, row, len(names) - 1)
