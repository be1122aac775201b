"""The people behind roles: what Identity Center answers, whom the roles name, and pseudonyms."""

import json
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.evidence import pseudonyms, redaction, snapshot
from iamkit.evidence.identity_center import IdentityCenter
from iamkit.evidence.requests import ACCOUNT_ACCESS, IDENTITY_CENTER
from iamkit.evidence.responses import Response, ResponseStatus
from iamkit.pages import identities, trust
from iamkit.pages.findings import found_by
from iamkit.results import with_ids
from tests.accounts import ACCOUNT, ARN, account, details, role
from tests.policies import trusts

PATH = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
SUFFIX = "0123456789abcdef"
SET = "arn:aws:sso:::permissionSet/ssoins-1/ps-"
ADMIN_SET, READ_SET, EMPTY_SET = f"{SET}admin", f"{SET}read_only", f"{SET}empty"
ANN, BOB, OPS, NOBODY = (f"9067642c-{n}123-4abc-8def-0123456789ab" for n in "1234")


class RefusedError(Exception):
    """What botocore raises, as far as `attempt` looks at it."""


def entitlement(account_id: str, name: str, **whom: str) -> dict[str, Any]:
    arn = f"arn:aws:iam::{account_id}:role/{name}"
    given = {"principal": {"identityCenter": whom}, "roleArn": arn, "account": account_id}
    return {"entitlementId": "e-1", "entitlement": {"principalRole": given}}


class FakeAws:
    """Answers as AWS does for one account, and counts what is asked."""

    def __init__(self, *, refuses: str = "", instances: Any = None) -> None:
        self.asked: list[str] = []
        self.refuses = refuses
        self.region: str | None = None
        found = {"InstanceArn": "i-1", "IdentityStoreId": "d-1", "PrimaryRegion": "eu-west-1"}
        self.instances = [found] if instances is None else instances

    def elsewhere(self, region: str) -> "FakeAws":
        self.region = region
        return self

    def ask(self, call: str, *expected: str, **parameters: Any) -> dict[str, Any]:
        self.asked.append(call)
        if call == self.refuses:
            raise RefusedError
        name = str(parameters.get("PermissionSetArn")).rpartition("ps-")[2]
        answers = {
            "sso:DescribePermissionSet": {
                "PermissionSet": {"Name": name, "PermissionSetArn": f"{SET}{name}"}
            },
            "sso:GetInlinePolicyForPermissionSet": {"InlinePolicy": ""},
        }
        if call == "sso:GetPermissionsBoundaryForPermissionSet":
            raise RefusedError("ResourceNotFoundException")
        return answers[call]

    def ask_all(self, request: Any, **parameters: Any) -> tuple[dict[str, Any], bool]:
        self.asked.append(request.call)
        if request.call == self.refuses:
            raise RefusedError
        (member,) = request.members
        stale = parameters.get("ProvisioningStatus")
        assigned = {
            ADMIN_SET: [("USER", ANN), ("GROUP", OPS)],
            READ_SET: [("GROUP", NOBODY)],
            EMPTY_SET: [],
        }
        found: dict[str, Any] = {
            "Instances": self.instances,
            "PermissionSets": [READ_SET] if stale else list(assigned),
            "AccountAssignments": [
                {"PrincipalType": kind, "PrincipalId": each,
                 "PermissionSetArn": parameters["PermissionSetArn"]}
                for kind, each in assigned.get(parameters.get("PermissionSetArn"), ())
            ],
            "Users": [
                {"UserId": ANN, "UserName": "ann", "DisplayName": "Ann Other",
                 "UserStatus": "ENABLED", "Emails": [{"Value": "ann@example.com"}]},
                {"UserId": BOB, "UserName": "bob", "DisplayName": "Bob",
                 "UserStatus": "DISABLED"},
                {"UserId": "other", "UserName": "of-another-account"},
            ],
            "applications": [{"applicationArn": "a-1"}],
            "entitlements": [
                entitlement(ACCOUNT, "deploy", userId=ANN),
                entitlement(ACCOUNT, "deploy", groupId=OPS),
                entitlement("1" * 12, "deploy", userId=BOB),
            ],
            "Groups": [{"GroupId": OPS, "DisplayName": "Operations"}],
            "GroupMemberships": [{"MemberId": {"UserId": each}} for each in (ANN, BOB)]
            if parameters.get("GroupId") == OPS
            else [],
        }  # fmt: skip
        return {member: found.get(member, [])}, False

    def attempt(self, request: Any, take: Any) -> Response:
        try:
            return take()
        except RefusedError as refused:
            if str(refused) and str(refused) == request.none:
                return Response(request, ResponseStatus.NONE)
            return Response(request, ResponseStatus.REFUSED, None, "AccessDeniedException")


def answered(aws: FakeAws) -> Response:
    return IdentityCenter(aws, aws.elsewhere).of(ACCOUNT, IDENTITY_CENTER)


def made(folder: Path, answer: Any) -> Account:
    """An account with a role for each set, for one that is gone, and one with a false path."""
    names = ("admin", "read_only", "empty", "gone")
    provider = trusts(f"{ARN}saml-provider/AWSSSO_x")
    roles = [
        role(f"AWSReservedSSO_{name}_{SUFFIX}", provider, Path=PATH,
             Arn=f"{ARN}role{PATH}AWSReservedSSO_{name}_{SUFFIX}")
        for name in names
    ]  # fmt: skip
    roles.append(role(f"AWSReservedSSO_admin_{SUFFIX[::-1]}", provider))
    opened = account(folder, details(roles=roles))
    files = {name: opened.snapshot.bytes(name) or b"" for name in opened.snapshot.manifest["files"]}
    if answer is not None:
        files[IDENTITY_CENTER.file] = json.dumps(answer).encode()
    held = snapshot.in_memory(opened.snapshot.manifest, files, opened.snapshot.path)
    return Account(held, opened.settings)


def holders(opened: Account) -> set[tuple[Any, ...]]:
    columns = ["permission_set", "user_name", "group_name", "enabled", "up_to_date", "note"]
    rows = opened.role_holders[columns].astype("object")
    rows = rows.where(rows.notna(), None)
    return set(rows.itertuples(index=False, name=None))


EXPECTED = {
    ("admin", "ann", None, True, True, None),
    ("admin", "ann", "Operations", True, True, None),
    ("admin", "bob", "Operations", False, True, None),
    ("read_only", None, NOBODY, None, False, f"the group {NOBODY} has no members"),
    ("empty", None, None, None, True, "nobody is assigned to the permission set"),
    (
        "gone",
        None,
        None,
        None,
        None,
        "no permission set of this name is provisioned to the account",
    ),
}


def test_the_people_of_each_role_are_named(tmp_path: Path) -> None:
    aws = FakeAws()
    answer = answered(aws)
    assert answer.status is ResponseStatus.OK
    assert aws.region == "eu-west-1", "asked where the instance is"
    opened = made(tmp_path, answer.content)
    assert holders(opened) == EXPECTED
    assert "2 people have 1 role by" in str(trust.people_behind_roles(opened).text)


def test_no_more_of_people_is_kept_than_names_them() -> None:
    content = answered(FakeAws()).content
    assert "ann@example.com" not in json.dumps(content)
    assert "of-another-account" not in json.dumps(content), "who has nothing to do with the account"


def test_people_and_sets_are_asked_for_once_for_all_accounts() -> None:
    aws = FakeAws()
    center = IdentityCenter(aws, aws.elsewhere)
    for account_id in (ACCOUNT, "1" * 12):
        assert center.of(account_id, IDENTITY_CENTER).status is ResponseStatus.OK
    once = ("sso:ListInstances", "identitystore:ListUsers", "identitystore:ListGroups")
    assert {aws.asked.count(each) for each in once} == {1}
    assert aws.asked.count("sso:DescribePermissionSet") == 3
    assert aws.asked.count("identitystore:ListGroupMemberships") == 2


@pytest.mark.parametrize("call", ["sso:ListInstances", "identitystore:ListUsers"])
def test_what_is_refused_is_a_gap_and_nobody_is_named(tmp_path: Path, call: str) -> None:
    answer = answered(FakeAws(refuses=call))
    assert answer.is_gap
    found = made(tmp_path, answer.content)
    assert {row[-1] for row in holders(found)} == {
        "the evidence does not have the assignments of IAM Identity Center"
    }
    assert "not in the evidence" in str(trust.people_behind_roles(found).text)


def test_a_boundary_that_may_not_be_read_makes_the_answer_incomplete() -> None:
    class NoBoundary(FakeAws):
        def ask(self, call: str, *expected: str, **parameters: Any) -> dict[str, Any]:
            if call == "sso:GetPermissionsBoundaryForPermissionSet":
                raise RefusedError("AccessDeniedException")
            return super().ask(call, *expected, **parameters)

    assert answered(NoBoundary()).status is ResponseStatus.INCOMPLETE


def test_an_organization_without_identity_center_has_no_gap() -> None:
    assert answered(FakeAws(instances=[])).status is ResponseStatus.NONE


def test_people_with_ordinary_roles_by_account_access_manager_are_named(tmp_path: Path) -> None:
    aws = FakeAws()
    answer = IdentityCenter(aws, aws.elsewhere).of(ACCOUNT, ACCOUNT_ACCESS)
    assert answer.status is ResponseStatus.OK
    opened = account(tmp_path, details(roles=[role("deploy", trusts("*"))]))
    files = {name: opened.snapshot.bytes(name) or b"" for name in opened.snapshot.manifest["files"]}
    files[ACCOUNT_ACCESS.file] = json.dumps(answer.content).encode()
    held = snapshot.in_memory(opened.snapshot.manifest, files, tmp_path)
    assert holders(Account(held, opened.settings)) == {
        (None, "ann", None, True, None, None),
        (None, "ann", "Operations", True, None, None),
        (None, "bob", "Operations", False, None, None),
    }
    hidden = redaction.redacted(held, pseudonyms.Pseudonyms(b"0" * 32))
    again = snapshot.in_memory(hidden.manifest, hidden.files, tmp_path)
    assert len(Account(again, opened.settings).role_holders) == 3
    assert b"Operations" not in hidden.files[ACCOUNT_ACCESS.file]


def test_pseudonyms_hide_people_and_keep_who_has_what(tmp_path: Path) -> None:
    opened = made(tmp_path, answered(FakeAws()).content)
    hidden = redaction.redacted(opened.snapshot, pseudonyms.Pseudonyms(b"0" * 32))
    text = b"".join(hidden.files.values()).decode()
    for name in ("Ann Other", "ann", "bob", "Operations", ANN, OPS, "read_only"):
        assert f'"{name}"' not in text
    held = snapshot.in_memory(hidden.manifest, hidden.files, tmp_path)
    found = Account(held, opened.settings).role_holders
    assert sorted(found["note"].isna()) == sorted(each[-1] is None for each in EXPECTED)
    assert found["user_name"].nunique() == 2
    assert found["enabled"].sum() == 2


def test_identities_findings_and_pages_name_the_people_behind_a_role(tmp_path: Path) -> None:
    opened = made(tmp_path, answered(FakeAws()).content)
    people = opened.identities.set_index("name")["people"]
    named = [people[f"AWSReservedSSO_{each}_{SUFFIX}"] for each in ("admin", "read_only", "gone")]
    assert named == [["ann", "bob (by Operations, disabled)"], [], []]
    assert people[f"AWSReservedSSO_admin_{SUFFIX[::-1]}"] is None, "its path is not AWS's"
    found = with_ids(opened).set_index("name")["people"]
    admin = found[[f"AWSReservedSSO_admin_{SUFFIX}"]]
    assert set(admin) == {"ann, bob (by Operations, disabled)"}
    check = with_ids(opened).query("people.notna()")["check"].iloc[0]
    assert "people" in found_by(opened, check)
    assert "people" not in found_by(opened, "root_used")
    facts = opened.identity(f"AWSReservedSSO_admin_{SUFFIX}")
    assert facts.query("fact == 'people'")["value"].tolist() == [
        "ann; bob (by Operations, disabled)"
    ]
    [row] = opened.identities.query(f"name == 'AWSReservedSSO_admin_{SUFFIX}'").itertuples()
    [part] = identities.people(row)
    assert part["text"] == "ann, bob (by Operations, disabled)"


def test_people_who_are_not_known_are_not_nobody(tmp_path: Path) -> None:
    opened = made(tmp_path, None)
    people = opened.identities["people"]
    assert people.isna().all()
    facts = opened.identity(f"AWSReservedSSO_admin_{SUFFIX}")
    assert facts.query("fact == 'people who are not named'")["value"].str.contains("evidence").all()
    assert "people" not in facts["fact"].tolist()
