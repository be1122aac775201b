"""Requests and the statements that decide, in the words of a page."""

from typing import Any

import pandas as pd
import pytest

from iamkit import charts


def asked(effect: str = "Allowed", **context: str) -> dict[str, Any]:
    keys = {f"aws:{key}": value for key, value in context.items()}
    return {"action": "s3:GetObject", "resource": "*", "context": keys, "effect": effect}


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({}, "s3:GetObject, in any request context"),
        ({"ResourceTag/team": "unknown"}, "s3:GetObject, in any request context"),
        ({"MultiFactorAuthPresent": "absent"}, "s3:GetObject, signed with an access key"),
        (
            {"MultiFactorAuthPresent": "absent", "MultiFactorAuthAge": "absent"},
            "s3:GetObject, signed with an access key",
        ),
        ({"MultiFactorAuthAge": "absent"}, "s3:GetObject, without MFA"),
        (
            {"MultiFactorAuthPresent": "true", "MultiFactorAuthAge": "7"},
            "s3:GetObject, with MFA, used 7 seconds ago",
        ),
        (
            {"SourceIp": "absent", "SourceVpce": "vpce-1", "SourceVpc": "absent"},
            "s3:GetObject, through vpce-1",
        ),
        ({"SourceIp": "absent"}, "s3:GetObject, through a VPC endpoint"),
        ({"RequestTag/a": "absent"}, "s3:GetObject, without aws:RequestTag/a"),
        ({"RequestTag/a": "b"}, "s3:GetObject, with aws:RequestTag/a “b”"),
    ],
)
def test_a_request_says_what_it_carries(context: dict[str, str], said: str) -> None:
    assert charts.request(asked(**context)) == said


def test_a_request_that_may_be_allowed_says_on_what_it_depends() -> None:
    said = charts.request(asked("Unknown", **{"ResourceTag/team": "unknown"}))
    assert said == "possible: s3:GetObject, if aws:ResourceTag/team has a suitable value"


def test_a_role_that_is_assumed_first_is_named() -> None:
    said = charts.request({**asked(), "assumed": "arn:aws:iam::111122223333:role/path/adm"})
    assert said == ("as role adm, which it assumes first: s3:GetObject, in any request context")


def test_without_a_request_there_are_no_words() -> None:
    assert charts.request(None) is charts.request(float("nan")) is None


def test_a_table_gets_the_statement_and_the_request() -> None:
    rows = [
        ("arn:aws:iam::111122223333:policy/a", "a", "statement 1", asked()),
        ("arn:aws:iam::111122223333:role/r", "r", "statement “X”", None),
        (None, None, None, None),
    ]
    frame = pd.DataFrame(rows, columns=["policy_arn", "policy_name", "statement", "witness"])
    found = charts.with_requests(frame)
    assert found["statement that decides"].fillna("").tolist() == [
        "statement 1 of a",
        "statement “X” of the trust policy of r",
        "",
    ]
    assert found["request that is allowed"].notna().tolist() == [True, False, False]
    assert charts.with_requests(frame.iloc[:0]).columns[-1] == "request that is allowed"


@pytest.mark.parametrize(
    ("action", "caller", "context", "said"),
    [
        (
            "sts:AssumeRole",
            "arn:aws:iam::444455556666:user/a",
            {"aws:PrincipalArn": "arn:aws:iam::444455556666:user/a", "sts:ExternalId": "absent"},
            "arn:aws:iam::444455556666:user/a, without an external id",
        ),
        (
            "sts:AssumeRole",
            "sns.amazonaws.com",
            {"aws:SourceAccount": "444455556666", "aws:SourceArn": "arn:aws:sns:::a"},
            "sns.amazonaws.com, for account 444455556666, on behalf of arn:aws:sns:::a",
        ),
        (
            "sts:AssumeRoleWithWebIdentity",
            "gitlab.com",
            {"gitlab.com:aud": "absent", "gitlab.com:sub": "project_path:any/thing"},
            "a token of gitlab.com, without aud, whose sub is “project_path:any/thing”",
        ),
        (
            "sts:AssumeRoleWithSAML",
            "Okta",
            {"saml:aud": "another"},
            "an assertion of Okta, for the audience “another”",
        ),
    ],
)
def test_a_caller_says_who_it_is_and_what_it_sends(
    action: str, caller: str, context: dict[str, str], said: str
) -> None:
    witness = {"action": action, "caller": caller, "context": context, "effect": "Allowed"}
    assert charts.caller(witness) == said
    assert charts.caller(None) is None
