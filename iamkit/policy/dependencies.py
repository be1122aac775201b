"""What rows of bits depend on, whatever the context: which keys, which statements, which shape."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, TypeAlias

from iamkit.memory import Memo
from iamkit.policy.context import RequestContext
from iamkit.policy.model import Statement
from iamkit.policy.patterns import Pattern

Reads: TypeAlias = "tuple[tuple[Dependencies, ...], ...]"  # the policies of each layer


class Dependencies:
    """What a policy's statements depend on, whatever the context."""

    def __init__(self, found: tuple[Statement, ...]) -> None:
        self.statements = found
        self.condition_keys = _merged(each.condition_keys for each in found)
        self.resource_keys = _merged(each.resource_keys for each in found)
        self.keys = frozenset(self.condition_keys + self.resource_keys)
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
        """Equal for policies with equal rows, if no resource is compared with another."""
        return tuple(map(_shape, self.statements))

    def asked(self, context: RequestContext, *, alike: bool) -> tuple[Any, ...]:
        """What of a context it depends on; `alike`: not on what a Resource's variables hold."""
        asked: tuple[Any, ...] = context.answers(self.condition_keys)
        if self.resource_keys:
            variables = context.answers(self.resource_keys)
            asked += tuple([None if alike and isinstance(v, str) else v for v in variables])
        return asked


def _shape(statement: Statement) -> tuple[Any, ...]:
    """What a statement says, of its resources only whether they are all, some or by a variable."""
    resources = {
        text if "${" in text or Pattern(text).everything else "" for text in statement.resources
    }
    condition = json.dumps(statement.condition, default=repr) if statement.condition else ""
    about = statement.actions, statement.not_actions, frozenset(resources)
    return statement.allows, *about, condition, statement.variables


def _merged(keys: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted(set().union(*keys)))


@dataclass(frozen=True, eq=False)
class Profile:
    """
    What of some layers their rows depend on: one object for all that come to the same.

    `alike`: rows depend on where statements apply only in being everywhere or somewhere, so that
    policies about one's own bucket are the same for all.
    """

    layers: Reads
    alike: bool

    @cached_property
    def reads(self) -> tuple[Dependencies, ...]:
        """The policies of all layers."""
        return tuple(chain.from_iterable(self.layers))

    @cached_property
    def keys(self) -> frozenset[str]:
        """The condition keys, in lower case, that they depend on."""
        return frozenset().union(*(read.keys for read in self.reads))

    @property
    def statements(self) -> Iterator[Statement]:
        """The statements of all layers."""
        return chain.from_iterable(read.statements for read in self.reads)

    @cached_property
    def asking(self) -> tuple[Dependencies, ...]:
        """The policies that depend on any condition key."""
        return tuple(read for read in self.reads if read.keys)

    def asked(self, context: RequestContext) -> tuple[Any, ...]:
        """What of a context they depend on, policy by policy."""
        return tuple([read.asked(context, alike=self.alike) for read in self.asking])

    def parts(self, keys: frozenset[str]) -> tuple[Reads, Reads]:
        """The policies that depend on none of some condition keys, and those that do."""
        still, moving = [], []
        for layer in self.layers:
            still.append(tuple(read for read in layer if read.keys.isdisjoint(keys)))
            moving.append(tuple(read for read in layer if not read.keys.isdisjoint(keys)))
        return tuple(still), tuple(moving)
