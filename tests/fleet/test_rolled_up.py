"""What a run rolls up of the records of all accounts: from where it takes what, and what stays."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from iamkit.fleet import rolled_up
from iamkit.fleet.rolled_up import FILES, TABLES, RolledUp, roll_up
from iamkit.results import HISTORY, write_tables

ONE, TWO = "111111111111", "222222222222"


class Place:
    """A folder of records, which notes the audits whose records a run asks for."""

    def __init__(self, front: Path) -> None:
        self.front, self.asked = front, list[str]()

    def audits(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in sorted(self.front.glob("[0-9]*/*")):
            found.setdefault(path.parent.name, []).append(path.name)
        return found

    def bring_rolled_up(self) -> None:
        pass

    def bring_records(self, audits: Iterable[str]) -> None:
        self.asked = [*audits]


def audit(front: Path, account_id: str, month: str, users: int = 1) -> str:
    """An audit that keeps a row of each table; where it is."""
    place = f"{account_id}/{month}-01T060000Z"
    own = {
        "account_id": account_id,
        "as_of": pd.Timestamp(f"{month}-01T06:00:00Z"),
        "evidence": f"{account_id} {month}",
    }
    rows: dict[str, dict[str, object]] = {
        "measures": {"measure": "users", "value": users},
        "checked": {"check": "root_used", "status": "fail"},
        "standings": {"framework": "F", "version": "1", "control": "1", "standing": "fail"},
    }
    frames = {table: table.rows({**own, **rows.get(table.name, {})}) for table in TABLES}
    write_tables(front / place / HISTORY, frames)
    return place


def users(found: RolledUp) -> dict[str, float]:
    return dict(zip(found.measures["evidence"], found.measures["value"], strict=True))


def of(found: pd.DataFrame) -> list[str]:
    return [str(each)[-7:] for each in found["evidence"]]


def test_the_records_of_this_run_are_added_to_what_the_run_before_left(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for account_id in (ONE, TWO):
        audit(tmp_path, account_id, "2026-10")
    roll_up(place, [], [ONE, TWO])
    new = audit(tmp_path, ONE, "2026-11", users=3)
    (tmp_path / TWO / "2026-10-01T060000Z" / HISTORY / "measures.parquet").unlink()
    found = roll_up(place, [new], [ONE, TWO])
    assert place.asked == [new]
    assert users(found) == {f"{ONE} 2026-10": 1, f"{ONE} 2026-11": 3, f"{TWO} 2026-10": 1}
    again = audit(tmp_path, ONE, "2026-11", users=4)
    assert users(roll_up(place, [again], [ONE, TWO]))[f"{ONE} 2026-11"] == 4, (
        "a report that is made again keeps another record"
    )


def test_measures_stay_for_a_year_and_all_else_is_of_the_newest_audit(tmp_path: Path) -> None:
    for month in ("2025-06", "2025-10", "2025-11", "2026-10", "2026-11"):
        audit(tmp_path, ONE, month)
    found = roll_up(Place(tmp_path), [], [ONE])
    assert of(found.measures) == ["2025-11", "2026-10", "2026-11"]
    assert of(found.checked) == of(found.standings) == ["2026-11"]


def test_the_last_two_audits_stay_however_old_they_are(tmp_path: Path) -> None:
    for month in ("2020-01", "2026-11"):
        audit(tmp_path, ONE, month)
    assert of(roll_up(Place(tmp_path), [], [ONE]).measures) == ["2020-01", "2026-11"]


def test_audits_that_are_deleted_and_accounts_that_have_left_go(tmp_path: Path) -> None:
    place, old = Place(tmp_path), audit(tmp_path, ONE, "2026-10")
    audit(tmp_path, ONE, "2026-11")
    audit(tmp_path, TWO, "2026-11")
    roll_up(place, [], [ONE, TWO])
    (tmp_path / old).rename(tmp_path / ".gone")
    found = roll_up(place, [], [ONE])
    assert users(found) == {f"{ONE} 2026-11": 1}


@pytest.mark.parametrize("name", FILES)
def test_what_is_damaged_is_made_again(tmp_path: Path, name: str) -> None:
    place = Place(tmp_path)
    audit(tmp_path, ONE, "2026-11")
    first = roll_up(place, [], [ONE])
    (tmp_path / name).write_bytes(b"PAR1")
    again = roll_up(place, [], [ONE])
    assert all(one.equals(two) for one, two in zip(first, again, strict=True))


def test_a_damaged_record_costs_no_other_account(tmp_path: Path) -> None:
    for account_id in (ONE, TWO):
        audit(tmp_path, account_id, "2026-11")
    (tmp_path / ONE / "2026-11-01T060000Z" / HISTORY / "checked.parquet").write_bytes(b"PAR1")
    found = roll_up(Place(tmp_path), [], [ONE, TWO])
    assert [*found.checked["account_id"]] == [TWO]
    assert len(users(found)) == 2


def test_the_same_records_leave_the_same_bytes(tmp_path: Path) -> None:
    for account_id in (TWO, ONE):
        audit(tmp_path, account_id, "2026-11")
    made = []
    for _ in range(2):
        roll_up(Place(tmp_path), [], [TWO, ONE])
        made.append([(tmp_path / name).read_bytes() for name in rolled_up.FILES])
    assert made[0] == made[1]
