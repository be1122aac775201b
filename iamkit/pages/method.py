"""The page on method: how the results were computed, and what they do not include."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.access import CONTEXTS
from iamkit.account import Account
from iamkit.checks import Status
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


# What each severity means: how much is gained, and by whom.
SEVERITY_MEANS: Final[Mapping[str, tuple[str, str]]] = {
    "critical": (
        "An outsider, or a stolen password or key alone, controls the account or can enter it.",
        "today",
    ),
    "high": (
        "One more step, such as a stolen credential, gives administrator access, or access from "
        "anywhere; or a safeguard of an administrator is missing.",
        "this week",
    ),
    "medium": (
        "It makes an attack easier or its damage larger, and takes further steps to be of use.",
        "this month",
    ),
    "low": ("It is of little use by itself: order, upkeep and readiness.", "as part of upkeep"),
    "info": (
        "A fact that is useful to know. It is no problem by itself; whether a control forbids it, "
        "a person has to say.",
        "–",
    ),
}


def severities(account: Account) -> pd.DataFrame:
    """Return what each severity means, by when to act, and how many checks and findings have it."""
    findings, results, _ = account.audit
    failing = findings[findings["status"] == Status.FAIL].drop_duplicates(["check", "subject"])
    return pd.DataFrame(
        {
            "severity": list(SEVERITY_MEANS),
            "it_means": [meaning for meaning, _ in SEVERITY_MEANS.values()],
            "act": [act for _, act in SEVERITY_MEANS.values()],
            "checks": [int((results["severity"] == each).sum()) for each in SEVERITY_MEANS],
            "findings": [int((failing["severity"] == each).sum()) for each in SEVERITY_MEANS],
        }
    )


def sources(account: Account) -> dict[str, dict[str, str]]:
    """Return the page that recommends each check, where the check's title leads."""
    results = account.audit.results
    return {"title": dict(zip(results["title"], results["source"], strict=True))}


def tables(account: Account) -> pd.DataFrame:
    """Return the tables of the evidence: what one row is, and how many rows there are."""
    return pd.DataFrame(
        {
            "table": [table.name for table in schema.TABLES],
            "one_row_is": [charts.unmarked(table.row) for table in schema.TABLES],
            "rows": [len(getattr(account, table.name)) for table in schema.TABLES],
        }
    )


def columns() -> pd.DataFrame:
    """Return the columns of all tables of the evidence, and what each means."""
    described = (table.describe().assign(table=table.name) for table in schema.TABLES)
    columns = pd.concat(described)[["table", "column", "type", "key", "meaning"]]
    return columns.assign(meaning=columns["meaning"].map(charts.unmarked))
