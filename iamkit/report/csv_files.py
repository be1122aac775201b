"""
Tables as files beside the pages: every identity, every finding, every control.

CSV, because everything reads it: with a byte order mark, without which Excel takes UTF-8 for the
code page of the machine. Spreadsheets run what looks like a formula, and anyone who can name a role
in the account chooses the first character, so such text gets an apostrophe in front.

What takes long to import is imported where it is used: a report only asks for the names of the
files, while another process writes them.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
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
OUTCOME: Final = "outcome.json"  # goes with the files, and is none of the report


def csv_files(account: Account) -> dict[str, str]:
    """
    Return the text of each file, by its name.

    Under `OUTCOME` comes what the run has to know and no file holds, as JSON: `broken`, a line for
    each check that broke; `findings`, the number that fail of each severity; `gaps`, what the
    evidence lacks; `incomplete`, of how many it says too little; `notes`, what in the settings
    matches nothing; `actions`, the list of actions that permissions were evaluated with;
    `overview`, how the account stands: see `pages.overview`.
    """
    from iamkit.checks import Status
    from iamkit.pages import overview
    from iamkit.reference import load_catalog
    from iamkit.results import unmatched

    findings, results, _ = account.audit
    broken = results[results["error"].notna()]
    failing = findings.loc[findings["status"] == Status.FAIL, "severity"]
    actions = load_catalog()
    outcome = {
        "broken": (broken["check"] + ": " + broken["error"]).tolist(),
        "findings": failing.value_counts().to_dict(),
        "incomplete": account.incomplete["subject"].nunique(),
        "gaps": account.gaps.fillna("").to_dict("records"),
        "notes": unmatched(account),
        "actions": f"{actions.version}, as of {actions.date}",
        "overview": overview.facts(account),
    }
    files = {name: MARK + as_csv(table(account)) for name, table in TABLES.items()}
    return files | {OUTCOME: json.dumps(outcome)}


def write_csv_files(folder: Path, arguments: Mapping[str, Any], *, keep: bool = False) -> None:
    """
    Write the files of the account with these arguments of `iamkit.load` into a folder.

    The folder is there once all of them are. `keep`: then the record of the audit is written, too,
    beside its evidence.
    """
    from iamkit.account import load

    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir(mode=0o700)
    account = load(**arguments)
    for name, text in csv_files(account).items():
        (unfinished / name).write_bytes(text.encode("utf-8", "replace"))
    unfinished.rename(folder)
    if keep:
        account.history.keep()


def as_csv(frame: pd.DataFrame) -> str:
    r"""
    Return a table as CSV (RFC 4180): times in UTC, lists as on a page, missing values empty.

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
