"""
The checks: one function per rule, in files by subject. Adding one is adding a function.

`registry` says what a check is, `run` runs them, `own` adds those of an organization, from files
that the settings name (`own_checks`). Every file of this folder is read. A subject is an ARN.
Comparisons with a missing value are false, so a check that compares an age says what happens to a
credential without one.
"""

import importlib
import pkgutil

from iamkit.checks.own import every, run_checks
from iamkit.checks.registry import (
    FACTS,
    INFO,
    SEVERITIES,
    STATUSES,
    Status,
    check,
    offer,
    population,
)
from iamkit.checks.run import ACCEPTANCES, FINDINGS, RESULTS, Audit, State

AUDIT_TABLES = (FINDINGS, RESULTS, ACCEPTANCES)

for _module in pkgutil.iter_modules(__path__):  # each file registers its checks
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "AUDIT_TABLES",
    "FACTS",
    "INFO",
    "SEVERITIES",
    "STATUSES",
    "Audit",
    "State",
    "Status",
    "check",
    "every",
    "offer",
    "population",
    "run_checks",
]
