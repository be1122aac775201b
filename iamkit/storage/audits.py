"""
Audits as objects: committed at once, downloaded as folders, removed as a whole.

A place is an audit, `<account>/<audit>`, or what a run leaves, `runs/<run>`. Its commit names each
file with its hash. Evidence is never replaced: a further commit has the same snapshot.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Final

from iamkit.arns import is_account
from iamkit.errors import SnapshotError, WriteError, one_line
from iamkit.evidence import snapshot as snapshots
from iamkit.storage.objects import Objects, each

COMMITS: Final = "commits"
FILES: Final = "files"
RUNS: Final = "runs"
FORMAT: Final = 1
LEFT: Final = timedelta(hours=48)  # after which a file of no commit is of no run that goes on
_EVIDENCE: Final = f"{snapshots.FOLDER}/"

Files = Mapping[str, Mapping[str, Any]]  # sha256 and size by path in the folder of an audit


class CommittedError(Exception):
    """
    Raised when other evidence of an account and a time is committed already.

    `differing` are the files of it that would have been other ones.
    """

    def __init__(self, place: str, differing: tuple[str, ...]) -> None:
        super().__init__(f"{place} holds other evidence of the same time")
        self.place, self.differing = place, differing


@dataclass(frozen=True)
class Commit:
    """Which files a place has, since a run committed them."""

    place: str
    number: int
    run: str
    files: Files

    @property
    def evidence(self) -> Files:
        """The files of the snapshot."""
        return {name: of for name, of in self.files.items() if name.startswith(_EVIDENCE)}


class StoredAudits:
    """
    The audits of a storage, and a local folder for those that are downloaded.

    Methods raise `SnapshotError` for what cannot be read or is not as it was committed, and
    `WriteError` for what cannot be written.
    """

    def __init__(self, objects: Objects, folder: Path) -> None:
        self.objects, self.folder = objects, folder

    # What there is

    def places(self, below: str = "") -> dict[str, int]:
        """The number of the commit that holds, by place; of one account, or `runs`, if named."""
        found: dict[str, int] = {}
        for each_one in self.objects.listed(f"{COMMITS}/{below}".rstrip("/")):
            parts = PurePosixPath(each_one.name).parts
            if len(parts) == 4 and (number := _number(parts[3])):
                place = "/".join(parts[1:3])
                found[place] = max(number, found.get(place, 0))
        return found

    def audits(self, account_id: str = "") -> dict[str, int]:
        """Those of `places` that are audits, of one account if it is named."""
        found = self.places(account_id)
        return {place: at for place, at in found.items() if is_account(place.split("/")[0])}

    def commit(self, place: str, number: int) -> Commit | None:
        """A commit; None if it is not there, or not there any more."""
        name = _commit_name(place, number)
        content = self.objects.get(name)
        if content is None:
            return None
        try:
            said = json.loads(content)
            unsealed = {key: value for key, value in said.items() if key != "seal"}
            newer = isinstance(said["format"], int) and said["format"] > FORMAT
            if not newer and (content != snapshots.sealed(unsealed) or not _are_files(said)):
                raise ValueError("its seal is another")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SnapshotError(
                f"{self.objects.address}/{name} is not as it was written: {error}; restore an "
                "earlier version of it, or remove it to collect this audit again"
            ) from error
        if newer:
            said = f"{self.objects.address}/{name} has format {said['format']}"
            raise SnapshotError(f"{said} and this iamkit reads up to {FORMAT}: update iamkit")
        return Commit(place, number, said["run"], said["files"])

    def newest(self, place: str) -> Commit | None:
        """The commit of a place that holds; None if there is none."""
        return self.commit(place, number) if (number := self.places(place).get(place)) else None

    # Reading

    def pull(self, commit: Commit, wanted: Callable[[str], bool] = lambda name: True) -> None:
        """Download the files of a commit that are wanted, where the folder does not have them."""
        chosen = {name: of for name, of in commit.files.items() if wanted(name)}
        self.pull_files(commit.place, chosen)

    def pull_files(self, place: str, files: Files) -> None:
        """Download files of a place, where the folder does not have them."""
        self._pull_all((place, name, of["sha256"]) for name, of in sorted(files.items()))

    def pull_each(
        self, places: Mapping[str, int], wanted: Callable[[str], bool] = lambda name: True
    ) -> dict[str, Commit]:
        """Download what is wanted of several places, side by side; return their commits."""
        found = each(lambda place: self.commit(place, places[place]), places)
        commits = {one.place: one for one in found if one}
        self._pull_all(
            (place, name, of["sha256"])
            for place, one in commits.items()
            for name, of in sorted(one.files.items())
            if wanted(name)
        )
        return commits

    def _pull_all(self, files: Iterable[tuple[str, str, str]]) -> None:
        """Download files, by place, name and hash, where the folder does not have them."""
        lacking = [one for one in files if _sha256(self.folder / one[0] / one[1]) != one[2]]
        for _ in each(lambda one: self._pull(*one), lacking):
            pass

    def _pull(self, place: str, name: str, sha256: str) -> None:
        stored = _file_name(place, name, sha256)
        content = self.objects.get(stored)
        if content is None or hashlib.sha256(content).hexdigest() != sha256:
            wrong = "is missing" if content is None else "has been changed"
            raise SnapshotError(
                f"{self.objects.address}/{stored} {wrong} since it was written; restore it from "
                "an earlier version of the object, or collect the evidence again"
            )
        _write(self.folder / place / name, content)

    # Writing

    def upload(self, place: str, paths: Iterable[Path], known: Files = {}) -> dict[str, Any]:  # noqa: B006
        """Write files of a place's folder that are not `known`; return `Files` of all of them."""
        root = self.folder / place

        def put(path: Path) -> tuple[str, dict[str, Any]]:
            content = path.read_bytes()
            name, sha256 = path.relative_to(root).as_posix(), hashlib.sha256(content).hexdigest()
            if known.get(name, {}).get("sha256") != sha256:
                stored = _file_name(place, name, sha256)
                if self.objects.create(stored, content) != content:
                    raise WriteError(
                        f"{self.objects.address}/{stored} holds something else than its name says; "
                        "remove it, and run again"
                    )
            return name, {"sha256": sha256, "size": len(content)}

        return dict(each(put, sorted(paths)))

    def publish(self, place: str, run: str, *, whole: bool = True) -> Commit:
        """
        Commit a folder: every file first, then the commit, which is read back.

        Nothing is written if the newest commit has the same files. `run` says whose commit it is.
        Unless it is `whole`, files that the folder lacks stay as they are committed. Raises
        `CommittedError` if the newest commit has other evidence.
        """
        paths = [path for path in (self.folder / place).rglob("*") if _is_to_be_stored(path)]
        while True:
            last = self.newest(place)
            files = self.upload(place, paths, last.files if last else {})
            if last and not whole:
                files = {**last.files, **files}
            if last and last.files == files:
                return last
            if last and (differing := _differing(last.evidence, Commit("", 0, "", files).evidence)):
                raise CommittedError(place, differing)
            made = Commit(place, last.number + 1 if last else 1, run, files)
            said = {"format": FORMAT, "run": run, "files": files}
            content = snapshots.sealed(said)
            if self.objects.create(_commit_name(place, made.number), content) == content:
                return made

    # Deleting

    def remove(self, places: Iterable[str]) -> None:
        """Delete places: their commits first, so that nobody ever finds half of one."""
        for place in places:
            for folder in (COMMITS, FILES):
                found = self.objects.listed(f"{folder}/{place}")
                self.objects.delete(one.name for one in reversed(found))

    def sweep(self, account_id: str, now: datetime) -> None:
        """Delete files of an account that no commit names and no run can need any more."""
        named = set()
        for place, last in self.places(account_id).items():
            for number in range(1, last + 1):
                if found := self.commit(place, number):
                    named |= {_file_name(place, name, of["sha256"])
                              for name, of in found.files.items()}  # fmt: skip
        self.objects.delete(
            one.name
            for one in self.objects.listed(f"{FILES}/{account_id}")
            if one.name not in named and now.astimezone(UTC) - one.changed > LEFT
        )


def _number(name: str) -> int:
    """The number of a commit, by its name; 0 for what is none."""
    stem = name.removesuffix(".json")
    return int(stem) if stem.isdecimal() and stem.isascii() and len(stem) >= 4 else 0


def _commit_name(place: str, number: int) -> str:
    return f"{COMMITS}/{place}/{number:04}.json"


def _file_name(place: str, name: str, sha256: str) -> str:
    return f"{FILES}/{place}/{sha256}/{PurePosixPath(name).name}"


def _are_files(said: Mapping[str, Any]) -> bool:
    """Whether what a commit names are files below its folder, each with a hash."""
    return isinstance(said["run"], str) and all(
        ".." not in PurePosixPath(name).parts
        and not PurePosixPath(name).is_absolute()
        and len(str(of["sha256"])) == 64
        for name, of in said["files"].items()
    )


def _is_to_be_stored(path: Path) -> bool:
    """Whether a file is part of an audit, and not of the making of one."""
    return path.is_file() and not path.is_symlink() and not path.name.startswith(".")


def _differing(one: Files, other: Files) -> tuple[str, ...]:
    names = {*one, *other}
    return tuple(sorted(name for name in names if one.get(name) != other.get(name)))


def _sha256(path: Path) -> str | None:
    with suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return None


def _write(path: Path, content: bytes) -> None:
    """Write a file that its owner alone reads, whole, whoever else writes the same one."""
    try:
        for folder in reversed([path.parent, *path.parent.parents]):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {one_line(error)}") from error
