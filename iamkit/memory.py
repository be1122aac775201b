"""Memory: answers that are kept, and when Python may look for garbage."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar, TypeVarTuple

K = TypeVar("K")
V = TypeVar("V")
Ts = TypeVarTuple("Ts")


class Memo(dict[K, V], Generic[K, V]):
    """
    Answers by key. The key holds what the answer depends on, which is less than the arguments.

    Two callers whom no policy tells apart have the same key, so that one answer serves both. That,
    and that it ends with the object it belongs to, is what `functools.cache` does not do.

    >>> lengths = Memo()
    >>> lengths.once("a", len, "abc"), lengths.once("a", len, "another with the same key")
    (3, 3)
    """

    def once(self, key: K, make: Callable[[*Ts], V], /, *args: *Ts) -> V:
        """
        Return the answer for a key; `make` is called only if there is none yet.

        Called by the million, and a quarter faster without arguments that have names.
        """
        try:
            return self[key]
        except KeyError:
            found = self[key] = make(*args)
            return found


# Set by `freeze`: Python can only say so by counting everything that is frozen.
_frozen = threading.Event()


def freeze() -> None:
    """Leave all objects there are out of garbage collection, for as long as this process runs."""
    gc.freeze()
    _frozen.set()


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """
    Pause Python's garbage collector; afterwards it runs as before.

    While many objects are made, it would walk all of a big account's evidence again and again. They
    count as old at once, or stay frozen after `freeze`: what an account has made, it keeps.

    >>> with garbage_collection_paused():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not _frozen.is_set():
                gc.freeze()
                gc.unfreeze()  # to the oldest generation
            gc.enable()
