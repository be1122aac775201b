"""Who may assume an administrator's role."""

from pathlib import Path
from typing import Any

import pytest

from iamkit.checks import registry, run
from tests.accounts import ACCOUNT, ARN, account, details, role, user
from tests.checks import result

ADMIN = f"{ARN}role/admin"
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ADMIN}
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def inline(*statements: dict[str, Any]) -> list[dict[str, Any]]:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return [{"PolicyName": "own", "PolicyDocument": document}]


def ana(*statements: dict[str, Any], **members: Any) -> dict[str, Any]:
    return user("ana", UserPolicyList=inline(*statements), **members)


def runner(*statements: dict[str, Any], **members: Any) -> dict[str, Any]:
    trust = {"Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}}
    trust["Statement"]["Action"] = "sts:AssumeRole"
    return role("runner", trust, RolePolicyList=inline(*statements), **members)


def opens(principal: Any, condition: Any = None, effect: str = "Allow") -> dict[str, Any]:
    made = {"Effect": effect, "Principal": principal, "Action": "sts:AssumeRole"}
    return made | ({"Condition": condition} if condition else {})


WHOLE_ACCOUNT = opens({"AWS": f"{ARN}root"})


def find(
    folder: Path, *people: dict[str, Any], trust: Any = (WHOLE_ACCOUNT,), **more: Any
) -> dict[str, str]:
    """Subject to detail, in an account with an administrator's role and these users and roles."""
    document = {"Version": "2012-10-17", "Statement": list(trust)}
    admin = role("admin", document, RolePolicyList=inline(ALL))
    users = [each for each in people if "UserName" in each]
    roles = [each for each in people if "RoleName" in each]
    opened = account(folder, details(users, roles=[admin, *roles]), **more)
    name = "can_become_administrator"
    found = run.run(opened, {name: registry.CHECKS[name]}).findings
    columns = (found[column] for column in ("name", "detail", "status"))
    return {
        who: detail if status == "fail" else status
        for who, detail, status in zip(*columns, strict=True)
    }


def test_both_sides_let_them(tmp_path: Path) -> None:
    assert find(tmp_path, ana(ASSUME), runner(ASSUME)) == {
        "ana": "with a stolen key in 1 step: admin",
        "runner": "from its session in 1 step: admin",
    }


@pytest.mark.parametrize("principal", [ACCOUNT, f"{ARN}root", "*"])
def test_the_account_is_named_in_three_ways(principal: str, tmp_path: Path) -> None:
    assert list(find(tmp_path, ana(ASSUME), trust=[opens({"AWS": principal})])) == ["ana"]


def test_a_trust_in_the_account_needs_a_policy_of_ones_own(tmp_path: Path) -> None:
    other = {**ASSUME, "Resource": f"{ARN}role/other"}
    reads = {**ASSUME, "Action": "s3:GetObject"}
    assert find(tmp_path, ana(other), runner(reads)) == {}


def test_who_is_named_needs_none(tmp_path: Path) -> None:
    reads = {**ASSUME, "Action": "s3:GetObject"}
    both = [opens({"AWS": [f"{ARN}user/ana", f"{ARN}role/runner"]})]
    assert set(find(tmp_path, ana(reads), runner(reads), trust=both)) == {"ana", "runner"}


def test_who_is_named_and_denied_cannot(tmp_path: Path) -> None:
    named = [opens({"AWS": f"{ARN}user/ana"})]
    denied = {**ASSUME, "Effect": "Deny"}
    assert find(tmp_path, ana(ASSUME, denied), trust=named) == {}


def test_a_trust_in_somebody_else_is_no_way_in(tmp_path: Path) -> None:
    others = [opens({"AWS": f"{ARN}user/bo"}), opens({"Service": "lambda.amazonaws.com"})]
    assert find(tmp_path, ana(ASSUME), trust=others) == {}


def test_people_may_come_with_mfa_and_role_sessions_have_none(tmp_path: Path) -> None:
    with_mfa = [opens({"AWS": f"{ARN}root"}, MFA)]
    assert list(find(tmp_path, ana(ASSUME), runner(ASSUME), trust=with_mfa)) == ["ana"]


def test_only_what_is_certain_is_said(tmp_path: Path) -> None:
    secret = [opens({"AWS": f"{ARN}root"}, {"StringEquals": {"sts:ExternalId": "7f1c"}})]
    assert find(tmp_path, ana(ASSUME), trust=secret) == {"ana": "not assessed"}


@pytest.mark.parametrize(
    "denial",
    [
        opens("*", {"StringNotEquals": {"aws:PrincipalTag/team": "ops"}}, "Deny"),
        opens({"AWS": f"{ARN}root"}, None, "Deny"),
        opens({"AWS": f"{ARN}user/ana"}, None, "Deny"),
        {"Effect": "Deny", "NotPrincipal": {"AWS": f"{ARN}user/bo"}, "Action": "sts:AssumeRole"},
    ],
    ids=["by tag", "the account", "by name", "all but one"],
)
def test_a_denial_in_the_trust_policy_that_may_be_meant_for_them(
    denial: dict[str, Any], tmp_path: Path
) -> None:
    found = find(tmp_path, ana(ASSUME), trust=[WHOLE_ACCOUNT, denial])
    assert found == ({"ana": "not assessed"} if "NotPrincipal" in denial else {})


def test_a_denial_of_others_changes_nothing(tmp_path: Path) -> None:
    others = [
        opens({"AWS": f"{ARN}user/bo"}, None, "Deny"),
        opens("*", {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}}, "Deny"),
    ]
    assert list(find(tmp_path, ana(ASSUME), trust=[WHOLE_ACCOUNT, *others])) == ["ana"]


def test_conditions_about_the_caller_tell_the_alike_apart(tmp_path: Path) -> None:
    own = {**ASSUME, "Resource": f"{ARN}role/${{aws:username}}"}
    named = user("admin", UserPolicyList=inline(own))
    other = user("bo", UserPolicyList=inline(own))
    assert list(find(tmp_path, named, other)) == ["admin"]
    tagged = [opens({"AWS": f"{ARN}root"}, {"StringEquals": {"aws:PrincipalTag/team": "ops"}})]
    ops = ana(ASSUME, Tags=[{"Key": "team", "Value": "ops"}])
    web = user("bo", UserPolicyList=inline(ASSUME), Tags=[{"Key": "team", "Value": "web"}])
    (tmp_path / "b").mkdir()
    assert list(find(tmp_path / "b", ops, web, trust=tagged)) == ["ana"]


def test_a_denial_of_everything_but_assuming_without_mfa_does_not_stop_people_with_mfa(
    tmp_path: Path,
) -> None:
    absent = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    asks = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": absent}
    assert list(find(tmp_path, ana(ASSUME, asks), runner(ASSUME, asks))) == ["ana"]


def test_not_action_is_about_assuming_unless_it_says_so(tmp_path: Path) -> None:
    but_iam = {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}
    but_sts = {"Effect": "Deny", "NotAction": "sts:*", "Resource": "*"}
    assert list(find(tmp_path, ana(but_iam))) == ["ana"]
    (tmp_path / "b").mkdir()
    assert list(find(tmp_path / "b", ana(ASSUME, but_sts))) == ["ana"]
    (tmp_path / "c").mkdir()
    assert find(tmp_path / "c", ana(ASSUME, {**but_iam, "Effect": "Deny"})) == {}


def test_administrators_are_no_news(tmp_path: Path) -> None:
    assert find(tmp_path, ana(ALL)) == {}


def test_several_roles_are_one_finding(tmp_path: Path) -> None:
    everything = {"Version": "2012-10-17", "Statement": WHOLE_ACCOUNT}
    identity = {**ALL, "Action": "iam:*"}
    iam = role("iam-admin", everything, RolePolicyList=inline(identity))
    found = find(tmp_path, ana({**ASSUME, "Resource": "*"}), iam)
    assert found == {"ana": "with a stolen key in 1 step: admin"}


def test_an_account_without_such_roles_passes(tmp_path: Path) -> None:
    opened = account(tmp_path, details([ana(ASSUME)]))
    assert result(opened, "can_become_administrator")["status"] == "pass"
