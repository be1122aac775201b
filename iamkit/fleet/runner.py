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
from iamkit.evidence import Snapshot, cli_files, refuse_another, requests
from iamkit.evidence import snapshot as snapshots
from iamkit.exit_codes import ExitCode
from iamkit.fleet import earlier, organization, overview, retention
from iamkit.fleet import journal as journals
from iamkit.fleet.account_result import AccountResult, compared, of_evidence
from iamkit.fleet.announce import announce
from iamkit.fleet.journal import Journal
from iamkit.fleet.log import Log
from iamkit.fleet.meaning import code_of, meaning
from iamkit.fleet.run_file import SEVERITIES, Entry, RunFile
from iamkit.lock import HeldError, Lock, remove_left
from iamkit.report import installed_version, not_of_the_kit, printed, render
from iamkit.values import few
from iamkit.whole_file import write_whole

LOCK: Final = ".iamkit-run.lock"
RESULTS: Final = "results.json"


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
    if not (file.accounts or file.organization):
        raise SettingsError(
            f"{file.path} lists no accounts; `iamkit settings init` writes a file that shows how"
        )
    reports = file.reports.absolute()
    lock = Lock(reports / LOCK)
    try:
        reports.mkdir(mode=0o700, parents=True, exist_ok=True)
        overview.refuse(reports)
        earlier.refuse(reports / RESULTS)
        lock.take()
    except HeldError as error:
        said = f"{reports} is being written by another run: {error}"
        raise WriteError(f"{said}; wait for its end") from error
    except OSError as error:
        raise WriteError(f"{reports} cannot be written: {one_line(error)}") from error
    try:
        of = hashlib.sha256(file.path.read_bytes() + installed_version("iamkit").encode())
        journal = journals.opened(reports, of.hexdigest(), now(), fresh=fresh)
        return _Run(replace(file, reports=reports), log, journal).whole()
    except OSError as error:
        raise WriteError(f"{reports} cannot be written: {one_line(error)}") from error
    except KeyboardInterrupt:
        log.warn("interrupted; within a day, the same command goes on with the accounts not done")
        raise
    finally:
        lock.release()


class _Run:
    """A run under way."""

    def __init__(self, file: RunFile, log: Log, journal: Journal) -> None:
        self.file, self.log, self.journal = file, log, journal
        self.chosen = organization.Chosen(file.accounts)

    def whole(self) -> RunResult:
        """Do, in this order, what is not done yet."""
        if self.journal.resumed:
            self.log.say(f"going on with the run of {self.journal.run}, which was cut off")
        reports = self.file.reports
        for folder in reports.iterdir():
            remove_left(folder, snapshots.PARTIAL)
        if left := retention.finish(reports):
            self.journal.note_deleting(left)
        self._warn_of_keep()
        known = earlier.account_ids(reports / RESULTS)
        self.chosen = organization.chosen(self.file, self.log)
        results: list[AccountResult] = []
        for number, entry in enumerate(self.chosen.entries, start=1):
            if organization.is_done(entry, self.file, results):
                continue
            result = self._done(entry)
            if result is None:
                self.log.say(f"account {number} of {len(self.chosen.entries)}", entry.name)
                result = self._audited(entry)
                if result.account_id is None:
                    result = replace(result, account_id=known.get(entry.name))
                self.journal.note(entry.name, result.plain())
            results.append(result)
        results += self.chosen.others
        deleted = self._deleted(results)
        said = self._said(results, deleted)
        index = overview.write(reports, results, self.journal.run, self._elsewhere(results))
        code = code_of(self.file, results)
        if (failure := self._announced(said)) is not None:
            code = max(code, ExitCode.FAILED)
            self._said(results, deleted, failure)
        self.journal.end()
        self._summary(results, deleted)
        return RunResult(self.journal.run, index, tuple(results), tuple(deleted), code)

    def _done(self, entry: Entry) -> AccountResult | None:
        """What the run did for an account before it was cut off, if that is known."""
        with suppress(KeyError, TypeError, AttributeError):
            return AccountResult.of_plain(self.journal.results[entry.name])
        return None

    # One account

    def _audited(self, entry: Entry) -> AccountResult:
        """Evidence and report of an account, or what went wrong."""
        result = AccountResult(entry.name, entry.account)
        try:
            opened = snapshots.read(self._evidence(entry))
            self._refuse_twice(entry, opened.account_id, opened)
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
            from iamkit import demo

            refuse_another(demo.ACCOUNT, entry.account)
            self._refuse_twice(entry, demo.ACCOUNT)
            return demo.snapshots(reports)
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
            answered=self.chosen.answers(entry.account or ""),
        )

    def _refuse_twice(self, entry: Entry, account_id: str, opened: Snapshot | None = None) -> None:
        """
        Raise `SettingsError` if an earlier entry led to the account, too.

        The evidence that the entry at hand took is given up: it is no month of the account's.
        """
        others = {
            each["account_id"]: name
            for name, each in self.journal.results.items()
            if each["audit"] and name != entry.name
        }
        if account_id not in others:
            return
        if opened and opened.manifest.get("run") == f"{self.journal.run} {entry.name}":
            retention.delete([opened.path.parent])
        raise SettingsError(
            f"account {account_id} is in the run file twice, as {others[account_id]}, too; remove "
            "one of the two"
        )

    def _reported(self, result: AccountResult, opened: Snapshot) -> AccountResult:
        """The result with its report, and with what became of findings."""
        index = f"{result.audit}/{overview.INDEX}"
        try:
            printer = printed if self.file.pdf else None
            made = render(opened.path, settings=self.file.path, printer=printer)
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
        )
        try:
            result = replace(result, **compared(opened))
        except WriteError as error:
            self.log.fail(one_line(error), result.name)
            return replace(result, error=one_line(error), exit_code=int(_code_of(error)))
        for note in made.notes:
            self.log.say(f"settings: {note}", result.name)
        if made.no_pdf:
            self.log.fail(made.no_pdf, result.name)
        self.log.say(f"report made; {_findings(result)}", result.name)
        return result

    # All accounts

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

    def _elsewhere(self, results: Sequence[AccountResult]) -> list[str]:
        """Accounts that have audits here, of which the run has none: they are not looked at."""
        reports = self.file.reports
        own = {each.account_id for each in results}
        audited = {path.parents[1].name for path in snapshots.under(reports)}
        left = sorted(audited - own)
        if left:
            said = "have audits here and no result in this run: they are not in the run file, or "
            self.log.say(f"{few(left)} {said}failed before it was known which account it is")
        return left

    def _warn_of_keep(self) -> None:
        """Say if there is no audit of a month or a time that is to be kept: it may be mistaken."""
        there = [path.parent.name for path in snapshots.under(self.file.reports)]
        for each in self.file.keep:
            if there and not any(name.startswith(each) for name in there):
                self.log.warn(f"keep names {each}, and there is no audit of then")

    def _said(
        self, results: Sequence[AccountResult], deleted: Sequence[str], failure: str = ""
    ) -> dict[str, Any]:
        """Write results.json, and return what it says."""
        code = code_of(self.file, results)
        said = {
            "run": self.journal.run,
            "exit_code": int(max(code, ExitCode.FAILED) if failure else code),
            "meaning": meaning(self.file, results, failure),
            "accounts": [each.plain() for each in results],
            "deleted": list(deleted),
        }
        content = json.dumps(said, indent=1).encode() + b"\n"
        write_whole(self.file.reports / RESULTS, content)
        return said

    def _announced(self, said: Mapping[str, Any]) -> str | None:
        """Run the command that announces, if there is one; return what went wrong, if anything."""
        if not self.file.announce or self.journal.announced:
            return None
        told = json.dumps({**said, "reports": str(self.file.reports)}).encode()
        failure = announce(self.file.announce, self.file.path.absolute().parent, told)
        if failure:
            self.log.fail(f"announce: {failure}")
            return failure
        self.journal.note_announced()
        return None

    def _summary(self, results: Sequence[AccountResult], deleted: Sequence[str]) -> None:
        """The last lines of the log: what came of each account."""
        for audit in deleted:
            self.log.say(f"deleted, as older than {self.file.keep_months} months: {audit}")
        for each in results:
            if each.not_asked:
                self.log.say(f"not asked: {each.not_asked}", each.name)
                continue
            if each.error:
                self.log.fail(f"failed: {each.error}", each.name)
                continue
            since = f"; since {each.before[:10]}: {_changes(each)}" if each.before else ""
            lacking = f"; missing: {len(each.missing)}" if each.missing else ""
            self.log.say(f"{_findings(each)}{since}{lacking}", each.name)
            if each.required:
                self.log.fail(f"evidence is missing: {', '.join(each.required)}", each.name)
        asked = [each for each in results if not each.not_asked]
        failed = sum(bool(each.error) for each in asked)
        left = f", {len(results) - len(asked)} not asked" if len(asked) < len(results) else ""
        self.log.say(f"{len(asked) - failed} of {len(asked)} accounts done, {failed} failed{left}")


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
