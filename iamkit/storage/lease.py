"""
Which run is at work in a storage: a lock that ends by itself, as its holder may have been killed.

`lock/<number>.json` says who holds it, and until when. Holding it means to have created the highest
number; the holder creates the next one in good time. What is committed is safe without it, as each
commit is created once: the lock spares two runs from doing the same work.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Final

from iamkit.errors import IamkitError, WriteError
from iamkit.storage.objects import Objects

LOCK: Final = "lock"
LASTS: Final = timedelta(minutes=5)
RENEWED: Final = 60.0  # seconds between renewals

_ours: set[str] = set()  # tokens of the leases that this process holds


def _now() -> datetime:
    return datetime.now(UTC)


class Lease:
    """A lock on a storage; see the module."""

    def __init__(self, objects: Objects, now: Callable[[], datetime] = _now) -> None:
        self._objects, self._now = objects, now
        self._token = uuid.uuid4().hex
        self._number = 0
        self._until = now()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Hold the lock from now on. Raises `WriteError` at once if somebody holds it."""
        there = self._there()
        self._refuse_held(there)
        self._create(max(there, default=0) + 1)
        try:
            self._refuse_held(self._there())  # somebody who took it at the same moment
        except WriteError:
            self.release()
            raise
        _ours.add(self._token)
        self._objects.delete(map(_name, there))
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise `WriteError` if the lock was lost, as it could not be renewed in time."""
        if self._now() >= self._until:
            raise WriteError(
                f"{self._objects.address}: the lock of this run has ended, as it could not be "
                "renewed; run again, which goes on with what is not done"
            )

    def release(self) -> None:
        """Let others have the lock; without effect if it is not held."""
        self._ended.set()
        if self._thread:
            self._thread.join()
        _ours.discard(self._token)
        if self._number:
            with suppress(IamkitError):  # it ends by itself
                self._objects.delete([_name(self._number)])
        self._number = 0

    def _renew(self) -> None:
        while not self._ended.wait(RENEWED):
            before = self._number
            with suppress(IamkitError):  # it is tried again
                self._create(before + 1)
                self._objects.delete([_name(before)])

    def _there(self) -> dict[int, dict[str, Any]]:
        """Who holds which number, others than this one's."""
        found = {}
        for one in self._objects.listed(LOCK):
            stem = PurePosixPath(one.name).stem
            content = self._objects.get(one.name)
            if stem.isdecimal() and content is not None:
                with suppress(ValueError):
                    said = json.loads(content)
                    found[int(stem)] = said if isinstance(said, dict) else {}
        return {number: by for number, by in found.items() if by.get("token") != self._token}

    def _refuse_held(self, there: dict[int, dict[str, Any]]) -> None:
        held = [by for by in there.values() if self._is_held(by)]
        if held:
            by = held[0]
            raise WriteError(
                f"{self._objects.address} is being written by another run: process "
                f"{by.get('pid')} on {by.get('host')}, since {by.get('since')}; wait for its end. "
                f"If it was killed, its lock ends at {by.get('until')}"
            )

    def _is_held(self, by: dict[str, Any]) -> bool:
        try:
            until = datetime.fromisoformat(str(by["until"]))
        except (KeyError, ValueError):
            return False
        if until.tzinfo is None or self._now() >= until:
            return False
        return not (by.get("host") == socket.gethostname() and _has_ended(by))

    def _create(self, number: int) -> None:
        now = self._now()
        until = now + LASTS
        holder = {
            "token": self._token,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": now.isoformat(timespec="seconds"),
            "until": until.isoformat(timespec="seconds"),
        }
        content = json.dumps(holder).encode()
        if self._objects.create(_name(number), content) != content:
            raise WriteError(
                f"{self._objects.address} is being written by another run, which has just begun; "
                "wait for its end"
            )
        self._number, self._until = number, until


def _name(number: int) -> str:
    return f"{LOCK}/{number:06}.json"


def _has_ended(by: dict[str, Any]) -> bool:
    """Whether the process of this machine that held a lock is not there any more."""
    pid = by.get("pid")
    if not isinstance(pid, int) or os.name != "posix":
        return False
    if pid == os.getpid():  # a container's first process has the number of the one before it
        return by.get("token") not in _ours
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
