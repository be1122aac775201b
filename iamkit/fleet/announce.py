"""The command of somebody's that is told the results of a run."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from iamkit.errors import one_line

SECONDS: Final = 300
SHOWN: Final = 200  # characters of what it printed
_MOST: Final = 4096  # bytes of it that are kept


class _Head(threading.Thread):
    """Reads all that comes, so that nobody waits for it to be read, and keeps how it begins."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self.stream, self.kept = stream, b""
        self.start()

    def run(self) -> None:
        """Read to the end."""
        with self.stream:
            while part := os.read(self.stream.fileno(), 1 << 16):
                self.kept += part[: _MOST - len(self.kept)]

    def line(self) -> str:
        """The first line that says something; of a process that has ended."""
        self.join(1)  # one that it left behind can hold the stream for ever
        lines = self.kept.decode("utf-8", "replace").splitlines()
        return next((each.strip() for each in lines if each.strip()), "")[:SHOWN]


def announce(command: Sequence[str], folder: Path, said: bytes, seconds: float = SECONDS) -> str:
    """
    Run a command in a folder, with something on its standard input; return what went wrong, if so.

    It runs without a shell. What it starts ends with it if it takes longer than `seconds` or the
    run is interrupted; a process that it leaves behind is not waited for. However much it prints,
    only the beginning is kept.
    """
    try:
        with tempfile.TemporaryFile() as given:
            given.write(said)
            given.seek(0)
            process = subprocess.Popen(  # noqa: S603 - the user's own command
                command,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                start_new_session=True,
            )
    except OSError as error:
        return f"{command[0]} cannot be run: {one_line(error)}"
    printed = [_Head(each) for each in (process.stderr, process.stdout) if each]
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        return f"{command[0]} did not end within {seconds:g} s"
    except BaseException:
        _end(process)
        raise
    if code:
        lines = [line for each in printed if (line := each.line())]
        return f"{command[0]} ended with {code}: {[*lines, 'it printed nothing'][0]}"
    return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it started."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
