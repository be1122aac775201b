"""
Temporary folders of runs: short enough for sockets, and removed by the next run if need be.

Each is locked while its run lives. A run that is killed removes nothing, so the next run removes
the folders that are not locked.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from iamkit.errors import WriteError, one_line
from iamkit.report.lock import HeldError, Lock

PREFIX: Final = "iamkit-"
LOCK: Final = ".lock"
SOCKET_PATH: Final = 100  # bytes; Linux takes 107, macOS 103
SOCKET: Final = "/tmp12345678/k-1"  # noqa: S108 - as long as what the path of a socket adds to a folder's


class RunFolder:
    """A temporary folder, for its owner only, until `close`."""

    def __init__(self) -> None:
        _sweep()
        try:
            self.path, self._lock = _made()
        except OSError as error:
            where = error.filename or tempfile.gettempdir()
            said = f"{where}: no temporary folder can be made there: {one_line(error)}"
            raise WriteError(f"{said}; set TMPDIR to a folder with space") from error

    @property
    def fits_sockets(self) -> bool:
        """Whether a path below this folder is short enough for the address of a socket."""
        return len(os.fsencode(self.path) + os.fsencode(SOCKET)) < SOCKET_PATH

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()


def _made() -> tuple[Path, Lock]:
    """A new folder and its lock, taken."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_short())).resolve()
        lock = Lock(path / LOCK)
        try:
            lock.take()
        except (HeldError, FileNotFoundError):
            continue  # another run swept it away between the two steps
        return path, lock


def _short() -> str | None:
    """Where to make a folder: None for where the environment says, unless its path is too long."""
    given = os.path.realpath(tempfile.gettempdir())
    longest = os.fsencode(f"{given}/{PREFIX}12345678{SOCKET}")
    if len(longest) < SOCKET_PATH or os.name != "posix":
        return None
    return next((each for each in ("/tmp", "/var/tmp") if os.access(each, os.W_OK)), None)  # noqa: S108


def _places() -> Iterator[Path]:
    for place in {tempfile.gettempdir(), _short() or ""} - {""}:
        yield from Path(place).glob(f"{PREFIX}*")


def _sweep() -> None:
    """Remove the folders of runs that have ended; one without a lock is not known to be one."""
    for folder in _places():
        lock = Lock(folder / LOCK)
        with suppress(OSError, HeldError):
            if lock.path.is_file() and _is_ours(folder):
                lock.take()
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()


def _is_ours(folder: Path) -> bool:
    """Whether a folder, and no link to one, belongs to the user of this process."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and (os.name != "posix" or found.st_uid == os.getuid())
