"""
Who can come to do everything, as a few boxes in columns: what `charts.ladder` draws.

The column at the right can do everything; to its left stand those one hop away, then two. Each
identity goes on to one other, the next on its shortest way. In a small account everybody has a box.
In a large one, identities of a kind that go on to the same next one share a box; what many come
through keeps its own, and what is left over in a column shares the last. Whatever the account, the
boxes are few enough to be read, and every identity is in exactly one of those of its column.

Lengths are in inches, texts in letters of a fixed width, so that where everything goes and what
fits is arithmetic; `charts` only draws it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.schema import COUNT, OBJECT, TEXT, Column, Table, objects

MOST_BOXES: Final = 24
MOST_IN_COLUMN: Final = 8
MOST_HOPS: Final = 7  # who is further away stands there, too

BOXES: Final = Table(
    name="boxes",
    row="one identity on the way to administration, or several that share a box",
    key=("box",),
    columns=(
        Column("box", COUNT, "number"),
        Column("hops", COUNT, "its column: steps to administration, 7 for more; 0: it is there"),
        Column("place", COUNT, "place in its column, 0 at the top"),
        Column("kind", TEXT, "user, role or group; missing: several kinds"),
        Column("label", TEXT, "name of the one, or how many there are"),
        Column("members", COUNT, "users and roles in it that the rows are about"),
        Column("through", COUNT, "further ones that come through it on their shortest way"),
        Column("names", OBJECT, "list of the names in it, what most come through first"),
    ),
)
LINKS: Final = Table(
    name="links",
    row="the way from one box to one of the next column",
    key=("from", "to"),
    columns=(
        Column("from", COUNT, "box"),
        Column("to", COUNT, "box"),
        Column("members", COUNT, "users and roles that go this way, from however far"),
    ),
)

# What the drawing measures.
WIDEST: Final = 2.35  # a box
GAP: Final = 0.4  # between two boxes, in boxes
ROW: Final = 0.62
HEIGHT: Final = 0.52
HEAD: Final = 0.42  # two lines above a column
PAGE: Final = 10.4
LETTER: Final = 0.602 / 72  # of DejaVu Sans Mono, for each point of its size
SIZE, SMALL = 7.5, 6.8
_MARGIN: Final = 0.16  # for both sides of a text, and for what the edge of the figure takes


def rungs(rises: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Return the boxes and the links between them. Rows: see `BOXES` and `LINKS`.

    Parameters
    ----------
    rises : DataFrame
        Rows of `reach.RISES` of one context, whichever are to be counted; those without hops are
        not. Who is only on somebody's way is shown and not counted among the members.

    In each column members and through sum up to the rows with at least so many hops.
    """
    rows = rises[rises["hops"].notna()]
    steps = _steps(rows)
    nodes = _nodes(steps, rows)
    found: list[pd.DataFrame] = []
    box: dict[tuple[int, str], int] = {}
    place: dict[int, int] = {-1: 0}
    slots = _slots(nodes["hops"].value_counts().to_dict())
    for hops, part in nodes.groupby("hops"):
        onward = [box.get((hops - 1, arn), -1) for arn in part["after"]]
        column = _column(part.assign(onward=onward, level=[place[at] for at in onward]),
                         slots[hops], first=len(place) - 1)  # fmt: skip
        found.append(column)
        place |= dict(zip(column["box"], column["place"], strict=True))
        box |= {
            (hops, arn): number
            for number, arns in zip(column["box"], column["arns"], strict=True)
            for arn in arns
        }
    steps["from"] = [box[node] for node in zip(steps["hops"], steps["arn"], strict=True)]
    steps["to"] = steps.groupby("row")["from"].shift(-1)
    links = steps.dropna(subset="to").groupby(["from", "to"]).size().reset_index(name="members")
    boxes = pd.concat(found) if found else pd.DataFrame(columns=BOXES.names)
    return BOXES.conform(boxes), LINKS.conform(links)


def _steps(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per identity on each way: `row`, `arn`, `hops` still to go, `after`, `starts`."""
    routes = objects([*route[:1], *route[1:][-MOST_HOPS:]] for route in rows["route"])
    walks = pd.DataFrame({"row": np.arange(len(routes)), "arn": routes})
    steps = walks.explode("arn", ignore_index=True)
    along = steps.groupby("row")
    return steps.assign(
        hops=along.cumcount(ascending=False), after=along["arn"].shift(-1), starts=along.cumcount() == 0
    )


def _nodes(steps: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """One row per identity and column, what most come through first."""
    nodes = steps.groupby(["hops", "arn"], as_index=False).agg(
        weight=("row", "size"), members=("starts", "sum"), after=("after", "first")
    )
    arns = nodes["arn"].astype("str")
    known = rows.set_index("principal_arn")
    kinds = arns.str.extract(r":(user|role|group)/", expand=False)
    return nodes.assign(
        through=nodes["weight"] - nodes["members"],
        name=arns.map(known["name"]).fillna(arns.str.rsplit("/", n=1).str[-1]),
        kind=arns.map(known["kind"]).fillna(kinds).fillna("identity"),
    ).sort_values(["hops", "through", "weight", "name", "arn"],
                  ascending=[True, False, False, True, True])  # fmt: skip


def _slots(sizes: Mapping[int, int]) -> dict[int, int]:
    """How many boxes each column may have, taken from the fullest until all are few enough."""
    slots = {hops: min(size, MOST_IN_COLUMN) for hops, size in sorted(sizes.items())}
    while sum(slots.values()) > MOST_BOXES:
        slots[max(slots, key=lambda hops: (slots[hops], hops))] -= 1
    return slots


def _column(part: pd.DataFrame, slots: int, *, first: int) -> pd.DataFrame:
    """The boxes of one column, numbered from `first`: rows of `BOXES`, and their `arns`."""
    shared = part.assign(key=_keys(part, slots)).groupby("key", sort=False)
    found = shared.agg(
        hops=("hops", "first"),
        kind=("kind", lambda kinds: kinds.iat[0] if kinds.nunique() == 1 else None),
        level=("level", "mean"),
        weight=("weight", "sum"),
        members=("members", "sum"),
        through=("through", "sum"),
        names=("name", list),
        arns=("arn", list),
    )
    found = found.assign(last=found.index == REST).sort_values(
        ["last", "level", "weight"], ascending=[True, True, False], kind="stable"
    )
    return found.assign(
        place=range(len(found)),
        box=range(first, first + len(found)),
        label=[
            _label(names, kind, last)
            for names, kind, last in zip(found["names"], found["kind"], found["last"], strict=True)
        ],
    )


REST: Final = "rest"


def _keys(part: pd.DataFrame, slots: int) -> list[Hashable]:
    """What those who share a box have in common, for each identity of a column."""
    alone: list[Hashable] = [f"alone {at}" for at in range(len(part))]
    if len(part) <= slots:
        return alone
    alike = [f"{kind} to {to}" for kind, to in zip(part["kind"], part["onward"], strict=True)]
    # As many as possible of those that others come through stay alone, half of the boxes at least.
    hubs = min(int(part["through"].gt(0).sum()), slots)
    for named in range(hubs, -1, -1):
        keys = [*alone[:named], *alike[named:]]
        if len(set(keys)) <= slots:
            return keys
        if named <= slots // 2:
            break
    sizes = part["weight"].groupby(keys[named:] and pd.Index(keys), sort=False).sum()
    largest = sizes.drop(alone[:named]).nlargest(slots - named - 1).index
    kept = {*alone[:named], *largest}
    return [key if key in kept else REST for key in keys]


def _label(names: list[str], kind: str | None, last: bool) -> str:
    """A box in a few words."""
    if len(names) == 1:
        return names[0]
    return f"{len(names):,}{' more' * last} {f'{kind}s' if kind else 'users and roles'}"
