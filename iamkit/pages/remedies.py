"""
The page on remedies: what exactly should be changed, and what that does.

Without `prove`, what a remedy ends is counted from the findings that it is made for (`expected`),
because each proof takes as long as an audit.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.counts import agreeing, counted
from iamkit.errors import ChangeError
from iamkit.pages.expected import (
    GRAVE,
    Expected,
    expected,
    failing_findings,
    said,
)
from iamkit.remedies import Commands, Proposal, Refused, Remedy, commands, proposals, remedies
from iamkit.values import few

PAGE: Final = "10-remedies"
SCRIPT: Final = "iamkit remedies SNAPSHOT --out FOLDER"
FIRST_PATHS: Final = "end-paths-1"
MOST_NAMES: Final = 12  # of those who may be cut off, and of other lists
MOST_LINES: Final = 25  # of commands, of one remedy
MOST_LEFT: Final = 10  # of subjects, of one check
MOST_DOCUMENT: Final = 6000  # characters


@dataclass(frozen=True)
class Offered:
    """A remedy as the page shows it: with its proof, or with what it is expected to end."""

    proposal: Proposal
    ends: pd.DataFrame
    commands: tuple[Commands, ...]
    is_counted: bool = True
    made_for: str = ""  # the gravest severity of what it is made for
    proof: Remedy | None = None

    @property
    def severity(self) -> str:
        """The gravest severity of what it ends, or is made for if that is not counted."""
        return next(iter(self.counts), self.made_for)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings of each severity it ends, the gravest first."""
        found = self.ends["severity"].value_counts()
        return {name: int(found[name]) for name in GRAVE if name in found}


@dataclass(frozen=True)
class Offer:
    """All remedies of an account, those that lower risk most first, and those not offered."""

    remedies: Sequence[Offered]
    refused: Sequence[Refused] = ()
    failing: pd.DataFrame = field(default_factory=pd.DataFrame)
    proven: bool = False


def offered(account: Account, *, prove: bool = False) -> Offer:
    """Return the remedies of an account; `prove`: each is tried, by an audit of its own."""
    failing = failing_findings(account).drop_duplicates(["check", "subject"])
    if prove:
        found, refused = remedies(account)
        made = [Offered(each.proposal, each.ended, each.commands, proof=each) for each in found]
        order = sorted(made, key=lambda each: [-each.counts.get(name, 0) for name in GRAVE])
        return Offer(order, refused, failing, proven=True)
    there = proposals(account)
    made, refused = [], [Refused(each, each.lacking) for each in there if each.lacking]
    for each in expected(account, there):
        try:
            lines = tuple(
                commands(change, account, each.proposal.to_fill) for change in each.proposal.changes
            )
        except ChangeError as error:
            refused.append(Refused(each.proposal, str(error)))
        else:
            made.append(Offered(each.proposal, each.ends, lines, each.is_counted, each.severity))
    return Offer(made, refused, failing)


# --- the first page


def first(account: Account, most: int = 5) -> list[dict[str, str]]:
    """
    Return the changes that lower risk most: what to do, to whom, and which findings that ends.

    The findings are counted, and not proved: see `expected`.
    """
    # How many paths end is not counted, and yet nothing else ends them.
    found = [
        each for each in expected(account) if len(each.ends) or each.proposal.id == FIRST_PATHS
    ]
    return [
        {
            "severity": each.severity,
            "what": each.proposal.title,
            "whom": _whom(each.proposal),
            "ends": _said(each),
            "address": address(each.proposal.id),
        }
        for each in found[:most]
    ]


def _said(each: Expected) -> str:
    if len(each.ends):
        return f"Ends at least {_with_worst(each)}."
    return "Most paths to administrator access go through this place."


def address(remedy: str) -> str:
    """Return where the page describes a remedy."""
    return f"{PAGE}.html#{charts.anchor('remedy', remedy)}"


def _with_worst(each: Expected) -> str:
    """
    Return how many findings end, and how many of them are the gravest.

    14 findings, 2 of them critical.
    """
    total, (worst, number) = sum(each.counts.values()), next(iter(each.counts.items()))
    if total == number:
        return counted(total, f"{worst} findings")
    return f"{counted(total, 'findings')}, {number:,} of them {worst}"


# What the changes of a kind are made to.
_KINDS: Final[Mapping[str, str]] = {
    "AddUserToGroup": "users",
    "DeactivateAccessKey": "access keys",
    "DeleteAccessKey": "access keys",
    "DeleteLoginProfile": "passwords",
    "DeletePolicy": "policies",
    "DeletePolicyVersion": "policy versions",
    "UpdateAssumeRolePolicy": "trust policies",
    "UpdatePasswordPolicy": "password policies",
    "AttachPolicy": "attached policies",
    "DetachPolicy": "attached policies",
    "PutInlinePolicy": "inline policies",
    "DeleteInlinePolicy": "inline policies",
    "CreatePolicyVersion": "policies",
    "CreatePolicy": "new policies",
    "CreateGroup": "new groups",
    "CreateRole": "new roles",
    "DeleteRole": "roles",
    "DeleteGroup": "groups",
    "CreateAnalyzer": "new analyzers",
}


def _whom(proposal: Proposal) -> str:
    """
    Return all that a remedy changes, in numbers: users, and then the most first.

    11 users, 1 new policy, 1 new group, 1 attached policy.
    """
    kinds = Counter(type(each).__name__ for each in proposal.changes)
    called: Counter[str] = Counter()  # one is attached where another is detached
    for name, number in kinds.items():
        called[_KINDS.get(name, "changes")] += number
    ordered = sorted(called.most_common(), key=lambda pair: pair[0] != "users")
    return ", ".join(counted(number, names) for names, number in ordered)


# --- the page


def headline(offer: Offer) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page."""
    ended, total = _ended(offer), len(offer.failing)
    said_of = "proved by an audit after each" if offer.proven else "at least, as counted"
    stopped = sum(len(each.proposal.cut_off) for each in offer.remedies)
    numbers: dict[str, Any] = {
        "Remedies": (len(offer.remedies), "changes that belong together, with commands"),
        "Findings they end": (len(ended), f"of {total:,}; {said_of}"),
        "May be cut off": (stopped, "users and keys to ask about first", "note"),
        "Left to decide": (total - len(ended), "findings that only a person can decide"),
    }
    return charts.figures(**numbers)


def _ended(offer: Offer) -> set[tuple[str, str]]:
    return {
        (check, subject)
        for each in offer.remedies
        for check, subject in each.ends[["check", "subject"]].itertuples(index=False)
    }


def overview(offer: Offer) -> pd.DataFrame:
    """Return a row per remedy: what it changes, ends and may stop, and whether it can be undone."""
    rows = [
        {
            "severity": each.severity or None,
            "remedy": each.proposal.title,
            "changes": _whom(each.proposal),
            "ends": said(each.counts) if each.is_counted else "not counted",
            "may be cut off": len(each.proposal.cut_off),
            "cannot be undone": sorted({of.lasting for of in each.commands if of.lasting}) or None,
        }
        for each in offer.remedies
    ]
    columns = ["severity", "remedy", "changes", "ends", "may be cut off", "cannot be undone"]
    return pd.DataFrame(rows, columns=columns)


def links(offer: Offer) -> dict[str, dict[str, str]]:
    """Return where the titles of remedies lead, for tables of this page."""
    to = {each.proposal.title: f"#{_anchor(each)}" for each in offer.remedies}
    return {"remedy": to}


def _anchor(each: Offered) -> str:
    return charts.anchor("remedy", each.proposal.id)


def described(account: Account, offer: Offer) -> list[charts.Part]:
    """Return a fold for each remedy: all that is known before somebody makes the changes."""
    return [_fold(account, each) for each in offer.remedies]


def _fold(account: Account, each: Offered) -> charts.Part:
    of = each.proposal
    parts = [charts.text("Why:", of.why)]
    if each.is_counted:
        ends = charts.table(_by_check(each), "What it ends", severity="severity")
        parts.append(charts.within(ends))
    else:
        parts.append(charts.text("What it ends:", f"It is not counted; `{SCRIPT}` tries it."))
    parts += _taken_away(each)
    for label, names in (
        ("May be cut off:", of.cut_off),
        ("Not known:", of.not_known),
        ("Left out:", of.left_out),
        ("To be filled in:", [f"{each.name}: {each.meaning}" for each in of.to_fill]),
        ("Cannot be undone:", sorted({one.lasting for one in each.commands if one.lasting})),
    ):
        if names:
            parts.append(charts.text(label, few(names, MOST_NAMES, "; ")))
    lines = [as_aws(line) for one in each.commands for line in one.do]
    undo = [as_aws(line) for one in reversed(each.commands) for line in reversed(one.undo)]
    parts.append(charts.code("Commands:", _lines(lines)))
    if undo:
        parts.append(charts.code("To undo it:", _lines(undo)))
    parts += _documents(each)
    return charts.fold(
        of.title,
        *parts,
        anchor=_anchor(each),
        severity=each.severity,
        note=said(each.counts) if each.is_counted else "not counted",
    )


def _lines(lines: Sequence[str]) -> str:
    more = len(lines) - MOST_LINES
    shown = [*lines[:MOST_LINES]]
    return "\n".join([*shown, f"# and {more:,} more: {SCRIPT}"] if more > 0 else shown)


def _by_check(each: Offered) -> pd.DataFrame:
    """The findings that a remedy ends, a row per check."""
    found = each.ends.groupby(["severity", "title"], sort=False)["name"]
    made = found.agg(findings="size", who=list).reset_index()
    order = made["severity"].map(GRAVE.index)
    return made.assign(order=order).sort_values("order", kind="stable").drop(columns="order")


def _taken_away(each: Offered) -> list[charts.Part]:
    """What the proof says that somebody loses, and what is found that was not before."""
    if each.proof is None:
        return []
    lost = each.proof.lost
    names = [f"{row['name']}: {counted(row['lost'], 'actions')}" for row in lost.to_dict("records")]
    made = [charts.text("Takes away:", few(names, MOST_NAMES, "; ") or "no permission")]
    if each.proof.in_use:
        made.append(charts.text("In use:", few(each.proof.in_use, MOST_NAMES, "; ")))
    new = [f"{row['name']}: {row['title']} ({row['severity']})"
           for row in each.proof.new.to_dict("records")]  # fmt: skip
    if new:
        made.append(charts.text("New findings:", few(new, MOST_NAMES, "; ")))
    return made


def _documents(each: Offered) -> list[charts.Part]:
    """The first document that the commands read; `iamkit remedies` writes all of them."""
    files = {
        name: document
        for one in each.commands
        for name, document in one.files.items()
        if not name.endswith("-before.json")
    }
    made = []
    for name, document in [*files.items()][:1]:
        text = json.dumps(document, indent=2)
        if len(text) <= MOST_DOCUMENT:
            made.append(charts.code(f"{name}:", text))
    if len(files) > len(made):
        more = len(files) - len(made)
        said = agreeing(f"{more:,} of its documents [is|are]", more)
        made.append(charts.text("", f"{said} in the folder that `{SCRIPT}` writes."))
    return made


def as_aws(line: str) -> str:
    """
    Return a line of `remedies.sh` as a command of the AWS CLI.

    >>> as_aws("run detach-user-policy --user-name ann --policy-arn arn:aws:iam::aws:policy/X")
    'aws iam detach-user-policy --user-name ann --policy-arn arn:aws:iam::aws:policy/X'
    >>> as_aws("delete_key ann 2024-05-01T12:00:00")
    "aws iam delete-access-key --user-name ann --access-key-id '<made 2024-05-01>'"
    """
    name, *words = shlex.split(line)
    if name == "run":
        return shlex.join(["aws", "iam", *words]).replace("file://filled/", "file://")
    if name == "create_policy":
        policy, path, file = words
        options = ["--policy-name", policy, "--path", path, "--policy-document", f"file://{file}"]
        return shlex.join(["aws", "iam", "create-policy", *options])
    if name == "new_version":
        arn, file, *_ = words  # the script also sees that nobody has changed it since
        options = ["--policy-arn", arn, "--policy-document", f"file://{file}", "--set-as-default"]
        return shlex.join(["aws", "iam", "create-policy-version", *options])
    if name == "old_version":  # the script finds it, and deletes the new one
        options = ["--policy-arn", words[0], "--version-id", "<the one before>"]
        return shlex.join(["aws", "iam", "set-default-policy-version", *options])
    if name == "bring_back":
        options = ["--policy-arn", words[0], "--policy-document", f"file://{words[1]}"]
        return shlex.join(["aws", "iam", "create-policy-version", *options])
    if name == "fill":
        return f"# put its value in the place of @{words[1]}@ in {words[0]}"
    if name in ("set_key", "delete_key"):
        user, made, *status = words
        verb = "update-access-key" if status else "delete-access-key"
        options = ["--user-name", user, "--access-key-id", f"<made {made[:10]}>"]
        return shlex.join(
            ["aws", "iam", verb, *options, *(["--status", *status] if status else [])]
        )
    return line


# --- what is left


def left(account: Account, offer: Offer, of_check: Mapping[str, str]) -> list[charts.Part]:
    """
    Return a fold for each check that fails: which remedy ends how many, and what is left.

    `of_check` says where each check is explained.
    """
    ended = _ended(offer)
    counted_by = [(each, Counter(each.ends["check"])) for each in offer.remedies]
    made = []
    for check, rows in offer.failing.groupby("check", sort=False):
        pairs = zip(rows["check"], rows["subject"], strict=True)
        open_ones = rows[np.array([pair not in ended for pair in pairs], dtype=bool)]
        by = [(each, of[check]) for each, of in counted_by if of[check]]
        parts = [
            charts.link(f"{number:,} ended by:", f"#{_anchor(each)}", each.proposal.title)
            for each, number in by
        ]
        if len(open_ones):
            shown = charts.table(
                open_ones[["name", "detail", "next_step"]],
                f"{len(open_ones):,} to decide",
                rows=MOST_LEFT,
                file="findings.csv",
            )
            parts.append(charts.within(shown))
        if to := of_check.get(str(check)):
            parts.append(charts.link("Why it is found:", to, "the page that explains it"))
        note = f"{len(rows) - len(open_ones):,} of {len(rows):,} ended by remedies"
        made.append(
            charts.fold(
                rows["title"].iloc[0],
                *parts,
                anchor=charts.anchor("check", str(check)),
                severity=rows["severity"].iloc[0],
                note=note if by else f"{len(rows):,} to decide",
            )
        )
    return made


def not_offered(offer: Offer) -> pd.DataFrame:
    """Return the remedies that are not offered, and why."""
    rows = [(each.proposal.title, each.why) for each in offer.refused]
    return pd.DataFrame(rows, columns=["remedy", "why"])
