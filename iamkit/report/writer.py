"""Writes a report's CSV files, in a process that `ForkServer.run_writer` starts."""

import json
import sys
from pathlib import Path

from iamkit.report.csv_files import write_csv_files

if __name__ == "__main__":
    write_csv_files(Path(sys.argv[1]), json.load(sys.stdin), keep="keep" in sys.argv[2:])
