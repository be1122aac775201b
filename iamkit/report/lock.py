"""
A file that one process at a time holds: who writes a report, which temporary folders are in use.

The operating system gives the lock up when its holder ends, however it ends, so what a dead run
held is free at once and nobody has to guess whether a process number is still the same process.
Guaranteed where the file system has locks: local disks, and NFS of the last twenty years. Where it
has none, taking one is an error.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from iamkit.evidence import snapshot as snapshots

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, 1 << 30, os.SEEK_SET)  # past the text, which others may read
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


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


def _myself() -> bytes:
    since = snapshots.format_time(datetime.now(UTC))
    return snapshots.canonical({"host": socket.gethostname(), "pid": os.getpid(), "since": since})


def _holder(handle: int) -> str:
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        held = json.loads(os.read(handle, 1000))
        return f"process {held['pid']} on {held['host']}, since {held['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
