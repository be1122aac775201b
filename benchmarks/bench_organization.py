"""
The page over all accounts, from generated records: seconds of the roll-up, the page, the workbook.

    .venv/bin/python benchmarks/bench_organization.py --accounts 400 --months 2

The records are the demo company's, under other account ids and times. Goal: seconds for 400
accounts, whether or not the run before has left what it rolled up.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from company import say

from iamkit import demo, load
from iamkit.fleet import overview
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.over_accounts import OverAccounts
from iamkit.fleet.places import FolderPlace
from iamkit.fleet.rolled_up import TIME_OF_AUDIT, roll_up
from iamkit.results import RECORD_TABLES as TABLES
from iamkit.results import AuditRecord, record, write_tables


def written(reports: Path, of: AuditRecord, account_id: str, month: int) -> AccountResult:
    """The result of an account whose audit keeps these rows, as if they were its own."""
    moment = pd.Timestamp(2026, month, 1, 6, tz="UTC")
    evidence = f"{account_id}{month:02}"
    own = {"account_id": account_id, "as_of": moment, "evidence": evidence}
    frames = [table.cast(each.assign(**own)) for table, each in zip(TABLES, of, strict=True)]
    audit = f"{account_id}/{moment:{TIME_OF_AUDIT}}"
    write_tables(reports / audit / "history", dict(zip(TABLES, frames, strict=True)))
    (reports / audit / "snapshot").mkdir()
    (reports / audit / "snapshot" / "manifest.json").write_text(
        f'{{"account_id":"{account_id}","source":"files","collected_at":"","as_of":"{moment}"}}'
    )
    findings = {"critical": 3, "high": int(account_id) % 90}
    said: dict[str, Any] = {"audit": audit, "evidence": evidence, "findings": findings}
    groups = {"unit": f"/Unit {int(account_id) % 9}", "team": f"team {int(account_id) % 30}"}
    return AccountResult(f"account {account_id}", account_id, report=f"{audit}/index.html",
                         missing=("what is missing (iam:Get)",), **said, **groups)  # fmt: skip


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--accounts", type=int, default=400)
    parser.add_argument("--months", type=int, default=2)
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        reports = Path(name) / "reports"
        of = record(load(demo.snapshots(Path(name) / "demo")))
        ids = [f"{number:012}" for number in range(1, given.accounts + 1)]
        results: list[AccountResult] = []
        for month in range(1, given.months + 1):
            results = [written(reports, of, each, month) for each in ids]
        place = FolderPlace(reports)
        for said in ("without what was rolled up", "with it"):
            began = time.perf_counter()
            known = roll_up(place, [str(each.audit) for each in results], ids)
            rolled = time.perf_counter()
            overview.write(place, OverAccounts(results, known), "2026-12-01T060000Z")
            ended = time.perf_counter()
            say(f"{said}: rolled up in {rolled - began:.1f} s, written in {ended - rolled:.1f} s")
        sizes = {each: (reports / each).stat().st_size / 1e6 for each in overview.WRITTEN}
        say(", ".join(f"{each} {size:.1f} MB" for each, size in sizes.items()))


if __name__ == "__main__":
    main()
