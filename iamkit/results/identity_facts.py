"""Everything about one identity, from all tables: a fact a row, in the order of an audit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from iamkit.checks import Status

Fact = tuple[str, str, Any]  # what it is about, what is said, and the value

# Columns of `identities`, under the topic and name with which they are shown.
SUMMARY: Final = (
    ("identity", "kind", "kind"),
    ("identity", "ARN", "principal_arn"),
    ("identity", "owner", "owner"),
    ("identity", "verdict", "verdict"),
    ("identity", "kind of access", "access"),
    ("identity", "last used", "last_used"),
    ("permissions", "privilege", "privilege"),
    ("permissions", "what it may change", "privilege_detail"),
    ("permissions", "steps to administrator access", "admin_steps"),
    ("if stolen", "actions that its credentials allow from outside", "exposed_actions"),
    ("if stolen", "worst class of these", "exposed_worst"),
)

# Of these, missing says that there is none.
MAY_LACK: Final = ("owner", "privilege_detail", "admin_steps", "exposed_worst")


def identity_facts(account: Any, arn: str) -> pd.DataFrame:
    """
    Return what all tables say of a user, a role or the root user: `about`, `fact` and `value`.

    `value` is text; "not known" where the evidence does not say.
    """
    rows = [
        *_summary(account, arn),
        *_credentials(account, arn),
        *_verdicts(account, arn),
        *_policies(account, arn),
        *_trust(account, arn),
        *_escalation(account, arn),
        *_findings(account, arn),
    ]
    said = [(about, fact, _said(value)) for about, fact, value in rows]
    return pd.DataFrame(said, columns=["about", "fact", "value"])


def _said(value: Any) -> str:
    if isinstance(value, list | tuple | set):
        return "; ".join(map(str, value)) or "none"
    if pd.isna(value):
        return "not known"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _of(frame: pd.DataFrame, column: str, arn: str) -> Iterator[Any]:
    """The rows of a table that are about this identity."""
    return iter(frame[frame[column] == arn].itertuples(index=False))


def _summary(account: Any, arn: str) -> Iterator[Fact]:
    for row in _of(account.identities, "principal_arn", arn):
        for about, fact, column in SUMMARY:
            value = getattr(row, column)
            if not (column in MAY_LACK and pd.isna(value)):
                yield about, fact, value
    for row in _of(account.incomplete, "subject", arn):
        yield "identity", "the evidence lacks", row.meaning


def _credentials(account: Any, arn: str) -> Iterator[Fact]:
    for row in _of(account.credentials, "user_arn", arn):
        yield (
            "credentials",
            "password",
            bool(row.password_enabled) if pd.notna(row.password_enabled) else None,
        )
        if pd.notna(row.password_enabled) and row.password_enabled:
            yield "credentials", "password set", row.password_changed
            yield "credentials", "password used", row.password_used
        yield (
            "credentials",
            "MFA registered",
            (bool(row.mfa_registered) if pd.notna(row.mfa_registered) else None),
        )
    for row in _of(account.access_keys, "user_arn", arn):
        if pd.notna(row.exists) and row.exists:
            used = "never used" if pd.isna(row.used) else f"used {row.used:%Y-%m-%d}"
            used = used if pd.isna(row.used_service) else f"{used} for {row.used_service}"
            state = "active" if pd.notna(row.active) and row.active else "inactive"
            age = "of unknown age" if pd.isna(row.age_days) else f"{row.age_days} days old"
            yield "credentials", f"access key {row.slot}", f"{state}, {age}, {used}"
    for row in _of(account.mfa_devices, "user_arn", arn):
        yield "credentials", "MFA device", f"{row.serial} ({_said(row.kind)})"


def _verdicts(account: Any, arn: str) -> Iterator[Fact]:
    for topic, table in (("MFA", "mfa_enforcement"), ("networks", "network_restrictions")):
        for row in _of(getattr(account, table), "principal_arn", arn):
            yield topic, "verdict", row.verdict
            for fact, value in (("why", row.why), ("one request that is allowed", row.witness)):
                if pd.notna(value) and value:
                    yield topic, fact, value


def _policies(account: Any, arn: str) -> Iterator[Fact]:
    policies = account.policies.drop_duplicates("policy_arn").set_index("policy_arn")
    names = account.principals.drop_duplicates("principal_arn").set_index("principal_arn")["name"]
    for row in _of(account.memberships, "user_arn", arn):
        yield "policies", "member of group", names.get(row.group_arn, row.group_arn)
    for row in _of(account.policy_assignments, "principal_arn", arn):
        known = row.policy_arn in policies.index
        kind = policies.loc[row.policy_arn, "kind"] if known else "not shown"
        name = policies.loc[row.policy_arn, "policy_name"] if known else row.policy_arn
        by = (
            ""
            if pd.isna(row.via_arn) or row.via_arn == arn
            else f" by {names.get(row.via_arn, row.via_arn)}"
        )
        yield "policies", f"{kind} policy", f"{name}{by}"
    for row in _of(account.principals, "principal_arn", arn):
        if pd.notna(row.boundary_arn):
            yield "policies", "permissions boundary", row.boundary_arn


def _trust(account: Any, arn: str) -> Iterator[Fact]:
    for row in _of(account.trusted_principals, "role_arn", arn):
        problem = f": {row.problem}" if pd.notna(row.problem) and row.problem else ""
        yield "who may assume it", row.who, f"{row.principal}{problem}"


def _escalation(account: Any, arn: str) -> Iterator[Fact]:
    paths = account.admin_paths
    certain = paths[(paths["principal_arn"] == arn) & paths["steps"].gt(0).fillna(value=False)]
    for row in certain.itertuples(index=False):
        yield "escalation", f"path to administrator ({row.context})", list(row.how)
    own = account.escalations
    own = own[(own["principal_arn"] == arn) & (own["status"] == "proven")]
    for method in own["description"].drop_duplicates():
        yield "escalation", "proven method", method


def _findings(account: Any, arn: str) -> Iterator[Fact]:
    for row in _of(account.audit.findings, "subject", arn):
        if row.status != Status.NOTED:
            state = "" if row.status == Status.FAIL else f", {row.status}"
            yield "findings", f"{row.severity}{state}", f"{row.title}: {row.detail}"
    for row in _of(account.identities, "principal_arn", arn):
        for step in row.next_steps if isinstance(row.next_steps, list) else ():
            yield "findings", "next step", step
