"""The checks, file by file."""

from typing import Any

from iamkit import Account
from iamkit.checks.registry import CHECKS
from iamkit.checks.run import run


def result(account: Account, name: str) -> dict[str, Any]:
    """What one check says of an account."""
    return dict(run(account, {name: CHECKS[name]}).results.iloc[0])
