"""
OpenID Connect providers, as `data/oidc_providers.yaml` has them: names, claims, broad patterns.

Adding a provider, or a pattern that leaves too much open, is adding an entry there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from iamkit.reference.files import read_data


class BroadPattern(NamedTuple):
    """What a policy writes of a claim that leaves more open than one project."""

    claim: str
    pattern: str
    leaves_open: str  # {} stands for what the pattern's first group matched


@cache
def _read() -> dict[str, Any]:
    data: dict[str, Any] = read_data("oidc_providers.yaml")
    return data


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return each provider's pattern of its URL, and its name."""
    return tuple(
        (re.compile(entry.get("pattern") or re.escape(entry["url"])), entry["name"])
        for entry in _read()["providers"]
    )


def name(url: str) -> str:
    """
    Return what to call the provider at a URL, which is without https://; the URL if it is unknown.

    >>> name("app.terraform.io"), name("idp.example.com")
    ('HCP Terraform', 'idp.example.com')
    """
    return next((named for pattern, named in _patterns() if pattern.fullmatch(url)), url)


@cache
def subject_examples() -> Mapping[str, str]:
    """Return what a subject looks like that names one project, by the provider's name."""
    return {each["name"]: each["subject"] for each in _read()["providers"] if "subject" in each}


@cache
def application_claims() -> Mapping[str, str]:
    """
    Return the claim that tells for which application a token was made, by the provider's URL.

    These are the providers that IAM knows without their being in the account. They are open to
    everybody.
    """
    return {entry["url"]: entry["application"] for entry in _read()["providers"] if "url" in entry}


def chosen_claims(url: str) -> frozenset[str]:
    """Return the claims of a provider's tokens that the requester of a token can choose."""
    built_in = url in application_claims()
    return frozenset(_read()["chosen_claims_of_applications" if built_in else "chosen_claims"])


@cache
def broad_patterns() -> tuple[BroadPattern, ...]:
    """Return what leaves more open than one project, in the order in which it is looked for."""
    return tuple(
        BroadPattern(*(entry[field] for field in BroadPattern._fields))
        for entry in _read()["broad_patterns"]
    )


@cache
def naming_patterns(url: str) -> Mapping[str, tuple[re.Pattern[str], ...]]:
    """
    Return what names a project or organisation of a provider, by claim; empty: nothing is known.

    A claim that is left out names somebody where it is written without a wildcard.
    """
    found: dict[str, tuple[re.Pattern[str], ...]] = {}
    for entry in _read()["naming_patterns"]:
        if entry["provider"] == name(url):
            pattern = re.compile(entry["pattern"])
            found[entry["claim"]] = (*found.get(entry["claim"], ()), pattern)
    return found


@cache
def workload_prefixes() -> tuple[str, ...]:
    """Return how the URLs begin of providers that identify workloads and not people."""
    return tuple(_read()["workload_prefixes"])
