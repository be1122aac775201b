"""
The journal of rotations on disk: `rotation.json` beside the audits of an account, without secrets.

It is read whole, and written whole after each change. One that cannot be read is an error, because
a rotation that it speaks of would be begun again.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from iamkit.errors import RotationError
from iamkit.rotation.entry import Entry
from iamkit.values import as_dict, json_of
from iamkit.whole_file import write_whole

NAME: Final = "rotation.json"
TIMES: Final = (
    *("intent", "created", "stored", "read_back", "notified", "not_told", "done"),
    "new_created",
)


class DiskJournal:
    """The entries of an account's users, in a file that its owner alone reads."""

    def __init__(self, path: Path, account_id: str) -> None:
        self.path = path
        self.account_id = account_id
        self._users = _read(path, account_id)

    def users(self) -> list[str]:
        """Return the names of all users that it speaks of."""
        return sorted(self._users)

    def read(self, user: str) -> Entry:
        """Return a user's entry; an empty one if there is none."""
        return Entry.of(as_dict(self._users.get(user)))

    def write(self, user: str, entry: Entry) -> None:
        """Keep a user's entry, on disk before this returns."""
        said = {name: value for name, value in asdict(entry).items() if value}
        self._users = {**self._users, user: said}
        content = {"account_id": self.account_id, "users": self._users}
        write_whole(self.path, json.dumps(content, indent=1, sort_keys=True).encode() + b"\n")


def _read(path: Path, account_id: str) -> dict[str, Any]:
    try:
        content = json_of(path.read_bytes())
        users = content["users"]
        whose = content["account_id"]
        if not isinstance(users, dict):
            raise TypeError("users is no object")
        for each in users.values():
            _check(Entry.of(each))
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RotationError(
            f"{path} is no journal of rotations ({error}); it says how far each has come, so "
            "restore it from a backup rather than delete it"
        ) from error
    if whose != account_id:
        raise RotationError(f"{path} is the journal of account {whose}, not of {account_id}")
    return users


def _check(entry: Entry) -> None:
    """Raise `ValueError` for an entry whose times are none."""
    for name in TIMES:
        if getattr(entry, name):
            entry.time(name)
    for key_id, _ in entry.inactive_times().items():
        entry.inactive_since(key_id, entry.time("intent") if entry.intent else _ANY)


_ANY: Final = Entry(intent="2000-01-01T00:00:00+00:00").time("intent")
