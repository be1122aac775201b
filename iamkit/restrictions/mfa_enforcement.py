"""
Whether MFA is enforced: what is allowed without it, for whom, and which statement decides.

A registered device means that MFA is adopted; policies decide whether it is enforced. A request
without MFA carries one of two credentials: a long-term access key, or a password alone. Each
credential has a state of its own. Requests from outside and from inside the approved networks count
together: a network restriction does not replace MFA, and what is allowed without MFA from inside
only is still allowed. For a **user**, MFA is

- *required* for a credential if nothing is possible without MFA beyond the self-service minimum,
  that is what registering a device needs (`Settings.self_service`). A Deny with an unknown
  condition does not count here: this state errs towards reporting.
- *not required* if MFA makes no difference: from either place, what is certain with MFA is certain
  without, and what is possible with it is possible without. This state errs towards silence: where
  unknown conditions may require MFA for something, MFA is
- *partly required*: something needs MFA, something does not.

A verdict combines both states: see `VERDICTS`. "bypassable" errs towards silence, so only actions
certainly allowed without MFA lead to it. Numbers of actions without MFA count what is possible, as
"required" does. For a **role**, the verdict says whether assuming it needs MFA, see
`mfa_statements`. If it does not, all that the role may do counts as allowed without MFA.

Source: IAM User Guide, "Multi-factor authentication: API access with MFA", "AWS global condition
context keys", and "AWS: Allows MFA-authenticated IAM users to manage their own credentials on the
Security credentials page".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.access import (
    BY_CREDENTIAL,
    DEFAULT_CONTEXTS,
    Credential,
    Permissions,
    Place,
    Witnesses,
    effective,
)
from iamkit.errors import SettingsError
from iamkit.memory import Memo
from iamkit.policy import POSSIBLE, Policy, PolicyEvaluator, Statement
from iamkit.reference import Bits, popcount
from iamkit.restrictions.mfa_reach import ActionScale, MfaReach, mfa_reaches
from iamkit.restrictions.mfa_statements import (
    ON_DENY,
    WAYS,
    MfaRequirement,
    MfaTest,
    MfaVerdict,
    TrustStatement,
    role_verdict,
    sentence,
    truths,
)
from iamkit.restrictions.mfa_tags import tag_bypasses, tags
from iamkit.restrictions.one_step import OneStep
from iamkit.restrictions.verdicts import NOT_APPLICABLE
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table, objects
from iamkit.tables import AccountTables

VERDICTS: Final[Mapping[MfaVerdict, str]] = {
    MfaVerdict.ENFORCED: "nothing beyond the minimum works without MFA; role: its trust needs MFA",
    MfaVerdict.CONSOLE_ONLY: "a password alone is not enough, but an access key works without MFA",
    MfaVerdict.KEYS_ONLY: "an access key alone is not enough, but a password works without MFA",
    MfaVerdict.BYPASSABLE: "some actions need MFA, but the caller can remove this need without MFA",
    MfaVerdict.PARTIAL: "some actions need MFA, others do not",
    MfaVerdict.NONE: "MFA makes no difference",
    MfaVerdict.NOTHING_TO_PROTECT: "nothing is allowed beyond the minimum, even with MFA",
    MfaVerdict.NOT_ASSUMABLE: "only services or federated identities may assume it, or nobody",
}

MFA_ENFORCEMENT: Final = Table(
    name="mfa_enforcement",
    row="one user or role whose policies are in the evidence",
    key=("principal_arn",),
    columns=(
        Column("principal_arn", TEXT, "user or role"),
        Column(
            "kind",
            TEXT,
            "user or role",
            values=(
                "user",
                "role",
            ),
        ),
        Column("name", TEXT, "name"),
        Column("verdict", TEXT, ", ".join(VERDICTS), values=tuple(VERDICTS)),
        Column("key", TEXT, "MFA with an access key: required, partly required or not required"),
        Column("password", TEXT, "MFA with a password: required, partly required or not required"),
        Column(
            "place",
            TEXT,
            "from where actions without MFA are allowed: anywhere, or inside only; missing: from "
            "nowhere, and for roles",
        ),
        Column("actions", COUNT, "possible actions beyond the minimum; for a role, without MFA"),
        Column(
            "covered",
            "Float64",
            "share of the possible actions that needs MFA, 0 to 1, with the weaker credential",
        ),
        Column(
            "actions_without_mfa",
            COUNT,
            "actions possible without MFA beyond the minimum, with the weaker credential",
        ),
        Column(
            "risky_without_mfa",
            COUNT,
            "number of these that are in a risk class",
        ),
        Column("without_mfa_by_risk", OBJECT, "dict of risk class to how many of these are in it"),
        Column(
            "bypasses", OBJECT, "list of actions, certain without MFA, that remove or bypass MFA"
        ),
        Column(
            "worst",
            OBJECT,
            "list of up to five actions without MFA: bypasses, then most risk classes",
        ),
        Column("policy_arn", TEXT, "policy that decides, or the role itself; missing: an SCP"),
        Column("policy_name", TEXT, "name of the policy; for a trust policy, name of the role"),
        Column("statement", TEXT, "name of the statement; missing: no statement"),
        Column("why", TEXT, "the reason of the verdict, and what to write if MFA is not enforced"),
        Column(
            "witness",
            OBJECT,
            "one request without MFA that is allowed, a dict of action, resource, context and "
            "effect, of the role assumed first, if any, and of who assumes a role, by its trust "
            "policy; missing: none was found",
        ),
    ),
)

REMEDY: Final = f"deny all except the self-service minimum, on every resource, with {ON_DENY}"


def mfa_enforcement(
    account: AccountTables,
    trusting: Mapping[str, Iterable[TrustStatement]],
    permissions: Permissions | None = None,
    becoming: OneStep | None = None,
) -> pd.DataFrame:
    """
    Return whether MFA is enforced for each user and role. Rows: see `MFA_ENFORCEMENT`.

    `trusting` has, by ARN of the role, the statements that trust AWS principals, as
    `trust.mfa_statements` finds them; no AWS principal may assume a role that is not in it.
    `permissions` are those of `effective(account)`, made here if not given; their `principals` are
    the rows. `becoming` says which roles name a user; without it none does. Results of bit rows
    are computed once per distinct combination of them, results of statements once per combination
    and set of policies. Raises `SettingsError` if `permissions` lack one of the six contexts of a
    caller.
    """
    evaluated = effective(account) if permissions is None else permissions
    if lacking := set(DEFAULT_CONTEXTS).difference(evaluated.contexts):
        raise SettingsError(
            f"enforcement needs contexts not evaluated: {', '.join(sorted(lacking))}"
        )
    scale = ActionScale(evaluated.catalog, account.settings)
    attackers = evaluated.attackers
    becoming = becoming or OneStep(attackers, None)
    assuming = {arn: role_verdict(arn, statements) for arn, statements in trusting.items()}
    cases: dict[tuple[Any, ...], int] = {}
    distinct: list[dict[str, Any]] = []
    found: list[MfaReach] = []
    which = []
    principals = evaluated.principals
    arns, kinds = principals["principal_arn"].tolist(), principals["kind"].tolist()
    held = [attackers.rows(arn) for arn in arns]
    users = [arn for arn, kind in zip(arns, kinds, strict=True) if kind == "user"]
    held += map(becoming.rows, users)
    deciders = _Deciders(evaluated, scale, becoming, mfa_reaches(attackers.bits, held, scale))
    for arn, kind in zip(arns, kinds, strict=True):
        trust = assuming.get(arn)
        reach = deciders.reach(arn) if kind == "user" else deciders.session(arn)
        asked = attackers.case(arn)
        alike = (evaluated.callers.layers(arn), asked, becoming.steps(arn))
        case = (reach, alike if kind == "user" else trust and arn)
        if case not in cases:
            cases[case] = len(distinct)
            found.append(reach)
            distinct.append(deciders.user(arn, reach) if kind == "user" else _role(reach, trust))
        which.append(cases[case])
    made = MFA_ENFORCEMENT.rows(*distinct).iloc[which].reset_index(drop=True)
    for name in ("principal_arn", "kind", "name"):
        made[name] = principals[name].array
    shown = zip(arns, kinds, which, made["witness"], strict=True)
    made["witness"] = objects(
        deciders.witness(arn, found[at]) if kind == "user" else said
        for arn, kind, at, said in shown
    )
    return made


# --- columns of a role


def _role(reach: MfaReach, trust: Mapping[str, Any] | None) -> dict[str, Any]:
    """Columns of `MFA_ENFORCEMENT` for a role: its trust policy's, and what its sessions may do."""
    nothing, actions = reach.scale.nothing, reach.session["actions_without_mfa"]
    required = dict.fromkeys(WAYS, MfaRequirement.REQUIRED)
    if trust is None:
        why = "Only services or federated identities, or nobody, may assume it."
        found = {"verdict": MfaVerdict.NOT_ASSUMABLE, "why": why}
        return {**required, "actions": actions, **nothing, **found}
    if not actions:
        why = "Its sessions may do nothing beyond the self-service minimum."
        found = {"verdict": MfaVerdict.NOTHING_TO_PROTECT, "why": why}
        return {**required, "actions": actions, **nothing, **found}
    if trust["verdict"] is MfaVerdict.ENFORCED:
        return {"actions": actions, "covered": 1.0, **nothing, **trust}
    witness = {
        "action": "sts:AssumeRole",
        "resource": trust["policy_arn"],
        "context": {"aws:MultiFactorAuthPresent": "absent or false"},
        "effect": "Allowed" if trust["verdict"] is MfaVerdict.NONE else "Unknown",
    }
    return {"actions": actions, "covered": 0.0, **reach.session, **trust, "witness": witness}


# --- which statement decides for a user


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


class _Deciders:
    """Finds the statement that decides for a user."""

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

    def user(self, arn: str, reach: MfaReach) -> dict[str, Any]:
        """Return the columns of `MFA_ENFORCEMENT` for a user, without its name."""
        if reach.user["verdict"] in NOT_APPLICABLE:
            return reach.user | self._nothing_allowed(arn)
        columns = reach.user
        if reach.user["verdict"] is not MfaVerdict.ENFORCED and (role := self._decided_by(arn)):
            return columns | self._by_role(role, reach)
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

    def _steps(self, arn: str) -> Iterator[str]:
        """The roles that a user becomes without MFA and without permission."""
        for step in self.becoming.steps(arn):
            if step.context not in BY_CREDENTIAL["mfa"]:
                yield step.role_arn

    def _decided_by(self, arn: str) -> str | None:
        """The role that opens what the user's own policies do not; None if none does."""
        own = self._with_tags(arn, self._reaches[self.becoming.attackers.rows(arn)])
        if own.user["verdict"] == self.reach(arn).user["verdict"]:
            return None
        roles = list(dict.fromkeys(self._steps(arn)))
        if not roles:
            return None
        return max(roles, key=lambda role: len(self._sessions(role)))

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
            f"without permission: {count:,} {'action is' if count == 1 else 'actions are'} allowed "
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
        for role_arn in dict.fromkeys(self._steps(arn)):
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
    allowed = f"{count:,} {'action is' if count == 1 else 'actions are'} allowed without MFA{where}"
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
