"""Charts say in words what they show, draw the same bytes, and admit what is missing."""

import pandas as pd
import pytest

from iamkit import charts
from iamkit.charts import Chart, Sentence

COUNTS = pd.DataFrame({"has MFA": [3, 0], "no MFA": [1, 2]}, index=["console", "both"])
DAYS = pd.Series([10, 100, 4000, None], dtype="Int64")
DRAWN = {
    "bars": lambda **more: charts.bars(COUNTS, title="Users", unit="users", **more),
    "ages": lambda **more: charts.ages(DAYS, limit=90, title="Keys", unit="keys", **more),
    "heat": lambda **more: charts.heat(COUNTS, title="Actions", unit="actions", **more),
    "survival": lambda **more: charts.survival({"keys": DAYS}, title="Age", unit="keys", **more),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_draws_the_same_bytes_twice(name: str) -> None:
    first, again = (DRAWN[name]()._repr_mimebundle_() for _ in range(2))
    assert first == again
    assert "image/svg+xml" in first[0]


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
    }
    assert empty[name]()._repr_mimebundle_()


def test_the_callers_table_is_never_changed() -> None:
    before = COUNTS.copy()
    for draw in DRAWN.values():
        draw()
    pd.testing.assert_frame_equal(COUNTS, before)
