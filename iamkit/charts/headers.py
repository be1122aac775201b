"""
What the columns of a table are called on a page, and what they mean.

Both come from where the table is defined: the header from the column's name, or from its `label`
where the name alone does not read, and the meaning, a tooltip on the page, from its `meaning`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

from iamkit.account import Account
from iamkit.checks import AUDIT_TABLES
from iamkit.results import MATRIX
from iamkit.table import Table
from iamkit.tables import schema, tables_of

_WORDS: Final = {
    "mfa": "MFA",
    "arn": "ARN",
    "id": "ID",
    "aws": "AWS",
    "iam": "IAM",
    "sid": "Sid",
    "sha256": "SHA-256",
}
_UNIT: Final = re.compile(r"_(days|hours|count)$")


def headers(names: Sequence[str]) -> list[tuple[str, str]]:
    """
    Return the header and the meaning of each column, by name; no meaning is an empty text.

    Of several tables that have a column of that name, the one counts that has most of the others,
    too.

    >>> headers(["keys_active", "password_age_days", "my own"])
    ... # doctest: +NORMALIZE_WHITESPACE
    [('Active keys', 'active access keys, 0 to 2'),
     ('Password age, days', 'whole days since it was changed; missing: not known'),
     ('My own', '')]
    """
    defined = _columns()
    found = [defined.get(_plain(name), {}) for name in names]
    shared: defaultdict[str, int] = defaultdict(int)
    for tables in found:
        for table in tables:
            shared[table] += 1
    made = []
    for name, tables in zip(names, found, strict=True):
        best = max(tables, key=lambda table: shared[table], default="")
        label, meaning = tables.get(best, ("", ""))
        made.append((label or _written(name), meaning))
    return made


@cache
def _columns() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    """Label and meaning of each column, by its plain name and its table's."""
    found: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for table in _tables():
        for column in table.columns:
            found[_plain(column.name)][table.name] = (column.label, column.meaning)
    return found


def _tables() -> Iterable[Table]:
    derived = (each.definition for each in tables_of(Account).values())
    return (*schema.TABLES, *filter(None, derived), *AUDIT_TABLES, MATRIX)


def _plain(name: str) -> str:
    return name.replace("_", " ").lower()


def _written(name: str) -> str:
    """A column's name for people: `idle_days` is "Idle, days"; a condition key stays as it is."""
    if ":" in name or not name[:1].islower():
        return name
    words = _UNIT.sub(r",_\1", name).replace("_name", "").split("_")
    said = " ".join(_WORDS.get(word, word) for word in words)
    return said[:1].upper() + said[1:]
