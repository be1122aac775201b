"""Why a caller may go a way: the statements that decide each of its calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iamkit import conditions
from iamkit.decisions import Policy, Statement, called
from iamkit.paths import Path
from iamkit.patterns import Context
from iamkit.trusting import ANYONE
from iamkit.uses import joined
from iamkit.ways import INVENTORY, KIND, Caller, Ways, passed_to


class Reasons:
    """The deciding statements of ways, worked out once for callers whom no policy tells apart."""

    def __init__(self, ways: Ways) -> None:
        self.ways = ways
        self._found: dict[Any, list[str]] = {}

    def of(self, path: Path, arn: str, context: str, target_arn: str | None) -> list[str]:
        """
        Return a text per deciding statement, the trust policy's last.

        `target_arn` is whom the way reaches, or what of the caller's own it uses; None if the
        evidence shows nothing.
        """
        caller, who = self.ways.caller(arn), self.ways.context(arn, context)
        own = tuple(caller.own.items()) if path.reach == "self" else ()
        asked = (caller.layers, path.id, target_arn, own, *map(who.get, self.ways.own_keys(caller)))
        if asked not in self._found:
            made = (
                self._text(action, on, path, caller, who, target_arn)
                for action, on in path.permissions.items()
            )
            self._found[asked] = list(dict.fromkeys(text for text in made if text))
        return [*self._found[asked], *self._trust(path, caller, target_arn)]

    def grant(self, path: Path, arn: str, context: str, target_arn: str) -> str:
        """
        The ARN of the policy that opens a way: the first that its first call takes.

        The role's, if only its trust policy does.
        """
        caller, who = self.ways.caller(arn), self.ways.context(arn, context)
        for action, on in path.permissions.items():
            if found := self._allowing(action, on, path, caller, who, target_arn):
                return self.ways.callers.policy_arns[found[0]]
        return target_arn

    def _text(
        self, action: str, on: str, path: Path, caller: Caller, who: Context, target: str | None
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
        self, action: str, on: str, path: Path, caller: Caller, who: Context, target: str | None
    ) -> tuple[Policy, Statement, Context] | None:
        """The first statement that allows an action where the path uses it, with its policy."""
        somewhere = target is None or on in INVENTORY
        kind = "policy" if somewhere else KIND[on]
        where = -1 if somewhere else self._resources(on, path, caller, str(target))
        services = path.services if on == "passed role" else []
        tries: list[Context | None] = [passed_to(each) for each in services]
        for about in tries or [self.ways.chosen(action)]:
            asked = who if about is None else who.joined(about)
            found = self.ways.uses.allowing(caller.said, asked, action, kind, where)
            if found is not None:
                said, statement = found
                own = caller.layers.identity  # others may have a policy that says the same
                policy = next(each for each in own if each.content == said.policy.content)
                return policy, statement, asked
        return None

    def _resources(self, on: str, path: Path, caller: Caller, target_arn: str) -> int:
        """What a permission may be used on: a set of resources of its kind."""
        kind = self.ways.kinds[KIND[on]]
        if on == "passed role" and "stack set administration" in path.needs:
            # What is passed is not the role that is reached, but one that may assume it.
            return joined(map(self.ways.trusting.service, path.services))
        if on == "target policy":
            return kind.of(self.ways.policies_of(target_arn))
        if on in caller.own and target_arn not in kind.number:
            return caller.own[on]
        return kind.of([target_arn])

    def _trust(self, path: Path, caller: Caller, target_arn: str | None) -> Iterator[str]:
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
