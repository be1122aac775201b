"""A question that is misspelt is an error with a suggestion, and never "denied"."""

from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.access.contexts import CONTEXTS
from iamkit.errors import SettingsError
from tests.access.test_permissions import controlled
from tests.accounts import ACCOUNT, ARN, account, details, group, report, role, user

S3 = {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
ROOT = "<root_account>"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Account:
    inline = [{"PolicyName": "p", "PolicyDocument": S3}]
    ghost = f"ghost,{ARN}user/ghost,2024-05-01T12:00:00Z,true,{','.join(['N/A'] * 18)}"
    return account(
        tmp_path_factory.mktemp("asked"),
        details(
            users=[user("annabel", UserPolicyList=inline, GroupList=["Readers"])],
            groups=[group("Readers"), group("Nobody")],
            roles=[role("deployer", {"Statement": []})],
        ),
        credential_report=report(ghost),
    )


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (("anabel", "s3:GetObject"), "did you mean annabel?"),
        (("ANNABEL", "s3:GetObject"), "did you mean annabel?"),
        ((f"{ARN}user/annabell", "s3:GetObject"), f"did you mean {ARN}user/annabel?"),
        (("deploier", "s3:GetObject"), "did you mean deployer?"),
        (("qqqqqqqqqqqq", "s3:GetObject"), "no principal has the name 'qqqqqqqqqqqq'; give"),
        (("", "s3:GetObject"), "no principal has the name ''"),
        (("root", "s3:GetObject"), "the root user is <root_account>"),
        (("Readers", "s3:GetObject"), r"is a group.*ask about a member \(annabel\)"),
        ((f"{ARN}group/Nobody", "s3:GetObject"), "is a group.*it has no members"),
        (("annabel", "s3:GetObjekt"), "not in AWS's list.*did you mean s3:GetObject?"),
        (("annabel", "s4:GetObject"), "service that is not known; did you mean s3:GetObject"),
        (("annabel", "dynamdb:Query"), "did you mean dynamodb:Query?"),
        (("annabel", "zzzzzzzz:Query"), "is of a service that is not known$"),
        (("annabel", "GetObject"), "names no service"),
        (("annabel", "s3:"), "not in AWS's list"),
        (("annabel", ""), "names no service"),
        (("annabel", "s3:*"), "is no single action"),
        (("annabel", "*"), "is no single action"),
        (("annabel", "s3:GetObject", "bucket/key"), "did you mean arn:aws:s3:::bucket/key?"),
        (("annabel", "iam:GetUser", "annabel"), f"did you mean {ARN}user/annabel?"),
        (("annabel", "s3:GetObject", "arn:aws:s3:bucket"), "is no ARN; write arn:partition"),
        (("annabel", "s3:GetObject", "arn:asw:s3:::b"), "is no ARN"),
        (("annabel", "s3:GetObject", "arn:aws::::b"), "is no ARN"),
        (("annabel", "s3:GetObject", ""), "is no ARN"),
        ((ROOT, "s3:GetObjekt"), "did you mean s3:GetObject?"),
    ],
)
def test_a_question_that_is_misspelt_is_an_error(
    made: Account, question: tuple[str, ...], says: str
) -> None:
    pattern = says.replace("?", r"\?")
    for asked in (made.can, made.why):
        with pytest.raises(SettingsError, match=pattern):
            asked(*question)


@pytest.mark.parametrize(
    ("who", "says"),
    [
        ("anabel", "did you mean annabel"),
        ("Readers", "is a group"),
        (f"{ARN}group/Readers", "is a group"),
        ("root", "the root user is <root_account>"),
        (ROOT, "may do all that service control policies leave.*ask account.can"),
        (f"{ARN}root", "may do all that service control policies leave.*ask account.can"),
        ("ghost", "is not known: only the credential report names it"),
        (None, "None is no name"),
        (["annabel"], "is no name"),
    ],
)
def test_who_has_no_row_is_an_error(made: Account, who: Any, says: str) -> None:
    for asked in (made.reach, lambda who: made.permissions.actions(who, "stolen-key")):
        with pytest.raises(SettingsError, match=says):
            asked(who)


def test_roles_of_services_have_rows_and_become_nobody(tmp_path: Path) -> None:
    trust = {"Statement": {"Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}}}
    path = "/aws-service-role/x.amazonaws.com/"
    linked = role("Linked", trust, Path=path, Arn=f"{ARN}role{path}Linked")
    found = account(tmp_path, details(roles=[linked]))
    assert found.permissions.actions("Linked", "stolen-key").empty
    with pytest.raises(SettingsError, match="only an AWS service uses the role"):
        found.reach("Linked")


@pytest.mark.parametrize("wrong", ["here", None, 5, ["stolen-key"]])
def test_a_context_or_strength_that_there_is_none_of_is_an_error(made: Account, wrong: Any) -> None:
    for asked in (
        lambda: made.can("annabel", "s3:GetObject", "*", wrong),
        lambda: made.reach("annabel", wrong),
        lambda: made.choke_points(wrong),
        lambda: made.permissions.actions("annabel", wrong),
        lambda: made.permissions.holders(wrong),
        lambda: made.permissions.holders("stolen-key", wrong),
        lambda: made.permissions.boundaries(wrong),
    ):
        with pytest.raises(SettingsError, match="there are|worked out in"):
            asked()


@pytest.mark.parametrize("action", ["s3:GetObject", "S3:getobject"])
@pytest.mark.parametrize("resource", ["*", "arn:aws:s3:::b/*", "arn:aws-cn:s3:::b"])
def test_a_question_that_can_be_asked_is_answered(
    made: Account, action: str, resource: str
) -> None:
    assert made.can("annabel", action, resource)
    assert made.can("deployer", action, resource).effect == "ImplicitlyDenied"


def test_what_a_user_may_do_whose_policies_are_not_shown_is_unknown(made: Account) -> None:
    answer = made.can("ghost", "s3:GetObject")
    assert answer.effect == "Unknown"
    assert "not in the evidence" in answer.why


@pytest.mark.parametrize("who", [ROOT, f"{ARN}root"])
def test_root_may_do_everything(made: Account, who: str) -> None:
    for context in CONTEXTS:
        assert made.can(who, "iam:CreateUser", f"{ARN}user/x", context)
    assert set(made.why(who, "iam:CreateUser")["effect"]) == {"Allowed"}
    assert "the root user's own authority" in made.can(who, "iam:CreateUser").why


def test_root_may_do_what_service_control_policies_leave(tmp_path: Path) -> None:
    member = controlled(tmp_path, "999999999999")
    assert member.can(ROOT, "s3:GetObject")
    assert "SCP level 2" in member.can(ROOT, "ec2:RunInstances").why
    (tmp_path / "management").mkdir()
    assert controlled(tmp_path / "management", ACCOUNT).can(ROOT, "ec2:RunInstances")


@pytest.mark.parametrize(
    ("condition", "denied"),
    [
        ({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}, True),
        ({"StringEquals": {"aws:PrincipalType": "Account"}}, True),
        ({"StringEquals": {"aws:PrincipalType": "AssumedRole"}}, False),
        ({"Null": {"aws:TokenIssueTime": "false"}}, False),
    ],
)
def test_a_denial_of_root_by_an_scp_is_seen(
    tmp_path: Path, condition: Any, denied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = controlled(tmp_path, "999999999999")
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    full = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    from iamkit.policy import Policy

    levels = ((Policy("NoRoot", {"Version": "2012-10-17", "Statement": [full, deny]}),),)
    monkeypatch.setattr(made.callers, "_scps", levels)
    answer = made.can(ROOT, "s3:GetObject", context="stolen-key")
    assert (answer.effect == "ExplicitlyDenied") == denied
