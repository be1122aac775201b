"""
How evidence is taken and kept: what is asked of AWS, what it answers, and the snapshot.

`aws` and `sessions`, which import boto3, `redaction`, which imports pandas, and `cli_files` are
imported where they are used.
"""

from iamkit.evidence import (
    of_report,
    pseudonyms,
    requests,
    responses,
    snapshot,
)
from iamkit.evidence.organization import Member, Organization
from iamkit.evidence.responses import ROOT_NAME, refuse_another, report_lines
from iamkit.evidence.snapshot import Snapshot, parse_time

__all__ = [
    "ROOT_NAME",
    "Member",
    "Organization",
    "Snapshot",
    "aws",
    "cli_files",
    "of_report",
    "parse_time",
    "pseudonyms",
    "redaction",
    "refuse_another",
    "report_lines",
    "requests",
    "responses",
    "sessions",
    "snapshot",
]
