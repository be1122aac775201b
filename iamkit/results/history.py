"""
The audits of an account, kept as Parquet files, and what they come to.

`<account>/<audit>/history/` holds the record of one audit, a file per table, and
`<account>/history/<year>/` the same of a year, so that years of many accounts load fast. All of it
is made from the snapshots: a record that is missing, damaged, or of an older analysis is made
again, and so is a year whose records changed. Files are written beside and renamed, so a reader
finds the old one or the new one.

The schema is given to Parquet, not found from the first file: the same record has the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from iamkit.counts import counted
from iamkit.errors import IamkitError
from iamkit.evidence import of_report
from iamkit.evidence import snapshot as snapshots
from iamkit.results.finding_states import finding_states
from iamkit.results.record import ANALYSIS, AUDITS, TABLES, AuditRecord, empty
from iamkit.results.record import record as make_record
from iamkit.results.since import CHANGES, changes, not_compared
from iamkit.table import COUNT, TEXT, TIME, TRUTH, Table, own_texts

FOLDER, MANIFEST = snapshots.FOLDER, snapshots.MANIFEST
HISTORY: Final = "history"
_TYPES: Final[Mapping[Any, pa.DataType]] = {
    TEXT: pa.string(),
    TIME: pa.timestamp("us", tz="UTC"),
    COUNT: pa.int64(),
    TRUTH: pa.bool_(),
    "float64": pa.float64(),
}
# What settings do not change of what is found.
_NO_RULES: Final = ("accepted", "max_cell_seconds", "max_kernel_mib")

Load = Callable[[Path, Mapping[str, Any]], Any]  # a snapshot, with these settings


def schema_of(table: Table) -> pa.Schema:
    """The table's columns as Parquet types."""
    return pa.schema([(column.name, _TYPES[column.dtype]) for column in table.columns])


def write(folder: Path, record: AuditRecord) -> None:
    """Write a record into a folder, a file per table. Raises OSError if it cannot be written."""
    write_tables(folder, dict(zip(TABLES, record, strict=True)))


def write_tables(folder: Path, frames: Mapping[Table, pd.DataFrame]) -> None:
    """Write some tables into a folder, a file each. Raises OSError if they cannot be written."""
    for each in (folder.parent, folder):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    for table, frame in frames.items():
        schema = schema_of(table)
        content = pa.Table.from_pandas(frame, schema, preserve_index=False, safe=False)
        for left in folder.glob(f".{table.name}.*"):  # by a run that was killed
            left.unlink(missing_ok=True)
        partial = folder / f".{table.name}.{os.getpid()}"
        try:
            partial.touch(mode=0o600)
            parquet.write_table(content.replace_schema_metadata(None), partial)
            partial.replace(folder / f"{table.name}.parquet")
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@own_texts
def read(folders: Iterable[Path], tables: Iterable[Table] = TABLES) -> dict[str, pd.DataFrame]:
    """
    Return the rows of some tables of several records, a frame per table.

    Raises OSError or ValueError for a file that is missing or is no such table.
    """
    found = {}
    given = list(folders)
    for table in tables:
        schema = schema_of(table)
        parts = [
            parquet.ParquetFile(folder / f"{table.name}.parquet").read().cast(schema)
            for folder in given
        ]
        joined = pa.concat_tables(parts) if parts else schema.empty_table()
        found[table.name] = table.cast(joined.to_pandas())
    return found


def kept(account_folder: Path) -> AuditRecord:
    """
    Return what the yearly files of an account hold, without looking at any evidence.

    A year whose files are missing or damaged is left out: the next report makes them again.
    """
    years = []
    for folder in sorted((account_folder / HISTORY).glob("[0-9]*")):
        with suppress(OSError, ValueError, IamkitError):
            years.append(AuditRecord(**read([folder])))
    return joined(years)


def forget(account_folder: Path) -> None:
    """Take out of an account's yearly files what is of audits that are not there any more."""
    there = set()
    for audit in snapshots.audits(account_folder):
        with suppress(OSError):
            there.add(snapshots.evidence_of(audit))
    for folder in (account_folder / HISTORY).glob("[0-9]*"):
        with suppress(ValueError, IamkitError):
            record = AuditRecord(**read([folder]))
            left = AuditRecord(*(each[each["evidence"].isin(there)] for each in record))
            if left.audits.empty:
                shutil.rmtree(folder)
            elif len(left.audits) < len(record.audits):
                write(folder, left)


def stored(audit: Path) -> AuditRecord | None:
    """The record that an audit left, if it is whole and of this evidence and analysis."""
    with suppress(OSError, ValueError, IamkitError):
        record = AuditRecord(**read([audit / HISTORY]))
        [evidence], [analysis] = record.audits["evidence"], record.audits["analysis"]
        if analysis == ANALYSIS and evidence == snapshots.evidence_of(audit):
            return record
    return None


@dataclass(frozen=True, eq=False)
class History:
    """The audits of one account up to one of them, and what became of what they found."""

    by_audit: Mapping[Path, AuditRecord]

    def __repr__(self) -> str:
        """Say how many audits there are, of when, and what can be asked of them."""
        first, last = (f"{self.audits['as_of'].iloc[at]:%Y-%m-%d}" for at in (0, -1))
        number = len(self.audits)
        when = f"of {last}" if number == 1 else f"{first} to {last}"
        return f"{counted(number, 'audits')}, {when}; ask .audits, .measures, .findings, .changes"

    @cached_property
    def records(self) -> AuditRecord:
        """The records of all audits in one."""
        return joined(self.by_audit.values())

    def keep(self) -> None:
        """
        Write each record beside its audit, and those of each year together, as far as is possible.

        What is there already is left alone. A folder that cannot be written keeps none: records
        are made again when they are asked for.
        """
        for audit, record in self.by_audit.items():
            if (audit / FOLDER / MANIFEST).is_file():
                _keep(audit / HISTORY, record)
        years: dict[Path, list[AuditRecord]] = {}
        for audit, record in self.by_audit.items():
            year = audit.parent / HISTORY / str(record.audits["as_of"][0].year)
            years.setdefault(year, []).append(record)
        for folder, those in years.items():
            _keep(folder, joined(those))

    @cached_property
    def audits(self) -> pd.DataFrame:
        """One row per audit, the oldest first. Rows: see `record.AUDITS`."""
        ordered = self.records.audits.sort_values(["as_of", "evidence"], kind="stable")
        return ordered.reset_index(drop=True)

    @cached_property
    def measures(self) -> pd.DataFrame:
        """One row per audit and measure, the oldest first. Rows: see `record.MEASURES`."""
        ordered = self.records.measures.sort_values("as_of", kind="stable")
        return ordered.reset_index(drop=True)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """What became of each finding. Rows: see `finding_states.FINDING_STATES`."""
        return finding_states(self.records)

    @cached_property
    def last_two(self) -> tuple[AuditRecord, AuditRecord] | None:
        """The records of the last audit but one and of the last; None with one audit only."""
        evidence = self.audits["evidence"].tolist()[-2:]
        if len(evidence) < 2:
            return None
        return self.records.of(evidence[0]), self.records.of(evidence[1])

    @cached_property
    def changes(self) -> pd.DataFrame:
        """What changed since the audit before. Rows: see `since.CHANGES`."""
        return changes(*self.last_two) if self.last_two else CHANGES.rows()

    @cached_property
    def not_compared(self) -> list[str]:
        """What `changes` leaves out, as one of the two audits lacks the evidence."""
        return not_compared(*self.last_two) if self.last_two else []


def history_of(account: Any, load: Load, version: str = "") -> History:
    """
    Return the history of an account up to its own audit.

    Its own record is made anew. Those of the audits before it, in the folders beside its own, are
    read, and made where they are missing or of an older analysis. An audit whose evidence cannot
    be read is left out. `load` opens a snapshot with the settings that it is given; `version` is
    iamkit's, for the record.
    """
    own = account.snapshot.path.resolve().parent
    earlier: list[Path] = []
    if (own / FOLDER / MANIFEST).is_file():
        earlier = snapshots.audits(own.parent, until=own.name)[:-1]
    made: dict[Path, AuditRecord] = {}
    before: AuditRecord | None = None
    for audit in earlier:
        record = stored(audit)
        if record is None or not _follows(record, before):
            with suppress(IamkitError):
                loaded = load(audit / FOLDER, _rules_of(audit, account))
                record = _record(loaded, before, load, earlier, version)
        if record is not None:
            made[audit] = before = record
    made[own] = _record(account, before, load, earlier, version)
    return History(made)


@own_texts
def joined(records: Iterable[AuditRecord]) -> AuditRecord:
    """One record of several."""
    given = list(records)
    if not given:
        return empty()
    frames = (pd.concat(parts, ignore_index=True) for parts in zip(*given, strict=True))
    return AuditRecord(*(table.cast(each) for table, each in zip(TABLES, frames, strict=True)))


def _record(
    account: Any, before: AuditRecord | None, load: Load, earlier: Sequence[Path], version: str
) -> AuditRecord:
    """The record of an account; the evidence before it is judged again if the rules changed."""
    again = None
    if before is not None:
        [settings], [analysis] = before.audits["settings"], before.audits["analysis"]
        rules = account.settings.values()
        if analysis != ANALYSIS or _rules(json.loads(settings)) != _rules(rules):
            with suppress(IamkitError, OSError, StopIteration):
                wanted = before.audits["evidence"][0]
                where = next(each for each in earlier if snapshots.evidence_of(each) == wanted)
                again = load(where / FOLDER, rules)
    return make_record(account, iamkit=version, before=again)


def _follows(record: AuditRecord, before: AuditRecord | None) -> bool:
    """Whether a stored record knows what the audit before it was, as far as that matters."""
    judged = record.audits["before"][0]
    if before is None:
        return bool(pd.isna(judged))
    same = _rules(json.loads(record.audits["settings"][0])) == _rules(
        json.loads(before.audits["settings"][0])
    )
    return bool(pd.isna(judged)) if same else bool(judged == before.audits["evidence"][0])


def _rules(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _NO_RULES}


def _rules_of(audit: Path, account: Any) -> Mapping[str, Any]:
    """The settings an audit was made with, as its record or report says; else the account's."""
    with suppress(OSError, ValueError, IndexError, TypeError, IamkitError):
        settings = read([audit / HISTORY], [AUDITS])[AUDITS.name]["settings"][0]
        return dict(json.loads(settings))
    with suppress(OSError, ValueError, KeyError, TypeError):
        return dict(json.loads((audit / of_report.MANIFEST).read_bytes())["settings"]["values"])
    return dict(account.settings.values())


def _keep(folder: Path, record: AuditRecord) -> None:
    """Write a record into a folder, if it is not there."""
    with suppress(OSError, ValueError, IamkitError):
        there = AuditRecord(**read([folder]))
        if all(one.equals(two) for one, two in zip(there, record, strict=True)):
            return
    with suppress(OSError, ValueError):  # Parquet has no place for texts that are no Unicode
        write(folder, record)
