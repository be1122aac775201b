"""
Evidence from files that the AWS CLI saved, for whoever has no credentials for the account.

A file is known by what is in it, not by its name. The credential report may be the CSV itself, the
CLI's JSON with the CSV in base64, or that base64 as `--output text` prints it; authorization
details may come from version 1 or 2 of the CLI, as one answer or a list of pages.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from iamkit.errors import CollectError
from iamkit.evidence import snapshot
from iamkit.evidence.requests import (
    CALLER,
    DETAILS,
    EVIDENCE,
    MFA,
    ONE_CALL,
    REPORT,
    SUMMARY,
    Evidence,
    by_call,
)
from iamkit.evidence.responses import Answer, counted, cut_short, join, store

# What a file can be named as on the command line.
NAMED: Final[Mapping[str, Evidence]] = {
    "credential_report": REPORT,
    "authorization_details": DETAILS,
    "password_policy": by_call("iam:GetAccountPasswordPolicy"),
    "account_summary": SUMMARY,
}


def from_files(
    out: Path,
    folder: Path | None = None,
    named: Mapping[str, Path] | None = None,
    *,
    as_of: datetime | None = None,
    source: str = "files",
    note: Callable[[str], Any] = lambda text: None,
) -> Path:
    """
    Import answers that the AWS CLI saved and return the new snapshot's folder.

    Files in `folder` are recognised by content; those that are nothing the kit knows are left out
    with a note. `named` gives files by the names in `NAMED` and wins over the folder. `as_of`
    counts where no file says when the credential report was made; failing both, the file's
    modification time does.

    Raises `CollectError` if a file cannot be read, two files hold the same evidence, they come from
    several accounts, or there is neither a credential report nor authorization details.
    """
    answers, moment, said = answers_in(folder, named, as_of=as_of, note=note)
    return store(out, answers, source, moment, said)


def answers_in(
    folder: Path | None = None,
    named: Mapping[str, Path] | None = None,
    *,
    as_of: datetime | None = None,
    note: Callable[[str], Any] = lambda text: None,
) -> tuple[list[Answer], datetime, str]:
    """
    Return what saved files answer, one `Answer` a call, the moment they are of and how it is known.

    Arguments and errors: see `from_files`.
    """
    found: dict[Evidence, tuple[Path, Answer]] = {}
    for name, path in (named or {}).items():
        answer, wanted = _recognise(path), NAMED[name]
        if answer is None or answer.evidence is not wanted:
            is_what = (
                f"answers {answer.evidence.call}" if answer else "is nothing that iamkit knows"
            )
            raise CollectError(
                f"{path} {is_what}, but should answer {wanted.call}; save that answer with the "
                "AWS CLI (`--output json`) and name its file"
            )
        found[wanted] = (path, answer)
    taken = set(found)
    for path in _files(folder) if folder else ():
        answer = _recognise(path)
        if answer is None:
            note(f"{path}: nothing that iamkit knows; left out")
        elif answer.evidence in taken:
            note(f"{path}: left out for the file that the command names")
        elif answer.evidence in found:
            raise CollectError(
                f"{found[answer.evidence][0]} and {path} both answer {answer.evidence.call}; "
                "keep one of them"
            )
        else:
            found[answer.evidence] = (path, answer)
    answers = [
        found[evidence][1]
        if evidence in found
        else Answer(evidence, "not asked", None, "NotProvided", "no file holds it")
        for evidence in EVIDENCE
        if evidence is not CALLER  # nobody called
    ]
    moment, said = _moment(found, as_of)
    return counted(answers), moment, said


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise CollectError(f"{folder} cannot be read: {error.strerror}") from error


def _recognise(path: Path) -> Answer | None:
    """What a saved file answers, or None if it is no evidence."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CollectError(f"{path} cannot be read: {error.strerror}") from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # a shell that redirects in UTF-16
        content = content.decode("utf-16").encode("utf-8")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.startswith(b"user,arn,"):
        return Answer(REPORT, "ok", {"Content": content})
    try:
        decoded = base64.b64decode(content, validate=False) if b"{" not in content[:1] else b""
    except binascii.Error:
        decoded = b""
    if decoded.startswith(b"user,arn,"):
        return Answer(REPORT, "ok", {"Content": decoded})
    try:
        value = json.loads(content)
    except ValueError as error:
        if path.suffix == ".json":
            raise CollectError(f"{path} is not JSON ({error}); save it again") from error
        return None
    return _recognise_json(path, value if isinstance(value, list) else [value])


def _recognise_json(path: Path, pages: Sequence[Any]) -> Answer | None:
    if not pages or not all(isinstance(page, dict) for page in pages):
        return None
    kinds = [REPORT, DETAILS, MFA, *ONE_CALL]
    evidence = next((kind for kind in kinds if set(kind.members) & set(pages[0])), None)
    if evidence is None:
        return None
    if evidence is REPORT:
        return Answer(REPORT, "ok", _report_of(path, pages[0]))
    if evidence.call == "account:GetAlternateContact":
        contact = pages[0]["AlternateContact"]
        kind = contact.get("AlternateContactType") if isinstance(contact, dict) else None
        of_kind = (e for e in ONE_CALL if e.parameters.get("AlternateContactType") == kind)
        evidence = next(of_kind, None)
        if kind is None or evidence is None:
            return None
    whole: dict[str, Any] = {}
    for page in pages:
        join(whole, page, evidence.members)
    for member in DETAILS.members if evidence is DETAILS else ():
        if not isinstance(whole.setdefault(member, []), list):
            raise CollectError(f"{path}: {member} should be a list; save the file again")
    last = pages[-1]
    if last.get("IsTruncated") or last.get("Marker") or last.get("NextToken"):
        return cut_short(evidence, whole)
    return Answer(evidence, "ok", whole)


def _report_of(path: Path, saved: Mapping[str, Any]) -> dict[str, Any]:
    text = str(saved.get("Content", ""))
    try:
        content = text.encode() if text.startswith("user,arn,") else base64.b64decode(text)
    except binascii.Error as error:
        raise CollectError(f"{path}: Content is not base64; save the file again") from error
    if not content.startswith(b"user,arn,"):
        raise CollectError(f"{path}: Content is no credential report; save the file again")
    generated = saved.get("GeneratedTime")
    if not generated:
        return {"Content": content}
    try:
        return {"Content": content, "GeneratedTime": snapshot.parse_time(str(generated))}
    except ValueError as error:
        raise CollectError(f"{path}: GeneratedTime {generated!r} is no ISO 8601 time") from error


def _moment(
    found: Mapping[Evidence, tuple[Path, Answer]], as_of: datetime | None
) -> tuple[datetime, str]:
    """When the evidence is of, and how that is known."""
    for path, answer in (found[kind] for kind in (REPORT, DETAILS) if kind in found):
        if answer.evidence is REPORT and "GeneratedTime" in answer.content:
            return answer.content["GeneratedTime"], "credential report GeneratedTime"
        if as_of:
            return as_of, "--as-of"
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return changed, f"modification time of {path.name}"
    raise CollectError(
        "neither a credential report nor account authorization details were found; save them with "
        "`aws iam get-credential-report` and `aws iam get-account-authorization-details`"
    )
