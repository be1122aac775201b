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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from iamkit.access import (
    CONTEXTS,
    DEFAULT_CONTEXTS,
    Attackers,
    AttackRequest,
    Place,
    Resources,
    ResourceSet,
    context_of,
    members,
)
from iamkit.memory import Memo
from iamkit.policy import (
    Policy,
    PolicyLayers,
    RequestContext,
    Statement,
    certainly_stopped,
    conditions,
)

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


Steps = tuple[RoleStep, ...]


@dataclass(frozen=True, eq=False)
class _Said:
    """What a policy says that first steps depend on: one object for all that say the same."""

    asks: tuple[Any, ...]  # of requests, see `AttackRequests`
    shapes: tuple[Any, ...]  # of its statements about sts:AssumeRole
    keys: frozenset[str]  # that these take into account

    def __bool__(self) -> bool:
        return bool(self.asks or self.shapes)


class OneStep:
    """The roles that each principal becomes without permission, and the rows they add."""

    def __init__(self, attackers: Attackers, assumable: Assumable | None) -> None:
        self.attackers = attackers
        self._assumable = assumable
        self._by_arn: Memo[str, Steps] = Memo()
        self._first: Memo[str, Steps] = Memo()
        self._followed: Memo[Steps, Steps] = Memo()
        self._shared: Memo[Any, Steps] = Memo()
        self._asked: Memo[str | None, Sequence[Any]] = Memo()
        self._keys: Memo[Any, tuple[str, ...]] = Memo()
        self._said: Memo[tuple[Policy, bool], _Said] = Memo()
        self._distinct: Memo[Any, _Said] = Memo()
        self._rows: Memo[Any, tuple[int, ...]] = Memo()

    def rows(self, arn: str) -> tuple[int, ...]:
        """Return the numbers of a principal's rows by `DEFAULT_CONTEXTS`, its roles' included."""
        own, steps = self.attackers.rows(arn), self.steps(arn)
        return self._rows.once((own, steps), self._with_roles, own, steps) if steps else own

    def _with_roles(self, own: tuple[int, ...], steps: Steps) -> tuple[int, ...]:
        found = {name: {number} for name, number in zip(DEFAULT_CONTEXTS, own, strict=True)}
        for role_arn, name in steps:
            credential, place = CONTEXTS[name].credential, CONTEXTS[name].place
            sessions = dict(zip(DEFAULT_CONTEXTS, self.attackers.rows(role_arn), strict=True))
            for used in Place:
                inside = Place.INSIDE in (place, used)
                added = context_of(str(credential), Place.INSIDE if inside else Place.OUTSIDE)
                found[added].add(sessions[context_of("key", used)])
        return tuple(self.attackers.union(numbers) for numbers in found.values())

    def steps(self, arn: str) -> Steps:
        """Return the roles that a principal becomes: each once by each named context."""
        return self._by_arn.once(arn, self._find, arn)

    def _find(self, arn: str) -> Steps:
        taken = self._taken(arn)
        found = self._followed.once(taken, self._follow, taken)
        own = any(step.role_arn == arn for step in found)
        return self._follow(taken, arn) if own else found

    def _follow(self, first: Steps, arn: str | None = None) -> Steps:
        """First steps, and those of roles that name a role that was reached, `arn` aside."""
        found: dict[str, dict[str, RoleStep]] = {}
        for step in first:
            found.setdefault(step.context, {}).setdefault(step.role_arn, step)
        for context, taken in found.items():
            pending = list(taken)
            while pending:
                for step in self._taken(pending.pop()):
                    if step.role_arn not in taken and step.role_arn != arn:
                        taken[step.role_arn] = RoleStep(step.role_arn, context)
                        pending.append(step.role_arn)
        return tuple(step for taken in found.values() for step in taken.values())

    def _taken(self, arn: str) -> Steps:
        """The first steps of a principal: to each role, one by each named context."""
        return self._first.once(arn, self._find_taken, arn)

    def _find_taken(self, arn: str) -> Steps:
        assumable = self._assumable
        if assumable is None or not assumable.names(arn):
            return ()
        callers = self.attackers.callers
        user = callers.principal(arn)["kind"] == "user"
        # Of a principal no more counts than what its policies and those that name it ask.
        named = assumable.singled_out(arn)
        asked = self._asked.once(named, assumable.asked, arn)
        said = self._all_said(callers.layers(arn), user=user)
        keys = self._keys.once((named, said), self._caller_keys, asked, said)
        who = callers.caller(arn).answers(keys) if keys else ()
        same = (named, user, said, who)
        steps = self._shared.once(same, self._take, assumable, arn, asked, user=user)
        return tuple(step for step in steps if step.role_arn != arn)

    def _all_said(self, layers: PolicyLayers, *, user: bool) -> tuple[Any, ...]:
        """What the policies of each layer say; of one that may be silent, those that say any."""
        found = []
        for layer, policies in layers.named():
            silent = layer in _ignored(user=user)
            said = (self._said.once((each, silent), self._read, each, silent) for each in policies)
            found.append(tuple(each for each in said if each or not silent))
        return tuple(found)

    def _read(self, policy: Policy, silent: bool) -> _Said:
        """What a policy says; that it allows does not count where its layer may be silent."""
        about = [each for each in policy.about(ASSUME) if not (silent and each.allows)]
        asks, keys = self.attackers.deriver.asked(policy)
        shapes = tuple(map(_shape, about))
        keys = keys.union(*((*each.condition_keys, *each.resource_keys) for each in about))
        return self._distinct.once((asks, shapes), _Said, asks, shapes, keys)

    def _caller_keys(self, asked: Iterable[Any], said: Iterable[Any]) -> tuple[str, ...]:
        """The keys of the caller that trust policies and its own ask for."""
        keys = frozenset().union(*map(conditions.keys, asked))
        keys = keys.union(*(each.keys for layer in said for each in layer))
        return tuple(sorted(keys & self.attackers.callers.caller_keys))

    def _take(self, assumable: Assumable, arn: str, asked: Sequence[Any], *, user: bool) -> Steps:
        """The first steps of whoever no policy tells from a principal, to itself included."""
        layers, known = self.attackers.callers.layers(arn), self.attackers.callers.caller(arn)
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


def _ignored(*, user: bool) -> tuple[str, ...]:
    """The layers that need not allow what a trust policy allows by name."""
    return ("identity", "boundary") if user else ("identity",)


def _never_stops(layers: PolicyLayers, *, user: bool) -> bool:
    """Whether no policy of a principal can stop what a trust policy lets it do."""
    if layers.scps or (layers.boundary is not None and not user):
        return False
    return all(each.allows for policy in layers.policies for each in policy.about(ASSUME))


def _stopped(request: AttackRequest, role_arn: str, layers: PolicyLayers, *, user: bool) -> bool:
    """Whether a policy of the principal certainly keeps it from a role that names it."""
    return certainly_stopped(ASSUME, role_arn, request.context, layers, _ignored(user=user))


def _shape(statement: Statement) -> tuple[Any, ...]:
    """What a statement about sts:AssumeRole says, but for its other actions and its name."""
    resources = statement.resources, statement.not_resources
    return statement.allows, *resources, repr(statement.condition), statement.variables
