"""Tables as files: whole, plain, and harmless in a spreadsheet."""

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from iamkit import Account
from iamkit.report import csv_files
from iamkit.results import record
from tests.accounts import ARN, account, details, report, user
from tests.policies import line


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


def rows_of(made: Account, name: str) -> list[dict[str, str]]:
    text = csv_files.csv_files(made)[name].removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("name", csv_files.TABLES)
def test_each_row_says_of_which_account_moment_and_evidence_it_is(
    demo_account: Account, name: str
) -> None:
    evidence = demo_account.snapshot.evidence_hash
    of = {
        (row["account_id"], row["as_of"], row["evidence_sha256"])
        for row in rows_of(demo_account, name)
    }
    assert of == {(demo_account.account_id, "2026-11-01T06:00:00Z", evidence)}


@pytest.mark.parametrize("name", csv_files.TABLES)
def test_a_file_has_the_columns_that_its_definition_says(demo_account: Account, name: str) -> None:
    header, *_ = csv_files.csv_files(demo_account)[name].removeprefix("\ufeff").split("\r\n", 1)
    assert header.split(",") == csv_files.definitions()[name].names


def test_a_finding_has_the_id_of_the_record_that_is_kept_of_the_audit(
    demo_account: Account,
) -> None:
    rows = rows_of(demo_account, "findings.csv")
    kept = record(demo_account).found
    named = {(row["check"], row["subject"]): row["finding"] for row in rows}
    assert named == {(row.check, row.subject): row.finding for row in kept.itertuples()}
    assert len(set(named.values())) == len(named)


def test_a_finding_keeps_its_id_while_its_words_change(tmp_path: Path) -> None:
    ids = []
    for keys, folder in ((1, "before"), (2, "after")):
        (tmp_path / folder).mkdir()
        given = report(line("ana", keys=keys, password=True))
        made = account(tmp_path / folder, details([user("ana")]), credential_report=given)
        rows = rows_of(made, "findings.csv")
        found = {(row["check"], row["subject"]): row for row in rows}
        ids.append(found["console_user_without_mfa", f"{ARN}user/ana"])
    assert ids[0]["finding"] == ids[1]["finding"]
    assert ids[0]["evidence_sha256"] != ids[1]["evidence_sha256"]
