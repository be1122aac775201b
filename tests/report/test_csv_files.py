"""Tables as files: whole, plain, and harmless in a spreadsheet."""

import csv
import io

import pandas as pd
import pytest

from iamkit.report import csv_files


def read(frame: pd.DataFrame) -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_files.as_csv(frame), newline="")))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=cmd|' /C calc'!A0"]
)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert read(pd.DataFrame({"name": [text]}))[1] == [f"'{text}"]
    assert read(pd.DataFrame({"names": [[text, "b"]]}))[1] == [f"'{text}, b"]


def test_numbers_stay_numbers_and_missing_values_are_empty() -> None:
    frame = pd.DataFrame({"n": pd.Series([-3, None], dtype="Int64"), "t": ["a", None]})
    assert read(frame) == [["n", "t"], ["-3", "a"], ["", ""]]


def test_times_truths_and_lists_read_as_on_a_page() -> None:
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime(["2026-11-01T06:00Z"]),
            "yes": pd.Series([True], dtype="boolean"),
            "who": [["a", "b"]],
        }
    )
    assert read(frame)[1] == ["2026-11-01 06:00", "yes", "a, b"]


def test_what_quotes_and_breaks_lines_stays_in_its_cell() -> None:
    assert read(pd.DataFrame({"name": ['a "b",\nc']}))[1] == ['a "b",\nc']
