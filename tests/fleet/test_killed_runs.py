"""A run that is killed at any moment and started again ends as one that nobody disturbed."""

import os
import random
import shutil
import sys
from pathlib import Path

import pytest

from iamkit.evidence import cli_files, snapshot
from tests.examples import thorough
from tests.fleet.accounts import NOTEBOOK, run_file, saved
from tests.processes import run

KILLS = 30 if thorough() else 1
ONE, TWO = "111111111111", "222222222222"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes")

# A run at a fixed time, which kills itself before the n-th thing that it does to the reports.
RUNS = """
import os, signal, sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from iamkit import fleet
from iamkit.evidence import responses
from iamkit.fleet import account_audit

class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime(2026, 12, 1, 6, tzinfo=UTC)

where, number, done = sys.argv[1], int(sys.argv[2]), 0
deeds = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")
responses.datetime = Clock
account_audit.render = partial(account_audit.render, notebooks=Path("notebooks"))

def count(event, arguments):
    global done
    if event in deeds and any(str(each).startswith(where) for each in arguments):
        done += 1
        if done == number:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
file = fleet.read(Path("iamkit.yaml"))
ended = fleet.run(file, fleet.Log(quiet=True), now=Clock.now)
print(done)
sys.exit(ended.exit_code)
"""


def runs(folder: Path, kill_before: int = 0) -> tuple[int, int]:
    """Run in a folder; return how it ended and how many things it did to the reports."""
    command = [sys.executable, "-c", RUNS, folder / "reports", kill_before]
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    env = {**os.environ, "PYTHONPATH": path}
    ended = run(command, cwd=folder, env=env, capture_output=True, text=True)
    return ended.returncode, int(ended.stdout or 0)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def month(tmp_path: Path) -> Path:
    """What is there before a run: two accounts, one with an audit that is too old to keep."""
    folder = tmp_path / "month"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "notebooks/00-users.ipynb").write_text(NOTEBOOK)
    (folder / "nothing").mkdir()
    old = saved(tmp_path / "old", ONE, "ann", month="2025-01")
    cli_files.from_files(folder / "reports", old)
    run_file(
        folder,
        keep_months=6,
        accounts=[
            {"files": str(saved(folder / "one", ONE, "ann", "bob")), "account": ONE},
            {"files": "nothing"},
            {"files": str(saved(folder / "two", TWO)), "account": TWO},
        ],
    )
    return folder


def test_whenever_it_is_killed_the_next_run_ends_as_if_nothing_had_been(month: Path) -> None:
    reports = month / "reports"
    before = month.parent / "before"
    shutil.copytree(reports, before)
    code, deeds = runs(month)
    assert code == 4, "one of the accounts has no evidence"
    undisturbed = tree(reports)
    assert deeds > 50
    assert [path.name for path in snapshot.audits(reports / ONE)] == ["2026-11-01T060000Z"]
    draws = random.Random(7)
    killed = 0
    for kill in range(KILLS):
        shutil.rmtree(reports)
        shutil.copytree(before, reports)
        at = draws.randint(kill * deeds // KILLS + 1, (kill + 1) * deeds // KILLS)
        killed += runs(month, at)[0] == -9
        assert runs(month)[0] == 4
        assert tree(reports) == undisturbed, f"killed before deed {at}"
    assert killed >= max(1, KILLS - 1)
