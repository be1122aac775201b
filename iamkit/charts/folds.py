"""
Folds: what is said of one thing each, shut until a reader opens it, as data.

A fold has an anchor, to which tables and other pages link, and parts: a text with a label, an
address, code, a table. As `display`, all of it is escaped where the page is made.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from iamkit.charts.display import Bundle, Sentence, TableView, clean, not_assessed, say
from iamkit.counts import counted

FOLDS_TYPE: Final = "application/vnd.iamkit.folds+json"
MOST_LINES: Final = 40  # of a statement
Part = Mapping[str, Any]
_ELEMENT: Final = re.compile(r'  "([^"]+)":')  # of a statement, in indented JSON


def text(label: str, said: object) -> Part:
    """A paragraph after its label; `backticks` set code type."""
    return {"kind": "text", "label": clean(label), "text": clean(said)}


def link(label: str, address: str, said: str = "") -> Part:
    """The address of a page of the report, or of one under https."""
    return {"kind": "link", "label": clean(label), "address": address, "text": clean(said)}


def code(label: str, said: str) -> Part:
    r"""
    Code as it stands, line by line.

    >>> code("Commands:", "aws one\naws two")["lines"]
    [['aws one', False], ['aws two', False]]
    """
    lines = [[clean(line), False] for line in said.split("\n")]
    return {"kind": "code", "label": clean(label), "lines": lines}


def document(label: str, value: Mapping[str, Any], elements: Collection[str] = ()) -> Part:
    """
    A statement of a policy as JSON, with the lines of its elements that decide marked.

    >>> shown = document("Statement", {"Effect": "Allow", "Action": ["*"]}, ["Action"])
    >>> [line for line, marked in shown["lines"] if marked]
    ['  "Action": [', '    "*"', '  ]']
    """
    lines: list[list[Any]] = []
    inside = False
    for line in json.dumps(value, indent=2, ensure_ascii=False, default=str).split("\n"):
        if found := _ELEMENT.match(line):
            inside = found[1] in elements
        lines.append([clean(line), inside and line[:2] == "  "])
    if len(lines) > MOST_LINES:
        more = len(lines) - MOST_LINES
        lines = [*lines[:MOST_LINES], [f"… {counted(more, 'more lines')}", False]]
    return {"kind": "code", "label": clean(label), "lines": lines}


def within(shown: TableView | Sentence) -> Part:
    """A table, as `table` makes it."""
    if isinstance(shown, Sentence):
        return text("", shown.text)
    return {"kind": "table", "table": shown.as_data()}


def fold(title: str, *parts: Part, anchor: str, severity: str = "", note: str = "") -> Part:
    """One fold: its title, with a badge of a severity and a note behind it, and its parts."""
    return {
        "anchor": anchor,
        "title": clean(title),
        "severity": severity,
        "note": clean(note),
        "parts": [*parts],
    }


def anchor(kind: str, name: str) -> str:
    """
    Return the anchor of a thing on its page; of different names always another.

    >>> anchor("user", "ana"), anchor("user", "ana.lopez")
    ('user-ana', 'user-ana-lopez-40b97b')
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    made = f"{kind}-{plain}"
    if plain == name:
        return made
    return f"{made}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"


class Folds:
    """Folds as a notebook shows them; made by `folds`."""

    def __init__(self, caption: str, items: Sequence[Part], missing: str = "") -> None:
        self.caption = clean(caption)
        self.items = [*items]
        self.missing = missing

    def __repr__(self) -> str:
        return "\n".join([self.caption, *(f"- {_head(each)}" for each in self.items)])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        shown = "".join(
            f"<details><summary>{html.escape(_head(each))}</summary>"
            f"{''.join(map(_preview, each['parts']))}</details>"
            for each in self.items
        )
        lacking = {"missing": clean(self.missing)} if self.missing else {}
        return {
            FOLDS_TYPE: {"caption": self.caption, "items": self.items} | lacking,
            "text/html": f"<p><strong>{html.escape(self.caption)}</strong></p>{shown}",
            "text/plain": repr(self),
        }


def folds(items: Iterable[Part], caption: str, *, missing: str = "") -> Folds | Sentence:
    """
    Show folds under a caption; without any, a sentence says that there are none.

    Where evidence is `missing`, the sentence that says so takes the place of none.
    """
    made = [*items]
    if not made:
        return not_assessed(missing) if missing else say(f"{caption}: none.")
    return Folds(caption, made, missing)


def _head(each: Part) -> str:
    return " · ".join(filter(None, (each["severity"], each["title"], each["note"])))


def _preview(part: Part) -> str:
    """A part in JupyterLab, whose sanitizer keeps few tags."""
    if part["kind"] == "table":
        names = "".join(
            f"<th>{html.escape(each['name'])}</th>" for each in part["table"]["columns"]
        )
        rows = "".join(
            f"<tr>{''.join(f'<td>{html.escape(str(_shown(cell)))}</td>' for cell in row)}</tr>"
            for row in part["table"]["data"]
        )
        return f"<table><tr>{names}</tr>{rows}</table>"
    label = f"<strong>{html.escape(part['label'])}</strong> " if part["label"] else ""
    if part["kind"] == "code":
        lines = "\n".join(line for line, _ in part["lines"])
        return f"<p>{label}</p><pre>{html.escape(lines)}</pre>"
    said = part.get("text") or part.get("address", "")
    return f"<p>{label}{html.escape(said)}</p>"


def _shown(cell: Any) -> Any:
    return "" if cell is None else cell
