"""
The checks: one function per rule, in files by subject. Adding one is adding a function.

Every file in this folder is read; an organization's own stand in files that the settings name
(`own_checks`). What a check is: see `registry.check`. Words used in all of them: a subject is an
ARN; comparisons with a missing value are false, so a check that asks for an age says what becomes
of a credential without one.
"""

import importlib
import pkgutil

from iamkit.checks.own import every, run_checks
from iamkit.checks.registry import SEVERITIES, check, population
from iamkit.checks.run import Audit

for _module in pkgutil.iter_modules(__path__):  # each file registers its checks
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["SEVERITIES", "Audit", "check", "every", "population", "run_checks"]
