"""What a password policy lacks."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit.checks import password_policy as checks
from iamkit.checks.registry import CHECKS
from iamkit.settings import Settings
from iamkit.tables.account_level import PASSWORD_RULES
from iamkit.tables.schema import PASSWORD_POLICY
from tests.accounts import ACCOUNT, account
from tests.checks import result

GOOD = {
    "MinimumPasswordLength": 14,
    "RequireSymbols": True,
    "RequireNumbers": True,
    "RequireUppercaseCharacters": True,
    "RequireLowercaseCharacters": True,
    "ExpirePasswords": True,
    "MaxPasswordAge": 90,
    "PasswordReusePrevention": 24,
}
NAMES = [name for name in CHECKS if name.startswith("password_policy_")]


def rules(**changes: Any) -> pd.DataFrame:
    return PASSWORD_POLICY.rows(
        *(
            {"rule": rule, "value": value, "origin": "account"}
            for rule, value in {**GOOD, **changes}.items()
        )
    )


def found(name: str, table: pd.DataFrame) -> pd.DataFrame:
    more = (Settings(),) if name == "password_policy_no_expiry" else ()
    rows: pd.DataFrame = getattr(checks, name)(table, ACCOUNT, *more)
    assert rows["subject"].eq(ACCOUNT).all()
    return rows


def test_there_are_eight_checks_and_a_good_policy_passes_them() -> None:
    assert len(NAMES) == 8
    for name in NAMES:
        assert found(name, rules()).empty, name


@pytest.mark.parametrize(
    ("name", "rule", "value", "detail"),
    [
        ("short", "MinimumPasswordLength", 13, "13 characters are enough"),
        ("no_symbol", "RequireSymbols", False, "no symbol is required"),
        ("no_number", "RequireNumbers", False, "no digit is required"),
        (
            "no_uppercase",
            "RequireUppercaseCharacters",
            False,
            "no upper-case letter is required",
        ),
        (
            "no_lowercase",
            "RequireLowercaseCharacters",
            False,
            "no lower-case letter is required",
        ),
        ("no_symbol", "RequireSymbols", None, "no symbol is required"),
        ("reuse", "PasswordReusePrevention", 23, "previous passwords remembered: 23"),
        ("reuse", "PasswordReusePrevention", None, "previous passwords remembered: 0"),
        ("no_expiry", "MaxPasswordAge", 91, "passwords expire after 91 days"),
        ("no_expiry", "MaxPasswordAge", None, "passwords never expire"),
        ("no_expiry", "MaxPasswordAge", 0, "passwords never expire"),
        ("no_expiry", "ExpirePasswords", False, "passwords never expire"),
    ],
)
def test_one_weak_rule_fails_one_check(name: str, rule: str, value: Any, detail: str) -> None:
    weak = rules(**{rule: value})
    failing = {each: found(each, weak) for each in NAMES if len(found(each, weak))}
    assert list(failing) == [f"password_policy_{name}"]
    assert failing[f"password_policy_{name}"]["detail"].tolist() == [detail]
    assert failing[f"password_policy_{name}"]["status"].tolist() == ["fail"]


@pytest.mark.parametrize("value", ["14", [14], {}, 14.5, True])
def test_a_length_that_is_no_number_is_not_assessed(value: Any) -> None:
    rows = found("password_policy_short", rules(MinimumPasswordLength=value))
    assert rows[["detail", "status"]].values.tolist() == [
        ["the value of MinimumPasswordLength cannot be read", "not assessed"]
    ]


@pytest.mark.parametrize("value", ["true", 1, []])
def test_a_switch_that_is_neither_on_nor_off_is_not_assessed(value: Any) -> None:
    rows = found("password_policy_no_symbol", rules(RequireSymbols=value))
    assert rows["status"].tolist() == ["not assessed"]


def test_how_long_a_password_may_last_is_the_settings_to_say() -> None:
    longer = Settings().with_overrides(max_password_age_days=180)
    year = rules(MaxPasswordAge=180)
    assert checks.password_policy_no_expiry(year, ACCOUNT, longer).empty
    assert len(found("password_policy_no_expiry", year)) == 1


def test_without_a_policy_of_its_own_an_account_is_judged_by_the_default() -> None:
    default = PASSWORD_POLICY.rows(
        *({"rule": rule, "value": v, "origin": "AWS default"} for rule, v, _ in PASSWORD_RULES)
    )
    details = {name: found(name, default)["detail"].tolist() for name in NAMES}
    assert details["password_policy_missing"] == ["AWS's default policy applies"]
    assert details["password_policy_short"] == ["8 characters are enough (AWS's default)"]
    assert all(len(detail) == 1 for detail in details.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_refused_answer_passes_nothing(name: str, tmp_path: Path) -> None:
    said = result(account(tmp_path), name)
    assert (said["status"], said["failing"], said["total"]) == ("not assessed", 0, 1)
    assert "iam:GetAccountPasswordPolicy" in said["reason"]


def test_a_policy_of_the_account_is_judged_from_its_answer(tmp_path: Path) -> None:
    made = account(tmp_path, password_policy={"PasswordPolicy": {**GOOD, "RequireNumbers": False}})
    failing = [name for name in NAMES if result(made, name)["status"] == "fail"]
    assert failing == ["password_policy_no_number"]
