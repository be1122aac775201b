"""
Identity providers that roles trust: their names, and which of their identities an entry admits.

Anyone can get a token of GitHub, GitLab or Google. Only a condition on the token's subject, or on
the application it was made for, limits a role to your own. An entry for a provider is tested with
tokens: for each claim one text of each class that the policy's tests tell apart, other than those
that name a project or an organisation in full; see `value_classes`.

Source: IAM User Guide, "Create a role for OpenID Connect federation", "Available keys for AWS OIDC
federation" and "Create a role for SAML 2.0 federation".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any, Final, NamedTuple

from iamkit.policy import ABSENT, UNKNOWN, Pattern, RequestContext, conditions
from iamkit.reference import oidc_providers
from iamkit.trust.callers import WORD, values_of
from iamkit.trust.key_tests import KeyTests
from iamkit.trust.trust_policy import TrustEntry
from iamkit.trust.value_classes import ANY


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

    OIDC: the entry admits a token of another customer, whose claims fit whatever the conditions
    leave open; or one of any project of an organisation, where a claim has a pattern for it. For
    public providers the application counts, and Cognito's guests are anybody. SAML: the entry
    admits assertions for other audiences than AWS. Errs towards reporting: a provider of your own
    counts too, even if all its users are trusted.
    """
    if ":saml-provider/" in entry.principal.name:
        elsewhere = "any identity of the provider, with an assertion for another service"
        return None if asks_audience(entry) else elsewhere
    audience = "" if asks_audience(entry) else ", for any audience"
    found = loose_token(entry)
    return None if found is None else found.whose + audience


class LooseToken(NamedTuple):
    """A token that an entry admits and should not: what it says, and whose it is in words."""

    context: RequestContext
    whose: str


def loose_token(entry: TrustEntry) -> LooseToken | None:
    """
    Return a token of an OIDC provider that an entry admits and should not; None: there is none.

    Claims that the requester of a token chooses are left unknown.
    """
    url = issuer(entry.principal.name)
    claims = _Claims(entry, url)
    if entry.may(claims.token({})):
        return LooseToken(claims.token({}), f"anyone who gets a token of {url}")
    for texts in (claims.of_strangers(), claims.of_organizations()):
        for named in texts:
            if entry.may(claims.token(named)):
                return LooseToken(claims.token(named), claims.said(named))
    if url == _COGNITO and entry.may(claims.token(_GUEST)):
        guests = "guests of the identity pool, that is, anybody"
        return LooseToken(claims.token(_GUEST), guests)
    return None


def not_known(entry: TrustEntry) -> bool:
    """
    Whether nobody knows whose tokens an entry admits: it has a wildcard for an unknown provider's.

    Of the providers that `data/oidc_providers.yaml` names, it is known who chooses which part of a
    subject; of another one it is not.
    """
    name = entry.principal.name
    if ":saml-provider/" in name or oidc_providers.name(issuer(name)) != issuer(name):
        return False
    return any(Pattern(text).plain is None for text in subjects(entry))


_COGNITO: Final = "cognito-identity.amazonaws.com"
# The pool is the role's own, and AWS gives each guest an identity.
_GUEST: Final = {"amr": ("unauthenticated",), "aud": UNKNOWN}
_CHOICES: Final = 4000  # tokens that one entry is tried with, at most


class _Claims:
    """The claims of a provider's tokens that an entry tests, and the texts that they may be."""

    def __init__(self, entry: TrustEntry, url: str) -> None:
        self.url, self.start = url, f"{url}:".lower()
        self.chosen = oidc_providers.chosen_claims(url)
        self.naming = oidc_providers.naming_patterns(url)
        self.known = oidc_providers.name(url) != url
        self.tests = KeyTests.of(entry)
        keys = (key for each in entry.tested() for key in conditions.keys(each))
        self.tested = sorted(k.removeprefix(self.start) for k in keys if k.startswith(self.start))

    def token(self, claims: Mapping[str, Any]) -> RequestContext:
        """
        A token with these claims, of a stranger for the rest.

        Claims that the requester of a token chooses are left unknown.
        """
        fixed = dict.fromkeys(set(self.tested) - self.chosen, WORD)
        values = {**fixed, **claims}
        return RequestContext({self.start + key: text for key, text in values.items()}, UNKNOWN)

    def names(self, claim: str, text: str) -> bool:
        """Whether what a policy writes of a claim names a project or an organisation."""
        if claim in self.naming:
            return any(each.fullmatch(text) for each in self.naming[claim])
        plain = Pattern(text).plain is not None
        return plain or (claim == "sub" and not self.naming and Pattern(text).start != "")

    def broad(self, claim: str, text: str) -> str | None:
        """What is left open, in words, by what a policy writes of a claim."""
        for name, pattern, said in oidc_providers.broad_patterns():
            if name == claim and (found := re.fullmatch(pattern, text)):
                return said.format(*found.groups())
        return None

    def of_strangers(self) -> Iterator[Mapping[str, Any]]:
        """Claims of a project of the stranger's own that the tests tell apart."""
        return self._texts(self.names)

    def of_organizations(self) -> Iterator[Mapping[str, Any]]:
        """Claims of any project of an organisation, or of a stranger."""
        return self._texts(
            lambda claim, text: self.names(claim, text) and not self.broad(claim, text)
        )

    def _texts(self, excluded: Callable[[str, str], bool]) -> Iterator[Mapping[str, Any]]:
        """Every combination of texts that claims may be, those that are `excluded` aside."""
        claims = [each for each in dict.fromkeys(self.tested) if each not in self.chosen]
        texts = [self._values(claim, excluded) for claim in claims]
        while prod(map(len, texts)) > _CHOICES:
            longest = max(range(len(texts)), key=lambda at: len(texts[at]))
            texts[longest] = [UNKNOWN]
        for values in product(*texts):
            yield dict(zip(claims, values, strict=True))

    def _values(self, claim: str, excluded: Callable[[str, str], bool]) -> list[Any]:
        key = self.start + claim
        named = self.tests.only(key, lambda text: excluded(claim, text))
        found = self.tests.values(key, ANY, (), frozenset(), named)
        return [*found, *([] if claim == "sub" else [ABSENT])]

    def said(self, token: Mapping[str, Any]) -> str:
        """Whose token with these claims is, in words."""
        context = self.token(token)
        fits = []
        for claim in self.tested:
            for test, value, pattern in self.tests.written(self.start + claim):
                alone = {test.said.split(maxsplit=1)[0]: {self.start + claim: value}}
                if "not" not in test.name and conditions.evaluate(alone, context) is not False:
                    fits.append((claim, pattern))
        # In the order of the file: what leaves most open comes first.
        for name, pattern, said in oidc_providers.broad_patterns():
            for claim, text in fits:
                if name == claim and (found := re.fullmatch(pattern, text)):
                    return said.format(*found.groups())
        subjects = [text for claim, text in fits if claim not in self.chosen]
        wanted = ", ".join(dict.fromkeys(subjects))
        return f"anyone who gets a token of {self.url} that matches {wanted}"
