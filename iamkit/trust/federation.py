"""
Identity providers whom roles trust: which there are, and whom of theirs a door leaves it open to.

Anybody can get a token of GitHub, GitLab or Google. What tells one's own from all others is the
condition on the token's subject, or on the application it was made for. Like any door, one for a
provider is tried, not read: with somebody else's token, and with those that a pattern covers.

Source: IAM User Guide, "Create a role for OpenID Connect federation", "Available keys for AWS OIDC
federation" and "Create a role for SAML 2.0 federation".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from iamkit.policy import UNKNOWN, Pattern, RequestContext, conditions
from iamkit.reference import oidc_providers
from iamkit.trust.trust_policy import WORD, may, written


def issuer(principal: str) -> str:
    """Return an OIDC provider's URL, without https://, as condition keys begin with it."""
    return principal.rpartition(":oidc-provider/")[2]


def provider(principal: str) -> str:
    """
    Return what to call an identity provider that a trust policy names.

    >>> provider("arn:aws:iam::111122223333:oidc-provider/app.terraform.io")
    'HCP Terraform'
    """
    if ":saml-provider/" in principal:
        return principal.rpartition(":saml-provider/")[2]
    return oidc_providers.name(issuer(principal))


def built_in(principal: str) -> bool:
    """Whether IAM knows an identity provider without its being in the account."""
    return principal in oidc_providers.application_claims()


def asks_audience(door: Mapping[str, Any]) -> bool:
    """Whether a door of a provider is shut for tokens or assertions made for somebody else."""
    if ":saml-provider/" in door["principal"]:
        return not may(door, RequestContext({"saml:aud": WORD}, UNKNOWN))
    url = issuer(door["principal"])
    application = f"{url}:{oidc_providers.application_claims().get(url, 'aud')}"
    return not may(door, RequestContext({application: WORD}, UNKNOWN))


def subjects(door: Mapping[str, Any]) -> list[str]:
    """Return the subjects that a door's condition names, as written."""
    if ":saml-provider/" in door["principal"]:
        return written(door["conditions"], "saml:sub")
    return written(door["conditions"], f"{issuer(door['principal'])}:sub".lower())


def left_open(door: Mapping[str, Any]) -> str | None:
    """
    Return in words whom of a provider's identities a door lets in that it should not; None: nobody.

    OIDC: somebody else's token, all claims foreign but those that callers choose, gets in; or one
    of any project of an organisation, where a claim has a pattern for it. Providers for everybody
    go by their application. SAML: assertions for other audiences than AWS get in.
    """
    if ":saml-provider/" in door["principal"]:
        elsewhere = "whoever its provider vouches for to another service"
        return None if asks_audience(door) else elsewhere
    url = issuer(door["principal"])
    claim = f"{url}:".lower()
    asked = [door["conditions"], *door["denials"]]
    tested = {key for each in asked for key in conditions.keys(each) if key.startswith(claim)}
    chosen = {claim + each for each in oidc_providers.chosen_claims(url)}
    stranger = RequestContext(dict.fromkeys(tested - chosen, WORD), UNKNOWN)
    audience = "" if asks_audience(door) else ", for any audience"
    if may(door, stranger):
        return f"whoever gets a token of {url}{audience}"
    wide = (said for said, named in _wide(door, claim) if may(door, stranger.but(named)))
    return next((said + audience for said in wide), None)


def _wide(door: Mapping[str, Any], claim: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each pattern of a door's that leaves more open than one project: in words, and a token."""
    for name, pattern, said in oidc_providers.broad_patterns():
        for text in written(door["conditions"], claim + name):
            if found := re.fullmatch(pattern, text):
                yield said.format(*found.groups()), {claim + name: Pattern(text).filled(WORD, "-")}
