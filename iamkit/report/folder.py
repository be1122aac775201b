"""
The folder of a report: one run at a time writes it, and it contains the old or the new report.

The folder usually also contains the snapshot, and possibly files of the user, so it cannot be
exchanged as a whole. Instead a report is made in a hidden folder inside it, and then switched in:

    .iamkit-report.lock     who writes here, and since when; there while somebody does
    .iamkit-report/making   the report that is being made; nobody needs it if the run dies
    .iamkit-report/ready    a report made, sealed and flushed to the disk, possibly half moved out

Renaming `making` to `ready` decides: a run that dies before it leaves the old report untouched, one
that dies after it leaves the new one, of which some files may still wait in `ready`. Files are then
renamed into their places one by one, the manifest last, and any step can be done again. What is
half-done is finished by the next `iamkit report`, `verify` or `rebuild` that sees the folder, so
each of them finds one report, whole. A reader who opens single pages while the files are being
renamed, or after a run was killed in these milliseconds and before the next command, may see pages
of both reports; the manifest tells them apart. This needs only renames within a folder, so it works
on every system; a power cut is survived where `fsync` reaches the disk.

A file is replaced or removed only if it is one of an earlier report's, unchanged. Anything else in
the way is an error, before any work is done.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from iamkit.errors import ReportError, WriteError, one_line
from iamkit.evidence import snapshot as snapshots
from iamkit.lock import HeldError, Lock
from iamkit.report import manifest
from iamkit.report.manifest import MANIFEST, sha256, sha256_of

HIDDEN: Final = ".iamkit-report"
_OF_AUDITS: Final = (
    snapshots.FOLDER,
    "history",
    "confirm.json",
    MANIFEST,
)  # what an audit's folder has besides its pages


class ReportFolder:
    """
    The folder of a report while a run writes it: between `with` and its end nobody else does.

    Raises `WriteError` on entry if another run writes there, or if nobody can.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, str] = {}  # hash of each file written, by name
        self._lock = Lock(path / f"{HIDDEN}.lock")
        self._making = path / HIDDEN / "making"
        self._ready = path / HIDDEN / "ready"
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        try:
            self._make_folders()
            self._lock.take()
        except HeldError as error:
            said = f"{self.path} is being written by {error}; wait for its end"
            raise WriteError(f"{said}, or give another folder with --out") from error
        except OSError as error:
            self._remove_folders()
            raise self._unwritable(error) from error
        try:
            self._finish()
            self._clear()
            self._making.mkdir(mode=0o700, parents=True)
        except OSError as error:
            self._leave()
            raise self._unwritable(error) from error
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def refuse(self, names: Iterable[str], besides: Mapping[str, str] | None = None) -> None:
        """
        Raise `ReportError` if one of these names is taken by what is of no earlier report.

        `besides` has the hashes of files that may be there, too.
        """
        old = manifest.files_of(self.path)
        names = list(names)
        there = [name for name in (*names, MANIFEST) if os.path.lexists(self.path / name)]
        known = {name: {old.get(name), (besides or {}).get(name)} - {None} for name in names}
        if old:
            known[MANIFEST] = {sha256_of(self.path / MANIFEST)} - {None}
        strange = [name for name in there if sha256_of(self.path / name) not in known.get(name, ())]
        if strange:
            changed = [f"{name} (changed since iamkit made it)" for name in strange if name in old]
            others = [f"{name} (not made by iamkit)" for name in strange if name not in old]
            raise ReportError(
                f"{self.path} holds what a report would replace: {', '.join(changed + others)}. "
                "Move it away, or give another folder with --out"
            )

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the new report, readable by its owner only."""
        path = self._making / name
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            said = f"{self.path / name} cannot be written: {one_line(error)}"
            raise WriteError(f"{said}; what was there before is unchanged") from error
        self.files[name] = sha256(content)

    def publish(self, sealed: bytes) -> None:
        """Seal the new report with its manifest, and put it in the place of the old one."""
        self.write(MANIFEST, sealed)
        try:
            _sync(self._making)
            self._making.rename(self._ready)
            _sync(self._ready.parent)
            try:
                self._finish()
            except KeyboardInterrupt:
                self._finish()
                raise
        except OSError as error:
            raise self._unwritable(error) from error

    def _finish(self) -> None:
        """Move a report that is ready to its place, or what is left of it there."""
        if not (self._ready / MANIFEST).exists():
            return
        new, old = manifest.read(self._ready)["files"], manifest.files_of(self.path)
        self.refuse(new, besides=new)
        for name in new:
            with suppress(FileNotFoundError):  # moved before an earlier run was cut short
                (self._ready / name).replace(self.path / name)
        for name in old.keys() - new.keys():
            if sha256_of(self.path / name) == old[name]:
                (self.path / name).unlink()
        (self._ready / MANIFEST).replace(self.path / MANIFEST)
        _sync(self.path)

    def _make_folders(self) -> None:
        """Make the folder and those above it, for their owner only."""
        for folder in (*reversed(self.path.parents), self.path):
            if not folder.exists():
                folder.mkdir(mode=0o700)
                self._made.append(folder)

    def _remove_folders(self) -> None:
        for folder in reversed(self._made):
            with suppress(OSError):  # not empty
                folder.rmdir()

    def _clear(self) -> None:
        """Remove what is hidden here, unless it is a report that is not all in its place."""
        if not (self._ready / MANIFEST).exists():
            shutil.rmtree(self._making.parent, ignore_errors=True)

    def _leave(self) -> None:
        self._clear()
        self._lock.release()
        self._remove_folders()

    def _unwritable(self, error: OSError) -> WriteError:
        return WriteError(f"pages cannot be written to {self.path}: {one_line(error)}")


def not_of_the_kit(audit: Path) -> list[str]:
    """Return the names of what lies in an audit's folder and was not made by iamkit, or changed."""
    own = {*_OF_AUDITS, HIDDEN, f"{HIDDEN}.lock"}
    made = manifest.files_of(audit)
    return sorted(
        each.name
        for each in audit.iterdir()
        if each.name not in own and (each.name not in made or sha256_of(each) != made[each.name])
    )


def settle(folder: Path) -> None:
    """
    Finish what a killed run left half-done in a folder; most have nothing of the kind.

    Raises `WriteError` if that cannot be done, because the folder then mixes two reports.
    """
    if _is_there(folder / HIDDEN / "ready" / MANIFEST):
        with ReportFolder(folder):
            pass


def is_report(folder: Path) -> bool:
    """Whether a folder contains a report, possibly not yet completely in its place."""
    return any(map(_is_there, (folder / MANIFEST, folder / HIDDEN / "ready" / MANIFEST)))


def _is_there(path: Path) -> bool:
    """Whether a file is there; a path that can be none's is not."""
    return os.path.exists(path)  # noqa: PTH110 - which raises for a name that is too long


def _sync(folder: Path) -> None:
    """Flush a folder's entries, where the system can, so that renames survive a power cut."""
    with suppress(PermissionError):  # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
