"""
What a proposal will do, found by doing it to the evidence: what ends, what is lost, what is new.

The account after the changes is audited as any other. A proposal after which something as grave as
what it ends is found, or whose changes AWS would refuse, is not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.checks import SEVERITIES, Status
from iamkit.errors import ChangeError
from iamkit.remedies.commands import Commands, commands
from iamkit.remedies.losses import in_use, losses
from iamkit.remedies.proposal import Proposal, fitted
from iamkit.remedies.proposals import proposals
from iamkit.results import changes

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
        found = _offered(account, proposal)
        if isinstance(found, Refused):
            refused.append(found)
        else:
            made.append(found)
    progress("done", len(wanted), max(len(wanted), 1))
    return _with_own_files(sorted(made, key=lambda each: -each.gain)), refused


def _offered(account: Account, proposal: Proposal) -> Remedy | Refused:
    """The remedy, without those of whom something as grave would be found; or why there is none."""
    while True:
        try:
            remedy = tried(account, proposal)
        except ChangeError as error:
            return Refused(proposal, str(error))
        if remedy.ended.empty:
            return Refused(proposal, "it ends no finding in this account")
        graver = _graver(remedy)
        if not graver:
            return remedy
        kept = [part for part in proposal.parts if not _about(part, graver)]
        left = fitted(account, proposal.without(kept, (f"not done: {w}" for w in graver.values())))
        if len(kept) == len(proposal.parts) or not left.changes:
            return Refused(proposal, next(iter(graver.values())))
        proposal = left


def _about(part: Sequence[changes.Change], subjects: Iterable[str]) -> bool:
    """Whether one of the changes names one of the subjects, or whose inline policy it is."""
    named = {*subjects, *(each.partition("#")[0] for each in subjects)}
    return any(each in named for change in part for each in vars(change).values()
               if isinstance(each, str))  # fmt: skip


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
        tuple(commands(change, account, proposal.to_fill) for change in proposal.changes),
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


def _graver(remedy: Remedy) -> dict[str, str]:
    """Of whom something as grave as what ends would be found after a remedy, and what."""
    rank = SEVERITIES.index
    worst = min(map(rank, remedy.ended["severity"]))
    had = remedy.ended.groupby("subject")["severity"].agg(lambda of: min(map(rank, of)))
    return {
        row["subject"]: f"after it, {row['name']} would have: {row['title']}"
        for row in remedy.new.to_dict("records")
        # What is found of somebody of whom something as grave went says less than before.
        if rank(row["severity"]) <= worst and had.get(row["subject"], 99) > rank(row["severity"])
    }


def untouched(account: Account, found: Sequence[Remedy]) -> pd.DataFrame:
    """Return the findings that no remedy ends: each needs a decision, as its next step says."""
    failing = _failing(account)
    ended = [tuple(row) for each in found for row in each.ended[["check", "subject"]].to_numpy()]
    return failing[~failing.index.isin(ended)].reset_index()
