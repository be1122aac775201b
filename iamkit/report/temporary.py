"""Temporary folders of runs: short enough for sockets, and removed by the next run if need be."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from iamkit.errors import WriteError, one_line
from iamkit.lock import new_folder, remove_left

PREFIX: Final = "iamkit-"
SOCKET_PATH: Final = 100  # bytes; Linux takes 107, macOS 103
SOCKET: Final = "/tmp12345678/k-1"  # noqa: S108 - as long as what the path of a socket adds to a folder's


class RunFolder:
    """A temporary folder, for its owner only, until `close`."""

    def __init__(self) -> None:
        for place in _places():
            remove_left(Path(place), PREFIX)
        try:
            self.path, self._lock = new_folder(_short(), PREFIX)
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


def _short() -> str | None:
    """Where to make a folder: None for where the environment says, unless its path is too long."""
    given = os.path.realpath(tempfile.gettempdir())
    longest = os.fsencode(f"{given}/{PREFIX}12345678{SOCKET}")
    if len(longest) < SOCKET_PATH or os.name != "posix":
        return None
    return next((each for each in ("/tmp", "/var/tmp") if os.access(each, os.W_OK)), None)  # noqa: S108


def _places() -> set[str]:
    return {tempfile.gettempdir(), _short() or ""} - {""}
