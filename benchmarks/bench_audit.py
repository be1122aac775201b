"""
A whole audit of 5,000 users and 5,000 roles, 2,000 of whom may change IAM, in plain JSON parses.

Times, of the account of `iam_changers.py`: loading with the permissions and their summary; and all
of permissions, verdicts on MFA and networks, paths to administrator, checks and identities. Then
the same for 1,000 to 10,000 users and roles, to see that it grows as they do. The peer is
cloudsplaining, which scans the same file; see `bench_permissions.py`. Each account is measured in a
process of its own, once, so that the memory is that of one audit.
"""

import json
import math
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import iam_changers
from bench_permissions import cloudsplaining
from company import fastest, say

from iamkit import load

USERS = 5000
SIZES = (500, USERS)  # as many roles
MOST = {"permissions": 15, "everything": 60, "gigabytes": 2}  # goals
AIMS = {"permissions": 9, "everything": 40}
PARTS = (
    "mfa_enforcement",
    "network_restrictions",
    "admin_paths",
    "administrators",
    "trusted_principals",
    "outbound_roles",
    "network_lists",
    "policy_grants",
    "lint",
    "escalations",
    "audit",
    "identities",
)


def measured(path: Path) -> dict[str, Any]:
    """Seconds of each part of one audit, of a plain parse before and after it, and the memory."""
    content = (path / "authorization_details.json").read_bytes()
    parse = fastest(lambda: json.loads(content), times=5)
    taken = {}
    start = time.perf_counter()
    account = load(path)
    summary = account.permissions.summary()
    taken["permissions"] = time.perf_counter() - start
    for name in PARTS:
        start = time.perf_counter()
        getattr(account, name)
        taken[name] = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    admins = summary.query("admin != ''").drop_duplicates("principal_arn")
    return {
        "parse": min(parse, fastest(lambda: json.loads(content), times=5)),
        "taken": taken,
        "peak": peak,
        "megabytes": len(content) / 1e6,
        "principals": len(account.permissions.principals),
        "policies": int(account.policies["kind"].eq("customer").sum()),
        "admins": len(admins),
    }


def apart(path: Path) -> dict[str, Any]:
    """What `measured` gives, from a process of its own."""
    command = [sys.executable, __file__, "--measure", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def main() -> None:
    """Print seconds and ratios."""
    runs = []
    with TemporaryDirectory() as folder:
        for users in SIZES:
            path = iam_changers.snapshot(Path(folder, str(users)), users)
            runs.append(apart(path))
        run = runs[-1]
        parse, taken = run["parse"], run["taken"]
        say(
            f"{run['principals']:,} users and roles, {run['policies']:,} customer policies, "
            f"{run['megabytes']:.1f} MB; {run['admins']:,} can do everything or give it themselves"
        )
        say(f"plain JSON parse             1.0 ({parse:.2f} s)")
        reached = {"permissions": taken["permissions"] / parse, "everything": _whole(run) / parse}
        for name, times in reached.items():
            goal = f"goal: {MOST[name]}, aim: {AIMS[name]}"
            say(f"{name:<26} {times:5.1f} ({times * parse:.2f} s; {goal})")
        for name in PARTS:
            say(f"  {name:<24} {taken[name] / parse:5.1f}, with what it needs beyond those above")
        say(f"most memory used: {run['peak']:.2f} GB (goal: {MOST['gigabytes']} GB)")
        for each in runs:
            first, whole = each["taken"]["permissions"] / parse, _whole(each) / parse
            say(
                f"{each['principals']:>7,} users and roles: permissions {first:5.1f}, everything "
                f"{whole:5.1f} parses of the file above, {each['peak']:.2f} GB"
            )
        power = math.log(_whole(run) / _whole(runs[0]))
        power /= math.log(run["principals"] / runs[0]["principals"])
        say(f"cost grows with the number of users and roles to the power of {power:.2f}")
        if "--no-peer" not in sys.argv:
            copy = Path(folder, "authorization_details.json")
            shutil.copy(path / "authorization_details.json", copy)
            theirs = cloudsplaining(copy, Path(folder))
            say(f"cloudsplaining's scan      {theirs / parse:5.0f} ({theirs:.1f} s)")
            say(f"iamkit's whole audit is {theirs / _whole(run):.1f} times as fast")


def _whole(run: dict[str, Any]) -> float:
    return sum(run["taken"].values())


if __name__ == "__main__":
    if "--measure" in sys.argv:
        print(json.dumps(measured(Path(sys.argv[-1]))))
    else:
        main()
