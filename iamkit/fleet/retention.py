"""
Which audits are old enough to be deleted, and their deletion.

Only whole audits are deleted, never the newest of an account, never one that the run file keeps,
and never one in whose folder somebody put files of their own. What is being deleted is renamed
first, so nobody ever finds half an audit. Its part of the history goes with it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from iamkit.errors import WriteError, one_line
from iamkit.results import forget

DELETED: Final = ".deleted-"


def months_before(month: str, number: int) -> str:
    """
    Return the month that lies a number of months before another.

    >>> months_before("2026-02", 3)
    '2025-11'
    """
    year, index = divmod(12 * int(month[:4]) + int(month[5:7]) - 1 - number, 12)
    return f"{year:04}-{index + 1:02}"


def too_old(audits: Sequence[str], months: int, keep: Iterable[str]) -> list[str]:
    """
    Return the audits of an account that are older than its newest by more than some months.

    `audits` are their names, the oldest first. `months` are calendar months; 0 keeps all. `keep`
    are months or moments of audits to leave.
    """
    if not months or not audits:
        return []
    oldest = months_before(audits[-1], months)
    kept = tuple(each.replace(":", "") for each in keep)
    return [
        audit
        for audit in audits[:-1]
        if audit[:7] < oldest and not (kept and audit.startswith(kept))
    ]


def finish(reports: Path) -> list[str]:
    """
    Delete what is left of audits whose deletion was cut off; return them, from the folder of all.

    Raises `WriteError` if one cannot be deleted.
    """
    left = sorted(reports.glob(f"*/{DELETED}*"))
    for each in left:
        try:
            shutil.rmtree(each)
        except OSError as error:
            raise WriteError(f"{each} cannot be deleted: {one_line(error)}") from error
        forget(each.parent)
    audits = [each.with_name(each.name.removeprefix(DELETED)) for each in left]
    return [each.relative_to(reports).as_posix() for each in audits]


def delete(audits: Iterable[Path]) -> None:
    """
    Delete audits, and what of audits is left where that was cut off.

    Raises `WriteError` if one cannot be deleted.
    """
    folders = set()
    for audit in audits:
        gone = audit.with_name(f"{DELETED}{audit.name}")
        folders.add(audit.parent)
        try:
            if audit.exists():
                audit.rename(gone)
            shutil.rmtree(gone, ignore_errors=not gone.exists())
        except OSError as error:
            raise WriteError(f"{audit} cannot be deleted: {one_line(error)}") from error
    for folder in folders:
        forget(folder)
