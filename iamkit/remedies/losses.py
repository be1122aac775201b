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
    old, now = (allowed_in_any_context(each.permissions) for each in (before, after))
    same = old.catalog.id == now.catalog.id  # of two catalogs, rows cannot be combined
    places = _places(after)
    rows = []
    for arn, at in _places(before).items():
        was = old.certain[old.which[at]], old.possible[old.which[at]]
        there = places.get(arn)
        row = None if there is None else now.which[there]
        if row is None:
            lost = set(old.catalog.names(was[0] | was[1]))
        elif same:
            gone = (was[0] & ~now.certain[row]) | (was[1] & ~now.possible[row])
            lost = set(old.catalog.names(gone))
        else:
            are = now.certain[row], now.possible[row]
            sides = zip(was, are, strict=True)
            lost = set().union(
                *({*old.catalog.names(one)} - {*now.catalog.names(other)} for one, other in sides)
            )
        if lost:
            rows.append({"principal_arn": arn, "lost": len(lost), "lost_actions": sorted(lost)})
    made = pd.DataFrame(rows, columns=["principal_arn", "lost", "lost_actions"], dtype="object")
    people = before.permissions.principals[["principal_arn", "kind", "name"]]
    made = made.merge(people, on="principal_arn")
    return LOSSES.conform(made.sort_values(["lost", "name"], ascending=[False, True]))


def _places(account: Account) -> dict[str, int]:
    return {arn: at for at, arn in enumerate(account.permissions.principals["principal_arn"])}


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
