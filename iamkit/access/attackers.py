"""
What attackers can do with each principal's credentials, by the named contexts.

The requests are those of `attack_requests`; a row is what some request of its kind is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Final

from iamkit.access.attack_requests import (
    DERIVED_KEYS,
    AttackRequests,
    RequestDeriver,
)
from iamkit.access.contexts import DEFAULT_CONTEXTS, ISSUED, Credential, Place, context_of
from iamkit.memory import Memo
from iamkit.policy import (
    ANYWHERE,
    CERTAIN,
    Outcomes,
    PolicyLayers,
    RequestContext,
)
from iamkit.reference import Bits, Catalog

if TYPE_CHECKING:
    from iamkit.access.permissions import Permissions

# What a session of sts:GetSessionToken without MFA may not call.
NOT_IN_SESSION: Final = ("iam:*", "sts:*")
_IN_SESSION: Final = ("sts:AssumeRole", "sts:GetCallerIdentity")

# Services with one endpoint, whose region is always the first of `request_classes`.
# Source: Organizations User Guide, "Deny access to AWS based on the requested AWS Region".
_GLOBAL: Final = (
    *("iam:*", "organizations:*", "account:*", "route53:*", "route53domains:*", "cloudfront:*"),
    *("support:*", "shield:*", "waf:*", "budgets:*", "ce:*", "cur:*", "health:*"),
    *("globalaccelerator:*", "networkmanager:*", "importexport:*", "aws-portal:*", "artifact:*"),
)


@dataclass(frozen=True, eq=False)
class Case:
    """
    Principals whose policies tell the same requests apart, and answer them alike.

    `layers` are those of one of them: those of the others say the same about other resources.
    """

    layers: PolicyLayers
    tried: AttackRequests
    outcomes: Sequence[Outcomes]  # a request each


class Attackers:
    """
    What attackers can do with the credentials of each principal, by its named contexts.

    Where no policy of a principal tests a key of `DERIVED_KEYS`, there is nothing to derive, and
    its `case` is None. Rows are those of the evaluator, by number.
    """

    def __init__(self, permissions: Permissions) -> None:
        self.callers = permissions.callers
        self.deriver = RequestDeriver(self.callers)
        self.evaluator = self.callers.evaluator
        self.bits = self.evaluator.bits  # of shape (3, words)
        self._permissions = permissions
        self._places = {arn: at for at, arn in enumerate(permissions.principals["principal_arn"])}
        self._cases: Memo[Any, Case] = Memo()
        self._by_arn: Memo[str, Case | None] = Memo()
        self._limited: Memo[tuple[int, bool, bool], int] = Memo()
        self._united: Memo[frozenset[int], int] = Memo()
        self._rows: Memo[Case, tuple[int, ...]] = Memo()
        self._by_request: Memo[Case, list[int]] = Memo()

    @property
    def catalog(self) -> Catalog:
        """The catalog that numbers the bits."""
        return self.callers.catalog

    def rows(self, arn: str) -> tuple[int, ...]:
        """
        Return the numbers of a principal's rows, one for each of `DEFAULT_CONTEXTS`.

        A row is what some request of the kind is allowed. Without a case it is that of the named
        context.
        """
        case = self.case(arn)
        return self.named_rows(arn) if case is None else self.rows_of(case)

    def named_rows(self, arn: str) -> tuple[int, ...]:
        """Return the numbers of a principal's rows in the named contexts."""
        return self._index[self._places[arn]]

    @cached_property
    def _index(self) -> list[tuple[int, ...]]:
        """For each principal the permissions' rows in the named contexts."""
        columns = [self._permissions.contexts.index(name) for name in DEFAULT_CONTEXTS]
        return list(map(tuple, self._permissions.index[:, columns].tolist()))

    def case(self, arn: str) -> Case | None:
        """The requests of a principal, shared by all whom no policy tells apart."""
        return self._by_arn.once(arn, self._case, arn)

    def known(self, arn: str) -> RequestContext:
        """What the evidence knows of a principal, as far as its policies ask."""
        keys = self.keys(self.callers.layers(arn)) | {ISSUED.lower()}
        return self.callers.caller(arn).only(keys)

    def keys(self, layers: PolicyLayers) -> frozenset[str]:
        """Return the condition keys, in lower case, that a principal's policies depend on."""
        return self.evaluator.keys(layers)

    def _case(self, arn: str) -> Case | None:
        same = self.callers.case(arn)
        profile, _ = same
        if profile.keys.isdisjoint(DERIVED_KEYS):
            return None
        layers = self.callers.layers(arn)
        user = self.callers.principal(arn)["kind"] == "user"
        # Requests carry what policy variables hold, which a case leaves open.
        whose = layers if profile.by_variable else None
        return self._cases.once((same, user, whose), self._made, arn, layers, user)

    def _made(self, arn: str, layers: PolicyLayers, user: bool) -> Case:
        tried = self.deriver.derive(layers, self.known(arn), user=user)
        profile, _ = self.callers.case(arn)
        outcomes = self.evaluator.outcomes_by(profile, tried.plan.arrivals, tried.known)
        return Case(layers, tried, outcomes)

    def rows_of(self, case: Case) -> tuple[int, ...]:
        """Return the numbers of a case's rows, one for each of `DEFAULT_CONTEXTS`."""
        return self._rows.once(case, self._rows_of, case)

    def _rows_of(self, case: Case) -> tuple[int, ...]:
        found: dict[str, set[int]] = {name: set() for name in DEFAULT_CONTEXTS}
        for (name, *_), number in zip(case.tried.plan.kinds, self.numbers(case), strict=True):
            found[name].add(number)
        for credential in Credential:
            inside, outside = (
                context_of(credential, place) for place in (Place.INSIDE, Place.OUTSIDE)
            )
            found[inside] = found[inside] or found[outside]  # no network is told apart
        return tuple(self.union(numbers) for numbers in found.values())

    def numbers(self, case: Case) -> list[int]:
        """Return the number of the row of what each request of a case is allowed."""
        return self._by_request.once(case, self._find_numbers, case)

    def _find_numbers(self, case: Case) -> list[int]:
        asked = [*zip(case.tried.plan.kinds, case.outcomes, strict=True)]
        found = {
            (kind, outcome): self._row(outcome, *kind[1:]) for kind, outcome in dict.fromkeys(asked)
        }
        return [found[each] for each in asked]

    def _row(self, outcome: Outcomes, session: bool, elsewhere: bool) -> int:
        number = self.number(outcome)
        if not session and not elsewhere:
            return number
        limited = (number, session, elsewhere)
        return self._limited.once(limited, self._limit, *limited)

    def number(self, outcome: Outcomes) -> int:
        """Return the number of the row that an outcome comes to."""
        return self.evaluator.number(outcome)

    def union(self, numbers: Iterable[int]) -> int:
        """Return the number of the row of all that some rows hold."""
        several = frozenset(numbers)
        if len(several) == 1:
            return next(iter(several))
        return self._united.once(several, self._unite, several)

    def _unite(self, several: frozenset[int]) -> int:
        rows = (self.bits[each] for each in several)
        return self.evaluator.number_of(reduce(or_, rows, self.evaluator.nothing))

    def _limit(self, number: int, session: bool, elsewhere: bool) -> int:
        found = self.bits[number].copy()
        if session:
            found &= self._in_session
        if elsewhere:  # not of `possible`, which errs towards open
            found[[CERTAIN, ANYWHERE]] &= self._regional
        return self.evaluator.number_of(found)

    @cached_property
    def _in_session(self) -> Bits:
        """The actions that a session of sts:GetSessionToken without MFA may call."""
        return ~self.catalog.bits(NOT_IN_SESSION) | self.catalog.bits(_IN_SESSION)

    @cached_property
    def _regional(self) -> Bits:
        """The actions of services that have an endpoint in every region."""
        return ~self.catalog.bits(_GLOBAL)
