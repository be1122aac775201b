"""Identity providers: their names, and whom of theirs a condition admits."""

from typing import Any

import pytest

from iamkit.tables import authorization_details
from iamkit.trust import federation, trust_policy
from iamkit.trust.trust_policy import TrustEntry
from tests.accounts import ARN, role

GITHUB = "token.actions.githubusercontent.com"
GITLAB = "gitlab.com"
TERRAFORM = "app.terraform.io"
CLUSTER = "oidc.eks.eu-west-1.amazonaws.com/id/6B1F0E6C4D2A"
CIRCLE = "oidc.circleci.com/org/5f0c1b2a"
OKTA = f"{ARN}saml-provider/Okta"


def entry(principal: str, condition: Any) -> TrustEntry:
    """The one trust entry of a role that trusts this provider under this condition."""
    provider = principal if principal.startswith("arn:") else f"{ARN}oidc-provider/{principal}"
    made = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWith" + ("SAML" if provider == OKTA else "WebIdentity"),
        "Condition": condition,
    }
    entries = [role("shared", {"Version": "2012-10-17", "Statement": [made]})]
    (found,) = trust_policy.rows(
        trust_policy.entries(
            authorization_details.trust(entries), authorization_details.roles(entries)
        )
    )
    return TrustEntry.of(found)


NAMES = {
    f"{ARN}oidc-provider/{GITHUB}": "GitHub Actions",
    f"{ARN}oidc-provider/{GITHUB}/example-corp": "GitHub Actions",
    f"{ARN}oidc-provider/github.example.com/_services/token": "GitHub Actions",
    f"{ARN}oidc-provider/{GITLAB}": "GitLab",
    f"{ARN}oidc-provider/gitlab.example.com": "GitLab",
    f"{ARN}oidc-provider/{TERRAFORM}": "HCP Terraform",
    f"{ARN}oidc-provider/{CLUSTER}": "EKS",
    f"{ARN}oidc-provider/{CIRCLE}": "CircleCI",
    f"{ARN}oidc-provider/api.bitbucket.org/2.0/workspaces/w/pipelines-config/identity/oidc": (
        "Bitbucket"
    ),
    "accounts.google.com": "Google",
    "cognito-identity.amazonaws.com": "Cognito",
    f"{ARN}oidc-provider/login.example.com": "login.example.com",
    OKTA: "Okta",
}


@pytest.mark.parametrize(("principal", "name"), NAMES.items(), ids=NAMES.values())
def test_a_provider_goes_by_its_name(principal: str, name: str) -> None:
    assert federation.provider(principal) == name


# Per provider: a subject that names one project, one that leaves more open, and what it leaves.
SUBJECTS = {
    GITHUB: (
        "repo:example-corp/shop:ref:refs/heads/main",
        "repo:example-corp/*",
        "any repository and branch of example-corp",
    ),
    GITLAB: (
        "project_path:example/shop:ref_type:branch:ref:main",
        "project_path:example/*",
        "any project of example",
    ),
    TERRAFORM: (
        "organization:example:project:web:workspace:shop:run_phase:apply",
        "organization:example:*",
        "any workspace of example",
    ),
    CLUSTER: (
        "system:serviceaccount:shop:orders",
        "system:serviceaccount:*",
        "any service account of the cluster",
    ),
    CIRCLE: (
        "org/5f0c1b2a/project/1/user/*",
        "org/5f0c1b2a/project/*",
        "any project of the organisation",
    ),
}


def asked(issuer: str, subject: str | None, audience: str | None) -> dict[str, Any]:
    """A condition on a token's subject, its audience, both or neither."""
    texts = {"sub": subject, "aud": audience}
    return {"StringLike": {f"{issuer}:{key}": text for key, text in texts.items() if text}}


@pytest.mark.parametrize("issuer", SUBJECTS)
@pytest.mark.parametrize("audience", ["sts.amazonaws.com", "*", None])
def test_what_is_open_follows_from_subject_and_audience(issuer: str, audience: str | None) -> None:
    exact, loose, whose = SUBJECTS[issuer]
    beside = "" if audience == "sts.amazonaws.com" else ", for any audience"
    anybody = f"whoever gets a token of {issuer}"
    found = {
        subject: federation.left_open(entry(issuer, asked(issuer, subject, audience)))
        for subject in (exact, loose, "*", None)
    }
    assert found == {
        exact: None,
        loose: whose + beside,
        "*": anybody + beside,
        None: anybody + beside,
    }


@pytest.mark.parametrize("issuer", SUBJECTS)
def test_an_audience_is_asked_for_if_no_other_gets_in(issuer: str) -> None:
    exact = SUBJECTS[issuer][0]
    said = [entry(issuer, asked(issuer, exact, text)) for text in ("sts.amazonaws.com", "*", None)]
    assert [federation.asks_audience(each) for each in said] == [True, False, False]


@pytest.mark.parametrize("claim", ["ref", "environment", "workflow"])
def test_what_a_branch_or_environment_is_called_anybody_chooses(claim: str) -> None:
    condition = {"StringEquals": {f"{GITHUB}:aud": "a", f"{GITHUB}:{claim}": "production"}}
    assert federation.left_open(entry(GITHUB, condition)) == f"whoever gets a token of {GITHUB}"


CLAIMS = {
    "one repository": ("repository", "example-corp/shop", None),
    "its id": ("repository_id", "700123", None),
    "a workflow of one's own": ("job_workflow_ref", "example-corp/ci/.github/w.yml@main", None),
    "an organisation": ("repository", "example/*", "any repository and branch of example"),
    "names alike": (
        "repository",
        "example*",
        "any repository of every organisation whose name fits",
    ),
    "an enterprise": ("enterprise_id", "4711", "any repository of the enterprise"),
}


@pytest.mark.parametrize(("claim", "text", "whose"), CLAIMS.values(), ids=CLAIMS)
def test_claims_that_name_a_project_or_an_organisation(
    claim: str, text: str, whose: str | None
) -> None:
    condition = {"StringLike": {f"{GITHUB}:aud": "a", f"{GITHUB}:{claim}": text}}
    assert federation.left_open(entry(GITHUB, condition)) == whose


def test_an_enterprise_beside_one_subject_is_one_project() -> None:
    both = {f"{GITHUB}:enterprise_id": "4711", f"{GITHUB}:sub": SUBJECTS[GITHUB][0]}
    assert federation.left_open(entry(GITHUB, {"StringEquals": both})) is None


@pytest.mark.parametrize("audience", ["https://signin.aws.amazon.com/saml", None])
def test_saml_asks_for_its_audience_or_lets_in_whom_it_vouches_for_elsewhere(
    audience: str | None,
) -> None:
    said = entry(OKTA, {"StringEquals": {"SAML:aud": audience}} if audience else {})
    assert federation.asks_audience(said) is bool(audience)
    assert (federation.left_open(said) is None) is bool(audience)


def test_providers_for_everybody_are_told_apart_by_application() -> None:
    google = "accounts.google.com"
    entries = [
        role(
            "shared",
            {
                "Statement": {
                    "Effect": "Allow",
                    "Principal": {"Federated": google},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {"StringEquals": {f"{google}:aud": "ours.apps.example.com"}},
                }
            },
        )
    ]
    (found,) = trust_policy.rows(
        trust_policy.entries(
            authorization_details.trust(entries), authorization_details.roles(entries)
        )
    )
    entry = TrustEntry.of(found)
    assert federation.asks_audience(entry)
    assert federation.left_open(entry) is None
    assert federation.built_in(google)
    assert not federation.built_in(f"{ARN}oidc-provider/{GITHUB}")


def test_the_subjects_that_are_named() -> None:
    exact, loose, _ = SUBJECTS[GITHUB]
    condition = {"StringLike": {f"{GITHUB}:sub": [exact, loose]}}
    assert federation.subjects(entry(GITHUB, condition)) == [exact, loose]
    assert federation.subjects(entry(OKTA, {"StringEquals": {"saml:sub": "ana"}})) == ["ana"]


def test_a_key_that_is_no_claim_of_the_token_narrows_nothing() -> None:
    """Which Region is called, and with which session name, whoever has a token chooses."""
    for key in ("aws:RequestedRegion", "sts:RoleSessionName"):
        found = entry(GITHUB, {"StringEquals": {key: "eu-west-1", f"{GITHUB}:aud": "ours"}})
        assert federation.left_open(found) == f"whoever gets a token of {GITHUB}"
