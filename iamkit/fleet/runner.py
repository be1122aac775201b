"""
One run over all accounts of a run file: evidence, report, comparison, retention, overview.

An account that fails does not stop the others. A run that is cut off is gone on with by the next
(`journal`), and two runs never write to the same place at once. Beside the accounts' folders a run
leaves

    index.html           each account, and what all of them come to
    organization.xlsx    the same as a workbook
    overview.csv         the figures of each account, for a spreadsheet
    results.json         what the run did, which the command of `announce` gets, too
    history/             what the next run's page compares with

The accounts are done one after the other, or by workers (`workers`); the place of the reports is a
folder or object storage (`places`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from iamkit.counts import part_of
from iamkit.errors import SettingsError, WriteError, one_line
from iamkit.evidence import responses
from iamkit.evidence import snapshot as snapshots
from iamkit.exit_codes import ExitCode
from iamkit.fleet import organization, overview, retention
from iamkit.fleet.account_audit import Job, collect, findings, report
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.announce import announce
from iamkit.fleet.journal import Journal
from iamkit.fleet.log import Log
from iamkit.fleet.meaning import code_of, meaning
from iamkit.fleet.over_accounts import OverAccounts
from iamkit.fleet.paths_over import paths_over
from iamkit.fleet.places import LOCK, RESULTS, Place, place_of
from iamkit.fleet.rolled_up import roll_up
from iamkit.fleet.run_file import Entry, RunFile
from iamkit.fleet.workers import Workers, workers
from iamkit.report import installed_version
from iamkit.settings_files import contents_of
from iamkit.values import few
from iamkit.whole_file import write_whole

__all__ = ["LOCK", "RESULTS", "RunResult", "run"]


@dataclass(frozen=True)
class RunResult:
    """What a run did: its name, a result per account, and how it ended; where its page is."""

    run: str
    index: str
    accounts: tuple[AccountResult, ...]
    deleted: tuple[str, ...]
    exit_code: ExitCode


def _now() -> datetime:
    return datetime.now(UTC)


def run(
    file: RunFile,
    log: Log,
    *,
    fresh: bool = False,
    number: int = 0,
    scheduler: str = "",
    now: Callable[[], datetime] = _now,
) -> RunResult:
    """
    Audit every account of a run file; return what was done.

    `fresh` begins anew where an earlier run was cut off. `number` is of workers on this machine,
    `scheduler` the address of a Dask scheduler that has some; without both, the accounts are done
    one after the other here. Raises `SettingsError` if the file lists no account or the workers
    cannot be used, `WriteError` if the reports cannot be written or another run holds them,
    `ReportError` if a file of somebody's is where the overview would be.
    """
    if not (file.accounts or file.organization):
        raise SettingsError(
            f"{file.path} lists no accounts; `iamkit settings init` writes a file that shows how"
        )
    given = replace(file, path=file.path.absolute())
    engine = workers(number, scheduler, log)
    place = place_of(given)
    place.take()
    try:
        of = hashlib.sha256(file.path.read_bytes() + installed_version("iamkit").encode())
        journal = place.journal(of.hexdigest(), now(), fresh=fresh)
        return _Run(given, log, journal, place, engine).whole()
    except OSError as error:
        raise WriteError(f"{place.name} cannot be written: {one_line(error)}") from error
    except KeyboardInterrupt:
        log.warn("interrupted; within a day, the same command goes on with the accounts not done")
        raise
    finally:
        if engine:
            engine.close()
        place.release()


class _Run:
    """A run under way."""

    def __init__(
        self, file: RunFile, log: Log, journal: Journal, place: Place, engine: Workers | None
    ) -> None:
        self.file, self.log, self.journal, self.place = file, log, journal, place
        self.engine = engine
        self.chosen = organization.Chosen(file.accounts)

    def whole(self) -> RunResult:
        """Do, in this order, what is not done yet."""
        if self.journal.resumed:
            self.log.say(f"going on with the run of {self.journal.run}, which was cut off")
        if left := self.place.tidy():
            self.journal.note_deleting(left)
        self._warn_of_keep()
        self.chosen = organization.chosen(self.file, self.log)
        by_name: dict[str, AccountResult] = {}
        for wave in self._waves():
            for name, result in self._results(wave, by_name):
                by_name[name] = result
        names = [entry.name for entry in self.chosen.entries]
        done = [by_name[name] for name in names if name in by_name] + [*self.chosen.others]
        results = [self.chosen.grouped(each) for each in done]
        deleted = self._deleted(results)
        said = self._said(results, deleted)
        overview.write(self.place, self._over(results), self.journal.run, self._elsewhere(results))
        code = code_of(self.file, results)
        if (failure := self._announced(said)) is not None:
            code = max(code, ExitCode.FAILED)
            self._said(results, deleted, failure)
        self.place.check()
        index = self.place.publish(self.journal.run)
        self.journal.end()
        self._summary(results, deleted)
        return RunResult(self.journal.run, index, tuple(results), tuple(deleted), code)

    def _waves(self) -> list[Sequence[Entry]]:
        """
        The accounts in the order in which they can be begun.

        Workers do those first of which nobody knows yet which account they are: another entry may
        be the same.
        """
        entries = self.chosen.entries
        if self.engine is None:
            return [entries]
        unknown = [entry for entry in entries if not entry.account]
        return [unknown, [entry for entry in entries if entry.account]]

    def _results(
        self, entries: Sequence[Entry], done: Mapping[str, AccountResult]
    ) -> Generator[tuple[str, AccountResult]]:
        """The name and the result of each account, as they are done."""
        todo = []
        for entry in entries:
            if result := self._done(entry):
                yield entry.name, result
            else:
                todo.append(entry)
        if not todo:
            return
        jobs = self._jobs(todo, done)
        left = sum(self._done(entry) is None for entry in self.chosen.entries)
        running = self._in_turn(jobs) if self.engine is None else self.engine.run(jobs, left)
        with closing(running):
            for name, result in running:
                self.place.check()
                self.journal.note(name, result.plain())
                yield name, result

    def _in_turn(self, jobs: Iterable[Job]) -> Generator[tuple[str, AccountResult]]:
        """Each account in this process, one after the other."""
        for job in jobs:
            self.log.say(f"account {job.number} of {job.of}", job.entry.name)
            with self.place.desk(job) as desk:
                result = collect(job, desk, self.log)
                yield job.entry.name, report(job, result, desk, self.log)

    def _jobs(self, entries: Sequence[Entry], done: Mapping[str, AccountResult]) -> Iterator[Job]:
        """What is to be done, each made when it is asked for."""
        known = self.place.known()
        numbers = {entry.name: at for at, entry in enumerate(self.chosen.entries, start=1)}
        sent = self.engine is not None
        settings: tuple[tuple[str, str], ...] = ()
        if sent:
            contents = contents_of(self.file.path)
            names = self.place.keep(self.journal.run, contents.values())
            settings = tuple(zip(contents, names, strict=True))
        for entry in entries:
            if organization.is_done(entry, self.file, done.values()):
                continue
            answers = [
                snapshots.canonical(responses.plain(each))
                for each in self.chosen.answers(entry.account or "")
            ]
            yield Job(
                replace(self.file, accounts=(), organization=None),
                self.journal.run,
                entry,
                number=numbers[entry.name],
                of=len(self.chosen.entries),
                marks=self.journal.resumed or sent,
                known_as=known.get(entry.name),
                settings=settings,
                answers=tuple(self.place.keep(self.journal.run, answers)),
                kernels=1 if sent else None,
            )

    def _done(self, entry: Entry) -> AccountResult | None:
        """What the run did for an account before it was cut off, if that is known."""
        with suppress(KeyError, TypeError, AttributeError):
            return AccountResult.of_plain(self.journal.results[entry.name])
        return None

    def _deleted(self, results: Sequence[AccountResult]) -> list[str]:
        """Delete what is too old; return the audits that were deleted, from the place of all."""
        if self.file.keep_months:
            audits = self.place.audits()
            for result in results:
                self._note_too_old(result, audits.get(result.account_id or "", []))
        self.place.delete(self.journal.deleting)
        return self.journal.deleting

    def _note_too_old(self, result: AccountResult, audits: Sequence[str]) -> None:
        names = []
        for audit in retention.too_old(audits, self.file.keep_months, self.file.keep):
            name = f"{result.account_id}/{audit}"
            if strange := self.place.strange(name):
                said = f"{name} is older than keep_months, and holds {', '.join(strange)}"
                self.log.warn(f"{said}, not made by iamkit: it was not deleted", result.name)
            else:
                names.append(name)
        if names:
            self.journal.note_deleting(names)

    def _over(self, results: Sequence[AccountResult]) -> OverAccounts:
        """What the accounts come to, by what their audits have kept."""
        made = [each.audit for each in results if each.audit]
        known = roll_up(self.place, made, {str(each.account_id) for each in results})
        if not self.file.paths:
            return OverAccounts(results, known)
        self.log.say("paths between accounts are looked for")
        return OverAccounts(results, known, paths_over(self.file.reports))

    def _elsewhere(self, results: Sequence[AccountResult]) -> list[str]:
        """Accounts that have audits here, of which the run has none: they are not looked at."""
        own = {each.account_id for each in results}
        left = sorted(self.place.audits().keys() - own)
        if left:
            said = "have audits here and no result in this run: they are not in the run file, or "
            self.log.say(f"{few(left)} {said}failed before it was known which account it is")
        return left

    def _warn_of_keep(self) -> None:
        """Say if there is no audit of a month or a time that is to be kept: it may be mistaken."""
        if not self.file.keep:
            return
        there = [name for names in self.place.audits().values() for name in names]
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
        write_whole(self.place.front / RESULTS, content)
        return said

    def _announced(self, said: Mapping[str, Any]) -> str | None:
        """Run the command that announces, if there is one; return what went wrong, if anything."""
        if not self.file.announce or self.journal.announced:
            return None
        told = json.dumps({**said, "reports": self.place.name}).encode()
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
            self.log.say(f"{findings(each)}{since}{lacking}", each.name)
            if each.required:
                self.log.fail(f"evidence is missing: {', '.join(each.required)}", each.name)
        asked = [each for each in results if not each.not_asked]
        failed = sum(bool(each.error) for each in asked)
        left = f", {len(results) - len(asked)} not asked" if len(asked) < len(results) else ""
        self.log.say(
            f"{part_of(len(asked) - failed, len(asked), 'accounts')} done, {failed} failed{left}"
        )


def _changes(result: AccountResult) -> str:
    """
    What became of findings, in words.

    >>> _changes(AccountResult("a", new={"high": 2}, fixed={"low": 1}))
    '2 new, 1 fixed'
    """
    return f"{sum(result.new.values())} new, {sum(result.fixed.values())} fixed"
