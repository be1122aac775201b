"""For each API call of an escalation path, the policy statement that allows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from iamkit.access import certainly, members, union
from iamkit.escalation.available_paths import AvailablePaths
from iamkit.escalation.callers import KIND, Caller
from iamkit.escalation.targets import ASSUME_ROLE, NOT_IN_EVIDENCE, passed_to
from iamkit.memory import Memo
from iamkit.policy import Policy, RequestContext, Statement, conditions, statement_name
from iamkit.reference import EscalationMethod
from iamkit.trust import ANYONE

# For each call of a path the ARNs of the policies that allow it: any one of them is enough.
AllowingPolicies = tuple[frozenset[str], ...]


class _Call(NamedTuple):
    """One API call of a method by a caller: the action, and what it is used on."""

    action: str
    on: str
    method: EscalationMethod
    caller: Caller
    context: RequestContext


class Explanations:
    """The deciding statements of paths, worked out once for callers whom no policy tells apart."""

    def __init__(self, available: AvailablePaths) -> None:
        self._callers = available.callers
        self._targets = available.targets
        self._resources = available.callers.resources
        self._texts: Memo[Any, list[str]] = Memo()
        self._policies: Memo[Any, dict[AllowingPolicies, int]] = Memo()
        self._equal: dict[tuple[str, str], Policy] = {}
        self._speaking: Memo[Caller, tuple[Policy, ...]] = Memo()
        self._said: Memo[Any, tuple[Policy, ...]] = Memo()
        self._keys: Memo[Any, tuple[str, ...]] = Memo()

    def statements(
        self, method: EscalationMethod, arn: str, context: str, target_arn: str | None
    ) -> list[str]:
        """
        Return a text per deciding statement, the trust policy's last.

        `target_arn` is whom the path reaches, or what of the caller's own it uses; None if the
        evidence shows nothing.
        """
        caller, who = self._callers.caller(arn), self._callers.context(arn, context)
        key = (*self._same(method, caller, who, self._about(method, caller)), target_arn)
        texts = self._texts.once(key, self._own_statements, method, caller, who, target_arn)
        return [*texts, *self._trust_statement(method, caller, target_arn)]

    def allowing_policies(
        self, method: EscalationMethod, arn: str, context: str, targets: int
    ) -> dict[AllowingPolicies, int]:
        """
        Return which policies allow a path, and to which of its targets; 1 for a path to oneself.

        A role's ARN stands for its trust policy, where that alone lets the caller in.
        """
        caller, who = self._callers.caller(arn), self._callers.context(arn, context)
        named = 0
        if method.id == ASSUME_ROLE:
            named = self._targets.named(caller, who).certain & targets
        roles = self._resources["role"].arns
        found: dict[AllowingPolicies, int] = {
            (frozenset({roles[at]}),): 1 << at for at in members(named).tolist()
        }
        if left := targets & ~named:
            key = (*self._same(method, caller, who, caller.layers.identity), left)
            found |= self._policies.once(key, self._call_by_call, method, caller, who, left)
        return found

    def _same(
        self,
        method: EscalationMethod,
        caller: Caller,
        who: RequestContext,
        policies: tuple[Policy, ...],
    ) -> Any:
        """What the same method has in common for callers whom no policy about it tells apart."""
        own = tuple(caller.own.items()) if method.reach == "self" else ()
        if "trusted provider" in method.resources:  # whose trust tests other keys
            return method, policies, caller.relevant, own, who
        asked = (method, policies, caller.relevant[1:])
        keys = self._keys.once(asked, self._tested_keys, *asked)
        return *asked, own, who.answers(keys)

    def _about(self, method: EscalationMethod, caller: Caller) -> tuple[Policy, ...]:
        """The caller's own policies that are about an action of a method."""
        relevant = self._relevant(caller)
        return self._said.once((method, relevant), self._find_about, method, relevant)

    def _find_about(
        self, method: EscalationMethod, policies: tuple[Policy, ...]
    ) -> tuple[Policy, ...]:
        about = self._callers.allowed.about
        return tuple(
            policy
            for policy in policies
            if any(about(policy, action) for action in method.permissions)
        )

    def _relevant(self, caller: Caller) -> tuple[Policy, ...]:
        """The caller's own policies about some method's actions; of equal ones, always the same."""
        return self._speaking.once(caller, self._find_relevant, caller)

    def _find_relevant(self, caller: Caller) -> tuple[Policy, ...]:
        relevant = self._callers.allowed.relevant
        return tuple(
            self._equal.setdefault((policy.name, policy.content), policy)
            for policy in caller.layers.identity
            if relevant([policy])
        )

    def _tested_keys(
        self, method: EscalationMethod, about: tuple[Policy, ...], limits: tuple[Any, ...]
    ) -> tuple[str, ...]:
        """The condition keys that matter for a method where some policies and limits apply."""
        allowed = self._callers.allowed
        layers = (allowed.relevant(about), *limits)
        found = (allowed.tested_keys(layers, action) for action in method.permissions)
        return tuple(sorted(frozenset().union(*found)))

    def _call_by_call(
        self, method: EscalationMethod, caller: Caller, who: RequestContext, targets: int
    ) -> dict[AllowingPolicies, int]:
        """Which policies allow each call of a path, and to which targets together."""
        arns = self._callers.principals.policy_arns
        found: dict[AllowingPolicies, int] = {(): targets}
        for action, on in method.permissions.items():
            call = _Call(action, on, method, caller, who)
            granted = [
                (arns[policy], self._granted(policy, call, targets))
                for policy in caller.layers.identity
            ]
            found = {
                (*before, names): some
                for before, which in found.items()
                for names, some in _split(granted, which).items()
            }
        return found

    def _granted(self, policy: Policy, call: _Call, targets: int) -> int:
        """The targets for which one policy certainly allows one call of a path."""
        allowed = self._callers.allowed
        relevant = allowed.relevant([policy])
        requests = self._requests(call)
        action, on = call.action, call.on
        if not relevant or on in NOT_IN_EVIDENCE:
            about = allowed.about(policy, action)
            found = (allowed.allows(said, each, "policy") for each in requests for said in about)
            return targets if any(found) else 0
        where = union(allowed.granted_by(relevant[0], each, action, KIND[on]) for each in requests)
        if on == "target policy":
            arns, policies = self._resources["role"].arns, self._resources["policy"]
            return union(
                1 << at
                for at in members(targets).tolist()
                if policies.set_of(self._callers.customer_policies(arns[at])) & where
            )
        if on == "trusted provider":
            reached = self._targets.providers.reached(certainly(where), call.context)
            return targets & reached.certain
        if on in call.caller.own:
            return targets if where & call.caller.own[on] else 0
        if on == "passed role" and "stack set administration" in call.method.prerequisites:
            return targets if where & self._trusting_services(call.method) else 0
        return where & targets

    def _own_statements(
        self, method: EscalationMethod, caller: Caller, who: RequestContext, target: str | None
    ) -> list[str]:
        """A text per statement of the caller's own policies."""
        texts = (
            self._text(_Call(action, on, method, caller, who), target)
            for action, on in method.permissions.items()
        )
        return list(dict.fromkeys(text for text in texts if text))

    def _text(self, call: _Call, target: str | None) -> str:
        found = self._allowing(call, target)
        if found is None:
            return ""
        policy, statement, request = found
        because = ""
        if statement.condition:
            why = conditions.explain(statement.condition, request, variables=statement.variables)
            because = f" ({why})"
        return f"{call.action}: Allow {statement.name} of {policy.name}{because}"

    def _allowing(
        self, call: _Call, target: str | None
    ) -> tuple[Policy, Statement, RequestContext] | None:
        """The first statement that allows an action where the path uses it, with its policy."""
        kind, where = "policy", -1
        if target is not None and call.on not in NOT_IN_EVIDENCE:
            kind, where = KIND[call.on], self._used_resources(call, target)
        allowed = self._callers.allowed
        about = [
            (policy, said)
            for policy in self._relevant(call.caller)
            for said in allowed.about(policy, call.action)
        ]
        for request in self._requests(call):
            for policy, said in about:
                if allowed.allows(said, request, kind, where):
                    return policy, said.statement, request
        return None

    def _requests(self, call: _Call) -> Iterator[RequestContext]:
        """What a call carries: for each service that a role may be passed to, or once."""
        if call.on == "passed role":
            made = [call.context.joined(passed_to(each)) for each in call.method.services]
        else:
            made = [self._targets.call(call.action, call.on, call.context)]
        yield from made
        layers, allowed = call.caller.relevant, self._callers.allowed
        for each in made:
            yield from map(each.joined, allowed.choices(layers, each, call.action))

    def _trusting_services(self, method: EscalationMethod) -> int:
        """The roles that trust one of a method's services."""
        return union(map(self._callers.assumable.service, method.services))

    def _used_resources(self, call: _Call, target_arn: str) -> int:
        """What a permission may be used on: a set of resources of its kind."""
        on, kind = call.on, self._resources[KIND[call.on]]
        if on == "passed role" and "stack set administration" in call.method.prerequisites:
            # What is passed is not the role that is reached, but one that may assume it.
            return self._trusting_services(call.method)
        if on == "target policy":
            return kind.set_of(self._callers.customer_policies(target_arn))
        if on == "trusted provider":
            return kind.set_of(self._targets.providers.trusted_by(target_arn))
        if on in call.caller.own and target_arn not in kind.number:
            return call.caller.own[on]
        return kind.set_of([target_arn])

    def _trust_statement(
        self, method: EscalationMethod, caller: Caller, target_arn: str | None
    ) -> Iterator[str]:
        """The statement of a trust policy that lets the caller, or the service, in."""
        assumable = self._callers.assumable
        if target_arn is None:
            return
        if method.trust == "service":
            names = method.services
        elif method.trust in ("caller", "named"):
            own = assumable.own if method.trust == "caller" else ()
            names = [caller.arn, ANYONE, *own]
        elif method.trust == "federated":
            names = self._targets.providers.trusted_by(target_arn)
        else:
            return
        trusted = assumable.trust_row(target_arn, names)
        if trusted is not None:
            role = target_arn.rsplit("/", 1)[-1]
            statement = statement_name(trusted.sid, trusted.number)
            yield f"trust policy of {role}: {statement} trusts {trusted.principal}"


def _split(granted: Iterable[tuple[str, int]], targets: int) -> dict[frozenset[str], int]:
    """Targets, split by which policies allow a call for them."""
    found = {frozenset[str](): targets}
    for arn, where in granted:
        split: dict[frozenset[str], int] = {}
        for names, which in found.items():
            for some, by in ((which & where, names | {arn}), (which & ~where, names)):
                if some:
                    split[by] = some
        found = split
    return found
