"""
Callers' policies without the callers' own names, so that many callers share an answer.

A thousand users may each change their own user, by `${aws:username}` or by their ARN. Their
policies differ in nothing else, so here `CALLER` replaces the caller's name in a statement, and
policies that are then equal are one object. A set of users or roles has a bit more for the caller,
beyond that of the future one: see `SharedResources.caller`. The bit that a caller has among all
others is as if it were somebody else's, and to be left out afterwards.

Texts that are about no user, role, group, policy or provider are left out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, NamedTuple

from iamkit.access import ResourceSet
from iamkit.escalation.allowed_resources import (
    AllowedResources,
    RelevantLayers,
    RelevantPolicy,
    RelevantStatement,
    covered_by,
)
from iamkit.memory import Memo
from iamkit.policy import (
    UNKNOWN,
    Pattern,
    Policy,
    PolicyLayers,
    RequestContext,
    Statement,
    resolve,
    variable_keys,
    widest,
)

# In a statement's Resource, with its kind: whoever asks, and perhaps whoever asks.
CALLER: Final = "iamkit:caller "
PERHAPS_CALLER: Final = "iamkit:perhaps-caller "
# What ends in the caller's name, which nothing else has: with its kind and a name of nobody.
BY_NAME: Final = "iamkit:by-name "

_NAME: Final = "aws:username"
_USERNAME: Final = re.compile(r"\$\{aws:username\}", re.IGNORECASE)
_ENDS: Final = re.compile(r"/\$\{aws:username\}$", re.IGNORECASE)
_NOBODYS_NAME: Final = "iamkit-nobody"

_ANYBODY: Final = RequestContext({}, UNKNOWN)


class SharedStatement(RelevantStatement):
    """A statement about `CALLER`, and what its condition asks of the caller as a resource."""

    def __init__(self, statement: Statement, own: RequestContext) -> None:
        super().__init__(statement)
        self.own = own


class Who(NamedTuple):
    """A caller as far as policies name it."""

    arn: str
    kind: str
    context: RequestContext  # what is known of it, whatever it asks

    @property
    def path(self) -> str:
        """The ARN without the name."""
        return self.arn.rpartition("/")[0]


class _Read(NamedTuple):
    """A policy's statements about the actions that matter, without what is about nothing here."""

    statements: tuple[Statement, ...]
    texts: tuple[Any, ...]  # for each statement all it says but its resources, if callers differ
    same: RelevantPolicy | None  # what it is to every caller, if to all the same
    by_name: bool  # of what differs for callers, all is named by `aws:username` at its end


class _Naming(NamedTuple):
    """How a statement's resources name some users or roles, not all of them."""

    plain: frozenset[str]
    patterns: tuple[Pattern, ...]
    variables: bool  # some name whoever asks


class SharedResources(AllowedResources):
    """Answers for policies of which callers share what does not depend on who they are."""

    def __init__(self, whole: AllowedResources, actions: Sequence[str]) -> None:
        super().__init__(whole.principals, actions, whole.resources)
        self.matched = whole.matched  # what patterns match does not depend on the caller
        self._policies: Memo[Policy, _Read] = Memo()
        self._contents: Memo[str, _Read] = Memo()
        self._fitted: Memo[Any, RelevantPolicy] = Memo()
        self._by_name: Memo[Any, RelevantPolicy | None] = Memo()
        self._naming: Memo[Statement, _Naming] = Memo()
        self._narrow: Memo[tuple[RelevantPolicy, tuple[str, ...]], RelevantPolicy | None] = Memo()
        self._about_nothing: Memo[tuple[str, bool], bool] = Memo()
        self._specific: Memo[tuple[str, bool], bool] = Memo()

    def caller(self, kind: str) -> int:
        """The set of users or roles that is the caller."""
        return self.resources[kind].future << 1

    def every(self, kind: str) -> int:
        """The set of all resources of a kind, the caller included."""
        every = super().every(kind)
        return every | self.caller(kind) if kind in ("user", "role") else every

    def layers_for(self, layers: PolicyLayers, who: Who) -> RelevantLayers:
        """A caller's layers of policies, shared with callers to whom they say the same."""
        boundary = None if layers.boundary is None else self._for(layers.boundary, who)
        return (
            self._for(layers.identity, who),
            boundary,
            *(self._for(level, who) for level in layers.scps),
        )

    def _for(self, policies: Sequence[Policy], who: Who) -> tuple[RelevantPolicy, ...]:
        found = []
        for policy in policies:
            read = self._policies.once(policy, self._once_per_content, policy)
            if not read.statements:
                continue
            if read.same:
                each: RelevantPolicy | None = read.same
            elif read.by_name and self._alone_has_name(who):
                key = (policy.content, who.kind, who.path)
                each = self._by_name.once(key, self._fit, read, policy, who)
            else:
                each = self._fit(read, policy, who)
            if each is not None:
                found.append(each)
        return tuple(found)

    def narrowed(self, layers: RelevantLayers, actions: tuple[str, ...]) -> RelevantLayers:
        """Layers as far as they are about some of the actions."""
        return tuple(
            layer
            if layer is None
            else tuple(
                found
                for each in layer
                if (found := self._narrow.once((each, actions), each.only, actions)) is not None
            )
            for layer in layers
        )

    # --- as every caller has it

    def _once_per_content(self, policy: Policy) -> _Read:
        return self._contents.once(policy.content, self._read_policy, policy)

    def _read_policy(self, policy: Policy) -> _Read:
        statements = tuple(self._about_something(policy))
        asked = [RelevantStatement(each) for each in statements]
        specific = [
            text for each in statements for text in each.resources if self._specific_in(text, each)
        ]
        alike = not any(each.keys_of_resource for each in asked)
        same = RelevantPolicy(policy, asked, self.actions) if alike and not specific else None
        by_name = alike and all(
            variable_keys(text) == {_NAME} and _ENDS.search(text) for text in specific
        )
        texts = tuple(
            (
                *(each.allows, each.actions, each.not_actions, each.not_resources),
                *(json.dumps(each.condition, sort_keys=True), each.variables),
            )
            for each in (() if same else statements)
        )
        return _Read(statements, texts, same, by_name)

    def _about_something(self, policy: Policy) -> Iterator[Statement]:
        for each in policy.statements:
            if not covered_by(each.actions, each.not_actions, self.actions):
                continue
            texts = [t for t in each.resources if not self._names_nothing(t, each.variables)]
            if len(texts) == len(each.resources):
                yield each
            elif texts or each.not_resources:
                yield replace(each, resources=tuple(texts))

    def _names_nothing(self, text: str, variables: bool) -> bool:
        key = (text, variables)
        return self._about_nothing.once(key, self._find_names_nothing, *key)

    def _find_names_nothing(self, text: str, variables: bool) -> bool:
        pattern = _widest(text, variables)
        kinds = self.resources
        return not any(self.matching(pattern, kind, with_future=True) for kind in kinds)

    def _specific_in(self, text: str, statement: Statement) -> bool:
        key = (text, statement.variables)
        return self._specific.once(key, self._is_specific, text, statement)

    def _is_specific(self, text: str, statement: Statement) -> bool:
        """Whether some users or roles are named, not all of them."""
        pattern = _widest(text, statement.variables)
        varies = _varies(text, statement.variables)
        patterns = [self.resources[kind].pattern for kind in ("user", "role")]
        return any(
            pattern.overlaps(each) and (varies or not pattern.covers(each)) for each in patterns
        )

    # --- as one caller has it

    def _fit(self, read: _Read, policy: Policy, who: Who) -> RelevantPolicy | None:
        """A policy in which the caller's own name is `CALLER`."""
        made = [
            (text, each, self._resources_for(each, who), self._of_caller(each, who))
            for text, each in zip(read.texts, read.statements, strict=True)
        ]
        kept = [part for part in made if part[2] or part[1].not_resources]
        key = tuple((text, resources, own) for text, _, resources, own in kept)
        return self._fitted.once(key, self._make, policy, kept) if kept else None

    def _make(self, policy: Policy, kept: list[Any]) -> RelevantPolicy:
        statements = (
            SharedStatement(replace(each, resources=resources), own)
            for _, each, resources, own in kept
        )
        return RelevantPolicy(policy, statements, self.actions)

    def _of_caller(self, statement: Statement, who: Who) -> RequestContext:
        """What a condition of a statement asks of the resource, as the caller has it."""
        keys = RelevantStatement(statement).keys_of_resource
        resources = self.resources.get(who.kind)
        if not keys or resources is None or who.arn not in resources.number:
            return _ANYBODY
        return self.known_of(who.kind, resources.number[who.arn], keys)

    def _resources_for(self, statement: Statement, who: Who) -> tuple[str, ...]:
        """The texts of a statement's resources, the caller's own name as `CALLER`."""
        if who.kind == "group" or who.arn not in self.resources[who.kind].number:
            return statement.resources
        named = self._naming.once(statement, self._find_naming, statement)
        if (
            named.variables
            or who.arn in named.plain
            or any(each.matches(who.arn) for each in named.patterns)
        ):
            return tuple(self._named_by(statement, who))
        return statement.resources

    def _find_naming(self, statement: Statement) -> _Naming:
        specific = [each for each in statement.resources if self._specific_in(each, statement)]
        varying = any(_varies(each, statement.variables) for each in specific)
        found = [resolve(each, _ANYBODY, variables=statement.variables) for each in specific]
        patterns = [each for each in found if isinstance(each, Pattern)]
        plain = frozenset(each.plain for each in patterns if each.plain is not None)
        return _Naming(plain, tuple(each for each in patterns if each.plain is None), varying)

    def _named_by(self, statement: Statement, who: Who) -> Iterator[str]:
        """The same for a statement that may name the caller."""
        for text in statement.resources:
            if not self._specific_in(text, statement):
                yield text
                continue
            pattern = resolve(text, who.context, variables=statement.variables)
            if pattern is UNKNOWN:
                yield text
                if self._matches(widest(text), who):
                    yield PERHAPS_CALLER + who.kind
            elif isinstance(pattern, Pattern):
                if pattern.plain == who.arn:
                    yield CALLER + who.kind
                elif self._only_by_name(text, pattern, who):
                    yield f"{BY_NAME}{who.kind} {_USERNAME.sub(_NOBODYS_NAME, text)}"
                    if pattern.matches(who.arn):
                        yield CALLER + who.kind
                else:
                    yield text
                    if self._matches(pattern, who):
                        yield CALLER + who.kind

    def _matches(self, pattern: Pattern, who: Who) -> bool:
        """Whether a pattern that does not cover all of the caller's kind matches the caller."""
        kind = self.resources[who.kind]
        whole = pattern.everything or pattern.covers(kind.pattern)
        return not whole and pattern.matches(who.arn)

    def _alone_has_name(self, who: Who) -> bool:
        """Whether nothing else has a caller's name, or its name does not matter."""
        return who.kind != "user" or self._names[who.arn.rpartition("/")[2].lower()] == 1

    @cached_property
    def _names(self) -> Counter[str]:
        """How many users, roles, groups and so on have each name, in lower case."""
        arns = (arn for each in self.resources.values() for arn in each.arns)
        return Counter(arn.rpartition("/")[2].lower() for arn in arns)

    def _only_by_name(self, text: str, pattern: Pattern, who: Who) -> bool:
        """Whether a text ends in the caller's name, as a variable, and nothing else has it."""
        if variable_keys(text) != {_NAME}:
            return False
        named = {kind: each.named_by(pattern) for kind, each in self.resources.items()}
        return named.pop(who.kind) == who.arn and not any(named.values())

    # --- where statements apply

    def _matched_by(self, statement: Statement, who: RequestContext, kind: str) -> ResourceSet:
        certain = possible = False
        named = []
        for text in statement.resources:
            of_kind, _, written = text.removeprefix(BY_NAME).partition(" ")
            if text.startswith(BY_NAME):  # of its kind the caller alone has the name
                named += [written] if of_kind != kind else []
            elif text.startswith((CALLER, PERHAPS_CALLER)):
                certain |= text == CALLER + kind
                possible |= text in (CALLER + kind, PERHAPS_CALLER + kind)
            else:
                named.append(text)
        if tuple(named) == statement.resources:
            return super()._matched_by(statement, who, kind)
        found = super()._matched_by(replace(statement, resources=tuple(named)), who, kind)
        own = self.caller(kind) if kind in ("user", "role") else 0
        surely, perhaps = own if certain else 0, own if possible else 0
        if statement.not_resources:
            return ResourceSet(found.certain & ~perhaps, found.possible & ~surely)
        return found | ResourceSet(surely, perhaps)

    def _by_known(self, each: RelevantStatement, kind: str) -> list[tuple[RequestContext, int]]:
        found = super()._by_known(each, kind)
        if isinstance(each, SharedStatement) and kind in ("user", "role"):
            return [*found, (each.own, self.caller(kind))]
        return found


def _varies(text: str, variables: bool) -> bool:
    """Whether a text has policy variables."""
    return variables and bool(variable_keys(text))


def _widest(text: str, variables: bool) -> Pattern:
    """A pattern that matches all that a text may match."""
    pattern = resolve(text, _ANYBODY, variables=variables)
    return pattern if isinstance(pattern, Pattern) else widest(text)
