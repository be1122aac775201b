"""What could be changed is found once of an account, and its evidence read once."""

import pytest

from iamkit import Account
from iamkit.evidence.snapshot import Snapshot
from iamkit.remedies import commands, proposals
from tests.accounts import again


def test_pages_and_files_share_the_proposals_of_an_account(demo_account: Account) -> None:
    first, second = proposals(demo_account), proposals(demo_account)
    assert first
    assert [id(each) for each in first] == [id(each) for each in second]
    assert proposals(again(demo_account)) == first, "another account has its own"


def test_commands_do_not_read_the_evidence_again_for_each_change(
    demo_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = [change for each in proposals(demo_account) for change in each.changes]
    read: list[str] = []
    parsed = Snapshot.json

    def counted(snapshot: Snapshot, name: str) -> object:
        read.append(name)
        return parsed(snapshot, name)

    monkeypatch.setattr(Snapshot, "json", counted)
    deleted = [change for change in changes if type(change).__name__ == "DeleteRole"]
    assert len(deleted) > 1
    for change in deleted:
        commands(change, demo_account)
    assert len(read) <= 1
