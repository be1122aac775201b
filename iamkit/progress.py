"""
What takes long says what it does: one line for a person who waits, and nothing that stays.

A command shows a bar of its steps, `progress_bar`. What an account computes names itself by
`working_on`, in JupyterLab below the cell and in a terminal on standard error; the line is gone
when the work is done. Where nobody waits nothing is shown: in a script whose standard error goes to
a file, under papermill, and in the notebooks of a report.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Protocol
from uuid import uuid4

from iamkit.values import printable

Part = Callable[[str], None]
WITHIN: Final = " > "


class _Place(Protocol):
    """Where the line is shown; an empty text takes it away."""

    def show(self, text: str) -> None: ...


class _Cell:
    """The output of a notebook's cell."""

    def __init__(self, publisher: Any) -> None:
        self._publisher = publisher
        self._id = ""

    def show(self, text: str) -> None:
        again, self._id = bool(self._id), self._id or uuid4().hex
        data = {"text/plain": text} if text else {}  # which JupyterLab shows as nothing
        transient = {"display_id": self._id}
        self._publisher.publish(data=data, metadata={}, transient=transient, update=again)


class _Terminal:
    """The last line of a terminal, which each text overwrites."""

    def __init__(self) -> None:
        self._width = 0

    def show(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write(f"\r{text.ljust(self._width)}\r{text}")
        sys.stderr.flush()
        self._width = len(text)


class _Steps(threading.local):
    """The steps of a thread that are not done, and where they are shown."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.place: _Place | None = None

    def show(self) -> None:
        if self.place:
            said = f"iamkit: {WITHIN.join(self.names)} …" if self.names else ""
            self.place.show(printable(said))


_steps = _Steps()


@contextmanager
def working_on(name: str) -> Iterator[Part]:
    """
    Name what is computed for as long as the block runs; what it is a step of stands before it.

    Yields a function that names the part that is being done.

    >>> with working_on("account.audit") as part:
    ...     part("check 1 of 2")
    """
    steps = _steps
    if not steps.names:
        steps.place = _place()
    depth = len(steps.names)

    def part(said: str) -> None:
        steps.names[depth:] = [f"{name}: {said}" if said else name]
        steps.show()

    part("")
    try:
        yield part
    finally:
        del steps.names[depth:]
        steps.show()
        if not steps.names:
            steps.place = None


def _place() -> _Place | None:
    """Where a person waits: at a notebook, else at a terminal, else nowhere."""
    if threading.current_thread() is not threading.main_thread():
        return None
    shell = shell_of_notebook()
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        # Who can be asked for input is there; papermill and nbconvert cannot.
        asked = kernel.get_parent("shell").get("content") or {}
        return _Cell(shell.display_pub) if asked.get("allow_stdin") else None
    return _Terminal() if sys.stderr.isatty() else None


def shell_of_notebook() -> Any:
    """Return the shell of the IPython that runs this code; None if none does."""
    ipython = sys.modules.get("IPython")  # to import it takes long
    return ipython.get_ipython() if ipython else None


@contextmanager
def progress_bar(title: str) -> Iterator[Any]:
    """Show progress on standard error: a bar on a terminal, a line a step elsewhere."""
    from tqdm import tqdm

    if not sys.stderr.isatty():
        yield partial(_line, title)
        return
    with tqdm(desc=title, file=sys.stderr, leave=False) as bar, _unnamed():

        def step(what: str, done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.set_postfix_str(what)

        yield step


@contextmanager
def _unnamed() -> Iterator[None]:
    """Name no step for as long as the block runs: a bar has the line."""
    _steps.names.append("")
    try:
        yield
    finally:
        _steps.names.pop()


def _line(title: str, what: str, done: int, total: int) -> None:
    """One line a step; of many steps only every tenth part."""
    if total <= 25 or done * 10 // total != (done - 1) * 10 // total:
        sys.stderr.write(f"{title}: {done}/{total} {printable(what)}\n")
