"""
What every remedy promises, on accounts that nobody wrote for it, by an evaluator of its own.

After a remedy its findings are gone and nothing graver is new; and who loses an action is said to:
`tests/remedies/requests.py` asks, request by request, what each identity may do before and after.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.account import Account as AccountClass
from iamkit.checks import SEVERITIES
from iamkit.remedies import Remedy, remedies
from iamkit.results import changes
from tests.examples import thorough
from tests.remedies.accounts import REQUESTS, drawn
from tests.remedies.requests import Request

DATA = Path(__file__).parents[1] / "data"
SEEDS = range(200 if thorough() else 1)
DETAILS = "authorization_details.json"
SAMPLE = 40  # actions of an account that others made, that are asked about


def tried(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Remedy, Account]]:
    """Each remedy with the account after it, which the trial has audited already."""
    after: dict[tuple[changes.Change, ...], Account] = {}
    what_if = AccountClass.what_if

    def kept(self: Account, *wanted: changes.Change) -> Account:
        after[tuple(map(repr, wanted))] = what_if(self, *wanted)
        return after[tuple(map(repr, wanted))]

    monkeypatch.setattr(AccountClass, "what_if", kept)
    found, _ = remedies(account)
    for each in found:
        yield each, after[tuple(map(repr, each.proposal.changes))]


def failing(account: Account) -> dict[tuple[str, str], int]:
    """The worst severity of what fails, by check and subject; 0 is the gravest."""
    rows = account.audit.findings.query("status == 'fail'")
    worst: dict[tuple[str, str], int] = {}
    for check, subject, severity in zip(
        rows["check"], rows["subject"], rows["severity"], strict=True
    ):
        rank = SEVERITIES.index(severity)
        worst[check, subject] = min(rank, worst.get((check, subject), rank))
    return worst


def findings_are_gone(before: Account, remedy: Remedy, after: Account) -> None:
    had, have = failing(before), failing(after)
    ended = set(zip(remedy.ended["check"], remedy.ended["subject"], strict=True))
    assert ended
    assert ended == had.keys() - have.keys()
    gone = {subject: min(had[each] for each in ended if each[1] == subject) for _, subject in ended}
    for key in have.keys() - had.keys():
        assert have[key] > min(gone.values()) or gone.get(key[1], 99) <= have[key], key


def loses_only(
    before: dict[str, set[Request]], after: dict[str, set[Request]], remedy: Remedy
) -> None:
    """No identity loses an action that is not said, and no said one is possible still."""
    said = dict(zip(remedy.lost["principal_arn"], remedy.lost["lost_actions"], strict=True))
    for arn, could in before.items():
        can = {action for action, _, _ in after.get(arn, set())}
        lost = {action for action, _, _ in could} - can
        named = set(said.get(arn, []))
        assert lost <= named, (remedy.proposal.id, arn, lost - named)


def uses_on(account: Account, before: Any, after: Any, remedy: Remedy) -> None:
    """What somebody has used, action by action, stays allowed wherever it was."""
    if remedy.proposal.id != "cut-unused-permissions":
        return
    rows = account.last_accessed.dropna(subset="actions_used")
    for row in rows.to_dict("records"):
        names = {f"{row['service']}:{name}" for name in row["actions_used"]}
        arn = row["principal_arn"]
        asked = {each for each in before.get(arn, set()) if each[0] in names}
        assert asked <= after.get(arn, set()), (arn, names)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_remedy_of_a_random_account_keeps_its_promise(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = drawn(seed, tmp_path)
    could = REQUESTS.may(account.snapshot.json(DETAILS))
    number = 0
    for remedy, after in tried(account, monkeypatch):
        number += 1
        can = REQUESTS.may(after.snapshot.json(DETAILS))
        findings_are_gone(account, remedy, after)
        loses_only(could, can, remedy)
        uses_on(account, could, can, remedy)
    assert number > 0
