"""
The account as a notebook meets it: its tables, and the questions that can be asked of them.

`tables.Account` holds what the evidence says. Here it learns to answer what follows from it; each
question lives in the module that its docstring names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import pandas as pd

from iamkit.access import (
    CONTEXTS,
    Permissions,
    Principals,
    administrators,
    effective,
    policy_grants,
)
from iamkit.checks import Audit, run_checks
from iamkit.escalation import AvailablePaths, EscalationGraph, choke_points, escalations
from iamkit.lint import lint
from iamkit.memory import garbage_collection_paused
from iamkit.policy import Decision
from iamkit.restrictions import mfa_enforcement, network_lists, network_restrictions
from iamkit.results import identities
from iamkit.settings import Settings
from iamkit.tables import AccountTables, open_account
from iamkit.trust import outbound_roles, trusted_principals

# What is derived, and from which tables: where one lacks evidence, so does what follows from it.
DERIVED: Final = {
    "permissions": ("policy_assignments",),
    "administrators": ("policy_assignments",),
    "lint": ("policies", "trust"),
    "policy_grants": ("policies",),
    "mfa_enforcement": ("policy_assignments", "trust"),
    "network_restrictions": ("policy_assignments",),
    "network_lists": ("policy_assignments", "trust"),
    "callers": ("policy_assignments", "trust"),
    "graph": ("policy_assignments", "trust", "credentials"),
    "escalations": ("policy_assignments", "trust", "credentials"),
    "admin_paths": ("policy_assignments", "trust", "credentials"),
    "trusted_principals": ("trust",),
    "outbound_roles": ("policy_assignments",),
}

T = TypeVar("T")


def _derived(build: Callable[[Account], T]) -> cached_property[T]:
    """Make a property computed once, without the garbage collector walking the evidence again."""

    @wraps(build)
    def built(account: Account) -> T:
        with garbage_collection_paused():
            return build(account)

    return cached_property(built)


class Account(AccountTables):
    """An AWS account as its evidence shows it, and what each of its identities can do."""

    def missing(self, *tables: str) -> str:
        """
        Say in a sentence which evidence these tables lack; empty if they lack none.

        Knows what is derived from tables, too.
        """
        return super().missing(*(base for name in tables for base in DERIVED.get(name, (name,))))

    @cached_property
    def permissions(self) -> Permissions:
        """Every user and role in the six contexts of a caller; see `permissions.effective`."""
        return effective(self, callers=self.callers)

    @_derived
    def lint(self) -> pd.DataFrame:
        """What is wrong with policies as written, a problem a row; see `lint.LINT`."""
        found: pd.DataFrame = lint(self, self.callers.catalog)
        return found

    @cached_property
    def administrators(self) -> pd.DataFrame:
        """
        Users and roles that can do everything in some context: principal_arn, kind, name, `admin`.

        `admin` is "everything", or "through IAM" for those who can give themselves everything.
        """
        return administrators(self.permissions.summary())

    @_derived
    def mfa_enforcement(self) -> pd.DataFrame:
        """Who is made to use MFA. Rows: see `enforcement.MFA_ENFORCEMENT`."""
        return mfa_enforcement(self, self.permissions)

    @_derived
    def network_restrictions(self) -> pd.DataFrame:
        """From where each identity can be used. Rows: see `fences.NETWORK_RESTRICTIONS`."""
        return network_restrictions(self, self.permissions)

    @_derived
    def network_lists(self) -> pd.DataFrame:
        """Every list of networks in a policy. Rows: see `networks.NETWORK_LISTS`."""
        return network_lists(self, self.callers)

    @_derived
    def trusted_principals(self) -> pd.DataFrame:
        """Whom each role's trust policy lets in. Rows: see `crossings.TRUSTED_PRINCIPALS`."""
        return trusted_principals(self)

    @_derived
    def outbound_roles(self) -> pd.DataFrame:
        """Roles of other accounts that identities may assume. Rows: see `crossings.OUTBOUND_ROLES`."""
        return outbound_roles(self, self.callers)

    @_derived
    def policy_grants(self) -> pd.DataFrame:
        """What each policy alone gives. Rows: see `powers.POLICY_GRANTS`."""
        return policy_grants(self, self.callers)

    @_derived
    def graph(self) -> EscalationGraph:
        """Who can become whom; see `reach.Reach`."""
        return EscalationGraph(AvailablePaths(self.callers, self.permissions))

    @_derived
    def escalations(self) -> pd.DataFrame:
        """Who can gain permissions, in which way. Rows: see `escalation.ESCALATIONS`."""
        return escalations(self.graph)

    @_derived
    def admin_paths(self) -> pd.DataFrame:
        """Who can come to do everything, in which contexts. Rows: see `reach.ADMIN_PATHS`."""
        return self.graph.rises

    def reach(self, principal: str, context: str = "stolen-key") -> pd.DataFrame:
        """
        Whom a user or role, by name or ARN, can become. Rows: see `reach.REACHED`.

        `context` says how it came, one of `permissions.DEFAULT`. Raises `SettingsError` for a
        principal or a context that there is not.
        """
        return self.graph.of(self.callers.principal(principal)["principal_arn"], context)

    def choke_points(self, context: str = "stolen-key", number: int = 6) -> pd.DataFrame:
        """Where to cut the ways to administration. Rows: see `chokes.CHOKE_POINTS`."""
        return choke_points(self.graph, context, number)

    @_derived
    def audit(self) -> Audit:
        """Findings, results and accepted risks, of every check; see `checks.run_checks`."""
        return run_checks(self)

    @_derived
    def identities(self) -> pd.DataFrame:
        """One row per identity, with its verdict and next steps; see `identities.IDENTITIES`."""
        return identities(self)

    @property
    def has_control_policies(self) -> bool:
        """Whether the evidence says which service control policies apply, if any do."""
        return self.callers.has_scps

    def can(
        self, principal: str, action: str, resource: str = "*", context: str = "stolen-key"
    ) -> Decision:
        """
        Decide one request of a principal, by name or ARN, in a named context.

        The `Decision` is true where the request is certainly allowed, and says why either way.
        `context` is one of `permissions.CONTEXTS`. Raises `SettingsError` for a principal or a
        context that does not exist.
        """
        return self.callers.decide(principal, action, resource, context)

    def why(self, principal: str, action: str, resource: str = "*") -> pd.DataFrame:
        """Decide one request in every named context: `context`, `effect`, `why`."""
        decisions = {
            context: self.can(principal, action, resource, context) for context in CONTEXTS
        }
        return pd.DataFrame(
            {
                "context": list(decisions),
                "effect": [decision.effect for decision in decisions.values()],
                "why": [decision.why for decision in decisions.values()],
            }
        )

    @cached_property
    def callers(self) -> Principals:
        """Whose policies bind whom, and what a request of each carries; see `callers.Callers`."""
        return Principals(self)


def load(
    path: str | Path = "latest",
    settings_file: str | Path | Settings = "",
    *,
    account_id: str | None = None,
    **thresholds: Any,
) -> Account:
    """
    Open a snapshot and return its account. Arguments and errors: see `tables.open_account`.

    `path` is a snapshot's folder, or `latest` for the newest one under `reports/`.
    """
    return Account(*open_account(path, settings_file, account_id=account_id, **thresholds))
