"""
What a principal becomes in one step for which it needs no permission: roles that name it.

A role of the account whose trust policy names a user or role, or anyone, is assumed without any
permission of the caller's; only a Deny, or a service control policy that does not allow it, stops
that. For a user not even the implicit denial of a permissions boundary does. So whatever such a
role may do counts as what the user may do, by the credential and from the network by which the
trust policy admits it. From there on the role's own sessions count, and the roles that name it in
turn.

A role that trusts the account needs `sts:AssumeRole` of the caller, which is then itself something
that the caller may do, so no verdict depends on it.

Errs towards open: an unknown condition of a trust policy is taken to help the caller.

Source: IAM User Guide, "Policy evaluation for requests within a single account" and "Permissions
boundaries for IAM entities".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from iamkit.access import (
    CONTEXTS,
    DEFAULT_CONTEXTS,
    ISSUED,
    Attackers,
    AttackRequest,
    Place,
    Resources,
    ResourceSet,
    context_of,
    members,
)
from iamkit.memory import Memo
from iamkit.policy import UNKNOWN, PolicyLayers, RequestContext, certainly_stopped, conditions

ASSUME = "sts:AssumeRole"


class Assumable(Protocol):
    """Which roles trust policies let an identity assume; see `trust.AssumableRoles`."""

    roles: Resources

    def names(self, arn: str) -> bool:
        """Whether a trust policy names an identity, or anyone."""

    def asked(self, arn: str) -> Sequence[Any]:
        """The Condition elements that decide about an identity."""

    def singled_out(self, arn: str) -> str | None:
        """An identity's ARN if trust policies speak of itself; None if only of anyone."""

    def roles_open_to(self, arn: str, who: RequestContext) -> ResourceSet:
        """The roles that trust an identity by name, or anyone."""


class RoleStep(NamedTuple):
    """A role that a principal becomes, and the named context of a request by which it does."""

    role_arn: str
    context: str


class OneStep:
    """The roles that each principal becomes without permission, and the rows they add."""

    def __init__(self, attackers: Attackers, assumable: Assumable | None) -> None:
        self.attackers = attackers
        self._assumable = assumable
        self._steps: Memo[str, Mapping[str, tuple[RoleStep, ...]]] = Memo()
        self._rows: Memo[str, tuple[int, ...]] = Memo()
        self._first: Memo[str, tuple[RoleStep, ...]] = Memo()
        self._shared: Memo[Any, tuple[RoleStep, ...]] = Memo()
        self._keys: Memo[str | None, tuple[str, ...]] = Memo()

    def rows(self, arn: str) -> tuple[int, ...]:
        """Return the numbers of a principal's rows by `DEFAULT_CONTEXTS`, its roles' included."""
        return self._rows.once(arn, self._rows_of, arn)

    def _rows_of(self, arn: str) -> tuple[int, ...]:
        own = self.attackers.rows(arn)
        if not (steps := self.steps(arn)):
            return own
        found = {name: {number} for name, number in zip(DEFAULT_CONTEXTS, own, strict=True)}
        for name, taken in steps.items():
            credential, place = CONTEXTS[name].credential, CONTEXTS[name].place
            for step in taken:
                sessions = dict(
                    zip(DEFAULT_CONTEXTS, self.attackers.rows(step.role_arn), strict=True)
                )
                for used in Place:
                    inside = Place.INSIDE in (place, used)
                    added = context_of(str(credential), Place.INSIDE if inside else Place.OUTSIDE)
                    found[added].add(sessions[context_of("key", used)])
        return tuple(self.attackers.union(numbers) for numbers in found.values())

    def roles(self, arn: str) -> tuple[tuple[str, str], ...]:
        """Return the roles that a principal becomes, each with the named context of its request."""
        return tuple(
            (name, step.role_arn) for name, taken in self.steps(arn).items() for step in taken
        )

    def steps(self, arn: str) -> Mapping[str, tuple[RoleStep, ...]]:
        """Return the roles that a principal becomes, by the named context of its request."""
        return self._steps.once(arn, self._found, arn)

    def _found(self, arn: str) -> Mapping[str, tuple[RoleStep, ...]]:
        found: dict[str, dict[str, RoleStep]] = {}
        for step in self._taken(arn):
            found.setdefault(step.context, {}).setdefault(step.role_arn, step)
        for context, taken in found.items():
            pending = list(taken)
            while pending:  # roles that name a role that was reached
                for step in self._taken(pending.pop()):
                    if step.role_arn not in taken and step.role_arn != arn:
                        taken[step.role_arn] = RoleStep(step.role_arn, context)
                        pending.append(step.role_arn)
        return {name: tuple(taken.values()) for name, taken in found.items()}

    def _taken(self, arn: str) -> tuple[RoleStep, ...]:
        """The first steps of a principal: to each role, one by each named context."""
        return self._first.once(arn, self._find_taken, arn)

    def _find_taken(self, arn: str) -> tuple[RoleStep, ...]:
        assumable = self._assumable
        if assumable is None or not assumable.names(arn):
            return ()
        callers, attackers = self.attackers.callers, self.attackers
        layers, asked, who = callers.layers(arn), assumable.asked(arn), callers.caller(arn)
        user = callers.principal(arn)["kind"] == "user"
        # Of a principal no more counts than what its policies and those that name it ask.
        case = attackers.evaluator.case(layers, attackers.deriver.direct.joined(who))
        named = assumable.singled_out(arn)
        keys = self._keys.once(named, _asked_keys, asked)
        same = (case, user, named, who.answers(keys))
        steps = self._shared.once(same, self._take, assumable, arn, asked, user=user)
        return tuple(step for step in steps if step.role_arn != arn)

    def _take(
        self, assumable: Assumable, arn: str, asked: Sequence[Any], *, user: bool
    ) -> tuple[RoleStep, ...]:
        """The first steps of whoever no policy tells from a principal, to itself included."""
        layers, values = self.attackers.callers.layers(arn), self.attackers.callers.known(arn)
        keys = {*self.attackers.keys(layers), *_asked_keys(asked), ISSUED.lower()}
        known = RequestContext({key: values[key] for key in keys if key in values}, UNKNOWN)
        tried = self.attackers.deriver.derive(layers, known, user=user, further=asked)
        free = _never_stops(layers, user=user)
        found: list[RoleStep] = []
        taken: dict[str, int] = {}  # by named context, the roles as a set of bits
        for request in tried.requests:
            there = taken.get(request.name, 0)
            named = assumable.roles_open_to(arn, request.context)
            for at in members(named.possible & ~there).tolist():
                role_arn = assumable.roles.arns[at]
                if free or not _stopped(request, role_arn, layers, user=user):
                    there |= 1 << at
                    found.append(RoleStep(role_arn, request.name))
            taken[request.name] = there
        return tuple(found)


def _asked_keys(asked: Iterable[Any]) -> tuple[str, ...]:
    """The condition keys that the Conditions of trust policies depend on."""
    return tuple(sorted(frozenset().union(*map(conditions.keys, asked))))


def _never_stops(layers: PolicyLayers, *, user: bool) -> bool:
    """Whether no policy of a principal can stop what a trust policy lets it do."""
    if layers.scps or (layers.boundary is not None and not user):
        return False
    return all(each.allows for policy in layers.policies for each in policy.about(ASSUME))


def _stopped(request: AttackRequest, role_arn: str, layers: PolicyLayers, *, user: bool) -> bool:
    """Whether a policy of the principal certainly keeps it from a role that names it."""
    ignored = ("identity", "boundary") if user else ("identity",)
    return certainly_stopped(ASSUME, role_arn, request.context, layers, ignored)
