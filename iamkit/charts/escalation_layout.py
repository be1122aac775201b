"""
Who can become administrator, as a few boxes in columns: what `charts.paths_to_admin` draws.

The rightmost column has administrator access; to its left are those one step away, then two. Each
identity leads to one other, the next on its shortest path. In a small account every identity has a
box. In a large one, identities of a kind that lead to the same next one share a box; an identity
that many go through keeps its own, and the rest of a column shares the last. Whatever the account,
the boxes are few enough to be read, and every identity is in exactly one box of its column.

Lengths are in inches and letters have a fixed width, so positions and line breaks are arithmetic;
`axes` only draws.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from iamkit.counts import counted
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table, objects

MOST_BOXES: Final = 24
MOST_IN_COLUMN: Final = 8
MOST_STEPS: Final = 7  # identities further away are in that column, too

BOXES: Final = Table(
    name="boxes",
    row="one identity on a path to administrator access, or several that share a box",
    key=("box",),
    columns=(
        Column("box", COUNT, "number"),
        Column(
            "steps",
            COUNT,
            "column of the box: steps to administrator access, 7 for 7 and more; 0: has it",
        ),
        Column("place", COUNT, "position in its column, 0 at the top"),
        Column("kind", TEXT, "user, role or group; missing: several kinds"),
        Column("label", TEXT, "name of the identity, or the number of identities"),
        Column("members", COUNT, "number of users and roles in the box that start a path"),
        Column(
            "through",
            COUNT,
            "number of further identities whose shortest path goes through the box",
        ),
        Column("names", OBJECT, "list of the names in the box, those with the most paths first"),
    ),
)

LINKS: Final = Table(
    name="links",
    row="the link from one box to one of the next column",
    key=("from", "to"),
    columns=(
        Column("from", COUNT, "box"),
        Column("to", COUNT, "box"),
        Column("members", COUNT, "number of users and roles whose shortest path uses this link"),
    ),
)

# What the drawing measures.
WIDEST: Final = 2.35  # a box
GAP: Final = 0.4  # between two columns, in boxes
HIGH: Final = 0.52  # a box
ROW: Final = 0.62  # a box and the space below it
HEAD: Final = 0.42  # two lines above a column
NARROWEST, PAGE = 7.2, 10.4  # the whole
SIZE, SMALL = 7.5, 6.8  # points, of a label and of the note below it
LETTER: Final = 0.602 / 72  # inches to a point, the width of each letter of DejaVu Sans Mono
INDENT: Final = 0.07  # of a text in its box
MARGIN: Final = 0.16  # beside a text on both sides, and for what the figure's edge takes
REST: Final = "rest"


def boxes_and_links(admin_paths: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Return the boxes and the links between them. Rows: see `BOXES` and `LINKS`.

    Parameters
    ----------
    admin_paths : DataFrame
        Rows of `escalation.ADMIN_PATHS` of one context that are to be counted; rows without steps
        are not. An identity that is only on another's path is shown, but is not a member.

    In each column, members and through add up to the rows with at least this number of steps.
    """
    rows = admin_paths[admin_paths["steps"].notna()]
    steps = _steps(rows)
    nodes = _nodes(steps, rows)
    slots = _slots(Counter(nodes["steps"].tolist()))
    columns: list[pd.DataFrame] = []
    taken: dict[tuple[int, str], int] = {}
    places: dict[int, int] = {}
    for far in sorted(slots):
        part = nodes[nodes["steps"].eq(far)]
        onward = [taken.get((far - 1, arn), -1) for arn in part["after"]]
        part = part.assign(onward=onward, level=[places.get(box, 0) for box in onward])
        column = _column(part, slots[far], first=len(places))
        columns.append(column)
        places |= dict(zip(column["box"], column["place"], strict=True))
        for box, arns in zip(column["box"], column["arns"], strict=True):
            taken |= dict.fromkeys(((far, arn) for arn in arns), box)
    steps["from"] = [taken[node] for node in zip(steps["steps"], steps["arn"], strict=True)]
    steps["to"] = steps.groupby("row")["from"].shift(-1)
    links = steps.dropna(subset="to").groupby(["from", "to"]).size().reset_index(name="members")
    boxes = pd.concat(columns) if columns else pd.DataFrame(columns=BOXES.names)
    return BOXES.conform(boxes), LINKS.conform(links)


def _steps(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per identity on each path: `row`, `arn`, `steps` still to go, `after`, `starts`."""
    routes = objects([*route[:1], *route[1:][-MOST_STEPS:]] for route in rows["route"])
    paths = pd.DataFrame({"row": np.arange(len(routes)), "arn": routes})
    steps = paths.explode("arn", ignore_index=True)
    along = steps.groupby("row")
    return steps.assign(
        steps=along.cumcount(ascending=False),
        after=along["arn"].shift(-1),
        starts=along.cumcount() == 0,
    )


def _nodes(steps: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """One row per identity and column, in each column those that most go through first."""
    nodes = steps.groupby(["steps", "arn"], as_index=False).agg(
        weight=("row", "size"), members=("starts", "sum"), after=("after", "first")
    )
    arns = nodes["arn"].astype("str")
    known = rows.set_index("principal_arn")
    kinds = arns.str.extract(r":(user|role|group)/", expand=False)
    nodes = nodes.assign(
        through=nodes["weight"] - nodes["members"],
        name=arns.map(known["name"]).fillna(arns.str.rsplit("/", n=1).str[-1]),
        kind=arns.map(known["kind"]).fillna(kinds).fillna("other"),
    )
    order = ["steps", "through", "weight", "name", "arn"]
    return nodes.sort_values(order, ascending=[True, False, False, True, True])


def _slots(sizes: Mapping[int, int]) -> dict[int, int]:
    """How many boxes each column may have, taken from the fullest until all are few enough."""
    slots = {steps: min(size, MOST_IN_COLUMN) for steps, size in sorted(sizes.items())}
    while sum(slots.values()) > MOST_BOXES:
        slots[max(slots, key=lambda steps: (slots[steps], steps))] -= 1
    return slots


def _column(part: pd.DataFrame, slots: int, *, first: int) -> pd.DataFrame:
    """The boxes of one column, numbered from `first`: rows of `BOXES`, with their `arns`."""
    found = (
        part.groupby(_keys(part, slots), sort=False)
        .agg(
            steps=("steps", "first"),
            kinds=("kind", lambda kinds: sorted(set(kinds), reverse=True)),
            level=("level", "mean"),
            weight=("weight", "sum"),
            members=("members", "sum"),
            through=("through", "sum"),
            names=("name", list),
            arns=("arn", list),
        )
        .assign(more=lambda found: found.index == REST)
        .sort_values(
            ["more", "level", "through", "weight"],
            ascending=[True, True, False, False],
            kind="stable",
        )
    )
    words = zip(found["names"], found["kinds"], found["more"], strict=True)
    return found.assign(
        place=range(len(found)),
        box=range(first, first + len(found)),
        kind=found["kinds"].map(lambda kinds: kinds[0] if len(kinds) == 1 else None),
        label=[_label(names, kinds, more=more) for names, kinds, more in words],
    )


def _keys(part: pd.DataFrame, slots: int) -> pd.Series[str]:
    """For each identity of a column, what those who share its box have in common."""
    alone = [f"alone {number}" for number in range(len(part))]
    if len(part) <= slots:
        return pd.Series(alone, part.index)
    alike = [f"{kind} to {to}" for kind, to in zip(part["kind"], part["onward"], strict=True)]
    # An identity that others go through keeps its box if there is room, one with very many anyway.
    named = min(int(part["through"].gt(0).sum()), slots)
    many = part["through"].ge(part["weight"].sum() / (2 * slots)).sum()
    while named > min(many, slots // 2) and named + len(set(alike[named:])) > slots:
        named -= 1
    keys = pd.Series([*alone[:named], *alike[named:]], part.index)
    sizes = part["weight"].groupby(keys).sum().drop(alone[:named])
    if named + len(sizes) <= slots:
        return keys
    kept = [*alone[:named], *sizes.nlargest(slots - named - 1).index]
    return keys.where(keys.isin(kept), REST)


def _label(names: list[str], kinds: list[str], *, more: bool) -> str:
    """A box in a few words."""
    if len(names) == 1:
        return names[0]
    return f"{len(names):,}{' more' * more} {' and '.join(f'{kind}s' for kind in kinds)}"


class Box(NamedTuple):
    """A box in inches: its left edge and its middle, and what it stands for."""

    x: float
    y: float
    kind: str  # user, role, group, several, or admin


class Text(NamedTuple):
    """A text in inches: its left edge and its middle."""

    x: float
    y: float
    text: str
    size: float
    muted: bool


class Curve(NamedTuple):
    """A link in inches, from the right edge of one box to the left edge of the next."""

    start: tuple[float, float]
    end: tuple[float, float]
    members: int


class Layout(NamedTuple):
    """What is to be drawn, measured from the upper left corner."""

    width: float
    height: float
    wide: float  # each box
    boxes: list[Box]
    texts: list[Text]
    curves: list[Curve]


def layout(boxes: pd.DataFrame, links: pd.DataFrame) -> Layout:
    """
    Lay out what `boxes_and_links` returns.

    A label takes two lines at most, a note one; what does not fit ends in an ellipsis. A note names
    the kind, or the first names in the box, and how many go through it.
    """
    counts = Counter(boxes["steps"].tolist())
    most = max(counts.values(), default=1)
    wide = min(WIDEST, PAGE / (1 + (1 + GAP) * max(counts, default=0)))
    step = wide * (1 + GAP)
    left = {steps: step * (max(counts) - steps) for steps in counts}
    members = boxes.groupby("steps")["members"].sum().to_dict()
    drawn: dict[int, Box] = {}
    heads = {left[steps]: _head(steps, members[steps]) for steps in left} or {0.0: "nobody"}
    texts = [Text(x, HEAD / 2, text, SIZE, muted=True) for x, text in heads.items()]
    for row in boxes.to_dict("records"):
        steps, kind = row["steps"], "several" if pd.isna(row["kind"]) else row["kind"]
        middle = HEAD + ROW * ((most - counts[steps]) / 2 + row["place"] + 0.5)
        drawn[row["box"]] = Box(left[steps], middle, kind if steps else "admin")
        texts += _texts(row, kind, left[steps], middle, wide)
    linked = zip(links["from"], links["to"], links["members"], strict=True)
    curves = [
        Curve((drawn[start].x + wide, drawn[start].y), (drawn[end].x, drawn[end].y), number)
        for start, end, number in linked
    ]
    width = max(NARROWEST, wide + max(left.values(), default=0))
    return Layout(width, HEAD + ROW * most, wide, list(drawn.values()), texts, curves)


def _head(steps: int, members: int) -> str:
    """What stands above a column."""
    far = f"{counted(steps, 'steps')}{' or more' * (steps == MOST_STEPS)}"
    return f"{far if steps else 'administrator'}\n{counted(members, 'identities')}"


def _texts(
    row: Mapping[Hashable, Any], kind: str, left: float, middle: float, wide: float
) -> list[Text]:
    """The label and the note of a box."""
    room = (wide - MARGIN) / LETTER
    label = fitted(row["label"], int(room / SIZE), 2)
    come = f" ← {row['through']:,}" if row["through"] else ""
    who = kind if len(row["names"]) == 1 else ", ".join(row["names"][:9])
    note = fitted(who, int(room / SMALL) - len(come)) + come
    up, down = (0.08, 0.15) if "\n" in label else (0.07, 0.1)
    left += INDENT
    return [
        Text(left, middle - up, label, SIZE, muted=False),
        Text(left, middle + down, note, SMALL, muted=True),
    ]


def fitted(text: str, letters: int, lines: int = 1) -> str:
    r"""
    Text in a number of lines of a number of letters; longer text is cut.

    Whatever is not a printable letter of ASCII, as all of IAM's names are, is a question mark.

    >>> fitted("a-rather-long-name", 9, 2), fitted("a-rather-long-name", 9)
    ('a-rather-\nlong-name', 'a-rather…')
    """
    plain = "".join(each if each.isascii() and each.isprintable() else "?" for each in text)
    wrapped = textwrap.wrap(plain, letters)
    if len(wrapped) > lines:  # then not only at hyphens
        if len(plain) > letters * lines:
            plain = plain[: letters * lines - 1] + "…"
        wrapped = [plain[at : at + letters] for at in range(0, len(plain), letters)]
    return "\n".join(wrapped)


def described(boxes: pd.DataFrame, links: pd.DataFrame) -> str:
    """
    Describe the drawing in words: who leads to whom, the furthest first.

    >>> described(BOXES.rows(dict(box=0, steps=0, label="admin")), LINKS.rows())
    'admin can do everything.'
    """
    label = boxes.set_index("box")["label"]
    ends = ", ".join(boxes.loc[boxes["steps"].eq(0), "label"])
    ordered = links.sort_values(["from", "to"], ascending=[False, True])
    pairs = zip(ordered["from"], ordered["to"], ordered["members"], strict=True)
    onward = [f"{label[start]} to {label[end]} ({members:,})" for start, end, members in pairs]
    return "; ".join([*onward, f"{ends or 'nobody'} can do everything"]) + "."
