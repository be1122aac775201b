"""The credential report, sentinel by sentinel."""

import pandas as pd
import pytest

from iamkit.tables import credential_report
from iamkit.tables.credential_report import COLUMNS

AS_OF = pd.Timestamp("2026-11-01 06:00", tz="UTC")
USER = {
    "user": "ana",
    "arn": "arn:aws:iam::012345678901:user/ana",
    "user_creation_time": "2020-01-01T00:00:00+00:00",
    "password_enabled": "false",
    "password_last_used": "N/A",
    "password_last_changed": "N/A",
    "password_next_rotation": "N/A",
    "mfa_active": "false",
    **{f"access_key_{slot}_active": "false" for slot in (1, 2)},
    **{f"cert_{slot}_active": "false" for slot in (1, 2)},
}


def report(*rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> pd.DataFrame:
    lines = [",".join(columns)]
    lines += [",".join(({**USER, **row}).get(name, "N/A") for name in columns) for row in rows]
    return credential_report.read("\n".join(lines).encode())


def one(**row: str) -> pd.Series:
    return credential_report.credentials(report(row), AS_OF).iloc[0]


def key(**row: str) -> pd.Series:
    return credential_report.access_keys(report(row), AS_OF).iloc[0]


@pytest.mark.parametrize(
    ("row", "use"),
    [
        ({"password_last_used": "2026-10-01T00:00:00Z", "password_enabled": "true"}, "used"),
        ({"password_last_used": "no_information", "password_enabled": "true"}, "never used"),
        ({"password_last_used": "N/A", "password_enabled": "true"}, "never used"),
        ({"password_last_used": "N/A"}, "no password"),
        (
            {
                "password_last_used": "no_information",
                "password_enabled": "true",
                "user_creation_time": "2013-05-01T00:00:00Z",
            },
            "not tracked",
        ),
        ({"password_last_used": "not_supported", "password_enabled": "not_supported"}, "not known"),
    ],
)
def test_why_a_password_has_no_last_use(row: dict[str, str], use: str) -> None:
    assert one(**row)["password_use"] == use


@pytest.mark.parametrize(
    ("row", "use", "exists"),
    [
        ({}, "no key", False),
        ({"access_key_1_active": "true"}, "never used", True),
        ({"access_key_1_last_rotated": "2026-01-01T00:00:00Z"}, "never used", True),
        ({"access_key_1_last_rotated": "2014-01-01T00:00:00Z"}, "not tracked", True),
        (
            {
                "access_key_1_active": "TRUE",
                "access_key_1_last_rotated": "2014-01-01T00:00:00Z",
                "access_key_1_last_used_date": "2026-01-01T00:00:00Z",
            },
            "used",
            True,
        ),
    ],
)
def test_why_a_key_has_no_last_use(row: dict[str, str], use: str, exists: bool) -> None:
    made = key(**row)
    assert made["use"] == use
    assert bool(made["exists"]) is exists


def test_a_key_never_used_is_idle_since_it_was_made() -> None:
    made = key(access_key_1_active="true", access_key_1_last_rotated="2024-12-01T06:00:00Z")
    assert made["idle_days"] == made["age_days"] == 700


def test_a_password_never_used_is_idle_since_it_was_set() -> None:
    made = one(
        password_enabled="true",
        password_last_used="no_information",
        password_last_changed="2026-10-02T06:00:00Z",
    )
    assert made["password_idle_days"] == 30


def test_a_key_without_a_date_has_no_age_rather_than_a_young_one() -> None:
    assert pd.isna(key(access_key_1_active="true")["age_days"])


@pytest.mark.parametrize(
    ("password", "key_1", "access"),
    [
        ("true", "false", "console"),
        ("false", "true", "programmatic"),
        ("true", "true", "both"),
        ("false", "false", "none"),
    ],
)
def test_kinds_of_access(password: str, key_1: str, access: str) -> None:
    assert one(password_enabled=password, access_key_1_active=key_1)["access"] == access


def test_access_is_missing_where_the_report_does_not_say() -> None:
    assert pd.isna(one(password_enabled="not_supported")["access"])


def test_the_last_use_is_the_latest_of_all_three() -> None:
    made = one(
        password_enabled="true",
        password_last_used="2026-01-01T00:00:00Z",
        access_key_2_last_used_date="2026-05-01T00:00:00Z",
        access_key_1_last_used_date="2026-03-01T00:00:00Z",
    )
    assert made["last_used"] == pd.Timestamp("2026-05-01", tz="UTC")


def test_columns_are_found_by_name_and_may_be_missing_or_new() -> None:
    shuffled = ("new_column", *reversed(COLUMNS[:-2]))
    made = credential_report.credentials(report({}, columns=shuffled), AS_OF)
    assert made["user_name"].tolist() == ["ana"]
    assert made["certificates_active"].isna().tolist() == [True]  # nobody says that there is none


def test_an_empty_report_gives_empty_tables() -> None:
    empty = credential_report.read(b"")
    assert len(credential_report.credentials(empty, AS_OF)) == 0
    assert len(credential_report.access_keys(empty, AS_OF)) == 0
