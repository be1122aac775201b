"""
Who gets in by a trust policy: its doors, and the callers whom they are tried with.

A trust policy is tried, not read: would it let in a caller of whom this much is known? A Deny that
certainly catches the caller shuts the door. What a condition asks that nobody knows is taken to
help the caller, so the answer errs towards open. The table of trust policies has no Version:
policy variables are taken to be replaced.

Source: IAM User Guide, "Policy evaluation logic" and "AWS global condition context keys".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import pandas as pd

from iamkit import conditions, schema
from iamkit.callers import Callers
from iamkit.documents import as_dict, listed
from iamkit.patterns import ABSENT, UNKNOWN, Context, Pattern
from iamkit.settings import Settings

PERHAPS: Final = "?"
ASSUME: Final = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity")

# An account that nobody trusts, an address that is in nobody's network, a word nobody asks for.
NOBODY: Final = "000000000000"
ADDRESS: Final = "240.0.0.1"
WORD: Final = "iamkit-stranger"

_SOURCE: Final = {
    "aws:sourceaccount": NOBODY,
    "aws:sourcearn": f"arn:aws:{WORD}:us-east-1:{NOBODY}:{WORD}/{WORD}",
    "aws:sourceorgid": WORD,
    "aws:sourceorgpaths": [f"{WORD}/r-0/ou-0/"],
}
_PATHS: Final = ("aws:principalorgid", "aws:principalorgpaths", "aws:vpceorgid", "aws:vpceorgpaths")
_ORGANIZATION: Final = {key: f"{WORD}/r-0/ou-0/" if "paths" in key else WORD for key in _PATHS}
_ENDPOINT: Final = ("aws:sourcevpc", "aws:sourcevpce", "aws:sourcevpcarn", "aws:vpcsourceip")
# Somebody with an account of their own, in another organization or in none, from the internet or
# through a VPC endpoint. Amazon S3's page "Blocking public access to your Amazon S3 storage" lists
# much the same keys as those that make a policy not public.
_PERSON: Final = {
    **_SOURCE,
    "aws:principalaccount": NOBODY,
    "aws:principalarn": f"arn:aws:iam::{NOBODY}:user/{WORD}",
    "aws:principaltype": "User",
    "aws:principalisawsservice": "false",
    "aws:principalservicename": ABSENT,
    "aws:userid": f"AIDA{WORD}",
    "aws:username": WORD,
    "aws:vpceaccount": NOBODY,
}
STRANGERS: Final = tuple(
    Context({**_PERSON, **organization, **route}, UNKNOWN)
    for organization in (_ORGANIZATION, dict.fromkeys(_PATHS, ABSENT))
    for route in (
        {"aws:sourceip": ADDRESS, **dict.fromkeys(_ENDPOINT, ABSENT)},
        {"aws:sourceip": ABSENT, **dict.fromkeys(_ENDPOINT, WORD)},
    )
)
# A service at work for another customer; a vendor at work for one.
DEPUTY: Final = Context(
    {**_SOURCE, "aws:principalaccount": NOBODY, "sts:externalid": WORD}, UNKNOWN
)
VENDOR: Final = Context(_ORGANIZATION, UNKNOWN)


def ways_in(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """
    Rows of trust policies that allow somebody to assume a role, service-linked roles aside.

    An Allow with NotPrincipal is one for anyone. Column `shut` holds the conditions of what the
    same policy denies, by principal, or under `PERHAPS` where it does not say who or what for sure;
    `denials` those for the row's own principal or everybody.
    """
    readable = trust[trust["problem"].isna() & ~_linked(trust, roles)]
    about = readable["actions"].map(lambda patterns: _assumes(tuple(patterns))).astype("bool")
    readable = readable[about]
    shut: dict[str, dict[str, list[Any]]] = {}
    for row in rows(readable[readable["effect"].eq("Deny")]):
        whom = row["principal"] if row["actions"] and not row["negated"] else PERHAPS
        shut.setdefault(row["role_arn"], {}).setdefault(whom, []).append(row["conditions"])
    doors = readable[readable["effect"].eq("Allow")]
    anyone = doors["negated"].eq(True)
    doors = doors.assign(
        principal_type=doors["principal_type"].mask(anyone, "*"),
        principal=doors["principal"].mask(anyone, "*"),
        shut=schema.objects((shut.get(arn, {}) for arn in doors["role_arn"]), doors.index),
    )
    denials = (
        [*found.get("*", ()), *(found.get(who, ()) if who != "*" else ())]
        for found, who in zip(doors["shut"], doors["principal"], strict=True)
    )
    return doors.assign(denials=schema.objects(denials, doors.index))


@lru_cache(maxsize=4096)
def _assumes(patterns: tuple[str, ...]) -> bool:
    """Whether a statement is about assuming a role; one with NotAction may be."""
    return not patterns or any(
        Pattern(text.lower()).matches(action) for text in patterns for action in ASSUME
    )


def _linked(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.Series[bool]:
    return trust["role_arn"].isin(roles.loc[roles["service_linked"], "role_arn"])


def rows(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return a dict per row."""
    return table.to_dict("records")


def may(door: Mapping[str, Any], who: Context) -> bool:
    """Whether a door may let in whom a context describes, and no denial certainly stops them."""
    return conditions.evaluate(door["conditions"], who) is not False and not any(
        conditions.evaluate(each, who) is True for each in door["denials"]
    )


def lets_in(doors: pd.DataFrame, whom: Callable[[Any], Iterable[Context]]) -> pd.Series[bool]:
    """Whether each door may let in one at least of whom it is tried with."""
    found = [any(may(door, who) for who in whom(door)) for door in rows(doors)]
    return pd.Series(found, index=doors.index, dtype="bool")


def open_to_anyone(doors: pd.DataFrame) -> pd.DataFrame:
    """Doors for anyone that may let in a stranger."""
    anyone = doors[doors["principal_type"].eq("*")]
    return anyone[lets_in(anyone, guises)]


def guises(door: Mapping[str, Any]) -> list[Context]:
    """Strangers, and strangers with a name that the door asks for, in an account of their own."""
    patterns = map(Pattern, written(door["conditions"], "aws:principalarn"))
    names = (pattern.filled(NOBODY, "0") for pattern in patterns)
    own = [name for name in names if name.split(":")[4:5] == [NOBODY]]
    called = [each.but({"aws:principalarn": name}) for name in own for each in STRANGERS]
    return [*STRANGERS, *called]


def written(condition: Any, wanted: str) -> list[str]:
    """The texts that a condition compares a key with, whatever the operator."""
    return [
        text
        for block in as_dict(condition).values()
        for key, values in as_dict(block).items()
        if key.lower() == wanted
        for text in listed(values)
        if isinstance(text, str)
    ]


def foreign(doors: pd.DataFrame, callers: Callers, settings: Settings) -> pd.DataFrame:
    """
    Doors for another account that is not known to be yours.

    The organization's management account is yours. Where the evidence does not say which it is, a
    door for it counts as foreign: no reason to leave all others unassessed.
    """
    account = callers.account
    manager = account.organization["management_account_id"].dropna()
    own = {account.account_id, *settings.known_accounts, *manager}
    named = doors[doors["principal_type"].eq("AWS") & doors["account_id"].notna()]
    return named[~named["account_id"].isin(own)]


def reported(
    hit: pd.DataFrame, said: pd.Series[Any], trust: pd.DataFrame, roles: pd.DataFrame
) -> pd.DataFrame:
    """One row per role of what was found, and one for each whose trust policy cannot be read."""
    odd = trust[trust["problem"].notna() & ~_linked(trust, roles)]
    parts = [
        pd.DataFrame({"subject": table["role_arn"], "detail": text, "status": status})
        for table, text, status in ((hit, said, "fail"), (odd, odd["problem"], "not assessed"))
    ]
    whole = schema.stack(*parts).drop_duplicates()
    joined = whole.groupby(["subject", "status"], sort=False)["detail"].agg("; ".join)
    made = joined.reset_index()
    unread = "its trust policy cannot be read: " + made["detail"]
    return made.assign(detail=made["detail"].where(made["status"].eq("fail"), unread))
