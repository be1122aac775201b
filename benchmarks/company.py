"""The accounts that benchmarks measure: the demo company, small and large."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from iamkit import demo


def snapshot(folder: Path, users: int) -> Path:
    """Make the demo company with this many users (and about as many roles) under `folder`."""
    return demo.snapshots(folder / str(users), users=users)


def fastest(action: Callable[[], Any], times: int = 3) -> float:
    """Seconds of the fastest of a few runs, the one least disturbed by other work."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return min(taken)


def say(text: str) -> None:
    """Print at once, so that a long benchmark shows where it is."""
    print(text)
    sys.stdout.flush()
