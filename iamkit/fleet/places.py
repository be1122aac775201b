"""
Where a run keeps its reports: a folder, here, or object storage, in `stored_place`.

A place gives each account a `Desk` to be audited at, in whatever process that is. In a folder that
is the folder itself.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from iamkit.errors import CollectError, WriteError, one_line
from iamkit.evidence import responses
from iamkit.evidence import snapshot as snapshots
from iamkit.fleet import earlier, overview, retention
from iamkit.fleet import journal as journals
from iamkit.fleet.account_audit import Desk, Job
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.journal import Journal
from iamkit.fleet.run_file import RunFile
from iamkit.lock import HeldError, Lock, remove_left
from iamkit.report import not_of_the_kit
from iamkit.storage import Storage
from iamkit.whole_file import write_whole

LOCK: Final = ".iamkit-run.lock"
RESULTS: Final = "results.json"
WORK: Final = ".iamkit-run"  # what processes of one run tell each other


class Place(Protocol):
    """Where a run keeps its reports. `front` is the folder of the page over all accounts."""

    name: str
    front: Path

    def take(self) -> None:
        """Hold the place from now on. Raises `WriteError` if another run does."""

    def release(self) -> None:
        """Let other runs have the place."""

    def check(self) -> None:
        """Raise `WriteError` if the run does not hold the place any more."""

    def journal(self, of: str, now: datetime, *, fresh: bool) -> Journal:
        """What the run that was cut off has done, or a new run's; see `journal.opened`."""

    def tidy(self) -> list[str]:
        """Clear up after runs that were killed; return the audits whose deletion was finished."""

    def known(self) -> Mapping[str, str]:
        """The account that each entry led to in the last run."""

    def audits(self) -> dict[str, list[str]]:
        """The names of the audits of each account, the oldest first."""

    def strange(self, audit: str) -> list[str]:
        """What an audit holds that iamkit did not make."""

    def delete(self, audits: Iterable[str]) -> None:
        """Delete audits, and what is left of them."""

    def keep(self, run: str, contents: Iterable[bytes]) -> list[str]:
        """Keep something for the other processes of a run; return the name of each."""

    def desk(self, job: Job) -> Any:
        """A context in which there is a `Desk` for an account."""

    def bring_rolled_up(self) -> None:
        """Have what the run before has rolled up below `front`; see `rolled_up`."""

    def bring_records(self, audits: Iterable[str]) -> None:
        """Have what some audits keep as history below `front`."""

    def pages(self, audits: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """The names of the pages that the reports of some audits have."""

    def publish(self, run: str) -> str:
        """Let everybody see what is in `front`; return where the page is."""


def place_of(file: RunFile) -> Place:
    """Return the place of a run file's reports."""
    if isinstance(file.reports, Storage):
        from iamkit.fleet.stored_place import StoredPlace

        return StoredPlace(file.reports)
    return FolderPlace(file.reports)


class FolderPlace:
    """A folder of this machine, or one that several machines share."""

    def __init__(self, reports: Path) -> None:
        self.front = reports.absolute()
        self.name = str(self.front)
        self._lock = Lock(self.front / LOCK)

    def take(self) -> None:
        """Hold the folder. Raises `ReportError`, too, if a file of somebody's is in the way."""
        try:
            self.front.mkdir(mode=0o700, parents=True, exist_ok=True)
            overview.refuse(self.front)
            earlier.refuse(self.front / RESULTS)
            self._lock.take()
        except HeldError as error:
            said = f"{self.front} is being written by another run: {error}"
            raise WriteError(f"{said}; wait for its end") from error
        except OSError as error:
            raise WriteError(f"{self.front} cannot be written: {one_line(error)}") from error

    def release(self) -> None:
        """Let other runs have the folder."""
        self._lock.release()

    def check(self) -> None:
        """The operating system keeps the lock for as long as the process lives."""

    def journal(self, of: str, now: datetime, *, fresh: bool) -> Journal:
        """See `journal.opened`."""
        opened = journals.opened(self.front, of, now, fresh=fresh)
        if not opened.resumed:
            shutil.rmtree(self.front / WORK, ignore_errors=True)
        return opened

    def tidy(self) -> list[str]:
        """Clear up after runs that were killed."""
        for folder in self.front.iterdir():
            remove_left(folder, snapshots.PARTIAL)
        return retention.finish(self.front)

    def known(self) -> Mapping[str, str]:
        """The account that each entry led to in the last run."""
        return earlier.account_ids(self.front / RESULTS)

    def audits(self) -> dict[str, list[str]]:
        """The names of the audits of each account, the oldest first."""
        found: dict[str, list[str]] = {}
        for path in sorted(snapshots.under(self.front)):
            found.setdefault(path.parents[1].name, []).append(path.parent.name)
        return found

    def strange(self, audit: str) -> list[str]:
        """What an audit's folder holds that iamkit did not make."""
        return not_of_the_kit(self.front / audit)

    def delete(self, audits: Iterable[str]) -> None:
        """Delete audits, and what is left of them."""
        retention.delete(self.front / name for name in audits)

    def keep(self, run: str, contents: Iterable[bytes]) -> list[str]:
        """Keep something for the other processes of a run, below `WORK`."""
        names = []
        for content in contents:
            path = self.front / WORK / run / journals.name_of(content)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, content)
            names.append(path.name)
        return names

    @contextmanager
    def desk(self, job: Job) -> Iterator[Desk]:
        """The folder itself."""
        yield FolderDesk(self.front, job)

    def bring_rolled_up(self) -> None:
        """It is there."""

    def bring_records(self, audits: Iterable[str]) -> None:
        """They are there."""

    def pages(self, audits: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """The names of the pages that the reports of some audits have."""
        return {
            audit: frozenset(path.name for path in (self.front / audit).glob("*.html"))
            for audit in audits
        }

    def publish(self, run: str) -> str:
        """Everybody sees the folder; what the processes of the run told each other goes."""
        shutil.rmtree(self.front / WORK, ignore_errors=True)
        return str(self.front / overview.INDEX)


class FolderDesk:
    """The folder of all reports, in which an account is audited; see `Desk`."""

    def __init__(self, reports: Path, job: Job) -> None:
        self.folder, self.name = reports, str(reports)
        self._job, self._work = job, reports / WORK / job.run

    def taken(self) -> Path | None:
        """The snapshot whose manifest names this job."""
        account_id = self._job.entry.account
        audits = snapshots.audits(self.folder / account_id) if account_id else None
        found = (
            snapshots.under(self.folder)
            if audits is None
            else [audit / snapshots.FOLDER for audit in audits]
        )
        for path in found:
            with suppress(OSError, ValueError, AttributeError):
                if json.loads((path / snapshots.MANIFEST).read_bytes()).get("run") == (
                    self._job.mark
                ):
                    return path
        return None

    def prepare(self, account_id: str | None) -> None:
        """Refuse a folder that is not the one of the run."""
        if not (self.folder / journals.NAME).is_file():
            raise CollectError(
                f"{self.folder} of {socket.gethostname()} is not the folder of this run: let "
                "workers share it, or use object storage as `reports`, such as s3://bucket/prefix"
            )

    def taken_again(self, path: Path) -> Path:
        """Evidence is where it was written: had it been there, it would not have been."""
        return path

    def claim(self, account_id: str) -> str | None:
        """The file of an account holds the name of its entry, since it was created."""
        path, name = self._work / f"account-{account_id}", self._job.entry.name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{journals.name_of(name.encode())}.{os.getpid()}")
        beside.write_text(name, encoding="utf-8")
        try:
            os.link(beside, path)
        except FileExistsError:
            there = path.read_text(encoding="utf-8")
            return None if there == name else there
        finally:
            beside.unlink(missing_ok=True)
        return None

    def settings(self) -> Path:
        """The run file itself."""
        return self._job.file.path

    def answers(self) -> list[responses.Response]:
        """What the organization answers about the account."""
        return [
            responses.of_plain(json.loads((self._work / name).read_bytes()))
            for name in self._job.answers
        ]

    def hand_on(self, result: AccountResult) -> None:
        """The evidence is where it has to be."""

    def receive(self, result: AccountResult) -> None:
        """The evidence is where it has to be."""

    def publish(self, result: AccountResult) -> None:
        """The audit is where it has to be."""
