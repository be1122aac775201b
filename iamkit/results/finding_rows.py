"""
The findings of an audit as files and records hold them: each with an id that months share.

An id is of the check and of the subject's unique id, so a user that was made again has findings of
its own, and a renamed role keeps its own. A finding about a role names the people who have it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from iamkit.checks import AUDIT_TABLES, Status
from iamkit.table import TEXT, Column
from iamkit.trust import people_by_role

FINDING: Final = Column("finding", TEXT, "id of the finding: the same in each audit")

# The findings of an audit as files hold them: several rows may be about one check and subject.
FOUND_ROWS: Final = replace(
    AUDIT_TABLES[0],
    columns=(
        FINDING,
        *AUDIT_TABLES[0].columns,
        Column("people", TEXT, "who has the role that it is about; see `people` of `identities`"),
    ),
)


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
    return FOUND_ROWS.conform(
        findings.assign(
            finding=pd.Series(names, findings.index, TEXT),
            people=_people_of(account, findings["subject"]),
        )
    )


def _people_of(account: Any, subjects: pd.Series[Any]) -> pd.Series[Any]:
    """Who has the role that each subject is, as text; missing if nobody is known to."""
    named = {arn: ", ".join(who) for arn, who in people_by_role(account.role_holders).items()}
    return subjects.map({arn: said for arn, said in named.items() if said}).astype(TEXT)


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
