"""
The policies of the organization that apply to an account: SCPs and RCPs.

Service control policies (SCPs) limit the account's principals, on each level from the root of the
organization to the account. Resource control policies (RCPs) limit its resources, independent of
who asks for them: other accounts and the root user too. Neither applies in the organization's
management account, or to service-linked roles.

Of an RCP only what it denies counts: AWS lets customers write no Allow, and `RCPFullAWSAccess`,
which allows everything on each level, cannot be detached.

Source: Organizations User Guide, "SCP evaluation", "Resource control policies" and "RCP syntax".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from iamkit.evidence import requests
from iamkit.policy import (
    DOUBT,
    UNKNOWN,
    Policy,
    RequestContext,
    Statement,
    on_resource,
)
from iamkit.tables.schema import TRUST
from iamkit.tables.service_linked import without_service_linked
from iamkit.values import as_dict

if TYPE_CHECKING:
    from iamkit.tables.tables import AccountTables

_NUMBERS: Final = (
    1_000_000  # of an RCP's statements among those of a trust policy, which come first
)
_UNKNOWN: Final = RequestContext({}, UNKNOWN)


def service_control_policies(account: AccountTables) -> tuple[tuple[Policy, ...], ...] | None:
    """
    SCPs by level, the root first; None if the evidence does not say, () if none apply.

    AWS lets nobody detach the last SCP of a level: if all levels are empty, the organization does
    not use SCPs; if one is, it is not known what the level allows.
    """
    levels = _levels(account, requests.CONTROL_POLICIES.file)
    if not levels or not any(levels):
        return None if levels is None else ()
    unseen = (Policy("an SCP that is not in the evidence", None),)
    return tuple(level or unseen for level in levels)


def resource_control_denials(account: AccountTables) -> tuple[Statement, ...] | None:
    """
    The statements of RCPs that deny; None if the evidence does not say, () if none apply.

    What cannot be read may deny anything: such a statement has a condition that nobody knows. It is
    not known whether RCPs apply where the evidence does not say which account is the management
    account.
    """
    levels = _levels(account, requests.RESOURCE_POLICIES.file)
    if not levels:
        return None if levels is None else ()
    if not isinstance(_organization(account).get("MasterAccountId"), str):
        return None
    policies = {each.content: each for level in levels for each in level}
    return tuple(each for policy in policies.values() for each in _denials(policy))


def _levels(account: AccountTables, file: str) -> tuple[tuple[Policy, ...], ...] | None:
    """The policies in a file by level, the root first; () in the management account."""
    answer = account.snapshot.json(file)
    if answer is None:
        return None
    if _organization(account).get("MasterAccountId") == account.account_id:
        return ()
    return tuple(
        tuple(_policy(policy) for policy in target["Policies"])
        for target in reversed(answer["Targets"])
    )


def _organization(account: AccountTables) -> Mapping[str, Any]:
    return as_dict(as_dict(account.snapshot.json("organization.json")).get("Organization"))


def _policy(policy: Mapping[str, Any]) -> Policy:
    summary = policy.get("PolicySummary") or {}
    try:
        document = json.loads(policy["Content"])
    except (KeyError, TypeError, ValueError):
        document = None
    named = str(summary.get("Name") or summary.get("Id"))
    return Policy(named, document if isinstance(document, dict) else None)


def _denials(policy: Policy) -> Iterator[Statement]:
    """What an RCP denies, or may deny."""
    for each in policy.statements:
        if not each.allows:
            yield each
        elif set(each.condition_keys) == {DOUBT}:
            yield replace(each, allows=False)


def unsure(statement: Statement, key: str = DOUBT) -> Statement:
    """The same statement if something else holds that nobody knows; `key` says what."""
    written = as_dict(statement.condition)
    block = {**as_dict(written.get("StringLike")), key: "*"}
    return replace(statement, condition={**written, "StringLike": block})


def trust_with_denials(account: AccountTables) -> pd.DataFrame:
    """
    The account's trust policies, and for each role what RCPs deny to everyone. Rows: see `TRUST`.

    An RCP denies as if each trust policy said so too. Service-linked roles are exempt.
    """
    trust = account.trust
    statements = resource_control_denials(account)
    if not statements:
        return trust
    roles = without_service_linked(account.roles, account.roles, "role_arn")["role_arn"].dropna()
    rows = [
        row
        for number, each in enumerate(statements, start=_NUMBERS)
        for row in _rows(each, number, roles.unique())
    ]
    made = pd.DataFrame(rows, columns=TRUST.names)
    return pd.concat([trust, TRUST.conform(made)], ignore_index=True)


def _rows(statement: Statement, number: int, roles: Iterable[str]) -> Iterator[dict[str, Any]]:
    """A row for each role that a statement is about; the Sid says of which RCP it is."""
    shared = {
        "number": number,
        "sid": f"{statement.sid or statement.number} of the RCP {statement.policy}",
        "effect": "Deny",
        "principal_type": "*",
        "principal": "*",
        "negated": False,
        "actions": [] if statement.not_actions else list(statement.actions),
        "not_actions": list(statement.actions) if statement.not_actions else [],
        "variables": statement.variables,
    }
    conditions = statement.condition, unsure(statement).condition
    for role in roles:
        about = on_resource(statement, role, _UNKNOWN)
        if about is not False:
            written = conditions[about is None]
            yield {**shared, "role_arn": role, "conditions": written, "conditional": bool(written)}
