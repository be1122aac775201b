"""
What a report has beside its pages: CSV files, the findings as JSON and OCSF events, a workbook.

One process writes them all, from the account that it holds; the report reads them and puts them
into its folder (`render`). What takes long to import is imported where it is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from iamkit.memory import garbage_collection_paused
from iamkit.report.csv_files import TABLES

if TYPE_CHECKING:
    from iamkit.account import Account

FINDINGS: Final = "findings.json"
OCSF: Final = "findings.ocsf.json"
WORKBOOK: Final = "report.xlsx"
FILES: Final = (*TABLES, FINDINGS, OCSF, WORKBOOK)


def exports(account: Account) -> dict[str, bytes]:
    """Return the content of each file, by its name; with `csv_files.OUTCOME`, see there."""
    from iamkit.report.csv_files import csv_files
    from iamkit.report.findings_json import findings_json
    from iamkit.report.ocsf import ocsf_findings
    from iamkit.report.workbook import workbook

    with garbage_collection_paused():  # it would look at each of a million cells, again and again
        texts = csv_files(account)
        texts |= {FINDINGS: findings_json(account), OCSF: ocsf_findings(account)}
        files = {name: text.encode("utf-8", "replace") for name, text in texts.items()}
        return files | {WORKBOOK: workbook(account)}


def write_exports(folder: Path, account: Account) -> None:
    """Write the files of an account into a folder, which is there once all of them are."""
    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir(mode=0o700)
    for name, content in exports(account).items():
        (unfinished / name).write_bytes(content)
    unfinished.rename(folder)
