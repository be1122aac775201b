"""
What a proposal will do, found by doing it to the evidence: what ends, what is lost, what is new.

The account after the changes is audited as any other. A proposal after which something as grave as
what it ends is found, or whose changes AWS would refuse, is not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.checks import SEVERITIES, Status
from iamkit.errors import ChangeError
from iamkit.remedies.commands import Commands, commands
from iamkit.remedies.losses import in_use, losses
from iamkit.remedies.proposal import Proposal
from iamkit.remedies.proposals import proposals

WEIGHTS: Final = {"critical": 1000, "high": 100, "medium": 10, "low": 1}
VERDICTS: Final = ("MFA enforcement", "network restriction", "privilege", "steps to administrator",
                   "escalation", "verdict")  # fmt: skip
Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Remedy:
    """
    A proposal that was tried.

    `ended` and `new` are findings; `verdicts` are rows of `results.CHANGES`, `lost` of
    `LOSSES`; `in_use` names services that somebody loses and has used lately, as far as
    the evidence says. `commands` are those of each change, in order.
    """

    proposal: Proposal
    commands: tuple[Commands, ...]
    ended: pd.DataFrame
    new: pd.DataFrame
    verdicts: pd.DataFrame
    lost: pd.DataFrame
    in_use: tuple[str, ...]

    @property
    def gain(self) -> float:
        """How much risk goes per change: findings by their severity."""
        weight = sum(WEIGHTS.get(each, 0) for each in self.ended["severity"])
        weight -= sum(WEIGHTS.get(each, 0) for each in self.new["severity"])
        return weight / max(len(self.proposal.changes), 1)


@dataclass(frozen=True)
class Refused:
    """A proposal that is not offered, and why."""

    proposal: Proposal
    why: str


def remedies(
    account: Account, progress: Progress = lambda what, done, total: None
) -> tuple[list[Remedy], list[Refused]]:
    """
    Return the remedies of an account, those that gain most per change first, and what is refused.

    Each is tried by itself, which takes an audit.
    """
    made: list[Remedy] = []
    refused: list[Refused] = []
    wanted = []
    for each in proposals(account):
        if each.changes:
            wanted.append(each)
        else:
            refused.append(Refused(each, each.lacking))
    for number, proposal in enumerate(wanted):
        progress(proposal.title, number, len(wanted))
        try:
            remedy = tried(account, proposal)
        except ChangeError as error:
            refused.append(Refused(proposal, str(error)))
            continue
        if why := _objection(remedy):
            refused.append(Refused(proposal, why))
        else:
            made.append(remedy)
    progress("done", len(wanted), max(len(wanted), 1))
    return _with_own_files(sorted(made, key=lambda each: -each.gain)), refused


def _with_own_files(made: Sequence[Remedy]) -> list[Remedy]:
    """The same, with a file name of its own for each document that differs from one of its name."""
    known: dict[str, Any] = {}
    found = []
    for remedy in made:
        own = {name: document for each in remedy.commands for name, document in each.files.items()}
        wrong = [name for name, document in own.items() if known.get(name, document) != document]
        names = {name: f"{remedy.proposal.id}-{name}" for name in wrong}
        commands = tuple(each.renamed(names) for each in remedy.commands)
        known |= {names.get(name, name): document for name, document in own.items()}
        found.append(replace(remedy, commands=commands))
    return found


def tried(account: Account, proposal: Proposal) -> Remedy:
    """Return what a proposal does to an account. Raises `ChangeError` where AWS would refuse it."""
    after = account.what_if(*proposal.changes)
    before, now = (_failing(each) for each in (account, after))
    changed = after.since(account)
    lost = losses(account, after)
    return Remedy(
        proposal,
        tuple(commands(change, account) for change in proposal.changes),
        before[~before.index.isin(now.index)].reset_index(),
        now[~now.index.isin(before.index)].reset_index(),
        changed[changed["aspect"].isin(VERDICTS)].reset_index(drop=True),
        lost,
        tuple(in_use(account, lost)),
    )


def _failing(account: Account) -> pd.DataFrame:
    """The worst failing finding of each check and subject."""
    findings = account.audit.findings
    failing = findings[findings["status"].eq(Status.FAIL)]
    return failing.drop_duplicates(["check", "subject"]).set_index(["check", "subject"])


def _objection(remedy: Remedy) -> str:
    """Why a remedy is not offered; empty if it is."""
    if remedy.ended.empty:
        return "it ends no finding in this account"
    rank = SEVERITIES.index
    worst = min(map(rank, remedy.ended["severity"]))
    had = remedy.ended.groupby("subject")["severity"].agg(lambda of: min(map(rank, of)))
    for row in remedy.new.to_dict("records"):
        # What is found of somebody of whom something as grave went says less than before.
        if rank(row["severity"]) <= worst and had.get(row["subject"], 99) > rank(row["severity"]):
            return f"after it, {row['name']} would have: {row['title']}"
    return ""


def untouched(account: Account, found: Sequence[Remedy]) -> pd.DataFrame:
    """Return the findings that no remedy ends: each needs a decision, as its next step says."""
    failing = _failing(account)
    ended = [tuple(row) for each in found for row in each.ended[["check", "subject"]].to_numpy()]
    return failing[~failing.index.isin(ended)].reset_index()
