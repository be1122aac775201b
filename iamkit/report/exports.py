"""
What a report has beside its pages: CSV files, and the findings as JSON and as OCSF events.

One process writes them all, from the account that it holds; the report reads them and puts them
into its folder (`render`). What takes long to import is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iamkit.report.csv_files import TABLES

if TYPE_CHECKING:
    from iamkit.account import Account

FINDINGS: Final = "findings.json"
OCSF: Final = "findings.ocsf.json"
FILES: Final = (*TABLES, FINDINGS, OCSF)


def exports(account: Account) -> dict[str, bytes]:
    """Return the content of each file, by its name; with `csv_files.OUTCOME`, see there."""
    from iamkit.report.csv_files import csv_files
    from iamkit.report.findings_json import findings_json
    from iamkit.report.ocsf import ocsf_findings

    texts = csv_files(account)
    texts |= {FINDINGS: findings_json(account), OCSF: ocsf_findings(account)}
    return {name: text.encode("utf-8", "replace") for name, text in texts.items()}


def write_exports(folder: Path, arguments: Mapping[str, Any], *, keep: bool = False) -> None:
    """
    Write the files of the account with these arguments of `iamkit.load` into a folder.

    The folder is there once all of them are. `keep`: then the record of the audit is written, too,
    beside its evidence.
    """
    from iamkit.account import load

    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir(mode=0o700)
    account = load(**arguments)
    for name, content in exports(account).items():
        (unfinished / name).write_bytes(content)
    unfinished.rename(folder)
    if keep:
        account.history.keep()
