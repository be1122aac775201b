"""Who can sign in with what, how old it is and when it was last used, as the page asks it."""

from pathlib import Path
from typing import Any

import pandas as pd

from iamkit import Account
from iamkit.pages import credentials
from iamkit.settings import Settings
from iamkit.tables.schema import ACCESS_KEYS, CREDENTIALS
from tests.accounts import account, details, report, user
from tests.pages import holding, numbers
from tests.policies import line


def users(*rows: dict[str, Any]) -> pd.DataFrame:
    usual = {"is_root": False, "password_enabled": True, "access": "console"}
    named = ({**usual, "user_arn": row["user_name"], **row} for row in rows)
    root = {"user_arn": "root", "is_root": True, "password_enabled": True}
    return CREDENTIALS.rows(root, *named)


def keys(*rows: tuple[str, int, dict[str, Any]]) -> pd.DataFrame:
    usual = {"is_root": False, "active": True}
    named = (
        {**usual, "user_arn": name, "user_name": name, "slot": slot, **facts}
        for name, slot, facts in rows
    )
    root = {"user_arn": "root", "slot": 1, "is_root": True, "active": True, "age_days": 999}
    return ACCESS_KEYS.rows(root, *named)


def company() -> Account:
    """Ann has old and new keys, bo an unused password, and of cy's key nothing is known."""
    return holding(
        settings=Settings(max_key_age_days=90, unused_days=45),
        credentials=users(
            {"user_name": "ann", "password_enabled": False, "access": "programmatic"},
            {"user_name": "bo", "password_idle_days": 45, "password_use": "used"},
            {"user_name": "cy", "access": "both", "password_idle_days": 3, "keys_active": 1},
        ),
        access_keys=keys(
            ("ann", 1, {"age_days": 90, "idle_days": 1}),
            ("ann", 2, {"age_days": 91, "idle_days": 46}),
            ("bo", 1, {"age_days": 500, "active": False}),
            ("cy", 1, {}),
        ),
    )


def test_the_numbers_are_those_of_the_tables_below() -> None:
    found = numbers(credentials.headline(company()))
    assert found == {
        "Users": ("3", "plain"),
        "Console passwords": ("2", "plain"),
        "Active keys": ("3", "plain"),
        "Old keys": ("2", "note"),
        "Unused": ("3", "note"),
    }


def test_keys_beyond_the_setting_or_of_unknown_age_are_old_the_oldest_first() -> None:
    found = credentials.old_keys(company())
    assert found[["user_name", "slot"]].values.tolist() == [["ann", 2], ["cy", 1]]


def test_credentials_idle_for_the_setting_or_longer_or_nobody_knows_how_long_are_unused() -> None:
    found = credentials.unused(company())
    assert found[["user_name", "credential"]].values.tolist() == [
        ["ann", "key 2"],
        ["bo", "password"],
        ["cy", "key 1"],
    ]


def test_users_are_counted_by_kind_of_access() -> None:
    found = credentials.by_access(company())
    assert found.to_dict() == {"console": 1, "programmatic": 1, "both": 1, "none": 0}


def test_whoever_has_both_is_listed_with_the_latest_use_of_a_key() -> None:
    held = holding(
        credentials=users(
            {"user_name": "ann", "access": "both", "password_idle_days": 3},
            {"user_name": "bo", "access": "both", "password_idle_days": 30},
            {"user_name": "cy"},
        ),
        access_keys=keys(
            ("ann", 1, {"idle_days": 9}), ("ann", 2, {"idle_days": 7}), ("cy", 1, {"idle_days": 1})
        ),
    )
    found = credentials.with_password_and_key(held)
    assert found["user_name"].tolist() == ["bo", "ann"]
    assert found["key_idle_days"].dropna().tolist() == [7]


def test_the_curves_are_of_active_keys_and_of_passwords() -> None:
    ages, idle = credentials.ages(company()), credentials.idle_days(company())
    assert [each.dropna().tolist() for each in ages.values()] == [[90, 91], []]
    assert [each.dropna().tolist() for each in idle.values()] == [[1, 46], [45, 3]]


def test_a_threshold_fails_what_is_beyond_it_and_what_is_not_known() -> None:
    found = credentials.failing_at(company())["60 days"]
    assert found.to_dict() == {
        "keys older": 3,
        "keys idle longer": 1,
        "passwords older": 2,
        "passwords idle longer": 0,
    }


def test_both_keys_of_whoever_has_two_active_ones_are_listed() -> None:
    found = credentials.two_active_keys(company())
    assert found[["user_name", "slot"]].values.tolist() == [["ann", 1], ["ann", 2]]


def test_the_tables_hold_of_a_credential_report(tmp_path: Path) -> None:
    lines = report(line("ann", password=True, keys=2), line("bo", mfa=True))
    made = account(tmp_path, details([user("ann"), user("bo")]), credential_report=lines)
    assert len(credentials.two_active_keys(made)) == 2
    assert credentials.with_password_and_key(made)["key_idle_days"].tolist() == [61]
    assert numbers(credentials.headline(made))["Unused"] == ("3", "note")


def test_old_passwords_are_counted_and_those_of_unknown_age_only_if_there_are_any() -> None:
    ages = {"a": 91, "b": 90, "c": None}
    rows = [{"user_name": name, "password_age_days": days} for name, days in ages.items()]
    said = "of 3 console passwords (33 %) was not changed for more than 90 days"
    of_three = credentials.old_passwords(holding(credentials=users(*rows)))
    assert of_three == f"1 {said}; the age of 1 is not known."
    assert credentials.old_passwords(holding(credentials=users(*rows[:2]))).endswith("90 days.")
    nobody = holding(credentials=users())
    assert credentials.old_passwords(nobody) == "No user has a console password."
