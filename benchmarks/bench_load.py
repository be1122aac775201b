"""How many times the plain JSON parse it costs to load 5,000 users and about 5,000 roles."""

import json
import resource
from pathlib import Path
from tempfile import TemporaryDirectory

from company import fastest, say, snapshot

from iamkit import load
from iamkit.tables import schema

USERS = 5000


def everything(path: Path) -> None:
    """Load the account and build every table."""
    account = load(path)
    for table in schema.TABLES:
        getattr(account, table.name)


with TemporaryDirectory() as folder:
    path = snapshot(Path(folder), USERS)
    details = (path / "authorization_details.json").read_bytes()
    parsed = fastest(lambda: json.loads(details))
    loaded = fastest(lambda: everything(path))
    account = load(path)
    say(
        f"{len(account.users):,} users, {len(account.roles):,} roles, {len(account.policies):,} "
        f"policies, {len(details) / 1e6:.1f} MB of authorization details"
    )
    say(f"plain JSON parse             1.0 ({parsed:.2f} s)")
    say(f"load, verify, every table       {loaded / parsed:.1f} ({loaded:.2f} s)")
    for table in schema.TABLES:
        fresh = load(path)
        cost = fastest(lambda fresh=fresh, table=table: getattr(fresh, table.name), times=1)
        if cost > parsed / 10:
            say(f"  {table.name:<20} {cost / parsed:.1f}, with what it needs")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    say(f"most memory used: {peak:.2f} GB")
