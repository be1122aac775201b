"""
A limit on the time that own checks, and the files that contain them, may take.

A timer interrupts it between two instructions of Python, in the main thread of a process, where the
platform has such timers (not Windows). What waits inside a library that does not return, such as a
computation of numpy's, ends no earlier than that does.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

OWN: Final = "own_checks_"  # how the names of modules begin that are read from own files


class CheckTimeout(BaseException):
    """Raised in code that has run for too long; no `Exception`, which that code may catch."""


def is_own(function: Callable[..., Any]) -> bool:
    """Whether a function is of a file of own checks, and not of the kit."""
    return str(getattr(function, "__module__", "")).startswith(OWN)


@contextmanager
def time_limit(seconds: int, what: str) -> Iterator[None]:
    """
    Raise `CheckTimeout` in the code under `with` once it has run for this time; 0: no limit.

    `what` names the code in the message.
    """
    able = hasattr(signal, "setitimer")
    if not (seconds and able and threading.current_thread() is threading.main_thread()):
        yield
        return

    def stop(number: int, frame: Any) -> None:
        said = f"{what} ran for more than {seconds} s, which is max_check_seconds"
        raise CheckTimeout(said)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # again each second, if code catches it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
