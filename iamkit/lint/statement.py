"""A statement as its author wrote it, for lint rules to ask about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from iamkit.lint.lookup import Actions, Lookup
from iamkit.policy import (
    ABSENT,
    UNKNOWN,
    VERSION,
    KeyTest,
    Pattern,
    RequestContext,
    Statement,
    Truth,
    conditions,
    variable_keys,
)
from iamkit.reference import Bits
from iamkit.values import as_dict

OLD_VERSION: Final = "2008-10-17"
ELEMENTS: Final = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
ANYONE: Final = RequestContext({}, UNKNOWN)
MFA_DENY: Final = 'Write "BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}'


@dataclass(frozen=True, eq=False)
class WrittenStatement:
    """
    One statement as rules see it: parsed, as its author wrote it, and what is around it.

    `row` is of `statement_rows`, of which `parsed` is made; it also holds what cannot be read.
    """

    row: Mapping[str, Any]
    parsed: Statement
    written: Mapping[str, Any]
    version: Any  # of the policy
    trust: bool
    lookup: Lookup
    siblings: list[WrittenStatement]  # all statements of the policy, this one included

    @property
    def number(self) -> int:
        """Its position in the policy, from 1."""
        return self.parsed.number

    @property
    def effect(self) -> str | None:
        """Allow or Deny, or what its author wrote."""
        return cast(str | None, self.row["effect"])

    @property
    def actions(self) -> list[str]:
        """The patterns of its Action."""
        return cast(list[str], self.row["actions"])

    @property
    def not_actions(self) -> list[str]:
        """The patterns of its NotAction."""
        return cast(list[str], self.row["not_actions"])

    @property
    def resources(self) -> list[str]:
        """The patterns of its Resource."""
        return cast(list[str], self.row["resources"])

    @property
    def not_resources(self) -> list[str]:
        """The patterns of its NotResource."""
        return cast(list[str], self.row["not_resources"])

    @property
    def conditions(self) -> Any:
        """Its Condition."""
        return self.row["conditions"]

    @property
    def any_action(self) -> bool:
        """It is about every action."""
        return bool(self.row["any_action"])

    @property
    def any_resource(self) -> bool:
        """It is about every resource."""
        return bool(self.row["any_resource"])

    @property
    def problem(self) -> str | None:
        """Why it cannot be read as a statement; None: it can."""
        return cast(str | None, self.row["problem"])

    @cached_property
    def tests(self) -> list[KeyTest]:
        """What its Condition tests, as far as that can be read."""
        blocks = as_dict(self.conditions).items()
        return [KeyTest.of(name, key, raw) for name, b in blocks for key, raw in as_dict(b).items()]

    @cached_property
    def keys(self) -> set[str]:
        """Condition keys, in lower case, that it tests or takes variables from."""
        found = conditions.keys(self.conditions)
        if self.version == VERSION:
            texts = (text for text in (*self.resources, *self.not_resources) if "${" in text)
            found = found.union(*map(variable_keys, texts))
        return found

    @cached_property
    def about(self) -> Actions:
        """The actions it is about, as written."""
        negated = "NotAction" in self.written
        return Actions(tuple(self.not_actions if negated else self.actions), negated)

    @property
    def bits(self) -> Bits:
        """The actions it is about, listed and named."""
        return self.lookup.bits(self.about)

    @cached_property
    def content(self) -> str:
        """Text that is equal for statements that differ only in their Sid."""
        return conditions.condition_key({**self.written, "Sid": None})

    def applies(self, context: RequestContext) -> Truth:
        """Whether its Condition holds: True, False or None for unknown."""
        return self.parsed.applies(context)

    def may_lack(self, keys: Iterable[str]) -> bool:
        """Whether its Condition may hold for a request that has none of `keys`."""
        return self.applies(RequestContext(dict.fromkeys(keys, ABSENT), UNKNOWN)) is not False

    def severity(self, allow: str, deny: str) -> str:
        """Return the severity for an Allow, or the one for a Deny."""
        return deny if self.effect == "Deny" else allow

    def spans(self, other: WrittenStatement) -> bool:
        """Whether it is about all actions and resources of `other`. Errs towards no."""
        if self.problem or other.problem or not self.lookup.within(other.about, self.about):
            return False
        if other.about.negated and not (self.about.negated or self.any_action):
            return False  # also about actions that are in no list yet
        wide = [Pattern(text) for text in self.resources]
        narrow = [Pattern(text) for text in other.resources]
        return self.any_resource or (
            bool(narrow) and all(any(one.covers(part) for one in wide) for part in narrow)
        )

    def __str__(self) -> str:
        """Name the statement."""
        return self.parsed.name


def quoted(value: Any) -> str:
    """A value as JSON, of moderate length."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 200 else f"{text[:196]}…"
