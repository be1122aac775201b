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

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from iamkit.access import (
    DEFAULT_CONTEXTS,
    Permissions,
    effective,
)
from iamkit.errors import SettingsError
from iamkit.restrictions.mfa_deciders import Deciders
from iamkit.restrictions.mfa_reach import ActionScale, MfaReach, mfa_reaches
from iamkit.restrictions.mfa_statements import (
    WAYS,
    MfaRequirement,
    MfaVerdict,
    TrustStatement,
    role_verdict,
)
from iamkit.restrictions.one_step import OneStep
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
        Column("without_mfa_by_risk", OBJECT, "how many of these are in each risk class"),
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
            "one request without MFA that is allowed: its action, resource, context and "
            "effect, of the role assumed first, if any, and of who assumes a role, by its trust "
            "policy; missing: none was found",
        ),
    ),
)


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
    deciders = Deciders(
        evaluated, scale, becoming, mfa_reaches(attackers.evaluator.all_rows(), held, scale)
    )
    for arn, kind in zip(arns, kinds, strict=True):
        user, trust = kind == "user", assuming.get(arn)
        reach = deciders.reach(arn) if user else deciders.session(arn)
        role = deciders.role(arn, reach) if user else None
        alike = (evaluated.callers.layers(arn), attackers.case(arn), role)
        case = (reach, alike if user else trust and arn)
        if case not in cases:
            cases[case] = len(distinct)
            found.append(reach)
            distinct.append(deciders.user(arn, reach, role) if user else _role(reach, trust))
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
