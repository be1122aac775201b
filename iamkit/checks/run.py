"""Run the checks on an account: findings, results and accepted risks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.answer import Answer
from iamkit.checks.fitting import fitted
from iamkit.checks.incomplete import Lacking, unanswered
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
from iamkit.checks.returned import Row, resolved, rows_of
from iamkit.checks.time_limit import CheckTimeout, is_own, time_limit
from iamkit.counts import counted
from iamkit.errors import CheckError, message_of
from iamkit.policy import Pattern
from iamkit.progress import working_on
from iamkit.table import COUNT, OBJECT, TEXT, TIME, Column, Table, lists_by_key


class State:
    """The states of an accepted risk of the settings."""

    IN_FORCE: Final = "in force"
    EXPIRED: Final = "expired"
    NO_MATCH: Final = "matches nothing"


FINDINGS: Final = Table(
    name="findings",
    row=(
        "one result of a check about one subject: a problem, a fact, or that it could not be "
        "assessed"
    ),
    key=("subject", "check", "detail"),
    columns=(
        Column("check", TEXT, "id of the check", label="Check ID"),
        Column(
            "severity",
            TEXT,
            "critical, high, medium, low, or info (a fact, not a problem)",
            values=SEVERITIES,
        ),
        Column("title", TEXT, "what is wrong, in general", label="Check"),
        Column("subject", TEXT, "ARN of what it is about; the account id for the account"),
        Column("kind", TEXT, "kind of subject: root, user, group, role, policy, account, …"),
        Column("name", TEXT, "name of the subject"),
        Column("detail", TEXT, "what is wrong with this subject"),
        Column(
            "status",
            TEXT,
            "fail, not assessed, accepted, or noted (a fact, not a problem)",
            values=(Status.FAIL, Status.NOT_ASSESSED, Status.ACCEPTED, Status.NOTED),
        ),
        Column("next_step", TEXT, "what to do next"),
        Column(
            "acceptance",
            TEXT,
            "who accepts it, until when and why, or that the acceptance has expired",
        ),
        Column(
            "reported_by",
            TEXT,
            "for what is noted: the check that reports its problem, if it has one",
        ),
    ),
)

RESULTS: Final = Table(
    name="results",
    row="one check and its result",
    key=("check",),
    columns=(
        Column("check", TEXT, "id", label="Check ID"),
        Column("title", TEXT, "what is wrong if it fails", label="Check"),
        Column(
            "severity",
            TEXT,
            "severity of its most severe finding; the check's own if it has none",
            values=SEVERITIES,
        ),
        Column(
            "status",
            TEXT,
            "fail, not assessed, accepted, noted (facts, no problems), not applicable (nothing to "
            "examine) or pass",
            values=STATUSES,
        ),
        Column("failing", COUNT, "numerator: subjects that fail, without accepted ones"),
        Column("accepted", COUNT, "subjects that fail and are accepted"),
        Column("unknown", COUNT, "subjects that could not be assessed"),
        Column("noted", COUNT, "other subjects about which it notes a fact"),
        Column("reported_by", OBJECT, "list of the checks that report problems of those noted"),
        Column("total", COUNT, "denominator: subjects examined; missing if not known"),
        Column("among", TEXT, "what is counted: users, console users, roles, …"),
        Column(
            "reason",
            TEXT,
            "why it is not assessed or not applicable, or what is missing from the result",
        ),
        Column(
            "error",
            TEXT,
            "the error that stopped it, a fault of the check and not of the account",
        ),
        Column("evidence_of", TIME, "time of the evidence; later changes are not included"),
        Column("why", TEXT, "what it counts, and why; missing: its author does not say"),
        Column(
            "impact",
            TEXT,
            "why it matters: what an attacker or an accident does with it; missing: its author "
            "does not say",
        ),
        Column("fine", TEXT, "what is right if it passes; missing: what the title says is not so"),
        Column("errs", TEXT, "in which direction it can be wrong"),
        Column("remedy", TEXT, "what to do"),
        Column("source", TEXT, "the page that recommends it"),
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
        Column("ticket", TEXT, "ticket in which it was decided"),
        Column("expires", TEXT, "last day of the acceptance"),
        Column("line", COUNT, "line of the settings file"),
        Column(
            "state",
            TEXT,
            "in force, expired, or matches nothing",
            values=(State.IN_FORCE, State.EXPIRED, State.NO_MATCH),
        ),
        Column("findings", COUNT, "number of findings that it applies to"),
    ),
)


class Audit(NamedTuple):
    """The result of running checks: a row per finding, per check and per accepted risk."""

    findings: pd.DataFrame
    results: pd.DataFrame
    acceptances: pd.DataFrame

    def __repr__(self) -> str:
        """Show how many findings there are of each severity, and what can be asked."""
        return repr(self._overview())

    def _repr_html_(self) -> str:
        return self._overview()._repr_html_()

    def _overview(self) -> Answer:
        """A row per severity: numbers of findings, by their status."""
        statuses = [Status.FAIL, Status.NOT_ASSESSED, Status.ACCEPTED, Status.NOTED]
        counts = pd.crosstab(self.findings["severity"], self.findings["status"])
        counts = counts.reindex(index=list(SEVERITIES), columns=statuses, fill_value=0)
        outcomes = self.results["status"].value_counts()
        checks = ", ".join(f"{count} {status}" for status, count in outcomes.items())
        said = (
            f"{counted(len(self.findings), 'findings')}; checks: {checks}; ask .findings, "
            ".results, .acceptances"
        )
        return Answer.about(counts.reset_index(), said)


def run(account: Any, checks: Mapping[str, Check] = CHECKS) -> Audit:
    """
    Run checks on an account. Rows: see `FINDINGS`, `RESULTS` and `ACCEPTANCES`.

    The most severe findings come first. A check may stop with an error, ask for a table or a
    population that does not exist, or return invalid findings. The other checks still run. This
    check is not assessed (or fails on its valid findings), and `reason` and `error` say what
    happened.
    """
    ordered = sorted(checks.values(), key=lambda each: (SEVERITIES.index(each.severity), each.name))
    names = _names(account)
    named = frozenset(names.index)
    populations = _Populations(account)
    found, outcomes = [], {}
    with working_on("checks") as part:
        for number, each in enumerate(ordered, start=1):
            part(f"{number} of {len(ordered)}, {each.name}")
            outcome, rows = _outcome(account, each, populations, named)
            found.append(rows)
            outcomes[each.name] = outcome
    findings = FINDINGS.conform(fitted(account, _labelled(found, names, checks), checks))
    acceptances = _accept(account, findings, checks)
    results = _results(account, findings, ordered, outcomes)
    return Audit(findings, results, acceptances)


class Outcome(NamedTuple):
    """The result of running one check, besides its findings."""

    members: frozenset[str]
    missing: str  # which evidence it lacks
    nobody: bool  # all evidence of whom it is about is there, and there is nobody
    error: str  # how it broke
    nowhere: str  # why it has nothing to ask in this partition


class _Populations:
    """The populations of an account, each counted once; one that breaks does so each time."""

    def __init__(self, account: Any) -> None:
        self._account = account
        self._counted: dict[str, frozenset[str] | BaseException] = {}
        self.lacking = Lacking(account)

    def members(self, name: str) -> frozenset[str]:
        """The subjects of a population. Raises whatever counting them raises."""
        if name not in self._counted:
            try:
                self._counted[name] = self._count(name)
            except (Exception, CheckTimeout) as error:  # told by each check that counts so
                self._counted[name] = error
        found = self._counted[name]
        if isinstance(found, BaseException):
            raise found
        return found

    def _count(self, name: str) -> frozenset[str]:
        if name not in POPULATIONS:
            raise CheckError(
                f"there is no population {name!r}; there are {', '.join(sorted(POPULATIONS))}"
            )
        return frozenset(_call(self._account, POPULATIONS[name]).dropna().tolist())


def _call(account: Any, function: Callable[..., Any]) -> Any:
    """
    What a function returns for the tables that its arguments name.

    It gets tables of its own: what it changes in them is no matter for others. That costs little,
    as pandas copies what is written to, and nothing else.
    """
    given = {name: getattr(account, name) for name in arguments(function)}
    seconds = account.settings.max_check_seconds if is_own(function) else 0
    with time_limit(seconds, "it"):  # the tables are the kit's, and no matter of the check's time
        return function(
            **{
                name: value.copy(deep=False) if isinstance(value, pd.DataFrame) else value
                for name, value in given.items()
            }
        )


def _outcome(
    account: Any, each: Check, populations: _Populations, named: frozenset[str]
) -> tuple[Outcome, list[Row]]:
    """Run one check, whatever it does: a check may be anybody's, and must not cost the others."""
    nowhere = each.not_in.get(account.partition, "")
    members: frozenset[str] = frozenset()
    rows: list[Row] = []
    errors: list[str] = []
    missing, nobody = "", False
    try:
        demand(each.name, each.find)
        members = populations.members(each.among)
        tables = dict.fromkeys((*each.needs, *needs(POPULATIONS[each.among])))
        missing = account.missing(*(name for name in tables if name not in FACTS))
        counted = [name for name in needs(POPULATIONS[each.among]) if name not in FACTS]
        nobody = not members and not account.missing(*counted)
        if members:  # of nobody, nothing can be found
            returned = _call(account, each.find)
            rows, errors = rows_of(each, returned, (members, named), nameless=bool(missing))
        told = [row.subject for row in rows if row.status != Status.NOTED]
        rows += unanswered(account, populations.lacking, each, members, told)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever somebody's check raises must not end the audit
        errors.append(f"{type(error).__name__}: {message_of(error)}")
    if missing and each.absence:
        rows = []
    elif nowhere:
        rows = [row for row in rows if row.status == Status.FAIL]
    return Outcome(members, missing, nobody, "; ".join(errors), nowhere), rows


def _labelled(
    found: Iterable[list[Row]], named: pd.DataFrame, checks: Mapping[str, Check]
) -> pd.DataFrame:
    """All findings as one table, with severities and names."""
    rows = pd.DataFrame(resolved(chain.from_iterable(found)), columns=Row._fields)
    gravest = rows["severity"].map(SEVERITIES.index).argsort(kind="stable")
    rows = rows.iloc[gravest].reset_index(drop=True)
    subject = rows["subject"].astype("str")
    names = named.reindex(subject)
    return FINDINGS.conform(
        rows.assign(
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
    outcomes: Mapping[str, Outcome],
) -> pd.DataFrame:
    subjects: dict[tuple[str, str], set[str]] = {}
    columns = (findings[name].tolist() for name in ("check", "status", "subject"))
    for check, said, subject in zip(*columns, strict=True):
        subjects.setdefault((check, said), set()).add(subject)
    told = findings[findings["status"].ne(Status.NOT_ASSESSED)]
    gravest = told.drop_duplicates("check").set_index("check")["severity"].to_dict()
    pairs = findings[["check", "reported_by"]].dropna().drop_duplicates()
    elsewhere = lists_by_key(pairs["check"], pairs["reported_by"])
    none: set[str] = set()
    rows = []
    for each in ordered:
        outcome = outcomes[each.name]
        failing, accepted, unknown, noted = (
            subjects.get((each.name, status), none)
            for status in (Status.FAIL, Status.ACCEPTED, Status.NOT_ASSESSED, Status.NOTED)
        )
        accepted, unknown = accepted - failing, unknown - failing - accepted
        noted = noted - failing - accepted - unknown
        total = len(outcome.members | unknown)
        counts = {"failing": failing, "accepted": accepted, "unknown": unknown, "noted": noted}
        numbers = {name: len(of) for name, of in counts.items()}
        status, reason = _status(each, outcome, **numbers)
        facts = ("title", "among", "why", "impact", "fine", "errs", "remedy", "source")
        rows.append(
            {
                **{name: getattr(each, name) or None for name in facts},
                "check": each.name,
                "status": status,
                **numbers,
                "reported_by": elsewhere.get(each.name, []),
                "severity": gravest.get(each.name, each.severity),
                "total": total if total or status == Status.NOT_APPLICABLE or not reason else None,
                "reason": reason or None,
                "error": outcome.error or None,
                "evidence_of": account.as_of,
            }
        )
    return RESULTS.conform(pd.DataFrame(rows, columns=RESULTS.names))


def _status(
    each: Check, outcome: Outcome, failing: int, accepted: int, unknown: int, noted: int
) -> tuple[str, str]:
    """The status of a check, and the reason if there is one to say."""
    broke = f"the check stopped with an error: {outcome.error}" if outcome.error else ""
    if outcome.nowhere and not (failing or accepted or broke):
        return Status.NOT_APPLICABLE, outcome.nowhere
    lacks = "" if outcome.nowhere else outcome.missing
    reason = "; ".join(filter(None, [lacks, broke]))
    total = len(outcome.members)
    if unknown and not reason:
        reason = f"the evidence says too little about {unknown} of {total}"
    if failing:
        return Status.FAIL, reason
    nothing = outcome.nobody and not unknown and not each.among.startswith("the ")
    if nothing and not (broke or accepted or noted):  # whatever else the check would ask
        return Status.NOT_APPLICABLE, f"there are no {each.among}"
    if reason:
        return Status.NOT_ASSESSED, reason
    if accepted:
        return Status.ACCEPTED, ""
    if noted:
        return Status.NOTED, ""
    if not total and each.among.startswith("the "):  # every account has a root user
        return Status.NOT_ASSESSED, f"the evidence contains nothing about {each.among}"
    if not total:
        return Status.NOT_APPLICABLE, f"there are no {each.among}"
    return Status.PASS, ""


def _names(account: Any) -> pd.DataFrame:
    """Kind and name of whatever a finding may be about, by ARN; a table that breaks names none."""
    alias = account.alias or account.account_id
    parts = [pd.DataFrame([[account.account_id, "account", alias]])]
    for table, kind, columns in _NAMED:
        with suppress(Exception):  # the checks that need it will say how it broke
            whole = getattr(account, table)
            parts.append((whole.assign(kind=kind) if kind else whole)[columns])
    whole = pd.concat([part.set_axis(["arn", "kind", "name"], axis=1) for part in parts])
    return whole.dropna(subset="arn").drop_duplicates("arn").set_index("arn")


# Tables of what findings may be about: their kind, if no column says it, and ARN, kind and name.
_NAMED: Final = (
    ("principals", None, ["principal_arn", "kind", "name"]),
    ("policies", "policy", ["policy_arn", "kind", "policy_name"]),
    ("server_certificates", "certificate", ["certificate_arn", "kind", "name"]),
    ("identity_providers", "provider", ["provider_arn", "kind", "name"]),
)


def _accept(account: Any, findings: pd.DataFrame, checks: Mapping[str, Check]) -> pd.DataFrame:
    """
    The state of each accepted risk of these checks; marks the findings that it applies to.

    `findings` is changed: a finding that somebody accepts has the status *accepted*, and one whose
    acceptance has expired still fails, and says so.
    """
    rows = []
    for entry in account.settings.accepted:
        if entry.check not in checks:
            continue
        pattern = Pattern(entry.subject)
        open_to = ~findings["status"].isin([Status.NOT_ASSESSED, Status.NOTED])
        about = findings["check"].eq(entry.check) & open_to
        named = findings.loc[about, ["subject", "name"]].map(pattern.matches).any(axis=1)
        about &= named.reindex(findings.index, fill_value=False)
        said = f"accepted by {entry.owner}, until {entry.expires}: {entry.reason}"
        said += f" ({entry.ticket})" if entry.ticket else ""
        if entry.expires < account.as_of.date():
            state = State.EXPIRED
            lapsed = about & findings["status"].eq(Status.FAIL)
            findings.loc[lapsed, "acceptance"] = f"expired; it was {said}"
        else:
            state = State.IN_FORCE if about.any() else State.NO_MATCH
            findings.loc[about, "status"] = Status.ACCEPTED
            findings.loc[about, "acceptance"] = said
        expires = entry.expires.isoformat()
        facts = asdict(entry) | {"expires": expires, "state": state, "findings": int(about.sum())}
        rows.append(facts)
    return ACCEPTANCES.rows(*rows)
