"""
From where each identity can be used.

A policy can tie a user to some networks: a Deny outside them, an Allow inside them, a VPC endpoint.
Whether it does is not read off its text but evaluated, see `network_reach`.

What is possible takes unknown conditions as helping the caller. So "restricted" is certain, as far
as the evidence goes, and "unrestricted", "partly restricted" and the counts of what is possible
from outside err towards unrestricted. A restriction on some resources only leaves its actions
possible on others, and counts as none. VPC endpoint policies, resource-based policies and session
policies are not in the evidence. What a role allows that names a principal in its trust policy
counts as the principal's own, see `one_step`.

Source: IAM User Guide, "AWS global condition context keys" (aws:SourceIp, aws:SourceVpc,
aws:SourceVpce, aws:VpcSourceIp, aws:ViaAWSService) and "AWS: Denies access to AWS based on the
source IP".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from iamkit.access import COLUMNS, RISKY, Credential, Permissions, Place, Witnesses
from iamkit.counts import agreeing, part_of
from iamkit.memory import Memo
from iamkit.policy import (
    Network,
    Policy,
    PolicyLayers,
    RequestContext,
    Statement,
    conditions,
)
from iamkit.reference import Bits, Catalog, actions
from iamkit.restrictions.network_lists import approved_networks, unapproved
from iamkit.restrictions.network_reach import NETWORK_KEYS, NetworkEvaluator, NetworkReach
from iamkit.restrictions.one_step import OneStep
from iamkit.restrictions.verdicts import (
    NETWORK_VERDICTS,
    NOTHING_TO_PROTECT,
    PARTLY_RESTRICTED,
    RESTRICTED,
    UNRESTRICTED,
)
from iamkit.restrictions.worst_actions import first_actions
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table, objects
from iamkit.tables import AccountTables

NETWORK_RESTRICTIONS: Final = Table(
    name="network_restrictions",
    row="one user or role, and from where it can be used; for a role, its sessions",
    key=("principal_arn",),
    columns=(
        Column("principal_arn", TEXT, "user or role"),
        Column(
            "kind",
            TEXT,
            "user or role",
            values=("user", "role"),
        ),
        Column("name", TEXT, "name"),
        Column(
            "verdict",
            TEXT,
            "restricted: nothing is possible from outside; partly restricted: some actions are; "
            "unrestricted: the network makes no difference; nothing to protect: nothing is "
            "possible from anywhere",
            values=NETWORK_VERDICTS,
        ),
        Column(
            "networks",
            OBJECT,
            "list of the networks from which more is possible than from outside, overlaps joined; "
            "0.0.0.0/0 and ::/0 if unrestricted; empty: only through VPC endpoints, or none",
        ),
        Column(
            "covered",
            "Float64",
            "share of the possible actions that are not possible from outside; missing: no action "
            "is possible",
        ),
        Column("outside_actions", COUNT, "actions possible from outside"),
        Column("outside_risky", COUNT, "number of these actions that are in a risk class"),
        Column("worst", OBJECT, "list of up to five of these actions, the riskiest first"),
        Column("policy_arn", TEXT, "policy that decides; missing for SCPs and where none does"),
        Column("policy_name", TEXT, "its name"),
        Column(
            "statement",
            TEXT,
            "Sid or number (from 1) of the statement that restricts; if unrestricted, of the "
            "Allow statement",
        ),
        Column(
            "endpoint",
            TEXT,
            "whether restricted actions work through a VPC endpoint, are denied there, or work "
            "only there (required)",
        ),
        Column(
            "via_services",
            TEXT,
            "whether restricted actions work or are denied if an AWS service makes the request on "
            "its behalf",
        ),
        Column("notes", OBJECT, "list of sentences with notes on the verdict"),
        Column(
            "unapproved",
            OBJECT,
            "networks that are not in settings.approved_networks, if networks are approved",
        ),
        Column("why", TEXT, "the verdict in a sentence"),
        Column(
            "witness",
            OBJECT,
            "one request from outside that is allowed: its action, resource, context and "
            "effect, and of the role assumed first, if any; missing: none was found",
        ),
    ),
)


def network_restrictions(
    account: AccountTables, permissions: Permissions, becoming: OneStep | None = None
) -> pd.DataFrame:
    """
    From where each user and role can be used. Rows: see `NETWORK_RESTRICTIONS`.

    They are in the order of the permissions, which are the account's, in `DEFAULT_CONTEXTS` at
    least. Users whom only the credential report knows are left out, as there. `becoming` says
    which roles name a principal in their trust policies; without it none does.
    """
    evaluator, principals = NetworkEvaluator(permissions, becoming), permissions.principals
    arns = principals["principal_arn"].tolist()
    numbers = [evaluator.number(arn) for arn in arns]
    described = _described(evaluator.cases, permissions, approved_networks(account))
    rows = described.take(numbers).reset_index(drop=True)
    rows["witness"] = objects(_witnesses(evaluator, arns, rows))
    return NETWORK_RESTRICTIONS.conform(
        rows.assign(**{name: principals[name].array for name in COLUMNS})
    )


def _witnesses(
    evaluator: NetworkEvaluator, arns: Iterable[str], rows: pd.DataFrame
) -> Iterator[Any]:
    """A request from outside that is allowed, for each principal; None where none is."""
    witnesses = Witnesses(evaluator.attackers)
    for arn, worst in zip(arns, rows["worst"], strict=True):
        yield _witness(witnesses, evaluator, arn, worst) if worst else None


def _witness(
    witnesses: Witnesses, evaluator: NetworkEvaluator, arn: str, worst: Sequence[str]
) -> Any:
    outside = (Place.OUTSIDE,)
    for action in worst:
        if (found := witnesses.find(arn, action, Credential, outside)) is not None:
            return found
    for role_arn in evaluator.becoming.roles_of(arn, evaluator.roles_allowed(worst)):
        for action in worst:
            found = witnesses.find(role_arn, action, Credential, outside)
            if found is not None:
                return {"assumed": role_arn, **found}
    return None


def _described(
    cases: Sequence[tuple[PolicyLayers, NetworkReach]],
    permissions: Permissions,
    approved: Sequence[Network],
) -> pd.DataFrame:
    """One row of `NETWORK_RESTRICTIONS` per case; the columns that name the principal are empty."""
    reaches = list(dict.fromkeys(reach for _, reach in cases))
    shared = _shared_columns(reaches, permissions, approved)
    deciding, arns = _DecidingStatements(permissions.catalog), permissions.callers.policy_arns
    rows = []
    for layers, reach in cases:
        policy, statement = deciding.of(layers, reach) or (None, None)
        name = statement and statement.name
        by = f" ({name} of {policy.name})" if policy else ""
        rows.append(
            {
                **shared[reach],
                "policy_arn": policy and arns.get(policy),
                "policy_name": policy and policy.name,
                "statement": name,
                "why": f"{shared[reach]['why']}{by}.",
            }
        )
    return pd.DataFrame(rows, columns=NETWORK_RESTRICTIONS.names)


def _shared_columns(
    reaches: Sequence[NetworkReach], permissions: Permissions, approved: Sequence[Network]
) -> dict[NetworkReach, dict[str, Any]]:
    """The columns that do not depend on the statement that decides; of `why` the beginning."""
    catalog = permissions.catalog
    numbers: dict[bytes, int] = {}  # equal rows of bits are looked at once
    outside = [numbers.setdefault(each.from_outside.tobytes(), len(numbers)) for each in reaches]
    whole = [numbers.setdefault(each.everywhere.tobytes(), len(numbers)) for each in reaches]
    bits = np.frombuffer(b"".join(numbers), actions.WORD).reshape(-1, catalog.words)
    classes = np.array([catalog.mask(risk=risk) for risk in RISKY])
    counts = actions.popcount(bits)
    risky = actions.popcount(bits & np.bitwise_or.reduce(classes))
    worst, found = first_actions(bits, _riskiest_first(classes, catalog), catalog), {}
    for reach, at, all_at in zip(reaches, outside, whole, strict=True):
        columns = reach.columns()
        found[reach] = {
            **columns,
            "covered": 1 - counts[at] / counts[all_at] if counts[all_at] else None,
            "outside_actions": counts[at],
            "outside_risky": risky[at],
            "worst": worst[at],
            "unapproved": unapproved(columns["networks"], approved),
            "why": _why(reach, counts[at], counts[all_at]),
        }
    return found


def _riskiest_first(classes: Bits, catalog: Catalog) -> Any:
    """The numbers of the actions: by the first of their classes, then by how many."""
    risky = catalog.flags(classes)
    first = np.where(risky.any(axis=0), risky.argmax(axis=0), len(risky))
    return np.lexsort((-risky.sum(axis=0), first))


def _why(reach: NetworkReach, part: int, whole: int) -> str:
    """The verdict in a sentence, without what decides it; `part` actions are not restricted."""
    sources = [_first_four(reach.networks)] if reach.networks else []
    sources += ["a VPC endpoint"] if reach.endpoint != "denied" else []
    only = f"only from {' or '.join(sources) or 'addresses compared as text'}"
    return {
        NOTHING_TO_PROTECT: "No action is possible from anywhere",
        UNRESTRICTED: "All possible actions are possible from anywhere",
        RESTRICTED: f"Actions are possible {only}",
        PARTLY_RESTRICTED: (
            agreeing(
                f"{part_of(part, whole, 'possible actions')} [is|are] possible from anywhere, the "
                f"others {only}",
                part,
            )
        ),
    }[reach.verdict]


def _first_four(texts: Sequence[str]) -> str:
    return ", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")


# ── Deciding statements ────────────────────────────────────────────────────────────────────────


class _Candidate(NamedTuple):
    """A statement that may decide, and the most that it can count for."""

    policy: Policy
    statement: Statement
    actions: Bits
    most: tuple[bool, int]


class _DecidingStatements:
    """Which statement decides."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._candidates: Memo[Policy, list[_Candidate]] = Memo()
        self._actions: Memo[Any, tuple[Bits, int]] = Memo()

    def of(self, layers: PolicyLayers, reach: NetworkReach) -> tuple[Policy, Statement] | None:
        """
        Return the statement that restricts or, where none does, the one that allows from outside.

        Of several, a Deny rather than an Allow and an Allow without a Condition rather than one
        with; then the one about most of the restricted actions or, if there are none, of those from
        outside.
        """
        policies = layers.policies if reach.is_restricted else layers.identity
        decides = _restricts if reach.is_restricted else _allows_outside
        relevant = reach.restricted if reach.is_restricted else reach.from_outside
        found = [
            each
            for policy in policies
            for each in self._candidates.once(policy, self._read, policy)
        ]
        best: tuple[tuple[bool, int], int] | None = None
        for at in sorted(range(len(found)), key=lambda at: found[at].most, reverse=True):
            _, statement, covered, most = found[at]
            if best is not None and most < best[0]:
                break  # nor can those that follow count for as much
            count = int(actions.popcount(covered & relevant))
            rank = (most[0], count), -at
            if count and (best is None or rank > best) and decides(statement, reach.outside):
                best = rank
        return None if best is None else found[-best[1]][:2]

    def _read(self, policy: Policy) -> list[_Candidate]:
        found = []
        for each in policy.statements:
            same = each.actions, each.not_actions
            covered, count = self._actions.once(same, self._covered, *same)
            unconditional = not each.allows or not each.condition
            found.append(_Candidate(policy, each, covered, (unconditional, count)))
        return found

    def _covered(self, patterns: Any, complement: bool) -> tuple[Bits, int]:
        named = self._catalog.bits(patterns)
        covered = self._catalog.mask() & ~named if complement else named
        return covered, int(actions.popcount(covered))


def _truths(statement: Statement, contexts: Iterable[RequestContext]) -> set[conditions.Truth]:
    return {statement.applies(each) for each in contexts}


def _restricts(statement: Statement, outside: Iterable[RequestContext]) -> bool:
    """Whether a statement keeps callers from outside out by a test of `NETWORK_KEYS`."""
    if NETWORK_KEYS.isdisjoint(statement.condition_keys):
        return False
    truths = _truths(statement, outside)
    return truths == {False} if statement.allows else True in truths


def _allows_outside(statement: Statement, outside: Iterable[RequestContext]) -> bool:
    """Whether a statement may allow something from outside."""
    return statement.allows and (not statement.condition or _truths(statement, outside) != {False})
