"""Why a caller may go a way: the statements that decide each of its calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from iamkit.access import joined, members
from iamkit.escalation.available_paths import INVENTORY, KIND, AvailablePaths, Caller, passed_to
from iamkit.policy import Policy, RequestContext, Statement, called, conditions
from iamkit.reference import EscalationMethod
from iamkit.trust import ANYONE

# For each call of a way the ARNs of the policies that allow it: any one of them is enough.
Opener = tuple[frozenset[str], ...]


class Explanations:
    """The deciding statements of ways, worked out once for callers whom no policy tells apart."""

    def __init__(self, ways: AvailablePaths) -> None:
        self.ways = ways
        self._found: dict[Any, list[str]] = {}
        self._openers: dict[Any, dict[Opener, int]] = {}

    def of(
        self, path: EscalationMethod, arn: str, context: str, target_arn: str | None
    ) -> list[str]:
        """
        Return a text per deciding statement, the trust policy's last.

        `target_arn` is whom the way reaches, or what of the caller's own it uses; None if the
        evidence shows nothing.
        """
        caller, who = self.ways.caller(arn), self.ways.context(arn, context)
        own = tuple(caller.own.items()) if path.reach == "self" else ()
        asked = (caller.layers, path.id, target_arn, own, who.answers(self.ways.own_keys(caller)))
        if asked not in self._found:
            made = (
                self._text(action, on, path, caller, who, target_arn)
                for action, on in path.permissions.items()
            )
            self._found[asked] = list(dict.fromkeys(text for text in made if text))
        return [*self._found[asked], *self._trust(path, caller, target_arn)]

    def openers(
        self, path: EscalationMethod, arn: str, context: str, targets: int
    ) -> dict[Opener, int]:
        """
        Return what opens a way, and to which of its targets; `targets` is 1 for one's own.

        A role's ARN stands for its trust policy, where that alone lets the caller in.
        """
        caller, who = self.ways.caller(arn), self.ways.context(arn, context)
        named = 0
        if path.id == "sts-001":
            named = self.ways.trusting.lets_in(arn, who)[0].certain & targets
        roles = self.ways.kinds["role"].arns
        found: dict[Opener, int] = {
            (frozenset({roles[at]}),): 1 << at for at in members(named).tolist()
        }
        if left := targets & ~named:
            answers = who.answers(self.ways.own_keys(caller))
            own = tuple(caller.own.items()) if path.reach == "self" else ()
            asked = (caller.layers, path.id, left, own, answers)
            if asked not in self._openers:
                self._openers[asked] = self._opening(path, caller, who, left)
            found |= self._openers[asked]
        return found

    def _opening(
        self, path: EscalationMethod, caller: Caller, who: RequestContext, targets: int
    ) -> dict[Opener, int]:
        """What opens a way to whom it leads, call by call."""
        arns = self.ways.callers.policy_arns
        found: dict[Opener, int] = {(): targets}
        for action, on in path.permissions.items():
            granted = [
                (arns[policy], self._granted(policy, action, on, path, caller, who, targets))
                for policy in caller.layers.identity
            ]
            found = {
                (*opener, names): some
                for opener, which in found.items()
                for names, some in _alike(granted, which).items()
            }
        return found

    def _granted(
        self,
        policy: Policy,
        action: str,
        on: str,
        path: EscalationMethod,
        caller: Caller,
        who: RequestContext,
        targets: int,
    ) -> int:
        """The targets for which one policy surely allows one call of a way."""
        ways, said = self.ways, self.ways.uses.said([policy])
        asked = self._asked(action, on, path, who)
        if not said or on in INVENTORY:
            allows = (ways.uses.allowing((said,), each, action, "policy", -1) for each in asked)
            return targets if any(allows) else 0
        where = joined(ways.uses.granted(said[0], each, action, KIND[on]) for each in asked)
        if on == "target policy":
            arns, policies = ways.kinds["role"].arns, ways.kinds["policy"]
            having = (at for at in members(targets).tolist())
            return joined(
                1 << at for at in having if policies.of(ways.policies_of(arns[at])) & where
            )
        if on in caller.own:
            return targets if where & caller.own[on] else 0
        if on == "passed role" and "stack set administration" in path.needs:
            return targets if where & self._passed(path) else 0
        return where & targets

    def _text(
        self,
        action: str,
        on: str,
        path: EscalationMethod,
        caller: Caller,
        who: RequestContext,
        target: str | None,
    ) -> str:
        found = self._allowing(action, on, path, caller, who, target)
        if found is None:
            return ""
        policy, statement, asked = found
        why = conditions.explain(statement.condition, asked, variables=statement.variables)
        because = f" ({why})" if statement.condition else ""
        name = called(statement.sid, statement.index)
        return f"{action}: Allow statement {name} of {policy.name}{because}"

    def _allowing(
        self,
        action: str,
        on: str,
        path: EscalationMethod,
        caller: Caller,
        who: RequestContext,
        target: str | None,
    ) -> tuple[Policy, Statement, RequestContext] | None:
        """The first statement that allows an action where the path uses it, with its policy."""
        somewhere = target is None or on in INVENTORY
        kind = "policy" if somewhere else KIND[on]
        where = -1 if somewhere else self._resources(on, path, caller, str(target))
        for asked in self._asked(action, on, path, who):
            found = self.ways.uses.allowing(caller.said, asked, action, kind, where)
            if found is not None:
                said, statement = found
                own = caller.layers.identity  # others may have a policy that says the same
                policy = next(each for each in own if each.content == said.policy.content)
                return policy, statement, asked
        return None

    def _asked(
        self, action: str, on: str, path: EscalationMethod, who: RequestContext
    ) -> list[RequestContext]:
        """What a call carries: for each service that a role may be passed to, or once."""
        if on == "passed role":
            return [who.joined(passed_to(each)) for each in path.services]
        return [self.ways.asked(action, on, who)]

    def _passed(self, path: EscalationMethod) -> int:
        """The roles that may be passed to a way's services."""
        return joined(map(self.ways.trusting.service, path.services))

    def _resources(self, on: str, path: EscalationMethod, caller: Caller, target_arn: str) -> int:
        """What a permission may be used on: a set of resources of its kind."""
        kind = self.ways.kinds[KIND[on]]
        if on == "passed role" and "stack set administration" in path.needs:
            # What is passed is not the role that is reached, but one that may assume it.
            return self._passed(path)
        if on == "target policy":
            return kind.of(self.ways.policies_of(target_arn))
        if on in caller.own and target_arn not in kind.number:
            return caller.own[on]
        return kind.of([target_arn])

    def _trust(
        self, path: EscalationMethod, caller: Caller, target_arn: str | None
    ) -> Iterator[str]:
        """The statement of a trust policy that lets the caller, or the service, in."""
        trusting = self.ways.trusting
        names = {
            "service": path.services,
            "caller": [caller.arn, ANYONE, *trusting.own],
            "named": [caller.arn, ANYONE],
        }
        if target_arn is not None and path.trust in names:
            door = trusting.door(target_arn, names[path.trust])
            if door is not None:
                role, statement = target_arn.rsplit("/", 1)[-1], called(door.sid, door.at)
                yield f"trust policy of {role}: statement {statement} lets in {door.principal}"


def _alike(granted: Iterable[tuple[str, int]], targets: int) -> dict[frozenset[str], int]:
    """Targets by which policies allow a call for them."""
    found = {frozenset[str](): targets}
    for arn, where in granted:
        split: dict[frozenset[str], int] = {}
        for names, which in found.items():
            for some, by in ((which & where, names | {arn}), (which & ~where, names)):
                if some:
                    split[by] = some
        found = split
    return found
