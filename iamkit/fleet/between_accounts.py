"""
Trust between accounts whose evidence is there on both sides.

A role of another account is assumed only if its trust policy admits the identity and the identity's
own policies, boundary and service control policies allow the call. Resource control policies of the
role's account count with its trust policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from iamkit.access import context_of
from iamkit.account import Account
from iamkit.policy import UNKNOWN, RequestContext, decide
from iamkit.table import TEXT, TRUTH, Column, Table
from iamkit.tables import REPORT_ONLY, without_service_linked
from iamkit.trust import CrossAccountEntry, foreign_entries

ASSUME: Final = "sts:AssumeRole"

CROSS_ACCOUNT_ROLES: Final = Table(
    name="cross_account_roles",
    row="one user or role, and one role of another account that it can assume, or possibly can",
    key=("principal_arn", "role_arn"),
    columns=(
        Column("of_account", TEXT, "account of the user or role"),
        Column("principal_arn", TEXT, "user or role"),
        Column("kind", TEXT, "user or role", values=("user", "role")),
        Column("name", TEXT, "name"),
        Column("role_account", TEXT, "account of the role that is assumed"),
        Column("role_arn", TEXT, "role that is assumed"),
        Column(
            "role_privilege",
            TEXT,
            "what that role may do: admin, near-admin, write, read or none; missing: not known",
        ),
        Column("statement", TEXT, "statement of its trust policy, by Sid, or position from 1"),
        Column(
            "certain",
            TRUTH,
            "both sides allow it regardless of unknown conditions, such as an external id",
        ),
        Column("because", TEXT, "what the policies of the user or role say"),
    ),
)

# The context in which most is allowed: only a user's session can have MFA.
_BEST: Final = {"user": context_of("mfa", "inside"), "role": context_of("key", "inside")}
_ELSEWHERE: Final = {"aws:ResourceOrgID": UNKNOWN, "aws:ResourceOrgPaths": UNKNOWN}


def entries_of(accounts: Iterable[Account]) -> dict[str, list[CrossAccountEntry]]:
    """Return, by account, what its roles allow to identities of other accounts."""
    return {account.account_id: foreign_entries(account) for account in accounts}


def assumed(
    account: Account, entries: Mapping[str, Sequence[CrossAccountEntry]]
) -> Iterator[dict[str, Any]]:
    """
    Yield the rows of `CROSS_ACCOUNT_ROLES` of an account's identities.

    The request context is MFA from inside for users, and no MFA for roles, as of `outbound_roles`.
    What a user may do whose policies are not in the evidence is unknown, so it possibly may.
    """
    own = account.account_id
    theirs = [
        (other, each)
        for other, given in entries.items()
        for each in given
        if other != own
        and each.entry.principal.account_id in (own, None)
        and each.role_arn.split(":")[1] == account.partition  # no role crosses partitions
    ]
    people = account.principals
    people = people[people["kind"].isin(["user", "role"]) & people["principal_arn"].notna()]
    people = without_service_linked(people, account.roles)
    unseen = set(account.users.loc[account.users["evidence"] == REPORT_ONLY, "user_arn"])
    columns = ["principal_arn", "kind", "name"]
    for arn, kind, name in people[columns].itertuples(index=False, name=None):
        about = {"of_account": own, "principal_arn": arn, "kind": kind, "name": name}
        who = account.callers.context(arn, _BEST[kind]).but(_ELSEWHERE)
        for (other, role_arn), (admitted, statement) in _admitting(arn, own, who, theirs).items():
            there = who.but({"aws:ResourceAccount": other})
            decision = decide(ASSUME, role_arn, there, **account.callers.layers(arn)._asdict())
            if decision.possible or arn in unseen:
                certain = admitted and bool(decision) and arn not in unseen
                said = decision.why if arn not in unseen else "its policies are not in the evidence"
                role = {"role_account": other, "role_arn": role_arn, "statement": statement}
                yield {**about, **role, "certain": certain, "because": said}


def _admitting(
    arn: str,
    own: str,
    who: RequestContext,
    theirs: Iterable[tuple[str, CrossAccountEntry]],
) -> dict[tuple[str, str], tuple[bool, str | None]]:
    """The roles, by account and ARN, that admit an identity: whether certainly, and by what."""
    found: dict[tuple[str, str], tuple[bool, str | None]] = {}
    for other, each in theirs:
        answer = each.admits(arn, own, who.but({"aws:ResourceAccount": other}))
        role = (other, each.role_arn)
        if answer or (answer is None and role not in found):
            found[role] = (answer is True, each.statement)
    return found


def cross_account_roles(rows: Iterable[Any], privileges: pd.Series[Any]) -> pd.DataFrame:
    """Return rows as a table; `privileges` says by ARN what roles may do."""
    names = [each.name for each in CROSS_ACCOUNT_ROLES.columns]
    found = pd.DataFrame(list(rows), columns=names)
    known = privileges[~privileges.index.duplicated()]
    found["role_privilege"] = known.reindex(found["role_arn"]).array
    return CROSS_ACCOUNT_ROLES.conform(found)
