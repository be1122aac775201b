"""
Subjects that are not assessed, because the evidence about them is not complete enough.

A subject without a finding counts as a pass. For a subject in `account.incomplete` this would be
wrong. If a check is about such a subject, or may be, and has no finding for it, the subject becomes
*not assessed*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from heapq import merge
from typing import Any, Final

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
    "users with active keys": ("user",),
    "users with credentials": ("user",),
    "groups": ("group",),
    "roles": ("role",),
    "users and roles": ("user", "role"),
    "users, groups and roles": ("user", "group", "role"),
    "administrators": ("user", "role"),
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


class Lacking:
    """What the evidence lacks of single subjects, by what is wanting."""

    def __init__(self, account: Any) -> None:
        columns = ("subject", "kind", "source", "reason")
        listed = (account.incomplete[name].tolist() for name in columns)
        self._rows: dict[str, list[tuple[int, str, str, str, str]]] = {}
        for at, row in enumerate(zip(*listed, strict=True)):
            self._rows.setdefault(row[2], []).append((at, *row))

    def by(self, sources: Collection[str]) -> Iterator[tuple[int, str, str, str, str]]:
        """Number, subject, kind, source and reason of what some sources lack, in order."""
        return merge(*(self._rows[source] for source in sorted(sources) if source in self._rows))


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
    seen, rows = set(found), []
    for _, subject, kind, source, reason in lacking.by(rests):
        about = subject in members or (kind in open_to and source in counted)
        if everybody:  # what it says of the account it has looked for at everybody
            about, subject = True, account.account_id
        if about and subject not in seen:
            seen.add(subject)
            step = STEPS.get(source, LOOK)
            status = Status.NOT_ASSESSED
            rows.append(Row(check.name, subject, reason, status, step, check.severity))
    return rows


def _sources(tables: Any, names: tuple[str, ...]) -> set[str]:
    return sources_of(tables, (name for name in names if name not in FACTS))
