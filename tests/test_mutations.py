"""Damaged files give a clear error, or an account that passes nothing because of the damage."""

import pytest

from tests.mutations import undamaged, wrong

# `make fuzz` tries a hundred thousand; these are as many as a run of all tests has time for.
TRIED = 200
PARTS = 20


def test_the_undamaged_account_has_something_to_lose() -> None:
    status = undamaged().audit.results["status"].value_counts()
    assert status["fail"] > 15
    assert status["pass"] > 40


@pytest.mark.parametrize("first", range(0, TRIED, TRIED // PARTS))
def test_no_damage_breaks_or_pleases(first: int) -> None:
    problems = [wrong(seed) for seed in range(first, first + TRIED // PARTS)]
    assert [each for each in problems if each] == []


# Damage that broke a table or pleased a check when it was tried first.
FOUND = (65, 69, 91, 118, 140, 141, 147, 212, 252, 290, 319, 345, 712)


@pytest.mark.parametrize("seed", FOUND)
def test_damage_that_once_did_harm_does_none(seed: int) -> None:
    assert wrong(seed) == ""
