"""The remedies as files: a script with every command, the documents it reads, and all as JSON."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.confirm import commands_by_hand
from iamkit.errors import ReportError, WriteError, one_line
from iamkit.remedies.commands import blanks_in
from iamkit.remedies.documents import Blank
from iamkit.remedies.proof import Refused, Remedy, untouched
from iamkit.remedies.reach import WITHOUT
from iamkit.values import printable

SCRIPT: Final = "remedies.sh"
JSON: Final = "remedies.json"
HEAD: Final = Path(__file__).parents[1] / "data" / SCRIPT
SHOWN: Final = ("severity", "check", "name", "title", "subject")


def write(
    folder: Path, account: Account, found: Sequence[Remedy], refused: Sequence[Refused]
) -> Path:
    """
    Write the script, the documents and the JSON file into a new folder; return the script's path.

    Raises `ReportError` if the folder has something in it already, `WriteError` if it cannot be
    written.
    """
    documents = {
        name: document
        for remedy in found
        for each in remedy.commands
        for name, document in each.files.items()
    }
    contents = {name: json.dumps(each, indent=2) + "\n" for name, each in documents.items()}
    contents[JSON] = json.dumps(described(account, found, refused), indent=1) + "\n"
    contents[SCRIPT] = script(account, found)
    require_room(folder)
    try:
        for name, text in contents.items():
            mode = 0o700 if name == SCRIPT else 0o600
            handle = os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
            with os.fdopen(handle, "w", encoding="ascii", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise WriteError(f"{folder} cannot be written: {one_line(error)}") from error
    return folder / SCRIPT


def require_room(folder: Path) -> None:
    """
    Make a folder for the remedies, unless there is an empty one.

    Raises `ReportError` if it has something in it, `WriteError` if it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ReportError(f"{folder} is not empty; give another folder with --out")
    except OSError as error:
        raise WriteError(f"{folder} cannot be written: {one_line(error)}") from error


def script(account: Account, found: Sequence[Remedy]) -> str:
    """Return the text of the script."""
    parts = [
        HEAD.read_text(encoding="ascii"),
        f"account={account.account_id}\npartition={account.partition}\n\n",
    ]
    for remedy in found:
        name = _function(remedy)
        do = [line for each in remedy.commands for line in each.do]
        undo = [line for each in reversed(remedy.commands) for line in reversed(each.undo)]
        lasting = dict.fromkeys(each.lasting for each in remedy.commands if each.lasting)
        undo += [f"echo {shlex.quote(f'not undone: {_ascii(each)}')}" for each in lasting]
        parts.append(f"# {_ascii(remedy.proposal.title)}\n")
        asked = [(each.name, _ascii(each.meaning)) for each in _asked(remedy)]
        parts += [f"# {what}:\n{each}=${{{each}:-}}\n" for each, what in asked]
        do = [f'need {each} "${each}" {shlex.quote(what)}' for each, what in asked] + do
        for verb, lines in (("do", do), ("undo", undo or ["echo nothing to undo"])):
            body = "".join(f"    {line}\n" for line in lines)
            parts.append(f"{verb}_{name}() {{\n{body}}}\n\n")
    cases = [f"    {remedy.proposal.id}) ;;\n" for remedy in found]
    listed = "".join(
        f"    echo {shlex.quote(f'{each.proposal.id}: {_ascii(each.proposal.title)}')}\n"
        for each in found
    )
    parts.append(
        'if [ "$#" -ne 2 ]; then\n'
        f"{listed or '    echo none'}\n"
        "    exit 0\nfi\n"
        "case $2 in\n" + "".join(cases) + '    *) fail "there is no remedy $2" ;;\nesac\n'
        'case $1 in\n    do | undo) ;;\n    *) fail "say do or undo, not $1" ;;\nesac\n'
        "there=$(aws sts get-caller-identity --query Account --output text)\n"
        '[ "$there" = "$account" ] || fail "these credentials are of account $there, and the '
        'remedies of $account"\n'
        '"$1_$(echo "$2" | tr - _)"\n'
    )
    return "".join(parts)


def _asked(remedy: Remedy) -> list[Blank]:
    """The values that the documents of a remedy wait for."""
    files = {name: text for each in remedy.commands for name, text in each.files.items()}
    return blanks_in(files, remedy.proposal.to_fill)


def _function(remedy: Remedy) -> str:
    return remedy.proposal.id.replace("-", "_")


def _ascii(text: str) -> str:
    """Text of the account on one line, as a comment or an argument may hold it."""
    return printable(" ".join(text.split())).encode("ascii", "backslashreplace").decode()


def described(
    account: Account, found: Sequence[Remedy], refused: Sequence[Refused]
) -> dict[str, Any]:
    """Return all about the remedies as JSON can hold it."""
    return {
        "account": account.account_id,
        "as_of": account.snapshot.manifest["as_of"],
        "evidence": account.snapshot.evidence_hash,
        "remedies": [
            _described(account, each) | {"not_together_with": _others(each, found)}
            for each in found
        ],
        "not_offered": [{"id": each.proposal.id, "why": each.why} for each in refused],
        "left": _records(
            _by_hand(account, untouched(account, found)).assign(
                why_no_remedy=lambda rows: rows["check"].map(WITHOUT)
            ),
            (*SHOWN, "next_step", "why_no_remedy", "asks_simulator"),
        ),
    }


def _others(remedy: Remedy, found: Sequence[Remedy]) -> list[str]:
    """The remedies that write the same policies anew: after one, take evidence for the other."""
    mine = _written(remedy)
    return [each.proposal.id for each in found if each is not remedy and mine & _written(each)]


def _written(remedy: Remedy) -> set[str]:
    """What was in the account, and is written anew."""
    files = (name for each in remedy.commands for name in each.files)
    return {name for name in files if name.endswith("-before.json")}


def _by_hand(account: Account, findings: pd.DataFrame) -> pd.DataFrame:
    """Findings with the command that asks AWS's simulator about each; None: there is none."""
    said = commands_by_hand(account, findings)
    return findings.assign(asks_simulator=said.where(said.ne(""), None))


def _described(account: Account, remedy: Remedy) -> dict[str, Any]:
    proposal = remedy.proposal
    return {
        "id": proposal.id,
        "title": proposal.title,
        "why": proposal.why,
        "changes": [str(each) for each in proposal.changes],
        "commands": [line for each in remedy.commands for line in each.do],
        "undo": [line for each in reversed(remedy.commands) for line in reversed(each.undo)],
        "cannot_be_undone": sorted({each.lasting for each in remedy.commands if each.lasting}),
        "to_fill": {each.name: each.meaning for each in _asked(remedy)},
        "documents": sorted({name for each in remedy.commands for name in each.files}),
        "ends": _records(_by_hand(account, remedy.ended), (*SHOWN, "asks_simulator")),
        "new": _records(remedy.new, SHOWN),
        "verdicts": _records(
            remedy.verdicts, ("aspect", "name", "before", "after", "direction", "subject")
        ),
        "loses": _records(remedy.lost, ("name", "lost", "lost_actions", "principal_arn")),
        "in_use": list(remedy.in_use),
        "may_be_cut_off": list(proposal.cut_off),
        "not_known": list(proposal.not_known),
        "left_out": list(proposal.left_out),
    }


def _records(frame: pd.DataFrame, columns: Sequence[str]) -> list[Mapping[str, Any]]:
    shown = frame[[*columns]].astype("object")
    rows: list[Any] = shown.where(shown.notna(), None).to_dict("records")
    return rows
