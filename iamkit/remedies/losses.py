"""What identities may no longer do after a remedy, in any request; and what of it is in use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.results import allowed_in_any_context
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table

LOSSES: Final = Table(
    name="losses",
    row="one user or role that loses permissions by a remedy",
    key=("principal_arn",),
    columns=(
        Column("kind", TEXT, "user or role"),
        Column("name", TEXT, "name"),
        Column("lost", COUNT, "number of actions that no request of it is allowed any more"),
        Column("lost_actions", OBJECT, "list of these actions"),
        Column("principal_arn", TEXT, "ARN"),
    ),
)


def losses(before: Account, after: Account) -> pd.DataFrame:
    """
    Return who can do less after a change, on every resource and in every context. Rows: `LOSSES`.

    Counted is what was certain and is not, and what was possible, by a condition that the evidence
    does not tell, and is not. A role that is deleted loses all. An action that stays on some
    resources, or with MFA, is not lost.
    """
    old, now = _allowed(before), _allowed(after)
    nothing: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    rows = []
    for row in before.permissions.principals[["principal_arn", "kind", "name"]].to_dict("records"):
        arn = row["principal_arn"]
        (certain, possible), (still, maybe) = old[arn], now.get(arn, nothing)
        lost = sorted((certain - still) | (possible - maybe))
        if lost:
            rows.append({**row, "lost": len(lost), "lost_actions": lost})
    made = pd.DataFrame(rows, columns=LOSSES.names, dtype="object")
    return LOSSES.conform(made.sort_values(["lost", "name"], ascending=[False, True]))


def _allowed(account: Account) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """The actions that each user and role is certainly, and possibly, allowed; by ARN."""
    allowed = allowed_in_any_context(account.permissions)
    names = [
        (frozenset(allowed.catalog.names(certain)), frozenset(allowed.catalog.names(possible)))
        for certain, possible in zip(allowed.certain, allowed.possible, strict=True)
    ]
    arns = account.permissions.principals["principal_arn"]
    return {arn: names[at] for arn, at in zip(arns, allowed.which, strict=True)}


def in_use(account: Account, lost: pd.DataFrame) -> Iterator[str]:
    """Return who loses what it has used, as last-accessed evidence says: the action if it does."""
    used = account.last_accessed.dropna(subset="last_used")
    for row in lost.to_dict("records"):
        mine = used[used["principal_arn"].eq(row["principal_arn"])]
        actions = {action.lower() for action in row["lost_actions"]}
        services = {action.partition(":")[0] for action in actions}
        for each in mine.to_dict("records"):
            service = str(each["service"]).lower()
            if service in services and _lost(each, service, actions):
                yield f"{row['name']} used {service} on {each['last_used']:%Y-%m-%d}"


def _lost(used: dict[Any, Any], service: str, actions: set[str]) -> bool:
    """Whether a tracked action that was used is lost; if AWS names none, any of the service."""
    named = used["actions_used"]
    if not isinstance(named, list) or not named:
        return True
    return any(f"{service}:{name}".lower() in actions for name in named)
