"""What notebooks show: tables, sentences, figures and charts, as data that a page can trust."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from iamkit import charts


def test_a_table_shows_values_as_a_reader_writes_them():
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["2026-11-01", None], utc=True),
            "hour": pd.to_datetime(["2026-11-01T08:00+02:00", None], utc=True),
            "age": pd.to_timedelta([90.7, None], unit="D"),
            "mfa": pd.array([True, None], dtype="boolean"),
            "keys": [["a", "b"], None],
            "set": [{"b", "a"}, {1}],
            "count": np.array([2**60, 1], dtype="uint64"),
            "share": [0.25, np.nan],
            "id": ["012345678901", None],
            "mixed": [1, "x"],
            "kind": pd.Categorical(["high", None]),
            "lone": pd.Series(["\ud800", "x"], dtype="object"),  # pyarrow has no place for it
        }
    )
    before = frame.copy(deep=True)
    shown = charts.table(frame, "All", severity="kind")
    assert dict(shown.columns) == {
        "day": "time", "hour": "time", "age": "number", "mfa": "truth", "keys": "text",
        "set": "text", "count": "number", "share": "number", "id": "text", "mixed": "text",
        "kind": "severity", "lone": "text",
    }  # fmt: skip
    assert shown.data[0] == [
        "2026-11-01", "2026-11-01 06:00", 90, "yes", "a, b", "a, b", 2**60, 0.25,
        "012345678901", "1", "high", "\\ud800",
    ]  # fmt: skip
    assert shown.data[1] == [None, None, None, None, None, "1", 1, None, None, "x", None, "x"]
    pd.testing.assert_frame_equal(frame, before)
    json.dumps(shown._repr_mimebundle_()).encode()


def test_an_empty_mapping_is_shown_as_nothing():
    assert charts.cell({}) is None
    assert charts.cell({"aws:SourceIp": "192.0.2.1"}) is not None


def test_a_table_says_when_it_is_cut_short_and_keeps_a_named_index():
    frame = pd.DataFrame({"n": range(1000)}, index=pd.Index(range(1000), name="user"))
    shown = charts.table(frame, "Users", rows=20)
    assert shown.caption == "Users (first 20 of 1,000)"
    assert [name for name, _ in shown.columns] == ["user", "n"]
    assert len(shown.data) == 20
    assert charts.table(frame, "Users", rows=1000).caption == "Users"


def test_previews_for_jupyterlab_are_escaped_and_short():
    bad = "<script>x</script>"
    frame = pd.DataFrame({bad: [bad] * 60})
    for shown in (charts.table(frame, bad), charts.say(bad), charts.figures(**{bad: (bad, bad)})):
        bundle = shown._repr_mimebundle_()
        assert "<script>" not in bundle["text/html"]
        assert bundle["text/plain"]
    assert charts.table(frame, bad)._repr_mimebundle_()["text/html"].count("<tr>") <= 51


def test_a_chart_is_the_same_bytes_whatever_the_settings():
    def draw() -> object:
        ax = charts.new(alt="Two bars")
        ax.barh(["a", "b"], [1, 2], hatch="/")
        ax.set_title("A title")
        return ax._repr_mimebundle_()

    import matplotlib

    first = draw()
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": None}):
        assert draw() == first
    data, metadata = first
    assert metadata == {key: {"alt": "Two bars"} for key in ("image/svg+xml", "image/png")}
    assert "<dc:date>" not in data["image/svg+xml"]


def test_many_marks_are_drawn_as_png_and_a_given_axes_is_used():
    ax = charts.new(alt="Dots")
    assert charts.new(ax) is ax
    ax.scatter(range(5000), range(5000))
    data, metadata = ax._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert metadata == {"image/png": {"alt": "Dots"}}
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


@pytest.mark.parametrize(
    ("value", "tone", "expected"),
    [(0, "bad", "plain"), (0, "note", "plain"), (0, "good", "good"), (1, "bad", "bad")],
)
def test_none_of_what_needs_work_is_neither_bad_nor_good(
    value: int, tone: str, expected: str
) -> None:
    assert charts.figures(old_keys=(value, "", tone)).items[0][3] == expected


def test_a_table_names_six_of_many_and_says_how_many_more_there_are():
    names = list("abcdefgh")
    shown = charts.table(pd.DataFrame({"who": [names, set(names[:6]), tuple(names[:7])]}), "All")
    assert [row[0] for row in shown.data] == [
        "a, b, c, d, e, f and 2 more",
        "a, b, c, d, e, f",
        "a, b, c, d, e, f and 1 more",
    ]
    assert charts.cell(names) == "a, b, c, d, e, f, g, h", "a file has them all"


def test_a_list_of_phrases_or_sentences_is_not_joined_with_commas():
    phrases, sentences = ["reads S3, or SQS", "is old"], ["Delete the key.", "Tell the user."]
    shown = charts.table(pd.DataFrame({"said": [phrases, sentences, ["ana", "bo"]]}), "All")
    assert [row[0] for row in shown.data] == [
        "reads S3, or SQS; is old",
        "Delete the key. Tell the user.",
        "ana, bo",
    ]
    assert charts.cell(sentences) == "Delete the key. Tell the user.", "and so in files"
