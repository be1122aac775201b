"""
Administrators: who may do everything, or may give itself every permission with one call.

Names of policies play no part: an administrator is known by what it can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access.principals import Principals
from iamkit.policy import ANYWHERE, PolicyEvaluator, PolicyLayers
from iamkit.reference import Bits
from iamkit.table import TEXT, Column, Table

EVERYTHING: Final = "everything"  # every action on every resource
THROUGH_IAM: Final = "through IAM"  # one call to IAM gives it every permission

# An identity that may call one of these on itself, on a group it is in, or on a customer managed
# policy it has can give itself any permission. The value says which of these the call is about.
SELF_PROMOTION: Final[Mapping[str, str]] = {
    "iam:AttachUserPolicy": "user",
    "iam:PutUserPolicy": "user",
    "iam:AttachRolePolicy": "role",
    "iam:PutRolePolicy": "role",
    "iam:AttachGroupPolicy": "group",
    "iam:PutGroupPolicy": "group",
    "iam:CreatePolicyVersion": "policy",
}


ADMINISTRATORS: Final = Table(
    name="administrators",
    row="one user or role that can do everything in some context",
    key=("principal_arn",),
    columns=(
        Column("principal_arn", TEXT, "user or role"),
        Column("kind", TEXT, "user or role", values=("user", "role")),
        Column("name", TEXT, "name"),
        Column(
            "admin",
            TEXT,
            "everything, or through IAM: it can give itself everything",
            values=(EVERYTHING, THROUGH_IAM),
        ),
    ),
)


def administrators(summary: pd.DataFrame) -> pd.DataFrame:
    """
    Return the administrators in any context. Rows: see `ADMINISTRATORS`.

    `summary` is `Permissions.summary()`. Who can do everything comes before who can give itself
    everything.
    """
    found = summary.query("admin != ''").sort_values("admin", kind="stable")
    first = found.drop_duplicates("principal_arn")
    return first[["principal_arn", "kind", "name", "admin"]].reset_index(drop=True)


def administration(
    callers: Principals, arns: Iterable[str], certain: Bits, anywhere: Bits, context: str
) -> Any:
    """
    Return an array of `EVERYTHING`, `THROUGH_IAM` or an empty text, a principal each.

    `certain` and `anywhere` are the bit rows of the principals in the context, of shape
    (principals, words).
    """
    catalog = callers.catalog
    listed = catalog.bits(catalog.actions.query("known")["action"])
    everything = ~(listed & ~anywhere).any(axis=1)
    candidates = np.asarray((certain & catalog.bits(SELF_PROMOTION)).any(axis=1)).tolist()
    promotes = [
        candidate and promotes_itself(callers, arn, context)
        for arn, candidate in zip(arns, candidates, strict=True)
    ]
    through_iam = np.array(promotes, dtype=bool)
    return np.where(everything, EVERYTHING, np.where(through_iam, THROUGH_IAM, ""))


def promotes_itself(callers: Principals, principal_arn: str, context: str) -> bool:
    """
    Return whether a principal can give itself every permission with one call to IAM.

    A permissions boundary that it cannot lift limits that, so it must allow everything. Errs
    towards no: escalation paths of several calls are not looked for here.
    """
    boundary = callers.layers(principal_arn).boundary
    if boundary is not None:
        evaluator = PolicyEvaluator(callers.catalog)
        where = callers.context(principal_arn, context)
        allowed = evaluator.rows(PolicyLayers(boundary), where)[ANYWHERE]
        if (evaluator.every & ~allowed).any():
            return False
    targets = _own_resources(callers, principal_arn)
    return any(
        callers.decide(principal_arn, action, resource, context)
        for action, kind in SELF_PROMOTION.items()
        for resource in targets.get(kind, ())
    )


def _own_resources(callers: Principals, principal_arn: str) -> dict[str, list[str]]:
    """ARNs of the principal itself, its groups and its customer managed policies, by kind."""
    account = callers.account
    groups = account.memberships.query("user_arn == @principal_arn")["group_arn"]
    assigned = account.policy_assignments.query("principal_arn == @principal_arn")["policy_arn"]
    customer = account.policies.query("kind == 'customer'")["policy_arn"]
    return {
        "group": list(groups),
        "policy": list(assigned[assigned.isin(customer)]),
        callers.principal(principal_arn)["kind"]: [principal_arn],
    }
