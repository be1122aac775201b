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

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
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
from iamkit.restrictions.mfa_reach import ActionScale, MfaReach
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
from iamkit.restrictions.mfa_tags import tag_bypasses
from iamkit.restrictions.one_step import OneStep
from iamkit.restrictions.verdicts import NOT_APPLICABLE
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table, objects
from iamkit.tables import AccountTables

VERDICTS: Final[Mapping[MfaVerdict, str]] = {
    MfaVerdict.ENFORCED: "nothing beyond the minimum works without MFA; role: its trust needs MFA",
    MfaVerdict.CONSOLE_ONLY: "a password alone is not enough, but an access key works without MFA",
    MfaVerdict.KEYS_ONLY: "an access key alone is not enough, but a password works without MFA",
    MfaVerdict.BYPASSABLE: "something needs MFA, but the caller can remove the need without MFA",
    MfaVerdict.PARTIAL: "something needs MFA, something else does not",
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
            "where that is allowed from: anywhere, inside only; missing: nowhere, roles",
        ),
        Column("actions", COUNT, "possible actions beyond the minimum; for a role, without MFA"),
        Column(
            "covered", "Float64", "share of them that needs MFA, 0 to 1, with the weaker credential"
        ),
        Column(
            "actions_without_mfa",
            COUNT,
            "actions possible without MFA beyond the minimum, with the weaker credential",
        ),
        Column(
            "risky_without_mfa",
            COUNT,
            "how many of these are in a risk class that attackers look for",
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
        Column("policy_name", TEXT, "its name; the role's for its trust policy"),
        Column("statement", TEXT, "name of the statement; missing: no statement"),
        Column("why", TEXT, "the reason, and what to write if MFA is not enforced"),
        Column(
            "witness",
            OBJECT,
            "one request without MFA that is allowed, a dict of action, resource, context and "
            "effect, of the role assumed first, if any, and of who assumes a role, by its trust "
            "policy; missing: none was found",
        ),
    ),
)

REMEDY: Final = f"deny all but the self-service minimum, on every resource, with {ON_DENY}"


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
    deciders = _Deciders(evaluated, scale, becoming)
    assuming = {arn: role_verdict(arn, statements) for arn, statements in trusting.items()}
    cases: dict[tuple[Any, ...], int] = {}
    distinct: list[dict[str, Any]] = []
    found: list[MfaReach] = []
    which = []
    principals = evaluated.principals
    arns, kinds = principals["principal_arn"].tolist(), principals["kind"].tolist()
    for arn, kind in zip(arns, kinds, strict=True):
        at, trust = becoming.rows(arn) if kind == "user" else attackers.rows(arn), assuming.get(arn)
        reach = deciders.reach(arn, at) if kind == "user" else deciders.untagged(at)
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


@dataclass(frozen=True, eq=False)
class _Rule(MfaTest):
    """A statement of a policy that applies to a user."""

    policy_arn: str | None  # None: a service control policy
    grants: bool  # of an identity policy: no boundary, no SCP
    bits: Bits
    excepts: bool  # it says NotAction
    every_resource: bool  # its Resource is *


class _Deciders:
    """Finds the statement that decides for a user."""

    def __init__(self, evaluated: Permissions, scale: ActionScale, becoming: OneStep) -> None:
        self.callers, self.scale, self.becoming = evaluated.callers, scale, becoming
        self.witnesses = Witnesses(evaluated.attackers)
        self.evaluator = PolicyEvaluator(evaluated.catalog)
        self.rules: dict[tuple[Policy, bool], list[_Rule]] = {}
        self._reaches: Memo[tuple[tuple[int, ...], frozenset[str]], MfaReach] = Memo()

    def reach(self, arn: str, rows: tuple[int, ...]) -> MfaReach:
        """Return what these rows of bits allow a user, who may bypass MFA by changing its tags."""
        reach = self.untagged(rows)
        calls = self._tag_bypasses(arn, reach)
        return self._reaches.once((rows, calls), self._reach, rows, calls)

    def untagged(self, rows: tuple[int, ...]) -> MfaReach:
        """Return what these rows of bits allow somebody whose tags stay as they are."""
        return self._reaches.once((rows, frozenset()), self._reach, rows)

    def _reach(self, rows: Iterable[int], calls: Iterable[str] = ()) -> MfaReach:
        bits = self.becoming.attackers.bits
        held = [bits[number] for number in rows]
        return MfaReach(held, self.scale, self.scale.catalog.bits(calls))

    def _tag_bypasses(self, arn: str, reach: MfaReach) -> frozenset[str]:
        mfa_only = np.bitwise_or.reduce(list(reach.mfa_only.values()))
        if not mfa_only.any():
            return frozenset()

        def gives(statement: Statement) -> bool:
            bits = self._bits(statement.actions, complement=statement.not_actions)
            return bool((bits & mfa_only).any())

        who = self.callers.context(arn, BY_CREDENTIAL[reach.weaker][0])
        return tag_bypasses(self.callers.layers(arn), who, gives)

    def user(self, arn: str, reach: MfaReach) -> dict[str, Any]:
        """Return the columns of `MFA_ENFORCEMENT` for a user, without its name."""
        if reach.user["verdict"] in NOT_APPLICABLE:
            return reach.user | self._nothing_allowed(arn)
        columns = reach.user
        if reach.user["verdict"] is not MfaVerdict.ENFORCED and (role := self._decided_by(arn)):
            return columns | self._by_role(role, reach)
        rule = _deciding(list(self._statements(arn)), reach)
        if rule is None:
            return columns | {"why": "No statement by itself allows or asks for anything."}
        left = self._left_unknown(arn)
        unknown = f" Taken as unknown, for want of room: {', '.join(left)}." if left else ""
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
        own = self.reach(arn, self.becoming.attackers.rows(arn))
        whole = self.reach(arn, self.becoming.rows(arn))
        if own.user["verdict"] == whole.user["verdict"]:
            return None
        roles = list(dict.fromkeys(self._steps(arn)))
        if not roles:
            return None
        return max(roles, key=lambda role: len(self._sessions(role)))

    def _sessions(self, role_arn: str) -> list[str]:
        """What sessions of a role may do beyond the minimum, the worst first."""
        return [*self.untagged(self.becoming.attackers.rows(role_arn)).session["worst"]]

    def _by_role(self, role_arn: str, reach: MfaReach) -> dict[str, Any]:
        """Name the role by which a user gets around MFA, or gets anything at all."""
        name = role_arn.rsplit("/", 1)[-1]
        count = reach.user["actions_without_mfa"]
        return {
            "policy_arn": role_arn,
            "policy_name": name,
            "why": f"The trust policy of {name} names the user, who assumes it without MFA and "
            f"without permission: {count:,} {'action is' if count == 1 else 'actions are'} allowed "
            f'without MFA; add "Bool": {{"aws:MultiFactorAuthPresent": "true"}} to it.',
        }

    def witness(self, arn: str, reach: MfaReach) -> Any:
        """Return one request of a user without MFA that is allowed; None: none is."""
        if not any(reach.possible[each].any() for each in WAYS):
            return None
        credentials = [Credential(each) for each in WAYS if reach.possible[each].any()]
        if bool((reach.certain["key"] | reach.certain["password"]).any()):
            surely = [Credential(each) for each in WAYS if reach.certain[each].any()]
            credentials = surely or credentials
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
            return {"why": "Nothing is allowed by any request that the user can make."}
        boundary = layers.boundary[0]
        why = f"The permissions boundary {boundary.name} removes everything that policies allow."
        policy_arn = self.callers.policy_arns[boundary]
        return {"policy_arn": policy_arn, "policy_name": boundary.name, "why": why}

    def _statements(self, arn: str) -> Iterator[_Rule]:
        """Every statement that applies to a user."""
        for layer, policies in self.callers.layers(arn).named():
            for policy in policies:
                yield from self._read(policy, grants=layer == "identity")

    def _read(self, policy: Policy, *, grants: bool) -> list[_Rule]:
        if (policy, grants) not in self.rules:
            self.rules[policy, grants] = [
                _Rule(
                    policy.name,
                    None if policy.document is None else each.name,
                    each.allows,
                    truths(each.condition, variables=each.variables),
                    self.callers.policy_arns.get(policy),
                    grants,
                    self._bits(each.actions, complement=each.not_actions),
                    each.not_actions,
                    "*" in each.resources and not each.not_resources,
                )
                for each in policy.statements
            ]
        return self.rules[policy, grants]

    def _bits(self, patterns: Iterable[str], *, complement: bool) -> Bits:
        named = self.evaluator.catalog.bits(patterns)
        return self.evaluator.every & ~named if complement else named


def _deciding(rules: list[_Rule], reach: MfaReach) -> _Rule | None:
    """
    Return the statement that decides: the one that asks for MFA, or that does not ask enough.

    That is the statement by which most actions are allowed without MFA or, if there is none, the
    one that requires MFA for most, on every resource, with both credentials. Where MFA makes no
    difference, it is the user's own statement that allows most, risky actions first.
    """
    weaker, possible = reach.weaker, reach.possible[reach.weaker]
    mfa_only = reach.mfa_only["key"] | reach.mfa_only["password"]

    def gap(rule: _Rule) -> tuple[int, ...]:
        passing = int(popcount(rule.bits & possible)) if rule.passes(weaker) else 0
        refused = sum(not rule.passes(each) for each in WAYS)
        return passing, int(popcount(rule.bits & mfa_only)), rule.every_resource, refused

    def grant(rule: _Rule) -> tuple[int, ...]:
        allowed = rule.bits & possible
        return int(popcount(allowed & reach.scale.risky)), int(popcount(allowed))

    asking = [rule for rule in rules if rule.asks]
    if reach.user["verdict"] is not MfaVerdict.NONE and asking:
        return max(asking, key=gap)
    granting = [rule for rule in rules if rule.grants and rule.allows]
    return max([r for r in granting if r.passes(weaker)] or granting, key=grant, default=None)


def _reason(rule: _Rule, reach: MfaReach) -> str:
    """Return the reason for a verdict as a sentence: what the statement does, what to write."""
    found, weaker, count = reach.user["verdict"], reach.weaker, reach.user["actions_without_mfa"]
    where = " from inside the approved networks" if reach.user["place"] == "inside only" else ""
    allowed = f"{count:,} {'action is' if count == 1 else 'actions are'} allowed without MFA{where}"
    if found is MfaVerdict.ENFORCED:
        does = "allows only with MFA" if rule.allows else "denies everything else without MFA"
        return sentence(f"{rule.name} {does}")
    if found is MfaVerdict.NONE:
        return sentence(
            f"{rule.name} allows without MFA, and nothing asks for it: {allowed}; {REMEDY}"
        )
    bypasses = ", ".join(reach.user["bypasses"][:3]) if found is MfaVerdict.BYPASSABLE else ""
    allowed += f", among them {bypasses}" if bypasses else ""
    if rule.passes(weaker):
        alone = not (reach.possible[weaker] & ~rule.bits).any()
        remedy = rule.cure if alone and rule.truths[weaker] is not None else REMEDY
        return sentence(f"{rule.name} {rule.gap(weaker)}: {allowed}; {remedy}")
    remedy = "leave only what enrolling a device needs in NotAction" if rule.excepts else REMEDY
    return sentence(f"{rule.name} asks for MFA, but not for everything: {allowed}; {remedy}")
