"""
Many accounts: the run file that lists them, and the run that audits them all, month by month.

    from iamkit.fleet import Log, read, run

    run(read(Path("iamkit.yaml")), Log())

`open(reports)`, which is `load_fleet`, opens what the runs have left, to explore it; see `audits`.
"""

from iamkit.fleet.audits import ACCOUNTS, Fleet, load_fleet
from iamkit.fleet.between_accounts import CROSS_ACCOUNT_ROLES
from iamkit.fleet.log import FORMATS, Log
from iamkit.fleet.over_accounts import (
    CHECKS_OVER,
    CONTROLS_OVER,
    FRAMEWORKS_OVER,
    GAPS_OVER,
    GROUPS,
    MONTHS_OVER,
    TRUST_OVER,
)
from iamkit.fleet.paths import ACCOUNT_PATHS, CHOKE_POINTS_BETWEEN, PATHS_BETWEEN
from iamkit.fleet.run_file import RunFile, read, read_all
from iamkit.fleet.runner import RunResult, run

open = load_fleet  # read as fleet.open("reports")

__all__ = [
    "ACCOUNTS",
    "ACCOUNT_PATHS",
    "CHECKS_OVER",
    "CHOKE_POINTS_BETWEEN",
    "CONTROLS_OVER",
    "CROSS_ACCOUNT_ROLES",
    "FORMATS",
    "FRAMEWORKS_OVER",
    "GAPS_OVER",
    "GROUPS",
    "MONTHS_OVER",
    "PATHS_BETWEEN",
    "TRUST_OVER",
    "Fleet",
    "Log",
    "RunFile",
    "RunResult",
    "load_fleet",
    "open",
    "read",
    "read_all",
    "run",
]
