"""Table definitions: documentation, validation and fixtures from one place."""

import pandas as pd
import pytest

from iamkit.errors import SchemaError
from iamkit.table import Table, times, truths
from iamkit.tables import schema


@pytest.mark.parametrize("table", schema.TABLES, ids=lambda table: table.name)
def test_every_table_is_described_and_can_be_empty(table: Table) -> None:
    assert set(table.key) <= set(table.names)
    assert len(set(table.names)) == len(table.names)
    assert table.describe()["meaning"].str.len().min() > 2
    empty = table.rows()
    assert list(empty.columns) == table.names
    pd.testing.assert_frame_equal(table.conform(empty), empty)


def test_conform_orders_casts_and_keeps_every_row() -> None:
    given = pd.DataFrame(
        {"group_arn": ["g", "g"], "user_arn": ["u", "u"], "extra": 1}, index=[5, 5]
    )
    made = schema.MEMBERSHIPS.conform(given)
    assert made.to_dict("list") == {"user_arn": ["u", "u"], "group_arn": ["g", "g"]}
    assert list(given.columns) == ["group_arn", "user_arn", "extra"], "the caller's is unchanged"


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="'memberships' lacks group_arn"):
        schema.MEMBERSHIPS.conform(pd.DataFrame({"user_arn": ["u"]}))


def test_a_value_that_does_not_fit_is_named() -> None:
    with pytest.raises(SchemaError, match="column 'members' is not Int64"):
        schema.GROUPS.conform(schema.GROUPS.rows({}).assign(members=["many"]))


def test_a_fixture_with_a_wrong_column_is_refused() -> None:
    with pytest.raises(SchemaError, match="has no column usr_arn"):
        schema.MEMBERSHIPS.rows({"usr_arn": "u"})


def test_times_take_both_spellings_of_utc_and_no_sentinel() -> None:
    given = ["2026-11-01T06:00:00Z", "2026-11-01T06:00:00+00:00", "N/A", None, 5, "no_information"]
    made = times(given)
    assert made.notna().tolist() == [True, True, False, False, False, False]
    assert made[0] == made[1] == pd.Timestamp("2026-11-01 06:00", tz="UTC")


def test_truths_take_any_case_and_keep_the_unknown() -> None:
    given = pd.Series(["true", "TRUE", "False", "not_supported", None], dtype="str")
    assert truths(given).astype(object).fillna("?").tolist() == [True, True, False, "?", "?"]
