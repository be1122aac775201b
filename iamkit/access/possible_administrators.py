"""
Users and roles that are certainly or possibly administrators.

`administrators` reports problems, so an unknown condition counts as a denial there. A statement
about all administrators, such as "each has MFA", also has to count principals that are
administrators only if unknown conditions hold, or if a document that is not in the evidence allows
everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access.admin_witnesses import PROBES, AdminWitnesses
from iamkit.access.administrators import ADMINISTRATORS, EVERYTHING, SELF_PROMOTION, THROUGH_IAM
from iamkit.access.permissions import Permissions
from iamkit.access.principals import Principals
from iamkit.policy import (
    ABSENT,
    AWS_MANAGED,
    POSSIBLE,
    Decision,
    PolicyEvaluator,
    PolicyLayers,
    RequestContext,
    decide,
)
from iamkit.table import Table, stack

POSSIBLE_ADMINISTRATORS: Final = Table(
    name="possible_administrators",
    row="one user or role that is an administrator if unknown conditions hold",
    key=("principal_arn",),
    columns=ADMINISTRATORS.columns,
)

Request = tuple[Decision, RequestContext]

# Where the evidence says nothing of how a request arrives.
ARRIVALS: Final = ("any", "vpc-endpoint")


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
    witnesses = AdminWitnesses(permissions)
    people = permissions.principals
    found = []
    open_ = ~people["principal_arn"].isin(certain["principal_arn"]).to_numpy()
    for at in np.flatnonzero((everything | promoting) & open_).tolist():
        who = people.iloc[at]
        arn = who["principal_arn"]
        for admin, by in ((EVERYTHING, _everything), (THROUGH_IAM, _promoting)):
            asked = everything[at] if admin == EVERYTHING else promoting[at]
            if asked and (request := by(callers, arn, witnesses)) is not None:
                made = witnesses.perhaps(arn, admin, *request)
                found.append({**who[["principal_arn", "kind", "name"]], "admin": admin, **made})
                break
    hidden = callers.account.users
    hidden = hidden[hidden["user_arn"].isin(set(unseen) - {*certain["principal_arn"]})]
    for arn, name in zip(hidden["user_arn"], hidden["user_name"], strict=True):
        unknown = {"principal_arn": arn, "kind": "user", "name": name}
        found.append({**unknown, "admin": EVERYTHING, "statements": []})
    return POSSIBLE_ADMINISTRATORS.conform(stack(certain, ADMINISTRATORS.rows(*found)))


def _any(holds: Any, permissions: Permissions) -> Any:
    """Whether something holds of any of a principal's rows, by principal."""
    return holds[permissions.index].any(axis=1)


def _everything(callers: Principals, arn: str, _: AdminWitnesses) -> Request | None:
    """A request of one who may do everything; None: an action is not possible everywhere."""
    found = [_may(callers, arn, action, "*") for action in PROBES]
    return None if None in found else found[0]


def _promoting(callers: Principals, arn: str, witnesses: AdminWitnesses) -> Request | None:
    """A call to IAM by which a principal may give itself everything; None: there is none."""
    boundary = callers.layers(arn).boundary
    if boundary is not None:
        evaluator = PolicyEvaluator(callers.catalog)
        allowed = evaluator.rows(PolicyLayers(boundary), callers.context(arn, "any"))[POSSIBLE]
        if (evaluator.every & ~allowed).any():
            return None
    calls = witnesses.targets.calls(arn)
    found = (_may(callers, arn, action, each) for action, own in calls for each in own)
    return next((each for each in found if each is not None), None)


def _may(callers: Principals, arn: str, action: str, resource: str) -> Request | None:
    """A request that may be allowed, however it arrives and whatever is not known holds."""
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
            return decision, context
    return None
