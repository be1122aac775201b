"""checks."""

from iamkit.checks.own import every, run_checks
from iamkit.checks.registry import SEVERITIES
from iamkit.checks.run import Audit

__all__ = [
    "Audit",
    "SEVERITIES",
    "every",
    "run_checks",
]
