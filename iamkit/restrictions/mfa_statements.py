"""
Statements that ask for MFA: by which way requests get past them, and what that means for a role.

There are two ways to come without MFA. Requests signed with a long-term access key carry no
`aws:MultiFactorAuthPresent` at all; those of a session opened with a password alone carry it as
false, and so do those of the session that `sts:GetSessionToken` gives for any key. A statement asks
for MFA if its Condition, everything else unknown, does not hold alike for them and for a session
with MFA.

Sessions of a **role** carry no MFA, so of a role it is asked whether *assuming* it needs MFA. Which
statements of its trust policy admit AWS principals, and how, `trust` says. A trusted principal that
is a role, or has been deleted since, counts like any other, which errs towards "none". What cannot
be read may ask for MFA or not: "partial".

Source: IAM User Guide, "AWS global condition context keys", and "Multi-factor authentication: API
access with MFA".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, Protocol

from iamkit.policy import KEY, PASSWORD, PROTECTED, Truth, conditions, statement_name

WAYS: Final = ("key", "password")
CARRIED: Final = {"key": KEY, "password": PASSWORD, "mfa": PROTECTED}

# What each credential is used as. A key turns into a session without MFA, whose requests look like
# those of a password (but cannot call IAM): STS API Reference, GetSessionToken.
FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "key": ("key", "password"),
    "password": ("password",),
}

ON_DENY: Final = '"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}'
ON_ALLOW: Final = '"Bool": {"aws:MultiFactorAuthPresent": "true"}'

_SLIPS: Final = {
    "key": (
        "does not restrict access keys, because their requests contain no "
        "aws:MultiFactorAuthPresent"
    ),
    "session": (
        "does not restrict sessions of sts:GetSessionToken, which any access key can get and whose "
        "requests contain aws:MultiFactorAuthPresent as false"
    ),
    "password": (
        "does not restrict passwords alone, because their requests contain "
        "aws:MultiFactorAuthPresent as false"
    ),
}


class MfaRequirement(StrEnum):
    """Whether requests that come by one way need MFA."""

    REQUIRED = "required"
    PARTLY_REQUIRED = "partly required"
    NOT_REQUIRED = "not required"


class MfaVerdict(StrEnum):
    """Whether MFA is enforced for a user or role; `VERDICTS` says what each means."""

    ENFORCED = "enforced"
    CONSOLE_ONLY = "console only"
    KEYS_ONLY = "keys only"
    BYPASSABLE = "bypassable"
    PARTIAL = "partial"
    NONE = "none"
    NOTHING_TO_PROTECT = "nothing to protect"
    NOT_ASSUMABLE = "not assumable by people"


@dataclass(frozen=True, eq=False)
class MfaTest:
    """A statement, and whether its Condition holds by each of `CARRIED`."""

    policy: str  # what to call the policy
    label: str | None  # what to call the statement; None: it cannot be read
    allows: bool
    truths: Mapping[str, Truth]

    @cached_property
    def asks(self) -> bool:
        """Whether it tells requests with MFA from others."""
        return len(set(self.truths.values())) > 1

    def passes(self, way: str) -> bool:
        """Whether requests that come by a way may get past it: allowed, or not denied."""
        return way in self._passing

    @cached_property
    def _passing(self) -> frozenset[str]:
        return frozenset(way for way in WAYS if any(map(self._lets, FORMS[way])))

    def _lets(self, form: str) -> bool:
        return self.truths[form] is not (not self.allows)

    def gap(self, way: str) -> str:
        """Say how they do."""
        form = next((each for each in FORMS[way] if self._lets(each)), way)
        if self.truths[form] is None:
            return "requires MFA only if its other conditions hold"
        return _SLIPS["session" if form != way else way]

    @property
    def cure(self) -> str:
        """What to write so that neither way passes."""
        return f"write {ON_ALLOW if self.allows else ON_DENY}"

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        if self.label is None:
            return f"{self.policy}, which is not in the evidence,"
        return f"{self.label} of {self.policy}"


def truths(condition: Any, *, variables: bool = True) -> dict[str, Truth]:
    """Return whether a Condition holds by each of `CARRIED`."""
    return {
        way: conditions.evaluate(condition, context, variables=variables)
        for way, context in CARRIED.items()
    }


def verdict(states: Mapping[str, MfaRequirement], *, bypassable: bool = False) -> MfaVerdict:
    """Return what the states of both ways come to."""
    required = [way for way in WAYS if states[way] is MfaRequirement.REQUIRED]
    if len(required) == len(WAYS):
        return MfaVerdict.ENFORCED
    if required:
        return MfaVerdict.KEYS_ONLY if required == ["key"] else MfaVerdict.CONSOLE_ONLY
    if all(states[way] is MfaRequirement.NOT_REQUIRED for way in WAYS):
        return MfaVerdict.NONE
    return MfaVerdict.BYPASSABLE if bypassable else MfaVerdict.PARTIAL


def sentence(text: str) -> str:
    """Begin with a capital letter and end with a full stop."""
    return f"{text[0].upper()}{text[1:]}."


# --- roles


class TrustStatement(Protocol):
    """What one statement of a role's trust policy means for AWS principals; see `trust`."""

    @property
    def sid(self) -> str | None:
        """Its Sid."""

    @property
    def number(self) -> int | None:
        """Its position from 1; None: it cannot be read."""

    @property
    def principal(self) -> str | None:
        """Whom it admits; None: it denies."""

    @property
    def holds(self) -> Mapping[str, Truth]:
        """Whether its own Condition holds by each of `CARRIED`."""

    @property
    def admits(self) -> Mapping[str, Truth]:
        """Whether it admits somebody so, denials counted; empty: it denies."""


@dataclass(frozen=True, eq=False)
class Entry(MfaTest):
    """A statement of a trust policy; `truths` are those of its own Condition."""

    principal: str | None
    admits: Mapping[str, Truth]

    def admitted(self, way: str) -> Truth:
        """Whether it admits somebody by a credential, in the form that is admitted best."""
        found = {self.admits[form] for form in FORMS[way]}
        return True if True in found else None if None in found else False


def role_verdict(arn: str, statements: Iterable[TrustStatement]) -> dict[str, Any]:
    """
    Return whether assuming a role needs MFA, from the statements that admit AWS principals.

    A dict of `verdict` (enforced, none, or partial: some entries or one way ask for MFA), `key` and
    `password`, each a `MfaRequirement` (not required: every entry admits as much by this way as
    with MFA), and the statement that decides: `policy_arn` and `policy_name`, which are the role's,
    `statement` and `why`.
    """
    listed = [_entry(each) for each in statements]
    entries = [each for each in listed if each.allows]
    states = {way: _state(way, entries) for way in WAYS}
    found = verdict(states)
    if found not in (MfaVerdict.ENFORCED, MfaVerdict.NONE):
        found = MfaVerdict.PARTIAL
    way = "password" if states["key"] is MfaRequirement.REQUIRED else "key"
    said, why = _deciding(found, way, listed)
    return {
        "policy_arn": arn,
        "policy_name": arn.rsplit("/", 1)[-1],
        "verdict": found,
        **states,
        "statement": said.label,
        "why": sentence(why),
    }


def _deciding(found: MfaVerdict, way: str, listed: list[Entry]) -> tuple[Entry, str]:
    """The statement that decides the verdict on a role, and why."""
    asking = [each for each in listed if each.asks]
    if found is MfaVerdict.ENFORCED:
        said = asking[0]
        return (
            said,
            f"{said.name} {'requires MFA' if said.allows else 'denies without MFA'}",
        )
    slipping = [each for each in asking if each.passes(way)]
    if found is not MfaVerdict.NONE and slipping:
        said = slipping[0]
        if said.label is None:
            return said, f"{said.policy} cannot be read"
        return said, f"{said.name} {said.gap(way)}; {said.cure}"
    open_to = [each for each in listed if each.allows and each.admitted(way) is not False]
    said = next((each for each in open_to if not _is_role(each.principal)), open_to[0])
    if _is_role(said.principal):
        return said, f"{said.name} trusts {said.principal}, a role: its sessions carry no MFA"
    why = f"{said.name} trusts {said.principal} without MFA; if people use it to assume the role, "
    return said, f"{why}add {ON_ALLOW}"


def _is_role(principal: str | None) -> bool:
    """Whether only sessions of a role come by an entry: to ask them for MFA would lock them out."""
    return re.match(r"arn:[\w-]+:(iam::\d+:role/|sts::)|AROA", principal or "") is not None


def _state(way: str, entries: Iterable[Entry]) -> MfaRequirement:
    if all(each.admitted(way) is False for each in entries):
        return MfaRequirement.REQUIRED
    if all(each.admitted(way) is each.admits["mfa"] for each in entries):
        return MfaRequirement.NOT_REQUIRED
    return MfaRequirement.PARTLY_REQUIRED


def _entry(said: TrustStatement) -> Entry:
    return Entry(
        "the trust policy",
        None if said.number is None else statement_name(said.sid, said.number),
        bool(said.admits),
        said.holds,
        said.principal,
        said.admits,
    )
