"""
What the page over all accounts says of paths between them, by the newest audit of each.

Each account is loaded for that, one after the other, so a run does it only where its file says
`paths: true`. What cannot be read is left out, and named.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.errors import IamkitError, one_line
from iamkit.fleet.audits import load_fleet
from iamkit.fleet.paths import ACCOUNT_PATHS, CHOKE_POINTS_BETWEEN, PATHS_BETWEEN
from iamkit.storage import Storage

CONTEXT: Final = "stolen-key"
DRAWN: Final = 4  # pairs of accounts


class PathsOver(NamedTuple):
    """
    Who in one account can become administrator in another.

    `people` has rows of `PATHS_BETWEEN`, `accounts` of `ACCOUNT_PATHS`, `choke_points` of
    `CHOKE_POINTS_BETWEEN`; `knows_management` says whether the management account is among them;
    `left_out` says what of which account is not known.
    """

    people: pd.DataFrame
    accounts: pd.DataFrame
    choke_points: pd.DataFrame
    knows_management: bool = False
    left_out: tuple[str, ...] = ()

    def to_management(self, *, certain: bool) -> pd.DataFrame:
        """Return the rows of `accounts` that certainly, or only possibly, reach the management."""
        rows = self.accounts[self.accounts["is_management"].fillna(value=False)]
        return rows[rows["steps"].notna() == certain]

    def drawings(self) -> Iterator[SimpleNamespace]:
        """Yield a drawing of the certain paths of the worst pairs of accounts, as outputs."""
        from iamkit import charts

        certain = self.accounts[self.accounts["steps"].notna()]
        worst = certain.sort_values(["is_management", "identity_count"], ascending=False)
        for one, other in worst.head(DRAWN)[["of_account", "admin_account"]].to_numpy().tolist():
            both = self.people["of_account"].eq(one) & self.people["admin_account"].eq(other)
            rows = self.people[both]
            if rows["steps"].notna().any():
                title = f"From {one} to administrator access to {other}"
                drawn: Any = charts.paths_to_admin(*charts.boxes_and_links(rows), title=title)
                data, metadata = drawn._repr_mimebundle_()
                yield SimpleNamespace(output_type="display_data", data=data, metadata=metadata)


def paths_over(reports: Path | Storage) -> PathsOver:
    """Return the paths between the accounts under a folder, or in a storage."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        try:
            ours = load_fleet(reports)
            people, accounts = ours.admin_paths(CONTEXT), ours.account_paths(CONTEXT)
            there = bool((ours.management_accounts or set()) & {*ours.accounts["account_id"]})
            found = PathsOver(people, accounts, ours.choke_points(CONTEXT), there)
        except IamkitError as error:
            found = PathsOver(
                PATHS_BETWEEN.rows(), ACCOUNT_PATHS.rows(), CHOKE_POINTS_BETWEEN.rows()
            )
            return found._replace(left_out=(one_line(error),))
    told = [str(each.message) for each in said if issubclass(each.category, UserWarning)]
    return found._replace(left_out=tuple(dict.fromkeys(told)))
