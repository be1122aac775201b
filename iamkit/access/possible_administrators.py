"""
Users and roles that are certainly or possibly administrators.

`administrators` reports problems, so an unknown condition counts as a denial there. A statement
about all administrators, such as "each has MFA", also has to count principals that are
administrators only if unknown conditions hold, or if a document that is not in the evidence allows
everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Final

import numpy as np
import pandas as pd

from iamkit.access.admin_witnesses import PROBES, AdminWitnesses
from iamkit.access.administrators import ADMINISTRATORS, EVERYTHING, SELF_PROMOTION, THROUGH_IAM
from iamkit.access.contexts import DEFAULT_CONTEXTS
from iamkit.access.permissions import COLUMNS, Permissions
from iamkit.access.principals import Principals
from iamkit.arns import AWS_MANAGED
from iamkit.policy import ABSENT, POSSIBLE, Decision, PolicyLayers, RequestContext, decide
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

# Policies that whoever may attach one to itself can attach: each gives everything in the end.
_ATTACHED: Final = ("AdministratorAccess", "IAMFullAccess")


def possible_administrators(
    permissions: Permissions, certain: pd.DataFrame, unseen: Iterable[str]
) -> pd.DataFrame:
    """
    Return the users and roles that may be administrators. Rows: see `POSSIBLE_ADMINISTRATORS`.

    `certain` are rows of `ADMINISTRATORS`, which come first. `unseen` are ARNs of users whose
    policies are not in the evidence: what they may do is not known. Errs towards more: every
    request that the policies tell apart counts.
    """
    callers, catalog = permissions.callers, permissions.catalog
    people, attackers = permissions.principals, permissions.attackers
    numbers = [attackers.rows(arn) for arn in people["principal_arn"]]
    index = np.array(numbers, dtype=np.int64).reshape(len(people), len(DEFAULT_CONTEXTS))
    listed = catalog.every_listed
    rows = callers.evaluator.all_rows()[:, POSSIBLE]
    lacking, calls = listed & ~rows, rows & catalog.bits(SELF_PROMOTION)
    everything = np.asarray(~np.asarray(lacking.any(axis=1))[index].all(axis=1))
    promoting = np.asarray(np.asarray(calls.any(axis=1))[index].any(axis=1))
    witnesses = AdminWitnesses(permissions)
    found = []
    open_ = ~people["principal_arn"].isin(certain["principal_arn"]).to_numpy()
    named = list(zip(*(people[column].tolist() for column in COLUMNS), strict=True))
    for at in np.flatnonzero((everything | promoting) & open_).tolist():
        arn, kind, name = named[at]
        for admin, by in ((EVERYTHING, _everything), (THROUGH_IAM, _promoting)):
            asked = everything[at] if admin == EVERYTHING else promoting[at]
            if asked and (request := by(callers, arn, witnesses)) is not None:
                made = witnesses.perhaps(arn, admin, *request)
                who = {"principal_arn": arn, "kind": kind, "name": name}
                found.append({**who, "admin": admin, **made})
                break
    hidden = callers.account.users
    hidden = hidden[hidden["user_arn"].isin(set(unseen) - {*certain["principal_arn"]})]
    for arn, name in zip(hidden["user_arn"], hidden["user_name"], strict=True):
        unknown = {"principal_arn": arn, "kind": "user", "name": name}
        found.append({**unknown, "admin": EVERYTHING, "statements": []})
    return POSSIBLE_ADMINISTRATORS.conform(stack(certain, ADMINISTRATORS.rows(*found)))


def _everything(callers: Principals, arn: str, _: AdminWitnesses) -> Request | None:
    """A request of one who may do everything; None: an action is not possible everywhere."""
    found = [_may(callers, arn, action, "*") for action in PROBES]
    return None if None in found else found[0]


def _promoting(callers: Principals, arn: str, witnesses: AdminWitnesses) -> Request | None:
    """A call to IAM by which a principal may give itself everything; None: there is none."""
    boundary = callers.layers(arn).boundary
    if boundary is not None:
        evaluator = callers.evaluator
        (outcome,) = evaluator.outcomes(PolicyLayers(boundary), callers.context(arn, "any"))
        if (evaluator.every & ~evaluator.combine(outcome)[POSSIBLE]).any():
            return None
    calls = witnesses.targets.calls(arn)
    found = (_may(callers, arn, action, each) for action, own in calls for each in own)
    return next((each for each in found if each is not None), None)


def _may(callers: Principals, arn: str, action: str, resource: str) -> Request | None:
    """A request that may be allowed, however it arrives and whatever is not known holds."""
    layers = callers.layers(arn)
    boundary = callers.principal(arn)["boundary_arn"]
    own = {"iam:PermissionsBoundary": ABSENT if pd.isna(boundary) else boundary}
    attached = [f"arn:{callers.account.partition}{AWS_MANAGED}{name}" for name in _ATTACHED]
    # Of all calls only those that attach a policy name one, which is the caller's to choose.
    chosen = attached if action.startswith("iam:Attach") else [ABSENT]
    for arrival, policy in product(ARRIVALS, chosen):
        context = callers.context(arn, arrival).but({**own, "iam:PolicyARN": policy})
        decision = decide(action, resource, context, **layers._asdict())
        if decision.possible:
            return decision, context
    return None
