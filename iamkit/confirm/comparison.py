"""
What AWS's simulator says of a sample, beside what the kit says; disagreements come first.

What either of the two does not know is not comparable: it neither agrees nor disagrees.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.confirm.by_hand import command
from iamkit.confirm.simulated import NOT_JUDGED, SimulatedRequest
from iamkit.confirm.simulator import EFFECTS, Ask, Progress, Said, Simulator
from iamkit.counts import counted
from iamkit.errors import CollectError
from iamkit.evidence import requests
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table
from iamkit.values import as_dict, printable

DISAGREES: Final = "disagrees"
AGREES: Final = "agrees"
NOT_COMPARABLE: Final = "not comparable"
OUTCOMES: Final = (DISAGREES, NOT_COMPARABLE, AGREES)
SHOWN: Final = 20  # that are not comparable, in the text

CONFIRMATION: Final = Table(
    name="confirmation",
    row="one request of the sample, as the kit and AWS's policy simulator decide it",
    key=("number",),
    columns=(
        Column("number", COUNT, "place in the table, from 1: disagreements come first"),
        Column(
            "outcome",
            TEXT,
            "disagrees, agrees or not comparable: one of the two does not know, or was not asked",
            values=OUTCOMES,
        ),
        Column("principal_arn", TEXT, "ARN of the user or role that makes the request"),
        Column("action", TEXT, "action"),
        Column("resource", TEXT, "ARN, or *"),
        Column("context", OBJECT, "dict: condition keys that a policy tests, and their values"),
        Column("source", TEXT, "the table or the kind of request that it was drawn from"),
        Column("decision", TEXT, "the kit's: Allowed, ExplicitlyDenied, ImplicitlyDenied, Unknown"),
        Column("why", TEXT, "why the kit decides so"),
        Column("simulator", TEXT, "the simulator's decision; missing: it gave none"),
        Column("matched", OBJECT, "list of the statements that the simulator says decide"),
        Column("reason", TEXT, "why it is not comparable; missing: it is"),
        Column("command", TEXT, "AWS CLI command that asks the simulator; empty: it cannot judge"),
    ),
)


@dataclass(frozen=True)
class Confirmation:
    """A sample compared: `table` has the rows of `CONFIRMATION`."""

    account_id: str
    as_of: str
    evidence: str
    seed: int
    table: pd.DataFrame

    @property
    def counts(self) -> dict[str, int]:
        """How many requests came to what."""
        found = self.table["outcome"].value_counts()
        return {name: int(found.get(name, 0)) for name in OUTCOMES}

    @property
    def disagreements(self) -> str:
        """How many there are, in words; empty if none."""
        number = self.counts[DISAGREES]
        return f"AWS's simulator decides {counted(number, 'requests')} otherwise" if number else ""

    @property
    def json(self) -> str:
        """All of it, as JSON."""
        shown = self.table.astype("object")
        content = {
            "account": self.account_id,
            "as_of": self.as_of,
            "evidence": self.evidence,
            "seed": self.seed,
            "counts": self.counts,
            "never_compared": list(NOT_JUDGED),
            "requests": shown.where(shown.notna(), None).to_dict("records"),
        }
        return json.dumps(content, indent=1) + "\n"

    @property
    def text(self) -> str:
        """The same for people: disagreements whole, of the rest how many, and why."""
        return "".join(f"{printable(line)}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        counts = self.counts
        rows: list[Any] = list(self.table.itertuples(index=False))
        compared = counts[DISAGREES] + counts[AGREES]
        yield f"Evidence of {self.as_of}; what has changed since is a disagreement too."
        if not compared:
            yield "Nothing was compared: this says nothing about the kit's decisions."
        yield f"Disagreements: {counts[DISAGREES]} of {compared} requests that were compared"
        for row in (each for each in rows if each.outcome == DISAGREES):
            yield f"  {row.number}. {_one(row.principal_arn)}: {row.action} on {_one(row.resource)}"
            if row.context:
                yield f"     with {_one(', '.join(f'{k}={v}' for k, v in row.context.items()))}"
            yield f"     kit: {row.decision}. {_one(row.why)}"
            yield f"     simulator: {row.simulator}, by {_one('; '.join(row.matched)) or 'nothing'}"
            yield f"     {_one(row.command)}"
        yield f"Agreements: {counts[AGREES]}"
        for name, number in self._kinds():
            yield f"  {name}: {number}"
        yield f"Not comparable: {counts[NOT_COMPARABLE]}"
        other = [each for each in rows if each.outcome == NOT_COMPARABLE]
        for row in other[:SHOWN]:
            yield f"  {_one(row.principal_arn)}: {row.action}: {_one(row.reason)}"
        if len(other) > SHOWN:
            yield f"  and {len(other) - SHOWN} more; the JSON has all"
        yield f"Never compared: {'; '.join(NOT_JUDGED)}"

    def _kinds(self) -> Iterator[tuple[str, int]]:
        agreed = self.table[self.table["outcome"] == AGREES]
        counts = agreed["decision"].value_counts()
        yield from ((name, int(counts[name])) for name in EFFECTS.values() if name in counts)


def _one(text: str) -> str:
    """Text of the account on one line."""
    return " ".join(text.split())


def compare(
    account: Account,
    drawn: Sequence[SimulatedRequest],
    ask: Ask,
    *,
    seed: int = 0,
    progress: Progress = lambda what, done, total: None,
) -> Confirmation:
    """
    Ask the simulator about each request that it can judge, and compare.

    `ask` is `evidence.aws.asking(…)`. Raises `CollectError` if the credentials are of another
    account or do not work, AWS refuses the action, or the simulator answers nothing at all.
    """
    _same_account(account, ask)
    wanted = [each for each in drawn if not each.not_comparable]
    said = Simulator(ask, progress).decide(wanted)
    failures = [each.failure for each in said.values()]
    if failures and all(failures):
        raise CollectError(f"AWS's policy simulator answered nothing: {failures[0]}; ask again")
    return _confirmation(account, drawn, said, seed)


def planned(account: Account, drawn: Sequence[SimulatedRequest], seed: int = 0) -> Confirmation:
    """Return a comparison of which nothing was asked yet."""
    return _confirmation(account, drawn, {}, seed)


def _confirmation(
    account: Account,
    drawn: Iterable[SimulatedRequest],
    said: Mapping[SimulatedRequest, Said],
    seed: int,
) -> Confirmation:
    """Return the comparison of requests with what the simulator says of them, so far."""
    rows = [_row(account, each, said.get(each, Said(failure="not asked"))) for each in drawn]
    rows.sort(key=lambda row: OUTCOMES.index(row["outcome"]))
    table = CONFIRMATION.rows(*({**row, "number": at} for at, row in enumerate(rows, start=1)))
    manifest = account.snapshot.manifest
    return Confirmation(
        account.account_id, manifest["as_of"], account.snapshot.evidence_hash, seed, table
    )


def _same_account(account: Account, ask: Ask) -> None:
    caller = as_dict(ask(requests.CALLER).content)
    there = caller.get("Account")
    if there is None:
        raise CollectError("AWS does not say whose the credentials are; check them and ask again")
    if there != account.account_id:
        raise CollectError(
            f"these credentials are of account {there}, and the evidence is of "
            f"{account.account_id}; name a profile of that account with --profile"
        )


def _row(account: Account, asked: SimulatedRequest, said: Said) -> dict[str, Any]:
    reason = asked.not_comparable or said.failure or _by_unseen_scps(asked, said)
    compared = AGREES if _same(asked, said.effect) else DISAGREES
    return {
        "outcome": NOT_COMPARABLE if reason else compared,
        "principal_arn": asked.principal_arn,
        "action": asked.action,
        "resource": asked.resource,
        "context": asked.context,
        "source": asked.source,
        "decision": asked.decision.effect,
        "why": asked.decision.why,
        "simulator": said.effect or None,
        "matched": said.matched,
        "reason": reason or None,
        "command": command(asked),
    }


def _by_unseen_scps(asked: SimulatedRequest, said: Said) -> str:
    if asked.scps_known or not said.by_scps:
        return ""
    return "service control policies refuse it, and the evidence does not have them"


def _same(asked: SimulatedRequest, effect: str) -> bool:
    """Whether both decide alike; kinds of denials only where no SCP may have made them."""
    if asked.kinds_compare:
        return asked.decision.effect == effect
    return bool(asked.decision) == (effect == "Allowed")
