"""The drawing of the paths to administrator access: few boxes, each identity in one of them."""

from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.charts import escalation_layout
from iamkit.charts.escalation_layout import (
    MOST_BOXES,
    MOST_IN_COLUMN,
    MOST_STEPS,
    boxes_and_links,
    described,
    layout,
)
from iamkit.escalation import ADMIN_PATHS
from tests.accounts import ARN


def path(*names: str) -> dict[str, Any]:
    """A row of `ADMIN_PATHS`: the shortest way of the first, such as user/ann, to the last."""
    kind, _, name = names[0].partition("/")
    route = [f"{ARN}{each}" for each in names]
    return {"principal_arn": route[0], "kind": kind, "name": name, "steps": len(names) - 1,
            "route": route}  # fmt: skip


def drawn(*paths: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    return boxes_and_links(ADMIN_PATHS.rows(*paths))


def column(boxes: pd.DataFrame, steps: int) -> dict[str, tuple[int, int]]:
    """Members and through of each box of a column, by label, from the top."""
    part = boxes[boxes["steps"].eq(steps)].sort_values("place")
    return dict(zip(part["label"], zip(part["members"], part["through"], strict=True), strict=True))


def flows(boxes: pd.DataFrame, links: pd.DataFrame) -> dict[tuple[str, str], int]:
    """How many go from one box to the next, by their labels."""
    label = boxes.set_index("box")["label"]
    ends = zip(label[links["from"]], label[links["to"]], strict=True)
    return dict(zip(ends, links["members"], strict=True))


# ── Boxes ──────────────────────────────────────────────────────────────────────────────────────


def test_in_a_small_account_everybody_has_a_box() -> None:
    boxes, links = drawn(
        path("role/admin"),
        path("user/ann", "role/admin"),
        path("user/bob", "user/ann", "role/admin"),
    )
    assert column(boxes, 0) == {"admin": (1, 2)}
    assert column(boxes, 1) == {"ann": (1, 1)}
    assert column(boxes, 2) == {"bob": (1, 0)}
    assert flows(boxes, links) == {("ann", "admin"): 2, ("bob", "ann"): 1}


def test_thousands_of_a_kind_that_go_on_alike_are_one_box() -> None:
    many = [path(f"user/u{n:04d}", "role/admin") for n in range(2931)]
    boxes, links = drawn(path("role/admin"), *many, path("role/ci", "role/admin"))
    assert column(boxes, 1) == {"2,931 users": (2931, 0), "ci": (1, 0)}
    assert flows(boxes, links) == {("2,931 users", "admin"): 2931, ("ci", "admin"): 1}
    assert boxes.loc[boxes["label"].eq("2,931 users"), "names"].iat[0][:2] == ["u0000", "u0001"]


def test_those_who_go_on_to_different_ones_do_not_share_a_box() -> None:
    paths = [path(f"user/{end}{n}", f"role/{end}") for end in ("a", "b") for n in range(9)]
    boxes, links = drawn(*paths)
    assert column(boxes, 1) == {"9 users": (9, 0)}, "both boxes have this label"
    assert len(boxes[boxes["steps"].eq(1)]) == 2
    assert links["members"].tolist() == [9, 9]


def test_what_many_come_through_keeps_its_name() -> None:
    """Among fifty roles that go on alike, the one that a hundred users come through."""
    paths = [path(f"role/r{n:02d}", "role/admin") for n in range(50)]
    paths += [path(f"user/u{n:03d}", "role/r07", "role/admin") for n in range(100)]
    boxes, _ = drawn(*paths)
    assert column(boxes, 1) == {"r07": (1, 100), "49 roles": (49, 0)}


def test_it_does_so_even_where_there_are_more_groups_than_boxes() -> None:
    paths = [
        path(f"{kind}/{kind}{n}", f"role/r{n % 8}") for kind in ("user", "role") for n in range(64)
    ]
    paths += [path(f"user/u{n:03d}", "role/role63", "role/r7") for n in range(100)]
    boxes, _ = drawn(*paths)
    assert column(boxes, 1)["role63"] == (1, 100)
    assert len(column(boxes, 1)) > 2, "the others are not all in the rest"


def test_the_rest_of_a_column_shares_its_last_box() -> None:
    """Users and roles that go on to eight others are sixteen groups, and eight boxes."""
    paths = [
        path(f"{kind}/{kind}{end}-{n}", f"role/r{end}")
        for kind in ("user", "role")
        for end in range(8)
        for n in range(3)
    ]
    paths += [path(f"role/big{n}", "role/r6") for n in range(7)]
    boxes, links = drawn(*paths)
    part = boxes[boxes["steps"].eq(1)]
    assert len(part) == MOST_IN_COLUMN
    assert part["members"].tolist() == [10, 3, 3, 3, 3, 3, 3, 27], "the largest is no rest"
    assert part["label"].iat[-1] == "27 more users and roles"
    assert part["kind"].isna().tolist() == [False] * 7 + [True]
    assert links["members"].sum() == 55


def test_ends_that_nobody_needs_share_a_box_where_there_are_many() -> None:
    boxes, _ = drawn(path("user/ann", "role/r03"), *(path(f"role/r{n:02d}") for n in range(20)))
    assert column(boxes, 0) == {"r03": (1, 1), "19 roles": (19, 0)}


def test_whoever_is_only_on_the_way_is_shown_and_not_counted() -> None:
    """A group has no row of its own, nor has a user who cannot come so."""
    boxes, _ = drawn(path("user/ann", "group/ops", "user/old", "role/admin"))
    assert column(boxes, 2) == {"ops": (0, 1)}
    assert column(boxes, 1) == {"old": (0, 1)}
    assert column(boxes, 0) == {"admin": (0, 1)}
    assert boxes.set_index("label")["kind"].to_dict() == {
        "admin": "role", "old": "user", "ops": "group", "ann": "user"
    }  # fmt: skip


def test_who_gives_itself_everything_stands_in_both_columns() -> None:
    boxes, links = drawn(path("user/ann", "user/ann"))
    assert column(boxes, 1) == {"ann": (1, 0)}
    assert column(boxes, 0) == {"ann": (0, 1)}
    assert links["members"].tolist() == [1]


def test_further_away_than_the_last_column_stands_in_it() -> None:
    names = [f"role/r{n}" for n in range(10)]
    boxes, links = drawn(path(*names), path(*names[1:]))
    assert boxes["steps"].max() == MOST_STEPS
    assert column(boxes, MOST_STEPS) == {"r0": (1, 0), "r1": (1, 0)}
    assert flows(boxes, links)["r0", "r3"] == 1, "it goes on where its way enters the drawing"


def test_those_without_a_certain_way_are_left_out() -> None:
    nobody = {**path("user/ann"), "steps": None, "possible_steps": 1, "route": []}
    boxes, links = drawn(nobody, path("role/admin"))
    assert column(boxes, 0) == {"admin": (1, 0)}
    assert links.empty


def test_nobody_is_no_error() -> None:
    boxes, links = drawn()
    assert boxes.empty
    assert links.empty
    assert described(boxes, links) == "nobody can do everything."
    assert [text.text for text in layout(boxes, links).texts] == ["nobody"]


@st.composite
def accounts(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Ways through a random forest; who has no row of its own may be on the way of others."""
    sizes = draw(st.lists(st.integers(1, 60), min_size=1, max_size=9))
    random = draw(st.randoms(use_true_random=False))
    kinds = ("user", "role")
    columns = [[f"{random.choice(kinds)}/c{c}-{n}" for n in range(s)] for c, s in enumerate(sizes)]
    onward = {name: random.choice(nearer) for nearer, far in pairwise(columns) for name in far}
    rows = []
    for name in (name for names in columns for name in names):
        route = [name]
        while route[-1] in onward:
            route.append(onward[route[-1]])
        if random.random() < 0.9:
            rows.append(path(*route))
    return rows


@given(rows=accounts())
def test_every_one_is_in_one_box_and_the_numbers_reconcile(rows: list[dict[str, Any]]) -> None:
    boxes, links = drawn(*rows)
    steps = pd.Series([min(row["steps"], MOST_STEPS) for row in rows], dtype="int64")
    for far, part in boxes.groupby("steps"):
        assert part["members"].sum() == (steps == far).sum()
        assert part["members"].sum() + part["through"].sum() == (steps >= far).sum()
        assert sorted(part["place"]) == list(range(len(part)))
        assert len(part) <= MOST_IN_COLUMN
    assert len(boxes) <= MOST_BOXES
    assert boxes["box"].tolist() == list(range(len(boxes)))
    names = [name for each in boxes["names"] for name in each]
    assert len(names) == len(set(names)), "in one box only"
    assert {row["name"] for row in rows} <= set(names)
    weight = boxes.set_index("box")[["members", "through", "steps"]]
    sent = links.groupby("from")["members"].sum()
    came = links.groupby("to")["members"].sum().reindex(weight.index, fill_value=0)
    away = weight[weight["steps"] > 0]
    assert sent.to_dict() == (away["members"] + away["through"]).to_dict(), "all that come go on"
    assert came.to_dict() == weight["through"].to_dict()
    far = links["from"].map(weight["steps"]) - links["to"].map(weight["steps"])
    assert far.eq(1).all(), "each link leads to the next column"


# ── Layout ─────────────────────────────────────────────────────────────────────────────────────


def wide(far: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A full drawing so many steps wide, with names as long as IAM allows."""
    paths = [
        path(*(f"user/{'W' * 100}{steps}-{n}" for steps in range(start, -1, -1)))
        for start in range(far + 1)
        for n in range(30)
    ]
    return drawn(*paths)


@pytest.mark.parametrize("far", range(MOST_STEPS + 1))
def test_nothing_overlaps_and_all_is_within_the_drawing(far: int) -> None:
    plan = layout(*wide(far))
    step = plan.wide * (1 + escalation_layout.GAP)
    for number, box in enumerate(plan.boxes):
        assert box.x >= 0
        assert box.x + plan.wide <= plan.width + 1e-9
        assert box.y - escalation_layout.HIGH / 2 >= escalation_layout.HEAD
        assert box.y + escalation_layout.HIGH / 2 <= plan.height
        for other in plan.boxes[:number]:
            apart = abs(box.x - other.x), abs(box.y - other.y)
            assert apart[0] > step - 1e-9 or apart[1] > escalation_layout.ROW - 1e-9
    for text in plan.texts:
        letters = max(map(len, text.text.splitlines()))
        room = step if text.y < escalation_layout.HEAD else plan.wide - escalation_layout.INDENT
        assert letters * text.size * escalation_layout.LETTER <= room


def test_a_note_names_the_kind_or_the_first_and_how_many_come_through() -> None:
    paths = [path(f"user/u{n}", "role/admin") for n in range(20)]
    plan = layout(*drawn(path("role/admin"), *paths))
    texts = [text.text for text in plan.texts]
    assert texts[:2] == ["administrator\n1 identity", "1 step\n20 identities"]
    assert texts[2:] == ["admin", "role ← 20", "20 users", "u0, u1, u10, u11, u12, u13, u14, u15,…"]


def test_a_name_is_broken_at_a_hyphen_if_it_then_fits() -> None:
    assert escalation_layout.fitted("deploy-production", 11, 2) == "deploy-\nproduction"
    assert escalation_layout.fitted("deployment-of-production", 10, 2) == "deployment\n-of-produ…"
    assert escalation_layout.fitted("x" * 30, 10, 2) == "x" * 10 + "\n" + "x" * 9 + "…"
    assert escalation_layout.fitted("naïve\x00\n", 10) == "na?ve??"


def test_the_words_say_who_goes_on_to_whom() -> None:
    paths = (
        path("role/admin"),
        path("user/ann", "role/admin"),
        path("user/bob", "user/ann", "role/admin"),
    )
    assert described(*drawn(*paths)) == "bob to ann (1); ann to admin (2); admin can do everything."
