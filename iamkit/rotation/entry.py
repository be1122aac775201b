"""
What the journal says of one user: how far the replacement of a key has come. No secret is in it.

A rotation writes what it is about to do, then does it, then writes that it is done, so that it can
be gone on with wherever it was cut off. Every field is text, so that a file and a secret's tags can
hold it.

This module also runs in AWS Lambda: it imports the standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

EARLIER: Final = timedelta(minutes=5)  # that AWS's clock may be behind
LATER: Final = timedelta(minutes=15)  # after which a key is somebody else's


def written(time: datetime) -> str:
    """Return a time as the journal holds it."""
    return time.astimezone(UTC).isoformat()


@dataclass(frozen=True)
class Entry:
    """
    How far the rotation of a user's key has come.

    `before` are the keys, with blanks between, that there were when a new one was to be made;
    `old` is replaced by `new`. The fields from `intent` to `done` are when each step was done;
    empty: not yet. `not_told` is when a key was handed over without a topic, so that nobody was
    told; `notified` is empty then. `inactive` is since when keys have been seen inactive:
    `KEY=TIME KEY=TIME`.
    `retired` are keys that were deactivated as unused.
    """

    user_id: str = ""
    before: str = ""
    old: str = ""
    new: str = ""
    new_created: str = ""
    intent: str = ""
    created: str = ""
    stored: str = ""
    read_back: str = ""
    notified: str = ""
    not_told: str = ""
    done: str = ""
    inactive: str = ""
    retired: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Entry:
        """Return the entry that a file or tags hold; what this version does not know is left."""
        return cls(**{each.name: str(given.get(each.name) or "") for each in fields(cls)})

    @property
    def under_way(self) -> bool:
        """Whether a key was made, or was to be made, and the old one is not deleted yet."""
        return bool(self.intent and not self.done)

    @property
    def handed_over(self) -> bool:
        """Whether the new key is stored and read back, and somebody was told if that was asked."""
        return bool(self.notified or self.not_told)

    def time(self, name: str) -> datetime:
        """Return when a step was done; raises `ValueError` if it was not, or says no time."""
        return datetime.fromisoformat(getattr(self, name))

    def lost(self, key_id: str, made: datetime) -> bool:
        """Whether a key is the one that was to be made when the rotation was cut off."""
        began = self.time("intent")
        return key_id not in self.before.split() and began - EARLIER <= made <= began + LATER

    def inactive_times(self) -> dict[str, str]:
        """Since when which keys have been seen inactive."""
        return dict(pair.split("=", 1) for pair in self.inactive.split() if "=" in pair)

    def inactive_since(self, key_id: str, now: datetime) -> datetime:
        """Since when a key has been seen inactive; now, if it was not seen before."""
        said = self.inactive_times().get(key_id)
        return datetime.fromisoformat(said) if said else now

    def with_inactive(self, key_ids: list[str], now: datetime) -> Entry:
        """Return the entry with exactly these keys as inactive, new ones since now."""
        known = self.inactive_times()
        times = [f"{each}={known.get(each, written(now))}" for each in sorted(key_ids)]
        return replace(self, inactive=" ".join(times))

    def without_rotation(self) -> Entry:
        """Return what is left when a rotation is given up."""
        return Entry(self.user_id, inactive=self.inactive, retired=self.retired)


class Journal(Protocol):
    """Where entries are kept: a file beside the reports, or the tags of the user's secret."""

    def read(self, user: str) -> Entry:
        """Return a user's entry; an empty one if there is none."""

    def write(self, user: str, entry: Entry) -> None:
        """Keep a user's entry, for good before this returns."""
