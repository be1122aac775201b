"""
Tables as files beside the pages: every identity, every finding, every control.

Each row says of which account, moment and evidence it is, and a finding has the id that it keeps
from audit to audit, so the files of many accounts and months can be put under one another.

CSV, because everything reads it: with a byte order mark, without which Excel takes UTF-8 for the
code page of the machine. An account id is its twelve digits: Excel drops a leading zero of a file
that it opens by a double click, and a mark that stops it (`="0…"`, a tab) is part of the id for
every other program. `report.xlsx` has it as text. Spreadsheets run what looks like a formula, and
anyone who can name a role in the account chooses the first character, so such text gets an
apostrophe in front.

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
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

    from iamkit.account import Account
    from iamkit.table import Table

FORMULA: Final = re.compile(r"[=+\-@\t\r]")

TABLES: Final[Mapping[str, Callable[[Account], pd.DataFrame]]] = {
    "identities.csv": lambda account: account.identities,
    "findings.csv": lambda account: _findings(account),
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
    files = {name: MARK + as_csv(stacking(account, of(account))) for name, of in TABLES.items()}
    return files | {OUTCOME: json.dumps(outcome)}


def of_audit(account: Account) -> dict[str, str]:
    """
    Return what says of which audit a row is: account, moment (ISO 8601) and hash of the evidence.

    The names are those of a report's manifest.
    """
    from iamkit.evidence import snapshot as snapshots

    return {
        "account_id": account.account_id,
        "as_of": snapshots.format_time(account.as_of),
        "evidence_sha256": account.snapshot.evidence_hash,
    }


def stacking(account: Account, frame: pd.DataFrame) -> pd.DataFrame:
    """Put before a table's columns those that say of which audit its rows are."""
    of = of_audit(account)
    return frame.assign(**of)[[*of, *frame.columns]]


def definitions() -> dict[str, Table]:
    """Return what each file holds, by its name."""
    from dataclasses import replace

    from iamkit.results import FOUND_ROWS, IDENTITIES, MATRIX, OF_AUDIT

    account, moment, evidence = OF_AUDIT
    before = (account, moment, replace(evidence, name="evidence_sha256"))
    tables = zip(TABLES, (IDENTITIES, FOUND_ROWS, MATRIX), strict=True)
    return {
        name: replace(table, key=("evidence_sha256", *table.key), columns=(*before, *table.columns))
        for name, table in tables
    }


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
    from iamkit.results import chosen_matrix

    return chosen_matrix(account.audit.results, account.settings)


def _findings(account: Account) -> pd.DataFrame:
    from iamkit.results import with_ids

    return with_ids(account)
