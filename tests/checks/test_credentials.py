"""Which credentials are old, unused or too many."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit.checks import credentials as checks
from iamkit.settings import Settings
from iamkit.tables.schema import ACCESS_KEYS, CREDENTIALS, SERVICE_CREDENTIALS, USERS
from tests.accounts import ARN, account, details, report, user
from tests.checks import result

ANA, BO = f"{ARN}user/ana", f"{ARN}user/bo"
LIMITS = Settings()  # keys and passwords: 90 days old, 45 days unused


def key(slot: int = 1, owner: str = ANA, **facts: Any) -> dict[str, Any]:
    usual = {"is_root": owner.endswith(":root"), "active": True, "use": "used"}
    return {"user_arn": owner, "slot": slot, **usual, **facts}


def person(owner: str = ANA, **facts: Any) -> dict[str, Any]:
    usual = {"is_root": owner.endswith(":root"), "password_enabled": True, "password_use": "used"}
    return {"user_arn": owner, **usual, **facts}


def keys(*rows: dict[str, Any]) -> pd.DataFrame:
    return ACCESS_KEYS.rows(*rows)


def people(*rows: dict[str, Any]) -> pd.DataFrame:
    return CREDENTIALS.rows(*rows)


def said(found: pd.DataFrame) -> list[Any]:
    return found[["subject", "status", "detail"]].values.tolist()


# ── Age and use of keys ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("days", "old"), [(0, False), (90, False), (91, True), (505, True)])
def test_a_key_is_old_after_the_last_day_allowed(days: int, old: bool) -> None:
    assert len(checks.old_access_key(keys(key(age_days=days)), LIMITS)) == old


@pytest.mark.parametrize(("days", "unused"), [(0, False), (44, False), (45, True), (402, True)])
def test_a_key_is_unused_from_the_day_of_the_setting_on(days: int, unused: bool) -> None:
    assert len(checks.unused_access_key(keys(key(idle_days=days)), LIMITS)) == unused


def test_key_two_is_judged_when_key_one_is_inactive() -> None:
    both = keys(
        key(1, active=False, age_days=1100, idle_days=640),
        key(2, age_days=600, idle_days=402),
    )
    assert said(checks.old_access_key(both, LIMITS)) == [
        [ANA, "fail", "access key 2 is 600 days old"]
    ]
    assert said(checks.unused_access_key(both, LIMITS)) == [
        [ANA, "fail", "access key 2 was last used 402 days ago"]
    ]


def test_a_key_without_a_date_is_not_assessed() -> None:
    undated = keys(key(1, age_days=1, idle_days=1), key(2))
    assert said(checks.old_access_key(undated, LIMITS)) == [
        [ANA, "not assessed", "when access key 2 was made is not known"]
    ]
    assert said(checks.unused_access_key(undated, LIMITS)) == [
        [ANA, "not assessed", "when access key 2 was made or used is not known"]
    ]


def test_a_key_never_used_or_never_tracked_is_unused_since_it_was_made() -> None:
    made = keys(
        key(1, use="never used", idle_days=701),
        key(1, BO, use="not tracked", idle_days=4500),
    )
    assert checks.unused_access_key(made, LIMITS)["detail"].tolist() == [
        "access key 1 was never used in the 701 days since it was made",
        "access key 1 has no use on record in the 4,500 days since it was made",
    ]


def test_roots_keys_are_not_counted_among_users() -> None:
    roots = keys(key(1, f"{ARN}root", age_days=999, idle_days=999), key(2, f"{ARN}root"))
    assert checks.old_access_key(roots, LIMITS).empty
    assert checks.unused_access_key(roots, LIMITS).empty
    assert checks.two_active_access_keys(roots).empty


def test_thresholds_are_the_settings_to_say() -> None:
    strict = Settings().with_overrides(max_key_age_days=30, unused_days=1)
    made = keys(key(age_days=31, idle_days=1))
    assert checks.old_access_key(made, strict)["detail"].tolist() == ["access key 1 is 31 days old"]
    assert checks.unused_access_key(made, strict)["detail"].tolist() == [
        "access key 1 was last used 1 day ago"
    ]


# ── Passwords ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("days", "old"), [(90, False), (91, True)])
def test_a_password_is_old_after_the_last_day_allowed(days: int, old: bool) -> None:
    assert len(checks.old_password(people(person(password_age_days=days)), LIMITS)) == old


@pytest.mark.parametrize(("days", "unused"), [(44, False), (45, True)])
def test_a_password_is_unused_from_the_day_of_the_setting_on(days: int, unused: bool) -> None:
    assert len(checks.unused_password(people(person(password_idle_days=days)), LIMITS)) == unused


def test_only_enabled_passwords_of_users_count() -> None:
    days = {"password_age_days": 999, "password_idle_days": 999}
    others = people(
        person(password_enabled=False, **days),
        person(BO, password_enabled=None, **days),
        person(f"{ARN}root", **days),
    )
    assert checks.old_password(others, LIMITS).empty
    assert checks.unused_password(others, LIMITS).empty


def test_a_password_without_a_date_is_not_assessed() -> None:
    assert said(checks.old_password(people(person()), LIMITS)) == [
        [ANA, "not assessed", "when the password was changed is not known"]
    ]
    assert said(checks.unused_password(people(person()), LIMITS)) == [
        [ANA, "not assessed", "when the password was set or used is not known"]
    ]


def test_a_password_whose_use_the_report_does_not_tell_is_not_assessed() -> None:
    # How long ago it was set is known, and fills in for the last use.
    silent = people(person(password_use="not known", password_idle_days=300))
    assert checks.unused_password(silent, LIMITS)["status"].tolist() == ["not assessed"]


def test_a_password_never_used_or_never_tracked_is_unused_since_it_was_set() -> None:
    made = people(
        person(password_use="never used", password_idle_days=301),
        person(BO, password_use="not tracked", password_idle_days=4300),
    )
    assert checks.unused_password(made, LIMITS)["detail"].tolist() == [
        "the password was never used in the 301 days since it was set",
        "the password has no use on record in the 4,300 days since it was set",
    ]


# ── Two keys, and keys of the first day ──────────────────────────────────────────────────────────


def test_two_keys_count_if_both_are_active() -> None:
    made = keys(
        key(1, age_days=0),
        key(2),
        key(1, BO, age_days=3),
        key(2, BO, age_days=5, active=False),
    )
    found = checks.two_active_access_keys(made)
    assert found[["subject", "detail"]].values.tolist() == [
        [ANA, "both access keys are active; made today, an unknown number of days ago"]
    ]
    assert checks.two_active_access_keys(keys()).empty


SETUP = pd.Timestamp("2026-03-06T09:00:00Z")


def first_day(created: Any = SETUP, console: bool | None = True, **facts: Any) -> list[Any]:
    owner = people(person(password_enabled=console, created=created))
    return checks.access_key_made_with_user(keys(key(**facts)), owner)["status"].tolist()


@pytest.mark.parametrize(
    ("later", "status"),
    [("0s", ["fail"]), ("9s", ["fail"]), ("23h59min", ["fail"]), ("24h", []), ("300D", [])],
)
def test_a_key_made_within_a_day_of_its_console_user_was_made_with_it(
    later: str, status: list[str]
) -> None:
    assert first_day(rotated=SETUP + pd.Timedelta(later)) == status


def test_only_active_keys_of_users_with_a_password_count() -> None:
    assert first_day(rotated=SETUP, active=False) == []
    assert first_day(rotated=SETUP, console=False) == []
    assert first_day(rotated=SETUP, console=None) == []


def test_a_key_without_a_date_counts_if_nobody_ever_used_it() -> None:
    assert first_day(use="never used") == ["fail"]
    assert first_day(use="used") == ["not assessed"]
    assert first_day(use="used", rotated=SETUP, created=None) == ["not assessed"]


# ── One kind of access too many ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("used", ", and is used"),
        ("never used", ", and was never used"),
        ("not tracked", ", and has no use on record"),
        (None, ", and whether it is used is not known"),
    ],
)
def test_a_key_whose_use_was_not_tracked_is_not_said_to_be_used(use: str | None, said: str) -> None:
    owner = people(person(created=SETUP, password_enabled=True))
    found = checks.access_key_made_with_user(keys(key(rotated=SETUP, use=use)), owner)
    assert found["detail"].tolist() == [f"access key 1 was made within a day of its user{said}"]


def test_a_kind_of_access_whose_use_was_not_tracked_is_not_said_to_be_new() -> None:
    found = kinds(10, 4000, password_use="not tracked")
    assert (
        found["detail"].str.endswith("and a password made 10 days ago with no use on record").all()
    )
    assert len(found) == 1


def kinds(password: int | None, *idle: int | None, **facts: Any) -> pd.DataFrame:
    made = keys(*(key(slot, idle_days=days) for slot, days in enumerate(idle, start=1)))
    owner = people(person(password_idle_days=password, **facts))
    return checks.unused_kind_of_access(owner, made, LIMITS)


def test_a_user_who_uses_one_of_two_kinds_of_access_is_asked_to_drop_the_other() -> None:
    assert kinds(210, 0)[["detail", "next_step"]].values.tolist() == [
        [
            "a password unused for 210 days, and an access key used today",
            "Remove the password: it was used 210 days ago.",
        ]
    ]
    assert kinds(1, 402)[["detail", "next_step"]].values.tolist() == [
        [
            "no access key used for 402 days, and a password used yesterday",
            "Deactivate access key 1, which was used 402 days ago; delete it later if nothing "
            "fails.",
        ]
    ]


def test_what_is_new_is_not_said_to_be_in_use() -> None:
    fresh = kinds(3, 402, password_use="never used")
    assert fresh["detail"].tolist() == [
        "no access key used for 402 days, and a password made 3 days ago and not used yet"
    ]


@pytest.mark.parametrize(
    ("password", "key_days"), [(44, 44), (45, 45), (400, 400), (0, 0), (44, 0), (0, 44)]
)
def test_users_of_both_kinds_and_users_of_neither_are_left_alone(
    password: int, key_days: int
) -> None:
    assert kinds(password, key_days).empty


@pytest.mark.parametrize(("password", "key_days"), [(45, 44), (44, 45)])
def test_a_kind_is_unused_from_the_day_of_the_setting_on(password: int, key_days: int) -> None:
    assert kinds(password, key_days)["status"].tolist() == ["fail"]


def test_the_key_used_last_stands_for_both() -> None:
    assert kinds(0, 900, 3).empty
    assert kinds(100, 900, 3)["detail"].str.endswith("used 3 days ago").all()


@pytest.mark.parametrize(("password", "key_days"), [(None, 900), (900, None), (None, None)])
def test_a_kind_of_access_without_dates_is_not_assessed(
    password: int | None, key_days: int | None
) -> None:
    assert kinds(password, key_days)["status"].tolist() == ["not assessed"]


def test_a_user_with_one_kind_of_access_is_not_asked_anything() -> None:
    assert kinds(300).empty
    assert kinds(300, 0, password_enabled=False).empty


# ── Users whom nobody can use ────────────────────────────────────────────────────────────────────


def unusable(*services: dict[str, Any], **facts: Any) -> list[Any]:
    owner = people({"user_arn": ANA, "access": "none", "certificates_active": 0, **facts})
    made = SERVICE_CREDENTIALS.rows(*({"user_arn": ANA, **each} for each in services))
    return checks.unusable_user(USERS.rows({"user_arn": ANA}), owner, made)["status"].tolist()


def test_a_user_without_any_credential_cannot_be_used() -> None:
    assert unusable() == ["fail"]
    assert unusable({"active": False}) == ["fail"]
    assert unusable({"active": True}) == []
    assert unusable({"active": None}) == []
    assert unusable(certificates_active=1) == []
    assert unusable(access="console") == unusable(access="programmatic") == []


def test_a_user_whose_access_the_report_does_not_tell_is_not_assessed() -> None:
    assert unusable(access=None) == ["not assessed"]
    found = checks.unusable_user(
        USERS.rows({"user_arn": BO}), people(person()), SERVICE_CREDENTIALS.rows()
    )
    assert found[["subject", "status"]].values.tolist() == [[BO, "not assessed"]]


def test_without_the_list_of_service_credentials_no_user_is_called_unusable(tmp_path: Path) -> None:
    row = f"ana,{ANA},2024-05-01T12:00:00Z,false{',N/A' * 3},false,false{',N/A' * 4}"
    row += f",false{',N/A' * 4},false,N/A,false,N/A"
    made = account(tmp_path, details([user("ana")]), credential_report=report(row))
    said = result(made, "unusable_user")
    assert (said["status"], said["failing"], said["total"]) == ("not assessed", 0, 1)


# ── Missing evidence ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    [
        "old_access_key",
        "unused_access_key",
        "old_password",
        "unused_password",
        "two_active_access_keys",
        "access_key_made_with_user",
        "unused_kind_of_access",
        "unusable_user",
    ],
)
def test_without_a_credential_report_nothing_passes(name: str, tmp_path: Path) -> None:
    made = account(tmp_path, details([user("ana")]), credential_report=None)
    said = result(made, name)
    assert said["status"] == "not assessed"
    assert "iam:GetCredentialReport" in said["reason"]


def test_keys_in_use_are_counted_for_the_account() -> None:
    rows = keys(
        key(user_name="ana", used_service="s3"),
        key(2, user_name="ana", used_service="ec2"),
        key(owner=BO, user_name="bo", used_service="ec2"),
    )
    found = checks.long_lived_access_keys(rows, "012345678901")
    assert found[["subject", "detail"]].values.tolist() == [
        ["012345678901", "2 users work with one: ana, bo"]
    ]


@pytest.mark.parametrize(
    "facts",
    [
        {"used_service": "sts"},  # a session is what should be used
        {"used_service": "iam"},
        {"used_service": None},  # never used
        {"used_service": "s3", "active": False},
        {"used_service": "s3", "owner": f"{ARN}root"},
    ],
)
def test_no_work_is_done_with_these(facts: dict[str, Any]) -> None:
    rows = keys(key(user_name="ana", **facts))
    assert checks.long_lived_access_keys(rows, "012345678901").empty
