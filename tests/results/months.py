"""Audits of one small account, month after month, on disk as `iamkit collect` leaves them."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iamkit import Account, load
from iamkit.evidence import cli_files
from tests.accounts import ARN, HEADER, ROOT, details

NEVER = ["N/A"] * 4


def month(number: int) -> datetime:
    """The first of a month, the first of which is January 2026."""
    return datetime(2026 + (number - 1) // 12, (number - 1) % 12 + 1, 1, 6, tzinfo=UTC)


def line(name: str, *, made: str = "2025-12-01", password: bool = True, mfa: bool = False) -> str:
    """A user's line of the credential report, with an active key made on a day."""
    day = f"{made}T12:00:00+00:00"
    signs_in = ["true", day, day, "N/A"] if password else ["false", *["N/A"] * 3]
    key = ["true", day, day, "eu-central-1", "s3"]
    cells = [name, f"{ARN}user/{name}", "2025-01-01T12:00:00+00:00", *signs_in,
             str(mfa).lower(), *key, "false", *NEVER, "false", "N/A", "false", "N/A"]  # fmt: skip
    return ",".join(cells)


def audit(
    root: Path, number: int, contents: dict[str, Any] | None, *lines: str, **settings: Any
) -> Account:
    """
    The account's audit of a month, under `root`.

    `contents` are the authorization details; None: they are missing. Without lines, the credential
    report is missing.
    """
    given = root / f"given-{number}"
    given.mkdir(parents=True)
    if lines:
        text = "\n".join([HEADER, ROOT, *lines])
        content = {
            "Content": base64.b64encode(text.encode()).decode(),
            "ReportFormat": "text/csv",
            "GeneratedTime": month(number).isoformat(),
        }
        (given / "credential_report.json").write_text(json.dumps(content))
    if contents is not None:
        (given / "authorization_details.json").write_text(json.dumps(details() | contents))
    path = cli_files.from_files(root / "reports", given, as_of=month(number))
    return load(path, **settings)
