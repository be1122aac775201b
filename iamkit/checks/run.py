"""Run the checks on an account: findings, results and accepted risks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from itertools import repeat
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.checks.registry import (
    CHECKS,
    FACTS,
    POPULATIONS,
    SEVERITIES,
    STATUSES,
    Check,
    Status,
    arguments,
    demand,
    needs,
)
from iamkit.errors import CheckError
from iamkit.policy import Pattern
from iamkit.table import COUNT, TEXT, TIME, Column, Table


class State:
    """What becomes of an accepted risk of the settings."""

    IN_FORCE: Final = "in force"
    EXPIRED: Final = "expired"
    NO_MATCH: Final = "matches nothing"
    NO_CHECK: Final = "no such check"


FINDINGS: Final = Table(
    name="findings",
    row="one thing that a check found wrong, or could not assess, about one subject",
    key=("subject", "check", "detail"),
    columns=(
        Column("check", TEXT, "id of the check"),
        Column(
            "severity",
            TEXT,
            "critical, high, medium, low or info",
            values=SEVERITIES,
        ),
        Column("title", TEXT, "what is wrong, in general"),
        Column("subject", TEXT, "ARN of what it is about; the account id for the account"),
        Column("kind", TEXT, "kind of subject: root, user, group, role, policy, account, …"),
        Column("name", TEXT, "name of the subject"),
        Column("detail", TEXT, "what is wrong with this subject"),
        Column(
            "status",
            TEXT,
            "fail, not assessed or accepted",
            values=(Status.FAIL, Status.NOT_ASSESSED, Status.ACCEPTED),
        ),
        Column("next_step", TEXT, "what to do next"),
        Column("acceptance", TEXT, "who accepts it until when, or whose acceptance has expired"),
    ),
)

RESULTS: Final = Table(
    name="results",
    row="one check and what came of it",
    key=("check",),
    columns=(
        Column("check", TEXT, "id"),
        Column("title", TEXT, "what is wrong if it fails"),
        Column(
            "severity",
            TEXT,
            "critical, high, medium, low or info",
            values=SEVERITIES,
        ),
        Column(
            "status",
            TEXT,
            "pass, fail, not assessed or accepted",
            values=STATUSES,
        ),
        Column("failing", COUNT, "numerator: subjects that fail, accepted ones aside"),
        Column("accepted", COUNT, "subjects whose failing somebody accepts"),
        Column("unknown", COUNT, "subjects that could not be assessed"),
        Column("total", COUNT, "denominator: subjects examined; missing if not known"),
        Column("among", TEXT, "what is counted: users, console users, roles, …"),
        Column("reason", TEXT, "why it is not assessed, or what the result may lack"),
        Column("evidence_of", TIME, "time of the evidence; what happened later is not in it"),
        Column("errs", TEXT, "which way it errs"),
        Column("remedy", TEXT, "what to do"),
        Column("source", TEXT, "who asks for it"),
    ),
)

ACCEPTANCES: Final = Table(
    name="acceptances",
    row="one accepted risk of the settings",
    key=("line", "check", "subject"),
    columns=(
        Column("check", TEXT, "id of the check"),
        Column("subject", TEXT, "ARN or name, or a pattern"),
        Column("owner", TEXT, "who accepts it"),
        Column("reason", TEXT, "why"),
        Column("ticket", TEXT, "where it was decided"),
        Column("expires", TEXT, "last day on which it holds"),
        Column("line", COUNT, "line of the settings file"),
        Column(
            "state",
            TEXT,
            "in force, expired, matches nothing, or no such check",
            values=(State.IN_FORCE, State.EXPIRED, State.NO_MATCH, State.NO_CHECK),
        ),
        Column("findings", COUNT, "findings that it is about"),
    ),
)


class Audit(NamedTuple):
    """What running checks gave: a row per finding, per check, per accepted risk."""

    findings: pd.DataFrame
    results: pd.DataFrame
    acceptances: pd.DataFrame


def run(account: Any, checks: Mapping[str, Check] = CHECKS) -> Audit:
    """
    Run checks on an account. Rows: see `FINDINGS`, `RESULTS` and `ACCEPTANCES`.

    The most severe findings come first. A check that breaks is not assessed, and its reason says
    why. Raises `CheckError` if one asks for a table or a population that does not exist, or returns
    no `subject` and `detail`.
    """
    ordered = sorted(checks.values(), key=lambda each: (SEVERITIES.index(each.severity), each.name))
    for each in ordered:
        demand(each.name, each.find)
    members: dict[str, frozenset[str]] = {}
    found, gaps = [], {}
    for each in ordered:
        if each.among not in members:
            members[each.among] = _members(account, each)
        rows, broken = _found(account, each)
        tables = dict.fromkeys((*each.needs, *needs(POPULATIONS[each.among])))
        missing = account.missing(*(name for name in tables if name not in FACTS))
        found.append(rows[:0] if missing and each.absence else rows)
        gaps[each.name] = "; ".join(filter(None, [missing, broken]))
    findings = _labelled(account, found, checks)
    acceptances = _accept(account, findings, checks)
    results = _results(account, findings, ordered, members, gaps)
    return Audit(findings, results, acceptances)


def _members(account: Any, each: Check) -> frozenset[str]:
    """The subjects among which a check counts."""
    if each.among not in POPULATIONS:
        raise CheckError(
            f"check {each.name}: there is no population {each.among!r}; there are "
            f"{', '.join(sorted(POPULATIONS))}"
        )
    return frozenset(_call(account, POPULATIONS[each.among]).tolist())


def _call(account: Any, function: Callable[..., Any]) -> Any:
    """What a function returns for the tables that its arguments name."""
    return function(**{name: getattr(account, name) for name in arguments(function)})


Row = tuple[str, str, str, str, str]  # check, subject, detail, status, next step


def _found(account: Any, each: Check) -> tuple[list[Row], str]:
    """What a check returns and, if it broke instead, how."""
    try:
        rows: pd.DataFrame = _call(account, each.find)
    except CheckError:
        raise
    except Exception as error:  # a check may be anybody's: one must not cost the others
        return [], f"the check broke: {type(error).__name__}: {error}"
    absent = {"subject", "detail"} - set(rows.columns)
    if absent:
        raise CheckError(f"check {each.name} returns no column {', '.join(sorted(absent))}")
    status = rows["status"] if "status" in rows else pd.Series(Status.FAIL, rows.index, "str")
    if rows["subject"].isna().any():
        return [], "the check broke: it returned a row without a subject"
    if not status.isin([Status.FAIL, Status.NOT_ASSESSED]).all():
        return [], "the check broke: it returned a status that is neither fail nor not assessed"
    step = rows["next_step"] if "next_step" in rows else repeat(each.remedy, len(rows))
    columns = (rows["subject"], rows["detail"], status, step)
    return list(zip(repeat(each.name, len(rows)), *columns, strict=True)), ""


def _labelled(
    account: Any, found: Iterable[list[Row]], checks: Mapping[str, Check]
) -> pd.DataFrame:
    """All findings as one table, with severities and names."""
    columns = ["check", "subject", "detail", "status", "next_step"]
    rows = pd.DataFrame([row for each in found for row in each], columns=columns)
    subject = rows["subject"].astype("str")
    names = _names(account).reindex(subject)
    return FINDINGS.conform(
        rows.assign(
            severity=rows["check"].map({name: each.severity for name, each in checks.items()}),
            title=rows["check"].map({name: each.title for name, each in checks.items()}),
            kind=names["kind"].array,
            name=names["name"].array.astype("str"),
            acceptance=None,
        ).assign(name=lambda row: row["name"].fillna(subject))
    )


def _results(
    account: Any,
    findings: pd.DataFrame,
    ordered: Iterable[Check],
    members: Mapping[str, frozenset[str]],
    gaps: Mapping[str, str],
) -> pd.DataFrame:
    subjects = findings.groupby(["check", "status"])["subject"].agg(frozenset).to_dict()
    none: frozenset[str] = frozenset()
    rows = []
    for each in ordered:
        failing, accepted, unknown = (
            subjects.get((each.name, status), none)
            for status in (Status.FAIL, Status.ACCEPTED, Status.NOT_ASSESSED)
        )
        accepted, unknown = accepted - failing, unknown - failing - accepted
        total, reason = len(members[each.among]), gaps[each.name]
        if unknown and not reason:
            reason = f"the evidence says too little about {len(unknown)} of {total}"
        status = Status.ACCEPTED if accepted else Status.PASS
        status = Status.FAIL if failing else Status.NOT_ASSESSED if reason else status
        facts = ("title", "severity", "among", "errs", "remedy", "source")
        rows.append(
            {
                **{name: getattr(each, name) for name in facts},
                "check": each.name,
                "status": status,
                "failing": len(failing),
                "accepted": len(accepted),
                "unknown": len(unknown),
                "total": None if reason and not total else total,
                "reason": reason or None,
                "evidence_of": account.as_of,
            }
        )
    return RESULTS.conform(pd.DataFrame(rows, columns=RESULTS.names))


def _names(account: Any) -> pd.DataFrame:
    """Kind and name of whatever a finding may be about, by ARN."""
    parts = [
        account.principals[["principal_arn", "kind", "name"]],
        account.policies.assign(kind="policy")[["policy_arn", "kind", "policy_name"]],
        account.server_certificates.assign(kind="certificate")[["certificate_arn", "kind", "name"]],
        account.identity_providers.assign(kind="provider")[["provider_arn", "kind", "name"]],
        pd.DataFrame([[account.account_id, "account", account.alias or account.account_id]]),
    ]
    whole = pd.concat([part.set_axis(["arn", "kind", "name"], axis=1) for part in parts])
    named: pd.DataFrame = whole.drop_duplicates("arn").set_index("arn")
    return named


def _accept(account: Any, findings: pd.DataFrame, checks: Mapping[str, Check]) -> pd.DataFrame:
    """
    What became of each accepted risk of the settings; marks the findings that it is about.

    `findings` is changed: a finding that somebody accepts has the status *accepted*, and one whose
    acceptance has expired still fails, and says so.
    """
    rows = []
    for entry in account.settings.accepted:
        pattern = Pattern(entry.subject)
        about = findings["check"].eq(entry.check) & findings["status"].ne(Status.NOT_ASSESSED)
        named = findings.loc[about, ["subject", "name"]].map(pattern.matches).any(axis=1)
        about &= named.reindex(findings.index, fill_value=False)
        said = f"accepted by {entry.owner}, until {entry.expires}: {entry.reason}"
        said += f" ({entry.ticket})" if entry.ticket else ""
        if entry.check not in checks:
            state = State.NO_CHECK
        elif entry.expires < account.as_of.date():
            state = State.EXPIRED
            lapsed = about & findings["status"].eq(Status.FAIL)
            findings.loc[lapsed, "acceptance"] = f"expired; was {said}"
        else:
            state = State.IN_FORCE if about.any() else State.NO_MATCH
            findings.loc[about, "status"] = Status.ACCEPTED
            findings.loc[about, "acceptance"] = said
        expires = entry.expires.isoformat()
        facts = asdict(entry) | {"expires": expires, "state": state, "findings": int(about.sum())}
        rows.append(facts)
    return ACCEPTANCES.rows(*rows)
