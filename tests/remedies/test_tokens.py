"""Trust in identity providers: which project, application or audience a role is for."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from iamkit import Account
from iamkit.remedies import Remedy, proof, proposals
from iamkit.results.changes import UpdateAssumeRolePolicy
from tests.accounts import ARN, account, details, role
from tests.results.test_advice import document

GITHUB = "token.actions.githubusercontent.com"
BITBUCKET = "api.bitbucket.org/2.0/workspaces/example/pipelines-config/identity/oidc"
COGNITO = "cognito-identity.amazonaws.com"
SAML = f"{ARN}saml-provider/corp"
SUBJECTS, AUDIENCES = "name-the-subject-of-tokens", "name-the-audience-of-assertions"


def oidc(url: str) -> str:
    return f"{ARN}oidc-provider/{url}"


def federated(*who: str, kind: str = "WebIdentity", **condition: Any) -> dict[str, Any]:
    made = {"Effect": "Allow", "Action": f"sts:AssumeRoleWith{kind}"}
    made["Principal"] = {"Federated": [*who]}  # type: ignore[assignment]
    return {**made, "Condition": condition} if condition else made


TRUSTS = {
    "branch": document(federated(oidc(GITHUB), StringLike={f"{GITHUB}:sub": "repo:corp/*"})),
    "fine": document(
        federated(oidc(GITHUB), StringEquals={f"{GITHUB}:sub": "repo:corp/a:ref:refs/heads/main"})
    ),
    "step": document(federated(oidc(BITBUCKET))),
    "app": document(federated(COGNITO), federated("accounts.google.com")),
    "guest": document(
        federated(COGNITO, **{"ForAnyValue:StringLike": {f"{COGNITO}:amr": "unauthenticated"}})
    ),
    "two": document({**federated(oidc(GITHUB), oidc("gitlab.com")), "Sid": "Both"}),
    "staff": document(federated(SAML, kind="SAML")),
}


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Account, dict[str, Remedy]]:
    roles = [role(name, trust) for name, trust in TRUSTS.items()]
    made = account(tmp_path_factory.mktemp("providers"), details([], roles=roles))
    found = {each.id: each for each in proposals(made)}
    return made, {name: proof.tried(made, found[name]) for name in (SUBJECTS, AUDIENCES)}


def written(remedy: Remedy) -> dict[str, Any]:
    """The statements of each role that a remedy writes anew."""
    made = cast("tuple[UpdateAssumeRolePolicy, ...]", remedy.proposal.changes)
    return {each.role.rpartition("/")[2]: each.document["Statement"] for each in made}


def test_each_role_is_asked_whose_tokens_it_is_for(
    providers: tuple[Account, dict[str, Remedy]],
) -> None:
    found = written(providers[1][SUBJECTS])
    assert found.keys() == {"branch", "step", "app", "two"}
    (branch,) = found["branch"]
    blanks = providers[1][SUBJECTS].proposal.to_fill
    assert [each.name for each in blanks] == [f"TOKENS_{number}" for number in range(1, 7)]
    assert len({each.example for each in blanks}) == len(blanks)

    def mark(*words: str) -> str:
        (one,) = (each for each in blanks if all(word in each.meaning for word in words))
        return one.example

    assert branch["Condition"] == {
        "StringLike": {f"{GITHUB}:sub": "repo:corp/*"},
        "StringEquals": {f"{GITHUB}:sub": mark("branch, such as repo:ORG", GITHUB)},
    }
    (step,) = found["step"]
    assert step["Condition"] == {"StringLike": {f"{BITBUCKET}:sub": f"{mark('step')}:*"}}
    pool, application = found["app"]
    assert pool["Condition"] == {
        "StringEquals": {f"{COGNITO}:aud": mark("identity pool", "app")},
        "ForAnyValue:StringEquals": {f"{COGNITO}:amr": "authenticated"},
    }
    google = {"accounts.google.com:aud": mark("application", "app")}
    assert application["Condition"] == {"StringEquals": google}
    assert [each["Principal"]["Federated"] for each in found["two"]] == [
        [oidc(GITHUB)],
        [oidc("gitlab.com")],
    ]
    first, second = (each["Condition"]["StringEquals"] for each in found["two"])
    assert first == {f"{GITHUB}:sub": mark("may assume two", GITHUB)}
    assert second == {"gitlab.com:sub": mark("may assume two", "gitlab.com")}
    assert len({each.get("Sid") for each in found["two"]}) == 2


def test_what_is_proposed_ends_the_findings_and_nothing_graver_is_new(
    providers: tuple[Account, dict[str, Remedy]],
) -> None:
    of_tokens, of_assertions = (providers[1][name] for name in (SUBJECTS, AUDIENCES))
    for remedy, names in (
        (of_tokens, {"branch", "step", "app", "two"}),
        (of_assertions, {"staff"}),
    ):
        mine = remedy.ended["check"].eq("federation_without_subject")
        assert set(remedy.ended.loc[mine, "name"]) == names
        assert remedy.new.empty
    assert "placeholder" in of_tokens.proposal.not_known[0]
    assert not of_assertions.proposal.to_fill


def test_documents_have_marks_where_a_person_puts_in_the_answers(
    providers: tuple[Account, dict[str, Remedy]],
) -> None:
    remedy = providers[1][SUBJECTS]
    written_anew, before = (
        json.dumps([text for each in remedy.commands for name, text in each.files.items()
                    if name.endswith("-before.json") is was])
        for was in (False, True)
    )  # fmt: skip
    for blank in remedy.proposal.to_fill:
        assert written_anew.count(f'"@{blank.name}@') == 1
        assert blank.example not in written_anew
    assert "@" not in before
    fills = [line for each in remedy.commands for line in each.do if line.startswith("fill ")]
    assert len(fills) == len(remedy.commands) == 4


@pytest.mark.parametrize(
    ("partition", "audience"),
    [
        ("aws", "https://signin.aws.amazon.com/saml"),
        ("aws-us-gov", "https://signin.amazonaws-us-gov.com/saml"),
        ("aws-cn", "https://signin.amazonaws.cn/saml"),
    ],
)
def test_assertions_are_for_the_sign_in_of_the_accounts_part_of_aws(
    tmp_path: Path, partition: str, audience: str
) -> None:
    arn = f"arn:{partition}:iam::012345678901:"
    provider = f"{arn}saml-provider/corp"
    staff = role("staff", document(federated(provider, kind="SAML")), Arn=f"{arn}role/staff")
    made = account(tmp_path, details([], roles=[staff]))
    (remedy,) = (each for each in proposals(made) if each.id == AUDIENCES)
    (change,) = remedy.changes
    (statement,) = change.document["Statement"]  # type: ignore[attr-defined]
    assert statement["Condition"] == {"StringEquals": {"SAML:aud": audience}}
    (step,) = made.audit.findings.query("check == 'federation_without_subject'")["next_step"]
    assert step.endswith(f"{audience}.")
