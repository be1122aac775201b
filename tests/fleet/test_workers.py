"""Accounts done by workers of a cluster: the same as one after the other, whoever dies."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from distributed import LocalCluster

from iamkit.cli import main
from iamkit.errors import SettingsError
from iamkit.evidence import responses
from iamkit.fleet import Log, account_audit, read, run, workers
from iamkit.storage import opened, storage
from tests.examples import thorough
from tests.fleet.accounts import no_pages, run_file, saved
from tests.processes import run as ran_program

ONE, TWO, THREE = (str(number) * 12 for number in (1, 2, 3))
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


class Clock(datetime):
    """The time at which all evidence of these tests is taken."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return NOW


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, in which reports of runs have no pages, with saved files."""
    no_pages(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(responses, "datetime", Clock)
    for account_id in (ONE, TWO, THREE):
        saved(tmp_path / f"of-{account_id}", account_id, "ann")
    return tmp_path


def accounts(*ids: str) -> list[dict[str, str]]:
    return [{"files": f"of-{account_id}", "account": account_id} for account_id in ids]


def content(address: str) -> dict[str, bytes]:
    objects = opened(storage(address))
    return {one.name: objects.get(one.name) for one in objects.listed("")}


def test_a_scheduler_s_workers_leave_what_one_after_the_other_leaves(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iamkit.fleet.runner._now", lambda: NOW)
    entries = [*accounts(ONE, TWO), {"files": f"of-{ONE}", "name": "again"}, {"files": "nothing"}]
    (here / "nothing").mkdir()
    left = {}
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        for where in ("in-turn", "workers"):
            path = run_file(here, accounts=entries[:2], reports=f"file://{here}/{where}")
            scheduler = cluster.scheduler_address if where == "workers" else ""
            ended = run(read(path), Log(), scheduler=scheduler, now=lambda: NOW)
            assert ended.exit_code == 0
            left[where] = content(f"file://{here}/{where}")
        run_file(here, accounts=entries, reports="reports")
        faulty = CliRunner().invoke(main, ["run", "--scheduler", cluster.scheduler_address])
    assert left["workers"] == left["in-turn"]
    assert faulty.exit_code == 4
    said = {each["name"]: each for each in json.loads(results(here))["accounts"]}
    assert list(said) == [ONE, TWO, "again", "nothing"], "in the order of the file"
    assert "is in the run file twice, as again" in said[ONE]["error"]
    assert [name for name, each in said.items() if each["error"]] == [ONE, "nothing"]
    assert "done; 0 accounts are left" in faulty.stderr
    assert not (here / "reports/.iamkit-run").exists()


def results(here: Path) -> str:
    return (here / "reports/results.json").read_text()


# Patches each worker: the first report of an account kills the process that makes it.
PRELOAD = """
import os, signal
from pathlib import Path

from iamkit.evidence import responses
from iamkit.fleet import account_audit
from tests.examples import thorough
from tests.fleet.accounts import without_pages
from tests.fleet.test_workers import Clock

def dies(path, **options):
    mark = Path({marks!r}) / path.parents[1].name
    with mark.open("a") as file:
        file.write("x")
    if mark.stat().st_size <= {deaths}.get(mark.name, 0):
        os.kill(os.getpid(), signal.SIGKILL)
    return without_pages(path, **options)

account_audit.render = dies
responses.datetime = Clock
"""

RUNS = """
import sys
from pathlib import Path
from iamkit import fleet
from tests.fleet.test_workers import NOW

if __name__ == "__main__":
    file = fleet.read(Path("iamkit.yaml"))
    sys.exit(fleet.run(file, fleet.Log(), number=1, now=lambda: NOW).exit_code)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills processes")
def test_a_worker_s_death_costs_its_task_alone(here: Path) -> None:
    """One account kills a worker once; another every worker that does it, and fails alone."""
    (here / "marks").mkdir()
    (here / "runs.py").write_text(RUNS)
    deaths, chosen = ({ONE: 1, THREE: 99}, (ONE, TWO, THREE)) if thorough() else ({ONE: 1}, (ONE,))
    preload = here / "preload.py"
    preload.write_text(PRELOAD.format(marks=str(here / "marks"), deaths=deaths))
    run_file(here, accounts=accounts(*chosen), reports=f"file://{here}/killed")
    root = str(Path(__file__).parents[2])
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")])),
        "DASK_DISTRIBUTED__WORKER__PRELOAD": json.dumps([str(preload)]),
    }
    ended = ran_program(
        [sys.executable, "runs.py"], cwd=here, env=env, capture_output=True, text=True
    )
    failed = [line for line in ended.stderr.splitlines() if ": failed: " in line]
    assert (here / "marks" / ONE).read_text() == "xx", ended.stderr
    if thorough():
        assert f"{THREE}: failed: each worker that did this account was killed" in failed[0]
    assert ended.returncode == (4 if thorough() else 0), ended.stderr
    assert len(failed) == (THREE in chosen)
    run_file(here, accounts=accounts(*chosen), reports=f"file://{here}/undisturbed")
    run(read(here / "iamkit.yaml"), Log(quiet=True), now=lambda: NOW)
    undisturbed = content(f"file://{here}/undisturbed")
    there = content(f"file://{here}/killed")
    own = [name for name in undisturbed if "/runs/" not in name and THREE not in name]
    assert len(own) > 10
    assert {name: there.get(name) for name in own} == {name: undisturbed[name] for name in own}
    assert [name for name in there if name.startswith(f"commits/{THREE}")] == []


@pytest.mark.parametrize(
    "address",
    ["tcp://203.0.113.7:8786", "203.0.113.7:8786", "tcp://0.0.0.0:8786", "tcp://scheduler:8786"],
)
def test_a_scheduler_that_others_reach_is_refused(here: Path, address: str) -> None:
    run_file(here, accounts=accounts(ONE))
    ended = CliRunner().invoke(main, ["run", "--scheduler", address])
    assert ended.exit_code == 2
    assert "is neither on loopback nor protected by TLS" in ended.stderr
    assert not (here / "reports").exists()


@pytest.mark.parametrize(
    "address", ["tls://203.0.113.7:8786", "tcp://127.0.0.1:1", "tcp://[::1]:1"]
)
def test_loopback_and_tls_are_not(address: str) -> None:
    workers._refuse_open("it", [address])


def test_workers_that_listen_to_everybody_are_refused() -> None:
    with pytest.raises(SettingsError, match="a worker at tcp://198.51.100.1:40000 is neither"):
        workers._refuse_open("a worker", {"tcp://127.0.0.1:1": {}, "tcp://198.51.100.1:40000": {}})


def test_without_the_extra_a_message_says_how_to_get_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_file(here, accounts=accounts(ONE))
    monkeypatch.setitem(sys.modules, "distributed", None)
    asked = refused("--workers", "2")
    assert asked.exit_code == 2
    assert "--workers needs the extra fleet: pip install 'iamkit[fleet]'" in asked.stderr
    assert CliRunner().invoke(main, ["run", "--quiet"]).exit_code == 0, "one after the other"


def refused(*options: str) -> Result:
    return CliRunner().invoke(main, ["run", *options])


def test_a_scheduler_that_is_not_there_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "CONNECT", "0.1s")
    run_file(here, accounts=accounts(ONE))
    asked = refused("--scheduler", "tcp://127.0.0.1:9")
    assert asked.exit_code == 2
    assert "no workers can be had of tcp://127.0.0.1:9" in asked.stderr
    both = refused("--scheduler", "tcp://127.0.0.1:9", "--workers", "2")
    assert "leave out --workers or --scheduler" in both.stderr


def test_a_folder_that_a_worker_does_not_share_is_said(here: Path) -> None:
    job = account_audit.Job(read(run_file(here, accounts=accounts(ONE))), "run", None)
    with pytest.raises(Exception, match="is not the folder of this run: let workers share it"):
        workers.place_of(job.file).desk(job).__enter__().prepare(None)


def test_what_goes_through_the_scheduler_holds_no_evidence_and_no_other_account(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[account_audit.Job] = []

    class Fake:
        def run(self, jobs: object, left: int) -> object:
            for job in jobs:
                sent.append(job)
                with workers.place_of(job.file).desk(job) as desk:
                    result = account_audit.collect(job, desk, Log(quiet=True))
                    yield job.entry.name, account_audit.report(job, result, desk, Log(quiet=True))

        def close(self) -> None:
            """Nothing was opened."""

    monkeypatch.setattr("iamkit.fleet.runner.workers", lambda *_: Fake())
    run_file(here, accounts=accounts(ONE, TWO), reports=f"file://{here}/store")
    assert CliRunner().invoke(main, ["run", "--workers", "2"]).exit_code == 0
    assert [job.file.accounts for job in sent] == [(), ()]
    assert all("secret" not in repr(job).lower() and ONE not in job.run for job in sent)
