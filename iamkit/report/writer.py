"""Writes a report's tables as files, in a process that `ForkServer.run_writer` starts."""

import json
import sys
from pathlib import Path

from iamkit.account import load
from iamkit.report.exports import write_exports

if __name__ == "__main__":
    account = load(**json.load(sys.stdin))
    write_exports(Path(sys.argv[1]), account)
    if "keep" in sys.argv[2:]:
        account.history.keep()
