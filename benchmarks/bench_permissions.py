"""
Effective permissions of 5,000 users and 5,000 roles in six contexts, in plain JSON parses.

The peer is cloudsplaining, installed here into a venv of its own; it scans the same file. The two
do not compute the same. cloudsplaining judges each policy by itself, without conditions, boundaries
or SCPs and with denies only roughly, lists risky actions per policy and writes an HTML page. iamkit
evaluates every action for every user and role in six contexts, with all of those, and makes tables.
"""

import json
import math
import resource
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

from company import fastest, say, snapshot

from iamkit import load
from iamkit.access import effective, permissions

PEERS = Path(__file__).parent / ".venv-cloudsplaining"
USERS = 5000
SIZES = (1000, 3000, 10000)


def everyone(path: Path) -> permissions.Permissions:
    """Load an account and evaluate all its users and roles in the six contexts."""
    return effective(load(path))


def cloudsplaining(details: Path, out: Path) -> float:
    """Seconds that a scan of the same file takes, the program's start included."""
    python = PEERS / "bin" / "python"
    if not (PEERS / "bin" / "cloudsplaining").exists():
        venv.create(PEERS, with_pip=True)
        install = [python, "-m", "pip", "install", "-qq", "cloudsplaining"]
        subprocess.run(install, check=True)
    start = time.perf_counter()
    command = [PEERS / "bin" / "cloudsplaining", "scan", "--input-file", str(details)]
    command += ["--output", str(out), "--skip-open-report"]
    subprocess.run(command, check=True, capture_output=True, cwd=out)
    return time.perf_counter() - start


def main() -> None:
    """Print the ratios."""
    with TemporaryDirectory() as folder:
        path = snapshot(Path(folder), USERS)
        details = path / "authorization_details.json"
        content = details.read_bytes()
        parsed = fastest(lambda: json.loads(content), times=5)
        ours = fastest(lambda: everyone(path))
        made = everyone(path)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        say(
            f"{len(made.principals):,} users and roles, {len(made.contexts)} contexts, "
            f"{made.catalog.size:,} actions, {len(content) / 1e6:.1f} MB; "
            f"{len(made.rows):,} distinct rows; most memory used {peak:.2f} GB"
        )
        say(f"plain JSON parse          1.0 ({parsed:.2f} s)")
        say(f"load and permissions     {ours / parsed:4.1f} ({ours:.2f} s)")
        if "--no-peer" not in sys.argv:
            copy = Path(folder, "authorization_details.json")
            shutil.copy(details, copy)
            theirs = cloudsplaining(copy, Path(folder))
            say(f"cloudsplaining's scan    {theirs / parsed:4.0f} ({theirs:.1f} s)")
            say(f"iamkit is {theirs / ours:.0f} times as fast")
        sizes = []
        for users in SIZES:
            grown = snapshot(Path(folder), users)
            principals = len(everyone(grown).principals)
            sizes.append((principals, fastest(lambda grown=grown: everyone(grown), times=2)))
            times = sizes[-1][1] / parsed
            say(f"{principals:>7,} principals  {times:5.1f} parses of the file above")
        (small, quick), (large, slow) = sizes[0], sizes[-1]
        exponent = math.log(slow / quick) / math.log(large / small)
        say(f"cost grows with the number of principals to the power of {exponent:.2f}")


if __name__ == "__main__":
    main()
