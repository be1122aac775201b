"""`iamkit run` over accounts whose answers were saved: what it leaves, says and ends with."""

import json
import os
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iamkit import load
from iamkit.cli import main
from iamkit.errors import SnapshotError
from iamkit.evidence import snapshot
from iamkit.fleet import Log, account_audit, journal, read, run, runner
from iamkit.lock import Lock
from iamkit.results import history
from tests.accounts import user
from tests.fleet.accounts import EVERYTHING, no_pages, notebook_alone, run_file, saved

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
    assert said["exit_code"] == code


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
    made = account_audit.render

    def cut_off(path: Path, **options: object) -> object:
        if TWO in str(path):
            raise KeyboardInterrupt
        return made(path, **options)

    monkeypatch.setattr(account_audit, "render", cut_off)
    assert ran().exit_code == 5
    rendered: list[str] = []

    def counted(path: Path, **options: object) -> object:
        rendered.append(path.parents[1].name)
        return made(path, **options)

    monkeypatch.setattr(account_audit, "render", counted)
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
        each.read_text()
        for each in (here / "reports").iterdir()
        if each.is_file() and each.suffix != ".xlsx"
    )
    with zipfile.ZipFile(here / "reports" / "organization.xlsx") as book:
        everything += "".join(book.read(name).decode() for name in book.namelist())
    for secret in ("wJalrXUtnFEMI", "s3cret-id", "AKIAIOSFODNN7EXAMPLE"):
        assert secret not in everything


def said_by(here: Path) -> dict[str, object]:
    return json.loads((here / "reports" / runner.RESULTS).read_text())


def test_the_meaning_says_what_happened_in_this_run(here: Path) -> None:
    (here / "nothing").mkdir()
    entries = [entry(here, ONE, "ann", name="first"), {"name": "broken", "files": "nothing"}]
    run_file(here, accounts=entries, fail_on="high", require=["password_policy"])
    assert ran().exit_code == 4
    high = results(here)["first"]["findings"]["high"]
    assert said_by(here)["meaning"] == (
        "1 of 2 accounts audited; failed: broken; required evidence is missing in first; "
        f"findings at or above high: {high} high in first"
    )
    run_file(here, accounts=entries[:1], fail_on="critical", fail_on_new="low")
    assert ran().exit_code == 0
    assert said_by(here)["meaning"] == (
        "1 of 1 account audited; findings at or above critical: none; "
        "new findings at or above low: none"
    )


def test_a_failed_announcement_is_in_the_results(here: Path) -> None:
    run_file(here, accounts=[entry(here, ONE)], announce=["no-such-program"])
    assert ran().exit_code == 4
    said = said_by(here)
    assert said["exit_code"] == 4
    assert "not announced: no-such-program cannot be run: No such file" in str(said["meaning"])


def test_saved_answers_that_differ_from_those_of_the_same_time_are_not_passed_over(
    here: Path,
) -> None:
    run_file(here, accounts=[entry(here, ONE, "ann")])
    assert ran().exit_code == 0
    saved(here / f"of-{ONE}", ONE, "ann", "eve")  # and the report's time is the same
    ended = ran()
    assert ended.exit_code == 4
    assert "holds other answers of the same time (authorization_details.json" in ended.stderr
    assert "is used again" not in ended.stderr
    assert len(snapshot.audits(here / "reports" / ONE)) == 1


def test_the_second_of_two_names_for_an_account_leaves_no_audit_of_its_own(here: Path) -> None:
    saved(here / "a", ONE, month="2026-10")
    saved(here / "b", ONE, month="2026-11")
    run_file(here, accounts=[{"files": "a"}, {"files": "b"}])
    ended = ran()
    assert ended.exit_code == 4
    assert f"account {ONE} is in the run file twice, as a, too" in ended.stderr
    left = [each.name[:7] for each in snapshot.audits(here / "reports" / ONE)]
    assert left == ["2026-10"], "else it would be the audit before of next month's"


def test_the_demo_company_is_no_other_account(here: Path) -> None:
    run_file(here, accounts=[{"demo": True, "account": ONE}])
    ended = ran()
    assert ended.exit_code == 4
    assert f"is of account 111122223333, not of {ONE}" in ended.stderr
    assert snapshot.under(here / "reports") == []


def test_the_last_figures_of_an_account_are_shown_though_it_fails_before_its_id_is_known(
    here: Path,
) -> None:
    saved(here / "of-one", ONE, "ann")
    path = run_file(here, accounts=[{"name": "one", "files": "of-one"}])
    assert ran().exit_code == 0
    for each in (here / "of-one").iterdir():
        each.unlink()
    assert ran().exit_code == 4
    page = (here / "reports/index.html").read_text()
    assert "an earlier audit" in page
    accounts = page[page.index("<tbody>") : page.index("</table>")]
    assert "not known" not in accounts
    path.unlink()


def test_an_account_that_is_not_in_the_file_any_more_is_named(here: Path) -> None:
    run_file(here, accounts=[entry(here, ONE), entry(here, TWO)])
    assert ran().exit_code == 0
    assert "this run has no result" not in (here / "reports/index.html").read_text()
    run_file(here, accounts=[entry(here, ONE)])
    ended = ran()
    assert ended.exit_code == 0
    assert f"{TWO} have audits here and no result in this run" in ended.stderr
    assert (
        f"{TWO}: audits are here, and this run has no result"
        in (here / "reports/index.html").read_text()
    )


@pytest.mark.parametrize(
    "name", ["results.json", "overview.csv", "index.html", "organization.xlsx"]
)
def test_a_file_of_somebody_s_is_not_written_over(here: Path, name: str) -> None:
    run_file(here, accounts=[entry(here, ONE)], reports="ours")
    (here / "ours").mkdir()
    (here / "ours" / name).write_text("[1]")
    ended = ran()
    assert ended.exit_code == 2
    assert f"{name} was not made by iamkit" in ended.stderr
    assert (here / "ours" / name).read_text() == "[1]"


def test_a_deletion_that_was_cut_off_is_ended_though_the_run_file_changed(here: Path) -> None:
    for month in ("2026-10", "2026-11"):
        saved(here / f"of-{ONE}", ONE, month=month)
        run_file(here, accounts=[{"files": f"of-{ONE}"}])
        assert ran().exit_code == 0
    folder = here / "reports" / ONE
    name = snapshot.audits(folder)[0].name
    (folder / name).rename(folder / f".deleted-{name}")
    ended = ran()
    assert ended.exit_code == 0
    assert said_by(here)["deleted"] == [f"{ONE}/{name}"]
    assert f"{ONE}/{name}" in ended.stderr
    assert [each for each in folder.iterdir() if each.name.startswith(".")] == []
    assert len(history.kept(folder).audits) == 1


def test_a_journal_of_another_version_is_not_gone_on_with(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_file(here, accounts=[entry(here, ONE)])
    made = runner.overview.write

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner.overview, "write", cut_off)
    ended = ran()
    assert ended.exit_code == 5
    assert "the same command goes on with the accounts not done" in ended.stderr
    monkeypatch.setattr(runner.overview, "write", made)
    left = here / "reports" / journal.NAME
    said = json.loads(left.read_text())
    said["results"][ONE]["of a later version"] = 1
    left.write_text(json.dumps(said))
    ended = ran()
    assert ended.exit_code == 0, ended.stderr
    monkeypatch.setattr(runner, "installed_version", lambda _: "9.9")
    left.write_text(json.dumps(said))
    assert "going on" not in ran().stderr


def test_a_month_to_keep_of_which_there_is_no_audit_is_said(here: Path) -> None:
    run_file(here, accounts=[entry(here, ONE)], keep=["2026-11"])
    assert ran().exit_code == 0
    assert "warning" not in ran().stderr
    run_file(here, accounts=[entry(here, ONE)], keep=["2026-09"])
    assert "warning: keep names 2026-09, and there is no audit of then" in ran().stderr


def test_a_name_that_is_no_unicode_is_compared_month_by_month(here: Path) -> None:
    for month, names in (("2026-11", ["ann"]), ("2026-12", ["ann", "bob"])):
        folder = saved(here / f"of-{ONE}", ONE, month=month)
        details = json.loads((folder / "details.json").read_text())
        strange = {**EVERYTHING, "PolicyName": "all\ud800"}
        details["UserDetailList"] = json.loads(
            json.dumps([user(name, UserPolicyList=[strange]) for name in names]).replace(
                "012345678901", ONE
            )
        )
        (folder / "details.json").write_text(json.dumps(details))
        run_file(here, accounts=[{"files": f"of-{ONE}"}], fail_on_new="low")
        ended = ran()
    assert ended.exit_code == 1, ended.stderr
    assert said_by(here)["accounts"][0]["before"] == "2026-11-01T06:00:00Z"


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_the_history_is_its_owner_s_alone(here: Path) -> None:
    run_file(here, accounts=[entry(here, ONE, "ann")])
    before = os.umask(0o002)
    try:
        assert ran().exit_code == 0
    finally:
        os.umask(before)
    folders = [here / "reports", *(here / "reports").rglob("history/**")]
    files = [*(here / "reports").rglob("*.parquet")]
    assert len(files) > 10
    assert [each for each in (*folders, *files) if each.stat().st_mode & 0o077] == []


def test_an_audit_whose_history_cannot_be_kept_is_no_first_audit(here: Path) -> None:
    run_file(here, accounts=[entry(here, ONE, "ann")])
    folder = here / "reports" / ONE
    folder.mkdir(parents=True)
    (folder / "history").write_text("in the way")
    ended = ran()
    assert ended.exit_code == 5
    assert "history could not be written, so what is new or fixed is not known" in ended.stderr
    assert results(here)[ONE]["report"] is not None
    assert "first audit" not in (here / "reports/index.html").read_text()
    (folder / "history").unlink()
    assert ran().exit_code == 0


def test_words_name_audits_where_the_run_file_keeps_them(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for month in ("2026-10", "2026-11"):
        saved(here / f"of-{ONE}", ONE, "ann", month=month)
        path = run_file(here, reports="our audits", accounts=[{"files": f"of-{ONE}"}])
        assert ran().exit_code == 0
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    for folder, named in ((here, ""), (elsewhere, str(path))):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("IAMKIT_SETTINGS", named)
        found = load("previous").snapshot.path
        assert found == snapshot.under(here / "our audits")[0]
        compared = CliRunner().invoke(main, ["diff", "2026-10", "latest"])
        assert compared.exit_code == 0, compared.output
        assert "from 2026-10-01" in compared.output
    (here / "iamkit.yaml").write_text("reports: 5")
    with pytest.raises(SnapshotError, match="no snapshot"):
        load("latest")
