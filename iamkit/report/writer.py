"""Writes a report's tables as files, in a process that `ForkServer.run_writer` starts."""

import json
import sys
from pathlib import Path

from iamkit.report.exports import write_exports

if __name__ == "__main__":
    write_exports(Path(sys.argv[1]), json.load(sys.stdin), keep="keep" in sys.argv[2:])
