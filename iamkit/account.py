"""
The account as a notebook meets it: its tables, and the questions that can be asked of them.

`tables.Account` holds what the evidence says. Here it learns to answer what follows from it; each
question lives in the module that its docstring names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import pandas as pd

from iamkit import checks, crossings, permissions, tables
from iamkit import chokes as choking
from iamkit import enforcement as enforcing
from iamkit import escalation as escalating
from iamkit import fences as fencing
from iamkit import identities as people
from iamkit import lint as linting
from iamkit import networks as lists
from iamkit import powers as policies
from iamkit.callers import Callers
from iamkit.decisions import Decision
from iamkit.findings import Outcome
from iamkit.permissions import Permissions
from iamkit.reach import Reach
from iamkit.settings import Settings
from iamkit.ways import Ways

# What is derived, and from which tables: where one lacks evidence, so does what follows from it.
DERIVED: Final = {
    "permissions": ("holdings",),
    "administrators": ("holdings",),
    "lint": ("policies", "trust"),
    "powers": ("policies",),
    "enforcement": ("holdings", "trust"),
    "fences": ("holdings",),
    "networks": ("holdings", "trust"),
    "callers": ("holdings", "trust"),
    "graph": ("holdings", "trust", "credentials"),
    "escalations": ("holdings", "trust", "credentials"),
    "to_administrator": ("holdings", "trust", "credentials"),
    "doors": ("trust",),
    "outward": ("holdings",),
}


T = TypeVar("T")


def _derived(build: Callable[[Account], T]) -> cached_property[T]:
    """Make a property computed once, without the garbage collector walking the evidence again."""

    @wraps(build)
    def built(account: Account) -> T:
        with permissions.undisturbed():
            return build(account)

    return cached_property(built)


class Account(tables.Account):
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
        return permissions.effective(self, callers=self.callers)

    @_derived
    def lint(self) -> pd.DataFrame:
        """What is wrong with policies as written, a problem a row; see `lint.LINT`."""
        found: pd.DataFrame = linting.lint(self, self.callers.catalog)
        return found

    @cached_property
    def administrators(self) -> pd.DataFrame:
        """
        Users and roles that can do everything in some context: principal_arn, kind, name, `admin`.

        `admin` is "everything", or "through IAM" for those who can give themselves everything.
        """
        summary = (
            self.permissions.summary().query("admin != ''").sort_values("admin", kind="stable")
        )
        first = summary.drop_duplicates("principal_arn")
        return first[["principal_arn", "kind", "name", "admin"]].reset_index(drop=True)

    @_derived
    def enforcement(self) -> pd.DataFrame:
        """Who is made to use MFA. Rows: see `enforcement.ENFORCEMENT`."""
        return enforcing.enforcement(self, self.permissions)

    @_derived
    def fences(self) -> pd.DataFrame:
        """From where each identity can be used. Rows: see `fences.FENCES`."""
        return fencing.fences(self, self.permissions)

    @_derived
    def networks(self) -> pd.DataFrame:
        """Every list of networks in a policy. Rows: see `networks.NETWORKS`."""
        return lists.networks(self, self.callers)

    @_derived
    def doors(self) -> pd.DataFrame:
        """Whom each role's trust policy lets in. Rows: see `crossings.DOORS`."""
        return crossings.entrances(self)

    @_derived
    def outward(self) -> pd.DataFrame:
        """Roles of other accounts that identities may assume. Rows: see `crossings.OUTWARD`."""
        return crossings.outward(self, self.callers)

    @_derived
    def powers(self) -> pd.DataFrame:
        """What each policy alone gives. Rows: see `powers.POWERS`."""
        return policies.powers(self, self.callers)

    @_derived
    def graph(self) -> Reach:
        """Who can become whom; see `reach.Reach`."""
        return Reach(Ways(self.callers, self.permissions))

    @_derived
    def escalations(self) -> pd.DataFrame:
        """Who can gain permissions, in which way. Rows: see `escalation.ESCALATIONS`."""
        return escalating.escalations(self.graph)

    @_derived
    def to_administrator(self) -> pd.DataFrame:
        """Who can come to do everything, in which contexts. Rows: see `reach.RISES`."""
        return self.graph.rises

    def reach(self, principal: str, context: str = "stolen-key") -> pd.DataFrame:
        """
        Whom a user or role, by name or ARN, can become. Rows: see `reach.REACHED`.

        `context` says how it came, one of `permissions.DEFAULT`. Raises `SettingsError` for a
        principal or a context that there is not.
        """
        return self.graph.of(self.callers.principal(principal)["principal_arn"], context)

    def chokes(self, context: str = "stolen-key", number: int = 6) -> pd.DataFrame:
        """Where to cut the ways to administration. Rows: see `chokes.CHOKES`."""
        return choking.chokes(self.graph, context, number)

    @_derived
    def checked(self) -> Outcome:
        """Findings, results and accepted risks, of every check; see `checks.run_checks`."""
        return checks.run_checks(self)

    @_derived
    def identities(self) -> pd.DataFrame:
        """One row per identity, with its verdict and next steps; see `identities.IDENTITIES`."""
        return people.identities(self)

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
            context: self.can(principal, action, resource, context)
            for context in permissions.CONTEXTS
        }
        return pd.DataFrame(
            {
                "context": list(decisions),
                "effect": [decision.effect for decision in decisions.values()],
                "why": [decision.why for decision in decisions.values()],
            }
        )

    @cached_property
    def callers(self) -> Callers:
        """Whose policies bind whom, and what a request of each carries; see `callers.Callers`."""
        return Callers(self)


def load(
    path: str | Path = "latest",
    settings_file: str | Path | Settings = "",
    *,
    account_id: str | None = None,
    **thresholds: Any,
) -> Account:
    """
    Open a snapshot and return its account. Arguments and errors: see `tables.load`.

    `path` is a snapshot's folder, or `latest` for the newest one under `reports/`.
    """
    opened = tables.load(path, settings_file, account_id=account_id, **thresholds)
    return Account(**{field.name: getattr(opened, field.name) for field in fields(opened)})
