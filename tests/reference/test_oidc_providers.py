"""OpenID Connect providers as data: names, the claims that identify, and broad patterns."""

import re

from iamkit.reference import oidc_providers


def test_a_provider_that_iam_knows_is_named_and_identified_by_its_application() -> None:
    assert oidc_providers.name("www.amazon.com") == "Login with Amazon"
    assert oidc_providers.application_claims()["www.amazon.com"] == "app_id"
    assert oidc_providers.name("www-amazon.com") == "www-amazon.com", "a dot is a dot"


def test_callers_choose_less_where_tokens_are_told_apart_by_application() -> None:
    assert oidc_providers.chosen_claims("accounts.google.com") == {"amr", "oaud"}
    assert {"amr", "aud", "ref"} <= oidc_providers.chosen_claims("gitlab.com")


def test_what_is_said_of_a_broad_pattern_can_be_filled_in() -> None:
    for claim, pattern, leaves_open in oidc_providers.broad_patterns():
        assert re.compile(pattern).groups >= leaves_open.count("{}"), (claim, pattern)


def test_workload_prefixes_are_compared_in_lower_case() -> None:
    assert all(prefix == prefix.lower() for prefix in oidc_providers.workload_prefixes())
