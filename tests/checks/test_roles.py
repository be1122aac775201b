"""Roles that nobody uses; see `test_well_run` for those of platforms."""

from typing import Any

import pandas as pd
import pytest

from iamkit.checks.roles import unused_role
from iamkit.settings import Settings
from iamkit.tables.schema import ROLES

AS_OF = pd.Timestamp("2026-11-01T06:00Z")


def idle(limit: int = 180, **facts: Any) -> list[Any]:
    made = ROLES.rows({"role_arn": "r", "service_linked": False, **facts})
    found = unused_role(made, AS_OF, Settings().with_overrides(unused_role_days=limit))
    return found[["status", "detail"]].values.tolist()


def ago(days: int) -> pd.Timestamp:
    return AS_OF - pd.Timedelta(days=days)


@pytest.mark.parametrize(("days", "unused"), [(0, False), (179, False), (180, True), (399, True)])
def test_a_role_is_unused_from_the_day_of_the_setting_on(days: int, unused: bool) -> None:
    said = [["fail", f"last used {days} days ago"]]
    assert idle(last_used=ago(days), created=ago(900)) == said * unused


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (179, []),
        (290, [["fail", "never used; made 290 days ago"]]),
        (400, [["fail", "never used; made 400 days ago"]]),
        (1460, [["fail", "no use within 400 days; made 1,460 days ago"]]),
    ],
)
def test_a_role_without_a_use_counts_from_when_it_was_made(days: int, found: list[Any]) -> None:
    assert idle(created=ago(days)) == found


def test_a_role_without_any_date_is_not_assessed() -> None:
    assert idle() == [["not assessed", "the evidence has neither a last use nor a day of creation"]]


def test_a_role_used_long_ago_of_unknown_age_is_unused() -> None:
    assert idle(last_used=ago(200)) == [["fail", "last used 200 days ago"]]
