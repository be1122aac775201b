"""
The tree of errors. Each message names the thing, what is wrong with it and what to do next.

    IamkitError
    ├── CollectError      evidence cannot be taken from AWS or from the files given
    ├── SnapshotError     an evidence folder is missing, damaged or too new
    │   └── SnapshotExistsError there is one of that account and time already
    ├── SchemaError       a table does not have the columns that `schema.py` promises
    ├── CatalogError      a list of IAM actions is damaged, or a name is not in it
    ├── CheckError        a check has a name twice, or asks for or returns what does not fit
    ├── ChangeError       a change to try that AWS would refuse, or about what is not there
    ├── RotationError     the rotation of access keys cannot be planned or gone on with
    ├── SettingsError     a settings file or a parameter has a wrong name, type or value
    ├── PrintError        no PDF could be printed; the rest of a report does not need it
    ├── WriteError        something cannot be written: disk full, read-only, another run writes it
    └── ReportError       a report cannot be made, or is not as it was made
        ├── NotebookError a notebook failed; all pages are there and its own shows the failure
        └── BrokenCheckError a check broke; all pages are there and say that it was not assessed,
                             or it ended the process that ran it, and no page is there

The command line turns each into one line on standard error and an exit code: see `exit_codes`.
A refused AWS call is not an error but a row in `gaps`.
"""

from __future__ import annotations

from pathlib import Path


class IamkitError(Exception):
    """Any error whose message is meant for the reader of the command line."""


class CollectError(IamkitError):
    """Raised when evidence cannot be taken: no credentials, no network, unreadable files."""


class SnapshotError(IamkitError):
    """Raised when an evidence folder is missing, damaged, of a newer format, or in the way."""


class SnapshotExistsError(SnapshotError):
    """
    Raised when evidence of an account and a time is there already.

    `path` is its folder; `differing` are the files that would have been other ones, if known.
    """

    def __init__(self, path: Path, said: str, differing: tuple[str, ...] = ()) -> None:
        super().__init__(said)
        self.path, self.differing = path, differing


class SchemaError(IamkitError):
    """Raised when a table lacks a column of its definition, or repeats a key."""


class CatalogError(IamkitError):
    """Raised when a list of actions is damaged or has unknown words, or rows do not fit it."""


class CheckError(IamkitError):
    """Raised when a check, of the kit or of an organization, is not valid."""


class ChangeError(IamkitError):
    """Raised when AWS would refuse a change to try, or its subject does not exist."""


class RotationError(IamkitError):
    """Raised when a rotation of access keys lacks evidence, its journal, or its own account."""


class SettingsError(IamkitError):
    """Raised when a setting or parameter is unknown, of the wrong type or out of range."""


class PrintError(IamkitError):
    """Raised when there is no Chromium to print with, or it prints nothing."""


class WriteError(IamkitError):
    """Raised when something cannot be written; what was there before is still there, whole."""


class ReportError(IamkitError):
    """Raised when a report cannot be made, is in the way of another, or is not as it was made."""


class NotebookError(ReportError):
    """Raised after all pages are written when a notebook failed; names notebook and cell."""


class BrokenCheckError(ReportError):
    """
    Raised after all pages are written when a check broke; names it and its error.

    Raised before, if a check of somebody's own ended the process that ran it.
    """


def message_of(error: BaseException) -> str:
    r"""
    All that an error of somebody else's code says, on one line; empty if it cannot even say that.

    >>> message_of(ValueError("one\n two"))
    'one two'
    """
    try:
        return " ".join(str(error).split())
    except Exception:
        return ""


def one_line(error: Exception) -> str:
    """One line on what went wrong."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (said.splitlines() or [type(error).__name__])[0]
