"""The evidence folder: whole or not there, sealed, never overwritten."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iamkit.errors import SnapshotError, WriteError
from iamkit.evidence import snapshot
from iamkit.lock import new_folder

MANIFEST = {
    "account_id": "012345678901",
    "alias": "example",
    "partition": "aws",
    "as_of": "2026-11-01T06:00:00Z",
    "as_of_source": "credential report GeneratedTime",
    "collected_at": "2026-11-01T06:05:00Z",
    "caller_arn": None,
    "source": "files",
    "versions": {},
    "calls": [],
    "gaps": [],
}
FILES = {"credential_report.csv": b"user,arn\n", "account_summary.json": b'{"SummaryMap":{}}\n'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return snapshot.write(tmp_path / "reports", MANIFEST, FILES)


def test_a_snapshot_stands_where_its_account_and_moment_say(folder: Path, tmp_path: Path) -> None:
    assert folder == tmp_path / "reports/012345678901/2026-11-01T060000Z/snapshot"


def test_what_was_written_is_read_back(folder: Path) -> None:
    opened = snapshot.read(folder)
    assert opened.account_id == "012345678901"
    assert opened.as_of == datetime(2026, 11, 1, 6, tzinfo=UTC)
    assert opened.bytes("credential_report.csv") == FILES["credential_report.csv"]
    assert opened.json("account_summary.json") == {"SummaryMap": {}}
    assert opened.json("password_policy.json") is None


def test_only_the_owner_can_read_it(folder: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    for step in (folder, *list(folder.parents)[:3]):
        assert step.stat().st_mode & 0o777 == 0o700, step


def test_the_folder_that_holds_a_snapshot_opens_too(folder: Path) -> None:
    assert snapshot.read(folder.parent).path == folder


def test_it_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SnapshotError, match=str(folder)):
        snapshot.write(tmp_path / "reports", MANIFEST, {"credential_report.csv": b"other"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@given(where=st.integers(min_value=0), bit=st.integers(0, 7), which=st.integers(0, 2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_changed_bit_is_found_and_its_file_named(
    folder: Path, where: int, bit: int, which: int
) -> None:
    path = sorted(folder.iterdir())[which]
    content = path.read_bytes()
    changed = bytearray(content)
    changed[where % len(content)] ^= 1 << bit
    path.write_bytes(changed)
    try:
        with pytest.raises(SnapshotError, match=path.name):
            snapshot.read(folder)
    finally:
        path.write_bytes(content)
    snapshot.read(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "account_summary.json").unlink()
    with pytest.raises(SnapshotError, match=r"account_summary\.json cannot be read"):
        snapshot.read(folder)


def test_a_file_that_was_put_there_is_named(folder: Path) -> None:
    (folder / "notes.txt").write_text("hello")
    with pytest.raises(SnapshotError, match=r"notes\.txt is not listed"):
        snapshot.read(folder)


def test_a_newer_format_asks_for_an_update(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(snapshot.canonical({**manifest, "format": 2}))
    with pytest.raises(SnapshotError, match="format 2 .* update iamkit"):
        snapshot.read(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"not json", b'{"format": 1}'])
def test_a_broken_manifest_is_named(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(SnapshotError, match=r"manifest\.json has been changed"):
        snapshot.read(folder)


def test_a_folder_that_is_no_snapshot_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="is no snapshot.*iamkit collect"):
        snapshot.read(tmp_path)


@pytest.mark.parametrize("account_id", ["12345678901", "1234567890123", "12345678901a", ""])
def test_an_account_id_is_twelve_digits(tmp_path: Path, account_id: str) -> None:
    with pytest.raises(SnapshotError, match="12 digits"):
        snapshot.write(tmp_path, {**MANIFEST, "account_id": account_id}, FILES)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def full(handle: int) -> None:
        written.append(handle)
        if len(written) == 2:
            raise OSError(28, "No space left on device", "account_summary.json")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="No space left on device.*--out"):
        snapshot.write(tmp_path / "reports", MANIFEST, FILES)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_unwritable_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file where a folder should be")
    with pytest.raises(WriteError, match="cannot write .*reports"):
        snapshot.write(tmp_path / "reports", MANIFEST, FILES)


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_holds_is_not(
    tmp_path: Path,
) -> None:
    account = tmp_path / "reports/012345678901"
    account.mkdir(parents=True)
    living, lock = new_folder(account, snapshot.PARTIAL)
    dead = account / f"{snapshot.PARTIAL}dead"
    somebodys = account / f"{snapshot.PARTIAL}notes"
    somebodys.mkdir()
    (somebodys / "notes.txt").write_text("mine")

    def killed_runs() -> None:
        shutil.copytree(living, dead)  # nobody holds the copy's lock
        (account / f"{snapshot.PARTIAL}unlocked").mkdir()

    killed_runs()
    snapshot.write(tmp_path / "reports", MANIFEST, FILES)
    assert set(account.glob(".partial-*")) == {living, somebodys}
    killed_runs()
    with pytest.raises(SnapshotError):
        snapshot.write(tmp_path / "reports", MANIFEST, FILES)
    assert set(account.glob(".partial-*")) == {living, somebodys}
    lock.release()


def test_what_is_being_made_or_deleted_is_no_audit(tmp_path: Path) -> None:
    made = snapshot.write(tmp_path, MANIFEST, FILES)
    for name in (".partial-x", ".deleted-2026-11-01T060000Z"):
        shutil.copytree(made.parent, made.parents[1] / name)
    assert snapshot.under(tmp_path) == [made]
    assert snapshot.audits(made.parents[1]) == [made.parent]


def test_the_latest_is_the_one_collected_last_and_the_demo_only_if_alone(tmp_path: Path) -> None:
    demo = {**MANIFEST, "account_id": "111122223333", "source": "demo"}
    demo["collected_at"] = "2030-01-01T00:00:00Z"
    first = snapshot.write(tmp_path, demo, FILES)
    assert snapshot.named("latest", tmp_path) == first
    real = snapshot.write(tmp_path, MANIFEST, FILES)
    assert snapshot.named("latest", tmp_path) == real
    assert snapshot.named("latest", tmp_path, "111122223333") == first
    with pytest.raises(SnapshotError, match="of account 999999999999"):
        snapshot.named("latest", tmp_path, "999999999999")


def test_canonical_json_takes_any_text() -> None:
    text = 'é\ud800\u2028"\x00'
    assert json.loads(snapshot.canonical({"a": text})) == {"a": text}
