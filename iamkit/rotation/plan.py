"""
The next step of each access key, from evidence alone: what `iamkit rotate` prints.

Nothing is asked of AWS. The credential report does not name keys, so a key that the journal speaks
of is known again by the second in which it was made.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.errors import RotationError
from iamkit.rotation.decisions import Action, Key, Limits, State, Step, decide
from iamkit.rotation.entry import Entry, Journal
from iamkit.rotation.key_secrets import fetching, secret_name
from iamkit.settings import Settings
from iamkit.table import COUNT, TEXT, TIME, Column, Table
from iamkit.tables import REPORT_ONLY
from iamkit.values import printable

ROTATION: Final = Table(
    "rotation",
    "one access key, and what is to be done with it next",
    ("user_arn", "slot"),
    (
        Column("user_arn", TEXT, "user, or the root user"),
        Column("user_name", TEXT, "name"),
        Column("slot", COUNT, "1 or 2, as in the credential report"),
        Column("created", TIME, "when the key was made; missing: not known"),
        Column("used", TIME, "when it was last used; missing: never, or not on record"),
        Column("step", TEXT, "the next step: " + ", ".join(Action), tuple(Action)),
        Column(
            "state",
            TEXT,
            "due: `iamkit rotate --apply` does it; later: from the date on; waits: another step "
            "comes first, or its user has to use it; manual: a person decides; not known: no "
            "evidence",
            tuple(State),
        ),
        Column("due", TIME, "when the step is due; missing: no date can be said"),
        Column("why", TEXT, "why this step, in words"),
        Column(
            "hindrance",
            TEXT,
            "of a key to be made: what may keep its user from fetching it; missing: nothing known",
        ),
    ),
)
_ORDER: Final = list(State)
_WHEN: Final = {State.DUE: "due since", State.WAITS: "due", State.MANUAL: "due"}


def limits(settings: Settings) -> Limits:
    """Return the thresholds that rotations use."""
    return Limits.of_days(settings.max_key_age_days, settings.unused_days, settings.key_wait_days)


def plan(account: Account, journal: Journal | None = None) -> pd.DataFrame:
    """
    Return the next step of each access key, those that are due first. Rows: see `ROTATION`.

    `journal` says which rotations this kit has under way. Raises `RotationError` if the evidence
    does not say which keys there are.
    """
    if missing := account.missing("access_keys"):
        raise RotationError(f"no key can be planned for: {missing}")
    keys = account.access_keys
    now = account.as_of.to_pydatetime()
    rows: list[dict[str, Any]] = []
    # A slot of which nobody knows whether it holds a key counts as one.
    there = keys[keys["exists"].fillna(value=True).astype(bool) | keys["active"].isna()]
    for arn, of_user in there.groupby("user_arn", sort=False):
        found: dict[str, Mapping[Any, Any]] = {
            str(row["slot"]): row for row in of_user.to_dict("records")
        }
        first = next(iter(found.values()))
        steps = _steps(found, journal, now, limits(account.settings))
        for step in steps:
            row = {name: found[step.key][name] for name in ("user_name", "slot", "used")}
            row |= {"user_arn": arn, "created": found[step.key]["rotated"]}
            row |= {"step": step.action, "state": step.state, "due": step.due, "why": step.why}
            if step.action is Action.MAKE and step.state is State.DUE:
                row["hindrance"] = hindrance(account, str(arn), str(first["user_name"])) or None
            if step.action is Action.SEE_USE and _read(journal, first).not_told:
                row["why"] += f": {fetching(str(first['user_name']))}"
            rows.append(row)
    made = ROTATION.rows(*rows)
    rank = made["state"].map({str(state): at for at, state in enumerate(_ORDER)})
    order = pd.DataFrame({"rank": rank, "due": made["due"], "arn": made["user_arn"]})
    order = order.sort_values(["rank", "due", "arn"], kind="stable")
    return ROTATION.conform(made.loc[order.index])


def _steps(
    found: Mapping[str, Mapping[Any, Any]], journal: Journal | None, now: datetime, of: Limits
) -> list[Step]:
    first = next(iter(found.values()))
    if first["is_root"]:
        said = "iamkit does not change the root user; sign in as root and delete it"
        return [Step(slot, Action.DELETE_ROOT, State.MANUAL, None, said) for slot in found]
    keys = [
        Key(
            slot,
            None if pd.isna(row["active"]) else bool(row["active"]),
            _time(row["rotated"]),
            _time(row["used"]),
        )
        for slot, row in found.items()
    ]
    return decide(keys, _by_slot(_read(journal, first), keys), now, of)


def _read(journal: Journal | None, row: Mapping[Any, Any]) -> Entry:
    return journal.read(str(row["user_name"])) if journal else Entry()


def _by_slot(entry: Entry, keys: list[Key]) -> Entry:
    """Return an entry that names keys by their slots; one that is about others says nothing."""
    names = {}
    if entry.under_way and entry.new:
        made = entry.time("new_created").replace(microsecond=0)
        new = [key for key in keys if key.created and key.created.replace(microsecond=0) == made]
        others = [key for key in keys if key not in new]
        if len(new) == 1 and len(others) == 1:
            names = {entry.new: new[0].id, entry.old: others[0].id}
    times = entry.inactive_times()
    inactive = [key.id for key in keys if key.active is False]
    if len(times) == len(inactive) == 1:
        names |= {next(iter(times)): inactive[0]}
    said = " ".join(f"{names[each]}={time}" for each, time in times.items() if each in names)
    if entry.new not in names:
        entry = entry.without_rotation()
    return replace(entry, new=names.get(entry.new, ""), old=names.get(entry.old, ""), inactive=said)


def hindrance(account: Account, user_arn: str, user_name: str) -> str:
    """
    Say what in the account may keep a user from reading its secret; empty if nothing is known.

    An explicit Deny wins over the secret's own policy, which allows the user to read it. An answer
    that depends on what nobody knows is said as well.
    """
    users = account.users
    if user_arn not in users.loc[users["evidence"] != REPORT_ONLY, "user_arn"].tolist():
        return f"{user_name} is not in the evidence: whether it can fetch its new key is not known."
    if account.missing("permissions"):
        return f"Whether {user_name} can fetch its new key is not known: evidence is missing."
    partition, number = user_arn.split(":")[1], account.account_id
    secret = f"arn:{partition}:secretsmanager:us-east-1:{number}:secret:{secret_name(user_name)}"

    def denied(context: str) -> bool:
        decision = account.can(
            user_arn, "secretsmanager:GetSecretValue", f"{secret}-a1b2c3", context
        )
        return decision.effect == "ExplicitlyDenied" or "Deny" in {
            each.effect for each in decision.statements
        }

    key, inside, mfa, both = map(denied, ("stolen-key", "key-inside", "mfa-outside", "mfa-inside"))
    if not key:
        return ""
    if both:
        return f"{user_name} is denied to read secrets: it may not be able to fetch its new key."
    if not inside and not mfa:
        return f"{user_name} can fetch its new key only with MFA, or from its allowed networks."
    if not inside:
        return f"{user_name} can fetch its new key only from its allowed networks."
    if not mfa:
        return f"{user_name} can fetch its new key only with MFA (aws sts get-session-token)."
    return f"{user_name} can fetch its new key only with MFA and from its allowed networks."


def hindrances(account: Account) -> dict[str, str]:
    """What may keep each user that has an active key from fetching a new one, by ARN."""
    keys = account.access_keys
    active = keys[keys["active"].fillna(value=False).astype(bool) & ~keys["is_root"]]
    users = active.drop_duplicates("user_arn")
    said = {
        arn: hindrance(account, arn, name)
        for arn, name in zip(users["user_arn"], users["user_name"], strict=True)
    }
    return {arn: each for arn, each in said.items() if each}


def text(made: pd.DataFrame) -> str:
    """The plan for people: by state, a line or two a key."""
    if made.empty:
        return "There are no access keys.\n"
    lines = []
    for state in _ORDER:
        rows = made[made["state"] == str(state)]
        if rows.empty:
            continue
        lines += [f"{str(state).capitalize()} ({len(rows):,})", ""]
        width = min(max(rows["user_name"].str.len()), 40)
        for row in rows.to_dict("records"):
            when = (
                "" if pd.isna(row["due"]) else f", {_WHEN.get(state, 'from')} {row['due']:%Y-%m-%d}"
            )
            name = printable(str(row["user_name"])).ljust(width)
            lines.append(f"  {name}  key {row['slot']}: {row['step']}{when}")
            said = [row["why"], *([row["hindrance"]] if pd.notna(row["hindrance"]) else [])]
            indent = " " * (width + 4)
            for each in said:
                lines += textwrap.wrap(
                    printable(str(each)), 100, initial_indent=indent, subsequent_indent=indent
                )
        lines.append("")
    return "\n".join(lines)


def as_json(made: pd.DataFrame) -> str:
    """The plan as a JSON list, a key an object; what is missing is null."""
    rows = [
        {name: None if pd.isna(value) else _plain(value) for name, value in row.items()}
        for row in made.to_dict("records")
    ]
    return json.dumps(rows, indent=1) + "\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _time(value: Any) -> datetime | None:
    return None if pd.isna(value) else value.to_pydatetime()
