"""
Tables, figures and sentences as JupyterLab shows them: escaped HTML that looks like the page.

JupyterLab keeps inline styles with literal colours and nothing else of a style, and an untrusted
notebook has the same HTML, so what is here is all there is. Colours are legible on its light and
its dark theme: each has 4.1:1 or more on white and on #111, or is a background with its own text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from iamkit.answer import aligned
from iamkit.badges import TONES as OF_SEVERITY
from iamkit.badges import look

MUTED: Final = "#767676"
TONES: Final[Mapping[str, str]] = {"good": "#26855a", "bad": "#d1453c", "note": "#967008"}
_EDGE: Final = "rgba(128, 128, 128, 0.4)"
# Severities are filled, results of a check are outlined, as on the page; by the names of `badges`.
_FILLED: Final[Mapping[str, str]] = {
    "critical": "#7f1d2d",
    "high": "#b04a08",
    "medium": "#806000",
    "low": "#2b6ca3",
    "info": "#5a6673",
}
_OUTLINED: Final[Mapping[str, str]] = {
    "pass": TONES["good"],
    "fail": TONES["bad"],
    "unknown": TONES["note"],
    "accepted": MUTED,
}


def table_html(
    caption: str,
    columns: Sequence[tuple[str, str, str]],
    rows: Iterable[Sequence[object]],
    rest: str = "",
) -> str:
    """
    A table with its caption above it; `columns` are name, meaning and kind, `rest` a last line.

    >>> "text-align: right" in table_html("Keys", [("Age", "", "number")], [[3]])
    True
    """
    sides = [aligned(right=kind == "number") for *_, kind in columns]
    titles = [f' title="{html.escape(meaning)}"' if meaning else "" for _, meaning, _ in columns]
    head = "".join(
        f"<th{title} {side}>{html.escape(name)}</th>"
        for (name, *_), title, side in zip(columns, titles, sides, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td {side}>{_cell(value, kind, _severity(row, columns))}</td>"
            for value, (*_, kind), side in zip(row, columns, sides, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    if not body:
        return f"<p><strong>{html.escape(caption)}:</strong> none.</p>"
    table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    below = f'<p style="color: {MUTED}">{html.escape(rest)}</p>' if rest else ""
    return f"<p><strong>{html.escape(caption)}</strong></p><table>{table}</table>{below}"


def sentence_html(text: str, tone: str) -> str:
    """A paragraph with `code`; the tone is a bar at its left and the colour of its text."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
    color = TONES.get(tone)
    if not color:
        return f"<p>{marked}</p>"
    style = f"border-left: 4px solid {color}; padding: 4px 12px; color: {color}"
    return f'<p style="{style}">{marked}</p>'


def figures_html(items: Iterable[tuple[str, str, str, str]]) -> str:
    """A row of cards: label, value and note; the tone is the colour of the edge and the value."""
    cards = []
    for label, value, note, tone in items:
        color = TONES.get(tone, "")
        large = "font-size: 24px; font-weight: 700; line-height: 1.3"
        look = f"{large}; color: {color}" if color else large
        edge = f"border: 1px solid {_EDGE}; border-top: 3px solid {color or _EDGE}"
        cards.append(
            f'<div style="{edge}; border-radius: 8px; padding: 10px 16px">'
            f"<div>{html.escape(label)}</div>"
            f'<div style="{look}">{html.escape(value)}</div>'
            f'<div style="color: {MUTED}">{html.escape(note)}</div></div>'
        )
    columns = "grid-template-columns: repeat(auto-fit, minmax(160px, 1fr))"
    return f'<div style="display: grid; {columns}; grid-gap: 12px">{"".join(cards)}</div>'


def _severity(row: Sequence[object], columns: Sequence[tuple[str, str, str]]) -> str:
    """The severity in a row; empty if none."""
    pairs = zip(row, columns, strict=True)
    return next(
        (str(of) for of, (*_, kind) in pairs if kind == "severity" and of in OF_SEVERITY), ""
    )


def _cell(value: object, kind: str, beside: str) -> str:
    if value is None:
        return f'<span style="color: {MUTED}">–</span>'
    text = str(value)
    shown = html.escape(text).replace("\n", "<br>")
    if kind != "severity":
        return shown
    shape = "border-radius: 10px; padding: 1px 8px; font-weight: 600; white-space: nowrap"
    badge, _, grave = look(text, beside).partition(" ")
    if fill := _FILLED.get(badge):
        return f'<span style="background-color: {fill}; color: #ffffff; {shape}">{shown}</span>'
    if line := _OUTLINED.get(badge):
        line = TONES.get(OF_SEVERITY[grave], MUTED) if grave else line
        return f'<span style="border: 1px solid {line}; color: {line}; {shape}">{shown}</span>'
    return shown
