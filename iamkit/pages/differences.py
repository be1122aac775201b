"""What changed between two audits: `iamkit diff`, as text for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.results import changes_since as changes
from iamkit.results import got_worse, not_compared, record
from iamkit.values import printable

GRAVE: Final = ("critical", "high", "medium", "low")
SHOWN: Final = 6  # actions of each change that the text names
TITLES: Final = {
    "identity": "Identities that came, went or were renamed",
    "verdict": "Verdicts",
    "privilege": "Privileges",
    "steps to administrator": "Steps to administrator access",
    "escalation": "Methods to gain permissions",
    "MFA device registered": "MFA registered or lost",
    "MFA enforcement": "MFA enforcement",
    "network restriction": "Network restrictions",
    "permissions": "Permissions",
    "password": "Passwords",
    "access key": "Access keys",
    "MFA device": "MFA devices",
    "policy": "Policies",
    "trust": "Trust opened and closed",
    "finding": "Findings",
}


@dataclass(frozen=True)
class Differences:
    """What changed from one audit to another: the facts, and who may do more or less."""

    account_id: str
    before: str
    after: str
    changes: pd.DataFrame
    permissions: pd.DataFrame
    not_compared: list[str]

    @property
    def text(self) -> str:
        """All of it for people, ending with a new line."""
        return "".join(f"{printable(line)}\n" for line in self._lines())

    @property
    def json(self) -> str:
        """All of it with every action and line, ending with a new line."""
        content = {
            "account": self.account_id,
            "before": self.before,
            "after": self.after,
            "changes": _records(self.changes),
            "permissions": _records(self.permissions),
            "not_compared": self.not_compared,
        }
        return json.dumps(content, indent=1) + "\n"

    def worse_than(self, severity: str) -> str:
        """How many findings of this severity or a graver one are new; empty if none is."""
        grave = GRAVE[: GRAVE.index(severity) + 1]
        counts = got_worse(self.changes, grave)["severity"].value_counts()
        said = [f"{counts[each]} {each}" for each in grave if each in counts]
        return f"new findings at or above {severity}: {', '.join(said)}" if said else ""

    def _lines(self) -> Iterator[str]:
        yield f"Account {self.account_id}, from {self.before} to {self.after}"
        if self.changes.empty:
            yield "Nothing changed."
        identities = self.changes[self.changes["aspect"] == "identity"]
        came = identities[identities["before"].isna() | identities["after"].isna()]
        for aspect, title in TITLES.items():
            rows = self.changes[self.changes["aspect"] == aspect]
            if aspect not in ("identity", "finding"):  # of who came or went, all is new or gone
                rows = rows[~rows["subject"].isin(came["subject"])]
            if rows.empty:
                continue
            yield ""
            yield f"{title}: {len(rows)}"
            yield from self._permissions() if aspect == "permissions" else map(_line, _rows(rows))
        if self.not_compared:
            yield ""
            yield f"Not compared, as evidence is missing: {', '.join(self.not_compared)}"

    def _permissions(self) -> Iterator[str]:
        for row in _rows(self.permissions):
            yield f"  {row.name}: {row.gained} actions gained, {row.lost} lost"
            for sign, actions in (("+", row.gained_actions), ("-", row.lost_actions)):
                if actions:
                    more = f" and {len(actions) - SHOWN} more" if len(actions) > SHOWN else ""
                    yield f"    {sign} {', '.join(actions[:SHOWN])}{more}"
            yield from (f"    {reason}" for reason in row.because)
            yield from (f"      {line}" for line in row.lines if line[:3] not in ("---", "+++"))


def between(before: Account, after: Account) -> Differences:
    """Compare two audits of one account. Raises `SettingsError` if they are of two accounts."""
    permissions = after.permissions_since(before)  # which also says if they are of two
    records = record(before), record(after)
    return Differences(
        after.account_id,
        f"{before.as_of:%Y-%m-%d %H:%M} UTC",
        f"{after.as_of:%Y-%m-%d %H:%M} UTC",
        changes(*records),
        permissions,
        not_compared(*records),
    )


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    return iter(frame.itertuples(index=False))


def _line(row: Any) -> str:
    """One changed fact, such as `  better  ann: none → enforced`."""
    said = " → ".join("–" if pd.isna(each) else each for each in (row.before, row.after))
    return f"  {row.direction:<7} {row.name}: {said}"


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso"))
    return found
