"""
What is to be done next with each access key of a user.

The same rules make the plan from evidence and decide, from what AWS says now, what is done. They
ask nobody and change nothing. A key is replaced in steps: make the second key, hand it over, see it
in use, deactivate the first, wait, delete it. A user always keeps a working key, and never has
three.

This module also runs in AWS Lambda: it imports the standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from iamkit.counts import counted
from iamkit.rotation.entry import Entry

SETTLED: Final = timedelta(minutes=5)  # after which AWS's lists show what was made


class Action(StrEnum):
    """What is done with a key."""

    MAKE = "make the second key"
    HAND_OVER = "hand it over"
    SEE_USE = "see it in use"
    DEACTIVATE = "deactivate the first"
    DELETE = "delete it"
    DELETE_LOST = "delete the key whose secret was lost"
    DEACTIVATE_UNUSED = "deactivate the unused key"
    DELETE_INACTIVE = "delete the inactive key"
    CHOOSE = "keep one of the two keys"
    DELETE_ROOT = "delete the root user's key"
    FIND_OUT = "find out its age and use"


class State(StrEnum):
    """Whether a step can be done, and by whom."""

    DUE = "due"
    LATER = "later"
    WAITS = "waits"
    MANUAL = "manual"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Key:
    """An access key: what is None is not known, but for `used`, where it was never used."""

    id: str
    active: bool | None
    created: datetime | None
    used: datetime | None = None


@dataclass(frozen=True)
class Limits:
    """The thresholds of the settings."""

    max_age: timedelta
    unused: timedelta
    wait: timedelta

    @classmethod
    def of_days(cls, max_age: int, unused: int, wait: int) -> Limits:
        """Return the thresholds from numbers of days."""
        return cls(timedelta(days=max_age), timedelta(days=unused), timedelta(days=wait))


@dataclass(frozen=True)
class Step:
    """The next step of one key; `due` is None where no date can be said."""

    key: str
    action: Action
    state: State
    due: datetime | None
    why: str


def decide(keys: Sequence[Key], entry: Entry, now: datetime, limits: Limits) -> list[Step]:
    """
    Return the next step of each key of a user, the older key first.

    `entry` is what the journal says of the user. Where a key's state or age is not known, no step
    of its user is due.
    """
    if any(key.active is None or key.created is None for key in keys):
        return [_unknown(key) for key in keys]
    ordered = sorted(keys, key=lambda key: (_created(key), key.id))
    known = {key.id: key for key in ordered}
    if entry.under_way:
        if not entry.new:
            return _interrupted(ordered, entry, now, limits)
        new = known.get(entry.new)
        if new and new.active:
            return _rotating(known.get(entry.old), new, entry, now, limits)
    return _apart(ordered, entry, now, limits)


def _unknown(key: Key) -> Step:
    silent = key.active is None or key.created is None
    said = (
        "when it was made, or whether it is active, is not known"
        if silent
        else "the user's other key is not known"
    )
    return Step(key.id, Action.FIND_OUT, State.NOT_KNOWN, None, said)


def _interrupted(keys: Sequence[Key], entry: Entry, now: datetime, limits: Limits) -> list[Step]:
    """Steps of a user for whom a key was to be made, and nobody knows whether it was."""
    lost = [
        key for key in keys if key.active and key.used is None and entry.lost(key.id, _created(key))
    ]
    others = [key for key in keys if key not in lost]
    if lost:
        said = "after the key whose secret was lost is deleted"
        return [
            *(_waits(key, Action.MAKE if key.active else Action.DELETE, said) for key in others),
            *(_lost(key, others) for key in lost),
        ]
    due = entry.time("intent") + SETTLED
    if due > now:
        said = "a key was to be made just now; AWS may not list it yet"
        return [Step(key.id, Action.MAKE, State.LATER, due, said) for key in keys]
    return _apart(keys, entry, now, limits)


def _rotating(old: Key | None, new: Key, entry: Entry, now: datetime, limits: Limits) -> list[Step]:
    """Steps of a user whose second key was made by this kit."""
    if not entry.stored:
        return [*_others(old), _lost(new, [old] if old else [])]
    if not entry.handed_over:
        said = "its secret is stored, and nobody has been told yet"
        return [*_others(old), Step(new.id, Action.HAND_OVER, State.DUE, now, said)]
    if old is None:
        return _apart([new], entry, now, limits)
    if new.used is None:
        due = _created(new) + limits.unused
        state = State.WAITS if due > now else State.MANUAL
        said = "it was handed over and has not been used yet"
        if entry.not_told:
            said = "it is stored and has not been used yet; nobody was told: tell its user"
        if state is State.MANUAL:
            said += f" in {counted(limits.unused.days, 'days')}: ask its user, or undo the rotation"
        return [*_others(old), Step(new.id, Action.SEE_USE, state, due, said)]
    if old.active:
        due = max(old.used or _created(old), _created(new)) + limits.wait
        days = counted(limits.wait.days, "days")
        said = f"the second key is in use; this one must be silent for {days}"
        return [_dated(old, Action.DEACTIVATE, due, now, said), _young(new, now, limits)]
    due = entry.inactive_since(old.id, now) + limits.wait
    said = f"it was replaced; it must be inactive for {counted(limits.wait.days, 'days')}"
    return [_dated(old, Action.DELETE, due, now, said), _young(new, now, limits)]


def _lost(key: Key, others: Sequence[Key]) -> Step:
    """The step of a key that works, and that nobody has."""
    said = "it was made, but its secret was not stored; nobody has it"
    if any(other.active for other in others):
        return Step(key.id, Action.DELETE_LOST, State.DUE, key.created, said)
    said += "; as it is the only active key, make another yourself and delete this one"
    return Step(key.id, Action.DELETE_LOST, State.MANUAL, None, said)


def _others(old: Key | None) -> list[Step]:
    if old is None:
        return []
    if old.active:
        return [_waits(old, Action.DEACTIVATE, "after the second key has been seen in use")]
    return [_waits(old, Action.DELETE, "after the second key has been seen in use")]


def _young(key: Key, now: datetime, limits: Limits) -> Step:
    """The step of a key that replaced another, which is still there."""
    due = _created(key) + limits.max_age
    if due > now:
        return _dated(key, Action.MAKE, due, now, _old_at(limits))
    return _waits(key, Action.MAKE, "after the key that it replaced is deleted")


def _apart(keys: Sequence[Key], entry: Entry, now: datetime, limits: Limits) -> list[Step]:
    """Steps of a user without a rotation under way."""
    active = [key for key in keys if key.active]
    inactive = [key for key in keys if not key.active]
    steps = {key.id: _inactive(key, entry, now, limits) for key in inactive}
    idle = [key for key in active if _last(key) + limits.unused <= now]
    if len(active) == 1:
        steps[active[0].id] = _only(active[0], bool(idle), bool(inactive), now, limits)
    elif len(active) == 2 and len(idle) == 1:
        other = next(key for key in active if key not in idle)
        steps[idle[0].id] = Step(
            idle[0].id,
            Action.DEACTIVATE_UNUSED,
            State.DUE,
            _last(idle[0]) + limits.unused,
            f"{_idle(idle[0], limits)}; the user has another key, which is in use",
        )
        steps[other.id] = _second(other, "the unused key", now, limits)
        if other.used is None:  # not seen to work yet
            steps[idle[0].id] = Step(
                idle[0].id,
                Action.DEACTIVATE_UNUSED,
                State.WAITS,
                None,
                f"{_idle(idle[0], limits)}, and the user's other key was never used",
            )
    elif len(active) == 2:
        for key in active:
            steps[key.id] = _both(key, bool(idle), now, limits)
    return [steps[key.id] for key in keys]


def _inactive(key: Key, entry: Entry, now: datetime, limits: Limits) -> Step:
    due = max(_last(key) + limits.unused, entry.inactive_since(key.id, now) + limits.wait)
    said = (
        f"it is inactive; it must be unused for {counted(limits.unused.days, 'days')}, and seen "
        "inactive for "
        f"{limits.wait.days}"
    )
    return _dated(key, Action.DELETE_INACTIVE, due, now, said)


def _only(key: Key, idle: bool, inactive: bool, now: datetime, limits: Limits) -> Step:
    """The step of a user's only active key."""
    if idle:
        due = _last(key) + limits.unused
        said = (
            f"{_idle(key, limits)}; it is to be deleted rather than rotated, and as it is the "
            "user's only working key, its owner has to say so"
        )
        return Step(key.id, Action.DEACTIVATE_UNUSED, State.MANUAL, due, said)
    if inactive:
        return _second(key, "the inactive key", now, limits)
    return _dated(key, Action.MAKE, _created(key) + limits.max_age, now, _old_at(limits))


def _second(key: Key, other: str, now: datetime, limits: Limits) -> Step:
    """The step of a key beside which there is no place for a new one."""
    due = _created(key) + limits.max_age
    if due > now:
        return _dated(key, Action.MAKE, due, now, _old_at(limits))
    return Step(key.id, Action.MAKE, State.WAITS, due, f"after {other} is deleted")


def _both(key: Key, idle: bool, now: datetime, limits: Limits) -> Step:
    """The step of one of two active keys, both in use or both idle."""
    if idle:
        due = _last(key) + limits.unused
        said = f"{_idle(key, limits)}, and the same is true of its user's other key: ask the owner"
        return Step(key.id, Action.DEACTIVATE_UNUSED, State.MANUAL, due, said)
    if key.used is None:
        due = _created(key) + limits.unused
        return Step(key.id, Action.SEE_USE, State.WAITS, due, "it was never used so far")
    said = (
        "two keys are active, so no new one can be made: move what uses one of them to the other; "
        f"one that is unused for {counted(limits.unused.days, 'days')} is deactivated"
    )
    return Step(key.id, Action.CHOOSE, State.MANUAL, _created(key) + limits.max_age, said)


def _dated(key: Key, action: Action, due: datetime, now: datetime, why: str) -> Step:
    return Step(key.id, action, State.DUE if due <= now else State.LATER, due, why)


def _waits(key: Key, action: Action, why: str) -> Step:
    return Step(key.id, action, State.WAITS, None, why)


def _old_at(limits: Limits) -> str:
    return f"it is too old after {counted(limits.max_age.days, 'days')}"


def _idle(key: Key, limits: Limits) -> str:
    if key.used is None:
        return f"no use of it is on record in {counted(limits.unused.days, 'days')} or more"
    return f"it was not used for {counted(limits.unused.days, 'days')} or more"


def _created(key: Key) -> datetime:
    assert key.created is not None  # noqa: S101 - `decide` leaves out those that are not known
    return key.created


def _last(key: Key) -> datetime:
    """When a key was last used, or made."""
    return max(key.used or _created(key), _created(key))
