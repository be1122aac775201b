"""
Run the checks on an account: findings, results and accepted risks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from itertools import repeat
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.checks.registry import CHECKS, POPULATIONS, SEVERITIES, Check, needs
from iamkit.errors import CheckError
from iamkit.policy import Pattern
from iamkit.table import COUNT, TEXT, TIME, Column, Table

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
            values=(
                "critical",
                "high",
                "medium",
                "low",
                "info",
            ),
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
            values=(
                "fail",
                "not assessed",
                "accepted",
            ),
        ),
        Column("step", TEXT, "what to do next"),
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
            values=(
                "critical",
                "high",
                "medium",
                "low",
                "info",
            ),
        ),
        Column(
            "status",
            TEXT,
            "pass, fail, not assessed or accepted",
            values=(
                "pass",
                "fail",
                "not assessed",
                "accepted",
            ),
        ),
        Column("failing", COUNT, "numerator: subjects that fail, accepted ones aside"),
        Column("accepted", COUNT, "subjects whose failing somebody accepts"),
        Column("unknown", COUNT, "subjects that could not be assessed"),
        Column("total", COUNT, "denominator: subjects examined; missing if not known"),
        Column("among", TEXT, "what is counted: users, console users, roles, …"),
        Column("reason", TEXT, "why it is not assessed, or what the result may lack"),
        Column(
            "evidence_of", TIME, "moment that the evidence speaks of: everything later is not in it"
        ),
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
            values=(
                "in force",
                "expired",
                "matches nothing",
                "no such check",
            ),
        ),
        Column("findings", COUNT, "findings that it is about"),
    ),
)

NOT_TABLES: Final = ("account_id", "as_of", "settings")


class Audit(NamedTuple):
    """What running checks gave: a row per finding, per check, per accepted risk."""

    findings: pd.DataFrame
    results: pd.DataFrame
    acceptances: pd.DataFrame


def run(account: Any, checks: Mapping[str, Check] = CHECKS) -> Audit:
    """
    Run checks on an account. Rows: see `FINDINGS`, `RESULTS` and `ACCEPTANCES`.

    Findings come with the most severe first. A check that breaks is not assessed, and says why.
    Raises `CheckError` if one asks for a table or a population that does not exist, or returns no
    `subject` and `detail`.
    """
    ordered = sorted(checks.values(), key=lambda each: (SEVERITIES.index(each.severity), each.name))
    members: dict[str, frozenset[str]] = {}
    found, gaps = [], {}
    for each in ordered:
        if each.among not in members:
            members[each.among] = _members(account, each)
        rows, broken = _found(account, each)
        tables = dict.fromkeys((*each.needs, *needs(POPULATIONS[each.among])))
        missing = account.missing(*(name for name in tables if name not in NOT_TABLES))
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
    return frozenset(_call(account, each.name, POPULATIONS[each.among]).tolist())


def _call(account: Any, name: str, function: Callable[..., Any]) -> Any:
    given = {}
    for argument in inspect.signature(function).parameters:
        if not hasattr(type(account), argument) and not hasattr(account, argument):
            raise CheckError(f"check {name} asks for {argument!r}, which no account has")
        given[argument] = getattr(account, argument)
    return function(**given)


Row = tuple[str, str, str, str, str]  # check, subject, detail, status, step


def _found(account: Any, each: Check) -> tuple[list[Row], str]:
    """What a check returns and, if it broke instead, how."""
    try:
        rows: pd.DataFrame = _call(account, each.name, each.find)
    except CheckError:
        raise
    except Exception as error:  # a check may be anybody's: one must not cost the others
        return [], f"the check broke: {type(error).__name__}: {error}"
    absent = {"subject", "detail"} - set(rows.columns)
    if absent:
        raise CheckError(f"check {each.name} returns no column {', '.join(sorted(absent))}")
    status = rows["status"] if "status" in rows else repeat("fail", len(rows))
    step = rows["step"] if "step" in rows else repeat(each.remedy, len(rows))
    columns = (rows["subject"], rows["detail"], status, step)
    return list(zip(repeat(each.name, len(rows)), *columns, strict=True)), ""


def _labelled(
    account: Any, found: Iterable[list[Row]], checks: Mapping[str, Check]
) -> pd.DataFrame:
    """All findings as one table, with severities and names."""
    columns = ["check", "subject", "detail", "status", "step"]
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
            for status in ("fail", "accepted", "not assessed")
        )
        accepted, unknown = accepted - failing, unknown - failing - accepted
        total, reason = len(members[each.among]), gaps[each.name]
        if unknown and not reason:
            reason = f"the evidence says too little about {len(unknown)} of {total}"
        status = "accepted" if accepted else "pass"
        status = "fail" if failing else "not assessed" if reason else status
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
    Set apart, in the table itself, the findings that somebody accepts; say what became of entries.

    What an expired entry is about fails, and says so.
    """
    rows = []
    for entry in account.settings.accepted:
        pattern = Pattern(entry.subject)
        about = findings["check"].eq(entry.check) & findings["status"].ne("not assessed")
        named = findings.loc[about, ["subject", "name"]].map(pattern.matches).any(axis=1)
        about &= named.reindex(findings.index, fill_value=False)
        said = f"accepted by {entry.owner}, until {entry.expires}: {entry.reason}"
        said += f" ({entry.ticket})" if entry.ticket else ""
        if entry.check not in checks:
            state = "no such check"
        elif entry.expires < account.as_of.date():
            state = "expired"
            lapsed = about & findings["status"].eq("fail")
            findings.loc[lapsed, "acceptance"] = f"expired; was {said}"
        else:
            state = "in force" if about.any() else "matches nothing"
            findings.loc[about, "status"] = "accepted"
            findings.loc[about, "acceptance"] = said
        expires = entry.expires.isoformat()
        facts = asdict(entry) | {"expires": expires, "state": state, "findings": int(about.sum())}
        rows.append(facts)
    return ACCEPTANCES.rows(*rows)
