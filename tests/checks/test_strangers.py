"""Roles that a stranger can assume, and roles that only look so: what the checks say of each."""

from pathlib import Path
from typing import Any

import pytest

from iamkit.checks import registry, run
from tests.accounts import ACCOUNT, ARN, account, details, role

VENDOR = "999988887777"
GITHUB = "token.actions.githubusercontent.com"
TOKEN = {"Federated": f"{ARN}oidc-provider/{GITHUB}"}
COGNITO = "cognito-identity.amazonaws.com"
TOPICS = {"Service": "sns.amazonaws.com"}
AUDIENCE = {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}}


def subject(text: str) -> dict[str, Any]:
    return {**AUDIENCE, "StringLike": {f"{GITHUB}:sub": text}}


GUEST = {
    "StringEquals": {f"{COGNITO}:aud": "us-east-1:1"},
    "ForAnyValue:StringLike": {f"{COGNITO}:amr": "unauthenticated"},
}
USABLE = ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"]
# By check: principal and condition of roles that fail it, and of roles that do not.
FAILS: dict[str, list[tuple[Any, Any]]] = {
    "anyone_may_assume": [
        ("*", {"StringLike": {"aws:userid": "*:deploy"}}),
        ("*", {"StringEquals": {"aws:PrincipalType": "AssumedRole"}}),
        ("*", {"StringLike": {"aws:PrincipalArn": "*:role/deploy"}}),
        ("*", {"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
        ("*", {"StringLike": {"aws:SourceVpc": "vpc-*"}}),
        ("*", {"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}),
        ("*", {"IpAddress": {"aws:SourceIp": USABLE}}),
        ({"AWS": "*"}, {"Bool": {"aws:ViaAWSService": "false"}}),
    ],
    "vendor_without_external_id": [
        ("*", {"StringEquals": {"aws:PrincipalAccount": "444455556666"}}),
        ("*", {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{VENDOR}:role/*"}}),
        ({"AWS": f"arn:aws:iam::{VENDOR}:root"}, None),
    ],
    "service_without_source": [
        (TOPICS, {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}),
        (TOPICS, {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}),
        (TOPICS, None),
    ],
    "service_for_unknown_account": [
        (TOPICS, {"StringEquals": {"aws:SourceAccount": VENDOR}}),
        (TOPICS, {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:eu-west-1:{VENDOR}:alerts"}}),
    ],
    "federation_without_subject": [
        (TOKEN, subject("*:ref:refs/heads/main")),
        (TOKEN, subject("*org/app*")),
        (TOKEN, subject("r*")),
        (TOKEN, {"StringEquals": {f"{GITHUB}:sub": "environment:production"}}),
        ({"Federated": COGNITO}, GUEST),
    ],
}
PASSES: dict[str, list[tuple[Any, Any]]] = {
    "anyone_may_assume": [
        ("*", {"ArnLike": {"aws:PrincipalArn": f"{ARN}role/*"}}),
        ("*", {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        ("*", {"StringEquals": {"aws:PrincipalAccount": VENDOR}}),
        ("*", {"StringEquals": {"aws:PrincipalAccount": [f"{at:012}" for at in range(7, 90)]}}),
    ],
    "vendor_without_external_id": [
        ("*", {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}),
        ("*", {"StringEquals": {"aws:PrincipalAccount": VENDOR, "sts:ExternalId": "7f1c"}}),
    ],
    "service_without_source": [
        (TOPICS, {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:*:{ACCOUNT}:*"}}),
        (TOPICS, {"StringEquals": {"aws:SourceAccount": VENDOR}}),
    ],
    "service_for_unknown_account": [
        (TOPICS, None),
        (TOPICS, {"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        ({"Service": "ec2.amazonaws.com"}, None),
    ],
    "federation_without_subject": [
        (TOKEN, subject("repo:my-org/app:ref:refs/heads/main")),
        (TOKEN, subject("repo:my-org@*/app@*:ref:refs/heads/main")),
    ],
}


def failing(check: str, trusted: list[tuple[Any, Any]], folder: Path) -> list[str]:
    """The names of roles that fail a check, each with one of these trust statements."""
    roles = []
    for at, (principal, condition) in enumerate(trusted):
        federated = isinstance(principal, dict) and "Federated" in principal
        action = "sts:AssumeRoleWithWebIdentity" if federated else "sts:AssumeRole"
        made = {"Effect": "Allow", "Principal": principal, "Action": action}
        made |= {"Condition": condition} if condition else {}
        roles.append(role(f"r{at}", {"Version": "2012-10-17", "Statement": [made]}))
    opened = account(folder, details(roles=roles))
    found = run.run(opened, {check: registry.CHECKS[check]}).findings
    return [each.rpartition("/")[2] for each in found.loc[found["status"].eq("fail"), "subject"]]


@pytest.mark.parametrize("check", FAILS)
def test_what_a_stranger_can_use_fails(check: str, tmp_path: Path) -> None:
    expected = [f"r{at}" for at in range(len(FAILS[check]))]
    assert sorted(failing(check, FAILS[check], tmp_path)) == expected


@pytest.mark.parametrize("check", PASSES)
def test_what_it_cannot_use_does_not(check: str, tmp_path: Path) -> None:
    assert failing(check, PASSES[check], tmp_path) == []
