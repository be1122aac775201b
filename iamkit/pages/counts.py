"""How many rows there are of each kind, and the names in them, for bars and short tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from iamkit.account import Account
from iamkit.badges import TONES
from iamkit.checks import SEVERITIES, Status
from iamkit.counts import part_of
from iamkit.table import lists_by_key
from iamkit.tables import without_service_linked
from iamkit.values import few


def crossed(
    frame: pd.DataFrame,
    rows: str | list[str],
    columns: str,
    *,
    all_rows: Iterable[Any] | None = None,
    all_columns: Iterable[Any] | None = None,
    sort: bool = True,
) -> pd.DataFrame:
    """
    Return how many rows of the frame have each pair of values.

    Parameters
    ----------
    frame : DataFrame
        Rows that lack one of the values are not counted.
    rows, columns : str, or a list of str for the rows
        Columns of the frame: whose values become the rows and the columns of what is returned.
    all_rows, all_columns : iterable, optional
        The values to show, in their order, with a zero for those that nothing has. If left out,
        those that are there.
    sort : bool
        Whether values that are there are sorted, or else stay in the order of the frame.

    >>> keys = pd.DataFrame({"kind": ["user", "role", "user"], "use": ["used", "used", "unused"]})
    >>> crossed(keys, "kind", "use", all_rows=["user"]).loc["user"].to_dict()
    {'unused': 1, 'used': 1}
    """
    by = [*([rows] if isinstance(rows, str) else rows), columns]
    counts = frame.groupby(by, sort=sort).size().unstack(fill_value=0)
    if all_rows is not None:
        counts = counts.reindex(index=list(all_rows), fill_value=0)
    if all_columns is not None:
        counts = counts.reindex(columns=list(all_columns), fill_value=0)
    return counts


def failing(results: pd.DataFrame, *checks: str) -> dict[str, int]:
    """
    Return how many checks fail of each severity that occurs, the gravest first.

    Those of `results`, or of these the ones named. A check is as grave as its gravest finding.
    """
    those = results[results["check"].isin(checks)] if checks else results
    number = those.loc[those["status"] == Status.FAIL, "severity"].value_counts()
    return {name: int(number[name]) for name in SEVERITIES if name in number}


def tone(results: pd.DataFrame, *checks: str) -> Any:
    """Return the tone of a number of what fails: that of its gravest severity; see `failing`."""
    return next((TONES[severity] for severity in failing(results, *checks)), "plain")


def by_severity(number: dict[str, int]) -> str:
    """
    Return a number of each severity in words.

    >>> by_severity({"critical": 1, "low": 12})
    '1 critical, 12 low'
    """
    return ", ".join(f"{count:,} {name}" for name, count in number.items())


def users_and_roles(account: Account) -> int:
    """Return how many users and roles there are whose permissions count: none of AWS's own."""
    return len(without_service_linked(account.permissions.principals, account.roles))


def of(part: int, total: Any, among: str) -> str:
    """
    Return how many fail, of how many, in words; `among` says of whom, as checks do.

    >>> of(3, 50, "console users"), of(1, 1, "the account"), of(0, 1, "the root user")
    ('3 of 50 console users', 'the account', 'none')
    >>> of(0, 0, "roles"), of(0, None, "roles")
    ('no roles', '0 of an unknown number of roles')
    """
    if among.startswith("the "):
        return among if part else "none"
    if pd.isna(total):
        return f"{part:,} of an unknown number of {among}"
    return part_of(part, total, among)


def phrases(texts: pd.Series[Any], most: int) -> pd.Series[Any]:
    """
    Return texts of phrases with semicolons with the first of them, and how many more there are.

    >>> phrases(pd.Series(["a is old; b is old; c is old", "d is old"]), 2).tolist()
    ['a is old; b is old; and 1 more', 'd is old']
    """
    return texts.map(lambda text: few(text.split("; "), most, "; "), na_action="ignore")


def grouped(frame: pd.DataFrame, by: list[str], *, of: str = "name") -> pd.DataFrame:
    """
    Return a row for each combination of values: how many rows have it, and the names.

    Its columns are those of `by`, `identities`, the number, and `among_them`, a list of the values
    of the column `of`, which a table cuts. A missing value is a value as any other; the
    combinations stay in their order.

    >>> held = pd.DataFrame({"policy": ["Ops", "Ops", None], "name": ["ana", "bo", "cy"]})
    >>> grouped(held, ["policy"])[["identities", "among_them"]].values.tolist()
    [[2, ['ana', 'bo']], [1, ['cy']]]
    """
    found = frame.groupby(by, sort=False, dropna=False)[of]
    return found.agg(identities="size", among_them=list).reset_index()


def listed(keys: pd.Series[Any], frame: pd.DataFrame, by: str, of: str) -> pd.Series[Any]:
    """
    Return for each key the list of what goes with it in the frame; missing where there is nothing.

    >>> held = pd.DataFrame({"arn": ["a", "a"], "policy": ["Ops", "Read"]})
    >>> listed(pd.Series(["a", "b"]), held, "arn", "policy").tolist()
    [['Ops', 'Read'], nan]
    """
    found = lists_by_key(frame[by], frame[of])
    return keys.map(found)
