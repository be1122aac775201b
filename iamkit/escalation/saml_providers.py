"""
The SAML providers of an account, and the roles that trust them.

An identity that may replace a provider's metadata puts a key of its own there, and then writes
every attribute of an assertion itself. So a role is reached if its trust policy admits some
assertion of the provider, from where the caller is.

Source: IAM API Reference, "UpdateSAMLProvider"; IAM User Guide, "Available keys for SAML-based AWS
STS federation".
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, NamedTuple

from iamkit.access import NOWHERE, Principals, Resources, ResourceSet
from iamkit.policy import ABSENT, UNKNOWN, Pattern, RequestContext
from iamkit.tables import AccountTables
from iamkit.trust import FederatedEntry, federated_entries

KIND: Final = "saml-provider"

# What a request with an assertion does not carry: it is made before there is any identity.
_WITHOUT: Final = dict.fromkeys(
    (
        *("aws:multifactorauthpresent", "aws:multifactorauthage", "aws:tokenissuetime"),
        *("aws:username", "aws:userid", "aws:principalarn", "aws:principalaccount"),
        *("aws:principaltype", "aws:principalorgid"),
    ),
    ABSENT,
)


def saml_providers(account: AccountTables) -> Resources:
    """Return the account's SAML providers; those that roles trust where they are not listed."""
    listed = account.identity_providers
    arns = listed.loc[listed["kind"].eq("SAML"), "provider_arn"].dropna().tolist()
    if not arns:
        trusted = account.trust["principal"].dropna()
        own = f"arn:{account.partition}:iam::{account.account_id}:{KIND}/"
        arns = sorted({each for each in trusted if str(each).startswith(own)})
    pattern = Pattern(f"arn:{account.partition}:iam::{account.account_id}:{KIND}/*")
    return Resources(pattern, tuple(dict.fromkeys(arns)), tuple({} for _ in dict.fromkeys(arns)))


class _Trusting(NamedTuple):
    """One entry of a role's trust policy for a provider."""

    provider: int
    role: int
    entry: FederatedEntry


class SamlProviders:
    """Which roles trust each provider."""

    def __init__(self, principals: Principals, providers: Resources, roles: Resources) -> None:
        self._principals = principals
        self._providers = providers
        self._roles = roles

    @cached_property
    def _trusting(self) -> list[_Trusting]:
        account = self._principals.account
        number, roles = self._providers.number, self._roles.number
        return [
            _Trusting(1 << number[each.provider], 1 << roles[each.role_arn], each)
            for each in federated_entries(account.limited_trust, account.roles)
            if each.provider in number and each.role_arn in roles
        ]

    def reached(self, providers: ResourceSet, context: RequestContext) -> ResourceSet:
        """Return the roles that trust one of these providers."""
        who = RequestContext({**context.values, **_WITHOUT}, UNKNOWN)
        found = NOWHERE
        for each in self._trusting:
            if not each.provider & providers.possible:
                continue
            admits = each.entry.admits_chosen("saml:", who)
            if admits is False:
                continue
            certain = each.role if admits and each.provider & providers.certain else 0
            found |= ResourceSet(certain, each.role)
        return found

    def trusted_by(self, role_arn: str) -> list[str]:
        """Return the ARNs of the providers that a role trusts."""
        arns, role = self._providers.arns, 1 << self._roles.number[role_arn]
        places = [each.provider.bit_length() - 1 for each in self._trusting if each.role == role]
        return [arns[at] for at in places]
