"""
What a notebook shows in words and numbers: tables, sentences and figures, as data.

Text in a report comes from the audited account, so anyone who can name a role there can write on
the page. The objects here therefore display as *data*: JSON under our own media types, which the
report escapes where it makes the page (`data/page/page.html.j2`). For JupyterLab each carries an
escaped HTML preview as well; the report never uses it. Notebooks reach all of it through `charts`.
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from iamkit.charts.headers import headers
from iamkit.charts.previews import figures_html, sentence_html, table_html
from iamkit.checks import Status
from iamkit.counts import agreeing, counted, part_of
from iamkit.values import joined, printable

TABLE_TYPE = "application/vnd.iamkit.table+json"
TEXT_TYPE = "application/vnd.iamkit.text+json"
FIGURES_TYPE = "application/vnd.iamkit.figures+json"
Kind = Literal["text", "number", "time", "truth", "severity"]
Tone = Literal["plain", "good", "bad", "note"]
Bundle = dict[str, Any]
PREVIEW_ROWS = 50
NOT_ASSESSED: Final = Status.NOT_ASSESSED
SOME_RESULTS: Final = "evidence is missing for some results"  # the same of each table of a page


class TableView:
    """A table as a notebook shows it; made by `table`."""

    def __init__(
        self,
        caption: str,
        columns: Sequence[tuple[str, Kind]],
        data: list[list[Any]],
        missing: str = "",
        *,
        total: int = 0,
        file: str = "",
        links: Mapping[int, Mapping[str, str]] | None = None,
    ) -> None:
        self.caption = caption
        self.missing = missing
        self.total = total or len(data)
        self.file = file
        self.links = links or {}
        self.columns = columns
        self.data = data
        self._headers = headers([name for name, _ in columns])

    def _preview(self) -> pd.DataFrame:
        shown = [["" if v is None else str(v) for v in row] for row in self.data[:PREVIEW_ROWS]]
        return pd.DataFrame(shown, columns=[said for said, _ in self._headers], dtype=object)

    def __repr__(self) -> str:
        return f"{self.caption}\n{self._preview().to_string(index=False, max_rows=12)}"

    def as_data(self) -> Bundle:
        """Return the table as the page gets it, under `TABLE_TYPE`."""
        columns = [
            {"name": said, "kind": kind, **({"meaning": meaning} if meaning else {})}
            for said, meaning, kind in self._named()
        ]
        shown = {"caption": self.caption, "columns": columns, "data": self.data}
        beyond: Bundle = {"total": self.total} if self.total > len(self.data) else {}
        beyond |= {"file": self.file} if self.file else {}
        beyond |= {"links": _of_cells(self.links, self.data)} if self.links else {}
        return shown | beyond | _lacking(self.missing)

    def _named(self) -> list[tuple[str, str, Kind]]:
        """Header, meaning and kind of each column."""
        return [
            (said, clean(unmarked(meaning)), kind)
            for (said, meaning), (_, kind) in zip(self._headers, self.columns, strict=True)
        ]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        more = len(self.data) - PREVIEW_ROWS
        rest = f"and {counted(more, 'more rows')}" if more > 0 else ""
        first = self.data[:PREVIEW_ROWS]
        return {
            TABLE_TYPE: self.as_data(),
            "text/html": table_html(clean(self.caption), self._named(), first, rest),
            "text/plain": repr(self),
        }


def table(
    frame: pd.DataFrame,
    caption: str,
    *,
    rows: int | None = None,
    severity: str | Sequence[str] | None = None,
    file: str = "",
    links: Mapping[str, Mapping[str, str]] | None = None,
    missing: str = "",
) -> "TableView | Sentence":
    """
    The frame as a table that can be sorted and filtered on the page.

    Parameters
    ----------
    frame : DataFrame, any shape
        Not changed. The index is left out unless it has a name.
    caption : str
        What one row is, or what the rows have in common.
    rows : int, optional
        Show only this many rows; the caption then says "first N of M".
    severity : str or list of str, optional
        Columns holding severities or verdicts, drawn as badges.
    file : str
        The file beside the page that has all rows, for who misses one.
    links : mapping of column to (mapping of text to address), optional
        Where a cell that holds the text leads: a page of the report, with an anchor.
    missing : str
        Which evidence is missing. Without rows the sentence that says so stands for the table;
        with rows the caption says that there may be more.

    Missing values show as a dash, Booleans as yes and no, times in UTC to the hour or the day,
    spans as whole days, lists with commas: the first six items, and how many more there are.
    """
    if missing and not len(frame):
        return not_assessed(missing)
    badges = {severity} if isinstance(severity, str) else set(severity or ())
    if any(name is not None for name in frame.index.names):
        named = [name for name in frame.index.names if name is not None]
        frame = frame.reset_index(level=named, allow_duplicates=True)
    lacking = missing
    caption = clean(f"{caption} (incomplete: {missing})" if missing else caption)
    total = len(frame)
    if rows is not None and total > rows:
        caption += f" (first {rows:,} of {total:,})"
        frame = frame.head(rows)
    columns: list[tuple[str, Kind]] = []
    values: list[list[Any]] = []
    leading = {at: to for at, name in enumerate(frame.columns) if (to := (links or {}).get(name))}
    for position, label in enumerate(frame.columns):
        kind, column = _column(frame.iloc[:, position])
        columns.append((_label(label), "severity" if label in badges else kind))
        values.append(column)
        unknown = column.count(NOT_ASSESSED) if label in badges else 0
        if unknown and not lacking:
            lacking = SOME_RESULTS
    data = [list(row) for row in zip(*values, strict=True)]
    return TableView(caption, columns, data, lacking, total=total, file=file, links=leading)


def _of_cells(
    links: Mapping[int, Mapping[str, str]], data: Sequence[Sequence[Any]]
) -> dict[str, dict[str, str]]:
    """The addresses that cells of the table need, by position of the column, as JSON holds it."""
    used = {at: {row[at] for row in data} for at in links}
    return {
        str(at): {text: to for text, to in links[at].items() if text in used[at]} for at in links
    }


def _lacking(missing: str) -> Bundle:
    """What evidence is missing, for the report's list of pages; nothing if none is."""
    return {"missing": clean(missing)} if missing else {}


def _column(series: "pd.Series[Any]") -> tuple[Kind, list[Any]]:
    """The kind of a column and its values as JSON holds them."""
    present = [cell(joined(_items(v), most=6) if isinstance(v, _LISTS) else v) for v in series]
    found = [type(v) for v in series if not _absent(v)]
    if not found:
        return "text", present
    if all(issubclass(t, bool | np.bool_) for t in found):
        return "truth", present
    if all(issubclass(t, dt.date | np.datetime64) for t in found):
        return "time", present
    if all(issubclass(t, int | float | np.number | dt.timedelta) for t in found) and not any(
        issubclass(t, bool) for t in found
    ):
        return "number", present
    return "text", [None if v is None else str(v) for v in present]


def cell(value: Any) -> str | int | float | None:
    """One cell as JSON holds it; None if missing."""
    if _absent(value) or (isinstance(value, Mapping) and not value):
        return None
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, dt.timedelta | np.timedelta64):
        return pd.Timedelta(value).days
    if isinstance(value, dt.datetime | np.datetime64):
        time = pd.Timestamp(value)
        time = time.tz_convert("UTC") if time.tzinfo else time
        return time.strftime("%Y-%m-%d" if time == time.normalize() else "%Y-%m-%d %H:%M")
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, _LISTS):
        return joined(_items(value))
    return clean(value)


_LISTS: Final = (list, tuple, set, frozenset, np.ndarray)


def _items(value: Any) -> list[str]:
    """The items of a list as a cell shows each; those of a set in the order of the alphabet."""
    items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
    return [str("" if (shown := cell(item)) is None else shown) for item in items]


def _absent(value: Any) -> bool:
    return value is None or (bool(pd.isna(value)) if pd.api.types.is_scalar(value) else False)


def clean(text: object) -> str:
    """Text that any page, file and terminal can hold; see `values.printable`."""
    return printable(str(text))


def unmarked(text: str) -> str:
    """
    Text without the marks of code, for where it is not Markdown: a cell, a tooltip.

    >>> unmarked("verdict of `mfa_enforcement`")
    'verdict of mfa_enforcement'
    """
    return text.replace("`", "")


def _label(label: object) -> str:
    return clean(" / ".join(map(str, label)) if isinstance(label, tuple) else label)


class Sentence:
    """Prose computed from the data; made by `say`."""

    def __init__(self, text: str, tone: Tone, missing: str = "") -> None:
        self.text = text
        self.tone = tone
        self.missing = missing

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return {
            TEXT_TYPE: {"text": self.text, "tone": self.tone} | _lacking(self.missing),
            "text/html": sentence_html(self.text, self.tone),
            "text/plain": self.text,
        }


def say(*sentences: object, tone: Tone = "plain", missing: str = "") -> Sentence:
    """
    A paragraph of computed sentences; `backticks` set a name in code type, nothing else does.

    The tone colours it: "good" for what holds, "bad" for what needs work, "note" for a caveat.
    Where evidence is missing, the sentence that says so takes their place.
    """
    if missing:
        return not_assessed(missing)
    return Sentence(clean(" ".join(map(str, sentences))), tone)


class Figures:
    """The row of large numbers at the top of a page; made by `figures`."""

    def __init__(
        self, items: Sequence[tuple[str, str, str, str]], missing: Sequence[str] = ()
    ) -> None:
        self.items = items
        self.missing = missing or [""] * len(items)

    def __repr__(self) -> str:
        lines = (f"{label}: {value} ({note})" for label, value, note, _ in self.items)
        return "\n".join(line.removesuffix(" ()") for line in lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        keys = ("label", "value", "note", "tone")
        return {
            FIGURES_TYPE: [
                dict(zip(keys, item, strict=True)) | _lacking(missing)
                for item, missing in zip(self.items, self.missing, strict=True)
            ],
            "text/html": figures_html(self.items),
            "text/plain": repr(self),
        }


def figures(*, missing: str = "", **values: object) -> Figures | Sentence:
    """
    The numbers a reader should see first, one per argument.

    Each value is the number alone, or `(number, note)`, or `(number, note, tone)`. The name is
    the label, underscores read as spaces; any other label goes in as `**{"MFA enforced": 41}`.
    Of what needs work, none is neither bad nor, as there may be nothing to examine, good: a zero
    with the tone "bad" or "note" is plain.
    Where evidence for all of them is missing, the sentence that says so takes their place; for one
    of them, `assessed` says it.

    >>> figures(users=1260, with_MFA=("78 %", "981 of 1,260", "bad"))
    Users: 1,260
    With MFA: 78 % (981 of 1,260)
    """
    if missing:
        return not_assessed(missing)
    items, lacking = [], []
    for name, given in values.items():
        parts = given if isinstance(given, tuple) else (given,)
        value, note, tone = (*parts, "", "plain")[:3]
        lacking.append(str(parts[3]) if len(parts) > 3 else "")
        label = clean(name.replace("_", " "))
        shown = cell(value)
        if isinstance(shown, int):
            shown = f"{shown:,}"
        if shown == "0":
            tone = {"bad": "plain", "note": "plain"}.get(str(tone), tone)
        text = "–" if shown is None else f"{shown:g}" if isinstance(shown, float) else shown
        items.append((label[:1].upper() + label[1:], text, clean(note), str(tone or "plain")))
    return Figures(items, lacking)


def assessed(value: object, missing: str) -> object:
    """
    A figure's value, or, where evidence for it is missing, that it was not assessed.

    >>> figures(roles=assessed(0, "roles are not known"))
    Roles: – (not assessed)
    """
    return ("–", NOT_ASSESSED, "note", missing) if missing else value


def none_is_good(
    number: int, note: str = "", otherwise: Tone = "bad", *, of: int = 1
) -> tuple[int, str, Tone]:
    """
    A figure's value, note and tone where zero is the best value.

    `of` is how many there are to count; of none, zero is not good.

    >>> none_is_good(2, "roles"), none_is_good(0, "roles"), none_is_good(0, "roles", of=0)
    ((2, 'roles', 'bad'), (0, 'roles', 'good'), (0, 'roles', 'plain'))
    """
    return number, note, otherwise if number else "good" if of else "plain"


def share(part: Any, whole: Any, nouns: str, said: str, nobody: str) -> str:
    """
    A sentence on a part of a whole, with the percentage; `nobody` where there is no whole.

    Words in brackets agree with the part; see `values.agreeing`.

    >>> share(12, 60, "users", "[has|have] MFA.", "There are no users.")
    '12 of 60 users (20 %) have MFA.'
    >>> share(0, 0, "users", "[has|have] MFA.", "There are no users.")
    'There are no users.'
    """
    if not whole:
        return nobody
    of = part_of(int(part), int(whole), nouns)
    return f"{of} ({percent(part, whole)}) {agreeing(said, int(part), int(whole))}"


def percent(part: Any, whole: Any) -> str:
    """
    The percentage, rounded so that only all is 100 and only none is 0; a dash of nothing.

    >>> percent(1, 3), percent(999, 1000), percent(1, 1000), percent(0, 0)
    ('33 %', '99 %', '1 %', '–')
    """
    if not whole:
        return "–"
    rounded = round(100 * int(part) / int(whole))
    within = min(max(rounded, 1), 99) if 0 < part < whole else rounded
    return f"{within} %"


def when(times: "pd.Series[Any]") -> str:
    """
    The latest of some times in words, as the end of "It was …".

    >>> when(pd.Series(pd.to_datetime(["2026-10-01", None], utc=True)))
    'last used on 2026-10-01'
    >>> when(pd.Series([], dtype="datetime64[ns, UTC]"))
    'never used, as far as AWS recorded it,'
    """
    latest = times.max()
    if pd.isna(latest):
        return "never used, as far as AWS recorded it,"
    return f"last used on {latest:%Y-%m-%d}"


def not_assessed(missing: str) -> Sentence:
    """Say that missing evidence leaves a question open."""
    return Sentence(clean(f"Not assessed: {missing}."), "note", missing)
