"""What a proposal is, and what those who make one ask of an account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.checks import Status
from iamkit.results import changes
from iamkit.values import counted

GROUPS: Final = 10  # of a user: IAM's quota
RECENT: Final = 90  # days; what was used since is in use
EMERGENCY: Final = re.compile(r"break.?glass|emergenc", re.IGNORECASE)


@dataclass(frozen=True)
class Proposal:
    """
    Changes that belong together, and what a person should know before they are made.

    `cut_off` says who may be stopped, `not_known` what the evidence does not say about that,
    `lacking` which evidence there would have to be for any change.
    """

    id: str
    title: str
    why: str
    changes: tuple[changes.Change, ...]
    cut_off: tuple[str, ...] = ()
    not_known: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    lacking: str = ""


def for_emergencies(account: Account) -> set[str]:
    """Return who is kept for emergencies, as a tag, the settings, or only the name says."""
    people = account.principals.dropna(subset="principal_arn")
    named = people["name"].fillna("").str.contains(EMERGENCY)
    return {*account.break_glass["principal_arn"], *people.loc[named, "principal_arn"]}


def failing(account: Account, *checks: str) -> pd.DataFrame:
    """Return the findings of some checks that fail."""
    findings = account.audit.findings
    return findings[findings["check"].isin(checks) & findings["status"].eq(Status.FAIL)]


def pairs(found: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Return subject and detail of each finding."""
    return zip(map(str, found["subject"]), map(str, found["detail"].fillna("")), strict=True)


def recent(days: Any) -> bool:
    """Return whether what was last used this number of days ago counts as in use."""
    return bool(pd.notna(days) and days < RECENT)


def active_keys(account: Account, users: set[str] | None = None) -> Iterator[Any]:
    """Return the active access keys of users, all if none are named; never those of root."""
    keys = account.access_keys
    keys = keys[keys["active"].eq(other=True) & ~keys["is_root"].eq(other=True)]
    for row in keys.itertuples(index=False):
        if users is None or row.user_arn in users:
            yield row


def used(key: Any) -> str:
    """Say which access key it is, and when it was used."""
    service = f" for {key.used_service}" if pd.notna(key.used_service) else ""
    days = counted(key.idle_days, "days")
    return f"access key {key.slot} of {key.user_name}, used {days} ago{service}"
