"""Distinct rows of bits: one number for equal ones, however many there are."""

import numpy as np
import pytest

from iamkit.policy.distinct_rows import FIRST, DistinctRows

NOTHING = np.zeros((3, 2), np.uint64)


def test_equal_rows_have_one_number():
    rows = DistinctRows(NOTHING)
    assert [rows.number(NOTHING + one) for one in (5, 7, 5, 7)] == [0, 1, 0, 1]
    assert len(rows) == 2


def test_a_row_need_not_lie_in_one_piece():
    rows = DistinctRows(NOTHING)
    wide = np.arange(12, dtype=np.uint64).reshape(3, 4)
    assert rows.number(wide[:, ::2]) == rows.number(wide[:, ::2].copy())
    assert rows[0].tolist() == wide[:, ::2].tolist()


def test_rows_keep_their_numbers_where_there_are_many():
    rows = DistinctRows(NOTHING)
    numbers = [rows.number(NOTHING + one) for one in range(3 * FIRST)]
    assert numbers == list(range(3 * FIRST))
    assert [rows.number(NOTHING + one) for one in range(3 * FIRST)] == numbers
    assert rows.all()[:, 0, 0].tolist() == numbers


def test_what_is_added_later_leaves_what_was_given_out_as_it_is():
    rows = DistinctRows(NOTHING)
    rows.number(NOTHING + 9)
    one, before = rows[0], rows.all()
    for each in range(2 * FIRST):
        rows.number(NOTHING + each)
    assert one.tolist() == (NOTHING + 9).tolist()
    assert before.tolist() == [(NOTHING + 9).tolist()]


def test_nobody_can_write_to_rows():
    rows = DistinctRows(NOTHING)
    rows.number(NOTHING)
    for each in (rows[0], rows.all()):
        with pytest.raises(ValueError, match="read-only"):
            each[0] = 1
