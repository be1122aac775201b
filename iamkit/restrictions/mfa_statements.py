"""
Statements that ask for MFA: by which way requests get past them, and what that means for a role.

There are two ways to come without MFA. Requests signed with a long-term access key carry no
`aws:MultiFactorAuthPresent` at all; those of a session opened with a password alone carry it as
false. A statement asks for MFA if its Condition, everything else unknown, does not hold alike for
both of them and for a session with MFA.

A **role** is asked about at its door, because its sessions carry no MFA: does *assuming* it need
MFA? Ways in are the Allow statements of its trust policy for AWS principals, or anyone, less what a
Deny certainly takes away. A trusted principal that is a role, or has been deleted since, counts
like any other, which errs towards "none". What cannot be read may ask for MFA or not: "partial".

Source: IAM User Guide, "AWS global condition context keys", and "Multi-factor authentication: API
access with MFA".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from iamkit.policy import KEY, PASSWORD, PROTECTED, Pattern, Truth, conditions

WAYS: Final = ("key", "password")
CARRIED: Final = {"key": KEY, "password": PASSWORD, "mfa": PROTECTED}
ON_DENY: Final = '"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}'
ON_ALLOW: Final = '"Bool": {"aws:MultiFactorAuthPresent": "true"}'

_SLIPS: Final = {
    "key": "lets access keys pass, whose requests carry no aws:MultiFactorAuthPresent",
    "password": "lets passwords alone pass, whose requests carry aws:MultiFactorAuthPresent, false",
}


@dataclass(frozen=True, eq=False)
class Asked:
    """A statement, and whether its Condition holds by each of `CARRIED`."""

    policy: str  # what to call the policy
    label: str | None  # Sid, or position from 1; None: the policy cannot be read
    allows: bool
    truths: Mapping[str, Truth]

    @property
    def asks(self) -> bool:
        """Whether it tells requests with MFA from others."""
        return len(set(self.truths.values())) > 1

    def passes(self, way: str) -> bool:
        """Whether requests that come by a way may get past it: allowed, or not denied."""
        return self.truths[way] is not (not self.allows)

    def gap(self, way: str) -> str:
        """Say how they do."""
        if self.truths[way] is None:
            return "asks for MFA only where its other conditions hold"
        return _SLIPS[way]

    @property
    def cure(self) -> str:
        """What to write so that neither way passes."""
        return f"write {ON_ALLOW if self.allows else ON_DENY}"

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        if self.label is None:
            return f"{self.policy}, which is not in the evidence,"
        numbered = self.label.startswith("statement ")
        return f"{self.label if numbered else f'statement “{self.label}”'} of {self.policy}"


def truths(condition: Any, *, variables: bool = True) -> dict[str, Truth]:
    """Return whether a Condition holds by each of `CARRIED`."""
    return {
        way: conditions.evaluate(condition, context, variables=variables)
        for way, context in CARRIED.items()
    }


def label(sid: str | None, number: int) -> str:
    """Return what to call a statement: its Sid, or its position from 1."""
    return sid or f"statement {number}"


def verdict(states: Mapping[str, str], *, bypassable: bool = False) -> str:
    """Return what the states of both ways, closed, holed or open, come to."""
    closed = [way for way in WAYS if states[way] == "required"]
    if closed:
        return (
            "enforced"
            if len(closed) == len(WAYS)
            else {"key": "keys only", "password": "console only"}[closed[0]]
        )
    if all(states[way] == "not required" for way in WAYS):
        return "none"
    return "bypassable" if bypassable else "partial"


def sentence(text: str) -> str:
    """Begin with a capital letter and end with a full stop."""
    return f"{text[0].upper()}{text[1:]}."


# --- the doors of roles


@dataclass(frozen=True, eq=False)
class Entry(Asked):
    """A trust statement for one principal; `truths` are those of its own Condition."""

    row: Mapping[str, Any]
    ways: Mapping[str, Truth]  # whether one gets in by it, denials counted


def doors(trust: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """
    Return for each role that people may assume, by ARN, how, from rows of `schema.TRUST`.

    Each is a dict of `verdict` (enforced, none, or partial: some entries or one way ask for MFA),
    `key` and `password` (closed, holed or open; open: every entry is as open by this way as with
    MFA), and the statement that decides: `policy_arn` and `policy_name`, which are the role's,
    `statement` and `why`.
    """
    table = trust.astype(object).where(trust.notna(), None)
    unread = table["problem"].notna() & table["principal_type"].isna()
    people = table["principal_type"].isin(["AWS", "*"]) | table["negated"].eq(True)
    roles: dict[str, list[dict[Any, Any]]] = {}
    for row in table[people | unread].to_dict("records"):
        roles.setdefault(row["role_arn"], []).append(row)
    found = {arn: _door(rows) for arn, rows in roles.items()}
    return {
        arn: {"policy_arn": arn, "policy_name": arn.rsplit("/", 1)[-1], **door}
        for arn, door in found.items()
        if door
    }


def _door(rows: list[dict[Any, Any]]) -> dict[str, Any]:
    """Judge the ways into one role; empty if people have none."""
    denials = [_entry(row, []) for row in rows if _denies(row)]
    entries = [_entry(row, denials) for row in rows if row["effect"] != "Deny"]
    entries = [each for each in entries if set(each.ways.values()) != {False}]
    if not entries:
        return {}
    states = {way: _state(way, entries) for way in WAYS}
    found = verdict(states)
    found = found if found in ("enforced", "none") else "partial"
    way = "password" if states["key"] == "required" else "key"
    asking = [each for each in (*entries, *denials) if each.asks]
    if found == "enforced":
        said = asking[0]
        why = f"{said.name} {'admits only who has MFA' if said.allows else 'denies who has none'}"
    elif found != "none" and (slipping := [each for each in asking if each.passes(way)]):
        said = slipping[0]
        why = f"{said.name} {said.gap(way)}; {said.cure}"
        if said.label is None:
            why = f"{said.policy} cannot be read"
    else:
        said = next(each for each in entries if each.ways[way] is not False)
        why = f"{said.name} admits {said.row['principal']} without MFA; if people come in by it, "
        why += f"add {ON_ALLOW}"
    return {"verdict": found, **states, "statement": said.label, "why": sentence(why)}


def _state(way: str, entries: Iterable[Entry]) -> str:
    if all(each.ways[way] is False for each in entries):
        return "required"
    return (
        "not required"
        if all(each.ways[way] is each.ways["mfa"] for each in entries)
        else "partly required"
    )


def _entry(row: Mapping[str, Any], denials: Iterable[Entry]) -> Entry:
    """Read a row of `schema.TRUST`; a principal that is caught by a denial gets in no more."""
    own: dict[str, Truth] = {"key": None, "password": None, "mfa": True}
    called = None
    if row["problem"] is None:
        own, called = truths(row["conditions"]), label(row["sid"], row["number"])
    catching = [each for each in denials if _catches(each.row, row)]
    ways = {way: _admitted(truth, way, catching) for way, truth in own.items()}
    if not _assumes(row):
        ways = dict.fromkeys(own, False)
    return Entry("the trust policy", called, row["effect"] != "Deny", own, row, ways)


def _admitted(truth: Truth, way: str, denials: Iterable[Entry]) -> Truth:
    """Whether one gets in, if an allow holds so and these denials catch its principal."""
    denied = {each.truths[way] for each in denials}
    if truth is False or True in denied:
        return False
    return None if None in denied else truth


def _assumes(row: Mapping[str, Any]) -> bool:
    """Whether a trust statement may be about sts:AssumeRole; one with NotAction may."""
    patterns = (Pattern(text.lower()) for text in row["actions"])
    return not row["actions"] or any(each.matches("sts:assumerole") for each in patterns)


def _denies(row: Mapping[str, Any]) -> bool:
    """Whether a trust statement denies sts:AssumeRole to whom it names, if its Condition holds."""
    surely = row["problem"] is None and not row["negated"] and bool(row["actions"])
    return row["effect"] == "Deny" and surely and _assumes(row)


def _catches(denial: Mapping[str, Any], allow: Mapping[str, Any]) -> bool:
    """Whether a denial is surely about the principal of an allow: anyone, its account, or it."""
    if denial["principal_type"] == "*":
        return True
    if allow["negated"]:
        return False
    whole = denial["principal"] == denial["account_id"] or denial["principal"].endswith(":root")
    same = whole and denial["account_id"] is not None
    return denial["principal"] == allow["principal"] or (
        same and denial["account_id"] == allow["account_id"]
    )
