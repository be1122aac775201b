"""
Subjects that are not assessed, because the evidence about them is not complete enough.

A subject without a finding counts as a pass. For a subject in `account.incomplete` this would be
wrong. If a check is about such a subject, or may be, and has no finding for it, the subject becomes
*not assessed*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from heapq import merge
from itertools import count, product
from typing import Any, Final, NamedTuple

from iamkit.checks.registry import FACTS, POPULATIONS, Check, Status, needs
from iamkit.checks.returned import Row
from iamkit.evidence import requests
from iamkit.tables import sources_of

# Whom else a population may hold, where it rests on what is not known of them.
KINDS: Final = {
    "the root user": ("root",),
    "root users who can sign in": ("root",),
    "users": ("user",),
    "console users": ("user",),
    "console users with hardware MFA asked for": ("user",),
    "users with active keys": ("user",),
    "users with credentials": ("user",),
    "groups": ("group",),
    "roles": ("role",),
    "users and roles": ("user", "role"),
    "users, groups and roles": ("user", "group", "role"),
    "administrators": ("user", "role"),
    "administrator users": ("user",),
    "administrator roles that people assume": ("role",),
    "attached customer policies": ("policy",),
    "attached AWS managed policies": ("policy",),
    "boundaries": ("policy",),
}
THE_ACCOUNT: Final = "the account"
NO_ROLES: Final = ("credentials", "access_keys", "mfa_devices")  # tables that never hold a role

# By what is wanting, how to get it.
STEPS: Final = {
    requests.REPORT.call: (
        "Collect the evidence again with a new credential report, or look at it in the console."
    ),
    requests.DETAILS.call: "Collect the evidence again, with the complete authorization details.",
}
LOOK: Final = "Collect the evidence again without --filter, or read its policies in the console."

# The tables of the credential report. Those derived from them take a credential of which nothing is
# known as there, which errs towards reporting.
REPORTED: Final = ("credentials", "access_keys")


class Wanting(NamedTuple):
    """What is not known of one subject; `number` is its place among the rows of its table."""

    number: int
    subject: str
    kind: str
    source: str
    reason: str


class Lacking:
    """What the evidence lacks of single subjects, by what is wanting and the kind of subject."""

    def __init__(self, account: Any) -> None:
        columns = ("subject", "kind", "source", "reason")
        listed = (account.incomplete[name].tolist() for name in columns)
        self._rows: dict[tuple[str, str], list[Wanting]] = {}
        for row in map(Wanting, count(), *listed):
            self._rows.setdefault((row.source, row.kind), []).append(row)
        self.kinds = frozenset(kind for _, kind in self._rows)
        self._subjects = {
            key: frozenset(row.subject for row in rows) for key, rows in self._rows.items()
        }

    def about(
        self, sources: Collection[str], members: Collection[str], whole: Collection[tuple[str, str]]
    ) -> Iterator[Wanting]:
        """
        Return what some sources lack of `members`, in order.

        Of `whole`, pairs of source and kind, everything counts, members or not.
        """
        found = []
        for key, rows in self._rows.items():
            if key[0] not in sources:
                continue
            if key in whole or self._subjects[key].issubset(members):
                found.append(rows)
            elif not self._subjects[key].isdisjoint(members):
                found.append([row for row in rows if row.subject in members])
        return merge(*found)


def unanswered(
    account: Any, lacking: Lacking, check: Check, members: Collection[str], found: Collection[str]
) -> list[Row]:
    """
    Rows for the subjects that are not assessed by a check; `found` are those that have a row.

    `members` are the subjects that the check counts among.
    """
    if account.incomplete.empty:
        return []
    own, population = needs(check.find), needs(POPULATIONS[check.among])
    tables = account.tables()
    rests = _sources(tables, (*own, *population))
    open_to = KINDS.get(check.among, ())
    counted = _sources(tables, population)
    if set(own) & set(NO_ROLES):
        open_to = tuple(kind for kind in open_to if kind != "role")
    if {*own, *population}.isdisjoint(REPORTED):  # others take what it lacks as there
        rests, counted = rests - {requests.REPORT.call}, counted - {requests.REPORT.call}
    everybody = check.among == THE_ACCOUNT and not check.absence
    whole = set(product(rests, lacking.kinds) if everybody else product(counted, open_to))
    seen, rows = set(found), []
    for _, subject, _, source, reason in lacking.about(rests, members, whole):
        if everybody:  # what it says of the account it has looked for at everybody
            subject = account.account_id
        if subject not in seen:
            seen.add(subject)
            step = STEPS.get(source, LOOK)
            status = Status.NOT_ASSESSED
            rows.append(Row(check.name, subject, reason, status, step, check.severity))
        if everybody:
            break
    return rows


def _sources(tables: Any, names: tuple[str, ...]) -> set[str]:
    return sources_of(tables, (name for name in names if name not in FACTS))
