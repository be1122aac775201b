"""What a run says while it works: a line per event, as text or as JSON, on standard error."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Final, Protocol

from iamkit.values import printable

FORMATS: Final = ("text", "json")


class _Text(logging.Formatter):
    """`2026-11-01T06:00:02Z production: report made`."""

    def format(self, record: logging.LogRecord) -> str:
        account = getattr(record, "account", "")
        said = f"{account}: {record.getMessage()}" if account else record.getMessage()
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        return printable(" ".join(f"{_moment(record)} {level}{said}".split()))


class _Json(logging.Formatter):
    """One JSON object a line: time, level, account (empty: the whole run) and message."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "account": getattr(record, "account", ""),
            "message": record.getMessage(),
        }
        return json.dumps(said)


def _moment(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))


class Lines(Protocol):
    """What lines are written to."""

    def say(self, text: str, account: str = "") -> None:
        """Say what happens, of an account or of the whole run."""

    def warn(self, text: str, account: str = "") -> None:
        """Say what somebody should look at."""

    def fail(self, text: str, account: str = "") -> None:
        """Say what went wrong."""


class KeptLines:
    """Lines of another process, to be written by the run's own: how, the text, the account."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []

    def say(self, text: str, account: str = "") -> None:
        """Say what happens, of an account or of the whole run."""
        self.lines.append(("say", text, account))

    def warn(self, text: str, account: str = "") -> None:
        """Say what somebody should look at."""
        self.lines.append(("warn", text, account))

    def fail(self, text: str, account: str = "") -> None:
        """Say what went wrong."""
        self.lines.append(("fail", text, account))


class Log:
    """
    The log of one run.

    `form` is one of `FORMATS`. A quiet log says only what went wrong.
    """

    def __init__(self, form: str = "text", *, quiet: bool = False) -> None:
        self._logger = logging.Logger("iamkit.run", logging.WARNING if quiet else logging.INFO)
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Json() if form == "json" else _Text())
        self._logger.addHandler(handler)

    def say(self, text: str, account: str = "") -> None:
        """Say what happens, of an account or of the whole run."""
        self._logger.info("%s", text, extra={"account": account})

    def warn(self, text: str, account: str = "") -> None:
        """Say what somebody should look at."""
        self._logger.warning("%s", text, extra={"account": account})

    def fail(self, text: str, account: str = "") -> None:
        """Say what went wrong."""
        self._logger.error("%s", text, extra={"account": account})
