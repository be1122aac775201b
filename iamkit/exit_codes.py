"""
The exit codes of all commands.

A scheduler acts on these, so each means one thing in every command. If several apply, the highest
is used: that pages are incomplete is more important than that evidence is missing, and that is more
important than what was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from iamkit.errors import BrokenCheckError, IamkitError, NotebookError, WriteError


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    FOUND = 1
    WRONG_INPUT = 2
    GAPS = 3
    FAILED = 4
    NOT_WRITTEN = 5


MEANINGS: Final[Mapping[ExitCode, str]] = {
    ExitCode.DONE: "done",
    ExitCode.FOUND: (
        "done: findings (of diff, new ones) at or above --fail-on, or what the run file says; or "
        "files that rebuild makes differently, or decisions in which AWS's simulator differs"
    ),
    ExitCode.WRONG_INPUT: "wrong input or usage, no evidence, or files that were changed",
    ExitCode.GAPS: "done, without evidence that --require, or the run file, names",
    ExitCode.FAILED: (
        "a notebook or a check failed, as the pages say; an account of a run could not be audited; "
        "a step of a rotation could not be done; or iamkit itself failed"
    ),
    ExitCode.NOT_WRITTEN: "interrupted, or could not write; what was there before is still there",
}

# Those of each command, beside those of `ALL`.
ALL: Final = (ExitCode.DONE, ExitCode.WRONG_INPUT, ExitCode.FAILED, ExitCode.NOT_WRITTEN)
OF_COMMANDS: Final[Mapping[str, tuple[ExitCode, ...]]] = {
    "collect": (ExitCode.GAPS,),
    "confirm": (ExitCode.FOUND,),
    "demo": (),
    "diff": (ExitCode.FOUND,),
    "fetch": (),
    "lab": (),
    "rebuild": (ExitCode.FOUND,),
    "remedies": (),
    "report": (ExitCode.FOUND, ExitCode.GAPS),
    "rotate": (),
    "run": (ExitCode.FOUND, ExitCode.GAPS),
    "settings": (),
    "verify": (),
}


def of_error(error: BaseException) -> ExitCode:
    """
    Return the exit code of a command that ended with an error of the kit, or was interrupted.

    >>> of_error(IamkitError("no such file")), of_error(KeyboardInterrupt())
    (<ExitCode.WRONG_INPUT: 2>, <ExitCode.NOT_WRITTEN: 5>)
    """
    if isinstance(error, NotebookError | BrokenCheckError):
        return ExitCode.FAILED
    if isinstance(error, IamkitError) and not isinstance(error, WriteError):
        return ExitCode.WRONG_INPUT
    expected = isinstance(error, OSError | WriteError) or not isinstance(error, Exception)
    return ExitCode.NOT_WRITTEN if expected else ExitCode.FAILED


def of_command(name: str) -> dict[int, str]:
    """Return the exit codes of a command, and what each means."""
    codes = {*ALL, *OF_COMMANDS.get(name, ())}
    return {int(code): MEANINGS[code] for code in sorted(codes)}
