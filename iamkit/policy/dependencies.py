"""What rows of bits depend on, whatever the context: which keys, which statements, which shape."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, TypeAlias

from iamkit.memory import Memo
from iamkit.policy.context import RequestContext
from iamkit.policy.model import Statement
from iamkit.policy.patterns import Pattern

Reads: TypeAlias = "tuple[tuple[Dependencies, ...], ...]"  # layer by layer


class Dependencies:
    """Statements of a policy that depend on the same condition keys."""

    def __init__(self, found: tuple[Statement, ...]) -> None:
        self.statements = found
        self.condition_keys, self.resource_keys = found[0].condition_keys, found[0].resource_keys
        self.keys = frozenset(self.condition_keys + self.resource_keys)
        self.content = tuple(map(_content, found))  # equal for those that say the same
        self.numbers: Memo[Any, int] = Memo()  # of what it comes to, by what it depends on
        wide = [not each.not_resources and "*" in each.resources for each in found]
        self.allows_only = all(each.allows for each in found)
        self.everywhere = all(wide)  # no statement is about some resources only
        self.one_sided = all(  # only allows are, and they say which
            everywhere or (each.allows and not each.not_resources)
            for each, everywhere in zip(found, wide, strict=True)
        )

    @cached_property
    def shape(self) -> tuple[Any, ...]:
        """
        Equal for statements with equal rows, if no resource is compared with another.

        What they say, of resources only whether they are all, some or by a variable.
        """
        return tuple((frozenset(map(_kind, resources)), *said) for resources, *said in self.content)

    def asked(self, context: RequestContext, *, alike: bool) -> tuple[Any, ...]:
        """What of a context it depends on; `alike`: not on what a Resource's variables hold."""
        asked: tuple[Any, ...] = context.answers(self.condition_keys)
        if self.resource_keys:
            variables = context.answers(self.resource_keys)
            asked += tuple([None if alike and isinstance(v, str) else v for v in variables])
        return asked


def grouped(statements: Iterable[Statement]) -> list[tuple[Statement, ...]]:
    """Return statements, those together that depend on the same condition keys."""
    found: dict[Any, list[Statement]] = {}
    for each in statements:
        found.setdefault((each.condition_keys, each.resource_keys), []).append(each)
    return [tuple(each) for each in found.values()]


def _content(statement: Statement) -> tuple[Any, ...]:
    condition = json.dumps(statement.condition, default=repr) if statement.condition else ""
    about = statement.actions, statement.not_actions, statement.not_resources
    return statement.resources, statement.allows, *about, condition, statement.variables


def _kind(resource: str) -> str:
    return resource if "${" in resource or Pattern(resource).everything else ""


@dataclass(frozen=True, eq=False)
class Profile:
    """
    What of some layers their rows depend on: one object for all that come to the same.

    `alike`: rows depend on where statements apply only in being everywhere or somewhere, so that
    policies about a caller's own bucket are the same for all.
    """

    layers: Reads
    alike: bool

    @cached_property
    def reads(self) -> tuple[Dependencies, ...]:
        """The statements of all layers, as they depend on keys."""
        return tuple(chain.from_iterable(self.layers))

    @cached_property
    def keyed(self) -> Reads:
        """Those that depend on any condition key, layer by layer."""
        return tuple(tuple(read for read in layer if read.keys) for layer in self.layers)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The condition keys, in lower case, that they depend on."""
        return frozenset().union(*(read.keys for layer in self.keyed for read in layer))

    @cached_property
    def by_variable(self) -> bool:
        """Whether policy variables say about which resources a statement is."""
        return any(read.resource_keys for layer in self.keyed for read in layer)

    def asking(self, keys: frozenset[str]) -> list[Dependencies]:
        """Those that depend on one of some condition keys."""
        keyed = chain.from_iterable(self.keyed)
        return [read for read in keyed if not read.keys.isdisjoint(keys)]

    def asked(self, context: RequestContext, keys: frozenset[str]) -> tuple[Any, ...]:
        """What of a context those ask that depend on one of some condition keys."""
        return tuple([read.asked(context, alike=self.alike) for read in self.asking(keys)])

    def parts(self, keys: frozenset[str]) -> tuple[Reads, Reads]:
        """Those that depend on none of some condition keys, and those that do."""
        still, moving = [], []
        for layer in self.layers:
            still.append(tuple(read for read in layer if read.keys.isdisjoint(keys)))
            moving.append(tuple(read for read in layer if not read.keys.isdisjoint(keys)))
        return tuple(still), tuple(moving)
