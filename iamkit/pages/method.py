"""The page on method: how the results were computed, and what they do not include."""

from __future__ import annotations

from typing import Any

import pandas as pd

from iamkit import charts
from iamkit.access import CONTEXTS
from iamkit.account import Account
from iamkit.results import unmatched
from iamkit.tables import schema
from iamkit.values import few


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page."""
    gaps, as_of = len(account.gaps), account.as_of
    numbers: dict[str, Any] = {
        "Account": (account.account_id, account.alias or "no alias"),
        "Evidence of": (f"{as_of:%Y-%m-%d}", f"{as_of:%H:%M} UTC"),
        "Files": len(account.snapshot.manifest["files"]),
        "Gaps": charts.none_is_good(gaps, "kinds of evidence missing", "note"),
    }
    return charts.figures(**numbers)


def files(account: Account) -> pd.DataFrame:
    """Return the files of the snapshot with the size in bytes and the SHA-256 of each."""
    listed = pd.DataFrame.from_dict(account.snapshot.manifest["files"], orient="index")
    return listed.rename_axis("file")[["size", "sha256"]]


def calls(account: Account) -> pd.DataFrame:
    """Return the calls to AWS and the result of each."""
    return pd.DataFrame(account.snapshot.manifest["calls"])[["call", "status", "code", "file"]]


def unused_settings(account: Account) -> charts.Sentence:
    """Return which names in the settings match nothing in the account, in sentences."""
    found = unmatched(account)
    said = found or ["Every name in the settings matches something in the account."]
    return charts.say(*said, tone="note" if found else "plain")


def contexts(account: Account) -> pd.DataFrame:
    """
    Return the condition keys of the named request contexts, a row each.

    `value` is the most common one, `otherwise` each other value and the contexts that have it.
    """
    carried = pd.DataFrame({name: account.callers.arrival(name) for name in CONTEXTS})
    written = carried.map(lambda value: getattr(value, "value", value)).fillna("unknown")
    rows = []
    for key, values in written.astype(str).iterrows():
        usual = values.value_counts().index[0]
        others = values[values != usual].groupby(values, sort=False)
        said = [f"{value}: {few(those.index)}" for value, those in others]
        rows.append({"condition_key": key, "value": usual, "otherwise": "; ".join(said)})
    return pd.DataFrame(rows).replace("", None)


def tables(account: Account) -> pd.DataFrame:
    """Return the tables of the evidence: what one row is, and how many rows there are."""
    return pd.DataFrame(
        {
            "table": [table.name for table in schema.TABLES],
            "one_row_is": [table.row for table in schema.TABLES],
            "rows": [len(getattr(account, table.name)) for table in schema.TABLES],
        }
    )


def columns() -> pd.DataFrame:
    """Return the columns of all tables of the evidence, and what each means."""
    described = (table.describe().assign(table=table.name) for table in schema.TABLES)
    return pd.concat(described)[["table", "column", "type", "key", "meaning"]]
