"""Columns and frames from lists of JSON objects, for the modules that build tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from iamkit.evidence import Snapshot
from iamkit.table import Table, objects
from iamkit.values import as_dict, as_list, as_text

# ── Columns ──────────────────────────────────────────────────────────────────────────────────────


def column(entries: Sequence[Mapping[str, Any]], name: str) -> pd.Series[Any]:
    """One member of each entry, as text; missing where it is none."""
    return pd.Series([as_text(entry.get(name)) for entry in entries], dtype="str")


def frame(table: Table, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A table's columns as objects, from rows that may lack some."""
    return pd.DataFrame({name: objects(row.get(name) for row in rows) for name in table.names})


def objects_in(snapshot: Snapshot, file: str, member: str) -> list[dict[str, Any]]:
    """A list out of an answer; whatever in it is no object counts as empty."""
    return [as_dict(entry) for entry in as_list(as_dict(snapshot.json(file)).get(member))]


def lists_in(details: Sequence[Mapping[str, Any]], member: str) -> list[list[Any] | None]:
    """A list out of each detail; None where there is no detail."""
    return [as_list(detail.get(member)) if detail else None for detail in details]


def arns_by_name(users: pd.DataFrame) -> dict[str, str]:
    return dict(zip(users["user_name"], users["user_arn"], strict=True))
