"""
The statements of roles' trust policies that decide whether assuming a role needs MFA.

The verdict itself is `restrictions.mfa_enforcement`'s; what a statement admits, `TrustEntry` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from iamkit.policy import Truth, conditions
from iamkit.trust.trust_policy import (
    ANYONE,
    ASSUME,
    AWS,
    CallerKind,
    Denial,
    Principal,
    TrustEntry,
    about,
    by_mfa,
    denials_by_role,
    entries,
    every,
    principal_of,
    readable_rows,
    rows,
    unreadable,
)


class MfaStatement(NamedTuple):
    """What one statement of a role's trust policy means for AWS principals without MFA."""

    sid: str | None
    number: int | None  # position from 1; None: the statement cannot be read
    principal: str | None  # None: a denial
    holds: Mapping[str, Truth]  # whether its own Condition holds: key, password, mfa
    admits: Mapping[str, Truth]  # whether it admits somebody so; empty: a denial
    entry: TrustEntry | None = None  # missing: a denial, or it cannot be read


def mfa_statements(trust: pd.DataFrame, roles: pd.DataFrame) -> dict[str, list[MfaStatement]]:
    """
    Return the statements that admit AWS principals, by role, and those that may deny them.

    Statements come in the policy's order, those that deny last. One whose principals all fare
    alike is listed once, with the first of them. A statement that cannot be read may admit anyone
    whom no denial stops. Roles that no AWS principal may assume are left out.
    """
    found: dict[str, dict[Any, MfaStatement]] = {}
    concerned: dict[str, dict[Denial, None]] = {}
    listed_rows = sorted([*_admitting(trust, roles), *_unread(trust, roles)], key=lambda at: at[0])
    for _, row, entry in listed_rows:
        made = _mfa_statement(row, entry)
        if set(made.admits.values()) == {False}:
            continue
        arn = row["role_arn"]
        same = (made.number, *made.holds.values(), *made.admits.values())
        found.setdefault(arn, {}).setdefault(same, made)
        covering = (
            each
            for each in entry.denials
            if ASSUME[0] in each.actions and entry.covered(each, CallerKind.PERSON) is not False
        )
        concerned.setdefault(arn, {}).update(dict.fromkeys(covering))
    return {
        arn: [*statements.values(), *map(_mfa_denial, concerned[arn])]
        for arn, statements in found.items()
    }


_Listed = tuple[Any, dict[Any, Any], TrustEntry]  # where in the table, the row, its entry


def _admitting(trust: pd.DataFrame, roles: pd.DataFrame) -> Iterator[_Listed]:
    """Entries for AWS principals; without denials, all of one statement fare alike."""
    found = entries(trust, roles)
    found = found[found["principal_type"].isin([AWS, ANYONE])]
    found = found[found["allowed"].map(lambda allowed: ASSUME[0] in allowed).astype("bool")]
    again = found.duplicated(["role_arn", "number"]) & ~found["denials"].map(bool).astype("bool")
    found = found[~again]
    for at, row in zip(found.index, rows(found), strict=True):
        yield at, row, TrustEntry.of(row)


def _unread(trust: pd.DataFrame, roles: pd.DataFrame) -> Iterator[_Listed]:
    """Entries of statements that cannot be read and may be for AWS principals."""
    found = unreadable(trust, roles)
    people = found["principal_type"].isin([AWS, ANYONE]) | found["principal_type"].isna()
    found = found[(people | found["negated"].eq(True)) & found["effect"].ne("Deny").fillna(True)]
    readable = readable_rows(trust[trust["role_arn"].isin(found["role_arn"])], roles)
    denying = denials_by_role(readable[readable["effect"].eq("Deny")])
    for at, row in zip(found.index, rows(found), strict=True):
        if ASSUME[0] in about(row):
            whom = Principal(ANYONE, ANYONE, None) if row["negated"] is True else principal_of(row)
            denials = denying.get(row["role_arn"], ())
            yield at, row, TrustEntry(whom, frozenset(ASSUME[:1]), {}, denials)


def _mfa_statement(row: Mapping[str, Any], entry: TrustEntry) -> MfaStatement:
    sid = row["sid"] if isinstance(row["sid"], str) else None
    admits = entry.by_mfa()
    if isinstance(row["problem"], str):
        unsaid: dict[str, Truth] = {"key": None, "password": None, "mfa": True}
        admits = {way: every((unsaid[way], truth)) for way, truth in admits.items()}
        return MfaStatement(sid, None, row["principal"], unsaid, admits)
    holds = by_mfa(lambda context: conditions.evaluate(entry.condition, context), refused=False)
    return MfaStatement(sid, int(row["number"]), entry.principal.name, holds, admits, entry)


def _mfa_denial(denial: Denial) -> MfaStatement:
    holds = by_mfa(lambda context: conditions.evaluate(denial.condition, context), refused=True)
    return MfaStatement(denial.sid, denial.number, None, holds, {})
