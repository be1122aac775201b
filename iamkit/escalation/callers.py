"""
Who is looking for escalation paths: what limits each caller, what it owns, what its requests carry.

A caller is a user, a role or a group. A group stands for somebody who joins it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from iamkit.access import Permissions, Principals
from iamkit.escalation.allowed_resources import Allowance, AllowedResources, RelevantLayers
from iamkit.memory import Memo
from iamkit.policy import ABSENT, UNKNOWN, PolicyLayers, RequestContext
from iamkit.table import lists_by_key
from iamkit.trust import AssumableRoles

# What a permission is used on, and the kind of resource that it is.
KIND: Final = {
    "own user": "user",
    "own role": "role",
    "own group": "group",
    "own policy": "policy",
    "own boundary": "policy",
    "target user": "user",
    "target role": "role",
    "passed role": "role",
    "trusted provider": "saml-provider",
    "target group": "group",
    "target policy": "policy",
}


@dataclass(frozen=True, eq=False)
class Caller:
    """A user, role or group: what limits it and what is its own."""

    arn: str
    kind: str
    layers: PolicyLayers
    allowed: AllowedResources  # what answers for `relevant`
    relevant: RelevantLayers
    own: Mapping[str, int]  # for each "own ..." of `KIND`, the resources that are the caller's own

    def allowance(
        self, context: RequestContext, action: str, kind: str, call: RequestContext | None = None
    ) -> Allowance:
        """Where it may use an action; see `AllowedResources.allowance`."""
        return self.allowed.allowance(self.relevant, context, action, kind, call)

    @cached_property
    def own_keys(self) -> tuple[str, ...]:
        """The condition keys that its own policies test, with its boundary and SCPs."""
        found = (policy.keys for layer in self.relevant for policy in layer or ())
        return tuple(sorted(frozenset().union(*found)))


class Callers:
    """The users, roles and groups of an account, as callers."""

    def __init__(
        self, principals: Principals, permissions: Permissions, actions: Iterable[str]
    ) -> None:
        self.principals = principals
        self.permissions = permissions
        self.account = principals.account
        self.catalog = principals.catalog
        self.evaluator = principals.evaluator
        self.allowed = AllowedResources(principals, actions)
        self.resources = self.allowed.resources
        self.assumable = AssumableRoles(principals, self.resources["role"])
        self.row = {arn: at for at, arn in enumerate(permissions.principals["principal_arn"])}
        self._column = {name: at for at, name in enumerate(permissions.contexts)}
        self._group_rows: list[Any] = []
        self._callers: Memo[str, Caller] = Memo()
        self._arrivals: Memo[str, RequestContext] = Memo()
        self._identities: Memo[str, RequestContext] = Memo()
        self._contexts: Memo[tuple[str, str], RequestContext] = Memo()
        self._group_numbers: Memo[tuple[str, str], int] = Memo()
        self._rows: Memo[Any, Any] = Memo()
        self._keys: Memo[str, tuple[str, ...]] = Memo()

    # --- who they are

    def caller(self, arn: str) -> Caller:
        """The caller with this ARN."""
        return self._callers.once(arn, self._caller, arn)

    def _caller(self, arn: str) -> Caller:
        kind, layers = self.kind(arn), self.principals.layers(arn)
        own = {
            "own user": self.itself(arn, "user"),
            "own role": self.itself(arn, "role"),
            "own group": self.itself(arn, "group"),
            "own policy": self.resources["policy"].set_of(self._policies.get(arn, ())),
            "own boundary": self.resources["policy"].set_of(self._boundaries.get(arn, ())),
        }
        relevant = self.allowed.relevant_layers(layers)
        return Caller(arn, kind, layers, self.allowed, relevant, own)

    def layers(self, arn: str) -> PolicyLayers:
        """The policies that allow and limit a caller."""
        return self.principals.layers(arn)

    def kind(self, arn: str) -> str:
        """User, role or group."""
        kind: str = self.principals.principal(arn)["kind"]
        return kind

    def itself(self, arn: str, kind: str) -> int:
        """What of a kind is a caller's own: itself, or of groups those that it is in."""
        if kind == "group" and ":group/" not in arn:
            return self.resources[kind].set_of(self._groups.get(arn, ()))
        at = self.resources[kind].number.get(arn) if kind in self.resources else None
        return 0 if at is None else 1 << at

    @cached_property
    def _groups(self) -> Mapping[str, list[str]]:
        memberships = self.account.memberships
        return lists_by_key(memberships["user_arn"], memberships["group_arn"])

    @cached_property
    def _policies(self) -> Mapping[str, list[str]]:
        assigned = self.account.policy_assignments
        return lists_by_key(assigned["principal_arn"], assigned["policy_arn"])

    @cached_property
    def _boundaries(self) -> Mapping[str, list[str]]:
        bounded = self.account.principals.dropna(subset="boundary_arn")
        return lists_by_key(bounded["principal_arn"], bounded["boundary_arn"])

    def customer_policies(self, arn: str) -> list[str]:
        """The customer policies that apply to somebody."""
        number = self.resources["policy"].number
        return [each for each in self._policies.get(arn, ()) if each in number]

    # --- what their requests carry

    def context(self, arn: str, name: str) -> RequestContext:
        """
        What a caller's request carries in a named context; who joins a group is not known.

        What the caller chooses, such as the name of a session, is left open: see `policy.choices`.
        """
        return self._contexts.once((arn, name), self._context, arn, name)

    def _context(self, arn: str, name: str) -> RequestContext:
        arrival = self._arrivals.once(name, self._arrival, name)
        return arrival.joined(self.known(arn))

    def arrived(self, name: str, keys: tuple[str, ...]) -> tuple[Any, ...]:
        """What everybody's request carries in a named context, of some condition keys."""
        return self._arrivals.once(name, self._arrival, name).answers(keys)

    def known(self, arn: str) -> RequestContext:
        """What is known of a caller, whatever the context."""
        return self._identities.once(arn, self._identity, arn)

    def _arrival(self, name: str) -> RequestContext:
        return RequestContext(self.principals.arrival(name), UNKNOWN)

    def _identity(self, arn: str) -> RequestContext:
        if self.kind(arn) == "group":
            return RequestContext({}, UNKNOWN)
        return self._without_tags.joined(self.principals.caller(arn))

    @cached_property
    def _without_tags(self) -> RequestContext:
        return RequestContext(dict.fromkeys(self.assumable.tags, ABSENT), UNKNOWN)

    def keys(self, caller: Caller) -> tuple[str, ...]:
        """The condition keys that these or the trust policies test that may let the caller in."""
        return self._keys.once(caller.arn, self._all_keys, caller)

    def _all_keys(self, caller: Caller) -> tuple[str, ...]:
        return tuple(sorted(self.assumable.keys(caller.arn).union(caller.own_keys)))

    # --- what they may do, as rows of bits

    def rows(self, arn: str, name: str) -> Any:
        """Bit rows of a caller in a context, shape (3, words)."""
        return self.numbered_rows(self.number(arn, name))

    def number(self, arn: str, name: str) -> int:
        """Which of the distinct bit rows a caller has in a context: groups' follow all others."""
        if arn in self.row:
            return self._numbers[self.row[arn]][self._column[name]]
        return self._group_numbers.once((arn, name), self._add_group, arn, name)

    @cached_property
    def _numbers(self) -> list[list[int]]:
        """Which of the distinct bit rows each user and role has in each context."""
        numbers: list[list[int]] = self.permissions.index.tolist()
        return numbers

    def rows_of(self, layers: PolicyLayers, who: RequestContext) -> Any:
        """Bit rows of what layers allow in a context that has no name, shape (3, words)."""
        asked = (layers, who.answers(sorted(self.evaluator.keys(layers))))
        return self._rows.once(asked, self.evaluator.rows, layers, who)

    def _add_group(self, arn: str, name: str) -> int:
        made = self.evaluator.rows(self.caller(arn).layers, self.context(arn, name))
        self._group_rows.append(made)
        return len(self.permissions.rows) + len(self._group_rows) - 1

    def numbered_rows(self, number: int) -> Any:
        """The distinct bit rows with a number, shape (3, words)."""
        known = self.permissions.rows
        return known[number] if number < len(known) else self._group_rows[number - len(known)]
