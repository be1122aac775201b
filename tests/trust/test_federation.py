"""Identity providers: their names, and whom of theirs a condition admits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.policy import RequestContext, conditions
from iamkit.tables import authorization_details
from iamkit.trust import federation, trust_policy
from iamkit.trust.trust_policy import TrustEntry
from tests.accounts import ARN, role
from tests.examples import examples

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
    anybody = f"anyone who gets a token of {issuer}"
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
    assert federation.left_open(entry(GITHUB, condition)) == f"anyone who gets a token of {GITHUB}"


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
        assert federation.left_open(found) == f"anyone who gets a token of {GITHUB}"


# ── Projects of a stranger's own ─────────────────────────────────────────────────────────────────

COGNITO = "cognito-identity.amazonaws.com"
GOOGLE = "accounts.google.com"
STRANGERS_SUBJECTS = {
    "a branch of any repository": (GITHUB, "*:ref:refs/heads/main"),
    "a word in it": (GITHUB, "*org/app*"),
    "an owner that ends so": (GITHUB, "repo:*org/app:ref:refs/heads/main"),
    "an owner that begins so": (GITHUB, "repo:org*/app:*"),
    "the first letter": (GITHUB, "r*"),
    "the first word": (GITHUB, "repo*"),
    "one character left open": (GITHUB, "repo:my-or?/app:ref:refs/heads/main"),
    "an environment": (GITHUB, "environment:production"),
    "a branch": (GITHUB, "ref:refs/heads/main"),
    "a pull request": (GITHUB, "pull_request"),
    "a customised subject": (GITHUB, "ref:refs/heads/main:environment:*"),
    "an owner after a wildcard": (GITHUB, "*repo:my-org/app:*"),
    "an id after a wildcard": (GITHUB, "repo:*@12345/app@*"),
    "a branch at GitLab": (GITLAB, "*:ref_type:branch:ref:main"),
    "a group that begins so": (GITLAB, "project_path:my-gr*"),
    "a project of any group": (GITLAB, "project_path:*/shop:*"),
    "a phase at Terraform": (TERRAFORM, "*:run_phase:apply"),
    "an organisation that begins so": (TERRAFORM, "organization:my-*:project:*:workspace:shop:*"),
    "a workspace of any": (TERRAFORM, "organization:*:project:web:workspace:shop:run_phase:plan"),
    "an application's name": (GOOGLE, "*"),
}
OWN_SUBJECTS = {
    "a repository and branch": (GITHUB, "repo:my-org/app:ref:refs/heads/main"),
    "a repository": (GITHUB, "repo:my-org/app:*"),
    "a repository, by ids": (GITHUB, "repo:my-org@*/app@*"),
    "a repository, by ids, and branch": (GITHUB, "repo:my-org@*/app@*:ref:refs/heads/main"),
    "a repository, by its ids": (GITHUB, "repo:my-org@123456/app@456789:*"),
    "a customised subject": (GITHUB, "repository:my-org/app:environment:production"),
    "in another order": (GITHUB, "environment:production:repository_id:700123"),
    "a workflow": (GITHUB, "job_workflow_ref:my-org/ci/.github/workflows/x.yml@refs/heads/main"),
    "a project": (GITLAB, "project_path:my-group/sub/shop:*"),
    "a workspace": (TERRAFORM, "organization:mine:project:*:workspace:shop:run_phase:*"),
    "a service account": (CLUSTER, "system:serviceaccount:shop:*"),
}
ORGANIZATIONS = {
    "repositories by ids": (GITHUB, "repo:my-org@*/*", "any repository and branch of my-org"),
    "an organisation by ids": (
        GITHUB,
        "repo:my-org@123456/*:ref:refs/heads/main",
        "any repository and branch of my-org",
    ),
    "an owner": (GITHUB, "repository_owner:my-org:*", "any repository and branch of my-org"),
    "an owner, in another order": (
        GITHUB,
        "environment:production:repository_owner:my-org",
        "any repository and branch of my-org",
    ),
    "an owner's id": (
        GITHUB,
        "repository_owner_id:123456:*",
        "any repository and branch of the organisation 123456",
    ),
}


@pytest.mark.parametrize(("url", "text"), STRANGERS_SUBJECTS.values(), ids=STRANGERS_SUBJECTS)
def test_a_subject_that_a_stranger_s_project_can_have(url: str, text: str) -> None:
    claim = "aud" if url == GOOGLE else "sub"
    found = entry(url, {"StringLike": {f"{url}:{claim}": text}})
    assert federation.left_open(found) is not None


@pytest.mark.parametrize(("url", "text"), OWN_SUBJECTS.values(), ids=OWN_SUBJECTS)
def test_a_subject_that_only_one_s_own_project_has(url: str, text: str) -> None:
    assert federation.left_open(entry(url, asked(url, text, "sts.amazonaws.com"))) is None


@pytest.mark.parametrize(("url", "text", "whose"), ORGANIZATIONS.values(), ids=ORGANIZATIONS)
def test_a_subject_that_names_no_more_than_an_organisation(url: str, text: str, whose: str) -> None:
    assert federation.left_open(entry(url, asked(url, text, "sts.amazonaws.com"))) == whose


def test_what_is_said_of_a_stranger_s_subject() -> None:
    found = entry(GITHUB, asked(GITHUB, "*:ref:refs/heads/main", "sts.amazonaws.com"))
    assert federation.left_open(found) == (
        f"anyone who gets a token of {GITHUB} that matches *:ref:refs/heads/main"
    )


def test_the_owner_s_claim_names_an_organisation() -> None:
    found = entry(GITHUB, {"StringEquals": {f"{GITHUB}:repository_owner": "my-org"}})
    assert "any repository and branch of my-org" in str(federation.left_open(found))


LOOSE_TOGETHER = {
    "two claims of a stranger's": {f"{GITHUB}:sub": "repo:*", f"{GITHUB}:repository": "*/app"},
    "subject and actor": {f"{GITHUB}:sub": "r*:ref:refs/heads/main", f"{GITHUB}:actor": "*bot*"},
    "two of an organisation": {
        f"{GITHUB}:sub": "repo:my-org/*",
        f"{GITHUB}:repository": "my-org/*",
    },
    "an organisation by subject and owner": {
        f"{GITHUB}:sub": "repo:my-org/*",
        f"{GITHUB}:repository_owner": "my-org",
    },
}


@pytest.mark.parametrize("claims", LOOSE_TOGETHER.values(), ids=LOOSE_TOGETHER)
def test_one_token_meets_two_loose_claims(claims: Any) -> None:
    assert federation.left_open(entry(GITHUB, {"StringLike": claims})) is not None


def test_two_tests_of_one_claim_are_met_by_one_text_or_not_at_all() -> None:
    both = {
        "StringLike": {f"{GITHUB}:sub": "repo:*"},
        "ForAnyValue:StringLike": {f"{GITHUB}:sub": "*:environment:production"},
    }
    assert federation.left_open(entry(GITHUB, both)) is not None
    one = {**both, "StringEquals": {f"{GITHUB}:sub": "repo:my-org/app:environment:production"}}
    assert federation.left_open(entry(GITHUB, one)) is None
    never = {**both, "ForAnyValue:StringLike": {f"{GITHUB}:sub": "project_path:*"}}
    assert federation.left_open(entry(GITHUB, never)) is None


def test_a_loose_claim_beside_one_that_names_a_repository_is_no_more() -> None:
    claims = {f"{GITHUB}:sub": "*:environment:production", f"{GITHUB}:repository": "my-org/app"}
    assert federation.left_open(entry(GITHUB, {"StringLike": claims})) is None


def test_case_is_ignored_where_the_operator_ignores_it() -> None:
    named = {f"{GITHUB}:sub": "repo:My-Org/App:environment:production"}
    assert federation.left_open(entry(GITHUB, {"StringEqualsIgnoreCase": named})) is None
    loose = {f"{GITHUB}:sub": "Environment:Production"}
    assert federation.left_open(entry(GITHUB, {"StringEqualsIgnoreCase": loose})) is not None


def test_many_repositories_are_as_safe_as_one() -> None:
    named = [f"repo:my-org/app-{at}:ref:refs/heads/main" for at in range(120)]
    assert federation.left_open(entry(GITHUB, {"StringEquals": {f"{GITHUB}:sub": named}})) is None
    among = [*named, "*:ref:refs/heads/main"]
    found = entry(GITHUB, {"StringLike": {f"{GITHUB}:sub": among}})
    assert federation.left_open(found) is not None


POOL = {f"{COGNITO}:aud": "us-east-1:0a1b2c3d"}
AMR = f"{COGNITO}:amr"
GUESTS: dict[str, tuple[Any, bool]] = {
    "unauthenticated": ({"ForAnyValue:StringLike": {AMR: "unauthenticated"}}, True),
    "either": ({"ForAnyValue:StringLike": {AMR: ["authenticated", "unauthenticated"]}}, True),
    "any": ({"ForAnyValue:StringLike": {AMR: "*authenticated"}}, True),
    "all of none": ({"ForAllValues:StringLike": {AMR: "un*"}}, True),
    "nothing asked": ({}, True),
    "authenticated": ({"ForAnyValue:StringLike": {AMR: "authenticated"}}, False),
    "authenticated, exactly": ({"ForAnyValue:StringEquals": {AMR: "authenticated"}}, False),
    "a provider": ({"ForAnyValue:StringLike": {AMR: "login.example.com"}}, False),
    "one identity": ({"StringLike": {f"{COGNITO}:sub": "us-east-1:9f8e7d6c-0000"}}, False),
}


@pytest.mark.parametrize(("asks", "guests"), GUESTS.values(), ids=GUESTS)
def test_cognito_s_guests_are_anybody(asks: Any, guests: bool) -> None:
    made = {"Effect": "Allow", "Principal": {"Federated": COGNITO}}
    made["Action"] = "sts:AssumeRoleWithWebIdentity"
    made["Condition"] = {"StringEquals": POOL, **asks}
    table = [role("shared", {"Version": "2012-10-17", "Statement": [made]})]
    (row,) = trust_policy.rows(
        trust_policy.entries(authorization_details.trust(table), authorization_details.roles(table))
    )
    said = federation.left_open(TrustEntry.of(row))
    assert said == ("guests of the identity pool, that is, anybody" if guests else None)


# ── A slow search ────────────────────────────────────────────────────────────────────────────────

# Tokens that projects of a stranger's own can have, as claims.
STRANGERS_TOKENS = [
    {"sub": sub, "repository": repository, "repository_owner": repository.split("/")[0]}
    for repository in ("xmy-org/app", "evil/app", "my-org-labs/appx")
    for sub in (
        f"repo:{repository}:ref:refs/heads/main",
        f"repo:{repository}:environment:production",
        f"repo:{repository.replace('/', '@7/')}@8:environment:my-org",
        "environment:production",
        "ref:refs/heads/main:environment:production",
    )
]
PARTS = st.lists(
    st.sampled_from(["repo:", "my-org", "/", "app", ":", "*", "environment:production", "main"]),
    min_size=1,
    max_size=5,
).map("".join)
CONDITIONS = st.dictionaries(
    st.sampled_from(
        ["StringLike", "StringEquals", "StringNotLike", "StringLikeIfExists", "StringNotEquals"]
    ),
    st.dictionaries(
        st.sampled_from([f"{GITHUB}:{claim}" for claim in ("sub", "repository")]),
        st.lists(PARTS, min_size=1, max_size=2),
        min_size=1,
    ),
    min_size=1,
    max_size=3,
)


@examples(5)
@given(CONDITIONS)
def test_a_token_of_a_stranger_s_that_a_slow_search_finds_is_found(condition: Any) -> None:
    met = [
        token
        for token in STRANGERS_TOKENS
        if conditions.evaluate(
            condition, RequestContext({f"{GITHUB}:{key}": text for key, text in token.items()})
        )
        is True
    ]
    if met:
        assert federation.left_open(entry(GITHUB, condition)) is not None, met[0]
