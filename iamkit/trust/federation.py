"""
Identity providers that roles trust: their names, and which of their identities an entry admits.

Anyone can get a token of GitHub, GitLab or Google. Only a condition on the token's subject, or on
the application it was made for, limits a role to your own. An entry for a provider is tested with
tokens: one of another customer, and those that a pattern covers.

Source: IAM User Guide, "Create a role for OpenID Connect federation", "Available keys for AWS OIDC
federation" and "Create a role for SAML 2.0 federation".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from iamkit.policy import UNKNOWN, Pattern, RequestContext, conditions
from iamkit.reference import oidc_providers
from iamkit.trust.callers import WORD, values_of
from iamkit.trust.trust_policy import TrustEntry


def issuer(principal: str) -> str:
    """Return an OIDC provider's URL, without https://, as condition keys begin with it."""
    return principal.rpartition(":oidc-provider/")[2]


def provider(principal: str) -> str:
    """
    Return the display name of an identity provider that a trust policy names.

    >>> provider("arn:aws:iam::111122223333:oidc-provider/app.terraform.io")
    'HCP Terraform'
    """
    if ":saml-provider/" in principal:
        return principal.rpartition(":saml-provider/")[2]
    return oidc_providers.name(issuer(principal))


def built_in(principal: str) -> bool:
    """Whether IAM knows an identity provider without one in the account."""
    return principal in oidc_providers.application_claims()


def asks_audience(entry: TrustEntry) -> bool:
    """Whether an entry refuses tokens or assertions that are made for another audience."""
    if ":saml-provider/" in entry.principal.name:
        return not entry.may(RequestContext({"saml:aud": WORD}, UNKNOWN))
    url = issuer(entry.principal.name)
    application = f"{url}:{oidc_providers.application_claims().get(url, 'aud')}"
    return not entry.may(RequestContext({application: WORD}, UNKNOWN))


def subjects(entry: TrustEntry) -> list[str]:
    """Return the subjects that an entry's condition names, as written."""
    if ":saml-provider/" in entry.principal.name:
        return values_of(entry.condition, "saml:sub")
    return values_of(entry.condition, f"{issuer(entry.principal.name)}:sub".lower())


def left_open(entry: TrustEntry) -> str | None:
    """
    Return in words which of a provider's identities an entry admits and should not; None: none.

    OIDC: the entry admits a token of another customer, with only the claims that callers choose as
    the condition asks; or one of any project of an organisation, where a claim has a pattern for
    it. For public providers the application counts. SAML: the entry admits assertions for other
    audiences than AWS.
    """
    if ":saml-provider/" in entry.principal.name:
        elsewhere = "whoever its provider vouches for to another service"
        return None if asks_audience(entry) else elsewhere
    url = issuer(entry.principal.name)
    claim = f"{url}:".lower()
    keys = {key for each in entry.tested() for key in conditions.keys(each)}
    tested = {key for key in keys if key.startswith(claim)}
    chosen = {claim + each for each in oidc_providers.chosen_claims(url)}
    stranger = RequestContext(dict.fromkeys(tested - chosen, WORD), UNKNOWN)
    audience = "" if asks_audience(entry) else ", for any audience"
    if entry.may(stranger):
        return f"whoever gets a token of {url}{audience}"
    wide = (said for said, named in _wide(entry, claim) if entry.may(stranger.but(named)))
    return next((said + audience for said in wide), None)


def _wide(entry: TrustEntry, claim: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each pattern of an entry that admits more than one project: in words, and a token."""
    for name, pattern, said in oidc_providers.broad_patterns():
        for text in values_of(entry.condition, claim + name):
            if found := re.fullmatch(pattern, text):
                yield said.format(*found.groups()), {claim + name: Pattern(text).filled(WORD, "-")}
