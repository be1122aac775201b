"""The file that a comparison is written to, beside the pages of the audit."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final, Self

from iamkit.confirm.comparison import Confirmation
from iamkit.errors import WriteError, one_line

NAME: Final = "confirm.json"


class Unfinished:
    """
    The file of a comparison before it is whole.

    It is begun before AWS is asked, so that a disk that is full costs no requests. Raises
    `WriteError` if it cannot be written.
    """

    def __init__(self, folder: Path, planned: Confirmation) -> None:
        self.path = folder / NAME
        self._temporary: str | None = None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, self._temporary = tempfile.mkstemp(".tmp", f".{NAME}-", folder)
            os.close(handle)
            self._write(planned)
        except OSError as error:
            self.close()
            raise self._unwritable(error) from error

    def finish(self, compared: Confirmation) -> Path:
        """Put the comparison in the place of an earlier one, and return its path."""
        try:
            self._write(compared)
            Path(self._temporary or "").replace(self.path)
        except OSError as error:
            raise self._unwritable(error) from error
        self._temporary = None
        return self.path

    def close(self) -> None:
        """Remove what is not finished."""
        if self._temporary is not None:
            Path(self._temporary).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, what: Confirmation) -> None:
        with Path(self._temporary or "").open("w", encoding="ascii", newline="\n") as file:
            file.write(what.json)

    def _unwritable(self, error: OSError) -> WriteError:
        return WriteError(f"{self.path} cannot be written: {one_line(error)}")
