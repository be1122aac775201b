"""Charts say in words what they show, draw the same bytes, and admit what is missing."""

from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from iamkit import charts
from iamkit.charts.axes import Chart, Sentence
from iamkit.charts.bars import HATCHES
from iamkit.charts.escalation_layout import BOXES, LINKS
from iamkit.pages import controls, mfa, network, summary, trust
from iamkit.report import page

COUNTS = pd.DataFrame({"has MFA": [3, 0], "no MFA": [1, 2]}, index=["console", "both"])
DAYS = pd.Series([10, 100, 4000, None], dtype="Int64")


def box(
    number: int, steps: int, place: int, label: str, *names: str, **more: Any
) -> dict[str, Any]:
    """A row of `BOXES`."""
    place_in = {"box": number, "steps": steps, "place": place}
    return {**place_in, "label": label, "members": 1, "through": 0, "names": [*names], **more}


BOXES_DRAWN = BOXES.rows(
    box(0, 0, 0, "admin", "admin", kind="role", through=3),
    box(1, 1, 0, "2 users", "ann", "bob", kind="user", members=2),
    box(2, 1, 1, "1 more", "<b>&$x$_^\\frac"),
)
LINKS_DRAWN = LINKS.rows({"from": 1, "to": 0, "members": 2}, {"from": 2, "to": 0, "members": 1})
DRAWN = {
    "bars": lambda **more: charts.bars(COUNTS, title="Users", unit="users", **more),
    "ages": lambda **more: charts.ages(DAYS, limit=90, title="Keys", unit="keys", **more),
    "heat": lambda **more: charts.heat(COUNTS, title="Actions", unit="actions", **more),
    "survival": lambda **more: charts.survival({"keys": DAYS}, title="Age", unit="keys", **more),
    "paths_to_admin": lambda **more: charts.paths_to_admin(
        BOXES_DRAWN, LINKS_DRAWN, title="Rising", **more
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_draws_the_same_bytes_twice(name: str) -> None:
    first, again = (DRAWN[name]()._repr_mimebundle_() for _ in range(2))
    assert first == again
    assert {"image/svg+xml", "image/png"} <= set(first[0]), "untrusted notebooks show no SVG"
    assert len(first[0]["image/png"]) < 150_000


@pytest.mark.parametrize("name", DRAWN)
def test_missing_evidence_stands_in_the_place_of_a_chart(name: str) -> None:
    shown = DRAWN[name](missing="keys are not known")
    assert isinstance(shown, Sentence)
    assert shown.text == "Not assessed: keys are not known."


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_draws_on_the_axes_it_is_given(name: str) -> None:
    axes = charts.new()
    assert DRAWN[name](ax=axes) is axes


def alt(chart: object) -> str:
    assert isinstance(chart, Chart)
    return chart.alt


def texts(chart: object) -> list[str]:
    assert isinstance(chart, Chart)
    return [each.get_text() for each in chart.texts]


def test_each_part_of_a_bar_has_its_number_where_there_is_room() -> None:
    parts = pd.DataFrame({"fail": [100], "pass": [400], "manual": [1]}, index=["CIS"])
    assert texts(charts.bars(parts, title="Controls", unit="controls")) == ["100", "400", " 501"]


@pytest.mark.parametrize(
    ("counts", "tell", "said"),
    [
        (COUNTS, "", "Users: 3 of 6 has MFA"),
        (COUNTS, "no MFA", "Users: 3 of 6 no MFA"),
        (pd.Series({"virtual": 3, "passkey": 1}), "", "Users: 3 of 4 virtual"),
    ],
)
def test_the_heading_of_bars_says_what_they_show(counts: Any, tell: str, said: str) -> None:
    chart = charts.bars(counts, title="Users", unit="users", tell=tell)
    assert isinstance(chart, Chart)
    assert chart.get_title(loc="left") == said


def test_where_there_is_nothing_a_sentence_says_so_and_no_axis_is_drawn() -> None:
    nothing = pd.Series({"console": 0, "none": 0})
    shown = charts.bars(nothing, title="Users by access", unit="users")
    assert str(shown) == "Users by access: no users."
    ages = {"keys": DAYS.head(0), "passwords": DAYS.head(0)}
    curve = charts.survival(ages, title="Age", unit="credentials")
    assert str(curve) == "Age: there are no credentials."


def test_a_long_heading_goes_on_in_a_second_line() -> None:
    long = pd.Series({"infrastructure modification": 3})
    chart = charts.bars(long, title="Worst of what a stolen key allows" * 2, unit="identities")
    assert isinstance(chart, Chart)
    assert chart.get_title(loc="left").endswith("allows:\n3 of 3 infrastructure modification")


def light(color: str) -> float:
    values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    "colors",
    [charts.PARTS, *(tuple(each.values()) for each in (
        controls.COLORS, mfa.COLORS, network.COLORS, summary.PROTECTION, trust.PROBLEMS, trust.MFA,
    ))],
)  # fmt: skip
def test_neighbours_in_a_bar_can_be_told_apart(colors: tuple[str, ...]) -> None:
    for one, other in pairwise(colors):
        assert contrast(one, other) >= 3, (one, other)
    for color in colors:
        assert contrast(color, "#ffffff") >= 2.95, color


def test_curves_have_their_names_at_their_ends() -> None:
    days = {"keys": DAYS, "passwords": DAYS}
    chart = charts.survival(days, title="Age", unit="credentials")
    assert isinstance(chart, Chart)
    assert chart.get_legend() is None
    assert {f"{name} (1 of unknown age)" for name in days} <= set(texts(chart))


def test_the_alternative_text_has_the_numbers() -> None:
    assert alt(DRAWN["bars"]()) == (
        "Users. console: 3 has MFA, 1 no MFA; both: 0 has MFA, 2 no MFA."
    )
    assert alt(DRAWN["ages"]()) == (
        "Keys. 2 of 3 keys are older than 90 days; the age of 1 is not known."
    )
    assert alt(DRAWN["heat"]()) == (
        "Actions. console: most in has MFA, 3 actions; both: most in no MFA, 2 actions."
    )
    assert alt(DRAWN["paths_to_admin"]()) == (
        "Rising. 1 more to admin (1); 2 users to admin (2); admin can do everything."
    )


def test_a_survival_curve_tells_the_cost_of_each_threshold() -> None:
    assert alt(DRAWN["survival"]()) == (
        "Age. keys: 3 at 30 days, 3 at 60 days, 3 at 90 days, 2 at 180 days."
    )


def test_a_threshold_itself_is_not_beyond_it_and_a_missing_age_is() -> None:
    days = {"keys": pd.Series([30, 31, None], dtype="Int64")}
    assert charts.over(days, marks=(30, 31)).loc["keys"].tolist() == [2, 1]


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_to_draw_is_no_error(name: str) -> None:
    empty = {
        "bars": lambda: charts.bars(COUNTS.head(0), title="T", unit="u"),
        "ages": lambda: charts.ages(DAYS.head(0), limit=90, title="T", unit="u"),
        "heat": lambda: charts.heat(COUNTS.iloc[:0, :0], title="T", unit="u"),
        "survival": lambda: charts.survival({"keys": DAYS.head(0)}, title="T", unit="u"),
        "paths_to_admin": lambda: charts.paths_to_admin(BOXES.rows(), LINKS.rows(), title="T"),
    }
    assert empty[name]()._repr_mimebundle_()


@pytest.mark.parametrize("label", ["console", "SOC 2, 2017 (2022 revised points of focus)"])
@pytest.mark.parametrize("number", [2, 3, 6, 9])
def test_a_legend_stays_on_its_chart(label: str, number: int) -> None:
    names = ["fail", "not assessed", "manual", "accepted", "not applicable", "pass"]
    parts = [f"{name} or so" if at >= 6 else name for at, name in enumerate((names * 2)[:number])]
    ax = charts.bars(
        pd.DataFrame([[1] * number], index=[label], columns=parts), title="T", unit="u"
    )
    ax._repr_mimebundle_()
    box = ax.get_legend().get_window_extent()
    assert 0 <= box.x0 < box.x1 <= ax.figure.bbox.x1


def test_one_row_has_room_for_the_names_of_its_columns() -> None:
    """Warnings are errors here; matplotlib warns where a chart has no room left for its axes."""
    names = [f"{number}-a-service-of-a-long-name" for number in range(40)]
    one = pd.DataFrame([range(40)], index=["escalation"], columns=names)
    assert charts.heat(one, title="T", unit="actions")._repr_mimebundle_()


def test_the_callers_table_is_never_changed() -> None:
    given = COUNTS, BOXES_DRAWN, LINKS_DRAWN
    before = [table.copy(deep=True) for table in given]
    for draw in DRAWN.values():
        draw()
    for table, old in zip(given, before, strict=True):
        pd.testing.assert_frame_equal(table, old)


@pytest.mark.parametrize("columns", range(1, 9))
@pytest.mark.parametrize(
    "name", ["W" * 128, "$\\frac$_{^}", "<img src=x onerror=alert(1)>", "é\x07"]
)
def test_the_texts_of_paths_to_admin_stay_in_their_boxes(columns: int, name: str) -> None:
    kept = {"kind": "user", "members": 9999, "through": 99999}
    names = [[name] * (1 + steps % 2) for steps in range(columns)]
    boxes = BOXES.rows(
        *(box(steps, steps, 0, name, *names[steps], **kept) for steps in range(columns))
    )
    links = LINKS.rows(*({"from": n + 1, "to": n, "members": 9} for n in range(columns - 1)))
    chart = charts.paths_to_admin(boxes, links, title="Rising")
    assert isinstance(chart, Chart)
    chart.figure.draw_without_rendering()
    paper = chart.figure.bbox
    frames = [patch.get_window_extent() for patch in chart.patches[columns - 1 :]]
    assert len(frames) == columns
    boxed = chart.texts[columns:]
    for text in chart.texts:
        extent = text.get_window_extent()
        assert paper.x0 <= extent.x0 <= extent.x1 <= paper.x1
        assert paper.y0 <= extent.y0 <= extent.y1 <= paper.y1
    for frame, label, note in zip(frames, boxed[::2], boxed[1::2], strict=True):
        upper, lower = label.get_window_extent(), note.get_window_extent()
        assert frame.x0 < min(upper.x0, lower.x0)
        assert max(upper.x1, lower.x1) < frame.x1
        assert frame.y0 < lower.y0 < lower.y1 < upper.y0 < upper.y1 < frame.y1


@pytest.mark.parametrize("label", ["short", "CIS AWS Foundations Benchmark, 7.0.0"])
def test_long_labels_stand_above_their_bars_on_a_chart_that_a_phone_shows_whole(label: str) -> None:
    chart = charts.bars(
        pd.DataFrame({"fail": [3], "pass": [1]}, index=[label]), title="T", unit="u"
    )
    above = [text.get_text() for text in chart.texts].count(label)
    beside = [text.get_text() for text in chart.get_yticklabels()].count(label)
    is_long = label != "short"
    assert (above, beside) == (int(is_long), int(not is_long))
    drawn = chart._repr_mimebundle_()[0]["image/svg+xml"]
    assert ("narrow" in page._look(drawn, fine=False)) is is_long


def test_hatches_weigh_little_on_a_page() -> None:
    colors = {f"part {number}": color for number, color in enumerate(HATCHES)}
    counts = pd.DataFrame([[1] * len(colors)], index=["a"], columns=list(colors))
    chart = charts.bars(counts, title="All", unit="checks", colors=colors)
    assert isinstance(chart, Chart)
    drawn, _ = chart._repr_mimebundle_()
    assert "<pattern" in drawn["image/svg+xml"]
    assert len(drawn["image/svg+xml"]) < 60_000
