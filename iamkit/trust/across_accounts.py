"""
Which roles' trust policies admit an identity of another account.

The two accounts' evidence is looked at together: the trust policy of the role's account says whom
it admits (`foreign_entries`), `CrossAccountEntry.admits` decides it for one caller. The identity's
own policies have to allow the call, too: `escalation` and `outbound_roles` are of one account.

Source: IAM User Guide, "Cross-account policy evaluation logic".
"""

from __future__ import annotations

from typing import NamedTuple

from iamkit.policy import RequestContext, Truth
from iamkit.tables import AccountTables
from iamkit.trust import trust_policy
from iamkit.trust.inbound import called
from iamkit.trust.trust_policy import ANYONE, ASSUME, AWS, Principal, TrustEntry


class CrossAccountEntry(NamedTuple):
    """A principal outside the account, or anyone, that a role's trust policy allows."""

    role_arn: str
    statement: str | None
    entry: TrustEntry

    def admits(self, arn: str, account_id: str, context: RequestContext) -> Truth:
        """
        Whether it admits an identity of another account: True, None (possibly) or False.

        An entry for one session of a role only possibly admits the role: callers choose the names
        of sessions.
        """
        identity, named = Principal(AWS, arn, account_id), self.entry.principal
        whole = named.includes(identity)
        if not (whole or identity.includes(named)):
            return False
        answer = self.entry.admits(context, identity=identity)
        return answer if whole or answer is False else None


def foreign_entries(account: AccountTables) -> list[CrossAccountEntry]:
    """Return what the account's roles allow to identities of other accounts, or to anyone."""
    found = trust_policy.entries(account.limited_trust, account.roles)
    kind, whose = found["principal_type"], found["account_id"]
    foreign = kind.eq(AWS) & whose.notna() & whose.ne(account.account_id)
    found = found[(foreign | kind.eq(ANYONE)).fillna(value=False)]
    made = []
    for row in trust_policy.rows(found):
        if ASSUME[0] in row["allowed"]:
            made.append(CrossAccountEntry(row["role_arn"], called(row), TrustEntry.of(row)))
    return made
