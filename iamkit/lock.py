"""
A file that one process at a time holds: who writes a report, which unfinished folders are in use.

The operating system gives the lock up when its holder ends, however it ends, so what a dead run
held is free at once and nobody has to guess whether a process number is still the same process.
Guaranteed where the file system has locks: local disks, and NFS of the last twenty years. Where it
has none, taking one is an error.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, 1 << 30, os.SEEK_SET)  # past the text, which others may read
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


NAME: Final = ".lock"  # of the lock in a folder that one run uses


class HeldError(Exception):
    """Raised when another process holds the lock; the message says which, and since when."""


class Lock:
    """A lock file, which is there while somebody holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def take(self) -> None:
        """Hold the lock from now on. Raises HeldError at once if somebody holds it, or OSError."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        while self._handle is None:
            handle = os.open(self.path, flags, 0o600)
            try:
                try:
                    _lock(handle)
                except (BlockingIOError, PermissionError) as error:
                    raise HeldError(_holder(handle)) from error
                if self._is_there(handle):  # else its holder removed it when it ended, just now
                    os.ftruncate(handle, 0)
                    os.lseek(handle, 0, os.SEEK_SET)
                    os.write(handle, _myself())
                    self._handle, handle = handle, -1
            finally:
                if handle >= 0:
                    os.close(handle)

    def release(self) -> None:
        """Let others have the lock; without effect if it is not held."""
        if self._handle is not None:
            with suppress(OSError):
                self.path.unlink()
            os.close(self._handle)
            self._handle = None

    def _is_there(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self.path.stat())
        except FileNotFoundError:
            return False


def new_folder(parent: str | Path | None, prefix: str) -> tuple[Path, Lock]:
    """
    Make a folder for this run alone, and return it with its lock, taken.

    A run that is killed removes nothing: `remove_left` does. Raises OSError if it cannot be made,
    or the file system has no locks.
    """
    while True:
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
        lock = Lock(path / NAME)
        try:
            lock.take()
        except (HeldError, FileNotFoundError):
            continue  # another run swept it away between the two steps
        except OSError:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return path, lock


def remove_left(parent: Path, prefix: str, *, empty: bool = False) -> None:
    """
    Remove the folders of `new_folder` whose runs have ended; one without a lock may be somebody's.

    `empty`: one that is empty goes too, where nobody else makes folders of that name. A run that
    was about to lock it makes another.
    """
    for folder in parent.glob(f"{prefix}*"):
        lock = Lock(folder / NAME)
        with suppress(OSError, HeldError):
            if not _is_ours(folder):
                continue
            if empty and not lock.path.exists():
                folder.rmdir()
            elif lock.path.is_file():
                lock.take()
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()


def _is_ours(folder: Path) -> bool:
    """Whether a folder, and no link to one, belongs to the user of this process."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and (os.name != "posix" or found.st_uid == os.getuid())


def _myself() -> bytes:
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": since}
    return json.dumps(holder, separators=(",", ":")).encode() + b"\n"


def _holder(handle: int) -> str:
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        held = json.loads(os.read(handle, 1000))
        return f"process {held['pid']} on {held['host']}, since {held['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
