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
from iamkit.checks import SEVERITIES
from iamkit.remedies import Proposal, Remedy, proof, proposals, remedies
from tests.examples import thorough
from tests.remedies.accounts import REQUESTS, drawn
from tests.remedies.afterwards import audited_once
from tests.remedies.requests import Request
from tests.results.test_advice import files

SEEDS = range(200 if thorough() else 1)
ESCALATION = Path(__file__).parents[1] / "data" / "escalation"
DETAILS = "authorization_details.json"
# Of a random account `make test` tries those that no other test here proves.
SELDOM = ("close-network-lists", "cut-unused-permissions", "end-paths-1")


@pytest.fixture(autouse=True)
def _sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out of `make test` what seldom differs."""
    if not thorough():
        monkeypatch.setattr(proof, "proposals", seldom)


def seldom(account: Account) -> list[Proposal]:
    return [each for each in proposals(account) if each.id in SELDOM]


def tried(account: Account) -> Iterator[tuple[Remedy, Account]]:
    """Each remedy with the account after it, which the trial has audited already."""
    with audited_once():
        for each in remedies(account)[0]:
            yield each, account.what_if(*each.proposal.changes)


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
def test_every_remedy_of_a_random_account_keeps_its_promise(seed: int, tmp_path: Path) -> None:
    account = drawn(seed, tmp_path)
    could = REQUESTS.may(account.snapshot.json(DETAILS))
    number = 0
    for remedy, after in tried(account):
        number += 1
        can = REQUESTS.may(after.snapshot.json(DETAILS))
        findings_are_gone(account, remedy, after)
        loses_only(could, can, remedy)
        uses_on(account, could, can, remedy)
    assert number > 0


@pytest.mark.skipif(not thorough(), reason="make test-large")
def test_every_remedy_of_the_demo_company_ends_its_findings(demo_account: Account) -> None:
    names = set()
    for remedy, after in tried(demo_account):
        names.add(remedy.proposal.id)
        findings_are_gone(demo_account, remedy, after)
    assert len(names) > 8


@pytest.mark.skipif(not thorough(), reason="make test-large")
def test_every_remedy_of_the_lab_ends_its_findings(tmp_path: Path) -> None:
    given = ("authorization_details.json", "credential_report.csv")
    lab = files(ESCALATION, {f"iam_vulnerable_{name}": name for name in given}, tmp_path)
    names = set()
    for remedy, after in tried(lab):
        names.add(remedy.proposal.id)
        findings_are_gone(lab, remedy, after)
    assert len(names) > 3
