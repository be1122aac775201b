"""
Who gets in by a trust policy: its doors, and the callers whom they are tried with.

A trust policy is tried, not read: would it let in a caller of whom this much is known? A Deny that
certainly catches the caller shuts the door. What a condition asks that nobody knows is taken to
help the caller, so the answer errs towards open.

Source: IAM User Guide, "Policy evaluation logic", "AWS JSON policy elements: NotPrincipal" and "AWS
global condition context keys".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import pandas as pd

from iamkit.policy import ABSENT, UNKNOWN, Pattern, RequestContext, conditions
from iamkit.table import objects
from iamkit.values import as_dict, listed

PERHAPS: Final = "?"
ASSUME: Final = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity")

# With which of them a kind of principal comes; anyone may come with any.
ASSUMES: Final = {
    "AWS": frozenset(ASSUME[:1]),
    "Service": frozenset(ASSUME[:1]),
    "Federated": frozenset(ASSUME[1:]),
}

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
    RequestContext({**_PERSON, **organization, **route}, UNKNOWN)
    for organization in (_ORGANIZATION, dict.fromkeys(_PATHS, ABSENT))
    for route in (
        {"aws:sourceip": ADDRESS, **dict.fromkeys(_ENDPOINT, ABSENT)},
        {"aws:sourceip": ABSENT, **dict.fromkeys(_ENDPOINT, WORD)},
    )
)

# A service at work for another customer; a vendor at work for one.
DEPUTY: Final = RequestContext(
    {**_SOURCE, "aws:principalaccount": NOBODY, "sts:externalid": WORD}, UNKNOWN
)

VENDOR: Final = RequestContext(_ORGANIZATION, UNKNOWN)


def ways_in(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """
    Rows of trust policies that allow somebody to assume a role, service-linked roles aside.

    An Allow with NotPrincipal is one for anyone. Column `shut` holds the conditions of what the
    same policy denies of it, by principal, or under `PERHAPS` where it does not say who or what for
    sure; `denials` those that certainly catch the row's own principal, or a stranger if it is for
    anyone. `conditions` of a policy whose Version has no variables are rewritten to say the same
    where variables are replaced.
    """
    readable = trust[trust["problem"].isna() & ~_linked(trust, roles)]
    readable = readable.assign(
        conditions=_rewritten(readable),
        about=objects(
            map(_named, map(tuple, readable["actions"]), map(tuple, readable["not_actions"])),
            readable.index,
        ),
    )
    denying: dict[str, list[dict[Any, Any]]] = {}
    for row in rows(readable[readable["effect"].eq("Deny")]):
        denying.setdefault(row["role_arn"], []).append(row)
    doors = readable[readable["effect"].eq("Allow") & readable["about"].map(bool)]
    anyone = doors["negated"].eq(True)
    doors = doors.assign(
        principal_type=doors["principal_type"].mask(anyone, "*"),
        principal=doors["principal"].mask(anyone, "*"),
    )
    # Few roles deny anything, and an account may have a million doors.
    nothing: tuple[dict[str, list[Any]], list[Any]] = ({}, [])
    limited = doors[doors["role_arn"].isin(denying)]
    denied = dict.fromkeys(doors.index, nothing)
    for at, door in zip(limited.index, rows(limited), strict=True):
        denied[at] = _denied(door, denying[door["role_arn"]])
    return doors.assign(
        shut=objects((shut for shut, _ in denied.values()), doors.index),
        denials=objects((denials for _, denials in denied.values()), doors.index),
    ).drop(columns="about")


def _rewritten(trust: pd.DataFrame) -> pd.Series[Any]:
    """Conditions, as one would write them where policy variables are replaced."""
    old = trust[trust["variables"].eq(False)]
    found = dict(zip(old.index, map(_as_if_replaced, rows(old)), strict=True))
    written = zip(trust.index, trust["conditions"], strict=True)
    return objects((found.get(at, each) for at, each in written), trust.index)


def about(row: Mapping[str, Any]) -> frozenset[str]:
    """Return which of `ASSUME` a statement is about; all, if it has no Action and no NotAction."""
    return _named(tuple(listed(row["actions"])), tuple(listed(row["not_actions"])))


@lru_cache(maxsize=4096)
def _named(actions: tuple[str, ...], not_actions: tuple[str, ...]) -> frozenset[str]:
    patterns = [Pattern(text.lower()) for text in actions or not_actions]
    named = frozenset(each for each in ASSUME if any(text.matches(each) for text in patterns))
    return named if actions else frozenset(ASSUME) - named


def _as_if_replaced(row: Mapping[str, Any]) -> Any:
    """A statement's Condition, as one would write it where policy variables are replaced."""
    written = row["conditions"]
    if row["variables"] is not False or "${" not in conditions.condition_key(written):
        return written
    return json.loads(conditions.condition_key(written).replace("$", "${$}"))


def _denied(
    door: Mapping[str, Any], denying: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, list[Any]], list[Any]]:
    """What the Deny statements of a door's policy say of it: its `shut` and its `denials`."""
    shut: dict[str, list[Any]] = {}
    certain: dict[int, list[Any]] = {}
    spared: set[int] = set()  # statements with NotPrincipal that name who comes in by the door
    own = ASSUMES.get(door["principal_type"], frozenset(ASSUME))
    wanted = door["about"] & own or door["about"]
    for row in denying:
        sure = wanted <= row["about"] and bool(row["actions"] or listed(row["not_actions"]))
        if not wanted & row["about"]:
            continue
        clear = sure and not row["negated"] and (row["principal"] != "*" or _anyone(row))
        shut.setdefault(row["principal"] if clear else PERHAPS, []).append(row["conditions"])
        if sure and row["negated"] and _concerns(row, door):
            spared.add(row["number"])
        elif sure and (row["negated"] or _anyone(row) or _catches(row, door)):
            certain.setdefault(row["number"], []).append(row["conditions"])
    return shut, [each for at, found in certain.items() if at not in spared for each in found]


def _anyone(row: Mapping[str, Any]) -> bool:
    return bool(row["principal_type"] == "*")


def _catches(denial: Mapping[str, Any], door: Mapping[str, Any]) -> bool:
    """Whether a denial names the principal of a door, or its whole account."""
    if denial["principal_type"] != door["principal_type"]:
        return False
    return denial["principal"] == door["principal"] or (
        _whole(denial) and bool(denial["account_id"] == door["account_id"])
    )


def _concerns(exception: Mapping[str, Any], door: Mapping[str, Any]) -> bool:
    """Whether whom a NotPrincipal leaves out may be who comes in by a door."""
    if _anyone(exception) or _anyone(door):
        return _anyone(exception)
    accounts = exception["account_id"], door["account_id"]
    return exception["principal_type"] == door["principal_type"] and (
        exception["principal"] == door["principal"]
        or (isinstance(accounts[0], str) and accounts[0] == accounts[1])
    )


def _whole(row: Mapping[str, Any]) -> bool:
    """Whether a principal is a whole account: its id, or the ARN that ends in :root."""
    account_id, principal = row["account_id"], row["principal"]
    return isinstance(account_id, str) and principal in (
        account_id,
        f"{principal[: principal.find(':iam:')]}:iam::{account_id}:root",
    )


def _linked(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.Series[bool]:
    return trust["role_arn"].isin(roles.loc[roles["service_linked"], "role_arn"])


def unreadable(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """Rows of trust policies that say nothing for certain: nobody can read their statement."""
    return trust[trust["problem"].notna() & ~_linked(trust, roles)]


def rows(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return a dict per row."""
    return table.to_dict("records")


def may(door: Mapping[str, Any], who: RequestContext) -> bool:
    """Whether a door may let in whom a context describes, and no denial certainly stops them."""
    return conditions.evaluate(door["conditions"], who) is not False and not any(
        conditions.evaluate(each, who) is True for each in door["denials"]
    )


def shut_to_all(door: Mapping[str, Any]) -> bool:
    """
    Whether nobody comes in by a door: its condition never holds, or its policy denies them all.

    A Deny with NotPrincipal keeps strangers out of a door for anyone, but not whom it names.
    """
    denials = door["shut"].get("*", []) if _anyone(door) else door["denials"]
    return not may({**door, "denials": denials}, RequestContext({}, UNKNOWN))


def lets_in(
    doors: pd.DataFrame, whom: Callable[[Any], Iterable[RequestContext]]
) -> pd.Series[bool]:
    """Whether each door may let in one at least of whom it is tried with."""
    found = [any(may(door, who) for who in whom(door)) for door in rows(doors)]
    return pd.Series(found, index=doors.index, dtype="bool")


def guises(door: Mapping[str, Any]) -> list[RequestContext]:
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
