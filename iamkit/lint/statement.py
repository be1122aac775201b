"""
A statement as its author wrote it, for lint rules to ask about.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from iamkit.lint.lookup import Actions, Lookup
from iamkit.policy import (
    ABSENT,
    UNKNOWN,
    KeyTest,
    Pattern,
    RequestContext,
    conditions,
    variable_keys,
)
from iamkit.reference import Bits
from iamkit.values import as_dict

VERSION: Final = "2012-10-17"
OLD_VERSION: Final = "2008-10-17"
ELEMENTS: Final = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
ANYONE: Final = RequestContext({}, UNKNOWN)
MFA_DENY: Final = 'Write "BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}'


@dataclass(frozen=True, eq=False)
class WrittenStatement:
    """One statement as rules see it: a row of `documents.statement_rows`, and what is around it."""

    number: int
    sid: str | None
    effect: str | None
    actions: list[str]
    not_actions: list[str]
    resources: list[str]
    not_resources: list[str]
    conditions: Any
    conditional: bool
    any_action: bool
    any_resource: bool
    problem: str | None
    written: Mapping[str, Any]
    version: Any  # of the policy
    trust: bool
    book: Lookup
    siblings: list[WrittenStatement]  # all statements of the policy, this one included

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
        return self.book.bits(self.about)

    @cached_property
    def content(self) -> str:
        """Text that is equal for statements that differ in nothing but their Sid."""
        return conditions.condition_key({**self.written, "Sid": None})

    def applies(self, context: RequestContext) -> conditions.Truth:
        """Whether its Condition holds: True, False or None for unknown."""
        variables = self.version == VERSION
        return conditions.evaluate(self.conditions, context, variables=variables)

    def may_lack(self, keys: Iterable[str]) -> bool:
        """Whether its Condition may hold for a request that has none of `keys`."""
        return self.applies(RequestContext(dict.fromkeys(keys, ABSENT), UNKNOWN)) is not False

    def worth(self, allow: str, deny: str) -> str:
        """Return the severity for an Allow, or the one for a Deny."""
        return deny if self.effect == "Deny" else allow

    def spans(self, other: WrittenStatement) -> bool:
        """Whether it is about all actions and resources of `other`. Errs towards no."""
        if self.problem or other.problem or not self.book.within(other.about, self.about):
            return False
        if other.about.negated and not (self.about.negated or self.any_action):
            return False  # also about actions that are in no list yet
        wide = [Pattern(text) for text in self.resources]
        narrow = [Pattern(text) for text in other.resources]
        return self.any_resource or (
            bool(narrow) and all(any(one.covers(part) for one in wide) for part in narrow)
        )

    def __str__(self) -> str:
        """Name the statement by position and Sid."""
        return f"statement {self.number}" + (f" ({self.sid})" if self.sid else "")


def quoted(value: Any) -> str:
    """A value as JSON, of moderate length."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 200 else f"{text[:196]}…"
