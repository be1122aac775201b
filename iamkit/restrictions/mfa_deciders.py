"""
Which statement decides whether a user has to use MFA, or which role gets around it.

The verdicts are `mfa_enforcement`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from iamkit.access import (
    BY_CREDENTIAL,
    DEFAULT_CONTEXTS,
    Credential,
    Permissions,
    Place,
    Witnesses,
    union,
)
from iamkit.counts import counted
from iamkit.memory import Memo
from iamkit.policy import POSSIBLE, Policy, PolicyEvaluator, Statement
from iamkit.reference import Bits, popcount
from iamkit.restrictions.mfa_reach import ActionScale, MfaReach
from iamkit.restrictions.mfa_statements import (
    ON_DENY,
    WAYS,
    MfaTest,
    MfaVerdict,
    sentence,
    truths,
)
from iamkit.restrictions.mfa_tags import tag_bypasses, tags
from iamkit.restrictions.one_step import OneStep
from iamkit.restrictions.verdicts import NOT_APPLICABLE

REMEDY: Final = f"deny all except the self-service minimum, on every resource, with {ON_DENY}"

WITHOUT: Final = tuple(name for name in DEFAULT_CONTEXTS if name not in BY_CREDENTIAL["mfa"])


class _Covered(NamedTuple):
    """The actions that a statement is about."""

    bits: Bits
    most: tuple[int, int]  # how many of them are risky, and how many there are


@dataclass(frozen=True, eq=False)
class _Rule(MfaTest):
    """A statement of a policy that applies to a user."""

    policy_arn: str | None  # None: a service control policy
    grants: bool  # of an identity policy: no boundary, no SCP
    covered: _Covered
    excepts: bool  # it says NotAction
    every_resource: bool  # its Resource is *


class Deciders:
    """Finds what decides for a user, and what is allowed to users and roles."""

    def __init__(
        self,
        evaluated: Permissions,
        scale: ActionScale,
        becoming: OneStep,
        reaches: Mapping[tuple[int, ...], MfaReach],
    ) -> None:
        self.callers, self.scale, self.becoming = evaluated.callers, scale, becoming
        self._reaches = reaches
        self.witnesses = Witnesses(evaluated.attackers)
        self.evaluator = PolicyEvaluator(evaluated.catalog)
        self._rules: Memo[tuple[Policy, bool], list[_Rule]] = Memo()
        self._covered: Memo[tuple[tuple[str, ...], bool], _Covered] = Memo()
        self._tagging: Memo[Policy, list[Statement]] = Memo()
        self._bypassed: Memo[Any, MfaReach] = Memo()

    def reach(self, arn: str) -> MfaReach:
        """Return what is allowed to a user, the roles that it becomes included."""
        return self._with_tags(arn, self._reaches[self.becoming.rows(arn)])

    def session(self, role_arn: str) -> MfaReach:
        """Return what is allowed to the sessions of a role."""
        return self._reaches[self.becoming.attackers.rows(role_arn)]

    def _with_tags(self, arn: str, reach: MfaReach) -> MfaReach:
        """What is allowed to a user who may bypass MFA by changing its tags."""
        policies = self.callers.layers(arn).policies
        asking = [each for policy in policies for each in self._asking_for_tags(policy)]
        calls = self._tag_bypasses(arn, reach, asking) if asking else frozenset()
        return self._bypassed.once((reach, calls), reach.bypassed_by, calls) if calls else reach

    def _asking_for_tags(self, policy: Policy) -> list[Statement]:
        return self._tagging.once(policy, lambda: list(filter(tags, policy.statements)))

    def _tag_bypasses(
        self, arn: str, reach: MfaReach, asking: Iterable[Statement]
    ) -> frozenset[str]:
        if not reach.mfa_only.any():
            return frozenset()

        def gives(statement: Statement) -> bool:
            return bool((self._about(statement).bits & reach.mfa_only).any())

        who = self.callers.context(arn, BY_CREDENTIAL[reach.weaker][0])
        return tag_bypasses(asking, who, gives)

    def user(self, arn: str, reach: MfaReach, role_arn: str | None) -> dict[str, Any]:
        """
        Return the columns of `MFA_ENFORCEMENT` for a user, without its name.

        `role_arn` is the role that decides, if any does.
        """
        if reach.user["verdict"] in NOT_APPLICABLE:
            return reach.user | self._nothing_allowed(arn)
        columns = reach.user
        if role_arn is not None:
            return columns | self._by_role(role_arn, reach)
        rule = _deciding(list(self._statements(arn)), reach)
        if rule is None:
            return columns | {"why": "No single statement allows actions or requires MFA."}
        left = self._left_unknown(arn)
        unknown = (
            f" Too many conditions; these keys count as unknown: {', '.join(left)}." if left else ""
        )
        return columns | {
            "policy_arn": rule.policy_arn,
            "policy_name": rule.policy,
            "statement": rule.label,
            "why": _reason(rule, reach) + unknown,
        }

    def _left_unknown(self, arn: str) -> tuple[str, ...]:
        case = self.becoming.attackers.case(arn)
        return () if case is None else case.tried.left_unknown

    def role(self, arn: str, reach: MfaReach) -> str | None:
        """Return the role that opens what the user's own policies do not; None if none does."""
        if reach.user["verdict"] in (*NOT_APPLICABLE, MfaVerdict.ENFORCED):
            return None
        roles = self.becoming.reached(arn, WITHOUT)
        if not roles:
            return None
        own = self._with_tags(arn, self._reaches[self.becoming.attackers.rows(arn)])
        if own.user["verdict"] == reach.user["verdict"]:
            return None
        most = next(found for each in self._by_number if (found := each & roles))
        return next(self.becoming.roles_of(arn, most, WITHOUT))

    @cached_property
    def _by_number(self) -> list[int]:
        """Sets of the roles whose sessions may do equally many of the worst actions: most first."""
        found: dict[int, int] = {}
        for rows, roles in self.becoming.allowing.items():
            number = len(self._reaches[rows].session["worst"])
            found[number] = found.get(number, 0) | roles
        return [found[number] for number in sorted(found, reverse=True)]

    @cached_property
    def _with_sessions(self) -> int:
        """The set of the roles whose sessions may do anything beyond the minimum."""
        allowing = self.becoming.allowing.items()
        return union(roles for rows, roles in allowing if self._reaches[rows].session["worst"])

    def _sessions(self, role_arn: str) -> list[str]:
        """What sessions of a role may do beyond the minimum, the worst first."""
        return [*self.session(role_arn).session["worst"]]

    def _by_role(self, role_arn: str, reach: MfaReach) -> dict[str, Any]:
        """Name the role by which a user gets around MFA, or gets anything at all."""
        name = role_arn.rsplit("/", 1)[-1]
        count = reach.user["actions_without_mfa"]
        return {
            "policy_arn": role_arn,
            "policy_name": name,
            "why": f"The trust policy of {name} names the user, who can assume it without MFA and "
            f"without permission: {counted(count, 'actions')} "
            f"{'is' if count == 1 else 'are'} allowed "
            f'without MFA; add "Bool": {{"aws:MultiFactorAuthPresent": "true"}} to it.',
        }

    def witness(self, arn: str, reach: MfaReach) -> Any:
        """Return one request of a user without MFA that is allowed; None: none is."""
        if not reach.ways:
            return None
        credentials = list(map(Credential, reach.sure_ways or reach.ways))
        for action in reach.user["worst"]:
            found = self.witnesses.find(arn, action, credentials, Place)
            if found is not None:
                return found
        for role_arn in self.becoming.roles_of(arn, self._with_sessions, WITHOUT):
            for action in self._sessions(role_arn):
                found = self.witnesses.find(role_arn, action, [Credential.KEY], Place)
                if found is not None:
                    return {"assumed": role_arn, **found}
        return None

    def _nothing_allowed(self, arn: str) -> dict[str, Any]:
        """Say why a user may do nothing: the boundary, if something is allowed without it."""
        layers = self.callers.layers(arn)
        contexts = [self.callers.context(arn, place) for place in BY_CREDENTIAL["mfa"]]
        unbounded = [self.evaluator.rows(layers._replace(boundary=None), each) for each in contexts]
        if not any((rows[POSSIBLE] & ~self.scale.minimum).any() for rows in unbounded):
            return {"why": "Nothing is allowed beyond the self-service minimum."}
        if not layers.boundary:  # what the policies allow here and there, they deny there too
            return {"why": "No request that the user can make is allowed."}
        boundary = layers.boundary[0]
        why = f"The permissions boundary {boundary.name} removes everything that policies allow."
        policy_arn = self.callers.policy_arns[boundary]
        return {"policy_arn": policy_arn, "policy_name": boundary.name, "why": why}

    def _statements(self, arn: str) -> Iterator[_Rule]:
        """Every statement that applies to a user."""
        for layer, policies in self.callers.layers(arn).named():
            for policy in policies:
                said = policy, layer == "identity"
                yield from self._rules.once(said, self._read, *said)

    def _read(self, policy: Policy, grants: bool) -> list[_Rule]:
        return [
            _Rule(
                policy.name,
                None if policy.document is None else each.name,
                each.allows,
                truths(each.condition, variables=each.variables),
                self.callers.policy_arns.get(policy),
                grants,
                self._about(each),
                each.not_actions,
                "*" in each.resources and not each.not_resources,
            )
            for each in policy.statements
        ]

    def _about(self, statement: Statement) -> _Covered:
        """The actions that a statement is about."""
        same = (statement.actions, statement.not_actions)
        return self._covered.once(same, self._find_covered, *same)

    def _find_covered(self, patterns: tuple[str, ...], complement: bool) -> _Covered:
        named = self.evaluator.catalog.bits(patterns)
        bits = self.evaluator.every & ~named if complement else named
        return _Covered(bits, _amount(bits, self.scale))


def _deciding(rules: list[_Rule], reach: MfaReach) -> _Rule | None:
    """
    Return the statement that decides: the one that asks for MFA, or that does not ask enough.

    That is the statement by which most actions are allowed without MFA or, if there is none, the
    one that requires MFA for most, on every resource, with both credentials. Where MFA makes no
    difference, it is the user's own statement that allows most, risky actions first.
    """
    weaker, possible = reach.weaker, reach.possible

    def gap(rule: _Rule) -> tuple[int, ...]:
        passing = int(popcount(rule.covered.bits & possible)) if rule.passes(weaker) else 0
        refused = sum(not rule.passes(each) for each in WAYS)
        return (
            passing,
            int(popcount(rule.covered.bits & reach.mfa_only)),
            rule.every_resource,
            refused,
        )

    asking = [rule for rule in rules if rule.asks]
    if reach.user["verdict"] is not MfaVerdict.NONE and asking:
        return max(asking, key=gap)
    granting = [rule for rule in rules if rule.grants and rule.allows]
    return _granting_most([r for r in granting if r.passes(weaker)] or granting, reach)


def _granting_most(rules: Sequence[_Rule], reach: MfaReach) -> _Rule | None:
    """The first of the statements that allow most risky actions and, of these, most actions."""
    found: tuple[tuple[int, int], int] | None = None
    for at in sorted(range(len(rules)), key=lambda at: rules[at].covered.most, reverse=True):
        covered = rules[at].covered
        if found is not None and covered.most < found[0]:
            break  # nor can those that follow allow as much
        allowed = _amount(covered.bits & reach.possible, reach.scale), -at
        found = allowed if found is None else max(found, allowed)
    return None if found is None else rules[-found[1]]


def _amount(bits: Bits, scale: ActionScale) -> tuple[int, int]:
    """How many actions are risky, and how many there are."""
    return int(popcount(bits & scale.risky)), int(popcount(bits))


def _reason(rule: _Rule, reach: MfaReach) -> str:
    """Return the reason for a verdict as a sentence: what the statement does, what to write."""
    found, weaker, count = reach.user["verdict"], reach.weaker, reach.user["actions_without_mfa"]
    where = " from inside the approved networks" if reach.user["place"] == "inside only" else ""
    allowed = (
        f"{counted(count, 'actions')} {'is' if count == 1 else 'are'} allowed without MFA{where}"
    )
    if found is MfaVerdict.ENFORCED:
        does = "allows only with MFA" if rule.allows else "denies everything else without MFA"
        return sentence(f"{rule.name} {does}")
    if found is MfaVerdict.NONE:
        why = f"{rule.name} does not require MFA, and no other statement does"
        return sentence(f"{why}: {allowed}; {REMEDY}")
    bypasses = ", ".join(reach.user["bypasses"][:3]) if found is MfaVerdict.BYPASSABLE else ""
    allowed += f", among them {bypasses}" if bypasses else ""
    if rule.passes(weaker):
        alone = not (reach.possible & ~rule.covered.bits).any()
        remedy = rule.cure if alone and rule.truths[weaker] is not None else REMEDY
        return sentence(f"{rule.name} {rule.gap(weaker)}: {allowed}; {remedy}")
    remedy = "list only the actions to register a device in NotAction" if rule.excepts else REMEDY
    return sentence(f"{rule.name} requires MFA, but not for every action: {allowed}; {remedy}")
