"""
The history of all accounts in one place, from which the page over all of them is made in seconds.

Each audit keeps a record of its own (`results.history`). A run takes what it needs of the records
that are new, adds them to what the run before it has rolled up, and writes that to `history/`
beside the page. Measures stay for some months; of all else the newest audit of an account counts.
What is rolled up is made from the records: where it is missing or damaged, it is made again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import pandas as pd

from iamkit.errors import IamkitError
from iamkit.fleet.retention import months_before
from iamkit.results import HISTORY, RECORD_TABLES, read, write_tables
from iamkit.table import Table, own_texts

MONTHS: Final = 12  # before the newest audit of an account of which measures stay
TIME_OF_AUDIT: Final = "%Y-%m-%dT%H%M%SZ"  # as the folder of an audit is named
_BY_NAME: Final[Mapping[str, Table]] = {table.name: table for table in RECORD_TABLES}


class RolledUp(NamedTuple):
    """
    Tables of the record over all accounts.

    `audits` and `measures` are of the last months, the others of the newest audit of each account.
    """

    audits: pd.DataFrame
    measures: pd.DataFrame
    checked: pd.DataFrame
    admitted: pd.DataFrame
    standings: pd.DataFrame


TABLES: Final = tuple(_BY_NAME[name] for name in RolledUp._fields)
FILES: Final = tuple(f"{HISTORY}/{table.name}.parquet" for table in TABLES)


class Records(Protocol):
    """Where the records are; see `places.Place`."""

    front: Path

    def audits(self) -> dict[str, list[str]]:
        """The names of the audits of each account, the oldest first."""

    def bring_rolled_up(self) -> None:
        """Have here what the run before has rolled up."""

    def bring_records(self, audits: Iterable[str]) -> None:
        """Have the records of some audits here."""


def roll_up(place: Records, made: Collection[str], accounts: Collection[str]) -> RolledUp:
    """
    Return what is known of some accounts, and write it beside the page.

    `made` are the audits of this run, `<account>/<audit>`, whose records are read in any case.
    """
    place.bring_rolled_up()
    wanted = _wanted({each: of for each, of in place.audits().items() if each in accounts})
    before = _rolled_up(place.front)
    known = {*_places(before.audits)} - {*made}
    new = sorted(wanted - known)
    place.bring_records(new)
    added = _records([place.front / audit for audit in new])
    found = _joined([_of(before, wanted & known), _of(added, wanted)])
    write_tables(place.front / HISTORY, dict(zip(TABLES, found, strict=True)))
    return found


def _wanted(audits: Mapping[str, Sequence[str]]) -> set[str]:
    """The audits of the last months of each account, its last two in any case."""
    return {
        f"{account_id}/{name}"
        for account_id, names in audits.items()
        for at, name in enumerate(names)
        if at >= len(names) - 2 or name[:7] >= months_before(names[-1], MONTHS)
    }


def _places(frame: pd.DataFrame) -> list[str]:
    """Of which audit each row is, as the folder of all accounts names it."""
    return [
        f"{account_id}/{as_of:{TIME_OF_AUDIT}}"
        for account_id, as_of in zip(frame["account_id"], frame["as_of"], strict=True)
    ]


def _of(found: RolledUp, audits: Collection[str]) -> RolledUp:
    """The rows of some audits."""
    mine = [place in audits for place in _places(found.audits)]
    evidence = found.audits.loc[mine, "evidence"]
    return RolledUp(*(each[each["evidence"].isin(evidence)] for each in found))


@own_texts
def _joined(parts: Sequence[RolledUp]) -> RolledUp:
    """The rows of all parts, in an order of their own; what only the newest audits count for."""
    frames = [pd.concat(each, ignore_index=True) for each in zip(*parts, strict=True)]
    ordered = [each.sort_values(["account_id", "as_of"], kind="stable") for each in frames]
    found = RolledUp(*(table.cast(each) for table, each in zip(TABLES, ordered, strict=True)))
    newest = found.audits.drop_duplicates("account_id", keep="last")["evidence"]
    return RolledUp(
        *(
            each if name in ("audits", "measures") else each[each["evidence"].isin(newest)]
            for name, each in found._asdict().items()
        )
    )


def _rolled_up(folder: Path) -> RolledUp:
    """What the run before has rolled up; nothing, unless it is whole."""
    try:
        return RolledUp(**read([folder / HISTORY], TABLES))
    except (OSError, ValueError, IamkitError):
        return RolledUp(*(table.rows() for table in TABLES))


def _records(audits: Sequence[Path]) -> RolledUp:
    """What audits keep; a table that is missing or damaged is as one without rows."""
    return RolledUp(*(_table(table, [each / HISTORY for each in audits]) for table in TABLES))


def _table(table: Table, folders: Sequence[Path]) -> pd.DataFrame:
    try:
        return read(folders, [table])[table.name]
    except (OSError, ValueError, IamkitError):
        parts: list[Any] = [table.rows()]
        for folder in folders:
            with suppress(OSError, ValueError, IamkitError):
                parts.append(read([folder], [table])[table.name])
        return table.cast(pd.concat(parts, ignore_index=True))
