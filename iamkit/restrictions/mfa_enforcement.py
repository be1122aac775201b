"""
Whether MFA is enforced: what works without it, for whom, and which statement decides.

A registered device says that MFA is adopted; policies say whether anything depends on it. There are
two ways to come without: with a long-term access key, and with a password alone. Each is judged by
itself, from outside and from inside the approved networks together: a fence is no MFA, and what is
open from the office alone is open. For a **user**, a way is

- *closed* if nothing is possible without MFA beyond the self-service minimum, what enrolling a
  device needs (`Settings.self_service`). This reassures, so it asks what is `possible`: a denial
  that hangs on an unknown condition closes nothing.
- *open* if MFA makes no difference: in either place, what is certain with MFA is certain without,
  and what is possible with it is possible without. This accuses, so where unknown conditions may
  cover something a way is not called open, but
- *holed*: something is covered, something left.

Verdicts follow from both ways: see `VERDICTS`. "bypassable" accuses too, so only what is certainly
left open makes it. Numbers of open actions count what is possible, as "required" does. Of a **role**
it is asked whether assuming it needs MFA, see `mfa`; behind an open door lies all that the role may
do.

Source: IAM User Guide, "Multi-factor authentication: API access with MFA", "AWS global condition
context keys", and "AWS: Allows MFA-authenticated IAM users to manage their own credentials on the
Security credentials page".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access import BY_CREDENTIAL, DEFAULT_CONTEXTS, RISKY, Permissions, effective
from iamkit.errors import SettingsError
from iamkit.policy import CERTAIN, POSSIBLE, Policy, PolicyEvaluator
from iamkit.reference import Bits, Catalog, popcount, risks
from iamkit.restrictions.mfa_statements import (
    ON_DENY,
    WAYS,
    Asked,
    Requirement,
    TrustStatement,
    Verdict,
    role_verdict,
    sentence,
    truths,
    verdict,
)
from iamkit.restrictions.verdicts import NOT_APPLICABLE
from iamkit.settings import Settings
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table
from iamkit.tables import AccountTables

VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.ENFORCED: "nothing beyond the minimum works without MFA; a role: assuming it needs MFA",
    Verdict.CONSOLE_ONLY: "a password alone is not enough, but an access key works without MFA",
    Verdict.KEYS_ONLY: "an access key alone is not enough, but a password works without MFA",
    Verdict.BYPASSABLE: "something needs MFA, but without it the caller can get rid of the need",
    Verdict.PARTIAL: "something needs MFA, something else does not",
    Verdict.NONE: "MFA makes no difference",
    Verdict.NOTHING_TO_PROTECT: "nothing is allowed beyond the minimum, even with MFA",
    Verdict.NOT_ASSUMABLE: "a role that only services or federated identities, or nobody, may assume",
}

# What undoes MFA for who can do it without: the device goes, another credential comes, or the
# policy that asks for MFA does.
BYPASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "remove MFA": ("iam:DeactivateMFADevice", "iam:DeleteVirtualMFADevice"),
    "mint credentials": (
        *("iam:CreateAccessKey", "iam:UpdateAccessKey"),
        *("iam:CreateLoginProfile", "iam:UpdateLoginProfile"),
        *("iam:CreateServiceSpecificCredential", "iam:ResetServiceSpecificCredential"),
        *("iam:UploadSSHPublicKey", "iam:UploadSigningCertificate", "sts:AssumeRole"),
    ),
    "change policies": (
        *("iam:Put*Policy", "iam:Attach*Policy", "iam:Detach*Policy", "iam:Delete*Policy"),
        *("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicyVersion"),
        *("iam:AddUserToGroup", "iam:RemoveUserFromGroup", "iam:UpdateAssumeRolePolicy"),
        "iam:*PermissionsBoundary",
    ),
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
        Column("key", TEXT, "with an access key and no MFA: closed, holed or open"),
        Column("password", TEXT, "with a password and no MFA: closed, holed or open"),
        Column("place", TEXT, "where from that is: anywhere, inside only; missing: nowhere, roles"),
        Column("actions", COUNT, "possible actions, the minimum aside; a role's without MFA"),
        Column("covered", "Float64", "share of them that needs MFA, 0 to 1, by the worse way"),
        Column(
            "actions_without_mfa",
            COUNT,
            "possible without MFA, the minimum aside, by the worse way",
        ),
        Column(
            "risky_without_mfa", COUNT, "how many of these are in a class that thieves look for"
        ),
        Column("without_mfa_by_risk", OBJECT, "dict of risk class to how many of these are in it"),
        Column("bypasses", OBJECT, "list of actions, certain without MFA, that undo MFA"),
        Column(
            "worst", OBJECT, "list of up to five open actions: bypasses, then most risk classes"
        ),
        Column("policy_arn", TEXT, "policy that decides, or the role itself; missing: an SCP"),
        Column("policy_name", TEXT, "its name; the role's for its trust policy"),
        Column("statement", TEXT, "name of the statement; missing: what a policy does not say"),
        Column("why", TEXT, "the reason, and what to write where there is a hole"),
    ),
)

COVERAGE: Final = Table(
    name="coverage",
    row="one measure of how far MFA is enforced in the account",
    key=("of",),
    columns=(
        Column("of", TEXT, "users, administrators or permissions"),
        Column("part", COUNT, "numerator: those for which MFA is enforced"),
        Column("whole", COUNT, "denominator"),
        Column("share", "Float64", "part / whole, 0 to 1; missing: there are none"),
        Column("meaning", TEXT, "what is counted"),
    ),
)

MFA_GAPS: Final = Table(
    name="mfa_gaps",
    row="one statement that decides that MFA is not enforced, and one verdict it leads to",
    key=("policy_arn", "policy_name", "statement", "verdict"),
    columns=(
        Column("policy_arn", TEXT, "policy; missing: a service control policy"),
        Column("policy_name", TEXT, "its name"),
        Column("statement", TEXT, "name of the statement; missing: policy not in the evidence"),
        Column("verdict", TEXT, "verdict on the users whom it decides"),
        Column("users", COUNT, "how many"),
        Column("who", OBJECT, "list of their names"),
        Column(
            "would_be",
            COUNT,
            "users with MFA enforced if the policy denied all but the minimum without MFA, as in "
            "AWS's example: today's and, nothing else changed, all whom the statement decides",
        ),
    ),
)

CURE: Final = f"deny all but the self-service minimum, on every resource, with {ON_DENY}"


def mfa_enforcement(
    account: AccountTables,
    trusting: Mapping[str, Iterable[TrustStatement]],
    permissions: Permissions | None = None,
) -> pd.DataFrame:
    """
    Return whether MFA is enforced for each user and role. Rows: see `MFA_ENFORCEMENT`.

    `trusting` has, by ARN of the role, the statements that admit AWS principals to it, as
    `trust.mfa_statements` finds them; a role that is not in it none may assume.
    `permissions` are those of `effective(account)`, made here if not given; their `people` are the
    rows. What follows from bit rows is found once per distinct combination of them, what follows
    from statements once per combination and set of policies. Raises `SettingsError` if
    `permissions` lack one of the six contexts of a caller.
    """
    held = effective(account) if permissions is None else permissions
    if lacking := set(DEFAULT_CONTEXTS).difference(held.contexts):
        raise SettingsError(
            f"enforcement needs contexts not evaluated: {', '.join(sorted(lacking))}"
        )
    scale = _Scale(held.catalog, account.settings)
    deciders = _Deciders(held, scale)
    entrances = {arn: role_verdict(arn, said) for arn, said in trusting.items()}
    reaches: dict[tuple[int, ...], _Reach] = {}
    cases: dict[tuple[Any, ...], int] = {}
    distinct: list[dict[str, Any]] = []
    which = []
    people = held.principals
    columns = people["principal_arn"].tolist(), people["kind"].tolist(), held.index.tolist()
    for arn, kind, numbers in zip(*columns, strict=True):
        at, trust = tuple(numbers), entrances.get(arn)
        if at not in reaches:
            reaches[at] = _Reach(held, at, scale)
        reach = reaches[at]
        case = (reach, held.callers.layers(arn) if kind == "user" else trust and arn)
        if case not in cases:
            cases[case] = len(distinct)
            distinct.append(deciders.user(arn, reach) if kind == "user" else _role(reach, trust))
        which.append(cases[case])
    made = MFA_ENFORCEMENT.rows(*distinct).iloc[which].reset_index(drop=True)
    for name in ("principal_arn", "kind", "name"):
        made[name] = people[name].array
    return made


def coverage(verdicts: pd.DataFrame, admins: Iterable[str]) -> pd.DataFrame:
    """
    Return how far MFA is enforced in the account, from `MFA_ENFORCEMENT` rows. Rows: see `COVERAGE`.

    `admins` are the ARNs of the administrators. Whoever has nothing to protect, and roles that are
    not for people, count neither in part nor in whole.
    """
    people = verdicts[~verdicts["verdict"].isin(NOT_APPLICABLE)]
    users = people[people["kind"] == "user"]
    powerful = people[people["principal_arn"].isin(set(admins))]
    closed = [int((each["verdict"] == Verdict.ENFORCED).sum()) for each in (users, powerful)]
    allowed, open_ = (int(users[name].sum()) for name in ("actions", "actions_without_mfa"))
    counted = [
        ("users", closed[0], len(users), "users who may do anything beyond the minimum"),
        ("administrators", closed[1], len(powerful), "users, and roles that people may assume"),
        ("permissions", allowed - open_, allowed, "what users may do: one user and one action"),
    ]
    rows = (dict(zip(("of", "part", "whole", "meaning"), row, strict=True)) for row in counted)
    made = COVERAGE.rows(*rows)
    return made.assign(share=made["part"] / made["whole"].replace(0, pd.NA))


def mfa_gaps(verdicts: pd.DataFrame) -> pd.DataFrame:
    """
    Return the statements that leave users without enforced MFA, from `MFA_ENFORCEMENT` rows.

    Rows: see `MFA_GAPS`. Those that decide most users come first.
    """
    users = verdicts[verdicts["kind"] == "user"]
    today = int((users["verdict"] == Verdict.ENFORCED).sum())
    unprotected = users[~users["verdict"].isin([Verdict.ENFORCED, *NOT_APPLICABLE])]
    statement = ["policy_arn", "policy_name", "statement"]
    grouped = unprotected.groupby([*statement, "verdict"], dropna=False)["name"]
    made = grouped.agg(users="size", who=list).reset_index()
    deciding = made.groupby(statement, dropna=False)["users"].transform("sum")
    made = made.assign(would_be=today + deciding)
    order = made.sort_values("users", ascending=False, kind="stable")
    return MFA_GAPS.conform(order)


def definitions(settings: Settings) -> pd.DataFrame:
    """
    Return the patterns of actions that verdicts leave out of account, and those they look for.

    Columns: `group`, "self-service minimum" or one of `BYPASSES`, and `pattern`.
    """
    groups = {"self-service minimum": settings.self_service, **BYPASSES}
    pairs = [(group, pattern) for group, patterns in groups.items() for pattern in patterns]
    return pd.DataFrame(pairs, columns=["group", "pattern"], dtype="str")


# --- what is open


class _Scale:
    """What actions are weighed with: the minimum, the bypasses and the risk classes, as bit rows."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self.catalog = catalog
        self.minimum = catalog.bits(settings.self_service)
        self.bypasses = catalog.bits([each for group in BYPASSES.values() for each in group])
        self.risks = {risk: catalog.mask(risk=risk) for risk in risks()["risk"].unique()}
        self.risky = np.bitwise_or.reduce([self.risks[risk] for risk in RISKY])
        weight = (len(RISKY) + 1) * catalog.flags(self.bypasses)  # more than any risk classes
        for risk in RISKY:
            weight = weight + catalog.flags(self.risks[risk])
        self.order = np.argsort(-weight, kind="stable")
        self.names = np.array(catalog.names(catalog.mask()), dtype=object)
        self.nothing = self.measures(catalog.bits(()), catalog.bits(()))

    def measures(self, left: Bits, sure: Bits) -> dict[str, Any]:
        """Columns of `MFA_ENFORCEMENT` about what is left open, possibly and surely."""
        by_risk = {risk: int(popcount(left & mask)) for risk, mask in self.risks.items()}
        worst = self.order[self.catalog.flags(left)[self.order]][:5]
        return {
            "actions_without_mfa": int(popcount(left)),
            "risky_without_mfa": int(popcount(left & self.risky)),
            "without_mfa_by_risk": {risk: count for risk, count in by_risk.items() if count},
            "bypasses": self.catalog.names(sure & self.bypasses),
            "worst": list(self.names[worst]),
        }


class _Reach:
    """
    What one combination of bit rows lets somebody do beyond the minimum: rows of shape (words,).

    By way without MFA: `left` is possible from some place, `sure` certain from some place, `lost`
    is where MFA makes a difference in some place. `whole` is possible in some context.
    """

    def __init__(self, held: Permissions, at: tuple[int, ...], scale: _Scale) -> None:
        self.scale = scale
        numbers = dict(zip(held.contexts, at, strict=True))
        rows = {
            context: held.rows[numbers[context]] & ~scale.minimum for context in DEFAULT_CONTEXTS
        }
        by = {
            way: np.array([rows[place] for place in places])
            for way, places in BY_CREDENTIAL.items()
        }
        self.left = {way: np.bitwise_or.reduce(by[way][:, POSSIBLE]) for way in WAYS}
        self.sure = {way: np.bitwise_or.reduce(by[way][:, CERTAIN]) for way in WAYS}
        gone = {way: (by["mfa"] & ~by[way])[:, [POSSIBLE, CERTAIN]] for way in WAYS}
        self.lost = {way: np.bitwise_or.reduce(gone[way], axis=(0, 1)) for way in WAYS}
        self.whole = np.bitwise_or.reduce([row[POSSIBLE] for row in rows.values()])
        self.outside = any(by[way][0, POSSIBLE].any() for way in WAYS)
        self.worse = max(WAYS, key=lambda way: int(popcount(self.left[way])))

    def _state(self, way: str) -> Requirement:
        if not self.left[way].any():
            return Requirement.REQUIRED
        if self.lost[way].any():
            return Requirement.PARTLY_REQUIRED
        return Requirement.NOT_REQUIRED

    @cached_property
    def session(self) -> dict[str, Any]:
        """What `MFA_ENFORCEMENT` says of what a role's session, which carries no MFA, may do."""
        return self.scale.measures(self.left["key"], self.sure["key"])

    @cached_property
    def user(self) -> dict[str, Any]:
        """Columns of `MFA_ENFORCEMENT` for a user, but for who it is and which policy decides."""
        sure = self.sure["key"] | self.sure["password"]
        measures = self.scale.measures(self.left[self.worse], sure)
        states = {way: self._state(way) for way in WAYS}
        found = verdict(states, bypassable=bool(measures["bypasses"]))
        place = "anywhere" if self.outside else "inside only"
        actions = int(popcount(self.whole))
        return {
            "verdict": found if actions else Verdict.NOTHING_TO_PROTECT,
            **states,
            "place": place if measures["actions_without_mfa"] else None,
            "actions": actions,
            "covered": 1 - measures["actions_without_mfa"] / actions if actions else None,
            **measures,
        }


def _role(reach: _Reach, trust: Mapping[str, Any] | None) -> dict[str, Any]:
    """Columns of `MFA_ENFORCEMENT` for a role: its trust policy's, and what its sessions may do."""
    nothing, actions = reach.scale.nothing, reach.session["actions_without_mfa"]
    required = dict.fromkeys(WAYS, Requirement.REQUIRED)
    if trust is None:
        why = "Only services or federated identities, or nobody, may assume it."
        found = {"verdict": Verdict.NOT_ASSUMABLE, "why": why}
        return {**required, "actions": actions, **nothing, **found}
    if not actions:
        why = "Its sessions may do nothing beyond the self-service minimum."
        found = {"verdict": Verdict.NOTHING_TO_PROTECT, "why": why}
        return {**required, "actions": actions, **nothing, **found}
    if trust["verdict"] is Verdict.ENFORCED:
        return {"actions": actions, "covered": 1.0, **nothing, **trust}
    return {"actions": actions, "covered": 0.0, **reach.session, **trust}


# --- which statement decides for a user


@dataclass(frozen=True, eq=False)
class _Rule(Asked):
    """A statement of a policy that binds a user."""

    policy_arn: str | None  # None: a service control policy
    own: bool  # of a policy that gives permissions: no boundary, no SCP
    bits: Bits
    carves: bool  # it says NotAction
    wide: bool  # it is about every resource


class _Deciders:
    """Finds the statement that decides for a user."""

    def __init__(self, held: Permissions, scale: _Scale) -> None:
        self.callers, self.scale = held.callers, scale
        self.judge = PolicyEvaluator(held.catalog)
        self.rules: dict[tuple[Policy, bool], list[_Rule]] = {}

    def user(self, arn: str, reach: _Reach) -> dict[str, Any]:
        """Return the columns of `MFA_ENFORCEMENT` for a user, but for who it is."""
        if reach.user["verdict"] in NOT_APPLICABLE:
            return reach.user | self._cut_off(arn)
        rule = _deciding(list(self._binding(arn)), reach)
        return reach.user | {
            "policy_arn": rule.policy_arn,
            "policy_name": rule.policy,
            "statement": rule.label,
            "why": _because(rule, reach),
        }

    def _cut_off(self, arn: str) -> dict[str, Any]:
        """Say why a user may do nothing: the boundary, if there is something without it."""
        layers = self.callers.layers(arn)
        contexts = [self.callers.context(arn, place) for place in BY_CREDENTIAL["mfa"]]
        free = [self.judge.rows(layers._replace(boundary=None), each) for each in contexts]
        if not any((rows[POSSIBLE] & ~self.scale.minimum).any() for rows in free):
            return {"why": "Nothing is allowed beyond the self-service minimum."}
        edge = (layers.boundary or ())[0]
        why = f"The permissions boundary {edge.name} leaves nothing of what policies allow."
        policy_arn = self.callers.policy_arns[edge]
        return {"policy_arn": policy_arn, "policy_name": edge.name, "why": why}

    def _binding(self, arn: str) -> Iterator[_Rule]:
        """Every statement that binds a user."""
        for layer, policies in self.callers.layers(arn).named():
            for policy in policies:
                yield from self._read(policy, own=layer == "identity")

    def _read(self, policy: Policy, *, own: bool) -> list[_Rule]:
        if (policy, own) not in self.rules:
            self.rules[policy, own] = [
                _Rule(
                    policy.name,
                    None if policy.document is None else each.name,
                    each.allows,
                    truths(each.condition, variables=each.variables),
                    self.callers.policy_arns.get(policy),
                    own,
                    self._bits(each.actions, complement=each.not_actions),
                    each.not_actions,
                    "*" in each.resources and not each.not_resources,
                )
                for each in policy.statements
            ]
        return self.rules[policy, own]

    def _bits(self, patterns: Iterable[str], *, complement: bool) -> Bits:
        named = self.judge.catalog.bits(patterns)
        return self.judge.every & ~named if complement else named


def _deciding(rules: list[_Rule], reach: _Reach) -> _Rule:
    """
    Return the statement that asks for MFA and, if there is a hole, whose hole it is.

    That is the one that lets most of what is open pass or, if none does, covers most, on every
    resource, by both ways. Where MFA makes no difference, it is the user's own statement that
    allows most of what is open, risky actions first.
    """
    way, left = reach.worse, reach.left[reach.worse]
    lost = reach.lost["key"] | reach.lost["password"]

    def hole(rule: _Rule) -> tuple[int, ...]:
        slipping = int(popcount(rule.bits & left)) if rule.passes(way) else 0
        shut = sum(not rule.passes(each) for each in WAYS)
        return slipping, int(popcount(rule.bits & lost)), rule.wide, shut

    def grant(rule: _Rule) -> tuple[int, ...]:
        return int(popcount(rule.bits & left & reach.scale.risky)), int(popcount(rule.bits & left))

    asking = [rule for rule in rules if rule.asks]
    if reach.user["verdict"] is not Verdict.NONE and asking:
        return max(asking, key=hole)
    return max((r for r in rules if r.own and r.allows and r.passes(way)), key=grant)


def _because(rule: _Rule, reach: _Reach) -> str:
    """Return the verdict on a user in a sentence: what the statement does, what to write."""
    found, way, count = reach.user["verdict"], reach.worse, reach.user["actions_without_mfa"]
    where = " from inside the approved networks" if reach.user["place"] == "inside only" else ""
    left = f"{count:,} {'action is' if count == 1 else 'actions are'} open without MFA{where}"
    if found is Verdict.ENFORCED:
        does = "allows only with MFA" if rule.allows else "leaves nothing more to do without MFA"
        return sentence(f"{rule.name} {does}")
    if found is Verdict.NONE:
        return sentence(f"{rule.name} allows without MFA, and nothing asks for it: {left}; {CURE}")
    undone = ", ".join(reach.user["bypasses"][:3]) if found is Verdict.BYPASSABLE else ""
    left += f", among them {undone}" if undone else ""
    slips, alone = rule.passes(way), not (reach.left[way] & ~rule.bits).any()
    if slips:
        cure = rule.cure if alone and rule.truths[way] is not None else CURE
        return sentence(f"{rule.name} {rule.gap(way)}: {left}; {cure}")
    cure = "leave only what enrolling a device needs in NotAction" if rule.carves else CURE
    return sentence(f"{rule.name} asks for MFA, but not for everything: {left}; {cure}")
