"""
Many accounts: the run file that lists them, and the run that audits them all, month by month.

    from iamkit.fleet import Log, read, run

    run(read(Path("iamkit.yaml")), Log())
"""

from iamkit.fleet.log import FORMATS, Log
from iamkit.fleet.run_file import RunFile, read, read_all
from iamkit.fleet.runner import RunResult, run

__all__ = ["FORMATS", "Log", "RunFile", "RunResult", "read", "read_all", "run"]
