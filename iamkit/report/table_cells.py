"""The cells of a page's tables: escaped, marked by kind, and broken where names may break."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from iamkit.badges import TONES, look

# Where a page may lead: another page of the report, or of one below it, a place on it, or the web.
SAFE_ADDRESS = re.compile(r"https://\S+|#[\w-]+|([\w-]+/)*[\w-]+\.html(#[\w-]+)?")
MISSING = "–"
LONG = 28
PRINTED = 10  # rows of a table on paper, as print.css cuts it
BROAD = 14  # columns from which paper shows a table with rows and columns exchanged
TRANSPOSED = 6  # rows of such a table on paper, as columns
_LONG_NAME = re.compile(r"[\w/:.-]{16}")
_JOINT = re.compile(r"(?<=\w[_/:])(?=\w)|(?<=[a-z])(?=[A-Z])")  # in names and ARNs


def cells(
    row: Iterable[Any], kinds: Sequence[str], links: Mapping[str, Mapping[str, str]] | None = None
) -> Markup:
    """
    The cells of one table row, in as few bytes as HTML allows.

    `links` has where a text leads, by the position of its column.
    """
    parts = []
    given = list(zip(row, kinds, strict=True))
    beside = next((each for each, kind in given if kind == "severity" and each in TONES), "")
    for position, (value, kind) in enumerate(given):
        shown, width = escape(MISSING), "none"
        if value is not None and value != "":
            text, width = _written(value), ""
            shown = _breakable(text)
            if kind == "severity" and (badge := look(text, beside)):
                shown = Markup("<span class='badge {}'>{}</span>").format(badge, text)
            elif kind == "number":
                width = "n"
            elif len(text) > LONG or "\n" in text:
                width = "w"
            to = links.get(str(position), {}).get(text, "") if links else ""
            if SAFE_ADDRESS.fullmatch(to):
                shown = Markup('<a href="{}">{}</a>').format(to, shown)
        tag = Markup("<th scope=row") if position == 0 else Markup("<td")
        parts.append(tag + (Markup(" class={}>").format(width) if width else Markup(">")) + shown)
    return Markup("").join(parts)


def transposed(table: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    What paper shows of a table that is too broad for a turned sheet; None if it is not.

    `head` are the first cells of the first rows; `rows` has, for each further column, its name and
    its cells.
    """
    columns, rows = table["columns"], table["data"][:TRANSPOSED]
    if len(columns) < BROAD:
        return None
    head = [
        columns[0]["name"],
        *(MISSING if row[0] in (None, "") else _written(row[0]) for row in rows),
    ]
    turned = [
        cells(
            [column["name"], *(row[place] for row in rows)], ["text", *[column["kind"]] * len(rows)]
        )
        for place, column in enumerate(columns)
        if place
    ]
    return {"head": head, "rows": turned}


def beyond(table: Mapping[str, Any], printed: int = PRINTED) -> Markup:
    """
    Attributes that say where rows of a table are that it lacks here, or in print.

    `printed`: how many rows paper shows.
    """
    shown, total, file = len(table["data"]), table.get("total"), table.get("file") or ""
    total = total if isinstance(total, int) else shown
    said = Markup("")
    if total > shown:
        said += Markup(" data-total={}").format(total)
    if file:
        said += Markup(' data-file="{}"').format(file)
    if total > printed:
        where = "The page on a screen has " + (f"{shown:,}" if total > shown else "all of them")
        if file:  # which the workbook has as a sheet
            also = f"{file} and report.xlsx"
            where += f"; {also} have all" if total > shown else f", and so have {also}"
        said += Markup(' data-rest="The first {} of {:,} rows. {}."').format(printed, total, where)
    return said


def _breakable(text: str) -> Markup:
    """
    Escaped text whose long names may break where their parts meet, before any other place.

    >>> _breakable("an_administrator_role of a_b")
    Markup('an_<wbr>administrator_<wbr>role of a_<wbr>b')
    """
    if not _LONG_NAME.search(text):
        return escape(text)
    return Markup("<wbr>").join(map(escape, _JOINT.split(text)))


def _written(value: object) -> str:
    if isinstance(value, float):
        return str(round(value, 4)).removesuffix(".0")
    return str(value)
