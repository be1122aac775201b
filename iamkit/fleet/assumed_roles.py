"""
Which roles of other accounts each identity can assume, in each way that it arrives.

`between_accounts` lists who can at best; here the answer is per credential and network, for the
graph over all accounts (`joined_graph`). Both sides have to allow the call: the trust policy of the
role and the resource control policies of its account, and the identity's own policies, boundary and
service control policies. An external id, and all else that nobody knows, makes it only possible.

Source: IAM User Guide, "Cross-account policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.account import Account
from iamkit.memory import Memo
from iamkit.policy import UNKNOWN, RequestContext, Truth, decide
from iamkit.trust import AWS, CrossAccountEntry, Principal

ASSUME: Final = "sts:AssumeRole"


class Trusting(NamedTuple):
    """What the roles of an account allow to others, and the organization that it is of."""

    account_id: str
    partition: str
    organization_id: Any  # its id, or UNKNOWN
    entries: tuple[CrossAccountEntry, ...]

    def about(self) -> dict[str, Any]:
        """The condition keys that say whose the roles are."""
        return {
            "aws:ResourceAccount": self.account_id,
            "aws:ResourceOrgID": self.organization_id,
            "aws:ResourceOrgPaths": UNKNOWN,
        }


class Assumed(NamedTuple):
    """A role of another account that an identity assumes in a context, certainly or possibly."""

    principal_arn: str
    context: str
    role_account: str
    role_arn: str
    certain: bool


def organization_of(account: Account) -> Any:
    """Return the id of the organization of an account; UNKNOWN if the evidence does not say."""
    found = account.organization["organization_id"].dropna()
    return str(found.iloc[0]) if len(found) else UNKNOWN


class AssumedRoles:
    """What the identities of one account can assume in others."""

    def __init__(self, account: Account, others: Iterable[Trusting]) -> None:
        self._account = account
        own = account.account_id
        self._theirs = [
            (each, entry)
            for each in others
            if each.account_id != own and each.partition == account.partition
            for entry in each.entries
            if entry.entry.principal.account_id in (own, None)
        ]
        self._decided: Memo[Any, Truth] = Memo()

    def of(self, people: pd.DataFrame, contexts: Mapping[str, Sequence[str]]) -> Iterator[Assumed]:
        """
        Yield what these principals can assume; `contexts` has the contexts by kind.

        Nobody assumes a role of another account without a permission of its own.
        """
        callers = self._account.callers
        for arn, kind in people[["principal_arn", "kind"]].itertuples(index=False, name=None):
            if not any(policy.about(ASSUME) for policy in callers.layers(arn).identity):
                continue
            whom = Principal(AWS, arn, self._account.account_id)
            named = [(there, entry) for there, entry in self._theirs if _names(entry, whom)]
            for context in contexts[kind] if named else ():
                yield from self._in_context(arn, context, named)

    def _in_context(
        self, arn: str, context: str, named: Iterable[tuple[Trusting, CrossAccountEntry]]
    ) -> Iterator[Assumed]:
        who = self._account.callers.context(arn, context)
        found: dict[tuple[str, str], bool] = {}
        for there, entry in named:
            sent, role = who.but(there.about()), (there.account_id, entry.role_arn)
            if found.get(role):
                continue
            admitted = entry.admits(arn, self._account.account_id, sent)
            if admitted is False:
                continue
            key = (self._account.callers.case(arn), there.account_id, entry.role_arn, context)
            allowed = self._decided.once(key, self._allows, arn, entry.role_arn, sent)
            if allowed is not False:
                found[role] = found.get(role, False) or (admitted is True and allowed is True)
        for (account_id, role_arn), certain in found.items():
            yield Assumed(arn, context, account_id, role_arn, certain)

    def _allows(self, arn: str, role_arn: str, sent: RequestContext) -> Truth:
        """Whether the identity's own policies allow it."""
        decision = decide(ASSUME, role_arn, sent, **self._account.callers.layers(arn)._asdict())
        return True if decision else (None if decision.possible else False)


def _names(entry: CrossAccountEntry, whom: Principal) -> bool:
    """Whether an entry is for an identity, for all of its account, or for a session of it."""
    named = entry.entry.principal
    return named.includes(whom) or whom.includes(named)
