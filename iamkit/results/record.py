"""
What of an audit is kept for the months to come, in a form that needs no evidence to be compared.

An audit's evidence stays beside its report, but to judge a year of it again would take a year's
audits. So each audit leaves a record: what was measured, what was found, and for each identity,
credential, policy and trusted principal what it was. Every row says of which account, moment and
evidence it is, so that the rows of many audits stack.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.checks import AUDIT_TABLES, Status
from iamkit.results.measures import measures
from iamkit.results.privileges import allowed_in_any_context
from iamkit.table import COUNT, TEXT, TIME, TRUTH, Column, Table, own_texts
from iamkit.tables import without_service_linked

# Raised whenever the same evidence and settings would leave another record.
ANALYSIS: Final = 4

OF_AUDIT: Final = (
    Column("account_id", TEXT, "account"),
    Column("as_of", TIME, "time of the evidence"),
    Column("evidence", TEXT, "SHA-256 of the evidence"),
)
FINDING: Final = Column("finding", TEXT, "id of the finding: the same in each audit")
NUMBER: Final = "float64"


def _table(name: str, row: str, key: tuple[str, ...], *columns: Column) -> Table:
    """A table of the record: its columns come after those that say of which audit a row is."""
    return Table(name, row, ("evidence", *key), (*OF_AUDIT, *columns))


AUDITS: Final = _table(
    "audits",
    "one audit",
    (),
    Column("source", TEXT, "aws, files or demo"),
    Column("analysis", COUNT, "version of the analysis; records of different ones do not compare"),
    Column("iamkit", TEXT, "version of iamkit"),
    Column("settings", TEXT, "settings in force, as JSON"),
    Column("not_known", TEXT, "aspects of `CHANGES` that the evidence says nothing about, as JSON"),
    Column(
        "before",
        TEXT,
        "SHA-256 of the evidence of the audit before, if that was made with other settings or "
        "another analysis; see `REJUDGED`",
    ),
)

MEASURES: Final = _table(
    "measures",
    "one number of one audit",
    ("measure",),
    Column("measure", TEXT, "what is measured; see `MEANINGS`"),
    Column("value", NUMBER, "the number; missing: the evidence does not say"),
    Column("of", NUMBER, "of how many; missing: it is part of nothing"),
)

FOUND: Final = _table(
    "found",
    "one check and subject of one audit that fails, is accepted or could not be assessed",
    ("finding",),
    FINDING,
    Column("check", TEXT, "id of the check"),
    Column("subject", TEXT, "ARN of what it is about; the account id for the account"),
    Column("kind", TEXT, "kind of subject"),
    Column("name", TEXT, "name of the subject"),
    Column("severity", TEXT, "worst severity of its rows"),
    Column("status", TEXT, "fail, accepted, not assessed or noted: the worst of its rows"),
    Column("title", TEXT, "what is wrong, in general"),
    Column("detail", TEXT, "what is wrong with this subject"),
    Column("acceptance", TEXT, "who accepts it, until when; or that the acceptance has expired"),
)

# The findings of an audit as files hold them: several rows may be about one check and subject.
FOUND_ROWS: Final = replace(AUDIT_TABLES[0], columns=(FINDING, *AUDIT_TABLES[0].columns))

# What the evidence before gives under the settings and the analysis of this audit, if they differ.
REJUDGED: Final = _table(
    "rejudged",
    "one finding that the audit before would have had with the settings and analysis of this one",
    ("finding",),
    Column("finding", TEXT, "id of the finding"),
)

CHECKED: Final = _table(
    "checked",
    "one check of one audit",
    ("check",),
    Column("check", TEXT, "id of the check"),
    Column("status", TEXT, "its result"),
    Column("reason", TEXT, "why it is not assessed or not applicable"),
)

PEOPLE: Final = _table(
    "people",
    "one identity of one audit that can act",
    ("subject",),
    Column("subject", TEXT, "its unique id (AIDA…, AROA…); its ARN if the evidence has no id"),
    Column("arn", TEXT, "ARN"),
    Column("kind", TEXT, "root, user or role"),
    Column("name", TEXT, "name"),
    Column("verdict", TEXT, "verdict of `identities`"),
    Column("privilege", TEXT, "admin, near-admin, write, read or none"),
    Column("admin_steps", COUNT, "steps to administrator access; missing: no certain path"),
    Column(
        "escalations",
        TEXT,
        "ids of the methods to gain permissions that the evidence proves, with spaces between",
    ),
    Column("mfa_registered", TRUTH, "an MFA device is registered; missing: role, or not known"),
    Column("mfa_enforced", TEXT, "verdict on MFA"),
    Column("network_restriction", TEXT, "verdict on networks"),
    Column("actions", COUNT, "number of actions that it is certainly allowed in some context"),
    Column("permissions", TEXT, "hash of these actions: equal permissions have the same"),
)

SECRETS: Final = _table(
    "held",
    "one credential of one audit: a password, an access key or an MFA device",
    ("subject", "credential"),
    Column("subject", TEXT, "unique id of its user; ARN if the evidence has no id"),
    Column("arn", TEXT, "ARN of the user"),
    Column("name", TEXT, "name of the user"),
    Column("credential", TEXT, "password, access key 1, access key 2, or MFA device and serial"),
    Column("active", TRUTH, "it can be used"),
    Column("made", TIME, "when it was made, or the password changed"),
    Column("used", TIME, "last use on record"),
)

DOCUMENTS: Final = _table(
    "documents",
    "one policy of one audit",
    ("policy",),
    Column("policy", TEXT, "ARN; of an inline policy OWNER_ARN#NAME"),
    Column("name", TEXT, "name"),
    Column("kind", TEXT, "customer or inline"),
    Column("document", TEXT, "hash of its document"),
)

ADMITTED: Final = _table(
    "admitted",
    "one principal that a role's trust policy trusts, of one audit",
    ("role", "who", "principal"),
    Column("role", TEXT, "unique id of the role; ARN if the evidence has no id"),
    Column("arn", TEXT, "ARN of the role"),
    Column("name", TEXT, "name of the role"),
    Column("who", TEXT, "kind of principal"),
    Column("principal", TEXT, "principal, as written"),
    Column("problem", TEXT, "what is wrong; missing: nothing"),
)

TABLES: Final = (
    AUDITS,
    MEASURES,
    FOUND,
    REJUDGED,
    CHECKED,
    PEOPLE,
    SECRETS,
    DOCUMENTS,
    ADMITTED,
)


class AuditRecord(NamedTuple):
    """The tables of a record: of one audit, or of many."""

    audits: pd.DataFrame
    measures: pd.DataFrame
    found: pd.DataFrame
    rejudged: pd.DataFrame
    checked: pd.DataFrame
    people: pd.DataFrame
    held: pd.DataFrame
    documents: pd.DataFrame
    admitted: pd.DataFrame

    def of(self, evidence: str) -> AuditRecord:
        """The record of one audit."""
        return AuditRecord(
            *(frame[frame["evidence"] == evidence].reset_index(drop=True) for frame in self)
        )


@own_texts
def record(account: Any, *, iamkit: str = "", before: Any = None) -> AuditRecord:
    """
    Return what is kept of an account's audit.

    Parameters
    ----------
    account : Account
        What was audited; its audit is made if it is not there yet.
    iamkit : str
        Version that made the audit.
    before : Account, optional
        The evidence of the audit before, with the settings of this one; given where that audit was
        made with other settings or another analysis, so that what they changed can be told apart.
    """
    ids = identifiers(account)
    of = {
        "account_id": account.account_id,
        "as_of": account.as_of,
        "evidence": account.snapshot.evidence_hash,
    }
    about = {
        "source": account.snapshot.manifest["source"],
        "analysis": ANALYSIS,
        "iamkit": iamkit,
        "settings": json.dumps(account.settings.values(), sort_keys=True, default=str),
        "not_known": json.dumps(not_known(account)),
        "before": before.snapshot.evidence_hash if before is not None else None,
    }
    frames: tuple[pd.DataFrame, ...] = (
        pd.DataFrame([about]),
        measures(account),
        found(account),
        _rejudged(before),
        account.audit.results,
        _people(account, ids),
        _held(account, ids),
        _documents(account),
        _admitted(account, ids),
    )
    return AuditRecord(
        *(
            table.conform(_unicode(frame.assign(**of)))
            for table, frame in zip(TABLES, frames, strict=True)
        )
    )


def _unicode(frame: pd.DataFrame) -> pd.DataFrame:
    """
    A frame whose texts a file can hold: what is no Unicode in them is written out.

    JSON can name half of a character, and a policy's text is the account's: it must not keep the
    record from being written.
    """
    written = {
        str(name): column.map(_written_out)
        for name, column in frame.items()
        if column.dtype == object or isinstance(column.dtype, pd.StringDtype)
    }
    return frame.assign(**written)


def _written_out(value: Any) -> Any:
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode()


def empty() -> AuditRecord:
    """The record of no audit."""
    return AuditRecord(*(table.rows() for table in TABLES))


# Which tables an aspect of `CHANGES` cannot do without.
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "identity": ("users", "roles"),
    "verdict": ("policy_assignments",),
    "privilege": ("policy_assignments",),
    "steps to administrator": ("policy_assignments", "credentials", "access_keys"),
    "escalation": ("policy_assignments", "credentials", "access_keys"),
    "MFA device registered": ("credentials",),
    "MFA enforcement": ("policy_assignments",),
    "network restriction": ("policy_assignments",),
    "permissions": ("policy_assignments",),
    "password": ("credentials",),
    "access key": ("access_keys",),
    "MFA device": ("mfa_devices",),
    "policy": ("policies",),
    "trust": ("trust",),
    "finding": (),
}


def not_known(account: Any) -> list[str]:
    """The aspects of which the evidence as a whole says nothing."""
    return [aspect for aspect, tables in NEEDS.items() if account.missing(*tables)]


def identifiers(account: Any) -> dict[str, str]:
    """
    The unique id of each identity by its ARN.

    Where the evidence has none, or several identities share one (AWS never gives it twice: the
    evidence is made up or damaged), it is the ARN.
    """
    who = account.principals[["principal_arn", "id"]].dropna(subset="principal_arn")
    ids = who["id"].mask(who["id"].duplicated(keep=False)).fillna(who["principal_arn"])
    return dict(zip(who["principal_arn"], ids, strict=True))


def finding_id(account_id: str, check: str, subject: str) -> str:
    """
    The id of a finding, the same in each audit: of the check and the subject's unique id or ARN.

    >>> finding_id("111122223333", "old_access_key", "AIDAEXAMPLE")
    'a202a4f435459c0f'
    """
    joined = "\x1f".join((account_id, check, subject))
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:16]


_WORST: Final = (Status.FAIL, Status.NOT_ASSESSED, Status.ACCEPTED, Status.NOTED)


def with_ids(account: Any) -> pd.DataFrame:
    """The findings of an account's audit, each with its id. Rows: see `FOUND_ROWS`."""
    ids = identifiers(account)
    findings: pd.DataFrame = account.audit.findings
    names = [
        finding_id(account.account_id, check, ids.get(subject, subject))
        for check, subject in zip(findings["check"], findings["subject"], strict=True)
    ]
    return FOUND_ROWS.conform(findings.assign(finding=pd.Series(names, findings.index, TEXT)))


def found(account: Any) -> pd.DataFrame:
    """One row per check and subject: the worst of what the check says of it."""
    findings = with_ids(account)
    ordered = findings.assign(worse=findings["status"].map(_WORST.index)).sort_values(
        "worse", kind="stable"
    )
    by = ordered.groupby(["check", "subject"], sort=False)
    once = ordered.drop_duplicates(["check", "subject"])
    details = by["detail"].agg(lambda each: "; ".join(dict.fromkeys(each)))
    keys = pd.MultiIndex.from_frame(once[["check", "subject"]])
    return once.assign(detail=details.reindex(keys).array).drop_duplicates("finding")


def _rejudged(before: Any) -> pd.DataFrame:
    if before is None:
        return pd.DataFrame({"finding": []})
    rows = found(before)
    return rows[rows["status"].isin([Status.FAIL, Status.ACCEPTED])][["finding"]]


def _people(account: Any, ids: Mapping[str, str]) -> pd.DataFrame:
    who: pd.DataFrame = account.identities
    allowed = allowed_in_any_context(account.permissions)
    names = [allowed.catalog.names(row) for row in allowed.certain]
    evaluated = account.permissions.principals["principal_arn"]
    counts = pd.Series([len(names[at]) for at in allowed.which], evaluated)
    short = [_hash("\n".join(each)) for each in names]  # numbers of bits differ between accounts
    hashes = pd.Series([short[at] for at in allowed.which], evaluated)
    arns = who["principal_arn"]
    proven = account.escalations.query("status == 'proven'")
    methods = proven.groupby("principal_arn")["method"].agg(lambda of: " ".join(sorted({*of})))
    return who.assign(
        escalations=methods.reindex(arns).array,
        arn=arns,
        subject=arns.map(ids),
        actions=counts.reindex(arns).astype(COUNT).array,
        permissions=hashes.reindex(arns).array,
    )


def _held(account: Any, ids: Mapping[str, str]) -> pd.DataFrame:
    people = account.credentials
    has = people["password_enabled"].fillna(value=False)
    passwords = people[has].assign(
        credential="password", active=True, made=people["password_changed"],
        used=people["password_used"],
    )  # fmt: skip
    keys = account.access_keys
    keys = keys[keys["exists"].fillna(value=False)]
    keys = keys.assign(credential="access key " + keys["slot"].astype(TEXT), made=keys["rotated"])
    devices = account.mfa_devices.dropna(subset=["user_arn", "serial"])
    devices = devices.assign(
        credential="MFA device " + devices["serial"], active=True, made=devices["enabled"],
        used=None,
    )  # fmt: skip
    columns = ["user_arn", "user_name", "credential", "active", "made", "used"]
    parts = [part[columns].astype({"made": TIME, "used": TIME, "active": TRUTH})
             for part in (passwords, keys, devices)]  # fmt: skip
    names = {"user_arn": "arn", "user_name": "name"}
    rows: pd.DataFrame = pd.concat(parts, ignore_index=True).rename(columns=names)
    rows = rows.dropna(subset="arn")
    subjects = rows["arn"].map(ids).fillna(rows["arn"])
    return rows.assign(subject=subjects).drop_duplicates(["subject", "credential"])


def _documents(account: Any) -> pd.DataFrame:
    policies: pd.DataFrame = account.policies
    own: pd.DataFrame = policies[policies["kind"] != "aws"].dropna(subset="policy_arn")
    documents = account.policy_versions.drop_duplicates("policy_arn").set_index("policy_arn")
    given = documents["document"].reindex(own["policy_arn"])
    hashes = _hashes(given.tolist())
    return own.assign(policy=own["policy_arn"], name=own["policy_name"], document=hashes)


def _hashes(documents: Iterable[Any]) -> list[str]:
    return [_hash(json.dumps(each, sort_keys=True, default=str)) for each in documents]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _admitted(account: Any, ids: Mapping[str, str]) -> pd.DataFrame:
    trusted: pd.DataFrame = account.trusted_principals
    trusted = without_service_linked(trusted, account.roles, "role_arn")
    problems = trusted["problem"].fillna("")
    worst = trusted.assign(problem=problems).sort_values("problem", ascending=False, kind="stable")
    once = worst.drop_duplicates(["role_arn", "who", "principal"])
    return once.assign(
        role=once["role_arn"].map(ids).fillna(once["role_arn"]),
        arn=once["role_arn"],
        name=once["role_name"],
        problem=once["problem"].where(once["problem"] != "", None),
    )
