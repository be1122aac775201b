"""evidence."""

from iamkit.evidence import aws, cli_files, requests, snapshot
from iamkit.evidence.snapshot import Snapshot, parse_time

__all__ = [
    "Snapshot",
    "aws",
    "cli_files",
    "parse_time",
    "requests",
    "snapshot",
]
