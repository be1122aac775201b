"""
Tables as files beside the pages: every identity, every finding, every control.

CSV, because everything reads it: with a byte order mark, without which Excel takes UTF-8 for the
code page of the machine. Spreadsheets run what looks like a formula, and anyone who can name a role
in the account chooses the first character, so such text gets an apostrophe in front.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.charts import cell
from iamkit.results import matrix

FORMULA: Final = re.compile(r"[=+\-@\t\r]")

TABLES: Final[Mapping[str, Callable[[Account], pd.DataFrame]]] = {
    "identities.csv": lambda account: account.identities,
    "findings.csv": lambda account: account.audit.findings,
    "controls.csv": lambda account: matrix(account.audit.results),
}


MARK: Final = "\ufeff"
BROKEN: Final = "broken_checks.txt"  # goes with the files, and is none of the report


def csv_files(account: Account) -> dict[str, str]:
    """
    Return the text of each file, by its name.

    Under `BROKEN` comes a line for each check that broke; the report says it, no file holds it.
    """
    results = account.audit.results
    broken = results[results["error"].notna()]
    said = (broken["check"] + ": " + broken["error"]).tolist()
    files = {name: MARK + as_csv(table(account)) for name, table in TABLES.items()}
    return files | {BROKEN: "\n".join(said)}


def as_csv(frame: pd.DataFrame) -> str:
    r"""
    Return a table as CSV (RFC 4180): times in UTC, lists with commas, missing values empty.

    >>> as_csv(pd.DataFrame({"name": ["=1+1", None], "steps": [["a", "b"], []]}))
    'name,steps\r\n\'=1+1,"a, b"\r\n,\r\n'
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(frame.columns)
    writer.writerows(zip(*(map(_safe, frame[name]) for name in frame), strict=True))
    return text.getvalue()


def _safe(value: Any) -> Any:
    shown = cell(value)
    return f"'{shown}" if isinstance(shown, str) and FORMULA.match(shown) else shown
