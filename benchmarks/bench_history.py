"""
What a year of audits costs a report, and how fast the history of many accounts loads.

First a year of a company of 1,000 users, whose records are kept: the history of the last audit, and
the page's tables, beside the audit itself. Then measures of 100 accounts over 10 years, 12 audits a
year, from the files of the years.
"""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from company import say

from iamkit import demo, load
from iamkit.evidence import snapshot
from iamkit.pages import trend
from iamkit.results.history import read, write
from iamkit.results.measures import MEASURES
from iamkit.results.record import MEASURES as TABLE
from iamkit.results.record import empty

USERS, MONTHS = 1000, 12
ACCOUNTS, YEARS = 100, 10
MOST = 1.0  # seconds, of both: goals


def year_of_a_company(folder: Path) -> None:
    """Print what the trend costs beyond the audit of the month."""
    demo.snapshots(folder, months=MONTHS, users=USERS)
    last = snapshot.under(folder)[-1]
    keep = f"from iamkit import load; load({str(last)!r}).history.keep()"
    subprocess.run([sys.executable, "-c", keep], check=True)  # its memory is not this one's
    account = load(last)
    start = time.perf_counter()
    _ = account.audit, account.identities
    audited = time.perf_counter()
    history = account.history
    _ = history.findings, history.changes
    for lines in (trend.MFA, trend.AGES, trend.ADMINISTRATORS, trend.SEVERITIES):
        trend.over_months(account, lines)
    shown = (trend.practices, trend.states, trend.longest, trend.changed_identities)
    for each in shown:
        each(account)
    ended = time.perf_counter()
    say(f"{MONTHS} audits of {USERS:,} users: {len(history.findings):,} states of findings")
    say(f"the audit of the last month  {audited - start:5.2f} s")
    say(f"its history and trend        {ended - audited:5.2f} s (goal: {MOST} s)")


def many_years(folder: Path) -> None:
    """Print how long the measures of many accounts take to load."""
    folders = []
    for number in range(ACCOUNTS):
        account_id = f"{number:012}"
        for year in range(YEARS):
            moments = [datetime(2017 + year, month + 1, 1, tzinfo=UTC) for month in range(12)]
            rows = [
                (account_id, moment, f"{moment:%Y%m}{account_id}", name, 1.0, 2.0)
                for moment in moments
                for name in MEASURES
            ]
            measures = TABLE.conform(pd.DataFrame(rows, columns=TABLE.names))
            folders.append(folder / account_id / str(year))
            write(folders[-1], empty()._replace(measures=measures))
    start = time.perf_counter()
    found = read(folders, [TABLE])["measures"]
    taken = time.perf_counter() - start
    say(f"{ACCOUNTS} accounts, {YEARS} years: {len(found):,} measures in {len(folders):,} files")
    say(f"loaded in                    {taken:5.2f} s (goal: {MOST} s)")


if __name__ == "__main__":
    with TemporaryDirectory() as given:
        year_of_a_company(Path(given, "company"))
        many_years(Path(given, "accounts"))
