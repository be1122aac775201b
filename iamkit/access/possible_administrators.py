"""
Who may be an administrator: certainly, or for all anybody knows.

`administrators` accuses, so it takes an unknown condition for a denial. Whoever reassures about all
administrators, such as "each has MFA", has to count those too who would be one if the conditions
that nobody knows hold, or if a document that is not in the evidence allows everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access.administrators import ADMINISTRATORS, EVERYTHING, SELF_PROMOTION, THROUGH_IAM
from iamkit.access.permissions import Permissions
from iamkit.access.principals import Principals
from iamkit.policy import ABSENT, AWS_MANAGED, POSSIBLE, PolicyEvaluator, PolicyLayers, decide
from iamkit.table import Table, stack

POSSIBLE_ADMINISTRATORS: Final = Table(
    name="possible_administrators",
    row="one user or role that is an administrator if the conditions that nobody knows hold",
    key=("principal_arn",),
    columns=ADMINISTRATORS.columns,
)

# Where the evidence says nothing of how a request arrives.
ARRIVALS: Final = ("any", "vpc-endpoint")

# Who may do these on every resource may, with all other actions as well, do everything: an Allow
# of every action on one bucket is left out by the first.
PROBES: Final = ("iam:CreateUser", "s3:DeleteBucket", "ec2:RunInstances")


def possible_administrators(
    permissions: Permissions, certain: pd.DataFrame, unseen: Iterable[str]
) -> pd.DataFrame:
    """
    Return the users and roles that may be administrators. Rows: see `POSSIBLE_ADMINISTRATORS`.

    `certain` are rows of `ADMINISTRATORS`, which come first. `unseen` are ARNs of users whose
    policies are not in the evidence: what they may do is not known. Errs towards more, but for what
    is allowed through a VPC endpoint only.
    """
    callers, catalog = permissions.callers, permissions.catalog
    listed = catalog.every_listed
    rows = permissions.rows[:, POSSIBLE]
    everything = _any(~(listed & ~rows).any(axis=1), permissions)
    promoting = _any((rows & catalog.bits(SELF_PROMOTION)).any(axis=1), permissions)
    targets = _Targets(callers)
    people = permissions.principals
    found = []
    open_ = ~people["principal_arn"].isin(certain["principal_arn"]).to_numpy()
    for at in np.flatnonzero((everything | promoting) & open_).tolist():
        who = people.iloc[at]
        arn = who["principal_arn"]
        if everything[at] and all(_may(callers, arn, action, "*") for action in PROBES):
            found.append({**who[["principal_arn", "kind", "name"]], "admin": EVERYTHING})
        elif promoting[at] and _may_promote_itself(callers, arn, targets):
            found.append({**who[["principal_arn", "kind", "name"]], "admin": THROUGH_IAM})
    hidden = callers.account.users
    hidden = hidden[hidden["user_arn"].isin(set(unseen) - {*certain["principal_arn"]})]
    for arn, name in zip(hidden["user_arn"], hidden["user_name"], strict=True):
        found.append({"principal_arn": arn, "kind": "user", "name": name, "admin": EVERYTHING})
    return POSSIBLE_ADMINISTRATORS.conform(stack(certain, ADMINISTRATORS.rows(*found)))


def _any(holds: Any, permissions: Permissions) -> Any:
    """Whether something holds of any of a principal's rows, by principal."""
    return holds[permissions.index].any(axis=1)


class _Targets:
    """What each principal could give itself permissions on: itself, its groups, its policies."""

    def __init__(self, callers: Principals) -> None:
        account = callers.account
        customer = account.policies.loc[account.policies["kind"] == "customer", "policy_arn"]
        mine = account.policy_assignments
        mine = mine[mine["policy_arn"].isin(customer)]
        self._groups = _lists(account.memberships, "user_arn", "group_arn")
        self._policies = _lists(mine, "principal_arn", "policy_arn")

    def of(self, principal_arn: str, kind: str) -> list[str]:
        """ARNs of a kind of `SELF_PROMOTION`: "group", "policy", or the principal itself."""
        lists = {"group": self._groups, "policy": self._policies}
        return lists[kind].get(principal_arn, []) if kind in lists else [principal_arn]


def _lists(table: pd.DataFrame, key: str, value: str) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one, other in zip(table[key], table[value], strict=True):
        found.setdefault(one, []).append(other)
    return found


def _may_promote_itself(callers: Principals, arn: str, targets: _Targets) -> bool:
    """Whether a principal may give itself every permission with one call to IAM."""
    boundary = callers.layers(arn).boundary
    if boundary is not None:
        evaluator = PolicyEvaluator(callers.catalog)
        allowed = evaluator.rows(PolicyLayers(boundary), callers.context(arn, "any"))[POSSIBLE]
        if (evaluator.every & ~allowed).any():
            return False
    own = callers.principal(arn)["kind"]
    return any(
        _may(callers, arn, action, resource)
        for action, kind in SELF_PROMOTION.items()
        if kind in ("group", "policy", own)
        for resource in targets.of(arn, kind)
    )


def _may(callers: Principals, arn: str, action: str, resource: str) -> bool:
    """Whether a request may be allowed, however it arrives and whatever is not known holds."""
    layers = callers.layers(arn)
    boundary = callers.principal(arn)["boundary_arn"]
    administration = f"arn:{callers.account.partition}{AWS_MANAGED}AdministratorAccess"
    about = {  # the policy is the caller's to choose; the boundary is its own
        "iam:PolicyARN": administration,
        "iam:PermissionsBoundary": ABSENT if pd.isna(boundary) else boundary,
    }
    for arrival in ARRIVALS:
        context = callers.context(arn, arrival).but(about)
        decision = decide(
            action,
            resource,
            context,
            identity=layers.identity,
            boundary=layers.boundary,
            scps=layers.scps,
        )
        if decision.possible:
            return True
    return False
