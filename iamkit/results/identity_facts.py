"""Everything about one identity, from all tables: a fact a row, in the order of an audit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Any, Final

import pandas as pd

from iamkit.checks import Status
from iamkit.counts import counted
from iamkit.restrictions import MfaVerdict
from iamkit.results.requests_in_words import request
from iamkit.results.without_device import REGISTERING, why_both

FOLLOWS: Final = "what follows"  # from a verdict, together with what else is known

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
    return facts_of(account, [arn])[arn]


def facts_of(account: Any, arns: Collection[str]) -> dict[str, pd.DataFrame]:
    """Return the facts of some identities, by ARN: each table is looked through once for all."""
    tables = _Tables(account, arns)
    found = {}
    for arn in arns:
        said = [(about, fact, _said(value)) for topic in _TOPICS for about, fact, value in
                topic(tables, arn)]  # fmt: skip
        found[arn] = pd.DataFrame(said, columns=["about", "fact", "value"])
    return found


class _Tables:
    """The rows of an account's tables that are about some identities."""

    def __init__(self, account: Any, arns: Collection[str]) -> None:
        self._account, self._arns = account, arns
        self._rows: dict[str, dict[str, list[Any]]] = {}

    def of(self, table: str, column: str, arn: str) -> list[Any]:
        """The rows of a table about one of them, whose ARN is in the column."""
        if table not in self._rows:
            account = self._account
            frame = account.audit.findings if table == "findings" else getattr(account, table)
            by_arn: dict[str, list[Any]] = {each: [] for each in self._arns}
            for row in frame[frame[column].isin(by_arn)].itertuples(index=False):
                by_arn[getattr(row, column)].append(row)
            self._rows[table] = by_arn
        return self._rows[table][arn]

    @cached_property
    def names(self) -> dict[str, str]:
        """The name of each principal."""
        principals = self._account.principals.drop_duplicates("principal_arn")
        return dict(zip(principals["principal_arn"], principals["name"], strict=True))

    @cached_property
    def policies(self) -> dict[str, tuple[str, str]]:
        """Kind and name of each policy."""
        found = self._account.policies.drop_duplicates("policy_arn")
        kinds = zip(found["kind"], found["policy_name"], strict=True)
        return dict(zip(found["policy_arn"], kinds, strict=True))


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


def _summary(tables: _Tables, arn: str) -> Iterator[Fact]:
    for row in tables.of("identities", "principal_arn", arn):
        for about, fact, column in SUMMARY:
            value = getattr(row, column)
            if not (column in MAY_LACK and pd.isna(value)):
                yield about, fact, value
    for row in tables.of("incomplete", "subject", arn):
        yield "identity", "what the evidence lacks", row.reason


def _flag(value: Any) -> bool | None:
    return bool(value) if pd.notna(value) else None


def _credentials(tables: _Tables, arn: str) -> Iterator[Fact]:
    rows = tables.of("credentials", "user_arn", arn)
    for row in rows:
        yield "credentials", "password", _flag(row.password_enabled)
        if _flag(row.password_enabled):
            yield "credentials", "password set", row.password_changed
            yield "credentials", "password used", row.password_used
        yield "credentials", "MFA registered", _flag(row.mfa_registered)
    if not rows and any(
        row.kind != "role" for row in tables.of("identities", "principal_arn", arn)
    ):
        for fact in ("password", "MFA registered", "access keys"):
            yield "credentials", fact, None  # the credential report has no row for it
    for row in tables.of("access_keys", "user_arn", arn):
        if pd.notna(row.exists) and row.exists:
            used = "never used" if pd.isna(row.used) else f"used {row.used:%Y-%m-%d}"
            used = used if pd.isna(row.used_service) else f"{used} for {row.used_service}"
            state = "active" if pd.notna(row.active) and row.active else "inactive"
            age = (
                "of unknown age"
                if pd.isna(row.age_days)
                else f"{counted(row.age_days, 'days')} old"
            )
            yield "credentials", f"access key {row.slot}", f"{state}, {age}, {used}"
    for row in tables.of("mfa_devices", "user_arn", arn):
        yield "credentials", "MFA device", f"{row.serial} ({_said(row.kind)})"


def _verdicts(tables: _Tables, arn: str) -> Iterator[Fact]:
    for topic, table in (("MFA", "mfa_enforcement"), ("networks", "network_restrictions")):
        for row in tables.of(table, "principal_arn", arn):
            yield topic, "verdict", row.verdict
            for fact, value in (
                ("why", row.why),
                ("one request that is allowed", request(row.witness)),
            ):
                if pd.notna(value) and value:
                    yield topic, fact, value
    for row in tables.of("identities", "principal_arn", arn):
        without = pd.notna(row.mfa_registered) and not row.mfa_registered
        if without and row.mfa_enforced == MfaVerdict.ENFORCED:
            methods = tables.of("escalations", "principal_arn", arn)
            proven = any(of.method == REGISTERING and of.status == "proven" for of in methods)
            yield "MFA", FOLLOWS, why_both(row.access, registers=proven)


def _policies(tables: _Tables, arn: str) -> Iterator[Fact]:
    names = tables.names
    for row in tables.of("memberships", "user_arn", arn):
        yield "policies", "member of group", names.get(row.group_arn, row.group_arn)
    for row in tables.of("policy_assignments", "principal_arn", arn):
        kind, name = tables.policies.get(row.policy_arn, ("not shown", row.policy_arn))
        by = (
            ""
            if pd.isna(row.via_arn) or row.via_arn == arn
            else f" by {names.get(row.via_arn, row.via_arn)}"
        )
        yield "policies", f"{kind} policy", f"{name}{by}"
    for row in tables.of("principals", "principal_arn", arn):
        if pd.notna(row.boundary_arn):
            yield "policies", "permissions boundary", row.boundary_arn


def _trust(tables: _Tables, arn: str) -> Iterator[Fact]:
    for row in tables.of("trusted_principals", "role_arn", arn):
        problem = f": {row.problem}" if pd.notna(row.problem) and row.problem else ""
        yield "who may assume it", row.who, f"{row.principal}{problem}"
    for row in tables.of("identities", "principal_arn", arn):
        if isinstance(row.people, list):
            yield "who may assume it", "people", row.people
    for row in tables.of("role_holders", "role_arn", arn):
        if pd.notna(row.note):
            yield "who may assume it", "people who are not named", row.note


def _escalation(tables: _Tables, arn: str) -> Iterator[Fact]:
    for row in tables.of("admin_paths", "principal_arn", arn):
        if pd.notna(row.steps) and row.steps > 0:
            yield "escalation", f"path to administrator ({row.context})", list(row.how)
    own = [row for row in tables.of("escalations", "principal_arn", arn) if row.status == "proven"]
    for method in dict.fromkeys(row.description for row in own):
        yield "escalation", "proven method", method


def _findings(tables: _Tables, arn: str) -> Iterator[Fact]:
    for row in tables.of("findings", "subject", arn):
        if row.status != Status.NOTED:
            state = "" if row.status == Status.FAIL else f", {row.status}"
            yield "findings", f"{row.severity}{state}", f"{row.title}: {row.detail}"
    for row in tables.of("identities", "principal_arn", arn):
        for step in row.next_steps if isinstance(row.next_steps, list) else ():
            yield "findings", "next step", step


_TOPICS: Final = (
    _summary,
    _credentials,
    _verdicts,
    _policies,
    _trust,
    _escalation,
    _findings,
)
