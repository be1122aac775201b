"""
Which roles a platform made in the account, who stands behind them, and which only look so.

A name can be taken by anybody who may create a role. So a role is a platform's by its name, its
path *and* everybody whom its trust policy admits; one that has the name and admits others is an
impostor, or was changed. Where the evidence does not say which account manages the organization, or
which accounts are in it, a role that such an account should assume is neither: nothing is excused
that is not known.

Service-linked roles are left out, see `tables.service_linked`: IAM itself keeps their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

from iamkit.reference import PlatformRole, platform_roles
from iamkit.table import TEXT, TRUTH, Column, Table, lists_by_key
from iamkit.tables import AccountTables, without_service_linked
from iamkit.trust.inbound import known_accounts

GENUINE: Final = "genuine"
IMPOSTOR: Final = "impostor"
NOT_KNOWN: Final = "not known"

PLATFORM_ROLES: Final = Table(
    name="platform_roles",
    row="one role that a platform made, or that has the name of such a role",
    key=("role_arn",),
    columns=(
        Column("role_arn", TEXT, "role; service-linked ones are left out"),
        Column("role_name", TEXT, "its name"),
        Column("made_by", TEXT, "id of the kind of role, in platform_roles.yaml"),
        Column("platform", TEXT, "platform that made the role, or whose role it resembles"),
        Column(
            "standing",
            TEXT,
            "genuine; impostor: it has the name, but not the path or trust policy of the "
            "platform's role; not known: the evidence does not say which account manages the "
            "organization, or cannot be read",
            values=(GENUINE, IMPOSTOR, NOT_KNOWN),
        ),
        Column(
            "problem",
            TEXT,
            "what differs from the platform's role, or is not known; missing: genuine",
        ),
        Column(
            "named",
            TRUTH,
            "only the platform gives this name; other roles count as the account's own",
        ),
        Column("fixed", TRUTH, "the platform decides its permissions, not the account owner"),
        Column("behind", TEXT, "who assumes it, in words"),
        Column("unused", TEXT, "what to do if it is not used; missing: the platform needs it"),
        Column("change", TEXT, "how to change it; missing: like any role"),
        Column("tighten", TEXT, "what can be restricted further; missing: nothing"),
        Column("source", TEXT, "page of AWS's documentation about it"),
    ),
)


def named_platform_roles(account: AccountTables, trusted_principals: pd.DataFrame) -> pd.DataFrame:
    """Return the roles of platforms, and those that look so. Rows: see `PLATFORM_ROLES`."""
    roles = without_service_linked(account.roles, account.roles, "role_arn")
    admitted = trusted_principals[trusted_principals["who"].ne("deleted identity")]
    readable = admitted[admitted["principal"].notna()]
    trusts = lists_by_key(readable["role_arn"], readable["principal"])
    unreadable = frozenset(admitted.loc[admitted["who"].eq("unreadable"), "role_arn"])
    managers = account.organization["management_account_id"].dropna().tolist()
    attached = account.attachments[account.attachments["how"].ne("boundary")]
    policies = lists_by_key(attached["principal_arn"], attached["policy_arn"])
    judge = _Judge(account, managers[0] if managers else None)
    found = []
    columns = (roles[name] for name in ("role_arn", "role_name", "path"))
    for arn, name, path in zip(*columns, strict=True):
        whom = trusts.get(arn, [])
        if (kind := judge.kind(name, path, whom)) is None:
            continue
        wrong = list(judge.wrong(kind, name, path, whom))
        unknown = "its trust policy cannot be read" if arn in unreadable else ""
        unknown = unknown or judge.unknown(kind, whom)
        standing = NOT_KNOWN if unknown else IMPOSTOR if wrong else GENUINE
        found.append(
            {
                "role_arn": arn,
                "role_name": name,
                "made_by": kind.id,
                "platform": kind.platform,
                "standing": standing,
                "problem": unknown or "; ".join(wrong) or None,
                "named": kind.named,
                "fixed": kind.fixed,
                "behind": kind.behind.replace("{management}", judge.management or "not known"),
                "unused": kind.unused or None,
                "change": kind.change or None,
                "tighten": kind.to_tighten(whom, policies.get(arn, [])) or None,
                "source": kind.source,
            }
        )
    return PLATFORM_ROLES.rows(*found)


class _Judge:
    """What of a role is a platform's, in one account."""

    def __init__(self, account: AccountTables, management: str | None) -> None:
        self.management = management
        self._account_id = account.account_id
        self._yours = known_accounts(account)
        self._listed = not account.organization_accounts.empty

    def kind(self, name: str, path: str, trusts: list[str]) -> PlatformRole | None:
        """The kind of role that this is, or is called like."""
        for kind in platform_roles():
            if kind.called(name, self._account_id) and (
                kind.named or not list(self.wrong(kind, name, path, trusts))
            ):
                return kind
        return None

    def wrong(self, kind: PlatformRole, name: str, path: str, trusts: list[str]) -> Iterator[str]:
        """What of a role that is called so is not the platform's."""
        if not kind.called_exactly(name, self._account_id):
            yield "its name is spelt differently"
        if not kind.lies_under(path):
            yield f"its path is {path}"
        others = [who for who in dict.fromkeys(trusts) if not self._lets_in(kind, who)]
        if others:
            yield f"it trusts {' and '.join(others)}"
        if not trusts:
            yield "it trusts nobody"

    def unknown(self, kind: PlatformRole, trusts: list[str]) -> str:
        """Why nothing can be said of a role of a kind; empty if something can."""
        asked = any("{management}" in pattern for pattern in kind.trusts)
        if asked and self.management is None:
            return "the evidence does not say which account manages the organization"
        others = [who for who in trusts if not self._lets_in(kind, who)]
        account_id, management = self._account_id, self.management
        if others and not self._listed:  # members cannot list the organization's accounts
            known = all(kind.admits(who, account_id, management, None) for who in others)
            return "the evidence does not list the organization's accounts" if known else ""
        return ""

    def _lets_in(self, kind: PlatformRole, principal: str) -> bool:
        return kind.admits(principal, self._account_id, self.management, self._yours)
