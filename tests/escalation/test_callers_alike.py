"""What one finds who stands for many is what each of them finds by itself."""

import sys
from pathlib import Path

import pytest

from iamkit import Account, load
from iamkit.access import DEFAULT_CONTEXTS
from iamkit.escalation import AvailablePaths
from tests.accounts import ARN, account, details, group, policy, role, user

ROOT = f"{ARN}root"


def allow(
    actions: str | list[str], resources: str | list[str], **more: object
) -> dict[str, object]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def deny(actions: str | list[str], resources: str | list[str]) -> dict[str, object]:
    return {**allow(actions, resources), "Effect": "Deny"}


def document(*statements: dict[str, object]) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trusting(*principals: str, **more: object) -> dict[str, object]:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, **more}
    return document({**statement, "Action": ["sts:AssumeRole", "sts:TagSession"]})


SERVICE = document(
    {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
)
BY_NAME = [f"{ARN}user/${{aws:username}}", "arn:aws:iam::*:mfa/${aws:username}"]
ANY_ACCOUNT = ["arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::*:user/*/${aws:username}"]
TAGGED = {"StringEquals": {"iam:ResourceTag/team": "${aws:PrincipalTag/team}"}}
LAMBDA = allow("lambda:*", "*")
WRITTEN = {
    "by name": [allow("iam:*", BY_NAME)],
    "by name in any account": [allow("iam:*", ANY_ACCOUNT)],
    "but not by name": [allow("iam:*", "*"), deny("iam:*", BY_NAME)],
    "all but oneself": [{"Effect": "Allow", "Action": "iam:*", "NotResource": BY_NAME}],
    "some names": [allow("iam:*", [f"{ARN}user/a*", f"{ARN}role/a*"])],
    "of one team": [allow("iam:*", "*", Condition=TAGGED)],
    "by role": [allow("iam:*", f"{ARN}role/${{aws:username}}"), LAMBDA],
    "a group's": [allow("iam:*", f"{ARN}group/g")],
    "its policy's": [allow("iam:*", f"{ARN}policy/own")],
    "passes": [allow("iam:PassRole", f"{ARN}role/a*"), LAMBDA],
    "assumes": [allow("sts:*", "*")],
}
NAMES = ("ann", "abe", "bob")


def people(name: str, at: int) -> list[dict[str, object]]:
    """A user, one with a path and a role, with the same policy and one of their own ARN."""
    found = []
    for make, path in ((user, "/"), (user, "/ops/"), (role, "/")):
        kind, called = make.__name__, name + ("-ops" if path != "/" else "")
        arn = f"{ARN}{kind}{path}{called}"
        own = document(allow("iam:*", arn), LAMBDA)
        tags = [{"Key": "team", "Value": "red" if at else "blue"}]
        members = {
            "Path": path,
            "Arn": arn,
            "Tags": tags,
            f"{kind.capitalize()}PolicyList": [{"PolicyName": "own", "PolicyDocument": own}],
        }
        trust = [trusting(ROOT), SERVICE, trusting(f"{ARN}user/ann")][at]
        found.append(role(called, trust, **members) if kind == "role" else user(called, **members))
    return found


def alone(available: AvailablePaths, arn: str, context: str) -> dict[str, object]:
    """The paths of a caller as if there were nobody like it."""
    callers = available.callers
    caller, who = callers.caller(arn), callers.context(arn, context)
    named = callers.assumable.names(arn)
    usable = available.usable_methods(caller.kind, named, callers.number(arn, context))
    made = (available.targets.path(each.method, each.elsewhere, caller, who) for each in usable)
    return {
        path.method.id: (path.kind, path.targets, path.permitted)
        for path in made
        if path.targets.possible or path.permitted.possible
    }


def compare(opened: Account) -> int:
    """Compare the paths of everybody, and return how many there are."""
    available = AvailablePaths(opened.callers, opened.permissions)
    number = 0
    for arn in (*opened.permissions.principals["principal_arn"], *opened.groups["group_arn"]):
        for context in DEFAULT_CONTEXTS:
            found = {
                path.method.id: (path.kind, path.targets, path.permitted)
                for path in available.paths(arn, context)
            }
            assert found == alone(available, arn, context), (arn, context)
            number += len(found)
    return number


@pytest.mark.parametrize("case", WRITTEN)
def test_each_finds_what_it_finds_alone(tmp_path: Path, case: str) -> None:
    shared = policy("shared", document(*WRITTEN[case]))
    attached = [{"PolicyName": "shared", "PolicyArn": shared["Arn"]}]
    everybody = [each for at, name in enumerate(NAMES) for each in people(name, at)]
    for each in everybody[:6]:
        each["AttachedManagedPolicies"] = attached
    users = [each for each in everybody if "UserName" in each]
    users[0]["GroupList"] = ["g"]
    roles = [each for each in everybody if "RoleName" in each]
    groups = [group("g", AttachedManagedPolicies=attached)]
    policies = [shared, policy("own", document(LAMBDA))]
    opened = account(tmp_path, details(users, groups, roles, policies))
    assert compare(opened) > 0


def test_each_of_a_company_finds_what_it_finds_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[2] / "benchmarks")])
    import iam_changers

    opened = load(iam_changers.snapshot(tmp_path, 60))
    assert compare(opened) > 1000
