"""
What a table is: columns with a meaning, a key, and values checked when it is made.

The tables themselves are defined where they are built: those of the evidence in `tables.schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from iamkit.errors import SchemaError

P = ParamSpec("P")
T = TypeVar("T")
TIME: Final = "datetime64[us, UTC]"
# Python's own texts. Pandas' "str" would be another type, with other rules, where pyarrow is there.
TEXT: Final = pd.StringDtype("python", na_value=np.nan)
TRUTH: Final = "boolean"  # nullable: evidence may not say
COUNT: Final = "Int64"
OBJECT: Final = "object"  # a list, a dict or whatever a policy's author wrote


@dataclass(frozen=True)
class Column:
    """One column: its name, its pandas dtype and what a value means."""

    name: str
    dtype: Any
    meaning: str
    values: tuple[str, ...] = ()  # all that it may hold besides missing; empty: anything
    label: str = ""  # what pages call it, where its name does not read; see `charts.headers`


@dataclass(frozen=True)
class Table:
    """What a table is: one row's meaning, the columns that identify it, and all its columns."""

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The column names, in order."""
        return [column.name for column in self.columns]

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """
        Return `frame` with exactly this table's columns, order and dtypes, and a fresh index.

        Rows are never dropped. Raises `SchemaError` naming a missing column, one whose values do
        not fit its dtype or are none of its `values`, or the first key that occurs twice. A row
        without a value in the key's first column has no identity: it is compared with no other.
        """
        made = self.cast(frame)
        again = self._again(made)
        if again.any():
            first = made.loc[again, list(self.key)].iloc[0].tolist()
            names = ", ".join(self.key)
            raise SchemaError(f"table {self.name!r}: the key ({names}) is there twice: {first}")
        return made

    def gather(self, frame: pd.DataFrame) -> pd.DataFrame:
        """
        Return `frame` as `conform` does, with only the first row of each key.

        For evidence, which may say the same thing twice, such as lists that a user joined.
        """
        made = self.cast(frame)
        return made[~self._again(made)].reset_index(drop=True)

    def cast(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` as `conform` does, without checking the key."""
        missing = [name for name in self.names if name not in frame.columns]
        if missing:
            raise SchemaError(f"table {self.name!r} lacks {', '.join(missing)}")
        data = {}
        for column in self.columns:
            try:
                given = frame[column.name]
                fits = given.dtype == column.dtype  # to cast what fits already takes as long
                data[column.name] = (given if fits else given.astype(column.dtype)).array
            except (TypeError, ValueError) as error:
                raise SchemaError(
                    f"table {self.name!r}: column {column.name!r} is not {column.dtype}: {error}"
                ) from error
            self._check_values(column, data[column.name])
        return pd.DataFrame(data, index=pd.RangeIndex(len(frame)))

    def _check_values(self, column: Column, values: Any) -> None:
        """Raise `SchemaError` for a value that is none of the column's `values`."""
        if not column.values:
            return
        found = dict.fromkeys(
            values.tolist()
        )  # in a tenth of the time of pandas where few rows are
        other = [each for each in found if each not in column.values and not pd.isna(each)]
        if other:
            said = f"{other[0]!r} is none of {', '.join(column.values)}"
            raise SchemaError(f"table {self.name!r}: column {column.name!r}: {said}")

    def _again(self, frame: pd.DataFrame) -> pd.Series[Any]:
        """Whether an earlier row has the same key, row by row."""
        if frame.empty:
            return pd.Series(index=frame.index, dtype="bool")
        named = frame[self.key[0]].notna()
        try:
            return frame.duplicated(list(self.key)) & named
        except TypeError as error:
            names = ", ".join(self.key)
            said = f"table {self.name!r}: the key ({names}) holds a list or dict: {error}"
            raise SchemaError(said) from error

    def rows(self, *rows: Mapping[str, Any]) -> pd.DataFrame:
        """
        Build the table from a few dicts; a column that a dict leaves out is missing there.

        >>> table = Table("members", "one user", ("user",), (Column("user", TEXT, "ARN"),))
        >>> table.rows(dict(user="ana")).to_dict("records")
        [{'user': 'ana'}]
        """
        unknown = {name for row in rows for name in row} - set(self.names)
        if unknown:
            raise SchemaError(f"table {self.name!r} has no column {', '.join(sorted(unknown))}")
        data = {
            column.name: pd.Series([row.get(column.name) for row in rows], dtype=column.dtype)
            for column in self.columns
        }
        return self.conform(pd.DataFrame(data))

    def describe(self) -> pd.DataFrame:
        """One row per column: `column`, `type`, `key`, `meaning`."""
        words = {TIME: "UTC time", TEXT: "text", TRUTH: "yes or no", COUNT: "number"}
        words |= {"float64": "number"}
        return pd.DataFrame(
            {
                "column": self.names,
                "type": [words.get(column.dtype, "as written") for column in self.columns],
                "key": [column.name in self.key for column in self.columns],
                "meaning": [column.meaning for column in self.columns],
            }
        )


def own_texts(function: Callable[P, T]) -> Callable[P, T]:
    """
    Make a function in which pandas keeps texts as Python's own, whatever else is installed.

    With pyarrow about, it would keep them in another way, with other rules for what is missing, and
    with no place for texts that are no Unicode.
    """
    return pd.option_context("mode.string_storage", "python")(function)


def objects(values: Iterable[Any], index: Any = None) -> pd.Series[Any]:
    """A column of Python objects; pandas would otherwise spread lists over columns."""
    listed = list(values)
    column = pd.Series([None] * len(listed), dtype="object", index=index)
    column[:] = listed
    return column


def lists_by_key(keys: pd.Series[Any], values: pd.Series[Any]) -> dict[str, list[Any]]:
    """
    For each key the values that go with it, in their order; rows without a key are left out.

    A thousand times as fast as a function that is given to `groupby` and called for each key.

    >>> lists_by_key(pd.Series(["a", "b", "a"]), pd.Series([1, 2, 3]))
    {'a': [1, 3], 'b': [2]}
    """
    found: dict[str, list[Any]] = {}
    for key, value in zip(keys.tolist(), values.tolist(), strict=True):
        if isinstance(key, str):
            found.setdefault(key, []).append(value)
    return found


def times(values: Any) -> pd.Series[Any]:
    """UTC times; sentinels such as N/A and anything that is no ISO 8601 time become NaT."""
    given = values if isinstance(values, pd.Series) else pd.Series(values, dtype="object")
    texts = [value if isinstance(value, str) else None for value in given.tolist()]
    values = pd.Series(texts, index=given.index, name=given.name, dtype="object")
    read: pd.Series[Any] = pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce")
    return read.astype(TIME)


def truths(values: pd.Series[Any]) -> pd.Series[Any]:
    """Nullable booleans from true and false in any case; `not_supported` and others are missing."""
    words = values.str.lower().map({"true": True, "false": False})
    return words.astype("boolean")


def stack(*parts: pd.DataFrame) -> pd.DataFrame:
    """Rows of all parts; empty ones would cost the others their dtypes."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]
