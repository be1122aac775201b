"""
Evidence from files that the AWS CLI saved, for auditors without credentials for the account.

A file is known by what is in it, not by its name. The credential report may be the CSV itself, the
CLI's JSON with the CSV in base64, or that base64 as `--output text` prints it; authorization
details may come from version 1 or 2 of the CLI, as one answer or a list of pages.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from iamkit.errors import CollectError
from iamkit.evidence import snapshot
from iamkit.evidence.requests import (
    CALLER,
    DETAILS,
    MFA,
    ONE_CALL,
    REPORT,
    REQUESTS,
    SUMMARY,
    Request,
    by_call,
)
from iamkit.evidence.responses import (
    NAMED_LISTS,
    Response,
    ResponseStatus,
    counted,
    cut_short,
    entries,
    join,
    report_lines,
    store,
)
from iamkit.values import RepeatedNameError, json_of

GIVEN: Final = "--as-of"  # where the time of the evidence comes from
TO_COME: Final = ("password_next_rotation",)  # columns of the credential report that look ahead
DAY: Final = timedelta(days=1)  # that clocks and answers saved one after the other may differ

# What a file can be named as on the command line.
NAMED: Final[Mapping[str, Request]] = {
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
    account_id: str | None = None,
    run: str = "",
    note: Callable[[str], Any] = lambda text: None,
) -> Path:
    """
    Import answers that the AWS CLI saved and return the new snapshot's folder.

    Files in `folder` are recognised by content; those that are nothing the kit knows are left out
    with a note. `named` gives files by the names in `NAMED` and wins over the folder. `as_of`
    counts where no file says when the credential report was made; failing both, the file's
    modification time does. An answer that should hold the report and does not is a gap, and so is
    one of authorization details that lacks a list. `account_id` and
    `run`: see `responses.store`.

    Raises `CollectError` if a file cannot be read, two files hold the same evidence, they come from
    several accounts, or there is neither a credential report nor authorization details.
    """
    responses, as_of_found, as_of_source = responses_in(folder, named, as_of=as_of, note=note)
    return store(out, responses, source, as_of_found, as_of_source, account_id=account_id, run=run)


def responses_in(
    folder: Path | None = None,
    named: Mapping[str, Path] | None = None,
    *,
    as_of: datetime | None = None,
    note: Callable[[str], Any] = lambda text: None,
) -> tuple[list[Response], datetime, str]:
    """
    Return what saved files answer, one `Response` a call, the time they are of and how it is known.

    Arguments and errors: see `from_files`.
    """
    found: dict[Request, tuple[Path, Response]] = {}
    for name, path in (named or {}).items():
        response, wanted = _recognise(path), NAMED[name]
        if response is None or response.request is not wanted:
            is_what = (
                f"answers {response.request.call}" if response else "is nothing that iamkit knows"
            )
            raise CollectError(
                f"{path} {is_what}, but should answer {wanted.call}; save that answer with the "
                "AWS CLI (`--output json`) and name its file"
            )
        found[wanted] = (path, response)
    taken = set(found)
    for path in _files(folder) if folder else ():
        response = _recognise(path)
        if response is None:
            note(f"{path}: not evidence that iamkit knows; ignored")
        elif response.request in taken:
            note(f"{path}: ignored; the command names another file for the same request")
        elif response.request in found:
            raise CollectError(
                f"{found[response.request][0]} and {path} both answer {response.request.call}; "
                "keep one of them"
            )
        else:
            found[response.request] = (path, response)
    responses = [
        found[request][1]
        if request in found
        else Response(
            request, ResponseStatus.NOT_ASKED, None, "not provided", "no file contains it"
        )
        for request in REQUESTS
        if request is not CALLER  # nobody called
    ]
    as_of_found, as_of_source = _time_of(found, as_of)
    _refuse_time(as_of_found, as_of_source, responses)
    return counted(responses), as_of_found, as_of_source


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise CollectError(f"{folder} cannot be read: {error.strerror}") from error


def _recognise(path: Path) -> Response | None:
    """The response that a saved file holds, or None if it is not evidence."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CollectError(f"{path} cannot be read: {error.strerror}") from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # a shell that redirects in UTF-16
        try:
            content = content.decode("utf-16").encode("utf-8")
        except UnicodeError as error:
            raise CollectError(f"{path} is cut or damaged ({error}); save it again") from error
    content = content.removeprefix(b"\xef\xbb\xbf")
    if re.match(rb'"?user"?[;\t]"?arn"?[;\t]', content):
        raise CollectError(
            f"{path} is a credential report whose commas a spreadsheet has replaced; save what "
            "`aws iam get-credential-report` prints instead"
        )
    if content.startswith(b"user,arn,"):
        _refuse_longer_lines(path, content)
        return Response(REPORT, ResponseStatus.OK, {"Content": content})
    encoded, _, more = content.strip().partition(b"\t")  # --output text: content, time, format
    if encoded.startswith(base64.b64encode(b"user,arn,")):
        generated = more.partition(b"\t")[0].decode("utf-8", "replace")
        saved = {"Content": encoded.decode("utf-8", "replace"), "GeneratedTime": generated}
        return _report_of(path, saved)
    try:
        value = json_of(content)
    except ValueError as error:
        if path.suffix == ".json" or isinstance(error, RepeatedNameError):
            raise CollectError(f"{path} is not JSON ({error}); save it again") from error
        return None
    return _recognise_json(path, value if isinstance(value, list) else [value])


def _recognise_json(path: Path, pages: Sequence[Any]) -> Response | None:
    if not pages or not all(isinstance(page, dict) for page in pages):
        return None
    kinds = [REPORT, DETAILS, MFA, *ONE_CALL]
    request = next((kind for kind in kinds if set(kind.members) & set(pages[0])), None)
    if request is None:
        return None
    if request is REPORT:
        return _report_of(path, pages[0])
    if request.call == "account:GetAlternateContact":
        contact = pages[0]["AlternateContact"]
        kind = contact.get("AlternateContactType") if isinstance(contact, dict) else None
        of_kind = (e for e in ONE_CALL if e.parameters.get("AlternateContactType") == kind)
        request = next(of_kind, None)
        if kind is None or request is None:
            return None
    whole: dict[str, Any] = {}
    for page in pages:
        join(whole, page, request.members)
    for member in DETAILS.members if request is DETAILS else ():
        if not isinstance(whole.get(member, []), list):
            raise CollectError(f"{path}: {member} should be a list; save the file again")
    last = pages[-1]
    if last.get("IsTruncated") or last.get("Marker") or last.get("NextToken"):
        return cut_short(request, whole)
    return Response(request, ResponseStatus.OK, whole)


def _report_of(path: Path, saved: Mapping[str, Any]) -> Response:
    text = str(saved.get("Content", ""))
    try:
        content = text.encode() if text.startswith("user,arn,") else base64.b64decode(text)
    except ValueError as error:
        raise CollectError(f"{path}: Content is not base64; save the file again") from error
    if not content.startswith(b"user,arn,"):
        said = f"Content of {path.name} is {'no report' if content.strip() else 'empty'}"
        return Response(REPORT, ResponseStatus.FAILED, None, "NoReport", said)
    _refuse_longer_lines(path, content)
    generated = saved.get("GeneratedTime")
    if not generated:
        return Response(REPORT, ResponseStatus.OK, {"Content": content})
    try:
        when = snapshot.parse_time(str(generated))
        return Response(REPORT, ResponseStatus.OK, {"Content": content, "GeneratedTime": when})
    except ValueError as error:
        said = f"GeneratedTime {generated!r} is no time of a report ({error})"
        raise CollectError(f"{path}: {said}") from error


def _refuse_longer_lines(path: Path, content: bytes) -> None:
    """Raise `CollectError` for a line with more cells than the header: which says what is open."""
    for number, row in enumerate(report_lines(content), start=2):
        if None in row:
            said = f"{path}: line {number}, of {str(row.get('user'))[:64]}, has more cells than"
            raise CollectError(f"{said} the header; save the credential report again")


def _refuse_time(as_of: datetime, source: str, responses: Sequence[Response]) -> None:
    """
    Raise `CollectError` for a time before which a part of this evidence did not exist.

    Keys and passwords would be too young, and all that is counted in days would pass.
    """
    made = [
        (snapshot.parse_time(str(entry["CreateDate"])), f"{entry.get('Arn')} was created on")
        for name in NAMED_LISTS.values()
        for entry in entries(responses, name)
        if _is_time(entry.get("CreateDate"))
    ]
    report = next((each.content for each in responses if each.request is REPORT), None) or {}
    for line in report_lines(report.get("Content") or b""):
        made += [
            (
                snapshot.parse_time(text),
                f"the credential report has of {line.get('user')} {name} on",
            )
            for name, text in line.items()
            if isinstance(text, str) and name not in TO_COME and _is_time(text)
        ]
    latest, what = max(made, default=(as_of, ""))
    if latest <= as_of + DAY:
        return
    when = f"{as_of:%Y-%m-%d}, but {what} {latest:%Y-%m-%d}; "
    if source == GIVEN:
        raise CollectError(f"--as-of gives {when}give the time at which the answers were saved")
    advice = "save the answers of one moment together"
    if source.startswith(snapshot.LAST_CHANGE):
        advice = "give the time at which the answers were saved with --as-of"
    raise CollectError(f"the time of the evidence ({source}) is {when}{advice}")


def _is_time(value: Any) -> bool:
    try:
        snapshot.parse_time(str(value))
    except ValueError:
        return False
    return True


def _time_of(
    found: Mapping[Request, tuple[Path, Response]], as_of: datetime | None
) -> tuple[datetime, str]:
    """The time the evidence describes, and where that time was found."""
    for path, response in (found[kind] for kind in (REPORT, DETAILS) if kind in found):
        if response.content is None:
            continue
        if response.request is REPORT and "GeneratedTime" in response.content:
            return response.content["GeneratedTime"], "credential report GeneratedTime"
        if as_of:
            return as_of, GIVEN
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return changed, f"{snapshot.LAST_CHANGE} {path.name}"
    said = f" ({found[REPORT][1].message})" if REPORT in found else ""
    raise CollectError(
        f"neither a credential report nor account authorization details were found{said}; save "
        "them with `aws iam get-credential-report` and `aws iam get-account-authorization-details`"
    )
