"""Whose tokens and assertions open a role."""

from pathlib import Path
from typing import Any

import pytest

from iamkit.checks import registry, run
from tests.accounts import ARN, account, details, role
from tests.checks import result

GITHUB = "token.actions.githubusercontent.com"
GITLAB = "gitlab.com"
TERRAFORM = "app.terraform.io"
CLUSTER = "oidc.eks.eu-west-1.amazonaws.com/id/6B1F0E6C4D2A"
COGNITO = "cognito-identity.amazonaws.com"
OKTA = f"{ARN}saml-provider/Okta"


def statement(issuer: str, condition: Any = None) -> dict[str, Any]:
    own = "/" in issuer or issuer in (GITHUB, GITLAB, TERRAFORM, "login.example.com")
    provider = issuer if issuer.startswith("arn:") or not own else f"{ARN}oidc-provider/{issuer}"
    made = {"Effect": "Allow", "Principal": {"Federated": provider}}
    made["Action"] = "sts:AssumeRoleWith" + ("SAML" if "saml" in provider else "WebIdentity")
    return made | ({"Condition": condition} if condition else {})


def said(folder: Path, *statements: dict[str, Any]) -> str:
    """What the check says of a role with this trust policy."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    opened = account(folder, details(roles=[role("shared", document)]))
    name = "federation_without_subject"
    found = run.run(opened, {name: registry.CHECKS[name]}).findings
    assert set(found["subject"]) <= {f"{ARN}role/shared"}
    return "; ".join(found["detail"])


def subject(issuer: str, *values: str, operator: str = "StringLike", **more: Any) -> dict[str, Any]:
    """A condition on subject and audience."""
    audience = {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"}}
    return statement(issuer, {**audience, operator: {f"{issuer}:sub": list(values)}, **more})


@pytest.mark.parametrize(("text", "known"), [("runner-*", False), ("runner-7", True)])
def test_a_wildcard_for_the_tokens_of_an_unknown_provider_is_not_assessed(
    text: str, known: bool, tmp_path: Path
) -> None:
    document = {"Version": "2012-10-17", "Statement": [subject("login.example.com", text)]}
    opened = account(tmp_path, details(roles=[role("shared", document)]))
    status = result(opened, "federation_without_subject")["status"]
    assert status == ("pass" if known else "not assessed")


ONE_PROJECT = {
    "a branch": (GITHUB, "repo:example-corp/shop:ref:refs/heads/main"),
    "an environment": (GITHUB, "repo:example-corp/shop:environment:production"),
    "any branch of one repository": (GITHUB, "repo:example-corp/shop:*"),
    "repositories with a common name": (GITHUB, "repo:example-corp/shop-*:ref:refs/heads/main"),
    "a project at GitLab": (GITLAB, "project_path:example/shop:ref_type:branch:ref:main"),
    "a workspace": (TERRAFORM, "organization:example:project:*:workspace:shop:run_phase:*"),
    "a service account": (CLUSTER, "system:serviceaccount:shop:orders"),
    "a namespace": (CLUSTER, "system:serviceaccount:shop:*"),
}
TOO_MANY = {
    "an organisation": (GITHUB, "repo:example-corp/*", "repository and branch of example-corp"),
    "its main branches": (GITHUB, "repo:example-corp/*:ref:refs/heads/main", "of example-corp"),
    "names alike": (GITHUB, "repo:example-corp*", "every organisation whose name fits"),
    "one name anywhere": (GITHUB, "repo:*/shop:ref:refs/heads/main", "every organisation"),
    "everything": (GITHUB, "*", f"anyone who gets a token of {GITHUB}"),
    "all with a prefix": (GITHUB, "repo:*", "every organisation"),
    "a group": (GITLAB, "project_path:example/*:ref_type:branch:ref:main", "project of example"),
    "all groups": (GITLAB, "project_path:*:ref_type:branch:ref:main", "every group"),
    "all workspaces": (TERRAFORM, "organization:example:*", "any workspace of example"),
    "all, by parts": (
        TERRAFORM,
        "organization:example:project:*:workspace:*:run_phase:apply",
        "any workspace of example",
    ),
    "a whole cluster": (CLUSTER, "system:serviceaccount:*:*", "any service account"),
}


@pytest.mark.parametrize(("issuer", "value"), ONE_PROJECT.values(), ids=ONE_PROJECT)
def test_a_subject_that_names_one_project_passes(issuer: str, value: str, tmp_path: Path) -> None:
    assert said(tmp_path, subject(issuer, value)) == ""


@pytest.mark.parametrize(("issuer", "value", "whose"), TOO_MANY.values(), ids=TOO_MANY)
def test_a_subject_that_names_more_fails(
    issuer: str, value: str, whose: str, tmp_path: Path
) -> None:
    found = said(tmp_path, subject(issuer, value))
    assert whose in found
    assert found.endswith("may assume it")


def test_one_wide_subject_among_narrow_ones_is_enough(tmp_path: Path) -> None:
    narrow = "repo:example-corp/shop:ref:refs/heads/main"
    assert "example-labs" in said(tmp_path, subject(GITHUB, narrow, "repo:example-labs/*"))


def test_an_asterisk_under_string_equals_is_no_wildcard(tmp_path: Path) -> None:
    exact = {"StringEquals": {f"{GITHUB}:sub": "repo:example-corp/*"}}
    assert said(tmp_path, statement(GITHUB, exact)) == ""


@pytest.mark.parametrize("issuer", [GITHUB, GITLAB, TERRAFORM, CLUSTER, "login.example.com"])
def test_an_audience_alone_tells_nobody_apart(issuer: str, tmp_path: Path) -> None:
    audience = {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"}}
    found = said(tmp_path, statement(issuer, audience))
    assert found == f"anyone who gets a token of {issuer} may assume it"


def test_neither_subject_nor_audience_is_said_together(tmp_path: Path) -> None:
    found = said(tmp_path, statement(GITHUB))
    assert found == f"anyone who gets a token of {GITHUB}, for any audience, may assume it"


def test_a_subject_without_an_audience_passes(tmp_path: Path) -> None:
    main = {"StringEquals": {f"{GITHUB}:sub": "repo:example-corp/shop:ref:refs/heads/main"}}
    assert said(tmp_path, statement(GITHUB, main)) == ""


def test_another_claim_that_names_a_project_counts(tmp_path: Path) -> None:
    by_id = {"StringEquals": {f"{GITHUB}:repository_id": "700123"}}
    assert said(tmp_path, subject(GITHUB, "repo:example-corp/*", **by_id)) == ""


def test_a_denial_of_all_other_subjects_counts(tmp_path: Path) -> None:
    others = {"StringNotLike": {f"{GITHUB}:sub": "repo:example-corp/shop:*"}}
    denial = {**statement(GITHUB, others), "Effect": "Deny"}
    assert said(tmp_path, statement(GITHUB), denial) == ""


def test_a_subject_that_may_be_absent_is_not_asked_for(tmp_path: Path) -> None:
    maybe = {"StringNotLike": {f"{GITHUB}:sub": "repo:rival/*"}}
    assert "anyone who" in said(tmp_path, statement(GITHUB, maybe))


@pytest.mark.parametrize("issuer", [COGNITO, "accounts.google.com"])
def test_providers_for_everybody_go_by_the_application(issuer: str, tmp_path: Path) -> None:
    signed_in = {"ForAnyValue:StringLike": {f"{issuer}:amr": "authenticated"}}
    pool = {"StringEquals": {f"{issuer}:aud": "eu-west-1:0a1b2c3d"}}
    (tmp_path / "b").mkdir()
    assert said(tmp_path, statement(issuer, signed_in | pool)) == ""
    assert f"anyone who gets a token of {issuer}" in said(
        tmp_path / "b", statement(issuer, signed_in)
    )


def test_saml_needs_its_audience(tmp_path: Path) -> None:
    for_aws = {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}
    (tmp_path / "b").mkdir()
    assert said(tmp_path, statement(OKTA, for_aws)) == ""
    found = said(tmp_path / "b", statement(OKTA))
    assert (
        found == "any identity of the provider, with an assertion for another service may assume it"
    )


def test_an_unreadable_trust_policy_is_not_assessed(tmp_path: Path) -> None:
    opened = account(tmp_path, details(roles=[role("shared", "{no JSON")]))
    assert result(opened, "federation_without_subject")["status"] == "not assessed"


# ── Providers ────────────────────────────────────────────────────────────────────────────────────

PROVIDERS = {
    "saml-providers": {"SAMLProviderList": [{"Arn": OKTA}]},
    "oidc-providers": {
        "OpenIDConnectProviderList": [{"Arn": f"{ARN}oidc-provider/{GITHUB}"}],
    },
}


def dangling(folder: Path, *statements: dict[str, Any]) -> list[Any]:
    """Status of the check on a role with this trust policy, and what it says."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    opened = account(folder, details(roles=[role("shared", document)]), **PROVIDERS)
    name = "federation_without_provider"
    found = run.run(opened, {name: registry.CHECKS[name]})
    return [found.results["status"][0], *found.findings["detail"]]


@pytest.mark.parametrize("issuer", [GITHUB, OKTA, COGNITO, "accounts.google.com"])
def test_a_provider_that_is_there_or_needs_not_be_passes(issuer: str, tmp_path: Path) -> None:
    assert dangling(tmp_path, statement(issuer)) == ["pass"]


@pytest.mark.parametrize("issuer", [GITLAB, f"{ARN}saml-provider/Old"])
def test_a_provider_that_is_gone_fails(issuer: str, tmp_path: Path) -> None:
    arn = issuer if issuer.startswith("arn:") else f"{ARN}oidc-provider/{issuer}"
    assert dangling(tmp_path, statement(issuer)) == [
        "fail",
        f"trusts {arn}, which the account does not have",
    ]


def test_where_providers_were_not_listed_nothing_is_said_to_be_there(tmp_path: Path) -> None:
    document = {"Statement": [statement(GITHUB)]}
    opened = account(tmp_path, details(roles=[role("shared", document)]))
    assert opened.missing("identity_providers")
    assert result(opened, "federation_without_provider")["status"] == "not assessed"
