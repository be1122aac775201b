"""
Charts: a table in, matplotlib Axes out, drawn as one SVG or PNG with an alternative text.

The same table gives the same bytes each time. What a notebook shows besides charts is in `display`
and can be had from here, so that a notebook needs one name.
"""

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

import numpy as np
import pandas as pd
from matplotlib import rc_context, rcParams, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from iamkit.charts import escalation_layout
from iamkit.charts.display import (
    Bundle,
    Sentence,
    clean,
    not_assessed,
    say,
)
from iamkit.counts import agreeing, counted, part_of

P = ParamSpec("P")
R = TypeVar("R")

# Colours that stay apart for colour-blind readers and in grey print; all reach 3:1 on white.
INK = "#1f2933"
MUTED = "#616e7c"
RULE = "#d5dbe1"
BLUE = "#2b6ca3"
ORANGE = "#c2570c"
TEAL = "#1b7f79"
PURPLE = "#7b5aa6"
GREY = "#7b8794"
SERIES = (BLUE, ORANGE, TEAL, PURPLE, GREY)

SEVERITY_COLORS = {
    "critical": "#7f1d2d",
    "high": "#c2570c",
    "medium": "#a67c00",
    "low": "#2b6ca3",
    "info": "#7b8794",
}

WIDTH: Final = 7.2  # inches of a chart
THRESHOLDS = (30, 60, 90, 180)  # days; what organizations choose from
KIND_COLORS = {"user": BLUE, "role": TEAL, "group": PURPLE, "admin": ORANGE}
MOST_VECTOR_MARKS = 3000

_STYLE = {
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.axisbelow": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "hatch.linewidth": 0.5,
    "grid.color": "#e7ebef",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "iamkit",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


class Chart(Axes):
    """
    Axes that a notebook shows by themselves, once, with an alternative text.

    pyplot does not know the figure, so nothing else draws it a second time. Up to a few thousand
    marks it is drawn as SVG, which a page shows, with a small PNG beside it: JupyterLab shows no
    SVG of a notebook that it does not trust, such as one that came by mail. Above that it is drawn
    as PNG alone, which is then the smaller file.
    """

    alt: str = ""
    fine: bool = False  # its text is small, so paper may not make it smaller

    def set_title(self, *arguments: Any, **options: Any) -> Any:
        """Write the title where our style has it: at the left, above the data."""
        with _style():
            return super().set_title(*arguments, **options)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[Bundle, Bundle]:
        figure = cast(Figure, self.figure)
        with _style():
            if _marks(self) > MOST_VECTOR_MARKS:
                drawn = {"image/png": _png(figure, 160)}
            else:
                drawn = {"image/svg+xml": _svg(figure), "image/png": _png(figure, 96)}
        said: Bundle = {"alt": self.alt} | ({"fine": True} if self.fine else {})
        return {**drawn, "text/plain": self.alt}, dict.fromkeys(drawn, said)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.dpi = 72  # which SVG always has
    _arrange(figure)
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _png(figure: Figure, dpi: int) -> str:
    buffer = io.BytesIO()
    _arrange(figure)
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _arrange(figure: Figure) -> None:
    """Lay the figure out for good: it would be laid out, and drawn, twice more to be saved."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def new(
    ax: Axes | None = None, *, width: float = WIDTH, height: float = 3.0, alt: str = ""
) -> Axes:
    """
    The caller's Axes, or a new `Chart` of this size in inches with its own figure.

    >>> new(width=4, height=2, alt="Keys by age").alt
    'Keys by age'
    """
    if ax is not None:
        return ax
    with _style():
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        chart = cast(Chart, figure.add_subplot(axes_class=Chart))
    chart.alt = clean(alt)
    return chart


def _style() -> AbstractContextManager[None]:
    """Our look over matplotlib's own defaults: a `matplotlibrc` at home changes no report."""
    # To set a parameter is dear, as its value is checked, and most have the value already.
    return rc_context({key: value for key, value in _OURS if rcParams[key] != value})


_OURS: Final[Any] = tuple(
    ({k: v for k, v in rcParamsDefault.items() if not k.startswith("backend")} | _STYLE).items()
)


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw in our look; matplotlib asks for most of it when a shape is made, not when saved."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with _style():
            return draw(*args, **kwargs)

    return drawn


def _marks(ax: Axes) -> int:
    """How many shapes the chart draws, about."""
    points: Iterable[int] = (len(np.atleast_1d(line.get_xdata())) for line in ax.lines)
    offsets: Iterable[int] = (len(np.atleast_2d(c.get_offsets())) for c in ax.collections)
    return sum(points) + sum(offsets) + len(ax.patches)


@styled
def ages(
    days: "pd.Series[Any]",
    *,
    limit: int,
    title: str,
    unit: str,
    missing: str = "",
    ax: Axes | None = None,
) -> Axes | Sentence:
    """
    How ages are spread, and how many lie beyond a limit.

    Parameters
    ----------
    days : Series of whole days
        Missing values are counted in the heading, not drawn.
    limit : int
        Days; bars beyond it have another colour.
    title, unit : str
        What is counted, for the heading and for the axis.
    missing, ax
        As in `bars`.
    """
    if missing:
        return not_assessed(missing)
    if days.empty:
        return say(f"{title}: there are no {unit}.")
    known = days.dropna().to_numpy(dtype=float)
    over = int((known > limit).sum())
    of = part_of(over, len(known), unit)
    said = agreeing(f"{of} [is|are] older than {counted(limit, 'days')}", over, len(known))
    unknown = (
        f"; the age of {len(days) - len(known)} is not known" if len(days) > len(known) else ""
    )
    ax = new(ax, height=2.5, alt=f"{title}. {said}{unknown}.")
    step = max(limit / 3, 1)
    last = 8 * limit  # what is older yet is counted in the last bar, or it would crush the rest
    edges = np.arange(0, min(max(known.max(initial=0), 2 * limit), last) + step, step)
    heights, _ = np.histogram(known.clip(max=edges[-1]), edges)
    beyond = edges[:-1] >= limit - 1e-9
    for color, chosen in ((BLUE, ~beyond), (ORANGE, beyond)):
        ax.bar(edges[:-1][chosen], heights[chosen], step * 0.92, align="edge", color=color)
    ax.axvline(limit, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    ax.annotate(
        f" {counted(limit, 'days')}", (limit, 1), xycoords=("data", "axes fraction"), va="top"
    )
    ax.set_title(f"{title}: {said}{unknown}", fontsize=10)
    older = f" (the last bar: {edges[-2]:.0f} and more)" if (known > edges[-1]).any() else ""
    ax.set_xlabel(f"days{older}")
    ax.set_ylabel(unit)
    _count_upwards(ax)
    return ax


def _count_upwards(ax: Axes) -> None:
    """Lines for whole numbers, and nothing else that is no data."""
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y")
    ax.spines["left"].set_visible(False)
    ax.tick_params(length=0)


@styled
def survival(
    days: "Mapping[str, pd.Series[Any]]",
    *,
    marks: Sequence[int] = THRESHOLDS,
    title: str,
    unit: str,
    missing: str = "",
    ax: Axes | None = None,
) -> Axes | Sentence:
    """
    How many are older than each number of days: a falling curve per series, counted at the marks.

    Parameters
    ----------
    days : mapping of label to Series of whole days
        Missing values are older than every limit, so the curve errs towards too many; the label
        says how many there are.
    marks : numbers of days
        Thresholds somebody may choose; each curve has its number written there.
    title, unit, missing, ax
        As in `bars`.
    """
    if missing:
        return not_assessed(missing)
    if all(values.empty for values in days.values()):
        return say(f"{title}: there are no {unit}.")
    costs = over(days, marks)
    said = "; ".join(
        f"{label}: " + ", ".join(f"{row[mark]} at {mark} days" for mark in marks)
        for label, row in costs.iterrows()
    )
    ax = new(ax, height=2.9, alt=f"{title}. {said}.")
    last = 2 * max(marks)
    names: dict[str, tuple[str, float]] = {}
    for number, (label, values) in enumerate(days.items()):
        known, unknown = values.dropna().to_numpy(dtype=float), int(values.isna().sum())
        at = np.arange(last + 1)
        older = unknown + (known[:, None] > at).sum(axis=0)
        color = SERIES[number % len(SERIES)]
        name = f"{label} ({unknown} of unknown age)" if unknown else label
        ax.step(at, older, where="post", color=color, linewidth=1.8)
        names[name] = (color, float(older[-1]))
        ax.plot(marks, older[list(marks)], "o", markersize=4, color=color)
    for mark in marks:  # each number above its curve, the lowest below
        least = costs[mark].idxmin() if len(costs) > 1 else None
        for number, (named, cost) in enumerate(costs[mark].items()):
            ax.annotate(
                f"{cost}", (mark, cost), (3, -11 if named == least else 4),
                textcoords="offset points", color=SERIES[number % len(SERIES)],
            )  # fmt: skip
    ax.set_title(title)
    ax.set_xticks([0, *marks, last])
    ax.set_xlabel("days")
    ax.set_ylabel(f"{unit} older than that")
    ax.set_ylim(bottom=0)
    _count_upwards(ax)
    _name_at_the_end(ax, last, names)
    return ax


def _name_at_the_end(ax: Axes, at: float, names: Mapping[str, tuple[str, float]]) -> None:
    """Write each curve's name beside its end, in its colour; names do not lie on each other."""
    points = 150 / (ax.get_ylim()[1] or 1)  # of a number, about
    top = -np.inf
    for name, (color, value) in sorted(names.items(), key=lambda item: item[1][1]):
        top = max(value * points, top + 12)
        ax.annotate(
            name, (at, value), (6, top - value * points), textcoords="offset points",
            color=color, va="center", annotation_clip=False,
        )  # fmt: skip


def over(days: "Mapping[str, pd.Series[Any]]", marks: Sequence[int] = THRESHOLDS) -> pd.DataFrame:
    """
    The cost of each threshold: how many lie beyond it, one row per series, one column per mark.

    A missing number of days lies beyond all of them.

    >>> over({"keys": pd.Series([10, 100, None])}, marks=(30, 180)).loc["keys"].tolist()
    [2, 1]
    """
    return pd.DataFrame(
        {
            mark: [int((~(values <= mark).fillna(value=False)).sum()) for values in days.values()]
            for mark in marks
        },
        index=list(days),
    )


def labelled(counts: Any, rows: Iterable[object], columns: Iterable[object]) -> pd.DataFrame:
    """An array of counts, shape (rows, columns), as a table for `heat`."""
    return pd.DataFrame(counts, index=list(rows), columns=list(columns))


@styled
def heat(
    counts: pd.DataFrame, *, title: str, unit: str, missing: str = "", ax: Axes | None = None
) -> Axes | Sentence:
    """
    A table of counts as shades, darker for more; shades grow with the logarithm.

    Parameters
    ----------
    counts : DataFrame of numbers
        Each row and each column has a label.
    title, unit : str
        What is counted, for the heading and for the scale.
    missing, ax
        As in `bars`.
    """
    if missing:
        return not_assessed(missing)
    if counts.empty:
        return say(f"{title}: there are no {unit}.")
    rows, columns = counts.shape
    most = counts.max(axis=1)
    said = "; ".join(
        f"{row}: most in {counts.loc[row].idxmax()}, {counted(int(most[row]), unit)}"
        for row in counts.index
        if most[row] > 0
    )
    height = 2.4 + 0.27 * rows  # the title, the names of columns, written at a slant, and the rows
    ax = new(ax, width=9.2, height=height, alt=f"{title}. {said or 'Nothing'}.")
    shades = np.log10(counts.to_numpy(dtype=float) + 1)
    ax.pcolormesh(shades, cmap="Blues", vmin=0, vmax=max(shades.max(initial=0), 1), linewidth=0.6,
                  edgecolor="white")  # fmt: skip
    ax.set_xticks(
        np.arange(columns) + 0.5, [str(c) for c in counts.columns], rotation=60, ha="right"
    )
    ax.set_yticks(np.arange(rows) + 0.5, [str(r) for r in counts.index])
    ax.invert_yaxis()
    ax.set_title(f"{title}: {_darkest(counts, unit)}\n(darker: more {unit})")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax


def _darkest(counts: pd.DataFrame, unit: str) -> str:
    """
    Where most are, in words.

    >>> _darkest(pd.DataFrame({"s3": [1, 9], "ec2": [2, 3]}, ["ann", "bo"]), "actions")
    'most for bo in s3, 9 actions'
    """
    numbers = counts.to_numpy()
    if not (numbers > 0).any():
        return f"no {unit}"
    row, column = divmod(int(numbers.argmax()), numbers.shape[1])
    most = numbers[row, column]
    return f"most for {counts.index[row]} in {counts.columns[column]}, {counted(int(most), unit)}"


@styled
def paths_to_admin(
    boxes: pd.DataFrame,
    links: pd.DataFrame,
    *,
    title: str,
    missing: str = "",
    ax: Axes | None = None,
) -> Axes | Sentence:
    """
    Who can become administrator: a column per step, administrators at the right.

    Parameters
    ----------
    boxes, links : DataFrame
        As `boxes_and_links` returns them. The thicker a link, the more identities it stands for;
        thickness grows with the logarithm.
    title : str
        For the heading.
    missing, ax
        As in `bars`; texts fit on a chart of its own.
    """
    if missing:
        return not_assessed(missing)
    plan = escalation_layout.layout(boxes, links)
    description = f"{title}. {escalation_layout.described(boxes, links)}"
    ax = new(ax, width=plan.width, height=plan.height + 0.35, alt=description)
    ax.set_title(title)
    if isinstance(ax, Chart):
        ax.fine = True
    ax.set_axis_off()
    ax.set_xlim(-0.02, plan.width + 0.02)
    ax.set_ylim(plan.height, 0)
    for (left, top), (right, bottom), members in plan.curves:
        middle = (left + right) / 2
        bends = [(left, top), (middle, top), (middle, bottom), (right, bottom)]
        curve = Path(bends, [Path.MOVETO, *[Path.CURVE4] * 3])
        thick = 0.8 + 1.2 * np.log10(members)
        ax.add_patch(PathPatch(curve, fill=False, edgecolor=GREY, alpha=0.55, linewidth=thick))
    for box in plan.boxes:
        corner, shape = (
            (box.x, box.y - escalation_layout.HIGH / 2),
            "round,pad=0,rounding_size=0.06",
        )
        color = KIND_COLORS.get(box.kind, GREY)
        ax.add_patch(FancyBboxPatch(corner, plan.wide, escalation_layout.HIGH, shape,
                                    facecolor="white", edgecolor=color, linewidth=1.2))  # fmt: skip
    for x, y, text, size, muted in plan.texts:
        ax.text(x, y, text, color=MUTED if muted else INK, fontsize=size, va="center",
                fontfamily="DejaVu Sans Mono", linespacing=1.15, parse_math=False)  # fmt: skip
    return ax
