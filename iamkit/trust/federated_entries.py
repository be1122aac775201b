"""
Entries of trust policies for identity providers, and whether they accept a chosen token.

Source: IAM User Guide, "Available keys for SAML-based AWS STS federation".
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pandas as pd

from iamkit.policy import RequestContext, Truth, choices, conditions
from iamkit.trust import trust_policy
from iamkit.trust.trust_policy import TrustEntry

_FEDERATED: Final = "Federated"


class FederatedEntry(NamedTuple):
    """A provider that a role trusts, and on what conditions."""

    role_arn: str
    provider: str
    entry: TrustEntry

    def admits_chosen(self, prefix: str, context: RequestContext) -> Truth:
        """
        Whether somebody gets in who writes every claim of the token.

        `prefix`, in lower case, is how the condition keys of the claims begin.
        """
        tested = [self.entry.condition, *(each.condition for each in self.entry.denials)]
        keys = {key for each in tested for key in conditions.keys(each)}
        claims = {key for key in keys if key.startswith(prefix)}
        tried = [context, *map(context.joined, choices.condition_choices(tested, context, claims))]
        answers = {self.entry.admits(each) for each in tried}
        return True if True in answers else (None if None in answers else False)


def federated_entries(trust: pd.DataFrame, roles: pd.DataFrame) -> list[FederatedEntry]:
    """Return the entries for identity providers, of trust policies that can be read."""
    found = trust_policy.entries(trust, roles)
    rows = trust_policy.rows(found[found["principal_type"].eq(_FEDERATED)])
    return [FederatedEntry(row["role_arn"], row["principal"], TrustEntry.of(row)) for row in rows]
