"""No outsider whom a slow search lets in by a trust policy that is said to be closed to it."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.policy import ABSENT, Pattern, RequestContext, conditions
from tests.accounts import ACCOUNT, ARN, account, details, role
from tests.examples import examples
from tests.trust.test_federation import CONDITIONS as OF_TOKENS
from tests.trust.test_federation import GITHUB, OKTA, STRANGERS_TOKENS
from tests.trust.test_strangers import (
    SERVICES,
    VENDOR,
    WORLD,
    conditions_of,
    conditions_of_services,
)

GITHUB_ARN = f"{ARN}oidc-provider/{GITHUB}"
SNS = "sns.amazonaws.com"
# IAM User Guide, "AWS JSON policy elements: Principal": the same as `"Principal": "*"`.
EVERYBODY = ("AWS", "*")
ROOT = f"arn:aws:iam::{VENDOR}:root"
DEPLOY, CI = f"arn:aws:iam::{VENDOR}:role/deploy", f"arn:aws:iam::{VENDOR}:user/ci"
WEB, SAML = "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"


class Request(NamedTuple):
    """One request of an outsider to assume a role."""

    kind: str  # stranger, vendor, service, token or assertion
    names: frozenset[tuple[str, str]]  # what a policy may call the caller
    action: str
    context: RequestContext


def people() -> Iterator[Request]:
    """Strangers, and identities of an account that policies name, with MFA or without."""
    for each, mfa, word in product(WORLD, ({}, {"aws:MultiFactorAuthPresent": "true"}), (0, 1)):
        sent = {**mfa, "sts:ExternalId": "guessed" if word else ABSENT}
        arn = str(each.get("aws:PrincipalArn"))
        yield Request("stranger", named(arn), "sts:AssumeRole", each.but(sent))
        theirs = arn.replace("770000000077", VENDOR)
        known = {"aws:PrincipalArn": theirs, "aws:PrincipalAccount": VENDOR}
        if not word:
            yield Request("vendor", named(theirs), "sts:AssumeRole", each.but({**sent, **known}))


def named(arn: str) -> frozenset[tuple[str, str]]:
    """What policies may call an AWS identity."""
    number = arn.split(":")[4]
    names = (arn, number, f"arn:aws:iam::{number}:root")
    return frozenset((*(("AWS", each) for each in names), EVERYBODY))


def machines() -> Iterator[Request]:
    """A service at work for a stranger, and those who come with a token or an assertion."""
    for each in SERVICES:
        yield Request("service", frozenset([("Service", SNS), EVERYBODY]), "sts:AssumeRole", each)
    for claims in STRANGERS_TOKENS:
        sent = {f"{GITHUB}:{key}": text for key, text in claims.items()}
        sent[f"{GITHUB}:aud"] = "sts.amazonaws.com"
        name = frozenset([("Federated", GITHUB_ARN), EVERYBODY])
        yield Request("token", name, WEB, RequestContext(sent))
    elsewhere = RequestContext({"saml:aud": "https://elsewhere.example.com/", "saml:sub": "x"})
    yield Request("assertion", frozenset([("Federated", OKTA), EVERYBODY]), SAML, elsewhere)


REQUESTS = [*people(), *machines()]

# What the table has to say of a role that lets such an outsider in, or that it is open to anyone.
SAID = {
    "stranger": ("anyone", "open to anyone"),
    "vendor": ("unknown account", "no external id"),
    "service": ("service", "no source"),
    "token": ("OIDC", "loose subject"),
    "assertion": ("SAML", "no audience"),
}

# ── The obvious answer: each statement, for one request ──────────────────────────────────────────


def allowed(policy: dict[str, Any], request: Request) -> bool:
    """Whether a trust policy certainly allows a request."""
    variables = policy["Version"] == "2012-10-17"
    answers = []
    for statement in policy["Statement"]:
        if about(statement, request.action) and concerns(statement, request):
            asked = statement.get("Condition", {})
            holds = conditions.evaluate(asked, request.context, variables=variables)
            if statement["Effect"] == "Deny" and holds is not False:
                return False
            answers.append(statement["Effect"] == "Allow" and holds is True)
    return any(answers)


def about(statement: dict[str, Any], action: str) -> bool:
    patterns = statement.get("Action", statement.get("NotAction"))
    texts = patterns if isinstance(patterns, list) else [patterns]
    hit = any(Pattern(text.lower()).matches(action.lower()) for text in texts)
    return hit if "Action" in statement else not hit


def concerns(statement: dict[str, Any], request: Request) -> bool:
    """
    Whether a statement is about a caller.

    An Allow for everybody is one for identities of AWS here: what it says of services and tokens,
    which have no account, is not tried.
    """
    whom = statement.get("Principal", statement.get("NotPrincipal"))
    pairs = [EVERYBODY] if whom == "*" else whom.items()
    listed = {
        (kind, name)
        for kind, names in pairs
        for name in (names if isinstance(names, list) else [names])
    }
    names = request.names
    if statement["Effect"] == "Allow" and request.kind not in ("stranger", "vendor"):
        names = names - {EVERYBODY}
    hit = not names.isdisjoint(listed)
    return hit if "Principal" in statement else not hit


# ── Policies ─────────────────────────────────────────────────────────────────────────────────────

PRINCIPALS = st.sampled_from(
    [
        *("*", {"AWS": "*"}, {"AWS": ROOT}, {"AWS": VENDOR}, {"AWS": [DEPLOY, f"{ARN}root"]}),
        *({"AWS": CI}, {"AWS": f"{ARN}user/ann"}, {"Service": SNS}, {"Federated": GITHUB_ARN}),
        *({"Federated": OKTA}, {"AWS": VENDOR, "Service": SNS}, {"AWS": [ACCOUNT, CI]}),
        {"Federated": [GITHUB_ARN, OKTA], "AWS": "*"},
    ]
)
ACTIONS = st.sampled_from(
    [
        *[{"Action": each} for each in ("sts:AssumeRole", "sts:*", WEB, SAML, "sts:AssumeRole*")],
        {"Action": ["sts:AssumeRole", "sts:TagSession", WEB]},
        *({"NotAction": "sts:TagSession"}, {"NotAction": ["sts:AssumeRole"]}),
    ]
)
FURTHER = st.sampled_from(
    [
        *({"StringEquals": {"sts:ExternalId": "7f1c"}}, {"Null": {"sts:ExternalId": "false"}}),
        *({"StringLike": {"sts:ExternalId": "*"}}, {"StringEquals": {"saml:aud": "x"}}),
        {"StringEquals": {"saml:aud": "https://signin.aws.amazon.com/saml"}},
        *({"Bool": {"aws:MultiFactorAuthPresent": each}} for each in ("true", "false")),
        {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        {"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}},
        {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:role/*"}},
    ]
)
ASKED = st.none() | conditions_of() | conditions_of_services() | OF_TOKENS | FURTHER
EVERYTHING = st.just({"Action": "sts:*"})


@st.composite
def statements(draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Deny")) -> dict[str, Any]:
    effect = draw(st.sampled_from(effects))
    whom = draw(st.sampled_from(["Principal", "Principal", "NotPrincipal"]))
    whom = whom if effect == "Deny" else "Principal"
    made = {"Effect": effect, whom: draw(PRINCIPALS), **draw(EVERYTHING | ACTIONS)}
    asked = draw(ASKED)
    return made | ({"Condition": asked} if asked else {})


POLICIES = st.builds(
    lambda version, first, more: {"Version": version, "Statement": [first, *more]},
    st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"]),
    statements(effects=("Allow",)),
    st.lists(statements(), max_size=3),
)


def opened(folder: Path, *policies: dict[str, Any]) -> Account:
    """An account with a role for each trust policy."""
    return account(folder, details(roles=[role(f"r{n}", each) for n, each in enumerate(policies)]))


def closed(rows: pd.DataFrame, kind: str) -> bool:
    """Whether nothing that is said of a role warns of such an outsider."""
    found = set(zip(rows["who"], rows["problem"], strict=True))
    return found.isdisjoint({SAID[kind], SAID["stranger"]})


def search(made: Account, policies: list[dict[str, Any]]) -> None:
    """No request is allowed by a policy of which the table does not say so."""
    table = made.trusted_principals
    for number, policy in enumerate(policies):
        rows = table[table["role_name"].eq(f"r{number}")]
        warned = {kind: not closed(rows, kind) for kind in SAID}
        for request in REQUESTS:
            assert warned[request.kind] or not allowed(policy, request), (policy, request)


@examples(1)
@given(st.lists(POLICIES, min_size=5, max_size=5))
def test_no_outsider_comes_in_where_none_is_said_to(policies: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        search(opened(Path(folder), *policies), policies)


# ── What the search has found ────────────────────────────────────────────────────────────────────

OF_NO_ORGANIZATION: dict[str, Any] = {
    "ours, if it is in one": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
    "not another one": {"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
    "any": {"StringLike": {"aws:PrincipalOrgID": "o-*"}},
    "none": {"Null": {"aws:PrincipalOrgID": "true"}},
}


@pytest.mark.parametrize("asked", OF_NO_ORGANIZATION.values(), ids=OF_NO_ORGANIZATION)
def test_an_account_may_be_in_no_organization_or_in_any(asked: Any, tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": VENDOR}, "Action": "sts:AssumeRole"}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Condition": asked}]}
    made = opened(tmp_path, policy)
    assert made.trusted_principals["problem"].tolist() == ["no external id"]
    search(made, [policy])


def test_a_service_that_a_denial_leaves_out_comes_in_by_a_statement_for_everybody(
    tmp_path: Path,
) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "sts:*"},
            {"Effect": "Deny", "NotPrincipal": {"AWS": VENDOR, "Service": SNS}, "Action": "sts:*"},
        ],
    }
    found = opened(tmp_path, policy).trusted_principals
    said = set(found[["who", "principal", "problem"]].itertuples(index=False, name=None))
    assert said == {("unknown account", VENDOR, "no external id"), ("service", SNS, "no source")}
