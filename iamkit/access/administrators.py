"""
Administrators: who may do everything, or may give itself every permission with one call.

Names of policies play no part: an administrator is known by what it can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
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
    Dependencies,
    Policy,
    PolicyLayers,
    RequestContext,
    certainly_allowed,
    choices,
)
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
            "one administrator request that is allowed to it: its action, resource, context "
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
    attackers: Attackers, arns: Sequence[str], index: Any, contexts: Sequence[str]
) -> Any:
    """
    Return an array of `EVERYTHING`, `THROUGH_IAM` or an empty text, shape (principals, contexts).

    `index` says which of the evaluator's rows each principal has in each of the contexts, as in
    `Permissions`. Those count too who get there by another request of the same kind: such as one
    from the network that only this principal's policies name, or to a region that they admit.
    """
    callers, catalog = attackers.callers, attackers.catalog
    best = index.copy()  # rows of what some request of the kind is allowed
    named = [name for name in contexts if name in DEFAULT_CONTEXTS]
    columns = [contexts.index(name) for name in named]
    places = [DEFAULT_CONTEXTS.index(name) for name in named]
    for at, case in enumerate(map(attackers.case, arns)):
        if case is not None:
            of_case = attackers.rows_of(case)
            best[at, columns] = [of_case[place] for place in places]
    rows = callers.evaluator.all_rows()
    complete: Any = ~(catalog.every_listed & ~rows[:, ANYWHERE]).any(axis=1)
    promoting: Any = (rows[:, CERTAIN] & catalog.bits(SELF_PROMOTION)).any(axis=1)
    everything = complete[index] | complete[best]
    through_iam = np.zeros(index.shape, dtype=bool)
    promotion = SelfPromotion(callers)
    for at, column in np.argwhere((promoting[index] | promoting[best]) & ~everything).tolist():
        arn, name, known = arns[at], contexts[column], callers.caller(arns[at])
        through_iam[at, column] = (
            promoting[index[at, column]]
            and promotion.promotes(arn, [callers.arriving(name)], known)
        ) or (
            promoting[best[at, column]]
            and promotion.promotes(
                arn,
                _requests(attackers, arn, name, promoting),
                known.but({ISSUED: UNKNOWN}),  # the request says when
            )
        )
    return np.where(everything, EVERYTHING, np.where(through_iam, THROUGH_IAM, ""))


def _requests(
    attackers: Attackers, arn: str, context: str, promoting: Any
) -> Iterator[RequestContext]:
    """What requests of a kind carry that may be calls of promotion."""
    case = attackers.case(arn)
    if case is not None and context in DEFAULT_CONTEXTS:
        for request, number in zip(case.tried.plan.requests, attackers.numbers(case), strict=True):
            asked = request.name == context and not request.session
            if asked and promoting[number]:
                yield request.context


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
        self._about: Memo[Dependencies, bool] = Memo()
        self._keys: Memo[PolicyLayers, tuple[str, ...]] = Memo()
        self._boundless: Memo[Any, bool] = Memo()
        self._found: Memo[Any, bool] = Memo()

    def promotes(
        self, principal_arn: str, arriving: Iterable[RequestContext], known: RequestContext
    ) -> bool:
        """
        Return whether a principal can give itself every permission with one call to IAM.

        `arriving` is what requests contain, independent of the caller; this is `known` of the
        principal. A permissions boundary that it cannot lift limits that, so it must allow
        everything. Errs towards no: escalation paths of several calls are not looked for here.
        """
        layers = self.callers.layers(principal_arn)
        keys = self._keys.once(layers, self._tested_keys, layers)
        began = known.get(ISSUED)
        return any(
            self._found.once(
                (principal_arn, began, each.answers(keys)),
                self._promotes,
                principal_arn,
                layers,
                each,
                known,
            )
            for each in arriving
        )

    def _promotes(
        self,
        principal_arn: str,
        layers: PolicyLayers,
        arriving: RequestContext,
        known: RequestContext,
    ) -> bool:
        who = arriving.joined(known)
        if layers.boundary is not None and not self._limits_nothing(layers.boundary, who):
            return False
        kind = self.callers.principal(principal_arn)["kind"]
        own = {
            "group": self._groups.get(principal_arn, ()),
            "policy": self._policies.get(principal_arn, ()),
            kind: (principal_arn,),
        }
        chooses = self.callers.evaluator.chooses(layers)
        return any(
            certainly_allowed(action, resource, each, layers)
            for action, on in SELF_PROMOTION.items()
            if (resources := own.get(on, ()))
            for each in (choices.tried(layers, who, action) if chooses else (who,))
            for resource in resources
        )

    def _limits_nothing(self, boundary: tuple[Policy, ...], who: RequestContext) -> bool:
        """Whether a boundary allows everything."""
        asked = self.callers.evaluator.case(PolicyLayers(boundary), who)
        return self._boundless.once(asked, self._allows_everything, boundary, who)

    def _allows_everything(self, boundary: tuple[Policy, ...], who: RequestContext) -> bool:
        allowed = self.callers.evaluator.rows(PolicyLayers(boundary), who)[ANYWHERE]
        return not (self.callers.evaluator.every & ~allowed).any()

    def _tested_keys(self, layers: PolicyLayers) -> tuple[str, ...]:
        """Condition keys, in lower case, on which it depends whether promotion is allowed."""
        evaluator = self.callers.evaluator
        found: set[str] = set()
        for each in chain.from_iterable(evaluator.profile(layers).keyed):
            if self._about.once(each, self._about_promotion, each):
                found |= each.keys
        if layers.boundary is not None:
            found |= evaluator.keys(PolicyLayers(layers.boundary))
        return tuple(sorted(found))

    def _about_promotion(self, read: Dependencies) -> bool:
        promoting = self.callers.catalog.bits(SELF_PROMOTION)
        covered = map(self.callers.evaluator.covered, read.statements)
        return any((each & promoting).any() for each in covered)
