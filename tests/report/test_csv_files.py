"""Tables as files: whole, plain, and harmless in a spreadsheet."""

import csv
import io
import json
import re
from collections import Counter

import pandas as pd
import pytest

from iamkit import Account
from iamkit.report import csv_files


def read(frame: pd.DataFrame) -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_files.as_csv(frame), newline="")))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "=cmd|' /C calc'!A0"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert read(pd.DataFrame({"name": [text]}))[1] == [f"'{text}"]
    between = "; " if text.count(" ") > 1 else ", "
    assert read(pd.DataFrame({"names": [[text, "b"]]}))[1] == [f"'{text}{between}b"]


def test_a_carriage_return_is_written_out_so_that_nothing_can_be_run_after_it() -> None:
    assert read(pd.DataFrame({"name": ["\rx", "a\r=1+1"]}))[1:] == [["\\rx"], ["a\\r=1+1"]]


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


def test_with_the_files_comes_what_the_run_has_to_know(demo_account: Account) -> None:
    files = csv_files.csv_files(demo_account)
    outcome = json.loads(files.pop(csv_files.OUTCOME))
    assert set(files) == set(csv_files.TABLES)
    rows = list(csv.DictReader(io.StringIO(files["findings.csv"].removeprefix("\ufeff"))))
    failing = Counter(row["severity"] for row in rows if row["status"] == "fail")
    assert outcome["findings"] == failing
    assert sum(failing.values()) < len(rows), "what is accepted or noted is none"
    assert outcome["broken"] == []
    assert re.fullmatch(r"[\d.]+, as of 20\d\d-\d\d-\d\d", outcome["actions"])
