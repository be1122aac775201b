"""
On which users, groups, roles and policies of an account a caller may use an action.

`policy.decision` answers for one resource, `policy.evaluation` for all actions at once. Escalation
asks a third question: one action, all resources of a kind. A set of resources is an int; see
`access.resource_sets`. The bit of a resource that may be created later tells "allowed, but there is
no such resource" from "not allowed".

All that is known of each resource counts: its tags, its permissions boundary, its account. Every
answer comes twice: `certain` errs towards denied, `possible` towards allowed, where a condition key
is not known.

Source: IAM User Guide, "Policy evaluation logic"; Service Authorization Reference, "Actions,
resources, and condition keys for AWS Identity and Access Management (IAM)".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from iamkit.access import BOUNDARY, KINDS, NOWHERE, Principals, Resources, ResourceSet, union
from iamkit.escalation.saml_providers import KIND as SAML_PROVIDER
from iamkit.escalation.saml_providers import saml_providers
from iamkit.memory import Memo
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
    choices,
    resolve,
    widest,
)
from iamkit.reference import covered_actions
from iamkit.tables import REPORT_ONLY, service_linked_arns

# In a context: tags, as tag=value, that every resource has in the place of its own.
RETAGGED: Final = "iamkit:retagged"

_TAGS: Final = ("aws:resourcetag/", "iam:resourcetag/")
_EMPTY: Final = RequestContext({})


class Allowance(NamedTuple):
    """
    Where an action is allowed, and where it would be if the caller's own policies granted it.

    `if_named` is where it would be if a trust policy granted it to the ARN of an IAM user: a
    permissions boundary limits that by what it denies, not by what it leaves out.
    """

    allowed: ResourceSet
    if_granted: ResourceSet
    if_named: ResourceSet


class AllowedResources:
    """Answers for one account; everything costly is done once per distinct content."""

    def __init__(
        self,
        principals: Principals,
        actions: Iterable[str],
        resources: Mapping[str, Resources] | None = None,
    ) -> None:
        self.principals = principals
        self.actions = tuple(dict.fromkeys(actions))
        self.resources = resources or {
            **{kind: self._resources(kind) for kind in KINDS},
            SAML_PROVIDER: saml_providers(principals.account),
        }
        self._relevant: Memo[str, RelevantPolicy] = Memo()
        self._keys: Memo[tuple[RelevantLayers, str], frozenset[str]] = Memo()
        self._allowances: Memo[Any, Allowance] = Memo()
        self._named: Memo[Any, ResourceSet] = Memo()
        self.matched: Memo[tuple[str, str], int] = Memo()
        self._alike: Memo[tuple[str, tuple[str, ...]], list[tuple[RequestContext, int]]] = Memo()

    def _resources(self, kind: str) -> Resources:
        account = self.principals.account
        if kind == "policy":
            own = account.policies[account.policies["kind"].eq("customer")]
            arns = own["policy_arn"].tolist()
            known: list[dict[str, Any]] = [{} for _ in arns]
        else:
            rows = account.principals[account.principals["kind"].eq(kind)]
            # AWS decides what a service-linked role may do; of a user whom only the credential
            # report knows, the policies are not in the evidence.
            linked = service_linked_arns(account.roles)
            unseen = account.users["evidence"].eq(REPORT_ONLY)
            excluded = {*linked, *account.users.loc[unseen, "user_arn"]}
            rows = rows[rows["principal_arn"].notna() & ~rows["principal_arn"].isin(excluded)]
            arns = rows["principal_arn"].tolist()
            known = [
                _tag_keys(tags) | {BOUNDARY: boundary if isinstance(boundary, str) else ABSENT}
                for tags, boundary in zip(rows["tags"], rows["boundary_arn"], strict=True)
            ]
        pattern = f"arn:{account.partition}:iam::{account.account_id}:{kind}/*"
        return Resources(Pattern(pattern), tuple(arns), tuple(known))

    def every(self, kind: str) -> int:
        """The set of all resources of a kind that an answer may hold."""
        return self.resources[kind].every

    def relevant(self, policies: Sequence[Policy]) -> tuple[RelevantPolicy, ...]:
        """Policies with a statement about the actions that matter; equal content, one object."""
        found = []
        for policy in policies:
            each = self._relevant.once(policy.content, self._read, policy)
            if each.statements:
                found.append(each)
        return tuple(found)

    def _read(self, policy: Policy) -> RelevantPolicy:
        about = (
            RelevantStatement(each)
            for each in policy.statements
            if covered_by(each.actions, each.not_actions, self.actions)
        )
        return RelevantPolicy(policy, about, self.actions)

    def relevant_layers(self, layers: PolicyLayers) -> RelevantLayers:
        """A principal's layers of policies, as far as they are about the actions that matter."""
        boundary = None if layers.boundary is None else self.relevant(layers.boundary)
        return (self.relevant(layers.identity), boundary, *map(self.relevant, layers.scps))

    def allowance(
        self,
        layers: RelevantLayers,
        context: RequestContext,
        action: str,
        kind: str,
        call: RequestContext | None = None,
    ) -> Allowance:
        """
        Where a caller may use an action, among the resources of a kind.

        `layers` are what `relevant_layers` returns; `call` has condition keys of the call itself,
        such as iam:PassedToService.
        """
        tested = self.tested_keys(layers, action)
        if call is not None and not tested.isdisjoint(call.values):
            context = context.joined(call)
        key = (layers, action, kind, context.get(RETAGGED), context.answers(tested))
        return self._allowances.once(key, self._best_allowance, layers, context, action, kind)

    def choices(
        self, layers: RelevantLayers, context: RequestContext, action: str
    ) -> list[RequestContext]:
        """What a caller may choose in a call, each to be joined to the context; empty: nothing."""
        if not any(map(choices.is_chosen, self.tested_keys(layers, action))):
            return []
        return choices.choices(self.statements(layers, action), context, action)

    def tested_keys(self, layers: RelevantLayers, action: str) -> frozenset[str]:
        """Condition keys, in lower case, on which it depends where an action is allowed."""
        return self._keys.once((layers, action), _tested_keys, layers, action)

    def statements(self, layers: RelevantLayers, action: str) -> list[Statement]:
        """The statements of all layers that are about one action."""
        return [
            each.statement
            for layer in layers
            for policy in layer or ()
            for each in policy.about(action)
        ]

    def _best_allowance(
        self, layers: RelevantLayers, context: RequestContext, action: str, kind: str
    ) -> Allowance:
        """Where an action is allowed, certainly so where one of the caller's choices makes it."""
        found = self._allowance(layers, context, action, kind)
        for chosen in self.choices(layers, context, action):
            better = self._allowance(layers, context.joined(chosen), action, kind)
            pairs = zip(found, better, strict=True)
            found = Allowance(
                *(ResourceSet(old.certain | new.certain, old.possible) for old, new in pairs)
            )
        return found

    def about(self, policy: Policy, action: str) -> Sequence[RelevantStatement]:
        """The statements of one policy that are about an action."""
        return self._relevant.once(policy.content, self._read, policy).about(action)

    def allows(
        self, each: RelevantStatement, context: RequestContext, kind: str, where: int = -1
    ) -> bool:
        """
        Whether a statement certainly allows what it is about.

        `where` is a set of resources, one of which it has to be about; -1: any resource at all.
        """
        if not each.statement.allows:
            return False
        if where < 0:
            return bool(each.statement.applies(context))
        return bool(self._applies_to(each, context, kind).certain & where)

    def granted_by(
        self, policy: RelevantPolicy, context: RequestContext, action: str, kind: str
    ) -> int:
        """Where one policy certainly allows an action, whatever others deny."""
        allows = (each for each in policy.about(action) if each.statement.allows)
        return union(self._applies_to(each, context, kind).certain for each in allows)

    def _allowance(
        self, layers: RelevantLayers, context: RequestContext, action: str, kind: str
    ) -> Allowance:
        every = self.every(kind)
        identity, bounded, controlled = (
            NOWHERE,
            ResourceSet(every, every),
            ResourceSet(every, every),
        )
        denied_surely = denied = 0  # numbers, as they are joined by the million
        for number, layer in enumerate(layers):
            if layer is None:
                continue
            certain = possible = 0
            for each in (each for policy in layer for each in policy.about(action)):
                where = self._applies_to(each, context, kind)
                if each.statement.allows:
                    certain |= where.certain
                    possible |= where.possible
                else:
                    denied_surely |= where.certain
                    denied |= where.possible
            allowed = ResourceSet(certain, possible)
            if number:
                bounded &= allowed
                controlled = controlled & allowed if number > 1 else controlled
            else:
                identity = allowed
        if denied:
            not_denied = ResourceSet(every & ~denied, every & ~denied_surely)
            bounded, controlled = bounded & not_denied, controlled & not_denied
        return Allowance(identity & bounded, bounded, controlled)

    def _applies_to(
        self, each: RelevantStatement, context: RequestContext, kind: str
    ) -> ResourceSet:
        """Where a statement applies: the resources it names, if its condition holds there."""
        named = self._named_resources(each.statement, context, kind)
        if not each.statement.condition:
            return named
        if not each.keys_of_resource:
            return _where(named, each.statement.applies(context))
        found, changed = NOWHERE, _retagged(context)
        for known, which in self._by_known(each, kind):
            truth = each.statement.applies(context.joined(known).joined(changed))
            found |= _where(ResourceSet(named.certain & which, named.possible & which), truth)
        return found

    def _by_known(self, each: RelevantStatement, kind: str) -> list[tuple[RequestContext, int]]:
        """What a statement's condition asks of resources: the answers, and which have them."""
        keys = each.keys_of_resource
        return self._alike.once((kind, keys), self._group, kind, keys)

    def _group(self, kind: str, keys: tuple[str, ...]) -> list[tuple[RequestContext, int]]:
        """Sets of resources of a kind that have the same values of some condition keys."""
        resources = self.resources[kind]
        places: dict[tuple[Any, ...], list[int]] = {}
        for at in range(len(resources.arns)):
            places.setdefault(self._values_of(kind, at, keys), []).append(at)
        groups: dict[RequestContext, int] = {}
        for values, found in places.items():
            answer = RequestContext(dict(zip(keys, values, strict=True)), UNKNOWN)
            groups[answer] = groups.get(answer, 0) | union(1 << at for at in found)
        own = self._own_account
        future = RequestContext({key: own[key] for key in keys if key in own}, UNKNOWN)
        groups[future] = groups.get(future, 0) | resources.future
        return list(groups.items())

    def known_of(self, kind: str, at: int, keys: Iterable[str]) -> RequestContext:
        """The values of some condition keys that the resource in a place has."""
        asked = tuple(keys)
        values = self._values_of(kind, at, asked)
        return RequestContext(dict(zip(asked, values, strict=True)), UNKNOWN)

    def _values_of(self, kind: str, at: int, keys: tuple[str, ...]) -> tuple[Any, ...]:
        known, own = self.resources[kind].condition_keys[at], self._own_account
        return tuple([known.get(key, own.get(key, _unmentioned(kind, key))) for key in keys])

    @property
    def _own_account(self) -> dict[str, str]:
        return {"aws:resourceaccount": self.principals.account.account_id}

    def _named_resources(
        self, statement: Statement, context: RequestContext, kind: str
    ) -> ResourceSet:
        """The resources that a statement's Resource or NotResource is about."""
        key = (statement, kind, context.answers(statement.resource_keys))
        who = context if statement.resource_keys else _EMPTY  # is looked up faster
        return self._named.once(key, self._matched_by, statement, who, kind)

    def _matched_by(self, statement: Statement, who: RequestContext, kind: str) -> ResourceSet:
        certain = possible = 0
        for text in statement.resources:
            pattern = resolve(text, who, variables=statement.variables)
            if pattern is UNKNOWN:
                possible |= self.matching(widest(text), kind, with_future=True)
            elif isinstance(pattern, Pattern):
                # An Allow is about the future resource if it may be, a Deny only if it must be.
                with_future = statement.allows != statement.not_resources
                certain |= self.matching(pattern, kind, with_future=with_future)
        possible |= certain
        if statement.not_resources:
            every = self.every(kind)
            certain, possible = every & ~possible, every & ~certain
        return ResourceSet(certain, possible)

    def matching(self, pattern: Pattern, kind: str, *, with_future: bool) -> int:
        """The resources of a kind that a pattern matches; the future one where it may."""
        resources = self.resources[kind]
        if pattern.everything:
            return self.every(kind)
        plain = pattern.plain
        if plain is not None and plain in resources.number:
            return 1 << resources.number[plain]
        named = resources.named_by(pattern)
        if named is not None:
            return resources.set_of([named]) if pattern.matches(named) else 0
        begins, own = pattern.start, resources.pattern.start
        if not (begins.startswith(own) or own.startswith(begins)):
            return 0  # as most are: about something else
        if pattern.covers(resources.pattern):
            return self.every(kind)
        if not pattern.overlaps(resources.pattern):
            return 0
        found = 0
        if plain is None:
            found = self.matched.once((kind, pattern.text), resources.matching, pattern)
        return found | resources.future if with_future else found


class RelevantStatement:
    """A statement, and the condition keys that it depends on."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.keys = frozenset((*statement.condition_keys, *statement.resource_keys))
        self.keys_of_resource = tuple(filter(_is_of_resource, statement.condition_keys))


class RelevantPolicy:
    """A policy's statements about the actions that matter."""

    def __init__(
        self, policy: Policy, statements: Iterable[RelevantStatement], actions: tuple[str, ...]
    ) -> None:
        self.policy = policy
        self._about: dict[str, list[RelevantStatement]] = {}
        self.statements = []
        for each in statements:
            said = each.statement
            if covered := covered_by(said.actions, said.not_actions, actions):
                self.statements.append(each)
            for action in covered:
                self._about.setdefault(action, []).append(each)
        self.keys = frozenset().union(*(each.keys for each in self.statements))

    def only(self, actions: tuple[str, ...]) -> RelevantPolicy | None:
        """The part of it that is about some of the actions; None: nothing."""
        if not any(each in self._about for each in actions):
            return None
        made = RelevantPolicy(self.policy, self.statements, actions)
        return self if len(made.statements) == len(self.statements) else made

    def about(self, action: str) -> Sequence[RelevantStatement]:
        """Its statements that are about one action."""
        return self._about.get(action, ())


# The relevant policies of the identity, of its boundary (None: it has none) and of each SCP level.
RelevantLayers = tuple[tuple[RelevantPolicy, ...] | None, ...]


@lru_cache(maxsize=65536)
def covered_by(
    patterns: tuple[str, ...], excluded: bool, actions: tuple[str, ...]
) -> tuple[str, ...]:
    """Which actions a statement is about."""
    named = frozenset().union(*(_named(text.lower(), actions) for text in patterns))
    return tuple(action for action in actions if (action in named) != excluded)


@lru_cache(maxsize=65536)
def _named(text: str, actions: tuple[str, ...]) -> frozenset[str]:
    """The actions that a pattern in lower case is about."""
    return covered_actions(text, actions)


def _tested_keys(layers: RelevantLayers, action: str) -> frozenset[str]:
    """Condition keys, in lower case, on which it depends where an action is allowed."""
    statements = (
        each for layer in layers for policy in layer or () for each in policy.about(action)
    )
    return frozenset().union(*(each.keys for each in statements))


def _where(named: ResourceSet, truth: Truth) -> ResourceSet:
    """The named resources if a condition holds; only possible ones if nobody can tell."""
    if truth is False:
        return NOWHERE
    return named if truth else ResourceSet(0, named.possible)


def _unmentioned(kind: str, key: str) -> Mark:
    """The value of a key that is not mentioned: the evidence has the tags of identities only."""
    return UNKNOWN if kind in ("policy", SAML_PROVIDER) and key.startswith(_TAGS) else ABSENT


@lru_cache(maxsize=1024)
def _retagged_keys(tags: Any) -> RequestContext:
    given = (text.partition("=") for text in (tags if isinstance(tags, tuple) else ()))
    return RequestContext(_tag_keys({key: value for key, _, value in given}), UNKNOWN)


def _retagged(context: RequestContext) -> RequestContext:
    """The tags that resources have in the place of their own, as condition keys."""
    return _retagged_keys(context.get(RETAGGED))


def _is_of_resource(key: str) -> bool:
    return key.startswith(_TAGS) or key in (BOUNDARY, "aws:resourceaccount")


def _tag_keys(tags: Any) -> dict[str, Any]:
    """A resource's tags as condition keys, under both names they have."""
    given = tags if isinstance(tags, dict) else {}
    return {f"{prefix}{key.lower()}": value for prefix in _TAGS for key, value in given.items()}
