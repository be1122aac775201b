"""
Ways to escalate, and whom everybody can become, among 5,000 users and 5,000 roles of dense trust.

Counts what escalations and reach cost beyond loading, reading the trust policies included, and the
permissions, which are timed apart:
`account.admin_paths`, the reach of everybody in six contexts, then `account.escalations`,
which builds on it.
"""

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dense
from company import fastest, say

from iamkit import load

USERS = ROLES = 5000
SECONDS, GIGABYTES = 10, 3  # goals


def seconds(action: Callable[[], Any]) -> float:
    """Seconds of one run."""
    return fastest(action, times=1)


def main() -> None:
    """Print seconds and ratios, of one run: its tables are made once for each account."""
    with TemporaryDirectory() as folder:
        path = dense.snapshot(Path(folder), USERS, ROLES)
        content = (path / "authorization_details.json").read_bytes()
        parsed = fastest(lambda: json.loads(content))
        start = time.perf_counter()
        account = load(path)
        account.permissions.summary()
        trusting = len(account.trust)
        before = time.perf_counter() - start
        first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        taken = {
            "reach of everybody": seconds(lambda: account.admin_paths),
            "escalations": seconds(lambda: account.escalations),
        }
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        whole = sum(taken.values())
        ends = account.admin_paths["steps"]
        say(
            f"{len(account.permissions.principals):,} users and roles, {trusting:,} rows of "
            f"trust policies, {len(content) / 1e6:.1f} MB; {len(account.escalations):,} ways to "
            f"escalate; {ends.notna().sum():,} of {len(ends):,} lines end at an administrator"
        )
        say(f"plain JSON parse          1.0 ({parsed:.2f} s)")
        say(f"load and permissions   {before / parsed:6.1f} ({before:.2f} s, {first:.2f} GB)")
        for name, each in taken.items():
            say(f"{name:<22} {each / parsed:6.1f} ({each:.2f} s)")
        say(f"both                   {whole / parsed:6.1f} ({whole:.2f} s; goal: {SECONDS} s)")
        say(f"most memory used: {peak:.2f} GB (goal: {GIGABYTES} GB)")


if __name__ == "__main__":
    main()
