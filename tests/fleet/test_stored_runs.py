"""`iamkit run` with reports in object storage: S3 over HTTP, and what a reader gets of it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner, Result

from iamkit import load
from iamkit.cli import main
from iamkit.errors import NotebookError
from iamkit.evidence import responses
from iamkit.fleet import Log, account_audit, load_fleet, read, run, stored_place
from iamkit.fleet.rolled_up import FILES
from iamkit.storage import Lease, StoredAudits, cache, opened, storage
from tests.aws.server import moto_server
from tests.examples import thorough
from tests.fleet.accounts import no_pages, run_file, saved
from tests.storage.buckets import BUCKET, bucket

ONE, TWO = "111111111111", "222222222222"
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """S3 with an empty bucket."""
    with moto_server() as url:
        bucket(url)
        yield url


@pytest.fixture
def address(s3: str, credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A storage; the working folder, in which reports of runs have no pages."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    no_pages(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return f"s3://{BUCKET}/{tmp_path.name}"


def ran(*options: str) -> Result:
    return CliRunner().invoke(main, ["run", *options])


def entry(account_id: str, *users: str, month: str = "2026-11", **more: object) -> dict:
    saved(Path(f"of-{account_id}"), account_id, *users, month=month)
    return {"files": f"of-{account_id}", "account": account_id, **more}


def names(address: str) -> list[str]:
    return [one.name for one in opened(storage(address)).listed("")]


def content(address: str) -> dict[str, bytes]:
    objects = opened(storage(address))
    return {one.name: objects.get(one.name) for one in objects.listed("")}


def results(address: str, out: str = "fetched") -> dict[str, dict]:
    assert CliRunner().invoke(main, ["fetch", address, out]).exit_code == 0
    said = json.loads(Path(out, "results.json").read_text())
    return {each["name"]: each for each in said["accounts"]}


def test_two_months_in_a_bucket_are_as_in_a_folder(address: str, tmp_path: Path) -> None:
    for month, users in (("2026-11", ["ann"]), ("2026-12", [])):
        accounts = [entry(ONE, *users, month=month)]
        for place in (address, "reports"):
            run_file(tmp_path, accounts=accounts, reports=place)
            ended = ran("--quiet")
            assert ended.exit_code == 0, ended.stderr
    said = results(address)
    assert said[ONE]["before"] == "2026-11-01T06:00:00Z"
    assert sum(said[ONE]["fixed"].values()) > 0
    here = json.loads((tmp_path / "reports/results.json").read_text())
    assert [{**each, "evidence": said[ONE]["evidence"]} for each in here["accounts"]] == [said[ONE]]
    assert not [name for name in names(address) if name.startswith(("lock", "runs"))]
    table = (tmp_path / "reports/overview.csv").read_text()
    assert (tmp_path / "fetched/overview.csv").read_text() == table
    for name in ("organization.xlsx", "index.html", *FILES):
        assert (tmp_path / "fetched" / name).stat().st_size > 0
    page = (tmp_path / "fetched/index.html").read_text()
    assert f'<a href="{ONE}/2026-12-01T060000Z/index.html">' in page
    months = page[page.index('id="months"') : page.index('id="groups"')]
    assert months.index("2026-11") < months.index("2026-12")
    for path in (tmp_path / "reports" / ONE / "2026-12-01T060000Z").rglob("*"):
        fetched = tmp_path / "fetched" / path.relative_to(tmp_path / "reports")
        assert fetched.exists(), path
        if path.name in ("credential_report.csv", "index.html"):
            assert fetched.read_bytes() == path.read_bytes()
    assert not (tmp_path / "fetched" / ONE / "2026-11-01T060000Z").exists()


def test_a_reader_gets_the_account_with_its_past(address: str, tmp_path: Path) -> None:
    for month, users in (("2026-11", ["ann"]), ("2026-12", [])):
        run_file(tmp_path, accounts=[entry(ONE, *users, month=month)], reports=address)
        assert ran("--quiet").exit_code == 0
    account = load(f"{address}/latest")
    assert len(account.history.audits) == 2
    assert len(load(f"{address}/{ONE}/previous").users) == 1
    assert len(load("2026-11").users) == 1, "words are looked up where the run file says"
    changed = account.since(load(f"{address}/previous"))
    assert len(changed)
    verified = CliRunner().invoke(main, ["verify", f"{address}/{ONE}/2026-12-01T060000Z"])
    assert verified.exit_code == 0, verified.stderr
    fleet = load_fleet(address)
    assert fleet.accounts["name"].tolist() == [ONE]
    assert len(fleet.account(ONE).history.audits) == 2
    assert set(fleet.findings["evidence"]) <= {account.snapshot.evidence_hash}


def test_evidence_that_is_there_is_used_again_and_nothing_is_written_twice(
    address: str, tmp_path: Path
) -> None:
    run_file(tmp_path, accounts=[entry(ONE, "ann")], reports=address)
    assert ran().exit_code == 0
    before = names(address)
    again = ran()
    assert again.exit_code == 0, again.stderr
    assert "evidence of 2026-11-01T06:00:00Z is used again" in again.stderr
    added = [name for name in names(address) if name not in before]
    assert all("/runs/" in name for name in added), added
    saved(tmp_path / f"of-{ONE}", ONE, "ann", "bob")
    refused = ran()
    assert refused.exit_code == 4
    assert f"{address}/" not in refused.stderr or "holds other answers" in refused.stderr
    assert "holds other answers of the same time" in refused.stderr
    assert len(load(f"{address}/latest").users) == 1
    page = boto3.client("s3").get_object(
        Bucket=BUCKET, Key=max(n for n in content_keys(address) if n.endswith("/index.html"))
    )
    assert b"<" in page["Body"].read()


def content_keys(address: str) -> list[str]:
    prefix = address.removeprefix(f"s3://{BUCKET}/")
    return [f"{prefix}/{name}" for name in names(address)]


def test_two_entries_for_one_account_and_a_second_run_at_once_are_refused(
    address: str, tmp_path: Path
) -> None:
    entry(ONE)
    accounts = [{"name": name, "files": f"of-{ONE}"} for name in ("a", "b")]
    run_file(tmp_path, accounts=accounts, reports=address)
    assert ran().exit_code == 4
    assert f"account {ONE} is in the run file twice, as a" in results(address)["b"]["error"]
    held = Lease(opened(storage(address)))
    held.take()
    ended = ran()
    held.release()
    assert ended.exit_code == 5
    assert "is being written by another run: process" in ended.stderr


def test_old_audits_are_deleted_from_the_storage(address: str, tmp_path: Path) -> None:
    for month in ("2025-01", "2026-11", "2026-12"):
        run_file(
            tmp_path,
            accounts=[entry(ONE, month=month)],
            reports=address,
            keep_months=6,
            keep=["2025-02"],
        )
        ended = ran()
        assert ended.exit_code == 0, ended.stderr
    assert "keep names 2025-02, and there is no audit of then" in ended.stderr
    stored = StoredAudits(opened(storage(address)), tmp_path)
    assert [place.split("/")[1][:7] for place in stored.audits()] == ["2026-11", "2026-12"]
    assert not [name for name in names(address) if "2025-01" in name]


class Killed(BaseException):
    """As far as a process can be killed in a test of it: nothing is cleared up."""


@pytest.mark.parametrize("at", ["evidence", "commit", "note", "end"] if thorough() else ["commit"])
def test_what_was_cut_off_is_gone_on_with_on_any_machine(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Whenever that was, the storage ends as after a run that nobody disturbed."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return NOW

    monkeypatch.setattr(responses, "datetime", Clock)
    accounts = [{"files": f"of-{ONE}", "name": "one"}, entry(TWO, "bob")]
    entry(ONE, "ann")

    def runs(place: str) -> int:
        path = run_file(tmp_path, accounts=accounts, reports=place)
        return run(read(path), Log(quiet=True), now=lambda: NOW).exit_code

    assert runs(f"{address}/undisturbed") == 0
    where, name = {
        "evidence": (stored_place.StoredDesk, "receive"),
        "commit": (stored_place.StoredDesk, "publish"),
        "note": (stored_place.StoredJournal, "note"),
        "end": (stored_place.StoredJournal, "end"),
    }[at]
    before = getattr(where, name)

    def killed(*arguments: object) -> None:
        if at == "commit":
            before(*arguments)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(where, name, killed)
        with pytest.raises(Killed):
            runs(f"{address}/cut-off")
    assert any("/runs/" in key for key in content_keys(f"{address}/cut-off"))
    asked = []
    made = account_audit._taken
    monkeypatch.setattr(
        account_audit, "_taken", lambda job, *rest: asked.append(job.entry.name) or made(job, *rest)
    )
    assert runs(f"{address}/cut-off") == 0
    assert content(f"{address}/cut-off") == content(f"{address}/undisturbed")
    assert asked == ([TWO] if at != "end" else []), "evidence that was taken is used"


def test_a_failing_account_keeps_its_evidence_and_shows_no_path_of_this_machine(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path, **options: object) -> None:
        raise NotebookError(f"00-users: cell 2 (the pages in {path.parent} show it)")

    monkeypatch.setattr(account_audit, "render", fails)
    run_file(tmp_path, accounts=[entry(ONE, "ann")], reports=address)
    ended = ran()
    assert ended.exit_code == 4
    assert len(load(f"{address}/latest").users) == 1
    said = results(address)[ONE]["error"]
    assert said == f"00-users: cell 2 (the pages in {address}/{ONE}/2026-11-01T060000Z show it)"


def test_settings_of_the_run_file_hold(address: str, tmp_path: Path) -> None:
    accounts = [entry(ONE, settings={"unused_days": 7})]
    run_file(tmp_path, accounts=accounts, reports={"address": address, "region": "us-east-1"})
    assert ran().exit_code == 0
    assert load_fleet(address).account(ONE).settings.unused_days == 7
    assert len(load("latest").users) == 0, "in the storage that the run file names"
    run_file(tmp_path, accounts=accounts, reports={"region": "us-east-1"})
    assert "reports needs address" in ran().stderr
