"""Headers for people: what a column is called on a page, and which meaning goes with it."""

import pandas as pd
import pytest

from iamkit.charts import table
from iamkit.charts.display import TABLE_TYPE
from iamkit.charts.headers import headers
from iamkit.results import MATRIX
from iamkit.tables import CREDENTIALS


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("idle_days", "Idle, days"),
        ("user_name", "User"),
        ("mfa_registered", "MFA registered"),
        ("policy_arn", "Policy ARN"),
        ("keys_active", "Active keys"),
        ("open to", "Open to"),
        ("aws:sourceip", "aws:sourceip"),
        ("90 days", "90 days"),
        ("", ""),
    ],
)
def test_a_column_is_called_what_people_say(name: str, header: str) -> None:
    assert headers([name])[0][0] == header


def test_the_meaning_is_that_of_the_table_which_has_the_other_columns() -> None:
    of_findings = dict(headers(["check", "subject", "status", "detail"]))
    of_results = dict(headers(["check", "status", "failing", "total"]))
    assert of_findings["Status"]
    assert of_results["Status"]
    assert of_findings["Status"] != of_results["Status"]


def test_the_title_of_a_control_is_not_a_check() -> None:
    said = dict(zip(MATRIX.names, headers(MATRIX.names), strict=True))
    assert said["title"][0] == "Title"
    assert said["status"][1].startswith("fail, not assessed, noted")


def test_a_name_with_spaces_has_the_meaning_of_the_column_that_it_was() -> None:
    (written, meaning), (spaced, same) = headers(["password_use"]) + headers(["password use"])
    assert written == spaced
    assert meaning == same != ""


def test_a_table_carries_headers_and_meanings_to_the_page() -> None:
    frame = CREDENTIALS.rows({"user_name": "ana", "keys_active": 2})[["user_name", "keys_active"]]
    shown = table(frame.assign(mine=1), "Users")._repr_mimebundle_()
    assert [column["name"] for column in shown[TABLE_TYPE]["columns"]] == [
        "User",
        "Active keys",
        "Mine",
    ]
    assert shown[TABLE_TYPE]["columns"][1]["meaning"] == "active access keys, 0 to 2"
    assert "meaning" not in shown[TABLE_TYPE]["columns"][2]
    assert ">Active keys</th>" in shown["text/html"]


def test_a_frame_with_numbers_for_names_is_a_table_too() -> None:
    assert table(pd.DataFrame([[1, 2]]), "Numbers").columns == [("0", "number"), ("1", "number")]
