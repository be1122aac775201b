"""
What a caller may do once a tag is changed: its own, a role's, or one that it gives a session.

An identity that may set a tag can meet policies that test aws:PrincipalTag. For each caller and
method, every class of values that the acting identity's policies distinguish is tried, as far as
the call that sets it is allowed: sts:TagSession has to be allowed by the trust policy too, and a
session's tag overrides the role's own.

Errs towards silence: a tag that only one statement's variable names is tried with the values that
identities of the account have, and past `choices.MOST` combinations a tag keeps its value.

Source: IAM User Guide, "Pass session tags in AWS STS" and "Controlling access to and for IAM users
and roles using tags".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import product
from typing import Any, Final, NamedTuple

from iamkit.access import NOWHERE, Credential, ResourceSet, context_of, contexts, members
from iamkit.escalation.allowed_resources import RETAGGED
from iamkit.escalation.assuming import Assuming
from iamkit.escalation.callers import Caller, Callers
from iamkit.escalation.targets import SESSION_TAGS, EscalationPath
from iamkit.memory import Memo
from iamkit.policy import ABSENT, PRINCIPAL_TAG, UNKNOWN, Policy, RequestContext, choices
from iamkit.trust import TAG_SESSION

RESOURCE_TAGS: Final = ("aws:resourcetag/", "iam:resourcetag/")
_FEW: Final = 8  # values of the account's own tags that are tried for a variable


class Changed(NamedTuple):
    """Somebody who acts with changed tags: the caller itself, or a role that it assumes."""

    arn: str
    context: RequestContext
    certain: bool  # the change is allowed for certain
    target: int  # the role as a set of one; empty for the caller itself
    kind: str | None = None  # user or role, where the tags of others are changed
    others: int = 0  # those whose tags are changed


class ChangedTags:
    """Who acts with which changed tags, found once per caller, method and context."""

    def __init__(self, callers: Callers, assuming: Assuming) -> None:
        self._callers = callers
        self._assuming = assuming
        self._found: Memo[tuple[str, str, str], list[Changed]] = Memo()
        self._tests_tags: Memo[Policy, bool] = Memo()
        self._values: Memo[str, dict[str, list[str]]] = Memo()

    def of(self, path: EscalationPath, arn: str, context: str) -> list[Changed]:
        """Return who acts, and how, by a path that changes tags, of a caller in a named context."""
        key = (path.method.id, arn, context)
        return self._found.once(key, lambda: list(self._find(path, arn, context)))

    def of_session(self, arn: str, context: str) -> Iterator[Changed]:
        """
        Return how a role may act by session tags that its caller chooses.

        `context` is a named one. Nothing for roles whose trust policy lets no tags in.
        """
        if arn in self._asking_for_session_tags:
            who = self._callers.context(arn, context)
            for tags in self._variants(arn, who, session=True):
                yield Changed(arn, who.joined(_of_principal(tags)), certain=False, target=0)

    def _find(self, path: EscalationPath, arn: str, context: str) -> Iterator[Changed]:
        if path.kind == "self" and not self.values(arn):
            return
        caller, who = self._callers.caller(arn), self._callers.context(arn, context)
        if path.kind == "self":
            for tags in self._variants(arn, who, session=False):
                allowed = self._may_change(path, caller, who, arn, tags)
                if allowed.possible:
                    yield Changed(arn, who.joined(_of_principal(tags)), bool(allowed.certain), 0)
            return
        if path.method.trust == "none":
            yield from self._others(path, caller, who)
            return
        roles = self._callers.resources["role"]
        arrived = context_of(Credential.KEY, str(contexts.CONTEXTS[context].place))
        for at in members(path.targets.possible & roles.existing & self._asking).tolist():
            role, bit = roles.arns[at], 1 << at
            acting = self._callers.context(role, arrived)
            session = path.method.id == SESSION_TAGS
            for tags in self._variants(role, acting, session=session):
                if session:
                    allowed = self._may_pass(caller, who, tags)
                else:
                    allowed = self._may_change(path, caller, who, role, tags) & path.targets
                if allowed.possible & bit:
                    certain = bool(allowed.certain & bit)
                    yield Changed(role, acting.joined(_of_principal(tags)), certain, bit)

    def _others(
        self, path: EscalationPath, caller: Caller, who: RequestContext
    ) -> Iterator[Changed]:
        """The caller, once it has given others a tag that a condition of its own asks them for."""
        ((action, _),) = path.method.permissions.items()
        for tag, values in self._asked_of_others(caller, who).items():
            for value in values:
                call = who.joined(_of_request({tag: value}))
                given = caller.allowance(call, action, path.kind).allowed
                others = given & path.targets
                tagged = RequestContext({RETAGGED: [f"{tag}={value}"]}, UNKNOWN)
                for certain, which in ((True, others.certain), (False, others.possible)):
                    if which:
                        yield Changed(caller.arn, who.joined(tagged), certain, 0, path.kind, which)

    def _asked_of_others(self, caller: Caller, who: RequestContext) -> dict[str, list[str]]:
        """The tags of resources that a caller's own policies ask for, with a value per class."""
        found: dict[str, list[Any]] = {}
        statements = (
            each.statement
            for layer in caller.relevant
            for p in layer or ()
            for each in p.statements
        )
        for test in choices.tests_of(statements):
            if test[0].key.startswith(RESOURCE_TAGS):
                found.setdefault(test[0].said.partition("/")[2], []).append(test)
        return {
            tag: choices.classes("", tests, who)[: choices.MOST] for tag, tests in found.items()
        }

    @cached_property
    def _asking_for_session_tags(self) -> frozenset[str]:
        """The ARNs of those roles whose sessions may be tagged by whoever starts them."""
        roles = self._callers.resources["role"]
        return frozenset(
            roles.arns[at] for at in members(self._assuming.grants.taggable & self._asking)
        )

    @cached_property
    def _asking(self) -> int:
        """The roles of which some policy asks for a tag."""
        roles = self._callers.resources["role"]
        return roles.select(self._asks(arn) and bool(self.values(arn)) for arn in roles.arns)

    def _asks(self, arn: str) -> bool:
        """Whether the policies of somebody, or trust policies, test a tag of the caller."""
        return self._trusting_asks or any(
            self._tests_tags.once(policy, _tests_tags, policy)
            for policy in self._callers.layers(arn).policies
        )

    @cached_property
    def _trusting_asks(self) -> bool:
        return bool(self._callers.assumable.tags)

    # --- which tags are tried

    def values(self, arn: str) -> dict[str, list[str]]:
        """The tags that policies ask of somebody, as written, and a value for each class."""
        return self._values.once(arn, self._find_values, arn)

    def _find_values(self, arn: str) -> dict[str, list[str]]:
        layers, assumable = self._callers.layers(arn), self._callers.assumable
        if not _of_tags(self._callers.evaluator.keys(layers) | assumable.keys(arn)):
            return {}
        statements = [
            each
            for each in layers.statements
            if _of_tags((*each.condition_keys, *each.resource_keys))
        ]
        trusting = assumable.conditions(arn)
        tests = [*choices.tests_of(statements), *choices.tests_in(trusting)]
        by_key: dict[str, list[Any]] = {}
        named: dict[str, str] = {}
        for test in tests:
            if test[0].key.startswith(PRINCIPAL_TAG):
                by_key.setdefault(test[0].key, []).append(test)
                named.setdefault(test[0].key, test[0].said.partition("/")[2])
        who = RequestContext(self._callers.principals.known(arn), UNKNOWN)
        found = {named[key]: choices.classes(key, by_key[key], who) for key in sorted(by_key)}
        in_use = (key for each in statements for key in (*each.condition_keys, *each.resource_keys))
        for key in sorted(set(in_use)):
            if key.startswith(PRINCIPAL_TAG):
                tag = named.get(key, key.removeprefix(PRINCIPAL_TAG))
                known = [*found.get(tag, []), *self._known_values[:_FEW]]
                found[tag] = list(dict.fromkeys(known))
        return found

    @cached_property
    def _known_values(self) -> list[str]:
        """The values of tags that identities of the account have, the commonest first."""
        tagged = self._callers.account.principals["tags"].tolist()
        given = Counter(value for tags in tagged for value in tags.values())
        return sorted(given, key=lambda value: (-given[value], value))

    def _variants(
        self, arn: str, who: RequestContext, *, session: bool
    ) -> Iterator[dict[str, str | None]]:
        """Changes of tags to try: value by tag, None to remove it, which no session can."""
        options: dict[str, list[Any]] = {}
        size = 1
        for tag, values in self.values(arn).items():
            now = who.get(PRINCIPAL_TAG + tag.lower())
            others: list[Any] = [value for value in values if value != now]
            if isinstance(now, str) and not session:
                others.append(None)
            if size * (len(others) + 1) <= choices.MOST:
                options[tag], size = [..., *others], size * (len(others) + 1)
        for each in product(*options.values()):
            changed = {tag: v for tag, v in zip(options, each, strict=True) if v is not ...}
            if changed:
                yield changed

    # --- whether the caller may

    def _may_pass(
        self, caller: Caller, who: RequestContext, tags: Mapping[str, str | None]
    ) -> ResourceSet:
        """The roles that a caller may assume with these tags."""
        call = who.joined(_of_request(tags))
        letting = self._assuming.may_pass(TAG_SESSION, caller, call)
        return self._assuming.roles(caller, call) & letting if letting.possible else NOWHERE

    def _may_change(
        self,
        path: EscalationPath,
        caller: Caller,
        who: RequestContext,
        arn: str,
        tags: Mapping[str, str | None],
    ) -> ResourceSet:
        """The identity as a set of one if a caller may make all these changes, one by one."""
        kind = "role" if ":role/" in arn else "user"
        ends = {False: f"iam:Tag{kind.capitalize()}", True: f"iam:Untag{kind.capitalize()}"}
        own = self._callers.resources[kind].set_of([arn])
        allowed = ResourceSet(own, own)
        if not any(ends[value is None] in path.method.permissions for value in tags.values()):
            return NOWHERE  # another method does that
        for tag, value in tags.items():
            call = who.joined(_of_request({tag: value}))
            action = ends[value is None]
            allowed &= caller.allowance(call, action, kind).allowed
        return allowed


def _tests_tags(policy: Policy) -> bool:
    """Whether a policy tests a tag of the caller."""
    return any(_of_tags((*each.condition_keys, *each.resource_keys)) for each in policy.statements)


def _of_tags(keys: Iterable[str]) -> bool:
    """Whether one of some condition keys is about a tag of the caller."""
    return any(key.startswith(PRINCIPAL_TAG) for key in keys)


def _of_principal(tags: Mapping[str, str | None]) -> RequestContext:
    """Tags as whoever acts has them."""
    made = {PRINCIPAL_TAG + tag: ABSENT if v is None else v for tag, v in tags.items()}
    return RequestContext(made, UNKNOWN)


def _of_request(tags: Mapping[str, str | None]) -> RequestContext:
    """Tags as a call has them that sets or removes them."""
    made: dict[str, Any] = {
        choices.REQUEST_TAG + tag: value for tag, value in tags.items() if value is not None
    }
    return RequestContext({**made, choices.TAG_KEYS: list(tags)}, UNKNOWN)
