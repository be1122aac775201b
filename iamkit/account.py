"""
The account as a notebook meets it: its tables, and the questions that can be asked of them.

`tables.Account` holds what the evidence says. Here it learns to answer what follows from it; each
question lives in the module that its docstring names.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from iamkit import lint as linting
from iamkit import permissions, tables
from iamkit.callers import Callers
from iamkit.decisions import Decision
from iamkit.permissions import Permissions
from iamkit.settings import Settings


class Account(tables.Account):
    """An AWS account as its evidence shows it, and what each of its identities can do."""

    @cached_property
    def permissions(self) -> Permissions:
        """Every user and role in the six contexts of a caller; see `permissions.effective`."""
        return permissions.effective(self)

    @cached_property
    def lint(self) -> pd.DataFrame:
        """What is wrong with policies as written, a problem a row; see `lint.LINT`."""
        found: pd.DataFrame = linting.lint(self, self._callers.catalog)
        return found

    @property
    def has_control_policies(self) -> bool:
        """Whether the evidence says which service control policies apply, if any do."""
        return self._callers.has_scps

    def can(
        self, principal: str, action: str, resource: str = "*", context: str = "stolen-key"
    ) -> Decision:
        """
        Decide one request of a principal, by name or ARN, in a named context.

        The `Decision` is true where the request is certainly allowed, and says why either way.
        `context` is one of `permissions.CONTEXTS`. Raises `SettingsError` for a principal or a
        context that does not exist.
        """
        return self._callers.decide(principal, action, resource, context)

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
    def _callers(self) -> Callers:
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
