"""A report's notebooks find what they were made from where they lie, or say what is missing."""

import json
from pathlib import Path

import pytest

from iamkit import load
from iamkit.errors import SettingsError, SnapshotError
from iamkit.evidence import of_report, snapshot
from iamkit.settings import Settings
from tests.accounts import ACCOUNT, written


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report that was written elsewhere than beside its evidence, in the working folder."""
    evidence = written(tmp_path).snapshot
    folder = tmp_path / "moved"
    folder.mkdir()
    settings = {"file": "ours.yaml", "values": Settings(unused_days=30).values()}
    facts = {
        "account_id": ACCOUNT,
        "as_of": evidence.manifest["as_of"],
        "evidence_sha256": evidence.evidence_hash,
        "settings": settings,
    }
    (folder / of_report.MANIFEST).write_text(json.dumps(facts))
    monkeypatch.chdir(folder)
    return folder


def change(report: Path, **facts: object) -> None:
    manifest = report / of_report.MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | facts))


def test_evidence_is_found_where_it_was_collected_with_the_settings_of_the_report(
    report: Path,
) -> None:
    account = load("snapshot", "ours.yaml")
    assert account.account_id == ACCOUNT
    assert account.settings.unused_days == 30


def test_evidence_and_settings_beside_the_report_come_first(report: Path) -> None:
    (report.parent / "reports" / ACCOUNT).rename(report / "there")
    next((report / "there").glob("*/snapshot")).rename(report / "snapshot")
    (report / "ours.yaml").write_text("unused_days: 31")
    assert load("snapshot", "ours.yaml").settings.unused_days == 31


@pytest.mark.parametrize("change_it", [True, False])
def test_evidence_that_is_nowhere_is_named(report: Path, *, change_it: bool) -> None:
    """Other evidence of the same time is not the report's."""
    if change_it:
        change(report, evidence_sha256="0" * 64)
    else:
        (report.parent / "reports" / ACCOUNT).rename(report.parent / "gone")
    with pytest.raises(
        SnapshotError, match=f"account {ACCOUNT} as of .* SHA-256 .* set `snapshot`"
    ):
        load("snapshot")


def test_checks_of_one_s_own_are_asked_for(report: Path) -> None:
    values = Settings().values() | {"own_checks": ["ours.py"]}
    change(report, settings={"file": "ours.yaml", "values": values})
    with pytest.raises(SettingsError, match=r"ours\.py\), which it does not hold; set `settings`"):
        load("snapshot", "ours.yaml")


def test_another_file_that_is_missing_is_still_missing(report: Path) -> None:
    with pytest.raises(SettingsError, match=r"theirs\.yaml"):
        load("snapshot", "theirs.yaml")
    with pytest.raises(SnapshotError, match="is no snapshot"):
        load(report.parent / "elsewhere")


@pytest.mark.parametrize("content", ["", "[]", '{"account_id": 1, "as_of": 2}'])
def test_a_manifest_that_says_nothing_is_as_none(report: Path, content: str) -> None:
    (report / of_report.MANIFEST).write_text(content)
    assert of_report.evidence(Path("snapshot"), snapshot.reports_folder(report)) == Path("snapshot")
    assert of_report.settings(Path("ours.yaml")) is None
