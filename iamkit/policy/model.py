"""
A policy, its statements as they are evaluated, and the layers of policies that bind a principal.

Source: IAM User Guide, "IAM JSON policy elements reference" and "Policy evaluation logic".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Final, NamedTuple

from iamkit.memory import Memo
from iamkit.policy import conditions
from iamkit.policy.context import RequestContext, Value
from iamkit.policy.document import statement_rows
from iamkit.policy.patterns import Pattern, variable_keys
from iamkit.reference import covers_action

VERSION: Final = "2012-10-17"  # the only one with policy variables
_VARIABLE: Final = re.compile(r"\$\{(?![*?$]\})[^{}]*\}")


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy document and the name that a decision calls it by. None: not in the evidence."""

    name: str
    document: Mapping[str, Any] | None

    @cached_property
    def content(self) -> str:
        """Text that is the same for policies that say the same."""
        if self.document is None:
            return f"not in the evidence: {self.name}"
        return json.dumps(self.document, sort_keys=True)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Its statements, less those that cannot be read as one."""
        return tuple(_statements(self))

    def about(self, action: str) -> tuple[Statement, ...]:
        """Its statements about one action; of thousands of requests, the first looks for them."""
        return self._about.once(action, self._find_about, action)

    @cached_property
    def _about(self) -> Memo[str, tuple[Statement, ...]]:
        return Memo()

    def _find_about(self, action: str) -> tuple[Statement, ...]:
        return tuple(each for each in self.statements if each.covers(action))


class PolicyLayers(NamedTuple):
    """All that limits one principal. A boundary of None is none; () is one that allows nothing."""

    identity: tuple[Policy, ...]
    boundary: tuple[Policy, ...] | None = None
    scps: tuple[tuple[Policy, ...], ...] = ()

    def named(self) -> Iterable[tuple[str, tuple[Policy, ...]]]:
        """The layers that are present, with what to call them."""
        yield "identity", self.identity
        if self.boundary is not None:
            yield "boundary", self.boundary
        for number, level in enumerate(self.scps, start=1):
            yield f"SCP level {number}", level

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies of all layers."""
        return (*self.identity, *(self.boundary or ()), *chain.from_iterable(self.scps))

    @property
    def statements(self) -> Iterator[Statement]:
        """The statements of all layers."""
        return chain.from_iterable(policy.statements for policy in self.policies)


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement that can match; those that IAM could not read are left out of policies."""

    policy: str
    number: int  # in its policy, from 1
    sid: str | None
    allows: bool
    actions: tuple[str, ...]
    not_actions: bool  # `actions` are those it leaves out
    resources: tuple[str, ...]
    not_resources: bool  # `resources` are those it leaves out
    condition: Mapping[str, Any]
    variables: bool  # Version 2012-10-17, the only one with policy variables

    @classmethod
    def of(cls, policy: str, row: Mapping[str, Any], *, variables: bool) -> Statement:
        """Make a statement of a row of `document.statement_rows`."""
        return cls(
            policy,
            row["number"],
            row["sid"],
            row["effect"] == "Allow",
            tuple(row["actions"] or row["not_actions"]),
            not row["actions"],
            tuple(row["resources"] or row["not_resources"]),
            not row["resources"],
            row["conditions"],
            variables,
        )

    def covers(self, action: str) -> bool:
        """Whether it is about an action."""
        named = any(covers_action(pattern, action) for pattern in self.actions)
        return named != self.not_actions

    def applies(self, context: RequestContext) -> conditions.Truth:
        """Whether its Condition holds: True, False, or None for unknown."""
        if not self.condition:
            return True
        asked = context.answers(self.condition_keys)
        return self._truths.once(asked, self._judge, context)

    @cached_property
    def _truths(self) -> Memo[tuple[Value, ...], conditions.Truth]:
        return Memo()

    def _judge(self, context: RequestContext) -> conditions.Truth:
        return conditions.evaluate(self.condition, context, variables=self.variables)

    @cached_property
    def tests(self) -> tuple[conditions.KeyTest, ...]:
        """The tests of its Condition."""
        return tuple(conditions.key_tests(self.condition))

    @property
    def name(self) -> str:
        """What sentences and tables call it."""
        return statement_name(self.sid, self.number)

    @cached_property
    def condition_keys(self) -> tuple[str, ...]:
        """Condition keys, in lower case, that its Condition depends on."""
        return tuple(sorted(conditions.keys(self.condition)))

    @cached_property
    def resource_keys(self) -> tuple[str, ...]:
        """Condition keys, in lower case, that its Resource or NotResource takes variables from."""
        if not self.variables:
            return ()
        return tuple(sorted(set().union(*map(variable_keys, self.resources))))


DOUBT: Final = "iamkit:not-in-the-evidence"  # a key of no request: no value of it settles anything


def _statements(policy: Policy) -> list[Statement]:
    """
    A policy's statements, less those that cannot be read as one.

    A policy that is not in the evidence is one statement that may allow anything: it errs towards
    allowed in `possible` and towards denied elsewhere. So is each that cannot be read, beside those
    that can.
    """
    document = policy.document
    if document is None:
        return [_doubt(policy.name, 1)]
    variables = document.get("Version") == VERSION
    return [
        _doubt(policy.name, row["number"])
        if row["problem"]
        else Statement.of(policy.name, row, variables=variables)
        for row in statement_rows(document)
        if row["problem"]
        or ((row["actions"] or row["not_actions"]) and (row["resources"] or row["not_resources"]))
    ]


def _doubt(policy: str, number: int) -> Statement:
    """A statement of which nobody knows what it says: it may allow anything."""
    doubt = {"StringLike": {DOUBT: "*"}}
    return Statement(
        policy, number, None, True, ("*",), False, ("*",), False, doubt, variables=False
    )


def statement_name(sid: Any, number: int) -> str:
    """
    The name of a statement in sentences and tables: by its Sid, or by its position from 1.

    A Sid that is no text, such as the missing value of a table, counts as none.

    >>> statement_name("DenyAll", 2), statement_name(None, 2)
    ('statement “DenyAll”', 'statement 2')
    """
    return f"statement “{sid}”" if isinstance(sid, str) and sid else f"statement {number}"


def widest(text: str) -> Pattern:
    """Return a pattern that matches all that `text` may match, whatever its variables are."""
    return Pattern(_VARIABLE.sub("*", text))
