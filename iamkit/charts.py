"""
What a notebook shows: tables, sentences, figures and charts, each as data with a safe preview.

Text in a report comes from the audited account, so whoever names a role there writes on the page.
The objects here therefore display as *data*: JSON under our own media types, which the report
escapes where it makes the page (`data/page/page.html.j2`). For JupyterLab each carries an escaped
HTML preview as well; the report never uses it. A chart is a matplotlib Axes that draws itself as
one SVG or PNG with an alternative text, the same bytes each time.
"""

import base64
import datetime as dt
import html
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar, cast

import numpy as np
import pandas as pd
from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

TABLE_TYPE = "application/vnd.iamkit.table+json"
TEXT_TYPE = "application/vnd.iamkit.text+json"
FIGURES_TYPE = "application/vnd.iamkit.figures+json"

Kind = Literal["text", "number", "time", "truth", "severity"]
Tone = Literal["plain", "good", "bad", "note"]
Bundle = dict[str, Any]
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

PREVIEW_ROWS = 50
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
    "grid.color": "#e7ebef",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "iamkit",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


class TableView:
    """A table as a notebook shows it; made by `table`."""

    def __init__(
        self, caption: str, columns: Sequence[tuple[str, Kind]], data: list[list[Any]]
    ) -> None:
        self.caption = caption
        self.columns = columns
        self.data = data

    def _preview(self) -> pd.DataFrame:
        shown = [["" if v is None else str(v) for v in row] for row in self.data[:PREVIEW_ROWS]]
        return pd.DataFrame(shown, columns=[name for name, _ in self.columns], dtype=object)

    def __repr__(self) -> str:
        return f"{self.caption}\n{self._preview().to_string(index=False, max_rows=12)}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        title = _clean(self.caption)
        if len(self.data) > PREVIEW_ROWS:
            title += f" [{len(self.data)} rows; preview of {PREVIEW_ROWS}]"
        with pd.option_context("display.max_colwidth", None):
            preview = self._preview().to_html(index=False, border=0)
        columns = [{"name": name, "kind": kind} for name, kind in self.columns]
        return {
            TABLE_TYPE: {"caption": self.caption, "columns": columns, "data": self.data},
            "text/html": f"<p><strong>{html.escape(title)}</strong></p>{preview}",
            "text/plain": repr(self),
        }


def table(
    frame: pd.DataFrame,
    caption: str,
    *,
    rows: int | None = None,
    severity: str | Sequence[str] | None = None,
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
    missing : str
        Which evidence is missing. Without rows the sentence that says so stands for the table;
        with rows the caption says that there may be more.

    Missing values show as a dash, Booleans as yes and no, times in UTC to the hour or the day,
    spans as whole days, lists with commas.
    """
    if missing and not len(frame):
        return not_assessed(missing)
    badges = {severity} if isinstance(severity, str) else set(severity or ())
    if any(name is not None for name in frame.index.names):
        named = [name for name in frame.index.names if name is not None]
        frame = frame.reset_index(level=named, allow_duplicates=True)
    caption = _clean(f"{caption} (incomplete: {missing})" if missing else caption)
    if rows is not None and len(frame) > rows:
        caption += f" (first {rows:,} of {len(frame):,})"
        frame = frame.head(rows)
    columns: list[tuple[str, Kind]] = []
    values: list[list[Any]] = []
    for position, label in enumerate(frame.columns):
        kind, column = _column(frame.iloc[:, position])
        columns.append((_label(label), "severity" if label in badges else kind))
        values.append(column)
    return TableView(caption, columns, [list(row) for row in zip(*values, strict=True)])


def _column(series: "pd.Series[Any]") -> tuple[Kind, list[Any]]:
    """The kind of a column and its values as JSON holds them."""
    present = [_value(v) for v in series]
    found = [type(v) for v in series if not _missing(v)]
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


def _value(value: Any) -> str | int | float | None:
    """One cell as JSON holds it; None if missing."""
    if _missing(value):
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
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(str("" if (v := _value(item)) is None else v) for item in value)
    return _clean(value)


def _missing(value: Any) -> bool:
    return value is None or (bool(pd.isna(value)) if pd.api.types.is_scalar(value) else False)


def _clean(text: object) -> str:
    """Text that any file can hold: a lone surrogate, legal in JSON, has no UTF-8 form."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def _label(label: object) -> str:
    return _clean(" / ".join(map(str, label)) if isinstance(label, tuple) else label)


class Sentence:
    """Prose computed from the data; made by `say`."""

    def __init__(self, text: str, tone: Tone) -> None:
        self.text = text
        self.tone = tone

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.text))
        return {
            TEXT_TYPE: {"text": self.text, "tone": self.tone},
            "text/html": f"<p>{marked}</p>",
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
    return Sentence(_clean(" ".join(map(str, sentences))), tone)


class Figures:
    """The row of large numbers at the top of a page; made by `figures`."""

    def __init__(self, items: Sequence[tuple[str, str, str, str]]) -> None:
        self.items = items

    def __repr__(self) -> str:
        lines = (f"{label}: {value} ({note})" for label, value, note, _ in self.items)
        return "\n".join(line.removesuffix(" ()") for line in lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        keys = ("label", "value", "note", "tone")
        cells = "".join(
            f"<td><small>{html.escape(label)}</small><br><strong>{html.escape(value)}</strong>"
            f"<br><small>{html.escape(note)}</small></td>"
            for label, value, note, _ in self.items
        )
        return {
            FIGURES_TYPE: [dict(zip(keys, item, strict=True)) for item in self.items],
            "text/html": f"<table><tr>{cells}</tr></table>",
            "text/plain": repr(self),
        }


def figures(*, missing: str = "", **values: object) -> Figures | Sentence:
    """
    The numbers a reader should see first, one per argument.

    Each value is the number alone, or `(number, note)`, or `(number, note, tone)`. The name is
    the label, underscores read as spaces; any other label goes in as `**{"MFA enforced": 41}`.
    Where evidence for all of them is missing, the sentence that says so takes their place; for one
    of them, `assessed` says it.

    >>> figures(users=1260, with_MFA=("78 %", "981 of 1,260", "bad"))
    Users: 1,260
    With MFA: 78 % (981 of 1,260)
    """
    if missing:
        return not_assessed(missing)
    items = []
    for name, given in values.items():
        value, note, tone = (*(given if isinstance(given, tuple) else (given,)), "", "plain")[:3]
        label = _clean(name.replace("_", " "))
        shown = _value(value)
        if isinstance(shown, int):
            shown = f"{shown:,}"
        text = "–" if shown is None else f"{shown:g}" if isinstance(shown, float) else shown
        items.append((label[:1].upper() + label[1:], text, _clean(note), str(tone or "plain")))
    return Figures(items)


def assessed(value: object, missing: str) -> object:
    """
    A figure's value, or, where evidence for it is missing, that it was not assessed.

    >>> figures(roles=assessed(0, "roles are not known"))
    Roles: – (not assessed)
    """
    return ("–", "not assessed", "note") if missing else value


class Chart(Axes):
    """
    Axes that a notebook shows by themselves, once, with an alternative text.

    pyplot does not know the figure, so nothing else draws it a second time. Up to a few thousand
    marks it is drawn as SVG, above that as PNG, which is then the smaller file.
    """

    alt: str = ""

    def set_title(self, *arguments: Any, **options: Any) -> Any:
        """Write the title where our style has it: at the left, above the data."""
        with _style():
            return super().set_title(*arguments, **options)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[Bundle, Bundle]:
        media, content = ("image/png", _png) if _marks(self) > MOST_VECTOR_MARKS else _SVG
        with _style():
            drawn = content(cast(Figure, self.figure))
        return {media: drawn, "text/plain": self.alt}, {media: {"alt": self.alt}}


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")


_SVG = ("image/svg+xml", _svg)


def new(ax: Axes | None = None, *, width: float = 7.2, height: float = 3.0, alt: str = "") -> Axes:
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
    chart.alt = _clean(alt)
    return chart


def _style() -> AbstractContextManager[None]:
    """Our look over matplotlib's own defaults: a `matplotlibrc` at home changes no report."""
    ours = {k: v for k, v in rcParamsDefault.items() if not k.startswith("backend")} | _STYLE
    return rc_context(cast(Any, ours))


def _styled(draw: Callable[P, R]) -> Callable[P, R]:
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


def share(part: Any, whole: Any) -> str:
    """
    A part of a whole in words, with the percentage where there is one.

    >>> share(12, 60), share(0, 0)
    ('12 of 60 (20 %)', 'none of none')
    """
    if not whole:
        return "none of none"
    return f"{int(part):,} of {int(whole):,} ({percent(part, whole)})"


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
    The latest of some times in words.

    >>> when(pd.Series(pd.to_datetime(["2026-10-01", None], utc=True)))
    'on 2026-10-01'
    """
    latest = times.max()
    return "never, as far as AWS recorded it" if pd.isna(latest) else f"on {latest:%Y-%m-%d}"


@_styled
def bars(
    counts: "pd.Series[Any] | pd.DataFrame",
    *,
    title: str,
    unit: str,
    colors: Mapping[str, str] | None = None,
    missing: str = "",
    ax: Axes | None = None,
) -> Axes | Sentence:
    """
    Horizontal bars, one per row, with the number at its end.

    Parameters
    ----------
    counts : Series, or DataFrame with one column per part of a stacked bar
        Indexed by the label of each bar; a two-level index reads "outer, inner".
    title, unit : str
        What is counted, for the heading and for the axis.
    colors : mapping of column to colour, optional
        Else one after the other from `SERIES`.
    missing : str
        Which evidence is missing; if any is, the sentence that says so stands for the chart.
    ax : Axes, optional
        Where to draw; else on a chart of its own.
    """
    if missing:
        return not_assessed(missing)
    parts = counts.to_frame(unit) if isinstance(counts, pd.Series) else counts
    labels = [", ".join(label) if isinstance(label, tuple) else str(label) for label in parts.index]
    total = parts.sum(axis=1)
    said = "; ".join(
        f"{label}: " + ", ".join(f"{row[name]:g} {name}" for name in parts.columns)
        for label, (_, row) in zip(labels, parts.iterrows(), strict=True)
    )
    ax = new(ax, height=0.75 + 0.36 * max(len(parts), 1), alt=f"{title}. {said or 'Nothing'}.")
    left = np.zeros(len(parts))
    for number, name in enumerate(parts.columns):
        color = (colors or {}).get(name, SERIES[number % len(SERIES)])
        values = parts[name].to_numpy(dtype=float)
        ax.barh(range(len(parts)), values, left=left, height=0.62, color=color, label=str(name))
        left += values
    for position, value in enumerate(total):
        ax.annotate(f" {value:,.0f}", (value, position), va="center", color=INK)
    ax.set_yticks(range(len(parts)), labels)
    ax.invert_yaxis()
    ax.set_title(title)
    ax.set_xlim(0, max(total.max() if len(total) else 0, 1) * 1.1)
    ax.spines[["bottom", "left"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks([])
    if isinstance(counts, pd.DataFrame):
        ax.legend(loc="upper left", ncols=len(parts.columns), bbox_to_anchor=(-0.01, 0.02))
    return ax


@_styled
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
    known = days.dropna().to_numpy(dtype=float)
    over = int((known > limit).sum())
    said = f"{over:,} of {len(known):,} {unit} are older than {limit} days"
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
    ax.annotate(f" {limit} days", (limit, 1), xycoords=("data", "axes fraction"), va="top")
    ax.set_title(f"{title}: {said}{unknown}", fontsize=10)
    older = f" (the last bar: {edges[-2]:.0f} and more)" if (known > edges[-1]).any() else ""
    ax.set_xlabel(f"days{older}")
    ax.set_ylabel(unit)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y")
    ax.spines["left"].set_visible(False)
    ax.tick_params(length=0)
    return ax


def labelled(counts: Any, rows: Iterable[object], columns: Iterable[object]) -> pd.DataFrame:
    """An array of counts, shape (rows, columns), as a table for `heat`."""
    return pd.DataFrame(counts, index=list(rows), columns=list(columns))


@_styled
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
    rows, columns = counts.shape
    most = counts.max(axis=1)
    said = "; ".join(
        f"{row}: most in {counts.loc[row].idxmax()}, {most[row]:,.0f} {unit}"
        for row in counts.index
        if columns and most[row] > 0
    )
    height = 1.5 + 0.27 * max(rows, 1)
    ax = new(ax, width=9.2, height=height, alt=f"{title}. {said or 'Nothing'}.")
    shades = np.log10(counts.to_numpy(dtype=float) + 1)
    ax.pcolormesh(shades, cmap="Blues", vmin=0, vmax=max(shades.max(initial=0), 1), linewidth=0.6,
                  edgecolor="white")  # fmt: skip
    ax.set_xticks(
        np.arange(columns) + 0.5, [str(c) for c in counts.columns], rotation=60, ha="right"
    )
    ax.set_yticks(np.arange(rows) + 0.5, [str(r) for r in counts.index])
    ax.invert_yaxis()
    ax.set_title(f"{title} (darker: more {unit})")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax


def not_assessed(missing: str) -> Sentence:
    """Say that missing evidence leaves a question open."""
    return say(f"Not assessed: {missing}.", tone="note")
