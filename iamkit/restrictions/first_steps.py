"""
The roles that a principal becomes in one step for which it needs no permission.

Trust policies say which they are; a Deny of the principal's own, or a service control policy that
does not allow it, stops it. See `one_step` for what follows of it.

Source: IAM User Guide, "Policy evaluation for requests within a single account" and "Permissions
boundaries for IAM entities".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from iamkit.access import Attackers, Resources, ResourceSet
from iamkit.memory import Memo
from iamkit.policy import Policy, PolicyLayers, RequestContext, Statement, conditions
from iamkit.restrictions.stopped_roles import ASSUME, CoveredRoles, StoppedRoles


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


class Wave(NamedTuple):
    """Roles that some request makes a principal, and the named context of that request."""

    context: str
    roles: int  # a set, see `access.resource_sets`


Waves = tuple[Wave, ...]


@dataclass(frozen=True, eq=False)
class _Said:
    """What a policy says that first steps depend on: one object for all that say the same."""

    asks: tuple[Any, ...]  # of requests, see `AttackRequests`
    shapes: tuple[Any, ...]  # of its statements about sts:AssumeRole
    keys: frozenset[str]  # that these take into account

    def __bool__(self) -> bool:
        return bool(self.asks or self.shapes)


class FirstSteps:
    """The roles that each principal becomes by trust policies that name it."""

    def __init__(self, attackers: Attackers, assumable: Assumable) -> None:
        self.attackers = attackers
        self.assumable = assumable
        self._covered = CoveredRoles(assumable.roles)
        self._stopped: Memo[Any, StoppedRoles] = Memo()
        self._by_arn: Memo[str, Waves] = Memo()
        self._shared: Memo[Any, Waves] = Memo()
        self._asked: Memo[str | None, Sequence[Any]] = Memo()
        self._keys: Memo[Any, tuple[str, ...]] = Memo()
        self._said: Memo[tuple[Policy, bool], _Said] = Memo()
        self._distinct: Memo[Any, _Said] = Memo()

    def of(self, arn: str) -> Waves:
        """Return the roles that a principal becomes: in each wave, those that are new in it."""
        return self._by_arn.once(arn, self._find, arn)

    def _find(self, arn: str) -> Waves:
        assumable = self.assumable
        if not assumable.names(arn):
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
        waves = self._shared.once(same, self._take, arn, asked, said, user)
        return waves if user else _without(waves, assumable.roles.set_of([arn]))

    def _all_said(self, layers: PolicyLayers, *, user: bool) -> tuple[Any, ...]:
        """What the policies of each layer say; of one that may be silent, those that say any."""
        found = []
        for layer, policies in layers.named():
            silent = layer in _ignored(user=user)
            said = (self._said.once((each, silent), self._read, each, silent) for each in policies)
            found.append((silent, *(each for each in said if each or not silent)))
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
        keys = keys.union(*(each.keys for _, *layer in said for each in layer))
        return tuple(sorted(keys & self.attackers.callers.caller_keys))

    def _take(self, arn: str, asked: Sequence[Any], said: Any, user: bool) -> Waves:
        """The first steps of whoever no policy tells from a principal, to itself included."""
        layers, known = self.attackers.callers.layers(arn), self.attackers.callers.caller(arn)
        tried = self.attackers.deriver.derive(layers, known, user=user, further=asked)
        ignored = _ignored(user=user)
        stopped = self._stopped.once(said, StoppedRoles, self._covered, layers, ignored)
        found: list[Wave] = []
        taken: dict[str, int] = {}  # by named context
        for request in tried.requests:
            there = taken.get(request.name, 0)
            named = self.assumable.roles_open_to(arn, request.context).possible
            new = named & ~there
            if new and (new := new & ~stopped.at(request.context)):
                found.append(Wave(request.name, new))
                taken[request.name] = there | new
        return tuple(found)


def _ignored(*, user: bool) -> tuple[str, ...]:
    """The layers that need not allow what a trust policy allows by name."""
    return ("identity", "boundary") if user else ("identity",)


def _shape(statement: Statement) -> tuple[Any, ...]:
    """What a statement about sts:AssumeRole says, but for its other actions and its name."""
    resources = statement.resources, statement.not_resources
    return statement.allows, *resources, repr(statement.condition), statement.variables


def _without(waves: Waves, itself: int) -> Waves:
    """The waves less one role."""
    left = (Wave(context, roles & ~itself) for context, roles in waves)
    return tuple(each for each in left if each.roles)
