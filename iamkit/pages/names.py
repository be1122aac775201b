"""Names of principals for tables that have their ARNs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from iamkit.account import Account

ARROW = " → "


def names(account: Account) -> dict[str, str]:
    """Return the name of each principal of the account, by its ARN."""
    principals = account.principals
    return dict(zip(principals["principal_arn"], principals["name"], strict=True))


def name_of(account: Account, principal: str) -> str:
    """Return the name of a principal, given by its ARN; anything else as it is given."""
    return names(account).get(principal, principal)


def chains(routes: pd.Series[Any], named: Mapping[str, str]) -> list[str]:
    """
    Return each list of ARNs as the names on the way; an ARN that has no name stays.

    >>> chains(pd.Series([["arn:…:user/ana", "arn:…:role/ops"], []]), {"arn:…:user/ana": "ana"})
    ['ana → arn:…:role/ops', '']
    """
    return [ARROW.join(_named(route, named)) for route in routes]


def _named(arns: Iterable[str], named: Mapping[str, str]) -> Iterable[str]:
    return (named.get(arn, arn) for arn in arns)
