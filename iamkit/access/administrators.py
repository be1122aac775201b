"""
Administrators: who may do everything, or may give itself every permission with one call.

Names of policies play no part: an administrator is known by what it can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access.attackers import Attackers
from iamkit.access.contexts import DEFAULT_CONTEXTS, ISSUED
from iamkit.access.principals import Principals
from iamkit.memory import Memo
from iamkit.policy import (
    ANYWHERE,
    CERTAIN,
    UNKNOWN,
    Policy,
    PolicyLayers,
    RequestContext,
    certainly_allowed,
    choices,
)
from iamkit.reference import Bits
from iamkit.table import OBJECT, TEXT, Column, Table, lists_by_key

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
        Column(
            "statements",
            OBJECT,
            "list of the statements that make it an administrator, each with its policy: those "
            "that together allow every action or, for through IAM, the one that allows the call; "
            "empty: its policies are not in the evidence",
        ),
        Column(
            "witness",
            OBJECT,
            "one administrator request that is allowed to it, a dict of action, resource, context "
            "and effect; missing: none was found",
        ),
    ),
)


def administrators(summary: pd.DataFrame) -> pd.DataFrame:
    """
    Return the administrators in any context, with the first columns of `ADMINISTRATORS`.

    `summary` is `Permissions.summary()`; `with_witnesses` adds what makes them so. Who can do
    everything comes before who can give itself everything.
    """
    found = summary.query("admin != ''").sort_values("admin", kind="stable")
    first = found.drop_duplicates("principal_arn")
    return first[["principal_arn", "kind", "name", "admin"]].reset_index(drop=True)


def administration(
    promotion: SelfPromotion, arns: Sequence[str], rows: Bits, index: Any, contexts: Sequence[str]
) -> Any:
    """
    Return an array of `EVERYTHING`, `THROUGH_IAM` or an empty text, shape (principals, contexts).

    `rows` are distinct bit rows, shape (distinct rows, 3, words), and `index` says which of them
    each principal has in each of the contexts, as in `Permissions`.
    """
    catalog = promotion.callers.catalog
    listed = catalog.every_listed
    everything = np.asarray(~(listed & ~rows[:, ANYWHERE]).any(axis=1))
    candidates = np.asarray((rows[:, CERTAIN] & catalog.bits(SELF_PROMOTION)).any(axis=1))
    through_iam = np.zeros(index.shape, dtype=bool)
    found = np.argwhere((candidates & ~everything)[index]).tolist()
    for at, column in found:
        through_iam[at, column] = promotion.promotes(arns[at], contexts[column])
    return np.where(everything[index], EVERYTHING, np.where(through_iam, THROUGH_IAM, ""))


def administration_by_any_request(
    attackers: Attackers,
    promotion: SelfPromotion,
    arns: Iterable[str],
    found: Sequence[str],
    context: str,
) -> list[str]:
    """
    Return `administration` with those added who get there by another request of the same kind.

    Such as one from the network that only this principal's policies name, or to a region that they
    admit. `found` is what `administration` says in the named context.
    """
    at, catalog = DEFAULT_CONTEXTS.index(context), attackers.catalog
    listed, promoting = catalog.every_listed, catalog.bits(SELF_PROMOTION)

    @cache
    def holds_everything(number: int) -> bool:
        return not (listed & ~attackers.bits[number][ANYWHERE]).any()

    @cache
    def may_promote(number: int) -> bool:
        return bool((attackers.bits[number][CERTAIN] & promoting).any())

    answers = list(found)
    for place, arn in enumerate(arns):
        if answers[place] == EVERYTHING or (case := attackers.case(arn)) is None:
            continue
        number = attackers.rows_of(case)[at]
        if holds_everything(number):
            answers[place] = EVERYTHING
        elif not answers[place] and may_promote(number):
            known = attackers.callers.caller(arn).but({ISSUED: UNKNOWN})  # the request says when
            own = (
                request.context.joined(known)
                for request, outcome in zip(case.tried.requests, case.outcomes, strict=True)
                if request.name == context
                and not request.session
                and may_promote(attackers.row(request, outcome))
            )
            if any(promotion.promotes_as(arn, each) for each in own):
                answers[place] = THROUGH_IAM
    return answers


class SelfPromotion:
    """Who can give itself every permission by one call to IAM, found once per distinct case."""

    def __init__(self, callers: Principals) -> None:
        self.callers = callers
        account = callers.account
        self._groups = lists_by_key(
            account.memberships["user_arn"], account.memberships["group_arn"]
        )
        customer = account.policies["policy_arn"][account.policies["kind"].eq("customer")]
        assigned = account.policy_assignments
        assigned = assigned[assigned["policy_arn"].isin(customer)]
        self._policies = lists_by_key(assigned["principal_arn"], assigned["policy_arn"])
        self._keys: Memo[PolicyLayers, tuple[str, ...]] = Memo()
        self._boundary_keys: Memo[tuple[Policy, ...], tuple[str, ...]] = Memo()
        self._boundless: Memo[Any, bool] = Memo()
        self._found: Memo[Any, bool] = Memo()

    def promotes(self, principal_arn: str, context: str) -> bool:
        """
        Return whether a principal can give itself every permission with one call to IAM.

        `context` is a named one. A permissions boundary that it cannot lift limits that, so it must
        allow everything. Errs towards no: escalation paths of several calls are not looked for
        here.
        """
        return self.promotes_as(principal_arn, self.callers.context(principal_arn, context))

    def promotes_as(self, principal_arn: str, who: RequestContext) -> bool:
        """The same for what a request carries."""
        layers = self.callers.layers(principal_arn)
        if layers.boundary is not None and not self._limits_nothing(layers.boundary, who):
            return False
        keys = self._keys.once(layers, _tested_keys, layers)
        asked = (principal_arn, who.answers(keys))
        return self._found.once(asked, self._promotes, principal_arn, layers, who)

    def _promotes(self, principal_arn: str, layers: PolicyLayers, who: RequestContext) -> bool:
        kind = self.callers.principal(principal_arn)["kind"]
        own = {
            "group": self._groups.get(principal_arn, ()),
            "policy": self._policies.get(principal_arn, ()),
            kind: (principal_arn,),
        }
        return any(
            certainly_allowed(action, resource, each, layers)
            for action, on in SELF_PROMOTION.items()
            if (resources := own.get(on, ()))
            for each in choices.tried(layers, who, action)
            for resource in resources
        )

    def _limits_nothing(self, boundary: tuple[Policy, ...], who: RequestContext) -> bool:
        """Whether a boundary allows everything."""
        keys = self._boundary_keys.once(boundary, self._keys_of_boundary, boundary)
        asked = (boundary, who.answers(keys))
        return self._boundless.once(asked, self._allows_everything, boundary, who)

    def _keys_of_boundary(self, boundary: tuple[Policy, ...]) -> tuple[str, ...]:
        return tuple(sorted(self.callers.evaluator.keys(PolicyLayers(boundary))))

    def _allows_everything(self, boundary: tuple[Policy, ...], who: RequestContext) -> bool:
        allowed = self.callers.evaluator.rows(PolicyLayers(boundary), who)[ANYWHERE]
        return not (self.callers.evaluator.every & ~allowed).any()


def _tested_keys(layers: PolicyLayers) -> tuple[str, ...]:
    """Condition keys, in lower case, on which it depends whether calls of promotion are allowed."""
    statements = (
        each
        for _, policies in layers.named()
        for policy in policies
        for action in SELF_PROMOTION
        for each in policy.about(action)
    )
    found = ((*each.condition_keys, *each.resource_keys) for each in statements)
    return tuple(sorted(frozenset().union(*found)))
