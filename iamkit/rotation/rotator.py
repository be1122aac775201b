"""
The rotation of access keys against AWS: every step that is due, one after the other.

AWS is asked first, and the journal is written before and after each change, so that a rotation that
was cut off anywhere is gone on with. A secret is in memory from CreateAccessKey to PutSecretValue,
and nowhere else but in Secrets Manager.

This module also runs in AWS Lambda: it imports the standard library and boto3 only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from iamkit.counts import counted
from iamkit.rotation.aws_keys import AwsKeys, RefusedError
from iamkit.rotation.decisions import SETTLED, Action, Key, Limits, State, Step, decide
from iamkit.rotation.entry import Entry, Journal, written
from iamkit.rotation.key_secrets import KeySecrets, fetching, secret_name

MOST_STEPS = 8  # of one user in one run


@dataclass(frozen=True)
class Told:
    """
    How a rotation asks and speaks: `ask` before each step, `say` and `notify` after it.

    `notify` returns whether there is anybody whom it told.
    """

    ask: Callable[[str], bool]
    say: Callable[[str], None]
    notify: Callable[[str, str], bool]


class Rotator:
    """
    Rotates keys of users, one at a time.

    `hindrance` says why a user may not be able to fetch its new key from Secrets Manager; empty if
    nothing is known to stand in the way.
    """

    def __init__(
        self,
        keys: AwsKeys,
        secrets: KeySecrets,
        journal: Journal,
        limits: Limits,
        *,
        now: Callable[[], datetime],
        told: Told,
        hindrance: Callable[[Mapping[str, Any]], str] = lambda user: "",
    ) -> None:
        self.keys = keys
        self.secrets = secrets
        self.journal = journal
        self.limits = limits
        self.now = now
        self.told = told
        self.hindrance = hindrance

    def rotate(self, user: Mapping[str, Any]) -> list[Step]:
        """
        Do the steps of a user that are due, and return those that are left.

        Raises `RefusedError` where a step would do harm, and boto3's errors; what was done until
        then is in the journal.
        """
        name = user["UserName"]
        declined: set[tuple[str, str]] = set()
        steps: list[Step] = []
        for _ in range(MOST_STEPS):
            keys = self.keys.of(name)
            entry = self._settled(user, keys)
            steps = decide(keys, entry, self.now(), self.limits)
            wanted = [
                step
                for step in steps
                if step.state is State.DUE and (step.action, step.key) not in declined
            ]
            if not wanted:
                break
            step = wanted[0]
            if step.action is Action.MAKE and (stands := self.hindrance(user)):
                self.told.say(stands)
            if self.told.ask(self._question(name, step)):
                self._do(user, step, entry, keys)
            else:
                declined.add((step.action, step.key))
        return steps

    def _settled(self, user: Mapping[str, Any], keys: Sequence[Key]) -> Entry:
        """Bring the journal up to what AWS says now, and return the user's entry."""
        now, there = self.now(), {key.id: key for key in keys}
        before = self.journal.read(user["UserName"])
        entry = before
        if entry.user_id and entry.user_id != user["UserId"]:
            entry = Entry()  # a user of that name was deleted, and this is another
        entry = replace(entry, user_id=user["UserId"])
        entry = entry.with_inactive([key.id for key in keys if not key.active], now)
        retired = [each for each in entry.retired.split() if each in there]
        retired = [each for each in retired if not there[each].active]
        entry = replace(entry, retired=" ".join(retired))
        if entry.under_way and not entry.new:
            lost = [key for key in keys if key.created and entry.lost(key.id, key.created)]
            if not lost and entry.time("intent") + SETTLED <= now:
                entry = entry.without_rotation()
        elif entry.under_way:
            new = there.get(entry.new)
            if new is None:
                entry = entry.without_rotation()
            elif not entry.stored and self.secrets.holds(user["UserName"], entry.new):
                entry = replace(entry, stored=written(now))
            elif entry.handed_over and entry.old not in there:
                entry = replace(entry, done=written(now))
        if entry != before and (before != Entry() or entry != Entry(user["UserId"])):
            self.journal.write(user["UserName"], entry)
        return entry

    def _question(self, name: str, step: Step) -> str:
        if step.action is not Action.MAKE:
            return f"{name}: {step.action}, {step.key} ({step.why})?"
        return f"{name}: {step.action}, beside {step.key}, and store it in {secret_name(name)}?"

    def _do(self, user: Mapping[str, Any], step: Step, entry: Entry, keys: Sequence[Key]) -> None:
        name = user["UserName"]
        if step.action is Action.MAKE:
            self._make(user, step, entry, keys)
        elif step.action is Action.HAND_OVER:
            self._hand_over(user, entry, None)
        elif step.action in (Action.DEACTIVATE, Action.DEACTIVATE_UNUSED):
            self._deactivate(name, step, entry)
        elif step.action is Action.DELETE_LOST:
            self.keys.delete(name, step.key, active=True)
            self.journal.write(name, entry.without_rotation())
            self.told.say(f"{name}: deleted {step.key}, whose secret was lost")
        else:
            self.keys.delete(name, step.key)
            if step.action is Action.DELETE:
                self.journal.write(name, replace(entry, done=written(self.now())))
            self.told.say(f"{name}: deleted {step.key}")

    def _make(self, user: Mapping[str, Any], step: Step, entry: Entry, keys: Sequence[Key]) -> None:
        """Make a key and hand it over. Its secret is in memory until it is stored, and then not."""
        name = user["UserName"]
        self.secrets.prepare(user)
        entry = replace(
            entry.without_rotation(),
            before=" ".join(key.id for key in keys),
            old=step.key,
            intent=written(self.now()),
        )
        self.journal.write(name, entry)
        made = self.keys.create(name)
        entry = replace(
            entry,
            new=made["AccessKeyId"],
            new_created=written(made["CreateDate"]),
            created=written(self.now()),
        )
        self.journal.write(name, entry)
        self.secrets.store(made)
        entry = replace(entry, stored=written(self.now()))
        self.journal.write(name, entry)
        self.told.say(f"{name}: made {entry.new}; its secret is in {secret_name(name)}")
        self._hand_over(user, entry, made)

    def _hand_over(
        self, user: Mapping[str, Any], entry: Entry, made: Mapping[str, Any] | None
    ) -> None:
        """Read a stored key back, and tell of it."""
        name = user["UserName"]
        if not self.secrets.holds(name, entry.new, made):
            self.journal.write(name, replace(entry, stored=""))
            raise RefusedError(f"{secret_name(name)} does not hold {entry.new}; run it again")
        entry = replace(entry, read_back=written(self.now()))
        self.journal.write(name, entry)
        stands = self.hindrance(user)
        told = self.told.notify(
            "A new access key for an IAM user",
            f"The IAM user {name} has a new access key, {entry.new}, beside {entry.old}.\n\n"
            f"The user fetches it with\n\n    {fetching(name)}\n\nand uses it instead of "
            f"{entry.old}, which is deactivated when the new key has been used and the old one has "
            f"been silent for {counted(self.limits.wait.days, 'days')}."
            + (f"\n\nNote: {stands}" if stands else ""),
        )
        when = written(self.now())
        if told:
            self.journal.write(name, replace(entry, notified=when))
            self.told.say(f"{name}: handed over {entry.new}")
            return
        self.journal.write(name, replace(entry, not_told=when))
        self.told.say(f"{name}: nobody was told of {entry.new}; tell its user: {fetching(name)}")

    def _deactivate(self, name: str, step: Step, entry: Entry) -> None:
        inactive = [*entry.inactive_times(), step.key]
        retired = entry.retired
        if step.action is Action.DEACTIVATE_UNUSED:
            retired = f"{retired} {step.key}".strip()
        entry = replace(entry.with_inactive(inactive, self.now()), retired=retired)
        self.journal.write(name, entry)
        self.keys.deactivate(name, step.key)
        self.told.say(f"{name}: deactivated {step.key}")
        if step.action is Action.DEACTIVATE_UNUSED:
            told = self.told.notify(
                "An unused access key was deactivated",
                f"{step.key} of the IAM user {name} was deactivated: {step.why}.\n\nIt works again "
                f"after\n\n    aws iam update-access-key --user-name={name} --access-key-id "
                f"{step.key} --status Active\n",
            )
            if not told:
                self.told.say(f"{name}: nobody was told that {step.key} was deactivated")

    def undo(self, user: Mapping[str, Any]) -> None:
        """
        Take back what was done for a user: reactivate keys, delete a new key that nobody used.

        Says what cannot be taken back.
        """
        name = user["UserName"]
        keys = self.keys.of(name)
        entry, there = self._settled(user, keys), {key.id: key for key in keys}
        for each in [*entry.retired.split(), *([entry.old] if entry.intent else [])]:
            key = there.get(each)
            if key and not key.active and self.told.ask(f"{name}: activate {each} again?"):
                self.keys.activate(name, each)
                self.told.say(f"{name}: {each} is active again")
        if entry.intent:
            self._undo_making(user, entry, there)

    def _undo_making(self, user: Mapping[str, Any], entry: Entry, there: Mapping[str, Key]) -> None:
        name, old = user["UserName"], there.get(entry.old)
        if old is None:
            self.told.say(f"{name}: {entry.old} was deleted; that cannot be taken back")
            return
        made = [
            key
            for key in there.values()
            if key.id == entry.new
            or (not entry.new and key.created and entry.lost(key.id, key.created))
        ]
        for key in made:
            if key.used is not None:
                self.told.say(
                    f"{name}: {key.id} was used, last at {key.used:%Y-%m-%d %H:%M} UTC, and stays; "
                    "deactivate it when nothing uses it"
                )
            elif self.told.ask(f"{name}: delete {key.id}, which nobody used?"):
                self.keys.delete(name, key.id, active=True)
                self.told.say(
                    f"{name}: deleted {key.id}; {secret_name(name)} holds it still, without use"
                )
            else:
                return
        entry = self.journal.read(name).without_rotation()
        self.journal.write(name, entry)
