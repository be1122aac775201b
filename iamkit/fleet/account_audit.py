"""
One account of a run: its evidence, then its report and what is new in it.

Both steps take a `Job`, which can be sent to another process and holds no evidence and no secret;
evidence goes through the place of the reports. Each can be done again: evidence that the run has
taken is used, and a report comes out the same.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from iamkit import exit_codes
from iamkit.errors import (
    BrokenCheckError,
    CollectError,
    IamkitError,
    NotebookError,
    SettingsError,
    SnapshotExistsError,
    WriteError,
    one_line,
)
from iamkit.evidence import Snapshot, cli_files, refuse_another, requests, responses
from iamkit.evidence import snapshot as snapshots
from iamkit.exit_codes import ExitCode
from iamkit.fleet import overview, retention
from iamkit.fleet.account_result import AccountResult, compared, of_evidence
from iamkit.fleet.log import Lines
from iamkit.fleet.run_file import SEVERITIES, Entry, RunFile
from iamkit.report import printed, render
from iamkit.values import few


@dataclass(frozen=True)
class Job:
    """
    One account that a run has to do.

    `marks` says that the run may have taken evidence before. `settings` and `answers` are names
    under which the place keeps files for this run: the run file with the files of its own checks,
    and what the organization answers about the account.
    """

    file: RunFile
    run: str
    entry: Entry
    number: int = 1
    of: int = 1
    marks: bool = False
    known_as: str | None = None  # account that the entry led to in an earlier run
    settings: tuple[tuple[str, str], ...] = ()
    answers: tuple[str, ...] = ()
    kernels: int | None = None  # that a report runs at a time

    @property
    def mark(self) -> str:
        """What the manifest of evidence says that this job has taken."""
        return f"{self.run} {self.entry.name}"


class Desk(Protocol):
    """A folder of this machine in which an account is audited, and what it has to do with."""

    folder: Path
    name: str  # what the folder is called in messages

    def taken(self) -> Path | None:
        """The snapshot that the run took before, if it did."""

    def prepare(self, account_id: str | None) -> None:
        """Have the evidence here that new evidence of an account may be the same as."""

    def taken_again(self, path: Path) -> Path:
        """Return where new evidence is to be read; `SnapshotExistsError` if it is there already."""

    def claim(self, account_id: str) -> str | None:
        """Note whose account it is in this run; return the entry that has it, if another has."""

    def settings(self) -> Path:
        """The settings file of the run."""

    def answers(self) -> list[responses.Response]:
        """What the organization answers about the account."""

    def hand_on(self, result: AccountResult) -> None:
        """Keep the evidence for the step of the report."""

    def receive(self, result: AccountResult) -> None:
        """Have the evidence here, and the audits of the account before it."""

    def publish(self, result: AccountResult) -> None:
        """Let everybody see the audit."""


def collect(job: Job, desk: Desk, log: Lines) -> AccountResult:
    """Take the evidence of an account: what is known of it, or what went wrong."""
    entry = job.entry
    result = AccountResult(entry.name, entry.account)
    try:
        opened = snapshots.read(_evidence(job, desk, log))
        _refuse_twice(job, desk, opened.account_id, opened)
        result = replace(result, **of_evidence(opened, desk.folder))
        lacking = [name for name in job.file.require if opened.lacks(requests.named(name).file)]
        result = replace(result, required=tuple(lacking))
        desk.hand_on(result)
    except Exception as error:  # whatever it is, the other accounts are not to suffer
        result = _failed(result, error, desk, log)
    return result if result.account_id else replace(result, account_id=job.known_as)


def report(job: Job, result: AccountResult, desk: Desk, log: Lines) -> AccountResult:
    """Make the report of an account whose evidence was taken; say what is new in it."""
    if result.error or not result.audit:
        return result
    try:
        desk.receive(result)
        made = _reported(job, result, snapshots.read(desk.folder / result.audit), desk, log)
        desk.publish(made)
        return made
    except Exception as error:
        failed = _failed(result, error, desk, log)
        try:
            desk.publish(failed)  # the evidence, which cannot be had again
        except (IamkitError, OSError) as other:
            log.fail(one_line(other), result.name)
        return failed


def _said(error: Exception, desk: Desk) -> str:
    """What an error says, without a folder that is gone by the time anybody reads it."""
    return one_line(error).replace(str(desk.folder), desk.name)


def _failed(result: AccountResult, error: Exception, desk: Desk, log: Lines) -> AccountResult:
    said = _said(error, desk)
    if not isinstance(error, IamkitError | OSError):
        said = f"{type(error).__name__}: {said} (a fault of iamkit; please report it)"
        log.warn("".join(traceback.format_exception(error)), result.name)
    log.fail(said, result.name)
    return replace(result, error=said, exit_code=int(_code_of(error)))


def _evidence(job: Job, desk: Desk, log: Lines) -> Path:
    """The folder of an account's snapshot: taken now, or before if there is nothing newer."""
    entry = job.entry
    if job.marks and (taken := desk.taken()):
        return taken
    try:
        desk.prepare(entry.account or job.known_as)
        path = desk.taken_again(_taken(job, desk, log))
    except SnapshotExistsError as error:
        if entry.files and error.differing:
            raise CollectError(
                f"{error.path} holds other answers of the same time "
                f"({few(error.differing, 3)} differ): save all of them again, with a newer "
                "credential report, or move that audit away if these are the right ones"
            ) from error
        opened = snapshots.read(error.path)
        if entry.account and opened.account_id != entry.account:
            raise CollectError(
                f"{error.path} is of account {opened.account_id}, not of {entry.account}"
            ) from error
        why = (
            "AWS makes a credential report at most every four hours and gave the one that is "
            "here already"
            if entry.files is None and not entry.demo
            else "the saved answers are those that are here already"
        )
        log.say(f"{why}: evidence of {opened.manifest['as_of']} is used again", entry.name)
        return error.path
    opened = snapshots.read(path)
    log.say(f"evidence of {opened.manifest['as_of']} taken", entry.name)
    if opened.time_is_guessed:
        said = "no file says when AWS answered; its time is when a file was last changed"
        log.warn(said, entry.name)
    if gaps := [gap["call"] for gap in opened.manifest["gaps"]]:
        log.say(f"not answered: {', '.join(gaps)}", entry.name)
    return path


def _taken(job: Job, desk: Desk, log: Lines) -> Path:
    entry = job.entry
    if entry.demo:
        from iamkit import demo

        refuse_another(demo.ACCOUNT, entry.account)
        _refuse_twice(job, desk, demo.ACCOUNT)
        return demo.snapshots(desk.folder)
    if entry.files:
        return cli_files.from_files(
            desk.folder,
            entry.files,
            account_id=entry.account,
            run=job.mark,
            note=lambda text: log.say(text, entry.name),
        )
    from iamkit.evidence import aws

    return aws.from_aws(
        desk.folder,
        profile=entry.profile,
        region=entry.region,
        role_arn=entry.role_arn,
        external_id=entry.external_id,
        last_accessed=entry.last_accessed,
        account_id=entry.account,
        run=job.mark,
        answered=desk.answers(),
    )


def _refuse_twice(job: Job, desk: Desk, account_id: str, opened: Snapshot | None = None) -> None:
    """
    Raise `SettingsError` if another entry of the run led to the account, too.

    The evidence that the entry at hand took is given up: it is no month of the account's.
    """
    other = desk.claim(account_id)
    if other is None:
        return
    if opened and opened.manifest.get("run") == job.mark:
        retention.delete([opened.path.parent])
    raise SettingsError(
        f"account {account_id} is in the run file twice, as {other}, too; remove one of the two"
    )


def _reported(
    job: Job, result: AccountResult, opened: Snapshot, desk: Desk, log: Lines
) -> AccountResult:
    """The result with its report, and with what became of findings."""
    index = f"{result.audit}/{overview.INDEX}"
    options: dict[str, Any] = {} if job.kernels is None else {"workers": job.kernels}
    try:
        printer = printed if job.file.pdf else None
        made = render(opened.path, settings=desk.settings(), printer=printer, **options)
    except (NotebookError, BrokenCheckError) as error:
        log.fail(_said(error, desk), result.name)
        there = (desk.folder / index).is_file()
        code = int(_code_of(error))
        return replace(
            result, report=index if there else None, error=_said(error, desk), exit_code=code
        )
    result = replace(
        result,
        report=index,
        report_sha256=made.sha256,
        findings={name: made.findings[name] for name in SEVERITIES if made.findings.get(name)},
        notes=made.notes,
    )
    try:
        result = replace(result, **compared(opened))
    except WriteError as error:
        log.fail(_said(error, desk), result.name)
        return replace(result, error=_said(error, desk), exit_code=int(_code_of(error)))
    for note in made.notes:
        log.say(f"settings: {note}", result.name)
    if made.no_pdf:
        log.fail(made.no_pdf, result.name)
    log.say(f"report made; {findings(result)}", result.name)
    return result


def _code_of(error: Exception) -> ExitCode:
    """An account that cannot be audited is a failure of the run; no room to write is its own."""
    code = exit_codes.of_error(error)
    return code if code == ExitCode.NOT_WRITTEN else ExitCode.FAILED


def findings(result: AccountResult) -> str:
    """How many findings of each severity, in words."""
    counted = [f"{result.findings[name]} {name}" for name in SEVERITIES if name in result.findings]
    return f"findings: {', '.join(counted)}" if counted else "no findings"
