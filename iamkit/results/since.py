"""
What changed from one audit to another.

Each audit is a set of facts, such as "the MFA verdict of ann is *none*". A fact is of one aspect of
one subject, which is known by its unique id, so that a user who was renamed is the same, and one
who was made again under an old name is another. What changed is every fact that is not the same in
both. So the changes of two months are those of the first and then the second, and the changes back
are the same with *before* and *after* the other way round.

What the evidence of one of the two audits does not say is not compared: `not_compared`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pandas as pd

from iamkit.checks import SEVERITIES, Status
from iamkit.reference import escalation_methods
from iamkit.restrictions import (
    NOT_APPLICABLE,
    NOTHING_TO_PROTECT,
    PARTLY_RESTRICTED,
    RESTRICTED,
    UNRESTRICTED,
    MfaVerdict,
)
from iamkit.results.privileges import PRIVILEGES
from iamkit.results.record import AuditRecord
from iamkit.table import TEXT, Column, Table, own_texts

ASPECTS: Final = (
    "identity",
    "verdict",
    "privilege",
    "steps to administrator",
    "escalation",
    "MFA device registered",
    "MFA enforcement",
    "network restriction",
    "permissions",
    "password",
    "access key",
    "MFA device",
    "policy",
    "trust",
    "finding",
)
BETTER, WORSE, CHANGED = "better", "worse", "changed"

CHANGES: Final = Table(
    name="changes",
    row="one fact that differs between two audits",
    key=("aspect", "key"),
    columns=(
        Column("aspect", TEXT, ", ".join(ASPECTS), values=ASPECTS),
        Column("name", TEXT, "name of the identity or policy, or of what a finding is about"),
        Column("before", TEXT, "what it was; missing: it was not there"),
        Column("after", TEXT, "what it is; missing: it is gone"),
        Column(
            "direction", TEXT, "better, worse, or changed: neither", values=(BETTER, WORSE, CHANGED)
        ),
        Column("severity", TEXT, "severity of a finding; missing: it is none"),
        Column("subject", TEXT, "ARN; the account id for the account"),
        Column("key", TEXT, "what identifies the subject within the aspect"),
    ),
)

# What a user's verdict on MFA may be who may do anything beyond the minimum, the best first.
MFA_VERDICTS: Final = (
    MfaVerdict.ENFORCED,
    MfaVerdict.CONSOLE_ONLY,
    MfaVerdict.KEYS_ONLY,
    MfaVerdict.BYPASSABLE,
    MfaVerdict.PARTIAL,
    MfaVerdict.NONE,
)
YES, NO, NOT_KNOWN = "yes", "no", "not known"
# What a fact may be, the best first, where one is better than another.
RANKS: Final[Mapping[str, tuple[str, ...]]] = {
    "verdict": ("ok", Status.ACCEPTED, Status.NOT_ASSESSED, *reversed(SEVERITIES)),
    "privilege": tuple(reversed(PRIVILEGES)),
    "MFA device registered": (YES, NOT_KNOWN, NO),
    "MFA enforcement": (*NOT_APPLICABLE, *MFA_VERDICTS),
    "network restriction": (NOTHING_TO_PROTECT, RESTRICTED, PARTLY_RESTRICTED, UNRESTRICTED),
}
# Aspects of which there had better be none.
_BAD_IF_THERE: Final = frozenset(["escalation", "finding"])
_GOOD_IF_THERE: Final = frozenset(["MFA device"])


def facts(record: AuditRecord) -> pd.DataFrame:
    """The facts of one audit: `aspect`, `key`, `name`, `state`, `subject` and `severity`."""
    rows = [
        *_of_people(record.people),
        *_of_escalations(record.people),
        *_of_credentials(record.held),
        *(
            ("policy", row.policy, row.name, f"document {row.document}", row.policy, None)
            for row in _rows(record.documents)
        ),
        *(
            (
                "trust",
                f"{row.role} {row.who} {row.principal}",
                row.name,
                f"{row.principal} ({row.who}" + (f"; {row.problem})" if _is(row.problem) else ")"),
                row.arn,
                None,
            )
            for row in _rows(record.admitted)
        ),
        *(
            ("finding", row.finding, row.name, f"{row.title} ({row.severity})", row.subject,
             row.severity)
            for row in _rows(record.found)
            if row.status == Status.FAIL
        ),
    ]  # fmt: skip
    columns = ["aspect", "key", "name", "state", "subject", "severity"]
    return pd.DataFrame(rows, columns=columns, dtype="object")


def _of_people(people: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    for row in _rows(people):
        states = {
            "identity": row.arn,
            "verdict": row.verdict,
            "privilege": row.privilege,
            "steps to administrator": str(row.admin_steps) if _is(row.admin_steps) else None,
            "MFA device registered": _yes(row.mfa_registered) if row.kind != "role" else None,
            "MFA enforcement": row.mfa_enforced,
            "network restriction": row.network_restriction,
            "permissions": (
                f"{row.actions} actions ({row.permissions})" if _is(row.permissions) else None
            ),
        }
        for aspect, state in states.items():
            if _is(state):
                yield aspect, row.subject, row.name, state, row.arn, None


def _of_escalations(people: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """A fact for each method that an identity has to gain permissions."""
    known = escalation_methods()
    for row in _rows(people):
        for method in row.escalations.split() if _is(row.escalations) else ():
            name = known[method].name if method in known else method
            yield "escalation", f"{row.subject} {method}", row.name, name, row.arn, None


def _of_credentials(held: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    # As texts at once: a timestamp for each cell would take longer than all the rest.
    wanted = held[["subject", "arn", "name", "credential", "active"]]
    for row in _rows(wanted.assign(day=held["made"].dt.strftime("%Y-%m-%d %H:%M"))):
        device = row.credential.startswith("MFA device")
        aspect = "MFA device" if device else row.credential.rstrip(" 12")
        made = f"made on {row.day}" if _is(row.day) else "made on a day not known"
        if aspect == "password":
            made = made.replace("made", "set", 1)
        off = ", inactive" if _is(row.active) and not row.active else ""
        state = f"{row.credential}, {made}{off}"
        yield aspect, f"{row.subject} {row.credential}", row.name, state, row.arn, None


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Rows without the moment of their audit, which takes longer to read than all the rest."""
    return iter(frame.drop(columns="as_of", errors="ignore").itertuples(index=False))


def _is(value: Any) -> bool:
    """Whether a value is there; a hundred times as fast as `pandas.isna`, which asks for arrays."""
    return value is not None and value is not pd.NA and bool(value == value)


def _yes(value: Any) -> str:
    return (YES if value else NO) if _is(value) else NOT_KNOWN


def not_compared(before: AuditRecord, after: AuditRecord) -> list[str]:
    """The aspects of which the evidence of one of the two audits says nothing."""
    missing = {
        aspect
        for record in (before, after)
        for text in record.audits["not_known"]
        for aspect in json.loads(text)
    }
    if _unassessed(before) != _unassessed(after):
        missing.add("verdict")  # it would look better only because less was assessed
    return [aspect for aspect in ASPECTS if aspect in missing]


@own_texts
def changes(before: AuditRecord, after: AuditRecord) -> pd.DataFrame:
    """
    Every fact that differs between two audits of one account. Rows: see `CHANGES`.

    By aspect, the worst first.
    """
    skipped = set(not_compared(before, after))
    one, other = (facts(each).set_index(["aspect", "key"]) for each in (before, after))
    one, other = (each[~each.index.get_level_values(0).isin(skipped)] for each in (one, other))
    both = one.add_suffix("_before").join(other.add_suffix("_after"), how="outer")
    same = both["state_before"].eq(both["state_after"])
    both = both[~same]
    unknown = _not_assessed(before, after) | _not_assessed(after, before)
    both = both[~both.index.isin(unknown)].reset_index()
    if "password" in skipped:  # only the credential report has the root user
        both = both[~both["key"].str.endswith(":root")]
    made = both.assign(
        name=both["name_after"].fillna(both["name_before"]),
        subject=both["subject_after"].fillna(both["subject_before"]),
        severity=both["severity_after"].fillna(both["severity_before"]),
        before=both["state_before"],
        after=both["state_after"],
    )
    made["direction"] = [
        direction(*row) for row in zip(made["aspect"], made["before"], made["after"], strict=True)
    ]
    order = pd.DataFrame(
        {
            "aspect": made["aspect"].map(ASPECTS.index),
            "direction": made["direction"].map([WORSE, CHANGED, BETTER].index),
            "severity": made["severity"].map(_severity),
            "name": made["name"],
            "key": made["key"],
        }
    )
    ordered = made.loc[order.sort_values(list(order.columns), kind="stable").index]
    return CHANGES.conform(ordered)


def _severity(value: Any) -> int:
    return SEVERITIES.index(value) if _is(value) else len(SEVERITIES)


def _unassessed(record: AuditRecord) -> set[str]:
    """The checks that an audit could not assess."""
    return set(record.checked.loc[record.checked["status"].eq(Status.NOT_ASSESSED), "check"])


def _not_assessed(record: AuditRecord, other: AuditRecord) -> set[tuple[str, str]]:
    """The findings of which one audit cannot tell: some subjects, or all that a check found."""
    told = record.found
    unsure = told.loc[told["status"].eq(Status.NOT_ASSESSED), "finding"]
    theirs = other.found.loc[other.found["check"].isin(_unassessed(record)), "finding"]
    return {("finding", finding) for finding in (*unsure, *theirs)}


def direction(aspect: str, before: Any, after: Any) -> str:
    """
    Whether a change is for the better.

    >>> direction("privilege", "admin", "read"), direction("finding", None, "Old key (low)")
    ('better', 'worse')
    """
    there, now = _is(before), _is(after)
    if aspect in _BAD_IF_THERE | _GOOD_IF_THERE:
        if there == now:
            return CHANGED
        return WORSE if now == (aspect in _BAD_IF_THERE) else BETTER
    if aspect == "steps to administrator":
        steps = [int(each) if _is(each) else 10**9 for each in (before, after)]
        return BETTER if steps[1] > steps[0] else WORSE
    ranks = RANKS.get(aspect)
    if not (ranks and there and now and before in ranks and after in ranks):
        return CHANGED
    return BETTER if ranks.index(after) < ranks.index(before) else WORSE


@own_texts
def composed(*steps: pd.DataFrame) -> pd.DataFrame:
    """
    What several tables of changes, one after the other, come to. Rows: see `CHANGES`.

    Equal to what changed from the first audit to the last, if nothing was left out between.
    """
    first = pd.concat(steps).drop_duplicates(["aspect", "key"])
    last = pd.concat(reversed(steps)).drop_duplicates(["aspect", "key"])
    made = last.drop(columns="before").merge(
        first[["aspect", "key", "before"]], on=["aspect", "key"]
    )
    same = made["before"].eq(made["after"]) | (made["before"].isna() & made["after"].isna())
    made = made[~same]
    directions = [
        direction(*row) for row in zip(made["aspect"], made["before"], made["after"], strict=True)
    ]
    return CHANGES.conform(made.assign(direction=directions))


def got_worse(changed: pd.DataFrame, severities: Iterable[str]) -> pd.DataFrame:
    """The new findings of these severities."""
    new = changed[changed["aspect"].eq("finding") & changed["before"].isna()]
    return new[new["severity"].isin(list(severities))]
