"""
A run whose reports are in object storage.

An account is audited in a temporary folder, to which its earlier audits are downloaded, and which
is gone afterwards. What a run has done is below `runs/<run>/` in the storage, so that any machine
can go on with it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from iamkit.errors import CollectError, SnapshotError, SnapshotExistsError
from iamkit.evidence import responses
from iamkit.evidence import snapshot as snapshots
from iamkit.fleet import earlier, overview
from iamkit.fleet import journal as journals
from iamkit.fleet.account_audit import Desk, Job
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.journal import Journal
from iamkit.fleet.rolled_up import FILES
from iamkit.lock import Lock, new_folder, remove_left
from iamkit.results import HISTORY
from iamkit.storage import Commit, CommittedError, Lease, Objects, Storage, StoredAudits, opened

RESULTS: Final = "results.json"
RUNS: Final = "runs"
PREFIX: Final = "iamkit-run-"
BEGUN: Final = "begun.json"
_FRONT: Final = (*overview.WRITTEN, RESULTS, HISTORY)
_OF_READING: Final = (f"{snapshots.FOLDER}/", f"{HISTORY}/", "report-manifest.json")


def _folder() -> tuple[Path, Lock]:
    """A temporary folder; those of runs that were killed are removed."""
    path, lock = new_folder(None, PREFIX)
    remove_left(path.parent, PREFIX)
    return path, lock


class StoredPlace:
    """A storage as the place of reports; see `places.Place`."""

    def __init__(self, storage: Storage) -> None:
        self.objects = opened(storage)
        self.name = storage.address
        self._lease = Lease(self.objects)
        self._lock: Lock | None = None
        self.front = Path()
        self._commits: dict[str, Commit] = {}

    def take(self) -> None:
        """Hold the storage."""
        self._lease.take()
        self.front, self._lock = _folder()
        self._stored = StoredAudits(self.objects, self.front)

    def release(self) -> None:
        """Let other runs have the storage; leave nothing here."""
        self._lease.release()
        if self._lock:
            shutil.rmtree(self.front, ignore_errors=True)
            self._lock.release()
            self._lock = None

    def check(self) -> None:
        """Raise `WriteError` if the lock has ended by itself."""
        self._lease.check()

    def journal(self, of: str, now: datetime, *, fresh: bool) -> Journal:
        """The journal of the run that was cut off, if it is to be gone on with, else a new one."""
        ended = self._stored.places(RUNS)
        found = None
        for run in self.objects.folders(RUNS):
            if f"{RUNS}/{run}" not in ended and not fresh:
                found = _continued(self.objects, run, of, now) or found
        for run in self.objects.folders(RUNS):
            if not found or run != found.run:
                _forget(self.objects, run)
        return found or _begun(self.objects, now.strftime(journals.FORM), of)

    def tidy(self) -> list[str]:
        """Deletion begins with the commits, so that there is no half an audit to finish."""
        return []

    def known(self) -> Mapping[str, str]:
        """The account that each entry led to in the last run."""
        if runs := self._stored.places(RUNS):
            place = max(runs)
            if commit := self._stored.commit(place, runs[place]):
                self._stored.pull(commit, lambda name: name == RESULTS)
                return earlier.account_ids(self.front / place / RESULTS)
        return {}

    def audits(self) -> dict[str, list[str]]:
        """The names of the audits of each account, the oldest first."""
        found: dict[str, list[str]] = {}
        for place in sorted(self._stored.audits()):
            account_id, audit = place.split("/")
            found.setdefault(account_id, []).append(audit)
        return found

    def strange(self, audit: str) -> list[str]:
        """Only what iamkit made is ever stored."""
        return []

    def delete(self, audits: Iterable[str]) -> None:
        """Delete audits."""
        self._stored.remove(audits)

    def keep(self, run: str, contents: Iterable[bytes]) -> list[str]:
        """Keep something for the other processes of a run."""
        names = []
        for content in contents:
            names.append(journals.name_of(content))
            self.objects.create(f"{RUNS}/{run}/{names[-1]}", content)
        return names

    @contextmanager
    def desk(self, job: Job) -> Iterator[Desk]:
        """A temporary folder."""
        folder, lock = _folder()
        try:
            yield StoredDesk(StoredAudits(self.objects, folder), job)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()

    def bring_rolled_up(self) -> None:
        """Download what the last run has rolled up."""
        runs = self._stored.places(RUNS)
        if not runs:
            return
        place = max(runs)
        self._stored.pull_each({place: runs[place]}, lambda name: name in FILES)
        left = self.front / place / HISTORY
        if left.is_dir():
            left.rename(self.front / HISTORY)

    def bring_records(self, audits: Iterable[str]) -> None:
        """Download what some audits keep as history, as far as the page takes it."""
        there = self._stored.audits()
        places = {audit: there[audit] for audit in audits if audit in there}
        self._commits |= self._stored.pull_each(places, lambda name: name in FILES)

    def pages(self, audits: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """The names of the pages that the reports of some audits have."""
        there, wanted = self._stored.audits(), [*audits]
        more = {each: there[each] for each in wanted if each in there.keys() - self._commits.keys()}
        self._commits |= self._stored.pull_each(more, lambda name: False)
        return {
            audit: frozenset(name for name in commit.files if name.endswith(".html"))
            for audit, commit in self._commits.items()
            if audit in wanted
        }

    def publish(self, run: str) -> str:
        """Commit the page over all accounts, with which the run ends."""
        place = f"{RUNS}/{run}"
        folder = self.front / place
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FRONT:
            (self.front / name).rename(folder / name)
        commit = self._stored.publish(place, run)
        sha256 = commit.files[overview.INDEX]["sha256"]
        return f"{self.name}/files/{place}/{sha256}/{overview.INDEX}"


class StoredDesk:
    """A temporary folder, and what of a storage has to be there; see `Desk`."""

    def __init__(self, stored: StoredAudits, job: Job) -> None:
        self.folder, self.name = stored.folder, stored.objects.address
        self._stored, self._objects, self._job = stored, stored.objects, job
        self._work = f"{RUNS}/{job.run}"
        self._handed = f"{self._work}/evidence-{journals.name_of(job.entry.name.encode())}"

    def taken(self) -> Path | None:
        """The snapshot that this job has handed on before."""
        return self._received()

    def prepare(self, account_id: str | None) -> None:
        """Download the newest evidence of the account, which AWS may give again."""
        if account_id:
            places = self._stored.audits(account_id)
            if places:
                self._pull(max(places), places[max(places)], (f"{snapshots.FOLDER}/",))

    def taken_again(self, path: Path) -> Path:
        """The evidence, unless the storage has some of the same time, which is brought here."""
        place = path.parent.relative_to(self.folder).as_posix()
        commit = self._stored.newest(place)
        if commit is None:
            return path
        there = snapshots.read(path).manifest["files"]
        shutil.rmtree(path.parent)
        self._pull(place, commit.number, (f"{snapshots.FOLDER}/",))
        known = snapshots.read(path).manifest["files"]
        names = sorted({*there, *known})
        differing = tuple(name for name in names if there.get(name) != known.get(name))
        raise SnapshotExistsError(path, f"{self.name}/{place} exists already", differing)

    def claim(self, account_id: str) -> str | None:
        """The object of an account holds the name of its entry, since it was created."""
        name = self._job.entry.name.encode()
        there = self._objects.create(f"{self._work}/account-{account_id}", name)
        return None if there == name else there.decode("utf-8", "replace")

    def settings(self) -> Path:
        """The run file, here or as it was kept for other machines."""
        path = self._job.file.path
        kept = {name: self._kept(stored) for name, stored in self._job.settings}
        if all(_is_same(path.parent / name, content) for name, content in kept.items()):
            return path
        folder = self.folder / "settings"
        for name, content in kept.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder / path.name

    def answers(self) -> list[responses.Response]:
        """What the organization answers about the account."""
        return [responses.of_plain(json.loads(self._kept(name))) for name in self._job.answers]

    def hand_on(self, result: AccountResult) -> None:
        """Upload the evidence, and note under the job's name which it is."""
        if self._objects.get(self._handed) is not None:
            return
        folder = self.folder / str(result.audit) / snapshots.FOLDER
        files = self._stored.upload(str(result.audit), folder.iterdir())
        said = {"place": result.audit, "files": files}
        self._objects.create(self._handed, json.dumps(said, sort_keys=True).encode())

    def receive(self, result: AccountResult) -> None:
        """Download the evidence that was handed on, and the audits of the account so far."""
        account_id = str(result.account_id)
        for place, number in self._stored.audits(account_id).items():
            self._pull(place, number, ("",) if place == result.audit else _OF_READING)
        if self._received() is None:
            raise CollectError(f"the evidence of {account_id} is not in the storage; run again")

    def publish(self, result: AccountResult) -> None:
        """Commit the audit, and records of earlier ones that were made again."""
        audits = snapshots.audits(self.folder / str(result.account_id))
        for audit in audits:
            place = audit.relative_to(self.folder).as_posix()
            try:
                self._stored.publish(place, self._job.mark, whole=place == result.audit)
            except CommittedError as error:
                raise CollectError(
                    f"{self._objects.address}/{place} was committed with other evidence "
                    "meanwhile; run again, which uses that"
                ) from error
        self._stored.sweep(str(result.account_id), datetime.now(UTC))

    def _pull(self, place: str, number: int, begins: tuple[str, ...]) -> None:
        if commit := self._stored.commit(place, number):
            self._stored.pull(commit, lambda name: name.startswith(begins))

    def _received(self) -> Path | None:
        """Have the evidence here that was handed on; None if none was."""
        content = self._objects.get(self._handed)
        if content is None:
            return None
        said = json.loads(content)
        self._stored.pull_files(said["place"], said["files"])
        return self.folder / str(said["place"]) / snapshots.FOLDER

    def _kept(self, name: str) -> bytes:
        content = self._objects.get(f"{self._work}/{name}")
        if content is None:
            raise SnapshotError(
                f"{self._objects.address}/{self._work}/{name} is missing: another run has begun"
            )
        return content


@dataclass
class StoredJournal(Journal):
    """What a run has done, an object for each thing."""

    objects: Objects | None = None

    def note(self, account: str, result: dict[str, Any]) -> None:
        """Note that an account is done."""
        said = {"name": account, "result": result}
        self.results[account] = self._created("done", account, said)["result"]

    def note_deleting(self, audits: list[str]) -> None:
        """Note which audits are too old, before the first is deleted."""
        self.deleting = [*dict.fromkeys([*self.deleting, *audits])]
        self._created("deleting", json.dumps(audits), {"audits": audits})

    def note_announced(self) -> None:
        """Note that the results have been announced."""
        self.announced = True
        self._created("announced", "", {})

    def end(self) -> None:
        """Delete what is only there to go on with."""
        if self.objects:
            _forget(self.objects, self.run)

    def _created(self, what: str, of: str, said: dict[str, Any]) -> dict[str, Any]:
        name = f"{RUNS}/{self.run}/{what}-{journals.name_of(of.encode())}"
        content = json.dumps(said).encode()
        assert self.objects is not None  # noqa: S101 - made with them
        there: dict[str, Any] = json.loads(self.objects.create(name, content))
        return there


def _is_same(path: Path, content: bytes) -> bool:
    with suppress(OSError):
        return path.read_bytes() == content
    return False


def _begun(objects: Objects, run: str, of: str) -> StoredJournal:
    objects.create(f"{RUNS}/{run}/{BEGUN}", json.dumps({"of": of}).encode())
    return StoredJournal(Path(), run, of, objects=objects)


def _continued(objects: Objects, run: str, of: str, now: datetime) -> StoredJournal | None:
    """The journal of a run that was cut off, if it is to be gone on with."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        begun = objects.get(f"{RUNS}/{run}/{BEGUN}")
        if begun is None or json.loads(begun)["of"] != of or not journals.is_recent(run, now):
            return None
        found = StoredJournal(Path(), run, of, resumed=True, objects=objects)
        for one in objects.listed(f"{RUNS}/{run}"):
            what = one.name.rpartition("/")[2].partition("-")[0]
            if what in ("done", "deleting", "announced"):
                said = json.loads(objects.get(one.name) or b"{}")
                if what == "done":
                    found.results[said["name"]] = said["result"]
                elif what == "deleting":
                    found.deleting = [*dict.fromkeys([*found.deleting, *said["audits"]])]
                else:
                    found.announced = True
        return found
    return None


def _forget(objects: Objects, run: str) -> None:
    objects.delete(one.name for one in objects.listed(f"{RUNS}/{run}"))
