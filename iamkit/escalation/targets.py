"""
Whom an escalation method reaches, for one caller in one context.

The targets of a method are the users, roles or groups on which its permissions, their trust
policies and its other prerequisites come together. `available_paths` asks only for methods whose
actions the caller may use somewhere.

Source: IAM User Guide, "Grant a user permissions to pass a role to an AWS service" and "Grant a
user permissions to switch roles".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Final, NamedTuple

from iamkit.access import BOUNDARY, NOWHERE, ResourceSet, certainly, members, union
from iamkit.arns import AWS_MANAGED
from iamkit.escalation.assuming import Assuming
from iamkit.escalation.callers import KIND, Caller, Callers
from iamkit.escalation.new_principals import ASSUME, NewPrincipals
from iamkit.escalation.prerequisites import DECIDED_ELSEWHERE, Prerequisites
from iamkit.escalation.saml_providers import KIND as SAML_PROVIDER
from iamkit.escalation.saml_providers import SamlProviders
from iamkit.memory import Memo
from iamkit.policy import ABSENT, UNKNOWN, RequestContext
from iamkit.reference import (
    NEEDS_NO_RESOURCE,
    NEW_PRINCIPALS,
    EscalationMethod,
    escalation_methods,
    taken_as_given,
)
from iamkit.table import lists_by_key
from iamkit.trust import SET_SOURCE_IDENTITY, TAG_SESSION

ASSUME_ROLE: Final = "sts-001"  # the method of assuming a role, and nothing else
SESSION_TAGS: Final = "session-tags"  # the same, with tags for the session
DEACTIVATE: Final = "iam:DeactivateMFADevice"
FURTHER_ACTIONS: Final = (
    ASSUME,
    DEACTIVATE,
    TAG_SESSION,
    SET_SOURCE_IDENTITY,
)  # that decide something besides the methods' own

# What a permission is used on, where IAM's evidence does not show it.
NOT_IN_EVIDENCE: Final = NEEDS_NO_RESOURCE | {"existing resource", "account root"}

# What differs for each caller, or depends on more than its policies say.
_APART: Final = ("own group", "own policy", "own boundary", "trusted provider")

_NO_SECOND_FACTOR: Final = "no second factor"  # or one that the caller may remove

# Calls that attach a policy, and the one that their caller would choose.
_ATTACHING: Final = frozenset(
    {"iam:AttachUserPolicy", "iam:AttachGroupPolicy", "iam:AttachRolePolicy"}
)
_ADMINISTRATOR: Final = f"arn:{{}}{AWS_MANAGED}AdministratorAccess"

_UNBOUNDED: Final = RequestContext({BOUNDARY: ABSENT}, UNKNOWN)


class Permitted(NamedTuple):
    """Whether a caller may do something: certainly, and possibly."""

    certain: bool
    possible: bool


class EscalationPath(NamedTuple):
    """
    One method that a caller can use in a context, with whom it reaches.

    `kind` is user, role or group, or "self" if the method reaches only the caller. `targets` are of
    that kind; for "self" they are the resources of the caller's own that the action may be used on;
    empty if the evidence shows none. A principal that the caller creates is a set of one. `where`
    is on what the caller has the permissions, whether or not there is a target.
    """

    method: EscalationMethod
    kind: str
    targets: ResourceSet
    where: ResourceSet

    @property
    def permitted(self) -> Permitted:
        """Whether the caller has the permissions."""
        return _any(self.where)


class Targets:
    """Whom each method reaches in an account."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._resources = callers.resources
        self._prerequisites = Prerequisites(callers.account, callers.resources)
        self._new = NewPrincipals(callers.principals, callers.resources)
        self._having: Memo[int, int] = Memo()
        self.assuming = Assuming(callers)
        providers = callers.resources[SAML_PROVIDER]
        self.providers = SamlProviders(callers.principals, providers, callers.resources["role"])

    def path(
        self,
        method: EscalationMethod,
        elsewhere: Permitted,
        caller: Caller,
        context: RequestContext,
    ) -> EscalationPath:
        """
        The path by one method.

        `elsewhere` says whether the actions are allowed that the method uses on what IAM's evidence
        does not show.
        """
        if method.id == ASSUME_ROLE:
            return self._assuming(method, caller, context)
        if method.id == SESSION_TAGS:
            return self._assuming_with_tags(method, caller, context)
        if method.reach == "created":
            return self._creating(method, caller, context)
        used_on = _used_on(method)
        if not used_on:
            kind = method.target if method.reach == "target" else "self"
            return EscalationPath(method, kind, NOWHERE, _if(elsewhere, certainly(1)))
        if method.reach == "target":
            return self._reaching(method, elsewhere, caller, context, used_on)
        return self._reaching_self(method, elsewhere, caller, context, used_on)

    def _reaching_self(
        self,
        method: EscalationMethod,
        elsewhere: Permitted,
        caller: Caller,
        context: RequestContext,
        used_on: Mapping[str, str],
    ) -> EscalationPath:
        """A method that reaches only the caller: with those of its own resources that it uses."""
        (action, on), *_ = used_on.items()
        own, kind = caller.own[on], self._resources[KIND[on]]
        allowed = _if(elsewhere, self._allowed(caller, context, action, KIND[on]))
        future = 0 if on in ("own user", "own role") else kind.future
        mine, existing = allowed & certainly(own), certainly(kind.existing)
        # One who stands for many fulfils what each of them does: see `AvailablePaths`.
        targets = self.fulfilling(method, mine & existing) | mine & certainly(~kind.existing)
        return EscalationPath(method, "self", targets, allowed & certainly(own | future))

    def _reaching(
        self,
        method: EscalationMethod,
        elsewhere: Permitted,
        caller: Caller,
        context: RequestContext,
        used_on: Mapping[str, str],
    ) -> EscalationPath:
        """A method that reaches other users, roles or groups."""
        allowed = self._allowed_on_all(method, caller, context, used_on)
        trusting = self._trusting(method, caller, context, allowed)
        found = self._fulfilling(method, caller, context, trusting)
        kind = method.target
        where = _if(elsewhere, allowed)
        if kind not in self._resources:
            return EscalationPath(method, kind, NOWHERE, where)
        resources = self._resources[kind]
        targets = _if(elsewhere, found) & certainly(resources.existing)
        return EscalationPath(method, kind, targets, where & certainly(resources.every))

    def depends_on_caller(
        self, method: EscalationMethod, caller: Caller, context: RequestContext
    ) -> bool:
        """Whether a method uses what is different for callers to whom policies say the same."""
        for action, on in _used_on(method).items():
            if on in _APART and self._allowed(caller, context, action, KIND[on]).possible:
                return True
            own = caller.own["own role"] if on == "passed role" else 0
            if own and any(
                self._passable(caller, context, action, each).possible & own
                for each in method.services
            ):
                return True
        return False

    def _creating(
        self, method: EscalationMethod, caller: Caller, context: RequestContext
    ) -> EscalationPath:
        """A user or role that a caller creates, who may do everything."""
        calls = {
            action: self.call(action, on, context) for action, on in method.permissions.items()
        }
        alike = context.answers(caller.own_keys)
        found = self._new.creatable(method, caller, calls, alike)
        return EscalationPath(method, "self", found, found)

    def _assuming(
        self, method: EscalationMethod, caller: Caller, context: RequestContext
    ) -> EscalationPath:
        """Roles that a caller may assume: with its own permission, or named by the trust policy."""
        allowance = caller.allowance(context, ASSUME, "role")
        found = self.assuming.roles(caller, context)
        own = certainly(~caller.own["own role"])
        others = own & certainly(self._resources["role"].existing)
        return EscalationPath(method, "role", found & others, allowance.allowed & own)

    def _assuming_with_tags(
        self, method: EscalationMethod, caller: Caller, context: RequestContext
    ) -> EscalationPath:
        """Roles that a caller may assume in a session whose tags it chooses."""
        assuming = self.assuming
        found = assuming.may_pass(TAG_SESSION, caller, context)
        found = found & assuming.roles(caller, context) if found.possible else found
        others = certainly(self._resources["role"].existing & ~caller.own["own role"])
        return EscalationPath(method, "role", found & others, found & others)

    def named(self, caller: Caller, context: RequestContext) -> ResourceSet:
        """The roles that trust policies grant to a caller without any permission of its own."""
        return self.assuming.named(caller, context)

    # --- where the permissions are allowed

    def call(self, action: str, on: str, context: RequestContext) -> RequestContext:
        """What a call carries that suits its caller best: for a new principal, no boundary."""
        chosen = self._chosen(action)
        carried = context if chosen is None else context.joined(chosen)
        return carried.joined(_UNBOUNDED) if on in NEW_PRINCIPALS else carried

    def _chosen(self, action: str) -> RequestContext | None:
        """What a caller chooses in a call, as condition keys; None: nothing that matters."""
        if action not in _ATTACHING:
            return None
        return _attaching(_ADMINISTRATOR.format(self._callers.account.partition))

    def _allowed(
        self, caller: Caller, context: RequestContext, action: str, kind: str
    ) -> ResourceSet:
        chosen = self._chosen(action)
        return caller.allowance(context, action, kind, chosen).allowed

    def _passable(
        self, caller: Caller, context: RequestContext, action: str, service: str
    ) -> ResourceSet:
        """Roles on which an action is allowed if a role is passed to a service."""
        return caller.allowance(context, action, "role", passed_to(service)).allowed

    def _allowed_on_all(
        self,
        method: EscalationMethod,
        caller: Caller,
        context: RequestContext,
        used_on: Mapping[str, str],
    ) -> ResourceSet:
        """The targets on which all of a method's permissions are allowed, whatever they trust."""
        found: ResourceSet | None = None
        for action, on in used_on.items():
            if on == "passed role":
                where = _union(
                    [self._passable(caller, context, action, each) for each in method.services]
                )
            else:
                where = self._allowed(caller, context, action, KIND[on])
            if on == "target policy":
                where = self._with_policies(where)
            elif on == "trusted provider":
                where = self.providers.reached(where, context)
            if on not in ("passed role", "trusted provider") and method.target in (
                "user",
                "role",
                "group",
            ):
                own = caller.own[f"own {method.target}"]
                where = ResourceSet(where.certain & ~own, where.possible & ~own)
            found = where if found is None else found & where
        return NOWHERE if found is None else found

    def _with_policies(self, policies: ResourceSet) -> ResourceSet:
        """The roles to which one of these policies is attached."""
        return ResourceSet(*(self._having.once(each, self._roles_with, each) for each in policies))

    def _roles_with(self, policies: int) -> int:
        """The roles to which one of these policies is attached, or may be: the future one."""
        attached = members(policies & self._any_attached).tolist()
        future = self._resources["role"].future if policies else 0
        return union(self._attached[at] for at in attached) | future

    @cached_property
    def _attached(self) -> dict[int, int]:
        """The roles that have each customer policy, by its number; without those of none."""
        assignments = self._callers.account.policy_assignments
        assigned = lists_by_key(assignments["policy_arn"], assignments["principal_arn"])
        number, roles = self._resources["policy"].number, self._resources["role"]
        made = {number[arn]: roles.set_of(assigned[arn]) for arn in assigned if arn in number}
        return {policy: having for policy, having in made.items() if having}

    @cached_property
    def _any_attached(self) -> int:
        """The customer policies that roles have."""
        return union(1 << policy for policy in self._attached)

    # --- what trust policies say

    def _trusting(
        self,
        method: EscalationMethod,
        caller: Caller,
        context: RequestContext,
        allowed: ResourceSet,
    ) -> ResourceSet:
        """Those targets whose trust policy is as the method needs it."""
        if method.trust == "service":
            passed = self._passed(method, caller, context)
            return (
                passed if "stack set administration" in method.prerequisites else passed & allowed
            )
        if method.trust == "caller":
            return allowed & self.assuming.roles(caller, context)
        if method.trust == "named":
            return allowed & self.assuming.named(caller, context)
        if method.trust == "rewritten":  # so that it names the caller
            allowance = caller.allowance(context, ASSUME, "role")
            is_user = caller.kind == "user"
            return allowed & (allowance.if_named if is_user else allowance.if_granted)
        return allowed

    def _passed(
        self, method: EscalationMethod, caller: Caller, context: RequestContext
    ) -> ResourceSet:
        """Roles that may be passed to a service of the method which they trust."""
        found = [
            self._passable(caller, context, "iam:PassRole", service)
            & certainly(self._callers.assumable.service(service))
            for service in method.services
        ]
        if "EMR roles" in method.prerequisites:  # one for each service, the instances' in a profile
            manager, instances = found
            instances &= self._prerequisites.fulfilled_by("instance profile")
            return _if(_any(manager), instances)
        if "stack set administration" in method.prerequisites:
            return self._assumable_by_one_of(_union(found))
        return _union(found)

    def _assumable_by_one_of(self, roles: ResourceSet) -> ResourceSet:
        """Roles that one of these roles may assume."""
        found, kind = NOWHERE, self._resources["role"]
        for at in members(roles.possible & kind.existing).tolist():
            arn = kind.arns[at]
            context = self._callers.context(arn, "stolen-key")
            method = escalation_methods()[ASSUME_ROLE]
            onward = self._assuming(method, self._callers.caller(arn), context).targets
            found |= onward if roles.certain >> at & 1 else ResourceSet(0, onward.possible)
        return found

    # --- what else a method needs

    def _fulfilling(
        self, method: EscalationMethod, caller: Caller, context: RequestContext, found: ResourceSet
    ) -> ResourceSet:
        """Those targets that fulfil the method's prerequisites."""
        if _NO_SECOND_FACTOR not in method.prerequisites:
            return self.fulfilling(method, found)
        removed = found & self._allowed(caller, context, DEACTIVATE, "user")
        return self.fulfilling(method, found) | self.fulfilling(method, removed, _NO_SECOND_FACTOR)

    def fulfilling(
        self, method: EscalationMethod, found: ResourceSet, but: str = ""
    ) -> ResourceSet:
        """Those that fulfil the method's prerequisites by themselves, `but` for one of them."""
        for name in _checked(method):
            if name != but:
                found &= self._prerequisites.fulfilled_by(name)
        return found


@cache
def _used_on(method: EscalationMethod) -> dict[str, str]:
    """A method's actions on what the evidence shows, and on which of it."""
    return {action: on for action, on in method.permissions.items() if on in KIND}


@cache
def deciding(method: EscalationMethod) -> tuple[str, ...]:
    """The actions of which it matters where they are allowed, for whom a method reaches."""
    found = [
        action for action, on in method.permissions.items() if on in KIND or on in NEW_PRINCIPALS
    ]
    if method.trust in ("caller", "named", "rewritten") or method.reach == "created":
        found += [ASSUME, TAG_SESSION, SET_SOURCE_IDENTITY]
    if _NO_SECOND_FACTOR in method.prerequisites:
        found.append(DEACTIVATE)
    return tuple(found)


@cache
def _checked(method: EscalationMethod) -> tuple[str, ...]:
    """The prerequisites of a method that the evidence tells by itself."""
    beside = taken_as_given() | DECIDED_ELSEWHERE
    return tuple(name for name in method.prerequisites if name not in beside)


@cache
def _attaching(policy_arn: str) -> RequestContext:
    """What is known of a call that attaches a policy."""
    return RequestContext({"iam:policyarn": policy_arn}, UNKNOWN)


@cache
def passed_to(service: str) -> RequestContext:
    """What is known of a call that passes a role to a service."""
    return RequestContext({"iam:passedtoservice": service}, UNKNOWN)


def _union(found: list[ResourceSet]) -> ResourceSet:
    """All that is in any of the sets."""
    return ResourceSet(
        union(each.certain for each in found), union(each.possible for each in found)
    )


def _if(holds: Permitted, found: ResourceSet) -> ResourceSet:
    """What is found if something else holds: certain where it is certain, and so on."""
    return ResourceSet(
        found.certain if holds.certain else 0, found.possible if holds.possible else 0
    )


def _any(found: ResourceSet) -> Permitted:
    """Whether there is anything in a set."""
    return Permitted(bool(found.certain), bool(found.possible))
