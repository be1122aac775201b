"""A role that a provider or a service may assume beside people says both."""

from pathlib import Path
from typing import Any

import pytest

from tests.accounts import ARN, account, details, role

MFA = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
PEOPLE = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"{ARN}root"}, **MFA}
SAML = {
    "Effect": "Allow",
    "Action": "sts:AssumeRoleWithSAML",
    "Principal": {"Federated": f"{ARN}saml-provider/Okta"},
}
EC2 = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
ALL = {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}


def verdict(folder: Path, *statements: Any) -> tuple[str, str]:
    inline = [{"PolicyName": "p", "PolicyDocument": ALL}]
    made = account(
        folder, details(roles=[role("r", {"Statement": list(statements)}, RolePolicyList=inline)])
    )
    row = made.mfa_enforcement.iloc[0]
    return row["verdict"], row["why"]


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ([SAML], ["Identities of Okta may also assume it; their provider decides"]),
        ([EC2], ["AWS services may also assume it: ec2.amazonaws.com."]),
        ([EC2, SAML], ["ec2.amazonaws.com", "Okta"]),
    ],
)
def test_who_may_assume_a_role_beside_people_is_said(
    others: list[Any], says: list[str], tmp_path: Path
) -> None:
    found, why = verdict(tmp_path, PEOPLE, *others)
    assert found == "enforced"
    assert all(said in why for said in says), why


def test_of_people_alone_nothing_is_added(tmp_path: Path) -> None:
    found, why = verdict(tmp_path, PEOPLE)
    assert found == "enforced"
    assert "as well" not in why


def test_a_role_that_only_others_may_assume_is_left_as_it_is(tmp_path: Path) -> None:
    found, why = verdict(tmp_path, SAML, EC2)
    assert found == "not assumable by people"
    assert "as well" not in why


ROBOT = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"AWS": f"{ARN}role/robot"},
}


def test_mfa_is_not_advised_where_only_roles_come(tmp_path: Path) -> None:
    found, why = verdict(tmp_path, ROBOT)
    assert found == "none"
    assert why.endswith(f"trusts {ARN}role/robot, a role: its sessions carry no MFA.")


def test_where_people_come_too_the_advice_is_on_their_statement(tmp_path: Path) -> None:
    open_ = {**PEOPLE, "Condition": {}}
    assert "Statement 2 of the trust policy" in verdict(tmp_path, ROBOT, open_)[1]
