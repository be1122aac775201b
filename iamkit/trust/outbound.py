"""
Roles of other accounts that identities of this one may assume.

Source: IAM User Guide, "Cross-account policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import pandas as pd

from iamkit.access import Principals, context_of
from iamkit.arns import account_of, arn_parts
from iamkit.policy import UNKNOWN, Decision, Pattern, decide, widest
from iamkit.reference import covers_action
from iamkit.table import COUNT, TEXT, TRUTH, Column, Table
from iamkit.tables import AccountTables, without_service_linked
from iamkit.trust import trust_policy
from iamkit.trust.callers import NOBODY, WORD
from iamkit.trust.inbound import WHERE, called, known_accounts
from iamkit.values import listed

OUTBOUND_ROLES: Final = Table(
    name="outbound_roles",
    row="one user or role, and one pattern of roles in other accounts that it may assume",
    key=("principal_arn", "policy_arn", "number", "role"),
    columns=(
        Column("principal_arn", TEXT, "user or role of this account"),
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
        Column("role", TEXT, "Resource pattern, or the exceptions of NotResource"),
        Column("account_id", TEXT, "account it names; missing: any account"),
        Column(
            "whose",
            TEXT,
            (
                "known account, unknown account, any account, or conditional (any account, with a "
                "condition)"
            ),
        ),
        Column("policy_arn", TEXT, "policy that allows it"),
        Column("policy_name", TEXT, "its name"),
        Column("number", COUNT, "position of the statement, from 1"),
        Column("statement", TEXT, "what to call it: by Sid, or position from 1"),
        Column(
            "certain",
            TRUTH,
            "the policies of this account allow it regardless of unknown conditions",
        ),
    ),
)

# The context in which most is allowed: only a user's session can have MFA.
_BEST: Final = {"user": context_of("mfa", "inside"), "role": context_of("key", "inside")}


def outbound_roles(account: AccountTables, callers: Principals) -> pd.DataFrame:
    """
    Return roles of other accounts that identities of this one may assume.

    Rows: see `OUTBOUND_ROLES`. Each Allow for sts:AssumeRole whose Resource names a role of another
    account or of any account counts, if all policies of the identity together may allow it. The
    request context is MFA from inside for users, and no MFA for roles. Service-linked roles are
    left out. Errs towards more: what depends on an unknown condition counts, and the other
    account's trust policy is not in the evidence.
    """
    named = _named_elsewhere(account)
    identities = account.principals[account.principals["kind"].isin(["user", "role"])]
    identities = without_service_linked(identities, account.roles)
    identities = identities[["principal_arn", "kind", "name"]]
    assigned = account.policy_assignments[["principal_arn", "policy_arn"]].drop_duplicates()
    pairs = identities.merge(assigned, on="principal_arn").merge(named, on="policy_arn")
    pairs = pairs.merge(account.policies[["policy_arn", "policy_name"]], on="policy_arn")
    yours = known_accounts(account)
    decided = [_decided(row, callers, account.partition) for row in trust_policy.rows(pairs)]
    certain = pd.Series([bool(found) for found, _ in decided], pairs.index, dtype="bool")
    possible = pd.Series([found.possible for found, _ in decided], pairs.index, dtype="bool")
    anywhere = pd.Series([anyone for _, anyone in decided], pairs.index, dtype="bool")
    whose = pd.Series("unknown account", pairs.index, dtype=TEXT)
    whose = whose.mask(pairs["account_id"].isin(yours), "known account")
    whose = whose.mask(pairs["account_id"].isna(), "any account")
    whose = whose.mask(pairs["account_id"].isna() & ~anywhere, "conditional")
    made = pairs.assign(whose=whose, certain=certain)
    return OUTBOUND_ROLES.conform(made[possible])


def _named_elsewhere(account: AccountTables) -> pd.DataFrame:
    """Patterns of roles that name another account, or any, by the statement they are in."""
    columns = ["policy_arn", "number", "statement", "role", "account_id"]
    readable = account.statements[account.statements["problem"].isna()]
    allows = readable[readable["effect"].eq("Allow")]
    pairs = zip(allows["actions"], allows["not_actions"], strict=True)
    about = pd.Series([_assumes(*pair) for pair in pairs], allows.index, dtype="bool")
    rows: list[tuple[Any, ...]] = []
    for row in trust_policy.rows(allows[about]):
        shared = (row["policy_arn"], row["number"], called(row))
        if row["not_resources"]:
            rows.append((*shared, f"all except {', '.join(row['not_resources'])}", None))
        for text in row["resources"]:
            at = _account_of(text, account.partition)
            if at is not None and at != account.account_id:
                rows.append((*shared, text, at or None))
    return pd.DataFrame(rows, columns=columns, dtype="object")


def _assumes(actions: Any, not_actions: Any) -> bool:
    """Whether a statement covers sts:AssumeRole."""
    patterns = tuple(listed(actions) or listed(not_actions))
    return _covers(patterns) if listed(actions) else not _covers(patterns)


@lru_cache(maxsize=65536)
def _covers(patterns: tuple[str, ...]) -> bool:
    return any(covers_action(text, trust_policy.ASSUME[0]) for text in patterns)


@lru_cache(maxsize=4096)
def _account_of(text: str, partition: str) -> str | None:
    """The account whose roles a Resource pattern names; empty: any; None: it names no role."""
    pattern = widest(text)
    if not pattern.overlaps(Pattern(f"arn:{partition}:iam::*:role/*")):
        return None
    return account_of(pattern.text) or ""


def _decided(row: Mapping[str, Any], callers: Principals, partition: str) -> tuple[Decision, bool]:
    """What an identity's policies say of an example role; whether any account's is allowed."""
    parts = arn_parts(widest(row["role"]).text)
    at = row["account_id"] if isinstance(row["account_id"], str) else NOBODY
    tail = Pattern(parts[5]).filled(WORD, "0") if parts else WORD
    role = tail if tail.startswith("role/") else f"role/{tail}"
    elsewhere = {"aws:ResourceAccount": UNKNOWN, "aws:ResourceOrgID": UNKNOWN}
    who = callers.context(row["principal_arn"], _BEST[row["kind"]]).but(elsewhere)
    layers = callers.layers(row["principal_arn"])._asdict()
    answers = [
        decide("sts:AssumeRole", f"arn:{partition}:iam::{at}:{role}", each, **layers)
        for each in (who, who.but({**WHERE, "aws:resourceaccount": at}))
    ]
    return answers[0], answers[1].possible
