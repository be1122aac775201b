"""The command that announces: whatever it does, the run goes on, and says what went wrong."""

import os
import select
import sys
from pathlib import Path

import pytest

from iamkit.fleet.announce import announce
from tests.processes import SECONDS


def told(program: str, folder: Path, said: bytes = b"{}", **options: float) -> str:
    return announce([sys.executable, "-c", program], folder, said, **options)


def test_it_is_run_in_the_folder_and_gets_what_is_said(tmp_path: Path) -> None:
    program = "import pathlib, sys; pathlib.Path('told').write_bytes(sys.stdin.buffer.read())"
    said = b"x" * 1_000_000
    assert told(program, tmp_path, said) == ""
    assert (tmp_path / "told").read_bytes() == said


def test_one_that_reads_nothing_is_all_right(tmp_path: Path) -> None:
    assert told("", tmp_path, b"x" * 1_000_000) == ""


def test_a_failure_is_said_in_one_line_of_what_it_printed(tmp_path: Path) -> None:
    program = "import sys; sys.exit('\\n  the mail server is down\\nTraceback')"
    assert told(program, tmp_path).endswith("ended with 1: the mail server is down")
    assert told("raise SystemExit(3)", tmp_path).endswith("ended with 3: it printed nothing")
    assert "cannot be run: No such file" in announce(["no-such-program"], tmp_path, b"")


def test_however_much_it_prints_only_the_beginning_is_kept(tmp_path: Path) -> None:
    program = "import sys; print('no\\n' * 30_000_000); sys.exit('x' * 10_000_000)"
    said = told(program, tmp_path)
    assert said.endswith("ended with 1: " + "x" * 200)


@pytest.mark.skipif(os.name != "posix", reason="groups of processes")
def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    for name in ("gate", "alive"):
        os.mkfifo(tmp_path / name)
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    child = "alive = open('alive', 'w'); open('gate').read()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    said = told(program, tmp_path, seconds=2)
    assert said.endswith("did not end within 2 s")
    # It closes when the last that holds it has ended, which the kill does not wait for.
    assert select.select([alive], [], [], SECONDS)[0]
    assert os.read(alive, 1) == b""
    os.close(alive)


@pytest.mark.skipif(os.name != "posix", reason="pipes with a name")
def test_what_it_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    child = "open('gate').read()"
    program = (
        "import subprocess, sys; "
        f"subprocess.Popen([sys.executable, '-c', {child!r}]); sys.exit('no')"
    )
    assert told(program, tmp_path).endswith("ended with 1: no")
    os.close(os.open(tmp_path / "gate", os.O_WRONLY))  # lets it end
