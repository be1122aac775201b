"""
What a run has done so far, so that one that was cut off is gone on with and nothing is done twice.

`.iamkit-run.json` is in the folder of the reports while a run is not at its end. It names the
run and, for each account that is done, its result. What it does not know yet can be done again
without harm: evidence is known again by the run's name in its manifest, a report comes out the
same.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from iamkit.whole_file import write_whole

NAME: Final = ".iamkit-run.json"
STALE: Final = timedelta(hours=24)  # an older run is not gone on with
_KEPT: Final = ("run", "of", "results", "deleting", "announced")
FORM: Final = "%Y-%m-%dT%H%M%SZ"  # of the name of a run


@dataclass
class Journal:
    """The run's name, which is when it began, UTC, and what it has done."""

    path: Path
    run: str
    of: str  # SHA-256 of the run file and the version
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleting: list[str] = field(default_factory=list)  # audits, from the folder of the reports
    announced: bool = False
    resumed: bool = False

    def note(self, account: str, result: dict[str, Any]) -> None:
        """Note that an account is done."""
        self.results[account] = result
        self._write()

    def note_deleting(self, audits: list[str]) -> None:
        """Note which audits are too old, before the first is deleted."""
        self.deleting = [*dict.fromkeys([*self.deleting, *audits])]
        self._write()

    def note_announced(self) -> None:
        """Note that the results have been announced."""
        self.announced = True
        self._write()

    def end(self) -> None:
        """Note that the run is at its end: there is nothing left to go on with."""
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        said = {name: getattr(self, name) for name in _KEPT}
        write_whole(self.path, json.dumps(said).encode())


def opened(reports: Path, of: str, now: datetime, *, fresh: bool = False) -> Journal:
    """
    Return the journal of the run that was cut off, else that of a new run, which begins `now`.

    A run is not gone on with if it is `STALE`, if the run file or the version has changed since
    (`of` is their SHA-256), or if a fresh one is wanted.
    """
    path = reports / NAME
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads(path.read_bytes())
        if said["of"] == of and not fresh and is_recent(said["run"], now):
            return Journal(path, **{name: said[name] for name in _KEPT}, resumed=True)
    journal = Journal(path, now.strftime(FORM), of)
    journal._write()
    return journal


def is_recent(run: str, now: datetime) -> bool:
    """Whether a run began so lately that it can be gone on with; ValueError for no run's name."""
    return timedelta() <= now - datetime.strptime(run, FORM).replace(tzinfo=UTC) < STALE


def name_of(content: bytes) -> str:
    """
    A name for something that a run keeps: always the same for the same content.

    >>> name_of(b"production")
    'ab8e18ef4ebebeddc0b3152ce9c9006e'
    """
    return hashlib.sha256(content).hexdigest()[:32]
