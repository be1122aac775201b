"""
Every check on 5,000 users and 5,000 roles, beyond what the permissions take, in plain JSON parses.

Times what only the checks need: verdicts on MFA and networks, what each policy grants, trusted
principals, lint. Escalation has a benchmark of its own and is timed apart.
"""

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from company import say, snapshot

from iamkit import load

USERS = 5000
APART = ("admin_paths", "escalations")
DERIVED = (
    "administrators",
    "trusted_principals",
    "outbound_roles",
    "mfa_enforcement",
    "network_restrictions",
    "network_lists",
    "policy_grants",
    "lint",
    "audit",
)


def main() -> None:
    """Print seconds and ratios, of the fastest of three runs."""
    with TemporaryDirectory() as folder:
        path = snapshot(Path(folder), USERS)
        content = (path / "authorization_details.json").read_bytes()
        start = time.perf_counter()
        json.loads(content)
        parse = time.perf_counter() - start
        runs = []
        for _ in range(3):
            account = load(path)
            account.permissions.summary()
            taken = {}
            for name in (*APART, *DERIVED):
                start = time.perf_counter()
                getattr(account, name)
                taken[name] = time.perf_counter() - start
            runs.append(taken)
        best = min(runs, key=lambda taken: sum(taken.values()))
        whole = sum(best[name] for name in DERIVED)
        results = account.audit.results
        say(f"{len(results)} checks on {len(account.permissions.principals):,} users and roles")
        say(f"  beyond the permissions: {whole:.2f} s, {whole / parse:.1f} parses (goal: 2 s)")
        for name, seconds in best.items():
            say(f"  {name}: {seconds:.2f} s, {seconds / parse:.1f} parses")


if __name__ == "__main__":
    main()
