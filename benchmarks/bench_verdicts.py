"""
Whether MFA is enforced and from where each identity can be used, where trust is dense.

Times of `account.mfa_enforcement` and `account.network_restrictions`, of processor time beyond
loading, the permissions and the trust policies, for accounts of `dense.py` of several sizes: as
many users as roles, and few users with many roles. What somebody becomes by trust policies that
name it is reached in millions of ways, so the last line says how the cost grows with the number of
principals and of rows of trust policies together. Each account is measured in a process of its own.
"""

import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dense
from company import say

from iamkit import load

SIZES = ((500, 500), (1000, 1000), (120, 5000), (5000, 5000))  # users, roles
SECONDS, GIGABYTES = 60, 2  # goals, for each verdict and the largest account
VERDICTS = ("mfa_enforcement", "network_restrictions")


def seconds(action: Callable[[], Any]) -> float:
    """Processor time of one run."""
    start = time.process_time()
    action()
    return time.process_time() - start


def measured(path: Path) -> dict[str, Any]:
    """Seconds of each verdict, how large the account is, and the memory."""
    account = load(path)
    before = seconds(lambda: (account.permissions.summary(), len(account.trust)))
    taken = {name: seconds(partial(getattr, account, name)) for name in VERDICTS}
    return {
        "before": before,
        "taken": taken,
        "principals": len(account.permissions.principals),
        "rows": len(account.trust),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def apart(path: Path) -> dict[str, Any]:
    """What `measured` gives, from a process of its own."""
    command = [sys.executable, __file__, "--measure", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def main() -> None:
    """Print seconds, memory and growth."""
    with TemporaryDirectory() as folder:
        runs = [apart(dense.snapshot(Path(folder, f"{u}-{r}"), u, r)) for u, r in SIZES]
    for (users, roles), run in zip(SIZES, runs, strict=True):
        each = ", ".join(f"{name} {taken:.1f} s" for name, taken in run["taken"].items())
        say(
            f"{users:,} users, {roles:,} roles, {run['rows']:,} rows of trust policies: {each} "
            f"(permissions before: {run['before']:.1f} s), {run['peak']:.2f} GB"
        )
    say(f"goals for the last: {SECONDS} s each, {GIGABYTES} GB")
    first, last = runs[0], runs[-1]
    larger = math.log(_size(last) / _size(first))
    for name in VERDICTS:
        power = math.log(last["taken"][name] / first["taken"][name]) / larger
        say(f"{name} grows with principals and rows of trust policies to the power of {power:.2f}")


def _size(run: dict[str, Any]) -> int:
    size: int = run["principals"] + run["rows"]
    return size


if __name__ == "__main__":
    if "--measure" in sys.argv:
        print(json.dumps(measured(Path(sys.argv[-1]))))
    else:
        main()
