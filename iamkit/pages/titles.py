"""
The titles of checks, for pages: people read a title, and files and settings have the id.

An id stands on no page as text. What an author wrote with ids of other checks is shown with their
titles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.checks import Status, every
from iamkit.counts import counted
from iamkit.settings import Settings

_ID: Final = re.compile(
    r"(?P<article>\b(?:the )?check )?(?P<id>\b[a-z0-9]+(?:_[a-z0-9]+)+\b)", re.IGNORECASE
)


_CALL: Final = re.compile(r" \([\w-]+:\w+: [\w ]+\)")  # that was refused, in a reason


def without_calls(reason: str) -> str:
    """
    Return a reason without the calls to AWS, which the table of missing evidence names.

    >>> without_calls("roles are not known (iam:ListRoles: AccessDenied); so are users")
    'roles are not known; so are users'
    """
    return _CALL.sub("", reason)


_SETTING: Final = re.compile(r"(?:\bthe settings?(?:'s?)? )?`(?:settings\.)?(?P<name>[a-z_]+)`")


def titles(account: Account) -> dict[str, str]:
    """Return the title of each check, by its id; of own checks, too."""
    return {name: each.title for name, each in every(account.settings).items()}


def spelled(text: str, named: Mapping[str, str]) -> str:
    """
    Return a text with the titles of checks in place of their ids.

    >>> named = {"root_without_mfa": "The root user has no MFA"}
    >>> spelled("It is noted, because root_without_mfa reports it; see mfa_enforcement.", named)
    'It is noted, because the check “The root user has no MFA” reports it; see mfa_enforcement.'
    >>> spelled("The check root_without_mfa reports it.", named)
    'The check “The root user has no MFA” reports it.'
    """

    def title(found: re.Match[str]) -> str:
        if found["id"] not in named:
            return found[0]
        return f"{found['article'] or 'the check '}“{named[found['id']]}”"

    return _ID.sub(title, text)


def in_numbers(text: str, settings: Settings) -> str:
    """
    Return a text with the numbers of the settings in place of their names.

    >>> in_numbers("Keys made more than `max_key_age_days` ago.", Settings())
    'Keys made more than 90 days ago.'
    >>> in_numbers("More than the setting `max_administrators`.", Settings())
    'More than 5.'
    """
    values = settings.values()

    def number(found: re.Match[str]) -> str:
        name = found["name"]
        value = values.get(name)
        if not isinstance(value, int):
            return found[0]
        return counted(value, "days") if name.endswith("_days") else f"{value:,}"

    return _SETTING.sub(number, text)


def of_what_holds(results: pd.DataFrame) -> pd.DataFrame:
    """
    Return results of checks without severity and remedy where nothing is wrong.

    A title says what is wrong, so there it says that this was not found.
    """
    fine = results["status"].isin([Status.PASS, Status.NOT_APPLICABLE])
    said = pd.Series([_fine(row) for row in results.to_dict("records")], results.index, "object")
    return results.assign(
        reason=results["reason"].map(without_calls, na_action="ignore"),
        title=results["title"].where(~fine, said),
        severity=results["severity"].mask(fine),
        remedy=results["remedy"].mask(fine),
    )


def _fine(result: Any) -> str:
    """What is right where nothing is wrong."""
    said = result["fine"] if result["status"] == Status.PASS else None
    return f"Not found: {lowered(result['title'])}" if pd.isna(said) else str(said)


def lowered(title: str) -> str:
    """
    Return a title as a part of a sentence.

    >>> lowered("The root user has no MFA"), lowered("MFA is not enforced")
    ('the root user has no MFA', 'MFA is not enforced')
    """
    return title[:1].lower() + title[1:] if title[1:2].islower() or title[:2] == "A " else title


def outcome(result: Any, counted: str) -> str:
    """
    Return the result of a check as a phrase: its title, and how many of whom; `counted` says that.

    >>> row = {"title": "A role is unused", "status": "fail", "reason": None, "fine": None}
    >>> outcome(row, "3 of 12 roles"), outcome(row | {"status": "pass"}, "none of 12 roles")
    ('A role is unused: 3 of 12 roles', 'Not found: a role is unused (none of 12 roles)')
    >>> outcome(row | {"status": "not assessed", "reason": "no roles are known"}, "")
    'A role is unused: not assessed, no roles are known'
    """
    title, status = result["title"], result["status"]
    reason = "" if pd.isna(result["reason"]) else without_calls(result["reason"]).split("; ")[0]
    if status == Status.PASS:
        return f"{_fine(result)} ({counted})"
    if status in (Status.NOT_ASSESSED, Status.NOT_APPLICABLE):
        said = "does not apply" if status == Status.NOT_APPLICABLE else status
        return f"{title}: {said}{f', {reason}' if reason else ''}"
    said = "" if status == Status.FAIL else f"{status}, "
    return f"{title}: {said}{counted}{f' ({reason})' if reason else ''}"
