"""The audits of several accounts, explored together."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from iamkit import Account, fleet, load
from iamkit.errors import SettingsError, SnapshotError
from iamkit.evidence import cli_files
from iamkit.fleet import audits
from iamkit.settings import Settings
from tests.fleet.accounts import saved

ONE, TWO, THREE = "111111111111", "222222222222", "333333333333"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three accounts: two audits of the first, and one of the third that has left no record."""
    folder = tmp_path_factory.mktemp("fleet")
    for account_id, month, *names in (
        (ONE, "2026-10", "ann", "bob"),
        (ONE, "2026-11", "ann"),
        (TWO, "2026-11", "bob", "eve"),
        (THREE, "2026-11"),
    ):
        given = saved(folder / f"{account_id}-{month}", account_id, *names, month=month)
        taken = cli_files.from_files(folder / "reports", given)
        if account_id != THREE:
            load(taken, Settings(unused_days=40 if account_id == ONE else 90)).history.keep()
    said = {"accounts": [{"account_id": ONE, "name": "first"}, {"account_id": None, "name": "x"}]}
    (folder / "reports/results.json").write_text(json.dumps(said))
    (folder / "reports/999").mkdir()
    return folder / "reports"


@pytest.fixture(scope="module")
def ours(reports: Path) -> fleet.Fleet:
    return fleet.open(reports)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which accounts are loaded."""
    found: list[str] = []

    def noted(path: Path, settings: Settings) -> Account:
        found.append(path.parents[1].name)
        return load(path, settings)

    monkeypatch.setattr(audits, "load", noted)
    return found


def test_each_account_is_there_by_its_newest_audit(ours: fleet.Fleet) -> None:
    found = ours.accounts.set_index("account_id")
    assert found.index.tolist() == [ONE, TWO, THREE]
    assert found.loc[ONE, "as_of"] == pd.Timestamp("2026-11-01T06:00Z")
    assert found.loc[ONE, "name"] == "first"
    assert pd.isna(found.loc[TWO, "name"])
    assert found["problem"].isna().all()
    assert found["gap_count"].gt(0).all()
    assert "3 accounts" in repr(ours)


def test_what_was_kept_answers_without_the_evidence(reports: Path, loaded: list[str]) -> None:
    ours = fleet.load_fleet(reports)
    people = ours.identities
    assert loaded == [THREE], "the only one that has left no record"
    users = people[people["kind"] == "user"]
    assert users.groupby("account_id")["name"].agg(list).to_dict() == {
        ONE: ["ann"],
        TWO: ["bob", "eve"],
    }
    measures = ours.measures.query("measure == 'administrators'").set_index("account_id")["value"]
    assert measures.to_dict() == {ONE: 1, TWO: 2, THREE: 0}
    assert set(ours.findings["account_id"]) == {ONE, TWO, THREE}
    assert loaded == [THREE], "once"


@pytest.mark.parametrize("account_id", [ONE, TWO, THREE])
def test_the_figures_are_those_of_the_account_alone(ours: fleet.Fleet, account_id: str) -> None:
    alone = ours.account(account_id)
    days = {ONE: 40, TWO: 90, THREE: Settings().unused_days}
    assert alone.settings.unused_days == days[account_id], "as in its report"
    failing = alone.audit.findings.query("status == 'fail'")
    mine = ours.findings.query("account_id == @account_id and status == 'fail'")
    assert set(mine["check"]) == set(failing["check"])
    people = ours.identities.query("account_id == @account_id")
    assert sorted(people["arn"]) == sorted(alone.identities["principal_arn"])
    whole = ours.table("identities").query("of_account == @account_id")
    assert whole["principal_arn"].tolist() == alone.identities["principal_arn"].tolist()


def test_one_question_to_all_accounts(ours: fleet.Fleet) -> None:
    found = ours.who_can("iam:CreateUser")
    assert found.groupby("of_account")["name"].agg(set).to_dict() == {
        ONE: {"<root_account>", "ann"},
        TWO: {"<root_account>", "bob", "eve"},
        THREE: {"<root_account>"},
    }
    assert "in 3 accounts" in found.of
    with pytest.raises(SettingsError, match="iam:CreateUser"):
        ours.who_can("iam:CreateUsr")


def test_a_resource_of_another_account_is_only_possible(ours: fleet.Fleet) -> None:
    found = ours.who_can("sqs:SendMessage", f"arn:aws:sqs:eu-west-1:{ONE}:queue")
    extents = found.groupby("of_account")["extent"].agg(set).to_dict()
    assert extents[ONE] == {"allowed"}
    assert extents[TWO] == {"possibly allowed"}


def test_few_accounts_are_kept_in_memory(reports: Path, loaded: list[str]) -> None:
    ours = fleet.open(reports, keep=1)
    assert len(ours.who_can("s3:GetObject")) > 0
    assert ours.account(THREE) is ours.account(THREE)
    assert loaded == [ONE, TWO, THREE]
    ours.account(ONE)
    assert loaded == [ONE, TWO, THREE, ONE]


def test_other_settings_hold_where_they_are_given(reports: Path, loaded: list[str]) -> None:
    ours = fleet.open(reports, Settings(unused_days=7))
    assert len(ours.findings) > 0
    assert loaded == [ONE, TWO, THREE], "what was kept is of other settings"
    assert ours.account(ONE).settings.unused_days == 7


def test_an_account_that_cannot_be_read_is_said(reports: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    shutil.copytree(reports, folder)
    (damaged,) = folder.glob(f"{THREE}/*/snapshot/authorization_details.json")
    damaged.chmod(0o600)
    damaged.write_text("{}")
    ours = fleet.open(folder)
    assert ours.accounts.set_index("account_id")["problem"].notna().to_dict() == {
        ONE: False,
        TWO: False,
        THREE: True,
    }
    with pytest.warns(UserWarning, match=f"account {THREE}: it is left out"):
        assert set(ours.findings["account_id"]) == {ONE, TWO}
    with pytest.warns(UserWarning, match=THREE):
        assert "1 account not known" in ours.who_can("s3:GetObject").of
    with pytest.warns(UserWarning, match=THREE):
        assert set(ours.table("audit.findings")["of_account"]) == {ONE, TWO}


def test_what_is_not_there_is_said(reports: Path, ours: fleet.Fleet, tmp_path: Path) -> None:
    for folder, said in ((tmp_path, "holds no audit"), (tmp_path / "none", "is no folder")):
        with pytest.raises(SnapshotError, match=said):
            fleet.open(folder)
    with pytest.raises(SettingsError, match="there is no account '1'"):
        ours.account("1")
    with pytest.raises(SettingsError, match="did you mean identities"):
        ours.table("identitys")
