"""
On which users, groups, roles and policies of an account a caller may use an action.

`decisions` answers for one resource, `evaluation` for all actions at once. Escalation asks a third
question: one action, all resources of a kind. A set of resources is an int, bit n for the n-th
of its kind, so that sets are joined, cut and compared as fast as numbers, and equal sets are equal
keys. One bit more, the last, stands for a resource of that kind that might be there one day: it
tells "may, but nothing is there" from "may not".

What is known of each resource counts: its tags, its permissions boundary, its account. Every answer
comes twice: `sure`, where the caller certainly may, and `perhaps`, where an unknown condition key
decides at most. `sure` errs towards denied, `perhaps` towards allowed.

Source: IAM User Guide, "Policy evaluation logic"; Service Authorization Reference, "Actions,
resources, and condition keys for AWS Identity and Access Management (IAM)".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from iamkit.access import BOUNDARY, KINDS, NOWHERE, Principals, Resources, ResourceSet, joined
from iamkit.policy import (
    ABSENT,
    UNKNOWN,
    Mark,
    Pattern,
    Policy,
    PolicyLayers,
    RequestContext,
    Statement,
    Truth,
    conditions,
    resolve,
    widest,
)

_TAGS: Final = ("aws:resourcetag/", "iam:resourcetag/")
_NOBODY: Final = RequestContext({})


class Use(NamedTuple):
    """Where an action is allowed, and where nothing but the caller's own policies is missing."""

    allowed: ResourceSet
    unhindered: ResourceSet


class AllowedResources:
    """Answers for one account; everything costly is done once per distinct content."""

    def __init__(self, callers: Principals, actions: Iterable[str]) -> None:
        self.callers = callers
        self.actions = tuple(dict.fromkeys(actions))
        self.kinds = {name: self._kind(name) for name in KINDS}
        self._said: dict[str, Said] = {}
        self._places: dict[Any, ResourceSet] = {}
        self._truths: dict[Any, Truth] = {}
        self._groups: dict[Any, list[tuple[RequestContext, int]]] = {}
        self._tested: dict[Any, frozenset[str]] = {}
        self._uses: dict[Any, Use] = {}

    def _kind(self, name: str) -> Resources:
        account = self.callers.account
        if name == "policy":
            own = account.policies[account.policies["kind"].eq("customer")]
            arns = own["policy_arn"].tolist()
            known: list[dict[str, Any]] = [{} for _ in arns]
        else:
            people = account.principals[account.principals["kind"].eq(name)]
            # What a role of AWS's own may do is AWS's affair; of a user whom only the credential
            # report knows, nobody can tell what it may do.
            linked = account.roles.loc[account.roles["service_linked"], "role_arn"]
            unseen = account.users["evidence"].eq("credential report only")
            aside = {*linked, *account.users.loc[unseen, "user_arn"]}
            seen = people["principal_arn"].notna() & ~people["principal_arn"].isin(aside)
            people = people[seen]
            arns = people["principal_arn"].tolist()
            known = [
                _tags(tags) | {BOUNDARY: boundary if isinstance(boundary, str) else ABSENT}
                for tags, boundary in zip(people["tags"], people["boundary_arn"], strict=True)
            ]
        pattern = f"arn:{account.partition}:iam::{account.account_id}:{name}/*"
        return Resources(Pattern(pattern), tuple(arns), tuple(known))

    def said(self, policies: Sequence[Policy]) -> tuple[Said, ...]:
        """What policies say of the actions that matter; equal content is the same object."""
        found = []
        for policy in policies:
            if policy.content not in self._said:
                self._said[policy.content] = Said(policy, self.actions)
            if (said := self._said[policy.content]).statements:
                found.append(said)
        return tuple(found)

    def layers(self, layers: PolicyLayers) -> Layered:
        """What limits a principal, as far as it is about the actions that matter."""
        bound = None if layers.boundary is None else self.said(layers.boundary)
        return (self.said(layers.identity), bound, *map(self.said, layers.scps))

    def use(
        self,
        layers: Layered,
        context: RequestContext,
        action: str,
        kind: str,
        about: RequestContext | None = None,
    ) -> Use:
        """
        Where a caller may use an action.

        `layers` are what the method of that name returns; `about` has condition keys of the call
        itself, such as iam:PassedToService.
        """
        tested = self._keys(layers, action)
        plain = about is None or tested.isdisjoint(about.values)
        called = context if plain or about is None else context.joined(about)
        same = (layers, action, kind, called.answers(tested))
        if same not in self._uses:
            self._uses[same] = self._use(layers, called, action, kind)
        return self._uses[same]

    def allowing(
        self, layers: Layered, context: RequestContext, action: str, kind: str, where: int
    ) -> tuple[Said, Statement] | None:
        """
        The first statement of the caller's own policies that surely allows an action, and whose.

        `where` is a set of resources, one of which it has to be about; -1: no matter which.
        """
        for said in layers[0] or ():
            for each in said.about(action):
                if not each.statement.allows:
                    continue
                if (
                    self._truth(each.statement, context)
                    if where < 0
                    else (self._where(each, context, kind).certain & where)
                ):
                    return said, each.statement
        return None

    def granted(self, said: Said, context: RequestContext, action: str, kind: str) -> int:
        """Where one policy surely allows an action, whatever others deny."""
        allows = (each for each in said.about(action) if each.statement.allows)
        return joined(self._where(each, context, kind).certain for each in allows)

    def _keys(self, layers: Layered, action: str) -> frozenset[str]:
        """Condition keys, in lower case, on which an answer depends."""
        if (layers, action) not in self._tested:
            asked = (
                each for layer in layers for said in layer or () for each in said.about(action)
            )
            self._tested[layers, action] = frozenset().union(*(each.keys for each in asked))
        return self._tested[layers, action]

    def _use(self, layers: Layered, context: RequestContext, action: str, kind: str) -> Use:
        every = self.kinds[kind].every
        identity, bounded, denied = NOWHERE, ResourceSet(every, every), NOWHERE
        for number, layer in enumerate(layers):
            if layer is None:
                continue
            allowed = NOWHERE
            for each in (each for said in layer for each in said.about(action)):
                where = self._where(each, context, kind)
                if each.statement.allows:
                    allowed |= where
                else:
                    denied |= where
            if number:
                bounded &= allowed
            else:
                identity = allowed
        left = ResourceSet(every & ~denied.possible, every & ~denied.certain)
        return Use(identity & bounded & left, bounded & left)

    def _where(self, each: Asked, context: RequestContext, kind: str) -> ResourceSet:
        """Where a statement applies: its resources, cut by its condition."""
        place = self._place(each.statement, context, kind)
        if not each.statement.condition:
            return place
        if not each.of_resource:
            return _cut(place, self._truth(each.statement, context))
        found = NOWHERE
        for known, which in self._alike(kind, each.of_resource):
            truth = self._truth(each.statement, context.joined(known))
            found |= _cut(ResourceSet(place.certain & which, place.possible & which), truth)
        return found

    def _truth(self, statement: Statement, context: RequestContext) -> Truth:
        asked = (statement, context.answers(statement.condition_keys))
        if asked not in self._truths:
            self._truths[asked] = conditions.evaluate(
                statement.condition, context, variables=statement.variables
            )
        return self._truths[asked]

    def _alike(self, kind: str, keys: tuple[str, ...]) -> list[tuple[RequestContext, int]]:
        """Resources by what they answer to condition keys about them."""
        if (kind, keys) not in self._groups:
            own = {"aws:resourceaccount": self.callers.account.account_id}
            groups: dict[RequestContext, int] = {}
            resources = self.kinds[kind]
            for at, known in enumerate(resources.known):
                values = {key: known.get(key, own.get(key, _unsaid(kind, key))) for key in keys}
                answer = RequestContext(values, UNKNOWN)
                groups[answer] = groups.get(answer, 0) | 1 << at
            unborn = RequestContext({key: own[key] for key in keys if key in own}, UNKNOWN)
            groups[unborn] = groups.get(unborn, 0) | resources.unborn
            self._groups[kind, keys] = list(groups.items())
        return self._groups[kind, keys]

    def _place(self, statement: Statement, context: RequestContext, kind: str) -> ResourceSet:
        """The resources that a statement is about."""
        asked = (statement, kind, context.answers(statement.resource_keys))
        if asked not in self._places:
            every = self.kinds[kind].every
            who = context if statement.resource_keys else _NOBODY  # cheaper to look up
            sure = perhaps = 0
            for text in statement.resources:
                pattern = resolve(text, who, variables=statement.variables)
                if pattern is UNKNOWN:
                    perhaps |= self._matching(widest(text), kind, narrow=False)
                elif isinstance(pattern, Pattern):
                    # An allow is about the unborn one if it may be, a denial if it has to be.
                    narrow = statement.allows == statement.not_resources
                    sure |= self._matching(pattern, kind, narrow=narrow)
            perhaps |= sure
            if statement.not_resources:
                sure, perhaps = every & ~perhaps, every & ~sure
            self._places[asked] = ResourceSet(sure, perhaps)
        return self._places[asked]

    def _matching(self, pattern: Pattern, kind: str, *, narrow: bool) -> int:
        resources = self.kinds[kind]
        if pattern.everything:
            return resources.every
        plain = pattern.plain
        if plain is not None and plain in resources.number:
            return 1 << resources.number[plain]
        only = resources.only(pattern)
        if only is not None:
            return resources.of([only]) if pattern.matches(only) else 0
        if pattern.covers(resources.pattern):
            return resources.every
        if not pattern.overlaps(resources.pattern):
            return 0
        found = 0
        if plain is None:
            found = resources.matching(pattern)
        return found if narrow else found | resources.unborn


class Asked:
    """A statement, and the condition keys it depends on."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.keys = frozenset((*statement.condition_keys, *statement.resource_keys))
        self.of_resource = tuple(key for key in statement.condition_keys if _of_resource(key))


class Said:
    """What one policy says of the actions that matter."""

    def __init__(self, policy: Policy, actions: tuple[str, ...]) -> None:
        self.policy = policy
        self._about: dict[str, list[Asked]] = {}
        self.statements = []
        for each in policy.statements:
            asked = Asked(each)
            if covered := _covered(each.actions, each.not_actions, actions):
                self.statements.append(asked)
            for action in covered:
                self._about.setdefault(action, []).append(asked)
        self.keys = frozenset().union(*(each.keys for each in self.statements))

    def about(self, action: str) -> Sequence[Asked]:
        """Its statements that are about one action."""
        return self._about.get(action, ())


Layered = tuple[tuple[Said, ...] | None, ...]


@lru_cache(maxsize=65536)
def _covered(
    patterns: tuple[str, ...], excluded: bool, actions: tuple[str, ...]
) -> tuple[str, ...]:
    """Which actions a statement is about."""
    named = frozenset().union(*(_matched(text.lower(), actions) for text in patterns))
    return tuple(action for action in actions if (action in named) != excluded)


@lru_cache(maxsize=65536)
def _matched(text: str, actions: tuple[str, ...]) -> frozenset[str]:
    """The actions that a pattern in lower case is about: none if it is no pattern of actions."""
    pattern = resolve(text, _NOBODY, variables=False)
    if not isinstance(pattern, Pattern) or (":" not in text and text != "*"):
        return frozenset()
    return frozenset(action for action in actions if pattern.matches(action.lower()))


def _cut(place: ResourceSet, truth: Truth) -> ResourceSet:
    if truth is False:
        return NOWHERE
    return place if truth else ResourceSet(0, place.possible)


def _unsaid(kind: str, key: str) -> Mark:
    """What a key is that the evidence does not mention: it has the tags of all but policies."""
    return UNKNOWN if kind == "policy" and key.startswith(_TAGS) else ABSENT


def _of_resource(key: str) -> bool:
    return key.startswith(_TAGS) or key in (BOUNDARY, "aws:resourceaccount")


def _tags(tags: Any) -> dict[str, Any]:
    """A resource's tags as condition keys, under both names they have."""
    given = tags if isinstance(tags, dict) else {}
    return {f"{prefix}{key.lower()}": value for prefix in _TAGS for key, value in given.items()}
