"""
Callers that trust policies are tried with: strangers, vendors, services at work for others.

A trust policy is tried, not read: would it admit a caller of whom this much is known?

Source: IAM User Guide, "AWS global condition context keys" and "The confused deputy problem".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import pandas as pd

from iamkit.policy import ABSENT, UNKNOWN, Pattern, RequestContext
from iamkit.trust.trust_policy import CallerKind, TrustEntry
from iamkit.values import as_dict, listed

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


def admitted(
    rows: pd.DataFrame,
    contexts: Callable[[Any], Iterable[RequestContext]],
    caller: CallerKind = CallerKind.STRANGER,
) -> pd.Series[bool]:
    """Whether each row's `entry` may admit one at least of the callers it is tried with."""
    found = [
        any(row["entry"].may(context, caller) for context in contexts(row))
        for row in rows.to_dict("records")
    ]
    return pd.Series(found, index=rows.index, dtype="bool")


def strangers(entry: TrustEntry) -> list[RequestContext]:
    """Strangers, and strangers with a name that the entry asks for, in an account of their own."""
    patterns = map(Pattern, values_of(entry.condition, "aws:principalarn"))
    names = (pattern.filled(NOBODY, "0") for pattern in patterns)
    own = [name for name in names if name.split(":")[4:5] == [NOBODY]]
    called = [each.but({"aws:principalarn": name}) for name in own for each in STRANGERS]
    return [*STRANGERS, *called]


def values_of(condition: Any, wanted: str) -> list[str]:
    """The texts that a condition compares a key with, whatever the operator."""
    return [
        text
        for block in as_dict(condition).values()
        for key, values in as_dict(block).items()
        if key.lower() == wanted
        for text in listed(values)
        if isinstance(text, str)
    ]
