"""`iamkit run` over accounts whose answers were saved: what it leaves, says and ends with."""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iamkit.cli import main
from iamkit.evidence import snapshot
from iamkit.fleet import Log, journal, read, run, runner
from iamkit.lock import Lock
from tests.fleet.accounts import no_pages, notebook_alone, run_file, saved

ONE, TWO = "111111111111", "222222222222"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, in which reports of runs have no pages."""
    no_pages(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(*options: str) -> Result:
    return CliRunner().invoke(main, ["run", *options])


def results(here: Path) -> dict[str, dict]:
    said = json.loads((here / "reports" / runner.RESULTS).read_text())
    return {each["name"]: each for each in said["accounts"]}


def entry(here: Path, account_id: str, *users: str, **members: object) -> dict[str, object]:
    saved(here / f"of-{account_id}", account_id, *users)
    return {"files": f"of-{account_id}", "account": account_id, **members}


def test_each_account_gets_a_report_and_a_failure_stops_no_other(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook_alone(here, monkeypatch)
    (here / "nothing").mkdir()
    run_file(
        here,
        accounts=[
            entry(here, ONE, "ann", name="first"),
            {"name": "broken", "files": "nothing"},
            entry(here, TWO, "bob", "eve"),
        ],
    )
    ended = ran()
    assert ended.exit_code == 4, ended.stderr
    assert ended.stdout.strip() == str(here / "reports/index.html")
    said = results(here)
    assert [bool(each["error"]) for each in said.values()] == [False, True, False], ended.stderr
    for name, count in (("first", 1), (TWO, 2)):
        report = here / "reports" / said[name]["report"]
        assert f">{count}\n<" in (report.parent / "00-users.html").read_text()
    last = [line.split(" ", 1)[1] for line in ended.stderr.splitlines()[-4:]]
    assert last[1].startswith("error: broken: failed: neither a credential report nor")
    assert last[3] == "2 of 3 accounts done, 1 failed"


def test_an_account_s_own_settings_hold_for_it_alone(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook_alone(here, monkeypatch)
    run_file(
        here,
        unused_days=40,
        accounts=[
            entry(here, ONE, settings={"unused_days": 7}),
            entry(here, TWO),
        ],
    )
    assert ran().exit_code == 0
    for account_id, days in ((ONE, 7), (TWO, 40)):
        folder = here / "reports" / Path(results(here)[account_id]["report"]).parent
        made = json.loads((folder / "report-manifest.json").read_text())
        assert made["settings"]["values"]["unused_days"] == days


def test_what_was_taken_already_is_used_again_and_said(here: Path) -> None:
    run_file(here, accounts=[entry(here, ONE)])
    assert ran().exit_code == 0
    ended = ran()
    assert ended.exit_code == 0
    assert "evidence of 2026-11-01T06:00:00Z is used again" in ended.stderr
    assert len(snapshot.audits(here / "reports" / ONE)) == 1


def test_findings_are_compared_with_the_audit_before(here: Path) -> None:
    run_file(here, accounts=[entry(here, ONE, "ann")], fail_on_new="low")
    assert ran().exit_code == 0, "of a first audit nothing is new"
    assert results(here)[ONE]["before"] is None
    saved(here / f"of-{ONE}", ONE, month="2026-12")  # ann is gone, and so is what was found of her
    ended = ran()
    assert ended.exit_code == 0, ended.stderr
    said = results(here)[ONE]
    assert said["before"] == "2026-11-01T06:00:00Z"
    assert said["new"] == {}
    assert sum(said["fixed"].values()) > 0
    saved(here / f"of-{ONE}", ONE, "ann", month="2027-01")
    assert ran().exit_code == 1
    assert sum(results(here)[ONE]["new"].values()) > 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({}, 0),
        ({"fail_on": "low"}, 1),
        ({"require": ["credential_report"]}, 0),
        ({"require": ["password_policy"]}, 3),
        ({"fail_on": "low", "require": ["password_policy"]}, 3),
        ({"announce": [sys.executable, "-c", "raise SystemExit('no way')"]}, 4),
    ],
)
def test_the_exit_code_is_the_highest_that_applies(
    here: Path, content: dict[str, object], code: int
) -> None:
    run_file(here, accounts=[entry(here, ONE, "ann")], **content)
    ended = ran()
    assert ended.exit_code == code, ended.stderr
    said = json.loads((here / "reports" / runner.RESULTS).read_text())
    assert said["exit_code"] == (code if "announce" not in content else 0)


def test_the_results_are_announced_to_a_command_of_the_user_s(here: Path) -> None:
    program = "import pathlib, sys; pathlib.Path('told.json').write_text(sys.stdin.read())"
    run_file(here, accounts=[entry(here, ONE)], announce=[sys.executable, "-c", program])
    assert ran().exit_code == 0
    told = json.loads((here / "told.json").read_text())
    assert [each["account_id"] for each in told["accounts"]] == [ONE]
    assert told["reports"] == str(here / "reports")


def test_a_command_that_fails_is_named_with_what_it_printed(here: Path) -> None:
    program = "import sys; sys.exit('the mail server is down')"
    run_file(here, accounts=[entry(here, ONE)], announce=[sys.executable, "-c", program])
    assert "ended with 1: the mail server is down" in ran().stderr


def test_quiet_says_nothing_when_all_is_well(here: Path) -> None:
    run_file(here, accounts=[entry(here, ONE)])
    ended = ran("--quiet")
    assert (ended.exit_code, ended.output) == (0, "")


def test_json_logs_are_an_object_a_line(here: Path) -> None:
    (here / "nothing").mkdir()
    run_file(here, accounts=[entry(here, ONE), {"files": "nothing"}])
    lines = [json.loads(line) for line in ran("--log-format", "json").stderr.splitlines()]
    assert {tuple(line) for line in lines} == {("time", "level", "account", "message")}
    assert [line["account"] for line in lines if line["level"] == "error"] == ["nothing"] * 2


def test_two_entries_that_lead_to_one_account_are_an_error(here: Path) -> None:
    entry(here, ONE)
    run_file(here, accounts=[{"name": name, "files": f"of-{ONE}"} for name in ("a", "b")])
    assert ran().exit_code == 4
    assert "is in the run file twice" in results(here)["b"]["error"]


def test_evidence_of_another_account_is_an_error_and_is_not_kept(here: Path) -> None:
    saved(here / "of-one", ONE)
    run_file(here, accounts=[{"files": "of-one", "account": TWO}])
    assert ran().exit_code == 4
    assert f"is of account {ONE}, not of {TWO}" in results(here)[TWO]["error"]
    assert snapshot.under(here / "reports") == []


def test_two_runs_at_once_are_refused(here: Path) -> None:
    run_file(here, accounts=[entry(here, ONE)])
    (here / "reports").mkdir()
    lock = Lock(here / "reports" / runner.LOCK)
    lock.take()
    ended = ran()
    lock.release()
    assert ended.exit_code == 5
    assert f"is being written by another run: process {os.getpid()}" in ended.stderr


def test_a_page_of_somebody_s_is_not_written_over(here: Path) -> None:
    run_file(here, accounts=[entry(here, ONE)])
    (here / "reports").mkdir()
    (here / "reports/index.html").write_text("<h1>Ours</h1>")
    ended = ran()
    assert ended.exit_code == 2
    assert "was not made by iamkit" in ended.stderr
    assert (here / "reports/index.html").read_text() == "<h1>Ours</h1>"


def test_a_file_without_accounts_says_how_to_get_one(here: Path) -> None:
    run_file(here, unused_days=40)
    ended = ran()
    assert ended.exit_code == 2
    assert "lists no accounts; `iamkit settings init`" in ended.stderr
    (here / "iamkit.yaml").unlink()
    assert "`iamkit settings init` writes one" in ran().stderr


def test_what_was_cut_off_is_gone_on_with_for_a_day_if_the_file_is_the_same(here: Path) -> None:
    path = run_file(here, accounts=[entry(here, ONE)])
    began = datetime(2026, 12, 1, 6, tzinfo=UTC)
    reports = here / "reports"
    reports.mkdir()

    def resumed(of: str, hours: int, *, fresh: bool = False) -> bool:
        (reports / journal.NAME).unlink(missing_ok=True)
        journal.opened(reports, "same", began)
        later = began + timedelta(hours=hours)
        return journal.opened(reports, of, later, fresh=fresh).resumed

    assert resumed("same", 23)
    assert not resumed("same", 23, fresh=True)
    assert not resumed("same", 25)
    assert not resumed("other", 1)
    run(read(path), Log(quiet=True), now=lambda: began)
    assert not (reports / journal.NAME).exists(), "a run at its end leaves nothing to go on with"


def test_an_account_that_is_done_is_not_done_again_after_a_run_was_cut_off(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_file(here, accounts=[entry(here, ONE), entry(here, TWO)])
    made = runner.render

    def cut_off(path: Path, **options: object) -> object:
        if TWO in str(path):
            raise KeyboardInterrupt
        return made(path, **options)

    monkeypatch.setattr(runner, "render", cut_off)
    assert ran().exit_code == 5
    rendered: list[str] = []

    def counted(path: Path, **options: object) -> object:
        rendered.append(path.parents[1].name)
        return made(path, **options)

    monkeypatch.setattr(runner, "render", counted)
    ended = ran()
    assert ended.exit_code == 0
    assert "going on with the run of" in ended.stderr
    assert rendered == [TWO]
    assert len(results(here)) == 2


def test_old_audits_are_deleted_and_named_and_what_is_kept_stays(here: Path) -> None:
    path = here / f"of-{ONE}"
    run_file(here, accounts=[entry(here, ONE)])
    for month in ("2026-01", "2026-02", "2026-03", "2026-04", "2026-10", "2026-11"):
        saved(path, ONE, month=month)
        assert ran().exit_code == 0
    audits = {each.name[:7]: each for each in snapshot.audits(here / "reports" / ONE)}
    (audits["2026-03"] / "my notes.txt").write_text("of the auditor")
    run_file(here, accounts=[entry(here, ONE)], keep_months=6, keep=["2026-02"])
    saved(path, ONE, month="2026-12")
    ended = ran()
    assert ended.exit_code == 0, ended.stderr
    left = [each.name[:7] for each in snapshot.audits(here / "reports" / ONE)]
    assert left == ["2026-02", "2026-03", "2026-10", "2026-11", "2026-12"]
    assert "holds my notes.txt, not made by iamkit: it was not deleted" in ended.stderr
    said = json.loads((here / "reports" / runner.RESULTS).read_text())
    assert [Path(each).name[:7] for each in said["deleted"]] == ["2026-01", "2026-04"]
    assert "deleted, as older than 6 months" in ended.stderr
    assert [each for each in (here / "reports" / ONE).iterdir() if each.name[0] == "."] == []


def test_no_secret_is_in_what_a_run_says_or_leaves(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    role = f"arn:aws:iam::{ONE}:role/audit"
    run_file(here, accounts=[{"role_arn": role, "external_id": "s3cret-id"}])
    ended = ran()
    assert ended.exit_code == 4
    everything = ended.output + "".join(
        each.read_text() for each in (here / "reports").iterdir() if each.is_file()
    )
    for secret in ("wJalrXUtnFEMI", "s3cret-id", "AKIAIOSFODNN7EXAMPLE"):
        assert secret not in everything
