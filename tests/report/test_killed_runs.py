"""Runs of the real command that end too early, or meet: the report is old or new, and whole."""

import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from iamkit.cli import main
from iamkit.evidence import snapshot
from iamkit.report import manifest
from tests.examples import thorough
from tests.processes import SECONDS, run
from tests.report.audits import Audit
from tests.report.test_kernels import WAITS, Pipe, ended

KILLS = 50 if thorough() else 1
SIGNALS = ["SIGTERM", "SIGKILL", *(["SIGINT", "SIGHUP"] if thorough() else [])]
DEEDS = 115  # about as many things are done to files
DEMO_DEEDS = 23
pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for processes")

# Runs a command, counts what it does to files below a folder, and kills itself before the n-th.
# Whatever starts the tests in the background may have them ignore interrupts.
COUNTS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from iamkit.cli import main

where, number, done = sys.argv[1], int(sys.argv[2]), 0
deeds = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink")

def count(event, arguments):
    global done
    if event in deeds and any(str(each).startswith(where) for each in arguments):
        done += 1
        if done == number:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
try:
    main(sys.argv[3:])
finally:
    print(done)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """A report whose pages all show the same parameter, by which old and new are told apart."""
    audit = Audit(tmp_path_factory.mktemp("made"))
    for name in ("00-a", "01-b"):
        audit.notebook(name, "print('made with', account)")
    audit.render(parameters={"account": "old"})
    return audit


@pytest.fixture
def audit(made: Audit, tmp_path: Path) -> Audit:
    """A copy of that report, and a folder for what is there for a while."""
    (tmp_path / "temporary").mkdir()
    audit = Audit(tmp_path)
    for of, to in ((made.out, audit.out), (made.notebooks, audit.notebooks)):
        shutil.copytree(of, to, dirs_exist_ok=True)
    return audit


def command(audit: Audit, name: str = "report", account: str = "new") -> list[str]:
    options = ["--notebooks", str(audit.notebooks)]
    if name == "rebuild":
        return [name, str(audit.out), *options]
    return [name, str(audit.snapshot), *options, "-p", "account", account]


def environment(audit: Audit) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(audit.out.parent / "temporary")}


def counted(audit: Audit, number: int, name: str) -> "subprocess.CompletedProcess[str]":
    given = [str(audit.out.parent), str(number), *command(audit, name)]
    return run(
        [sys.executable, "-c", COUNTS, *given],
        env=environment(audit), capture_output=True, text=True,
    )  # fmt: skip


def shown(audit: Audit) -> str:
    """What all pages are made with, after `iamkit verify` has found the report whole."""
    verified = CliRunner().invoke(main, ["verify", str(audit.out)])
    assert verified.exit_code == 0, verified.output
    (made_with,) = {audit.outputs(name) for name in ("00-a", "01-b")}
    assert made_with == f"made with {manifest.read(audit.out)['parameters']['account']}\n"
    return made_with.split()[-1]


def left(audit: Audit) -> set[str]:
    """What is there besides the report and its evidence, in its folder and for a while."""
    known = {*manifest.read(audit.out)["files"], manifest.MANIFEST, "snapshot", "history"}
    for_a_while = (audit.out.parent / "temporary").iterdir()
    there = (*audit.out.iterdir(), *for_a_while)
    return {path.name for path in there if not _python_s_own(path)} - known


def _python_s_own(path: Path) -> bool:
    """Whether it is the file by which `tempfile` sees if it may write, killed before it went."""
    return (
        bool(re.fullmatch("[a-z0-9_]{8}", path.name))
        and path.is_file()
        and path.read_bytes() in (b"", b"blat")
    )


@pytest.mark.parametrize("name", ["report", "rebuild"])
def test_a_run_that_is_killed_at_any_moment_leaves_a_whole_report(audit: Audit, name: str):
    chance = random.Random(f"{name} 20261101")
    for _ in range(KILLS):
        killed = counted(audit, chance.randint(1, DEEDS), name)
        assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr
        assert shown(audit) in ({"old", "new"} if name == "report" else {"old"})
    if name == "rebuild":
        return
    again = run([sys.executable, "-m", "iamkit", *command(audit)], env=environment(audit))
    assert again.returncode == 0
    assert shown(audit) == "new"
    assert left(audit) == set()


def test_a_demo_that_is_killed_at_any_moment_leaves_whole_evidence_or_none(tmp_path: Path):
    chance = random.Random("demo 20261101")
    for number in range(KILLS):
        out = tmp_path / str(number)
        given = [str(out), str(chance.randint(1, DEMO_DEEDS)), "demo", "--out", str(out)]
        killed = run([sys.executable, "-c", COUNTS, *given], capture_output=True, text=True)
        assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr
        whole = list(out.glob("*/*/snapshot"))
        for path in whole:
            snapshot.read(path)
        assert all(path.parent in whole or ".partial-" in str(path) for path in files(out))
        again = CliRunner().invoke(main, ["demo", "--out", str(out)])
        assert again.exit_code == 0, again.output
        (path,) = out.glob("*/*/snapshot")
        snapshot.read(path)
        assert {file.parent for file in files(out)} == {path}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path / "pipe")
    yield pipe
    pipe.close()


@pytest.mark.parametrize("name", SIGNALS)
def test_a_run_that_is_told_to_end_clears_up_and_leaves_the_old_report(
    audit: Audit, pipe: Pipe, name: str
):
    audit.notebook("01-b", WAITS.format(path=pipe.path))
    given = [str(audit.out.parent), "0", *command(audit)]
    driver = subprocess.Popen(
        [sys.executable, "-c", COUNTS, *given],
        env=environment(audit), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        server = os.pidfd_open(int(pipe.read().split()[1]))
        second = CliRunner().invoke(main, command(audit))
        assert second.exit_code == 5
        assert f"is being written by process {driver.pid} on " in second.stderr
        driver.send_signal(signal.Signals[name])
        said = ended(driver)
    finally:
        driver.kill()
        driver.wait(SECONDS)
        driver.stderr.close()
    if name != "SIGKILL":
        assert driver.returncode == 5, said
        assert said.splitlines()[-1] == b"iamkit: interrupted; what was there before is as it was"
        assert left(audit) == set()
    assert pipe.read() == b"", "the kernel has ended"
    wait_for_the_end(server)
    assert left(audit) <= {".iamkit-report", ".iamkit-report.lock"}, "no temporary folder"
    audit.notebook("01-b", "print('made with', account)")
    assert shown(audit) == "old"


def wait_for_the_end(process: int) -> None:
    """Wait until the process that forked the kernels has removed the run's folder and ended."""
    try:
        assert select.select([process], [], [], SECONDS)[0], "the fork server has not ended"
    finally:
        os.close(process)


def test_of_two_runs_at_once_one_is_done_and_the_other_says_why_not(audit: Audit):
    programs = [
        subprocess.Popen(
            [sys.executable, "-m", "iamkit", *command(audit, account=account)],
            env=environment(audit), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for account in ("one", "two")
    ]  # fmt: skip
    said = [ended(program) for program in programs]
    codes = [program.returncode for program in programs]
    assert set(codes) <= {0, 5}, said
    assert 0 in codes, said
    for code, lines in zip(codes, said, strict=True):
        assert code == 0 or b"is being written by process" in lines
    assert shown(audit) in {"one", "two"}
    assert left(audit) == set()


def test_of_two_runs_at_once_one_is_killed_and_the_report_is_of_one_of_them(audit: Audit):
    chance = random.Random("two 20261101")
    for _ in range(KILLS if thorough() else 1):
        given = [str(audit.out.parent), str(chance.randint(1, DEEDS)), *command(audit, "report")]
        killed, other = programs = [
            subprocess.Popen(
                [sys.executable, *arguments],
                env=environment(audit), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )
            for arguments in (
                ["-c", COUNTS, *given],
                ["-m", "iamkit", *command(audit, account="other")],
            )
        ]  # fmt: skip
        said = [ended(program) for program in programs]
        assert killed.returncode in (-signal.SIGKILL, 0, 5), said
        assert other.returncode in (0, 5), said
        assert other.returncode == 0 or b"is being written by process" in said[1]
        assert shown(audit) in {"old", "new", "other"}
    again = run([sys.executable, "-m", "iamkit", *command(audit)], env=environment(audit))
    assert again.returncode == 0
    assert shown(audit) == "new"
    assert left(audit) == set()
