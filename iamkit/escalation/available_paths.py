"""
Which ways to gain permissions each caller has, and whom each way reaches.

For one caller in one context: every path of `paths` whose permissions it holds, and the users,
roles or groups of the account on which all of them, the trust policy and what else the path needs
come together. What the way is worth, `escalation` says; where it leads further on, `reach`.

As in `uses`, a set of resources is an int, and everything comes twice: for sure, and perhaps. What
nobody can know from IAM's evidence, such as whether a function exists, is never there.

Source: IAM User Guide, "Policy evaluation logic", "Grant a user permissions to pass a role to an
AWS service" and "Grant a user permissions to switch roles".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from iamkit.access import (
    BOUNDARY,
    NOWHERE,
    Permissions,
    Principals,
    ResourceSet,
    both,
    joined,
    members,
)
from iamkit.escalation.allowed_resources import AllowedResources, Layered
from iamkit.escalation.new_principals import ASSUME, NewPrincipals
from iamkit.escalation.prerequisites import BY_WORTH, Prerequisites
from iamkit.policy import (
    ABSENT,
    CERTAIN,
    POSSIBLE,
    UNKNOWN,
    PolicyEvaluator,
    PolicyLayers,
    RequestContext,
)
from iamkit.reference import NEW, NOTHING_THERE, EscalationMethod, escalation_methods, given
from iamkit.trust import AssumableRoles

PASSING: Final = "iam:PassRole"
DEACTIVATE: Final = "iam:DeactivateMFADevice"
INVENTORY: Final = NOTHING_THERE | {"existing resource", "account root"}

# Calls that attach a policy, and the one that their caller would choose.
CHOSEN: Final = frozenset({"iam:AttachUserPolicy", "iam:AttachGroupPolicy", "iam:AttachRolePolicy"})
ADMINISTRATOR: Final = "arn:{}:iam::aws:policy/AdministratorAccess"

# The kind of resource that a permission is used on.
KIND: Final = {
    "own user": "user",
    "own role": "role",
    "own group": "group",
    "own policy": "policy",
    "own boundary": "policy",
    "target user": "user",
    "target role": "role",
    "passed role": "role",
    "target group": "group",
    "target policy": "policy",
}

_UNBOUNDED: Final = RequestContext({BOUNDARY: ABSENT}, UNKNOWN)

# What whoever assumes a role may call itself.
_NAMED: Final = ("sts:rolesessionname", "sts:sourceidentity")
OWN: Final = frozenset(name for name in KIND if name.startswith("own "))


class EscalationPath(NamedTuple):
    """
    One path that a caller may go in a context.

    `found` are the targets, or for paths that reach only oneself, the resources of the caller's own
    that its action may be used on; empty if the evidence shows none. For somebody whom the caller
    makes it is a set of one. `held` says whether the caller has the permissions, be there a target
    or not: surely, perhaps.
    """

    path: EscalationMethod
    kind: str
    found: ResourceSet
    held: tuple[bool, bool]


class _Candidate(NamedTuple):
    """A path whose actions are possible, and whether those used elsewhere are: surely, perhaps."""

    path: EscalationMethod
    allowed: tuple[bool, bool]


@dataclass(frozen=True, eq=False)
class Caller:
    """A user, role or group: what limits it and what is its own. A group acts for a new member."""

    arn: str
    kind: str
    layers: PolicyLayers
    said: Layered
    own: Mapping[str, int]  # for each of `OWN`, the resources that are the caller's own
    named: bool  # trust policies name it, or anyone


class AvailablePaths:
    """The ways of every caller of an account, worked out when asked for, once per distinct case."""

    def __init__(self, callers: Principals, permissions: Permissions) -> None:
        self.callers = callers
        self.permissions = permissions
        self.catalog = callers.catalog
        self.account = callers.account
        self.listed = [path for path in escalation_methods().values() if self._listed(path)]
        actions = [action for path in self.listed for action in path.permissions]
        self.uses = AllowedResources(callers, [*actions, ASSUME, DEACTIVATE])
        self.kinds = self.uses.kinds
        self.trusting = AssumableRoles(callers, self.kinds["role"])
        self._judge = PolicyEvaluator(self.catalog)
        self.row = {arn: at for at, arn in enumerate(permissions.principals["principal_arn"])}
        self._callers: dict[str, Caller] = {}
        self._arrivals: dict[str, RequestContext] = {}
        self._known: dict[str, RequestContext] = {}
        self._contexts: dict[Any, RequestContext] = {}
        self._keys_of: dict[str, tuple[str, ...]] = {}
        self._own_keys: dict[Any, tuple[str, ...]] = {}
        self._of: dict[tuple[str, str], list[EscalationPath]] = {}
        self._found: dict[Any, list[EscalationPath]] = {}
        self._same: dict[ResourceSet, ResourceSet] = {}
        self._candidates: dict[Any, tuple[list[_Candidate], list[_Candidate]]] = {}
        self._column = {name: at for at, name in enumerate(permissions.contexts)}
        self._numbers: dict[tuple[str, str], int] = {}
        self._group_rows: list[Any] = []
        self._needs = Prerequisites(self.account, self.kinds)
        self._newcomers = NewPrincipals(callers, self.kinds)

    def _listed(self, path: EscalationMethod) -> bool:
        """Whether every action has a bit: some are newer than the list, and nobody names them."""
        return all(self.catalog.bits(action).any() for action in path.permissions)

    # --- callers

    def caller(self, arn: str) -> Caller:
        """The caller with this ARN."""
        if arn not in self._callers:
            kind = self.callers.principal(arn)["kind"]
            layers = self.callers.layers(arn)
            groups = self._groups.get(arn, ()) if kind == "user" else (arn,)
            bound = self._bounds.get(arn, ())
            own = {
                "own user": self.kinds["user"].of([arn]),
                "own role": self.kinds["role"].of([arn]),
                "own group": self.kinds["group"].of(groups),
                "own policy": self.kinds["policy"].of(self._held.get(arn, ())),
                "own boundary": self.kinds["policy"].of(bound),
            }
            self._callers[arn] = Caller(
                arn, kind, layers, self.uses.layers(layers), own, self.trusting.names(arn)
            )
        return self._callers[arn]

    @cached_property
    def _groups(self) -> Mapping[str, list[str]]:
        return _lists(self.account.memberships, "user_arn", "group_arn")

    @cached_property
    def _held(self) -> Mapping[str, list[str]]:
        return _lists(self.account.policy_assignments, "principal_arn", "policy_arn")

    @cached_property
    def _bounds(self) -> Mapping[str, list[str]]:
        bounded = self.account.principals.dropna(subset="boundary_arn")
        return _lists(bounded, "principal_arn", "boundary_arn")

    def context(self, arn: str, name: str) -> RequestContext:
        """
        What a caller's request carries in a named context; who joins a group is not known.

        What a session is called, the caller chooses: its own name, if a trust policy asks for it.
        """
        if (arn, name) not in self._contexts:
            if name not in self._arrivals:
                self._arrivals[name] = RequestContext(self.callers.arrival(name), UNKNOWN)
            self._contexts[arn, name] = self._arrivals[name].joined(self._who(arn))
        return self._contexts[arn, name]

    def _who(self, arn: str) -> RequestContext:
        """What is known of a caller, however it comes."""
        if arn not in self._known:
            kind = self.caller(arn).kind
            keys: dict[str, Any] = {}
            if kind != "group":
                keys = dict.fromkeys(self.trusting.tags, ABSENT) | self.callers.known(arn)
            if kind == "user":
                keys |= dict.fromkeys(_NAMED, keys["aws:username"])
            self._known[arn] = RequestContext(keys, UNKNOWN)
        return self._known[arn]

    def rows(self, arn: str, name: str) -> Any:
        """Bit rows of a caller in a context, shape (3, words)."""
        return self._rows(self._number(arn, name))

    def _number(self, arn: str, name: str) -> int:
        """Which bit rows a caller has in a context: the permissions, then those of groups."""
        if arn in self.row:
            return int(self.permissions.index[self.row[arn], self._column[name]])
        if (arn, name) not in self._numbers:
            self._numbers[arn, name] = len(self.permissions.rows) + len(self._group_rows)
            made = self._judge.rows(self.caller(arn).layers, self.context(arn, name))
            self._group_rows.append(np.array(made))
        return self._numbers[arn, name]

    def _rows(self, number: int) -> Any:
        known = self.permissions.rows
        return known[number] if number < len(known) else self._group_rows[number - len(known)]

    # --- ways

    def of(self, arn: str, name: str) -> list[EscalationPath]:
        """
        Return the ways of a caller, a user, role or group, in a named context.

        Contexts that no policy tells apart share one list.
        """
        if (arn, name) not in self._of:
            self._of[arn, name] = self._all_ways(arn, name)
        return self._of[arn, name]

    def _all_ways(self, arn: str, name: str) -> list[EscalationPath]:
        caller, number = self.caller(arn), self._number(arn, name)
        own, trusted = self._possible(caller, number)
        if not own and not trusted:
            return []
        context = self.context(arn, name)
        return [
            *self._ways(own, caller, context, number, self.own_keys(caller)),
            *self._ways(trusted, caller, context, number, self._keys(caller)),
        ]

    def _ways(
        self,
        asked: list[_Candidate],
        caller: Caller,
        context: RequestContext,
        number: int,
        keys: tuple[str, ...],
    ) -> list[EscalationPath]:
        """Those of the ways, all of which depend on the same keys, that lead somewhere or might."""
        if not asked:
            return []
        # The first path tells which of a caller's two lists it is.
        case = (asked[0].path.id, caller.arn, number, context.answers(keys))
        if case not in self._found:
            made = (self._way(each, caller, context) for each in asked)
            self._found[case] = [
                way._replace(found=self._same.setdefault(way.found, way.found))
                for way in made
                if way.held[1] or way.found.possible
            ]
        return self._found[case]

    def _keys(self, caller: Caller) -> tuple[str, ...]:
        """The condition keys on which a caller's ways depend."""
        if caller.arn not in self._keys_of:
            keys = self.trusting.keys(caller.arn).union(self.own_keys(caller))
            self._keys_of[caller.arn] = tuple(sorted(keys))
        return self._keys_of[caller.arn]

    def own_keys(self, caller: Caller) -> tuple[str, ...]:
        """The condition keys on which a caller's own side depends."""
        if caller.said not in self._own_keys:
            found = (said.keys for layer in caller.said for said in layer or ())
            self._own_keys[caller.said] = tuple(sorted(frozenset().union(*found)))
        return self._own_keys[caller.said]

    def _possible(self, caller: Caller, number: int) -> tuple[list[_Candidate], list[_Candidate]]:
        """
        The paths whose actions are all possible, as far as rows of bits tell.

        First those for which it does not matter what trust policies say of the caller.
        """
        asked = (number, caller.kind, caller.named)
        if asked not in self._candidates:
            rows, acts = self._rows(number), "role" if caller.kind == "role" else "user"
            possible = ~(self._needed & ~rows[POSSIBLE]).any(axis=1)
            certain, perhaps = (
                ~(self._elsewhere & ~rows[at]).any(axis=1) for at in (CERTAIN, POSSIBLE)
            )
            found: tuple[list[_Candidate], list[_Candidate]] = ([], [])
            for at, path in enumerate(self.listed):
                holds = possible[at] or (caller.named and path.id == "sts-001")
                if holds and path.caller in ("any", acts):
                    allowed = bool(certain[at]), bool(perhaps[at])
                    found[path.trust in ("caller", "named")].append(_Candidate(path, allowed))
            self._candidates[asked] = found
        return self._candidates[asked]

    @cached_property
    def _needed(self) -> Any:
        return np.array([self.catalog.bits(path.permissions) for path in self.listed])

    @cached_property
    def _elsewhere(self) -> Any:
        """For each path, bits of the actions of which nobody can tell what they are used on."""
        used = (
            [action for action, on in path.permissions.items() if on in INVENTORY]
            for path in self.listed
        )
        return np.array([self.catalog.bits(actions) for actions in used])

    def _way(
        self, candidate: _Candidate, caller: Caller, context: RequestContext
    ) -> EscalationPath:
        path, allowed = candidate
        if path.id == "sts-001":
            return self._assuming(path, caller, context)
        if path.reach == "made":
            return self._making(path, caller, context)
        on_target = self._on_target[path.id]
        kind = path.target if path.reach == "target" else "self"
        if not on_target:
            return EscalationPath(path, kind, NOWHERE, allowed)
        if kind == "self":
            (action, on), *_ = on_target.items()
            mine, every = caller.own[on], self.kinds[KIND[on]]
            where = self._use(caller, context, action, KIND[on])
            found = self._met(path, caller, context, where & both(mine))
            might_be = both(every.unborn) if on not in ("own user", "own role") else NOWHERE
            held = where & (both(mine) | might_be)
        else:
            held = self._held_on(path, caller, context, on_target)
            found = self._met(path, caller, context, self._trusted(path, caller, context, held))
        found = _if(found, allowed)
        there = KIND[next(iter(on_target.values()))] if kind == "self" else kind
        there_too = self.kinds[there].there if there in self.kinds else 0
        held = _if(held, allowed)
        return EscalationPath(
            path, kind, found & both(there_too), (bool(held.certain), bool(held.possible))
        )

    @cached_property
    def _on_target(self) -> dict[str, dict[str, str]]:
        """For each path, its actions on what the evidence shows, and on which of it."""
        return {
            path.id: {action: on for action, on in path.permissions.items() if on in KIND}
            for path in self.listed
        }

    def asked(self, action: str, on: str, who: RequestContext) -> RequestContext:
        """What a call carries, made as suits its caller best: for somebody new, no boundary."""
        chosen = self.chosen(action)
        carried = who if chosen is None else who.joined(chosen)
        return carried.joined(_UNBOUNDED) if on in NEW else carried

    def chosen(self, action: str) -> RequestContext | None:
        """What a caller chooses in a call, as condition keys; None: nothing that matters."""
        if action not in CHOSEN:
            return None
        return _about(ADMINISTRATOR.format(self.account.partition))

    def _making(
        self, path: EscalationMethod, caller: Caller, context: RequestContext
    ) -> EscalationPath:
        """A user or role that a caller makes, who may do everything; a set of one or none."""
        calls = {action: self.asked(action, on, context) for action, on in path.permissions.items()}
        alike = context.answers(self.own_keys(caller))
        found = self._newcomers.made(path, caller.layers, caller.said, calls, alike)
        return EscalationPath(path, "self", found, (bool(found.certain), bool(found.possible)))

    def _use(self, caller: Caller, context: RequestContext, action: str, kind: str) -> ResourceSet:
        return self.uses.use(caller.said, context, action, kind, self.chosen(action)).allowed

    def _held_on(
        self,
        path: EscalationMethod,
        caller: Caller,
        context: RequestContext,
        used: Mapping[str, str],
    ) -> ResourceSet:
        """The targets on which all of a path's permissions are allowed, whatever they trust."""
        found: ResourceSet | None = None
        for action, on in used.items():
            if on == "passed role":
                where = NOWHERE
                for service in path.services:
                    passed = self.uses.use(caller.said, context, action, "role", passed_to(service))
                    where |= passed.allowed
            else:
                where = self._use(caller, context, action, KIND[on])
            if on == "target policy":
                where = self._with_policies(where)
            if on != "passed role" and path.target in ("user", "role", "group"):
                mine = caller.own[f"own {path.target}"]
                where = ResourceSet(where.certain & ~mine, where.possible & ~mine)
            found = where if found is None else found & where
        return NOWHERE if found is None else found

    def _with_policies(self, policies: ResourceSet) -> ResourceSet:
        """The roles to which one of these policies is attached."""
        new = self.kinds["role"].unborn  # to which one of them may be attached one day
        found = []
        for each in policies:
            roles = joined(roles for policy, roles in self._attached if policy & each)
            found.append(roles | (new if each else 0))
        return ResourceSet(*found)

    def policies_of(self, arn: str) -> list[str]:
        """The customer policies that somebody has."""
        own = self.kinds["policy"].number
        return [each for each in self._held.get(arn, ()) if each in own]

    def about(self, resource: str) -> Mapping[str, Any]:
        """The condition keys that the account knows of a user, group or role."""
        for kind in self.kinds.values():
            if resource in kind.number:
                return kind.known[kind.number[resource]]
        return {}

    @cached_property
    def _attached(self) -> list[tuple[int, int]]:
        """Each customer policy that roles have, with those roles."""
        held = _lists(self.account.policy_assignments, "policy_arn", "principal_arn")
        own = self.kinds["policy"].number
        made = [(1 << own[arn], self.kinds["role"].of(held[arn])) for arn in held if arn in own]
        return [(policy, roles) for policy, roles in made if roles]

    # --- what trust policies say

    def _assuming(
        self, path: EscalationMethod, caller: Caller, context: RequestContext
    ) -> EscalationPath:
        """Roles that a caller may assume: with its own permission, or named by the trust policy."""
        use = self.uses.use(caller.said, context, ASSUME, "role")
        named, all_of_account = self.trusting.lets_in(caller.arn, context)
        found = (use.allowed & (named | all_of_account)) | (use.unhindered & named)
        others = ~caller.own["own role"] & self.kinds["role"].there
        held = use.allowed.certain & ~caller.own["own role"], use.allowed.possible
        return EscalationPath(path, "role", found & both(others), (bool(held[0]), bool(held[1])))

    def _trusted(
        self, path: EscalationMethod, caller: Caller, context: RequestContext, held: ResourceSet
    ) -> ResourceSet:
        """Those targets whose trust policy is as the path wants it."""
        if path.trust == "service":
            passed = self._passed(path, caller, context)
            return passed if "stack set administration" in path.needs else passed & held
        if path.trust == "caller":
            named, all_of_account = self.trusting.lets_in(caller.arn, context)
            return held & (named | all_of_account)
        if path.trust in ("named", "rewritten"):
            free = self.uses.use(caller.said, context, ASSUME, "role").unhindered
            if path.trust == "rewritten":
                return held & free
            return held & free & self.trusting.lets_in(caller.arn, context)[0]
        return held

    def _passed(
        self, path: EscalationMethod, caller: Caller, context: RequestContext
    ) -> ResourceSet:
        """Roles that may be passed to a service of the path which they trust."""
        found = []
        for service in path.services:
            about = passed_to(service)
            passed = self.uses.use(caller.said, context, PASSING, "role", about).allowed
            found.append(passed & both(self.trusting.service(service)))
        if "EMR roles" in path.needs:  # one for each service, the instances' in a profile
            manager, instances = found
            instances &= self._needs.met("instance profile")
            return _if(instances, (bool(manager.certain), bool(manager.possible)))
        if "stack set administration" in path.needs:
            return self._executing(_either(found))
        return _either(found)

    def _executing(self, passed: ResourceSet) -> ResourceSet:
        """Roles that one of these roles may assume."""
        found = NOWHERE
        for at in members(passed.possible & self.kinds["role"].there).tolist():
            arn = self.kinds["role"].arns[at]
            beyond = self._assuming(
                escalation_methods()["sts-001"], self.caller(arn), self.context(arn, "stolen-key")
            )
            found |= ResourceSet(
                beyond.found.certain if passed.certain >> at & 1 else 0, beyond.found.possible
            )
        return found

    # --- what else a path needs

    def _met(
        self, path: EscalationMethod, caller: Caller, context: RequestContext, found: ResourceSet
    ) -> ResourceSet:
        """Those targets for which all that the path needs besides is in the evidence."""
        for need in path.needs:
            if need in given() or need in BY_WORTH:
                continue
            meeting = self._needs.met(need)
            if need == "no second factor":
                meeting |= self._use(caller, context, DEACTIVATE, "user")
            found &= meeting
        return found


@cache
def _about(policy_arn: str) -> RequestContext:
    return RequestContext({"iam:policyarn": policy_arn}, UNKNOWN)


@cache
def passed_to(service: str) -> RequestContext:
    """What is known of a call that passes a role: to whom."""
    return RequestContext({"iam:passedtoservice": service}, UNKNOWN)


def _either(found: Iterable[ResourceSet]) -> ResourceSet:
    sets = list(found)
    return ResourceSet(
        joined(each.certain for each in sets), joined(each.possible for each in sets)
    )


def _if(found: ResourceSet, holds: tuple[bool, bool]) -> ResourceSet:
    """What is found where the rest holds, surely and perhaps; nothing where it does not."""
    return ResourceSet(found.certain if holds[0] else 0, found.possible if holds[1] else 0)


def _lists(table: pd.DataFrame, key: str, value: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, each in zip(table[key].tolist(), table[value].tolist(), strict=True):
        found.setdefault(name, []).append(each)
    return found
