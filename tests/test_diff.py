"""`iamkit diff`, and the words that stand for audits, as a user types them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from iamkit.cli import main
from iamkit.evidence import snapshot
from tests.accounts import user
from tests.results.months import audit, line

ANN = {"UserDetailList": [user("ann")]}


@pytest.fixture
def months(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `reports/` has three audits, of January, February and April."""
    for number, mfa in ((1, True), (2, False), (4, True)):
        audit(tmp_path, number, ANN, line("ann", mfa=mfa))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "reports"


@pytest.mark.parametrize(
    ("name", "month"),
    [("latest", "04"), ("previous", "02"), ("2026-02", "02"), ("2026-01", "01")],
)
def test_a_word_stands_for_an_audit(months: Path, name: str, month: str) -> None:
    assert snapshot.named(name, months).parent.name == f"2026-{month}-01T060000Z"


@pytest.mark.parametrize("name", ["last-month", "2025-12"])
def test_a_month_without_an_audit_names_those_that_have_one(months: Path, name: str) -> None:
    ended = CliRunner().invoke(main, ["diff", name, "latest"])
    assert ended.exit_code == 2
    assert "2026-01, 2026-02, 2026-04" in ended.stderr


@pytest.mark.parametrize("name", ["2026-13", "2026-00", "2026-1"])
def test_what_looks_like_a_month_and_is_none_is_said(months: Path, name: str) -> None:
    ended = CliRunner().invoke(main, ["diff", name, "latest"])
    assert ended.exit_code == 2
    assert f"{name} is no month" in ended.stderr


def test_without_words_it_is_what_changed_since_the_audit_before(months: Path) -> None:
    ended = CliRunner().invoke(main, ["diff"])
    assert ended.exit_code == 0
    first = "Account 012345678901, from 2026-02-01 06:00 UTC to 2026-04-01 06:00 UTC"
    assert ended.stdout.splitlines()[0] == first
    assert "latest: account 012345678901, evidence of 2026-04-01T060000Z" in ended.stderr
    assert "better  ann: no → yes" in ended.stdout


def test_json_and_csv(months: Path) -> None:
    ended = CliRunner().invoke(main, ["diff", "2026-01", "2026-02", "--format", "json"])
    content = json.loads(ended.stdout)
    assert content["account"] == "012345678901"
    assert content["after"] == "2026-02-01 06:00 UTC"
    assert "MFA device registered" in {each["aspect"] for each in content["changes"]}
    ended = CliRunner().invoke(main, ["diff", "2026-01", "2026-02", "--format", "csv"])
    assert ended.stdout.splitlines()[0].endswith(
        "aspect,name,before,after,direction,severity,subject,key"
    )


def test_a_new_grave_finding_is_exit_code_1(months: Path) -> None:
    worse = CliRunner().invoke(main, ["diff", "2026-01", "2026-02", "--fail-on", "high"])
    assert worse.exit_code == 1
    assert "new findings at or above high" in worse.stderr
    same = CliRunner().invoke(main, ["diff", "2026-02", "2026-02", "--fail-on", "low"])
    assert same.exit_code == 0


def test_a_report_is_verified_by_its_word(months: Path) -> None:
    ended = CliRunner().invoke(main, ["verify", "2026-02"])
    assert ended.exit_code == 0
    assert "2026-02-01T060000Z" in ended.stdout
