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
        {"group_arn": ["h", "g"], "user_arn": ["u", "u"], "extra": 1}, index=[5, 5]
    )
    made = schema.MEMBERSHIPS.conform(given)
    assert made.to_dict("list") == {"user_arn": ["u", "u"], "group_arn": ["h", "g"]}
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


def test_a_key_that_is_there_twice_is_named() -> None:
    with pytest.raises(
        SchemaError, match=r"'memberships': the key \(user_arn, group_arn\) is there"
    ):
        schema.MEMBERSHIPS.rows(*[{"user_arn": "u", "group_arn": "g"}] * 2)


def test_part_of_a_key_may_be_there_twice_and_what_has_no_name_is_compared_with_nothing() -> None:
    made = schema.MEMBERSHIPS.rows(
        {"user_arn": "u", "group_arn": "g"}, {"user_arn": "u", "group_arn": "h"}, {}, {}
    )
    assert len(made) == 4


def test_a_missing_part_of_a_key_is_a_value_like_others() -> None:
    with pytest.raises(SchemaError, match="the key .* is there twice"):
        schema.POLICY_ASSIGNMENTS.rows(*[{"principal_arn": "u", "policy_arn": "p"}] * 2)


def test_of_evidence_that_says_something_twice_the_first_counts() -> None:
    given = pd.DataFrame({"name": ["Users", "Roles", "Users"], "value": [1, 2, 3]}, index=[7, 7, 9])
    made = schema.SUMMARY.gather(given)
    assert made.to_dict("list") == {"name": ["Users", "Roles"], "value": [1, 2]}


def test_a_value_outside_a_closed_vocabulary_is_named_and_a_missing_one_is_none() -> None:
    assert schema.ATTACHMENTS.rows({"principal_arn": "u", "policy_arn": "p"})["how"].isna().all()
    with pytest.raises(SchemaError, match="column 'how': 'lent' is none of attached, inline"):
        schema.ATTACHMENTS.rows({"principal_arn": "u", "policy_arn": "p", "how": "lent"})


@pytest.mark.parametrize("table", schema.TABLES, ids=lambda table: table.name)
def test_the_values_of_a_column_are_in_its_meaning(table: Table) -> None:
    for column in table.columns:
        assert [value for value in column.values if value not in column.meaning] == []
