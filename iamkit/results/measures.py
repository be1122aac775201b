"""
What is measured of each audit, so that a year of it makes a line.

A number whose evidence is missing is missing, never zero. `of` is how many there are of which the
number is a part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from iamkit.checks import Status
from iamkit.restrictions import RESTRICTED, coverage
from iamkit.tables import without_service_linked

Number = tuple[float, float | None]  # the value, and of how many


@dataclass(frozen=True)
class Measure:
    """What a number means, the tables it needs, how it is counted, and whether less is better."""

    meaning: str
    needs: tuple[str, ...]
    count: Callable[[Any], Number]
    better: str  # less, more, or neither


GRAVE: Final = ("critical", "high", "medium", "low")


def _users(account: Any) -> pd.DataFrame:
    credentials: pd.DataFrame = account.credentials
    return credentials[~credentials["is_root"].fillna(value=False)]


def _console_users(account: Any) -> pd.DataFrame:
    users = _users(account)
    return users[users["password_enabled"].fillna(value=False)]


def _active_keys(account: Any) -> pd.DataFrame:
    keys: pd.DataFrame = account.access_keys
    return keys[keys["active"].fillna(value=False) & ~keys["is_root"].fillna(value=False)]


def _registered(account: Any) -> Number:
    users = _console_users(account)
    return int(users["mfa_registered"].fillna(value=False).sum()), len(users)


def _enforced(account: Any) -> Number:
    """As the page on MFA counts it."""
    shares = coverage(account.mfa_enforcement, account.administrators["principal_arn"])
    users = shares[shares["of"] == "users"].iloc[0]
    return int(users["part"]), int(users["whole"])


def _restricted(account: Any) -> Number:
    mine = without_service_linked(account.network_restrictions, account.roles)
    return int((mine["verdict"] == RESTRICTED).sum()), len(mine)


def _old(days: pd.Series[Any], limit: int) -> Number:
    """How many are too old, those of unknown age included."""
    return int((days.gt(limit) | days.isna()).sum()), len(days)


def _quantile(days: pd.Series[Any], at: float) -> Number:
    """The number of days that a part of those with a known age does not exceed."""
    return float(days.astype("float64").quantile(at)), None


def _key_ages(account: Any) -> pd.Series[Any]:
    return _active_keys(account)["age_days"]


def _password_ages(account: Any) -> pd.Series[Any]:
    return _console_users(account)["password_age_days"]


def _idle(account: Any) -> Number:
    limit = account.settings.unused_days
    idle = pd.concat(
        [_active_keys(account)["idle_days"], _console_users(account)["password_idle_days"]]
    )
    return int((idle.ge(limit) | idle.isna()).sum()), len(idle)


def _can_become(account: Any) -> Number:
    """As the check of this name counts it."""
    result = account.audit.results.set_index("check").loc["can_become_administrator"]
    return int(result["failing"]), None


def _failing(severity: str) -> Callable[[Any], Number]:
    def count(account: Any) -> Number:
        findings = account.audit.findings
        failing = findings[(findings["status"] == Status.FAIL)]
        worst = failing.drop_duplicates(["check", "subject"])  # the most severe come first
        return int((worst["severity"] == severity).sum()), None

    return count


def _with_status(status: str) -> Callable[[Any], Number]:
    def count(account: Any) -> Number:
        results = account.audit.results["status"]
        return int((results == status).sum()), len(results)

    return count


_REPORT: Final = ("credentials",)
_KEYS: Final = ("access_keys",)
_POLICIES: Final = ("policy_assignments",)

MEASURES: Final[Mapping[str, Measure]] = {
    "users": Measure("users", _REPORT, lambda of: (len(_users(of)), None), "neither"),
    "roles": Measure("roles", ("roles",), lambda of: (len(of.roles), None), "neither"),
    "console_users": Measure(
        "users with a password", _REPORT, lambda of: (len(_console_users(of)), None), "neither"
    ),
    "active_keys": Measure(
        "active access keys", _KEYS, lambda of: (len(_active_keys(of)), None), "neither"
    ),
    "mfa_registered": Measure("users with a password and MFA", _REPORT, _registered, "more"),
    "mfa_enforced": Measure(
        "users with permissions for whom MFA is enforced", _POLICIES, _enforced, "more"
    ),
    "network_restricted": Measure(
        "users and roles restricted to networks", _POLICIES, _restricted, "more"
    ),
    "old_keys": Measure(
        "access keys that are too old",
        _KEYS,
        lambda of: _old(_key_ages(of), of.settings.max_key_age_days),
        "less",
    ),
    "old_passwords": Measure(
        "passwords that are too old",
        _REPORT,
        lambda of: _old(_password_ages(of), of.settings.max_password_age_days),
        "less",
    ),
    "key_age_median": Measure(
        "median age of active access keys, in days",
        _KEYS,
        lambda of: _quantile(_key_ages(of), 0.5),
        "less",
    ),
    "key_age_p90": Measure(
        "age that nine of ten active access keys do not exceed, in days",
        _KEYS,
        lambda of: _quantile(_key_ages(of), 0.9),
        "less",
    ),
    "password_age_median": Measure(
        "median age of passwords, in days",
        _REPORT,
        lambda of: _quantile(_password_ages(of), 0.5),
        "less",
    ),
    "password_age_p90": Measure(
        "age that nine of ten passwords do not exceed, in days",
        _REPORT,
        lambda of: _quantile(_password_ages(of), 0.9),
        "less",
    ),
    "unused_credentials": Measure(
        "passwords and access keys that are not used", (*_REPORT, *_KEYS), _idle, "less"
    ),
    "administrators": Measure(
        "administrators", _POLICIES, lambda of: (len(of.administrators), None), "less"
    ),
    "can_become_administrator": Measure(
        "users and roles that can become administrator", _POLICIES, _can_become, "less"
    ),
    **{
        f"findings_{severity}": Measure(
            f"findings of severity {severity}", (), _failing(severity), "less"
        )
        for severity in GRAVE
    },
    "checks_failing": Measure("checks that fail", (), _with_status(Status.FAIL), "less"),
    "checks_not_assessed": Measure(
        "checks that could not be assessed", (), _with_status(Status.NOT_ASSESSED), "less"
    ),
}


def measures(account: Any) -> pd.DataFrame:
    """Every measure of an account: `measure`, `value` and `of`; missing where evidence is."""
    rows = []
    for name, each in MEASURES.items():
        value, of = (None, None) if account.missing(*each.needs) else each.count(account)
        rows.append((name, value, of))
    return pd.DataFrame(rows, columns=["measure", "value", "of"])
