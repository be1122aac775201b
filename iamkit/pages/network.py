"""The page on networks: from where each identity can be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from iamkit import charts
from iamkit.account import Account
from iamkit.counts import part_of
from iamkit.pages import counts
from iamkit.restrictions import NOTHING_TO_PROTECT, PARTLY_RESTRICTED, RESTRICTED, UNRESTRICTED
from iamkit.results import MEASURES
from iamkit.tables import without_service_linked

# The verdicts on identities with permissions, the best first, and how bars show them.
COLORS: Final[Mapping[str, str]] = {
    RESTRICTED: charts.PINE,
    PARTLY_RESTRICTED: charts.AMBER,
    UNRESTRICTED: charts.WINE,
}


def headline(account: Account) -> charts.Figures | charts.Sentence:
    """Return the numbers at the top of the page."""
    restrictions, lists = restricted_or_not(account), account.network_lists
    partly = int(restrictions["verdict"].eq(PARTLY_RESTRICTED).sum())
    numbers = MEASURES["network_restricted"].count(account)
    restricted, whole = (int(number or 0) for number in numbers)
    of = part_of(restricted, whole, "users and roles")
    said = f"{of}: from named networks only" if whole else of
    return charts.figures(
        missing=account.missing("network_restrictions"),
        **{
            "Restricted": (charts.percent(restricted, whole), said),
            "Partly restricted": (partly, "users and roles", "note"),
            "Lists of networks": len(lists),
            "Open lists": charts.none_is_good(
                int(lists["open"].sum()), "allow every address", of=len(lists)
            ),
        },
    )


def restricted_or_not(account: Account) -> pd.DataFrame:
    """
    Return the users and roles with permissions, each with the verdict on its networks.

    Without service-linked roles.

    All columns of `account.network_restrictions`; privilege, access and mfa_enforced besides.
    """
    found = without_service_linked(account.network_restrictions, account.roles)
    facts = account.identities.set_index("principal_arn")[["privilege", "access", "mfa_enforced"]]
    return found[found["verdict"] != NOTHING_TO_PROTECT].join(facts, on="principal_arn")


def by_kind(account: Account) -> pd.DataFrame:
    """Return how many users and how many roles have each verdict."""
    return counts.crossed(restricted_or_not(account), "kind", "verdict", all_columns=COLORS)


def users_from_outside(account: Account) -> pd.DataFrame:
    """Return the users whose credentials work outside the networks, the riskiest first."""
    users = restricted_or_not(account).query("kind == 'user' and access != 'none'")
    users = users[users["verdict"] != RESTRICTED].rename(columns={"mfa_enforced": "enforced"})
    return users.sort_values(["outside_risky", "name"], ascending=[False, True])[
        ["name", "verdict", "privilege", "enforced", "outside_risky", "why"]
    ]


def requests_from_outside(account: Account) -> pd.DataFrame:
    """Return the users and roles that work from outside, each with a request that shows it."""
    found = restricted_or_not(account)
    found = charts.with_requests(found[found["verdict"] != RESTRICTED])
    order = ["outside_risky", "kind", "name"]
    return found.sort_values(order, ascending=[False, False, True])[
        ["name", "kind", "verdict", "statement that decides", "request that is allowed"]
    ]


def restricted_to(account: Account) -> pd.DataFrame:
    """Return the restricted identities, with their networks and the statement that decides."""
    found = restricted_or_not(account)
    found = found[found["verdict"] != UNRESTRICTED].rename(columns={"policy_name": "policy"})
    decides = ["networks", "policy", "statement"]
    return found.sort_values(["kind", "name"])[
        ["kind", "name", "verdict", *decides, "endpoint", "via_services", "notes"]
    ]


def lists(account: Account) -> pd.DataFrame:
    """Return every list of networks in a policy, those that allow every address first."""
    found = account.network_lists.sort_values(["open", "behind"], ascending=False)
    return found[
        ["policy_name", "kind", "sid", "use", "key", "networks", "problems", "behind", "who"]
    ]


def lists_with_mistakes(account: Account) -> pd.DataFrame:
    """Return the lists that allow every address, have private ranges, are very wide or overlap."""
    return _lists_with(account, "problems")[
        ["policy_name", "sid", "effect", "operator", "networks", "problems", "behind"]
    ]


def unapproved(account: Account) -> pd.DataFrame:
    """Return the lists with networks that the settings do not approve, and which these are."""
    return _lists_with(account, "unapproved")[
        ["policy_name", "kind", "sid", "unapproved", "behind", "who"]
    ]


def _lists_with(account: Account, column: str) -> pd.DataFrame:
    """Return the lists of networks where this column, of lists, is not empty."""
    has: pd.Series[Any] = account.network_lists[column].str.len() > 0
    return account.network_lists[has]
