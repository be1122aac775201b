"""Why a caller may go a way: the statements that decide each of its calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from iamkit import conditions
from iamkit.decisions import decide
from iamkit.paths import Path
from iamkit.patterns import Context
from iamkit.trusting import ANYONE
from iamkit.uses import members
from iamkit.ways import INVENTORY, KIND, Caller, Ways


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
        keys = frozenset().union(*(said.keys for layer in caller.said for said in layer or ()))
        by_name = arn if path.trust in ("caller", "named") else None
        own = tuple(caller.own.items()) if path.reach == "self" else ()
        asked = (caller.layers, path.id, target_arn, by_name, own, *map(who.get, sorted(keys)))
        if asked not in self._found:
            texts = [text for text in self._texts(path, caller, who, target_arn) if text]
            self._found[asked] = list(dict.fromkeys(texts))
        return self._found[asked]

    def _texts(
        self, path: Path, caller: Caller, who: Context, target_arn: str | None
    ) -> Iterator[str]:
        for action, on in path.permissions.items():
            if target_arn is None or on in INVENTORY:
                yield self._first_allow(action, caller, who)
            else:
                resources = self._resources(on, caller, target_arn)
                yield self._decided(action, on, resources, path, caller, who)
        if target_arn is not None and path.trust in ("caller", "named", "service"):
            yield self._trust(path, caller, who, target_arn)

    def _resources(self, on: str, caller: Caller, target_arn: str) -> list[str]:
        """What a permission may be used on."""
        if on in ("own user", "own role"):
            return [caller.arn]
        if on == "target policy":
            return self.ways.policies_of(target_arn)
        kind = self.ways.kinds[KIND[on]]
        if on in caller.own and target_arn not in kind.number:
            return [kind.arns[at] for at in members(caller.own[on])]
        return [target_arn]

    def _decided(
        self,
        action: str,
        on: str,
        resources: list[str],
        path: Path,
        caller: Caller,
        who: Context,
    ) -> str:
        tries = [self.ways.chosen(action)]
        if on == "passed role":
            tries = [{"iam:passedtoservice": service} for service in path.services]
        for resource, each in product(resources, tries):
            asked = who.but({**self.ways.about(resource), **each})
            if decision := decide(action, resource, asked, **caller.layers._asdict()):
                return f"{action}: {decision.statements[0]}"
        return ""

    def _first_allow(self, action: str, caller: Caller, who: Context) -> str:
        """The first statement that allows an action on some resource."""
        for said in caller.said[0] or ():
            for each in said.about(action):
                statement = each.statement
                holds = conditions.evaluate(statement.condition, who, variables=statement.variables)
                if statement.allows and holds:
                    name = (
                        f"“{statement.sid}”" if statement.sid else f"number {statement.index + 1}"
                    )
                    return f"{action}: Allow statement {name} of {statement.policy}"
        return ""

    def _trust(self, path: Path, caller: Caller, who: Context, role_arn: str) -> str:
        trusting = self.ways.trusting
        if path.trust == "service":
            door = next(filter(None, (trusting.door(role_arn, (s,)) for s in path.services)), None)
        else:
            door = trusting.door(role_arn, (caller.arn, ANYONE, *trusting.own))
        return (
            "" if door is None else f"trust policy of {role_arn.rsplit('/', 1)[-1]}: {said(door)}"
        )


def said(door: Mapping[str, Any]) -> str:
    """A statement of a trust policy, and whom it lets in."""
    name = f"“{door['sid']}”" if isinstance(door["sid"], str) else f"number {door['index'] + 1}"
    return f"statement {name} lets in {door['principal']}"
