"""
Programs that tests start: each ends with its test, however that ends, and no wait is endless.

A machine may be as busy as it likes, so `SECONDS` is generous: it is for what will never come, and
the failure says what that was.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

import pytest

SECONDS = 600

# Runs a program in a process group of its own, until that program ends or standard input closes,
# which it also does when whoever started this was killed.
GUARD = """
import os, signal, subprocess, sys, threading

program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

def end():
    sys.stdin.buffer.read()
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(program.pid, number)
            program.wait(3)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue

threading.Thread(target=end, daemon=True).start()
sys.exit(program.wait())
"""


class Program:
    """
    A program that runs until the `with` block is left, and never longer than this process.

    What it writes on standard error goes to a file: a pipe that nobody reads would stop it.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        self._name = " ".join(command[:3])
        self._written = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", GUARD, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._written,
            env=env,
            start_new_session=True,  # so that it survives what ends the tests' process group
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the program."""
        self._process.stdin.close()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            pytest.fail(f"{self._name} did not end within {SECONDS} s of being told to")
        finally:
            self._written.close()

    def says(self, pattern: str) -> str:
        """The first group of the pattern once the program has written it on standard error."""
        deadline = time.monotonic() + SECONDS
        while True:
            ended = self._process.poll() is not None
            self._written.seek(0)
            written = self._written.read().decode("utf-8", "replace")
            if found := re.search(pattern, written):
                return found[1]
            last = "".join(written.splitlines(keepends=True)[-5:])
            if ended:
                pytest.fail(f"{self._name} ended without writing {pattern!r}: {last}")
            if time.monotonic() > deadline:
                pytest.fail(f"{self._name} did not write {pattern!r} in {SECONDS} s: {last}")
            self._process_pause()

    def _process_pause(self) -> None:
        try:
            self._process.wait(0.02)
        except subprocess.TimeoutExpired:
            return


def run(command: Sequence[Any], **options: Any) -> "subprocess.CompletedProcess[Any]":
    """`subprocess.run` with the guard against a program that never ends."""
    return subprocess.run([str(part) for part in command], timeout=SECONDS, **options)
