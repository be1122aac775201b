"""Lines over the months: how a few numbers went from audit to audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import MaxNLocator

from iamkit.charts.axes import INK, SERIES, new, styled
from iamkit.charts.display import Sentence, not_assessed, say


@styled
def trend(
    months: pd.DataFrame,
    *,
    title: str,
    unit: str,
    reach: float = 1,
    colors: Mapping[str, str] | None = None,
    missing: str = "",
    ax: Axes | None = None,
) -> Axes | Sentence:
    """
    A line per column, with its name and its last number at its end.

    A month whose evidence does not say leaves a gap in the line, and so does one without an audit:
    each audit is a mark, at the time of its evidence.

    Parameters
    ----------
    months : DataFrame of numbers
        Indexed by the time of each audit, a column per line; missing where it is not known.
    title, unit : str
        What is counted, for the heading and for the axis.
    reach : float
        What the axis reaches at least, such as 100 for per cents: without it, a line of zeros would
        get an axis of thousandths.
    colors : mapping of column to colour, optional
        Else one after the other from `SERIES`.
    missing, ax
        As in `bars`.
    """
    if missing:
        return not_assessed(missing)
    known = months.dropna(how="all").dropna(axis=1, how="all")
    if len(known) < 2:
        there = "Only one audit has" if len(known) else "No audit has"
        return say(f"{title}: {there} this figure so far. A line needs two.")
    said = "; ".join(
        f"{name}: {_number(line.iloc[0])} in {line.index[0]:%B %Y}, "
        f"{_number(line.iloc[-1])} in {line.index[-1]:%B %Y}"
        for name in known
        for line in [known[name].dropna()]
    )
    ax = new(ax, height=2.6, alt=f"{title}. {said}.")
    for number, name in enumerate(known):
        color = (colors or {}).get(str(name), SERIES[number % len(SERIES)])
        ax.plot(known.index, known[name], "o-", color=color, markersize=3.5, linewidth=1.8)
        last = known[name].dropna()
        ax.annotate(
            f"{name}: {_number(last.iloc[-1])}", (last.index[-1], last.iloc[-1]), (8, 0),
            textcoords="offset points", color=color, va="center", annotation_clip=False,
        )  # fmt: skip
    ax.set_title(f"{title}: {_message(known)}", color=INK)
    ax.set_ylabel(unit)
    ax.set_ylim(0, max(ax.get_ylim()[1], reach))
    _spread(ax)
    locator: Any = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    formatter: Any = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(formatter)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y")
    ax.spines["left"].set_visible(False)
    ax.tick_params(length=0)
    return ax


def _message(known: pd.DataFrame) -> str:
    """
    What the lines say: the one that changed most, as a part of what it was.

    >>> _message(pd.DataFrame({"high": [4, 4], "low": [10, 12]}))
    'low from 10 to 12'
    >>> _message(pd.DataFrame({"high": [4, 4]}))
    'unchanged'
    """
    ends = {name: known[name].dropna().iloc[[0, -1]].tolist() for name in known}
    moved = {name: abs(last - was) / max(abs(was), 1) for name, (was, last) in ends.items()}
    most = max(moved, key=lambda name: moved[name])
    if not moved[most]:
        return "unchanged"
    was, last = ends[most]
    return f"{most} from {_number(was)} to {_number(last)}"


def _spread(ax: Axes) -> None:
    """Move the names at the ends of the lines apart, where they would lie on each other."""
    height = 144 / (ax.get_ylim()[1] or 1)  # points of a number, about
    top = -np.inf
    for text in sorted(ax.texts, key=lambda each: each.xy[1]):  # type: ignore[attr-defined]
        at = text.xy[1] * height  # type: ignore[attr-defined]
        moved = max(at, top + 11)
        text.set_position((8, moved - at))
        top = moved


def _number(value: Any) -> str:
    """
    A number without digits that say nothing.

    >>> _number(12.0), _number(0.5)
    ('12', '0.5')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
