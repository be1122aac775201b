"""The workbook: every table with its meaning, the right types, and nothing that could be run."""

import datetime as dt
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iamkit import Account
from iamkit.charts import clean
from iamkit.errors import ReportError
from iamkit.report import workbook as made_by
from iamkit.report.workbook import ABOVE, MOST_CHARACTERS, sheets, workbook
from iamkit.table import COUNT, OBJECT, TEXT, TIME, TRUTH, Column, Table
from tests.accounts import ACCOUNT, account, details, report, role, user
from tests.policies import line
from tests.report.workbooks import Sheet, parts, read

DAY_ZERO = dt.datetime(1899, 12, 30, tzinfo=dt.UTC)
HOSTILE = ["=1+1", "{=1+1}", "+1", "@SUM(A1)", "https://example.org/", "internal:Report!A1", "007"]


@pytest.fixture(scope="module")
def content(demo_account: Account) -> bytes:
    return workbook(demo_account)


@pytest.fixture(scope="module")
def made(content: bytes) -> dict[str, Sheet]:
    return read(content)


TRIED = Table(
    "tried",
    "one thing",
    ("name",),
    (
        Column("name", TEXT, "its name"),
        Column("at", TIME, "when"),
        Column("count", COUNT, "how many"),
        Column("share", "float64", "of all"),
        Column("there", TRUTH, "whether"),
        Column("list", OBJECT, "several"),
    ),
)


def of(frame: pd.DataFrame, demo_account: Account, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The workbook of an account that has only this table."""
    sheet = made_by.Sheet("Tried", TRIED, lambda _: frame)
    monkeypatch.setattr(made_by, "sheets", lambda: [sheet])
    return workbook(demo_account)


def rows(*given: dict[str, object]) -> pd.DataFrame:
    return TRIED.rows(*given)


def test_the_first_sheet_says_of_what_it_is_and_lists_the_others(
    made: dict[str, Sheet], demo_account: Account
) -> None:
    first = made["Report"].rows
    said = {row[0]: row[1] for row in first if row[0]}
    assert said["Account"] == demo_account.account_id
    assert said["Evidence as of"] == "2026-11-01T06:00:00Z"
    assert said["Evidence SHA-256"] == demo_account.snapshot.evidence_hash
    listed = first[[row[0] for row in first].index("Sheet") + 1 :]
    assert [row[0] for row in listed] == [*made][2:] == [each.title for each in sheets()]
    for (title, row_is, number, *_), each in zip(listed, sheets(), strict=True):
        assert row_is == each.table.row
        assert number == len(made[title].rows) - ABOVE == len(each.rows(demo_account))


@pytest.mark.parametrize("sheet", sheets(), ids=lambda each: each.title)
def test_a_sheet_has_title_meanings_headers_a_filter_and_stays_in_view(
    made: dict[str, Sheet], sheet: made_by.Sheet
) -> None:
    shown = made[sheet.title]
    assert str(shown.rows[0][0]).startswith(f"{sheet.title}: {sheet.table.row}")
    assert shown.rows[1] == [made_by._for_people(of.meaning) for of in sheet.table.columns]
    code = re.compile(r"`|^list of|\b(None|NaT|True|False|bool|dict)\b")
    assert [said for said in shown.rows[1] if code.search(said)] == [], "for people"
    assert len(set(shown.rows[2])) == len(sheet.table.columns)
    assert '<pane ySplit="3" topLeftCell="A4" activePane="bottomLeft" state="frozen"/>' in shown.xml
    assert '<autoFilter ref="A3:' in shown.xml
    described = [row for row in made["Columns"].rows if row[0] == sheet.title]
    assert [row[1] for row in described] == shown.rows[2]
    assert [row[2] for row in described] == sheet.table.names
    assert [row[4] for row in described] == shown.rows[1]


def test_values_have_their_types(made: dict[str, Sheet], demo_account: Account) -> None:
    who = demo_account.identities
    shown = made["Identities"]
    at = {name: position for position, name in enumerate(who.columns)}
    for number, row in enumerate(who.to_dict("records"), start=ABOVE):
        held = {name: shown.cells.get((number, position)) for name, position in at.items()}
        assert held["name"] == clean(row["name"])
        steps, used = row["admin_steps"], row["last_used"]
        assert held["admin_steps"] == (None if pd.isna(steps) else float(steps))
        assert held["mfa_registered"] is (
            None if pd.isna(row["mfa_registered"]) else bool(row["mfa_registered"])
        )
        if pd.isna(used):
            assert held["last_used"] is None
        else:
            when = DAY_ZERO + dt.timedelta(days=float(str(held["last_used"])))
            assert abs(when - used) < dt.timedelta(seconds=1)
            assert shown.formats[number, at["last_used"]] == "yyyy-mm-dd hh:mm"
    accounts = made["Report"].cells
    assert demo_account.account_id in accounts.values(), "an account id is text"


def test_nothing_is_a_formula_or_a_link(
    demo_account: Account, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    given = rows(*({"name": text, "list": [text, "b"]} for text in HOSTILE))
    tried = of(given, demo_account, monkeypatch)
    assert [row[0] for row in read(tried)["Tried"].rows[ABOVE:]] == HOSTILE
    for each in (tried, content):
        assert sum(sheet.formulas for sheet in read(each).values()) == 0
        for name, xml in parts(each).items():
            assert "<hyperlink " not in xml, name
            assert "relationships/hyperlink" not in xml, name
            assert "externalLink" not in name
            assert "vba" not in name.lower()


def test_the_same_account_gives_the_same_bytes(demo_account: Account, content: bytes) -> None:
    assert workbook(demo_account) == content
    said = parts(content)["docProps/core.xml"]
    assert set(re.findall(r">(20[^<]*Z)<", said)) == {"2026-11-01T06:00:00Z"}, "of the evidence"


@pytest.mark.parametrize("long", ["x" * (MOST_CHARACTERS + 1), "\U0001f511" * MOST_CHARACTERS])
def test_a_cell_that_is_too_long_is_cut_and_says_so(
    demo_account: Account, monkeypatch: pytest.MonkeyPatch, long: str
) -> None:
    fits = long[:1] * (MOST_CHARACTERS // len(long[:1].encode("utf-16-le")) * 2)
    tried = read(of(rows({"name": long}, {"name": fits}), demo_account, monkeypatch))
    held, whole = (str(row[0]) for row in tried["Tried"].rows[ABOVE:])
    assert whole == fits
    assert len(held.encode("utf-16-le")) // 2 <= MOST_CHARACTERS
    kept, _, mark = held.partition(" … [cut: ")
    assert long.startswith(kept)
    assert mark == f"{len(long) - len(kept):,} more characters]"
    assert "1 cells were too long" not in str(tried["Tried"].rows[0][0])
    assert str(tried["Tried"].rows[0][0]).endswith("1 cell was too long and is cut")
    assert tried["Report"].rows[-1][3] == "1 cell was too long and is cut"


def test_a_table_that_is_too_long_says_how_many_rows_are_left_out(
    demo_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_by, "MOST_ROWS", ABOVE + 2)
    tried = read(of(rows(*({"name": each} for each in "abc")), demo_account, monkeypatch))
    assert [row[0] for row in tried["Tried"].rows[ABOVE:]] == ["a", "b"]
    assert tried["Report"].rows[-1][2:] == [3, "first 2 of 3 rows: a sheet has no more"]


def test_what_a_spreadsheet_cannot_hold_is_text(
    demo_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = rows(
        {
            "name": "a\ud800",
            "count": 2**60,
            "share": np.inf,
            "at": pd.Timestamp("1801-01-01", tz="UTC"),
        },
        {"name": "b\u202ec", "count": 3, "share": 0.25, "at": pd.Timestamp("2026-11-01T06:00Z")},
        {"name": "_x0041_", "there": False, "list": {"owner": "x", "team": "y"}},
    )
    tried = read(of(given, demo_account, monkeypatch))["Tried"].rows[ABOVE:]
    assert tried[0][:4] == ["a\\ud800", "1801-01-01T00:00:00+00:00", str(2**60), "inf"]
    assert tried[1] == ["b\\u202ec", 46327.25, 3, 0.25, None, None]
    assert tried[2] == ["_x0041_", None, None, None, False, "owner=x, team=y"]


def test_a_cell_that_would_be_lost_is_an_error(
    demo_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_by, "MOST_CHARACTERS", 10**6)
    with pytest.raises(ReportError, match=r"report.xlsx cannot be made: a cell of the sheet Tried"):
        of(rows({"name": "x" * 40_000}), demo_account, monkeypatch)


def test_a_table_that_breaks_costs_no_other_and_says_so(
    demo_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Account) -> pd.DataFrame:
        raise KeyError("colour")

    given = [made_by.Sheet("Broken", TRIED, broken), *sheets()[-1:]]
    monkeypatch.setattr(made_by, "sheets", lambda: given)
    tried = read(workbook(demo_account))
    assert tried["Report"].rows[-2][2:] == [0, "not made: KeyError: 'colour'"]
    assert tried["Incomplete"]


def test_what_the_evidence_lacks_is_said_and_an_empty_account_has_every_sheet(
    tmp_path: Path,
) -> None:
    (tmp_path / "bare").mkdir()
    bare = read(workbook(account(tmp_path / "bare")))
    notes = {row[0]: row[3] if len(row) > 3 else None for row in bare["Report"].rows}
    assert "MFA devices" in notes
    assert "evidence is missing" in str(notes["Identity providers"])
    (tmp_path / "named").mkdir()
    trust = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}
    hostile = account(
        tmp_path / "named",
        details([user("ana", Tags=[{"Key": "=1+1", "Value": "@x"}])], roles=[role("=cmd", trust)]),
        credential_report=report(line("ana", keys=1)),
    )
    tried = read(workbook(hostile))
    assert "=cmd" in [row[1] for row in tried["Roles"].rows]
    assert str(tried["Report"].rows[0][0]).endswith(ACCOUNT)
    keys = tried["Access keys"].rows[ABOVE:]
    assert len(keys) == 1, "a slot without a key is none"


def test_numbers_of_the_password_policy_are_numbers(made: dict[str, Sheet]) -> None:
    sheet = made["Password policy"]
    rule, value = (sheet.rows[2].index(name) for name in ("Rule", "Value"))
    held = {row[rule]: row[value] for row in sheet.rows[3:]}
    assert held["MinimumPasswordLength"] == 10
    assert held["RequireSymbols"] == "yes"
    assert held["MaxPasswordAge"] is None
