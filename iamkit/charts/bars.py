"""Horizontal bars, plain and stacked, with a number in each part and what they say in the title."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from iamkit.charts.axes import BLUE, INK, MUTED, WIDTH, new, styled
from iamkit.charts.display import Sentence, not_assessed, say
from iamkit.counts import noun

# Dark and light by turns: neighbours differ by 3:1, and each of them from white. The dark ones are
# one grey on paper, so all but one are hatched, and so are two of the light ones: by lines, as a
# pattern of dots takes a quarter of a megabyte.
WINE = "#7f1d2d"
AMBER = "#c9820f"
NAVY = "#2c3e66"
SILVER = "#8d96a1"
PINE = "#0d4f3c"
ASH = "#8a939f"
STEEL = "#7393b3"
SLATE = "#3a4149"
PARTS = (NAVY, AMBER, PINE, SILVER, WINE)
LIGHT: Final = frozenset({AMBER, SILVER, ASH, STEEL})
HATCHES: Final[Mapping[str, str]] = {
    WINE: "////",
    NAVY: "\\\\\\\\",
    ASH: "xxxx",
    STEEL: "||||",
    SLATE: "----",
}


_LINE: Final = 104  # characters of a label's size beside each other on a chart of usual width
_LONG: Final = 24  # characters of a label that has room beside its bar
_NARROW: Final = 5.0  # inches: the width of a chart with labels above the bars, for phones


@styled
def bars(
    counts: "pd.Series[Any] | pd.DataFrame",
    *,
    title: str,
    unit: str,
    colors: Mapping[str, str] | None = None,
    tell: str = "",
    missing: str = "",
    ax: Axes | None = None,
) -> Axes | Sentence:
    """
    Horizontal bars, one per row, with the number at its end and in each part.

    Parameters
    ----------
    counts : Series, or DataFrame with one column per part of a stacked bar
        Indexed by the label of each bar; a two-level index reads "outer, inner".
    title, unit : str
        What is counted, for the heading and for the axis.
    colors : mapping of column to colour, optional
        Else one after the other from `PARTS`.
    tell : str
        The column, or the row of a Series, whose share the heading says; else the largest.
    missing : str
        Which evidence is missing; if any is, the sentence that says so stands for the chart. So
        does one where there is nothing to count.
    ax : Axes, optional
        Where to draw; else on a chart of its own.
    """
    if missing:
        return not_assessed(missing)
    parts = counts.to_frame(unit) if isinstance(counts, pd.Series) else counts
    if parts.empty:
        return say(f"{title}: there are no {unit}.")
    if not parts.to_numpy().any():
        return say(f"{title}: no {unit}.")
    labels = [", ".join(label) if isinstance(label, tuple) else str(label) for label in parts.index]
    total = parts.sum(axis=1)
    above = max(map(len, labels)) > _LONG
    room = int(_LINE * _NARROW / WIDTH) if above else _LINE - max(map(len, labels))
    columns = _columns(parts.columns, room)
    heading = title + _told(counts, tell)
    if len(heading) > 0.88 * room:  # it is larger than the labels
        heading = title + _told(counts, tell).replace(": ", ":\n", 1)
    lines = heading.count("\n"), len(parts), (len(parts.columns) - 1) // columns
    height = 0.75 + float(np.dot((0.18, 0.46 if above else 0.36, 0.2), lines))
    width = _NARROW if above else WIDTH
    ax = new(ax, width=width, height=height, alt=f"{title}. {_said(labels, parts, unit)}.")
    stacked = isinstance(counts, pd.DataFrame)
    _draw(ax, parts, (colors or {}) if stacked else {unit: BLUE}, stacked=stacked, above=above)
    ax.set_yticks([] if above else range(len(parts)), [] if above else labels)
    ax.invert_yaxis()
    for place, label in enumerate(labels if above else ()):
        ax.annotate(label, (0, place - 0.24), va="bottom", fontsize=9, color=MUTED)
    ax.set_title(heading, fontsize=10.5)
    ax.set_xlim(0, max(total.max(), 1) * 1.1)
    ax.spines[["bottom", "left"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks([])
    if stacked:
        ax.legend(
            loc="upper left", ncols=columns, bbox_to_anchor=(-0.01, 0.02),
            handlelength=1.2, columnspacing=1.4,
        )  # fmt: skip
    return ax


def _said(labels: Iterable[str], parts: pd.DataFrame, unit: str) -> str:
    """Every number of the chart in words; a part of one word may be a noun, such as "roles"."""
    nouns = {name for name in parts.columns if name == unit or " " not in str(name)}
    return "; ".join(
        f"{label}: "
        + ", ".join(
            f"{row[name]:g} {noun(row[name], str(name)) if name in nouns else name}"
            for name in parts.columns
        )
        for label, (_, row) in zip(labels, parts.iterrows(), strict=True)
    )


def _draw(
    ax: Axes, parts: pd.DataFrame, colors: Mapping[str, str], *, stacked: bool, above: bool
) -> None:
    """Draw each part after the one before it, and the sum at the end; `above`: below labels."""
    total = parts.sum(axis=1)
    left = np.zeros(len(parts))
    for number, name in enumerate(parts.columns):
        color = colors.get(name, PARTS[number % len(PARTS)])
        values = parts[name].to_numpy(dtype=float)
        ax.barh(
            range(len(parts)), values, left=left, height=0.46 if above else 0.62, color=color,
            label=str(name),
            edgecolor="white", linewidth=1, hatch=HATCHES.get(color) if stacked else None,
        )  # fmt: skip
        if stacked:
            _number_parts(ax, values, left, color, total.max())
        left += values
    for position, value in enumerate(total):
        ax.annotate(f" {value:,.0f}", (value, position), va="center", color=INK)


def _told(counts: "pd.Series[Any] | pd.DataFrame", name: str) -> str:
    """
    What a heading says of the counts: the share of one row or column, else of the largest.

    >>> _told(pd.Series({"virtual": 3, "passkey": 1}), "")
    ': 3 of 4 virtual'
    """
    totals = counts if isinstance(counts, pd.Series) else counts.sum()
    sums = {str(label): int(number) for label, number in totals.items()}
    whole = sum(sums.values())
    named = name if name in sums else max(sums, key=lambda label: sums[label])
    return f": {sums[named]:,} of {whole:,} {named}"


def _number_parts(ax: Axes, values: Any, left: Any, color: str, widest: float) -> None:
    """Write each part's number in it, where there is room."""
    for position, (value, start) in enumerate(zip(values, left, strict=True)):
        text = f"{value:,.0f}"
        if value / widest > 0.014 * (len(text) + 1):
            ax.annotate(
                text, (start + value / 2, position), ha="center", va="center", fontsize=9,
                color=INK if color in LIGHT else "white",
                bbox={"boxstyle": "square,pad=0.15", "facecolor": color, "edgecolor": "none"},
            )  # fmt: skip


def _columns(entries: Iterable[Any], room: int) -> int:
    """How many entries of a legend fit on a line of so many characters."""
    entry = max(len(str(each)) for each in entries) + 7  # its sign, and what is between
    return max(1, min(room // entry, 4))
