"""
One run over all accounts of a run file: evidence, report, comparison, retention, overview.

An account that fails does not stop the others. A run that is cut off is gone on with by the next
(`journal`), and two runs never write to the same folder at once. Beside the accounts' folders a run
leaves

    index.html      a row per account, with its figures, what they were before, and a link
    overview.csv    the same for a spreadsheet
    results.json    what the run did, which the command of `announce` gets, too
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

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
from iamkit.evidence import Snapshot, cli_files, requests
from iamkit.evidence import snapshot as snapshots
from iamkit.exit_codes import ExitCode
from iamkit.fleet import journal as journals
from iamkit.fleet import overview, retention
from iamkit.fleet.account_result import AccountResult, compared, of_evidence
from iamkit.fleet.journal import Journal
from iamkit.fleet.log import Log
from iamkit.fleet.run_file import SEVERITIES, Entry, RunFile
from iamkit.lock import HeldError, Lock, remove_left
from iamkit.report import not_of_the_kit, render
from iamkit.whole_file import write_whole

LOCK: Final = ".iamkit-run.lock"
RESULTS: Final = "results.json"
ANNOUNCE_SECONDS: Final = 300


@dataclass(frozen=True)
class RunResult:
    """What a run did: its name, a result per account, and how it ended."""

    run: str
    index: Path
    accounts: tuple[AccountResult, ...]
    deleted: tuple[str, ...]
    exit_code: ExitCode


def _now() -> datetime:
    return datetime.now(UTC)


def run(
    file: RunFile, log: Log, *, fresh: bool = False, now: Callable[[], datetime] = _now
) -> RunResult:
    """
    Audit every account of a run file; return what was done.

    `fresh` begins anew where an earlier run was cut off. Raises `SettingsError` if the file lists
    no account, `WriteError` if the folder of the reports cannot be written or another run holds
    it, `ReportError` if a file of somebody's is where the overview would be.
    """
    if not file.accounts:
        raise SettingsError(
            f"{file.path} lists no accounts; `iamkit settings init` writes a file that shows how"
        )
    reports = file.reports.absolute()
    lock = Lock(reports / LOCK)
    try:
        reports.mkdir(mode=0o700, parents=True, exist_ok=True)
        overview.refuse(reports)
        lock.take()
    except HeldError as error:
        said = f"{reports} is being written by another run: {error}"
        raise WriteError(f"{said}; wait for its end") from error
    except OSError as error:
        raise WriteError(f"{reports} cannot be written: {one_line(error)}") from error
    try:
        of = hashlib.sha256(file.path.read_bytes()).hexdigest()
        journal = journals.opened(reports, of, now(), fresh=fresh)
        return _Run(replace(file, reports=reports), log, journal).whole()
    except OSError as error:
        raise WriteError(f"{reports} cannot be written: {one_line(error)}") from error
    finally:
        lock.release()


class _Run:
    """A run under way."""

    def __init__(self, file: RunFile, log: Log, journal: Journal) -> None:
        self.file, self.log, self.journal = file, log, journal

    def whole(self) -> RunResult:
        """Do, in this order, what is not done yet."""
        if self.journal.resumed:
            self.log.say(f"going on with the run of {self.journal.run}, which was cut off")
        for folder in self.file.reports.iterdir():
            remove_left(folder, snapshots.PARTIAL)
        results = []
        for number, entry in enumerate(self.file.accounts, start=1):
            done = self.journal.results.get(entry.name)
            if done is None:
                self.log.say(f"account {number} of {len(self.file.accounts)}", entry.name)
                done = self._audited(entry).plain()
                self.journal.note(entry.name, done)
            results.append(AccountResult.of_plain(done))
        deleted = self._deleted(results)
        code = max([ExitCode.DONE, *(self._code(each) for each in results)])
        said = self._said(results, deleted, code)
        reports = self.file.reports
        write_whole(reports / RESULTS, json.dumps(said, indent=1).encode() + b"\n")
        index = overview.write(reports, results, self.journal.run)
        if not self._announced(said):
            code = max(code, ExitCode.FAILED)
        self.journal.end()
        self._summary(results, deleted)
        return RunResult(self.journal.run, index, tuple(results), tuple(deleted), code)

    # One account

    def _audited(self, entry: Entry) -> AccountResult:
        """Evidence and report of an account, or what went wrong."""
        result = AccountResult(entry.name, entry.account)
        try:
            opened = snapshots.read(self._evidence(entry))
            result = replace(result, **of_evidence(opened, self.file.reports))
            lacking = [
                name for name in self.file.require if opened.lacks(requests.named(name).file)
            ]
            result = replace(result, required=tuple(lacking))
            return self._reported(result, opened)
        except Exception as error:  # whatever it is, the other accounts are not to suffer
            said = one_line(error)
            if not isinstance(error, IamkitError | OSError):
                said = f"{type(error).__name__}: {said} (a fault of iamkit; please report it)"
                self.log.warn("".join(traceback.format_exception(error)), entry.name)
            self.log.fail(said, entry.name)
            return replace(result, error=said, exit_code=int(_code_of(error)))

    def _evidence(self, entry: Entry) -> Path:
        """The folder of an account's snapshot: taken now, or before if there is nothing newer."""
        mark = f"{self.journal.run} {entry.name}"
        if self.journal.resumed and (taken := _marked(self.file.reports, mark)):
            return taken
        try:
            path = self._taken(entry, mark)
        except SnapshotExistsError as error:
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
            said = f"{why}: evidence of {opened.manifest['as_of']} is used again"
            self.log.say(said, entry.name)
            return error.path
        opened = snapshots.read(path)
        self.log.say(f"evidence of {opened.manifest['as_of']} taken", entry.name)
        if opened.time_is_guessed:
            said = "no file says when AWS answered; its time is when a file was last changed"
            self.log.warn(said, entry.name)
        if gaps := [gap["call"] for gap in opened.manifest["gaps"]]:
            self.log.say(f"not answered: {', '.join(gaps)}", entry.name)
        return path

    def _taken(self, entry: Entry, mark: str) -> Path:
        reports = self.file.reports
        if entry.demo:
            from iamkit.demo import snapshots as demo_snapshots

            return demo_snapshots(reports)
        if entry.files:
            return cli_files.from_files(
                reports,
                entry.files,
                account_id=entry.account,
                run=mark,
                note=lambda text: self.log.say(text, entry.name),
            )
        from iamkit.evidence import aws

        return aws.from_aws(
            reports,
            profile=entry.profile,
            region=entry.region,
            role_arn=entry.role_arn,
            external_id=entry.external_id,
            last_accessed=entry.last_accessed,
            account_id=entry.account,
            run=mark,
        )

    def _reported(self, result: AccountResult, opened: Snapshot) -> AccountResult:
        """The result with its report, and with what became of findings."""
        others = [each["account_id"] for each in self.journal.results.values() if each["audit"]]
        if result.account_id in others:
            raise SettingsError(
                f"account {result.account_id} is in the run file twice; remove one of the two"
            )
        index = f"{result.audit}/{overview.INDEX}"
        try:
            made = render(opened.path, settings=self.file.path)
        except (NotebookError, BrokenCheckError) as error:
            self.log.fail(one_line(error), result.name)
            there = (self.file.reports / index).is_file()
            code = int(_code_of(error))
            return replace(
                result, report=index if there else None, error=one_line(error), exit_code=code
            )
        result = replace(
            result,
            report=index,
            report_sha256=made.sha256,
            findings={name: made.findings[name] for name in SEVERITIES if made.findings.get(name)},
            notes=made.notes,
            **compared(opened),
        )
        for note in made.notes:
            self.log.say(f"settings: {note}", result.name)
        self.log.say(f"report made; {_findings(result)}", result.name)
        return result

    # All accounts

    def _code(self, result: AccountResult) -> ExitCode:
        """How a run of this account alone would end."""
        codes = [ExitCode(result.exit_code)]
        if result.required:
            codes.append(ExitCode.GAPS)
        for limit, counts in (
            (self.file.fail_on, result.findings),
            (self.file.fail_on_new, result.new),
        ):
            grave = SEVERITIES[: SEVERITIES.index(limit) + 1] if limit else ()
            if any(counts.get(name) for name in grave):
                codes.append(ExitCode.FOUND)
        return max(codes)

    def _deleted(self, results: Sequence[AccountResult]) -> list[str]:
        """Delete what is too old; return the audits that were deleted, from the folder of all."""
        reports = self.file.reports
        for result in results:
            if not (result.account_id and self.file.keep_months):
                continue
            old = retention.too_old(
                reports / result.account_id, self.file.keep_months, self.file.keep
            )
            for audit in old:
                if strange := not_of_the_kit(audit):
                    said = f"{audit} is older than keep_months, and holds {', '.join(strange)}"
                    self.log.warn(f"{said}, not made by iamkit: it was not deleted", result.name)
                    old = [each for each in old if each != audit]
            names = [audit.relative_to(reports).as_posix() for audit in old]
            if names:
                self.journal.note_deleting(names)
        retention.delete(reports / name for name in self.journal.deleting)
        return self.journal.deleting

    def _said(
        self, results: Sequence[AccountResult], deleted: Sequence[str], code: ExitCode
    ) -> dict[str, Any]:
        """What results.json says, and what the command of `announce` gets."""
        return {
            "run": self.journal.run,
            "exit_code": int(code),
            "meaning": exit_codes.MEANINGS[code],
            "accounts": [each.plain() for each in results],
            "deleted": list(deleted),
        }

    def _announced(self, said: Mapping[str, Any]) -> bool:
        """Run the command that announces; return whether that went well, if there is one."""
        command = self.file.announce
        if not command or self.journal.announced:
            return True
        folder = str(self.file.reports)
        try:
            subprocess.run(  # noqa: S603 - the user's own command, run without a shell
                command,
                input=json.dumps({**said, "reports": folder}).encode(),
                cwd=self.file.path.absolute().parent,
                capture_output=True,
                timeout=ANNOUNCE_SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            printed = (error.stderr or error.stdout).decode("utf-8", "replace").split("\n")[0][:200]
            self.log.fail(f"announce: {command[0]} ended with {error.returncode}: {printed}")
            return False
        except subprocess.TimeoutExpired:
            self.log.fail(f"announce: {command[0]} did not end within {ANNOUNCE_SECONDS} s")
            return False
        except OSError as error:
            self.log.fail(f"announce: {command[0]} cannot be run: {one_line(error)}")
            return False
        self.journal.note_announced()
        return True

    def _summary(self, results: Sequence[AccountResult], deleted: Sequence[str]) -> None:
        """The last lines of the log: what came of each account."""
        for audit in deleted:
            self.log.say(f"deleted, as older than {self.file.keep_months} months: {audit}")
        for each in results:
            if each.error:
                self.log.fail(f"failed: {each.error}", each.name)
                continue
            since = f"; since {each.before[:10]}: {_changes(each)}" if each.before else ""
            lacking = f"; missing: {len(each.missing)}" if each.missing else ""
            self.log.say(f"{_findings(each)}{since}{lacking}", each.name)
            if each.required:
                self.log.fail(f"evidence is missing: {', '.join(each.required)}", each.name)
        failed = sum(bool(each.error) for each in results)
        self.log.say(f"{len(results) - failed} of {len(results)} accounts done, {failed} failed")


def _marked(reports: Path, mark: str) -> Path | None:
    """The snapshot that this run took before it was cut off."""
    for path in snapshots.under(reports):
        with suppress(OSError, ValueError, AttributeError):
            if json.loads((path / snapshots.MANIFEST).read_bytes()).get("run") == mark:
                return path
    return None


def _code_of(error: Exception) -> ExitCode:
    """An account that cannot be audited is a failure of the run; no room to write is its own."""
    code = exit_codes.of_error(error)
    return code if code == ExitCode.NOT_WRITTEN else ExitCode.FAILED


def _findings(result: AccountResult) -> str:
    counted = [f"{result.findings[name]} {name}" for name in SEVERITIES if name in result.findings]
    return f"findings: {', '.join(counted)}" if counted else "no findings"


def _changes(result: AccountResult) -> str:
    """
    What became of findings, in words.

    >>> _changes(AccountResult("a", new={"high": 2}, fixed={"low": 1}))
    '2 new, 1 fixed'
    """
    return f"{sum(result.new.values())} new, {sum(result.fixed.values())} fixed"
