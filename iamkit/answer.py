"""A table that answers a question: a DataFrame that shows its texts whole."""

from __future__ import annotations

import html
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Final

import pandas as pd

from iamkit.counts import counted
from iamkit.progress import shell_of_notebook
from iamkit.values import joined

MOST: Final = 60  # rows that are shown
WIDTH: Final = 100  # characters of a line where there is no terminal
WORD: Final = 48  # characters of a word, such as an ARN, that is not broken


class Answer(pd.DataFrame):
    """
    A DataFrame whose cells are not cut, and are aligned to the left, where it is shown.

    Pandas cuts texts after 50 characters, in front of the statement that decides. `of` is what it
    says above the table.
    """

    _metadata = ("of",)
    of = ""

    @property
    def _constructor(self) -> Callable[..., Answer]:
        return Answer

    @classmethod
    def about(cls, frame: pd.DataFrame, of: str = "") -> Answer:
        """Return a frame as an answer; the text says what it answers."""
        made = cls(frame)
        made.of = of
        return made

    def __repr__(self) -> str:
        """Show the first rows, each text whole, on lines that fit the terminal."""
        rows = [[str(name) for name in self.columns], *self._texts()]
        return "\n".join(filter(None, [self.of, *_lines(rows), self._rest()]))

    def _repr_html_(self) -> str:
        return _html(self, self._texts(), self.of, self._rest())

    def _texts(self) -> list[list[str]]:
        """The cells of the first rows as text."""
        columns = [[_text(value) for value in self.iloc[:MOST, at]] for at in range(self.shape[1])]
        return [list(row) for row in zip(*columns, strict=True)]

    def _rest(self) -> str:
        if not len(self):
            return "none"
        return f"and {counted(len(self) - MOST, 'more rows')}" if len(self) > MOST else ""


def _lines(rows: list[list[str]]) -> Iterator[str]:
    """Rows as lines of a terminal, or of `WIDTH`; texts too long for their column go on below."""
    # A terminal's width must not show in what a notebook keeps, which has none.
    width = shutil.get_terminal_size((WIDTH, 0)).columns if sys.stdout.isatty() else WIDTH
    columns = list(zip(*rows, strict=True))
    widths = _fitting(
        [max(map(len, texts)) for texts in columns],
        [max(map(len, " ".join(texts).split()), default=0) for texts in columns],
        width,
    )
    for row in rows:
        cells = [_wrapped(*each) for each in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            both = zip(parts, widths, strict=True)
            yield "  ".join(part.ljust(wide) for part, wide in both).rstrip()


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _fitting(widths: list[int], words: list[int], width: int) -> list[int]:
    """
    Widths of columns that fit a line with two spaces between them: the widest give way.

    No column is narrower than its longest word, such as an ARN, up to `WORD`.

    >>> _fitting([5, 10, 200], [5, 10, 8], 60), _fitting([80, 90], [8, 60], 60)
    ([5, 10, 41], [10, 48])
    """
    found = [min(each, width) for each in widths]
    least = [min(each, WORD) for each in words]
    while sum(found) + 2 * (len(found) - 1) > width:
        wide = [at for at, each in enumerate(found) if each > least[at]]
        if not wide:
            break
        found[max(wide, key=found.__getitem__)] -= 1
    return [max(each, 1) for each in found]


def show_whole() -> None:
    """
    Have a notebook show every DataFrame as it shows an answer: texts whole, and at the left.

    JupyterLab aligns all cells to the right, and pandas cuts texts after 50 characters. An index
    without a name that holds numbers is left out. Outside of IPython nothing changes.
    """
    shell = shell_of_notebook()
    if shell is not None:
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, _shown)


def _shown(frame: pd.DataFrame) -> str:
    """A DataFrame as HTML, with its index if that says something."""
    if isinstance(frame, Answer):
        return frame._repr_html_()
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index(allow_duplicates=True)
    elif not pd.api.types.is_integer_dtype(frame.index):
        frame = frame.reset_index(names="")
    return Answer.about(frame)._repr_html_()


def aligned(*, right: bool) -> str:
    """Return the style of a cell: JupyterLab aligns all to the right, and keeps inline styles."""
    return f'style="text-align: {"right" if right else "left"}; vertical-align: top"'


def _html(frame: pd.DataFrame, texts: list[list[str]], of: str, rest: str) -> str:
    """A table with a line above and below; numbers are at the right."""
    types = pd.api.types
    looks = [
        aligned(right=types.is_numeric_dtype(each) and not types.is_bool_dtype(each))
        for each in frame.dtypes
    ]

    def row(cells: Iterable[str], tag: str) -> str:
        both = zip(cells, looks, strict=True)
        made = (f"<{tag} {look}>{html.escape(each)}</{tag}>" for each, look in both)
        return f"<tr>{''.join(made)}</tr>"

    head, body = row(map(str, frame.columns), "th"), "".join(row(each, "td") for each in texts)
    above, below = (f"<p>{html.escape(each)}</p>" if each else "" for each in (of, rest))
    return f"{above}<table><thead>{head}</thead><tbody>{body}</tbody></table>{below}"


def _text(value: object) -> str:
    """
    A cell as it is shown.

    >>> _text(["ann", "bob"]), _text(None), _text(3), _text(pd.Timestamp("2026-11-01 06:00Z"))
    ('ann, bob', '', '3', '2026-11-01 06:00')
    """
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list | tuple | set | frozenset):
        return joined(list(map(str, value)))
    return "" if value is None or value is pd.NA or value != value else str(value)
