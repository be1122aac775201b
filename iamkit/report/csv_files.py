"""
Tables as files beside the pages: every identity, every finding, every control.

CSV, because everything reads it: with a byte order mark, without which Excel takes UTF-8 for the
code page of the machine. Spreadsheets run what looks like a formula, and whoever names a
role in the account chooses the first character, so such text gets an apostrophe in front.

What takes long to import is imported where it is used: a report only asks for the names of the
files, while another process writes them.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

    from iamkit.account import Account

FORMULA: Final = re.compile(r"[=+\-@\t\r]")

TABLES: Final[Mapping[str, Callable[[Account], pd.DataFrame]]] = {
    "identities.csv": lambda account: account.identities,
    "findings.csv": lambda account: account.audit.findings,
    "controls.csv": lambda account: _controls(account),
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

    >>> import pandas as pd
    >>> as_csv(pd.DataFrame({"name": ["=1+1", None], "steps": [["a", "b"], []]}))
    'name,steps\r\n\'=1+1,"a, b"\r\n,\r\n'
    """
    from iamkit.charts import cell

    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(frame.columns)
    shown = (map(_safe, map(cell, frame[name])) for name in frame)
    writer.writerows(zip(*shown, strict=True))
    return text.getvalue()


def _safe(shown: Any) -> Any:
    return f"'{shown}" if isinstance(shown, str) and FORMULA.match(shown) else shown


def _controls(account: Account) -> pd.DataFrame:
    from iamkit.results import matrix

    return matrix(account.audit.results)
