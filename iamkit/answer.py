"""A table that answers a question: a DataFrame that shows its texts whole."""

from __future__ import annotations

import html
from collections.abc import Callable

import pandas as pd

MOST: int = 60  # rows that are shown


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
        """Show the first rows, each text whole."""
        cells = [[str(name) for name in self.columns], *map(list, self._texts())]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
        return "\n".join(filter(None, [self.of, *lines, self._rest()]))

    def _repr_html_(self) -> str:
        def row(texts: list[str], tag: str) -> str:
            # JupyterLab aligns cells to the right, and keeps inline styles and no others.
            begin = f'<{tag} style="text-align:left">'
            return f"<tr>{''.join(f'{begin}{html.escape(each)}</{tag}>' for each in texts)}</tr>"

        head = row([str(name) for name in self.columns], "th")
        body = "".join(row(texts, "td") for texts in self._texts())
        said = [f"<p>{html.escape(each)}</p>" if each else "" for each in (self.of, self._rest())]
        return f"{said[0]}<table><thead>{head}</thead><tbody>{body}</tbody></table>{said[1]}"

    def _texts(self) -> list[list[str]]:
        """The cells of the first rows as text."""
        columns = [[_text(value) for value in self.iloc[:MOST, at]] for at in range(self.shape[1])]
        return [list(row) for row in zip(*columns, strict=True)]

    def _rest(self) -> str:
        return f"and {len(self) - MOST:,} more rows" if len(self) > MOST else ""


def _text(value: object) -> str:
    """
    A cell as it is shown.

    >>> _text(["ann", "bob"]), _text(None), _text(3)
    ('ann, bob', '', '3')
    """
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(str, value))
    return "" if value is None or value is pd.NA or value != value else str(value)
