"""Whom a remedy does not touch: who stands beside those it is for, and whom it cannot take."""

import json
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.remedies import commands, credentials, escalation, restrictions, trust
from iamkit.results import changes
from tests.accounts import ARN, account, details, group, policy, report, role, user
from tests.results.test_advice import line

ANN = f"{ARN}user/ann"
GHOST = "AIDAGHOSTGHOSTGHOSTGH"
ORG = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}}}


TO_BOSS = ("sts:AssumeRole", f"{ARN}role/boss")
SHARED = {"AttachedManagedPolicies": [
    {"PolicyName": "deploy", "PolicyArn": f"{ARN}policy/deploy"}]}  # fmt: skip


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: str, **members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, **members}


def assume(principal: Any, **members: Any) -> dict[str, Any]:
    return allow("sts:AssumeRole", Principal=principal, **members)


ALL = {"UserPolicyList": [{"PolicyName": "all", "PolicyDocument": document(
    allow("*", Resource="*"))}]}  # fmt: skip


def deploying(folder: Path, *others: dict[str, Any]) -> Account:
    """Users who can become an administrator in two ways, both by the policy deploy, and others."""
    boss = role(
        "boss", document(assume({"AWS": f"{ARN}root"})), RolePolicyList=ALL["UserPolicyList"]
    )
    people = [user("ann", **SHARED), user("ben", **SHARED), *others]
    lines = [line(each["UserName"], ("true", 20, 2), password=(30, 2), mfa="true")
             for each in people]  # fmt: skip
    both = document(allow(["sts:AssumeRole", "iam:CreateAccessKey"], Resource="*"))
    policies = [policy("deploy", both), policy("edge", document(allow("s3:*", Resource="*")))]
    return account(folder, details(people, [], [boss], policies), credential_report=report(*lines))


def trusting(folder: Path, *statements: Any) -> Account:
    return account(folder, details([user("ann")], roles=[role("work", document(*statements))]))


# Statements of trust policies before and after.
GHOSTS = (
        ([assume("*", **ORG), assume({"AWS": [ANN, GHOST]})],
         [assume("*", **ORG), assume({"AWS": [ANN]})]),
        ([assume({"Service": "ec2.amazonaws.com"}), assume({"AWS": [ANN, GHOST]})],
         [assume({"Service": "ec2.amazonaws.com"}), assume({"AWS": [ANN]})]),
        ([assume({"AWS": GHOST}), assume({"AWS": ANN})], [assume({"AWS": ANN})]),
        ([assume({"AWS": GHOST, "Service": "ec2.amazonaws.com"})],
         [assume({"Service": "ec2.amazonaws.com"})]),
)  # fmt: skip


def test_other_statements_of_a_trust_policy_stay_when_a_deleted_user_leaves_it(
    tmp_path: Path,
) -> None:
    roles = [role(f"r{at}", document(*before)) for at, (before, _) in enumerate(GHOSTS)]
    made = account(tmp_path, details([user("ann")], roles=roles))
    edits = trust.deleted_principals(made).changes
    found = {each.role: each.document["Statement"] for each in edits}
    assert found == {f"{ARN}role/r{at}": after for at, (_, after) in enumerate(GHOSTS)}
    made.what_if(*edits)


def test_a_condition_for_a_service_does_not_lock_out_the_user_beside_it(tmp_path: Path) -> None:
    made = trusting(tmp_path, assume({"AWS": ANN, "Service": "batch.amazonaws.com"}, Sid="Both"))
    (change,) = trust.services_for_others(made).changes
    others, services = change.document["Statement"]
    assert others == assume({"AWS": ANN}, Sid="Both")
    assert services["Principal"] == {"Service": ["batch.amazonaws.com"]}
    assert services["Condition"] == {"StringEquals": {"aws:SourceAccount": ARN.split(":")[4]}}
    assert services["Sid"] != "Both"


def test_who_is_in_ten_groups_is_named_and_does_not_stop_the_others(tmp_path: Path) -> None:
    groups = [group(f"g{number}") for number in range(10)]
    own = {"UserPolicyList": [{"PolicyName": "p", "PolicyDocument": document(
        allow("s3:*", Resource="*"))}]}  # fmt: skip
    people = [user("ann", **own), user("ten", GroupList=[g["GroupName"] for g in groups], **own)]
    lines = [line(name, password=(30, 2), mfa="true") for name in ("ann", "ten")]
    made = account(tmp_path, details(people, groups), credential_report=report(*lines))
    proposal = restrictions.enforce_mfa(made)
    assert [each.user for each in proposal.changes if isinstance(each, changes.AddUserToGroup)] == [
        ANN
    ]
    assert any(each.startswith("ten: in 10 groups") for each in proposal.left_out)
    made.what_if(*proposal.changes)


def test_each_program_that_is_left_out_is_named(tmp_path: Path) -> None:
    names = [f"program{number}" for number in range(60)]
    lines = [line(name, ("true", 20, 2), mfa="false") for name in names]
    made = account(tmp_path, details([*map(user, names)]), credential_report=report(*lines))
    said = restrictions.enforce_mfa(made).left_out
    assert {each.partition(":")[0] for each in said} == set(names)


def test_a_group_that_lost_its_policy_gets_it_back(tmp_path: Path) -> None:
    made = account(tmp_path, details([user("ann")], [group("g")], [], [policy("g", document())]))
    found = restrictions.in_group(made, "g", document(), [ANN])
    assert changes.AttachPolicy(f"{ARN}group/g", f"{ARN}policy/g") in found


@pytest.mark.parametrize("name", ["break-glass", "chief"])
def test_ending_paths_denies_nothing_to_who_is_administrator(name: str, tmp_path: Path) -> None:
    made = deploying(tmp_path, user(name, **SHARED, **ALL))
    proposals = [each for each in escalation.end_paths(made) if each.changes]
    assert any(each.title.endswith("through deploy") for each in proposals)
    for proposal in proposals:
        after = made.what_if(*proposal.changes)
        assert after.can(name, *TO_BOSS, "mfa-inside")
    assert not after.can("ann", *TO_BOSS, "mfa-inside")


def test_who_has_an_edited_policy_and_no_path_is_named(tmp_path: Path) -> None:
    edge = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": f"{ARN}policy/edge"}
    made = deploying(tmp_path, user("chief", **ALL),
                     user("cat", **SHARED, PermissionsBoundary=edge))  # fmt: skip
    edits = [
        each
        for each in escalation.end_paths(made)
        if any(isinstance(change, changes.CreatePolicyVersion) for change in each.changes)
    ]
    assert edits
    assert all("cat: has deploy too" in each.cut_off for each in edits)


def test_a_name_that_begins_with_a_hyphen_is_no_option(tmp_path: Path) -> None:
    made = account(tmp_path, details([user("-ann")], [group("g")]))
    found = commands(changes.AddUserToGroup(f"{ARN}user/-ann", f"{ARN}group/g"), made)
    assert found.do == ("run add-user-to-group --user-name=-ann --group-name g",)
    assert "--user-name -ann" not in json.dumps(found.undo)


def test_whose_password_stays_is_named_with_the_reason(tmp_path: Path) -> None:
    days = {"late": 60, "gone": 200, "break-glass-1": 200}  # since each was used
    csv = report(*(line(name, password=(300, used)) for name, used in days.items()))
    found = account(tmp_path, details(users=[user(name) for name in days]), credential_report=csv)
    made = credentials.unused_passwords(found)
    assert made.changes == (changes.DeleteLoginProfile(f"{ARN}user/gone"),)
    assert made.left_out == (
        "late: used in the last 90 days, or nobody knows when",
        "break-glass-1: kept for emergencies",
    )
