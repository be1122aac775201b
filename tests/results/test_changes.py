"""A change gives what AWS would answer after it; what AWS refuses is refused."""

import inspect
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account, changes
from iamkit.errors import ChangeError
from iamkit.tables import schema
from tests.accounts import ACCOUNT, ARN, account, details, group, policy, report, role, user

ANN, BEN, OPS, JOBS = f"{ARN}user/ann", f"{ARN}user/ben", f"{ARN}role/ops", f"{ARN}group/jobs"
OWN, LINKED = f"{ARN}policy/own", f"{ARN}role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
SPARE = f"{ARN}policy/spare"
READ = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
SOME = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}


def trust(*who: str) -> dict[str, Any]:
    allow = {"Effect": "Allow", "Principal": {"AWS": list(who)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [allow]}


def attached(*arns: str) -> list[dict[str, str]]:
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns]


def line(name: str, keys: tuple[bool, bool] = (True, False)) -> str:
    key = ",true,2025-01-01T00:00:00Z,2026-10-30T00:00:00Z,eu-west-1,s3"
    slots = "".join(key if there else ",false,N/A,N/A,N/A,N/A" for there in keys)
    dates = "true,2026-10-30T00:00:00Z,2026-09-01T00:00:00Z,N/A,false"
    return f"{name},{ARN}user/{name},2024-05-01T12:00:00Z,{dates}{slots},true,N/A,false,N/A"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    versions = [
        {"Document": SOME, "VersionId": "v2", "IsDefaultVersion": True},
        {"Document": ALL, "VersionId": "v1", "IsDefaultVersion": False},
    ]
    held = {"AttachedManagedPolicies": attached(OWN)}
    contents = details(
        users=[
            user("ann", **held, GroupList=["jobs"]),
            user("ben", UserPolicyList=[{"PolicyName": "in", "PolicyDocument": SOME}]),
        ],
        groups=[group("jobs", AttachedManagedPolicies=attached(READ)), group("empty")],
        roles=[
            role("ops", trust(ANN, BEN)),
            role("AWSServiceRoleForX", trust(ANN), Arn=LINKED, Path=LINKED[30:-19]),
        ],
        policies=[
            policy("own", SOME, DefaultVersionId="v2", PolicyVersionList=versions)
            | {"AttachmentCount": 1},
            policy("spare", ALL),
            policy("ReadOnlyAccess", SOME, Arn=READ, AttachmentCount=1),
        ],
    )
    files: dict[str, Any] = {
        "credential_report": report(line("ann"), line("ben", keys=(True, True))),
        "account_summary": {
            "SummaryMap": {"Users": 2, "Groups": 2, "Roles": 2, "Policies": 2}
            | {"AccountMFAEnabled": 1, "AccountPasswordPresent": 1, "AccountAccessKeysPresent": 0}
            | {"AccountSigningCertificatesPresent": 0}
        },
        "mfa_devices": {
            "MFADevices": [
                {"UserName": "ann", "SerialNumber": f"{ARN}mfa/ann", "EnableDate": "2025-01-01"}
            ]
        },
        "virtual_mfa_devices": {
            "VirtualMFADevices": [{"SerialNumber": f"{ARN}mfa/ann", "User": {"Arn": ANN}}]
        },
        "service_specific_credentials": {
            "ServiceSpecificCredentials": [
                {"UserName": "ben", "ServiceSpecificCredentialId": "ACCA1", "Status": "Active"}
                | {"ServiceName": "bedrock.amazonaws.com", "CreateDate": "2026-01-01"}
            ]
        },
        "organization": {"Organization": {"Id": "o-1", "MasterAccountId": ACCOUNT}},
        "organizations_features": {"OrganizationId": "o-1", "EnabledFeatures": ["RootSessions"]},
        "analyzers": {"analyzers": []},
        "server_certificates": {
            "ServerCertificateMetadataList": [
                {"Arn": f"{ARN}server-certificate/shop", "ServerCertificateName": "shop"}
                | {"Expiration": "2025-01-01T00:00:00Z"}
            ]
        },
    }
    return account(tmp_path_factory.mktemp("company"), contents, **files)


def cell(made: Account, table: str, column: str, **where: Any) -> Any:
    rows = getattr(made, table)
    for name, value in where.items():
        rows = rows[rows[name].eq(value)]
    return rows[column].tolist()


def policies(made: Account, arn: str) -> list[str]:
    return list(cell(made, "attachments", "policy_arn", principal_arn=arn))


EFFECTS: dict[str, tuple[changes.Change, tuple[str, str, dict[str, Any]], Any, Any]] = {
    "a key that is inactive still exists": (
        changes.DeactivateAccessKey("ann", 1),
        ("access_keys", "active", {"user_arn": ANN}),
        [True, False],
        [False, False],
    ),
    "a key that is deleted does not": (
        changes.DeleteAccessKey(ANN, 1),
        ("access_keys", "exists", {"user_arn": ANN}),
        [True, False],
        [False, False],
    ),
    "a new key takes the free slot, and is new": (
        changes.CreateAccessKey(ANN),
        ("access_keys", "age_days", {"user_arn": ANN, "slot": 2}),
        [pd.NA],
        [0],
    ),
    "root's key is counted in the summary": (
        changes.CreateAccessKey("<root_account>"),
        ("summary", "value", {"name": "AccountAccessKeysPresent"}),
        [0],
        [1],
    ),
    "a password that is removed": (
        changes.DeleteLoginProfile("ann"),
        ("credentials", "access", {"user_arn": ANN}),
        ["both"],
        ["programmatic"],
    ),
    "a password that is changed": (
        changes.ChangePassword("ann"),
        ("credentials", "password_age_days", {"user_arn": ANN}),
        [61],
        [0],
    ),
    "a passkey that is registered": (
        changes.EnableMFADevice("ben"),
        ("mfa_devices", "kind", {"user_arn": BEN}),
        [],
        ["passkey"],
    ),
    "a virtual device is listed once": (
        changes.EnableMFADevice("ben", "virtual"),
        ("mfa_devices", "kind", {"user_arn": BEN}),
        [],
        ["virtual"],
    ),
    "the last device that is removed": (
        changes.DeactivateMFADevice(ANN, f"{ARN}mfa/ann"),
        ("mfa_devices", "serial", {"user_arn": ANN}),
        [f"{ARN}mfa/ann"],
        [],
    ),
    "signing certificates": (
        changes.DeactivateSigningCertificates("ann"),
        ("credentials", "certificates_active", {"user_arn": ANN}),
        [1],
        [0],
    ),
    "a credential for one service that is inactive": (
        changes.DeactivateServiceSpecificCredential("ACCA1"),
        ("service_credentials", "active", {"user_arn": BEN}),
        [True],
        [False],
    ),
    "a credential for one service that is deleted": (
        changes.DeleteServiceSpecificCredential("ACCA1"),
        ("service_credentials", "credential_id", {}),
        ["ACCA1"],
        [],
    ),
    "a server certificate": (
        changes.DeleteServerCertificate(f"{ARN}server-certificate/shop"),
        ("server_certificates", "name", {}),
        ["shop"],
        [],
    ),
    "a policy that is attached": (
        changes.AttachPolicy(OPS, READ),
        ("attachments", "policy_arn", {"principal_arn": OPS}),
        [],
        [READ],
    ),
    "a policy of AWS that nobody has any more is not listed": (
        changes.DetachPolicy(JOBS, READ),
        ("policies", "policy_name", {"kind": "aws"}),
        ["ReadOnlyAccess"],
        [],
    ),
    "an inline policy": (
        changes.PutInlinePolicy(BEN, "in", ALL),
        ("statements", "actions", {"policy_arn": f"{BEN}#in"}),
        [["s3:GetObject"]],
        [["*"]],
    ),
    "an inline policy that is deleted": (
        changes.DeleteInlinePolicy(BEN, "in"),
        ("attachments", "policy_arn", {"principal_arn": BEN}),
        [f"{BEN}#in"],
        [],
    ),
    "a trust policy": (
        changes.UpdateAssumeRolePolicy(OPS, trust(BEN)),
        ("trust", "principal", {"role_arn": OPS}),
        [ANN, BEN],
        [BEN],
    ),
    "a policy that is made": (
        changes.CreatePolicy("new", SOME),
        ("policies", "policy_name", {"policy_arn": f"{ARN}policy/new"}),
        [],
        ["new"],
    ),
    "a version that is in force, beside the old one": (
        changes.CreatePolicyVersion(OWN, ALL),
        ("policy_old_versions", "version_id", {"policy_arn": OWN}),
        ["v1"],
        ["v2", "v1"],
    ),
    "a version that is deleted": (
        changes.DeletePolicyVersion(OWN, "v1"),
        ("policy_old_versions", "version_id", {}),
        ["v1"],
        [],
    ),
    "a policy that is deleted": (
        changes.DeletePolicy(SPARE),
        ("policies", "policy_name", {"policy_name": "spare"}),
        ["spare"],
        [],
    ),
    "a boundary": (
        changes.PutPermissionsBoundary(OPS, OWN),
        ("attachments", "how", {"principal_arn": OPS}),
        [],
        ["boundary"],
    ),
    "a group that is made": (
        changes.CreateGroup("new"),
        ("groups", "group_name", {"group_name": "new"}),
        [],
        ["new"],
    ),
    "a member more": (
        changes.AddUserToGroup(BEN, JOBS),
        ("groups", "members", {"group_arn": JOBS}),
        [1],
        [2],
    ),
    "a member less": (
        changes.RemoveUserFromGroup(ANN, JOBS),
        ("groups", "members", {"group_arn": JOBS}),
        [1],
        [0],
    ),
    "a group that is deleted": (
        changes.DeleteGroup(f"{ARN}group/empty"),
        ("groups", "group_name", {}),
        ["jobs", "empty"],
        ["jobs"],
    ),
    "a role that is made": (
        changes.CreateRole("new", trust(ANN)),
        ("trust", "principal", {"role_arn": f"{ARN}role/new"}),
        [],
        [ANN],
    ),
    "a role that is deleted": (
        changes.DeleteRole(OPS),
        ("roles", "role_name", {"role_arn": OPS}),
        ["ops"],
        [],
    ),
    "a user that is deleted is an id in trust policies": (
        changes.DeleteUser(ANN),
        ("trust", "principal", {"role_arn": OPS}),
        [ANN, BEN],
        ["AIDAANNXXXXXXXXXXXXXX", BEN],
    ),
    "contact information, which was not in the evidence": (
        changes.PutContactInformation("Example Corp"),
        ("contacts", "present", {"kind": "account"}),
        [],
        [True],
    ),
    "a security contact": (
        changes.PutAlternateContact("SECURITY", "security@example.com"),
        ("contacts", "email", {"kind": "security"}),
        [],
        ["security@example.com"],
    ),
    "an analyzer is active at once": (
        changes.CreateAnalyzer("outside"),
        ("analyzers", "status", {"name": "outside"}),
        [],
        ["ACTIVE"],
    ),
    "central management of root, beside what is enabled": (
        changes.EnableOrganizationsRootCredentialsManagement(),
        ("root_management", "enabled", {}),
        [False, True],
        [True, True],
    ),
    "a password policy, which was not in the evidence": (
        changes.UpdatePasswordPolicy(minimum_length=14),
        ("password_policy", "value", {"rule": "MinimumPasswordLength"}),
        [],
        [14],
    ),
}


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_change_shows_where_it_should_and_leaves_the_account(
    company: Account, effect: str
) -> None:
    change, (table, column, where), before, after = EFFECTS[effect]
    assert cell(company, table, column, **where) == before
    made = company.what_if(change)
    assert cell(made, table, column, **where) == after
    assert cell(company, table, column, **where) == before
    assert made.snapshot.changes == (str(change),)
    assert not company.snapshot.changes
    assert str(change)[0].isupper()
    assert not str(change).endswith(".")


def test_a_contact_that_is_set_says_nothing_of_the_others(company: Account) -> None:
    made = company.what_if(changes.PutAlternateContact("SECURITY", "security@example.com"))
    contacts = made.gaps.loc[made.gaps["call"] == "account:GetAlternateContact", "meaning"]
    assert sorted(contacts.str.extract("account's (.+) contact")[0]) == ["billing", "operations"]


def test_every_change_is_tried_here() -> None:
    tried = {type(change).__name__ for change, *_ in EFFECTS.values()}
    rest = {"DeletePermissionsBoundary", "DeletePasswordPolicy"}  # below
    assert tried | rest == set(changes.__all__) - {"Change", "changed", "fitting"}


def test_without_a_change_the_account_is_the_same(company: Account) -> None:
    same = company.what_if()
    for table in schema.TABLES:
        pd.testing.assert_frame_equal(getattr(same, table.name), getattr(company, table.name))
    assert same.snapshot.manifest["files"].keys() == company.snapshot.manifest["files"].keys()


def test_changes_follow_each_other(company: Account) -> None:
    done = company.what_if(
        changes.CreateAccessKey(ANN),
        changes.DeactivateAccessKey(ANN, 1),
        changes.PutPermissionsBoundary(OPS, OWN),
    ).what_if(changes.DeletePermissionsBoundary(OPS), changes.DeletePasswordPolicy())
    assert cell(done, "access_keys", "active", user_arn=ANN) == [False, True]
    assert policies(done, OPS) == []
    assert len(done.snapshot.changes) == 5
    assert "after 5 changes that nobody has made" in repr(done)
    assert set(done.password_policy["origin"]) == {"AWS default"}
    assert done.snapshot.evidence_hash != company.snapshot.evidence_hash


def test_a_deleted_user_is_gone_from_everywhere(company: Account) -> None:
    made = company.what_if(changes.DeleteUser(ANN))
    arns = {"credentials": "user_arn", "users": "user_arn", "memberships": "user_arn"}
    arns |= {"mfa_devices": "user_arn", "attachments": "principal_arn"}
    for table, column in arns.items():
        assert ANN not in set(getattr(made, table)[column]), table
    assert cell(made, "summary", "value", name="Users") == [1]
    assert made.gaps.equals(company.gaps)  # nothing contradicts itself
    assert made.incomplete.equals(company.incomplete)
    assert not made.what_if(changes.DeletePolicy(OWN)).policies["policy_arn"].eq(OWN).any()


def test_a_policy_that_was_set_is_known(company: Account) -> None:
    assert company.missing("password_policy")
    assert not company.what_if(changes.UpdatePasswordPolicy()).missing("password_policy")


def test_rules_that_are_not_named_are_kept_by_keeping(company: Account) -> None:
    first = changes.UpdatePasswordPolicy(14, symbols=True, max_age=90, reuse_prevention=24)
    made = company.what_if(first)
    assert cell(made, "credentials", "password_rotates", user_arn=ANN) == [
        pd.Timestamp("2026-11-30T00:00Z")
    ]
    again = changes.UpdatePasswordPolicy.keeping(made.password_policy, numbers=True)
    assert again == changes.UpdatePasswordPolicy(
        14, symbols=True, numbers=True, max_age=90, reuse_prevention=24
    )


LONG = {"Version": "2012-10-17", "Statement": [{"Sid": "x" * 7000}]}
REFUSED: dict[str, tuple[tuple[changes.Change, ...], str]] = {
    "an analyzer of a name that is taken": (
        (changes.CreateAnalyzer("outside"), changes.CreateAnalyzer("outside")),
        "ConflictException",
    ),
    "a user who does not exist": ((changes.DeleteUser(f"{ARN}user/nobody"),), "NoSuchEntity"),
    "a third key": ((changes.CreateAccessKey(BEN),), "LimitExceeded"),
    "a key that there is not": ((changes.DeleteAccessKey(ANN, 2),), "NoSuchEntity"),
    "a password twice": ((changes.DeleteLoginProfile(ANN),) * 2, "NoSuchEntity"),
    "a device of another": ((changes.DeactivateMFADevice(BEN, f"{ARN}mfa/ann"),), "NoSuchEntity"),
    "a policy that is attached": ((changes.DeletePolicy(OWN),), "DeleteConflict"),
    "a policy that is a boundary": (
        (changes.PutPermissionsBoundary(OPS, SPARE), changes.DeletePolicy(SPARE)),
        "DeleteConflict",
    ),
    "a policy of AWS": ((changes.CreatePolicyVersion(READ, SOME),), "AccessDenied"),
    "a service-linked role": ((changes.DeleteRole(LINKED),), "UnmodifiableEntity"),
    "the version in force": ((changes.DeletePolicyVersion(OWN, "v2"),), "DeleteConflict"),
    "a sixth version": (
        tuple(changes.CreatePolicyVersion(OWN, {**SOME, "Id": f"{n}"}) for n in range(4)),
        "LimitExceeded",
    ),
    "a group with members": ((changes.DeleteGroup(JOBS),), "DeleteConflict"),
    "what is not attached": ((changes.DetachPolicy(OPS, OWN),), "NoSuchEntity"),
    "a policy too long": ((changes.CreatePolicy("long", LONG),), "LimitExceeded"),
    "inline policies too long together": (
        tuple(changes.PutInlinePolicy(BEN, f"{n}", {**SOME, "Id": "x" * 900}) for n in range(2)),
        "LimitExceeded",
    ),
    "a trust policy without a principal": (
        (changes.UpdateAssumeRolePolicy(OPS, trust()),),
        "MalformedPolicyDocument",
    ),
    "a boundary of a group": ((changes.PutPermissionsBoundary(JOBS, OWN),), "cannot have"),
    "a role twice": ((changes.CreateRole("ops", trust(ANN)),), "EntityAlreadyExists"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_aws_refuses_is_refused(company: Account, case: str) -> None:
    wanted, error = REFUSED[case]
    with pytest.raises(ChangeError, match=error):
        company.what_if(*wanted)


NOT_FITTING: dict[str, tuple[Any, str]] = {
    "text": (lambda: ["delete user"], "'delete user' is no change; give values of iamkit.changes"),
    "a name": (lambda: ["DeleteUsers"], "is no change; .*; did you mean DeleteUser?"),
    "a list": (lambda: [[changes.DeleteUser(ANN)]], r"one by one: account.what_if\(\*several\)"),
    "a kind": (lambda: [changes.DeleteUser], "DeleteUser is a kind of change: say of what"),
    "nothing": (lambda: [None], "'None' is no change"),
    "a misspelt argument": (
        lambda: [changes.DeleteAccessKey(user="ann", slt=1)],  # type: ignore[call-arg]
        "DeleteAccessKey takes user, slot, and no 'slt'; did you mean slot",
    ),
    "an argument too few": (
        lambda: [changes.DeleteAccessKey("ann")],  # type: ignore[call-arg]
        "DeleteAccessKey takes user, slot: missing a required argument: 'slot'",
    ),
    "an argument too many": (
        lambda: [changes.DeletePasswordPolicy(1)],  # type: ignore[call-arg]
        "DeletePasswordPolicy takes no arguments: too many",
    ),
    "text for a number": (
        lambda: [changes.DeleteAccessKey("ann", "1")],  # type: ignore[arg-type]
        r"DeleteAccessKey: slot is a whole number, not '1' \(str\)",
    ),
    "a number for text": (
        lambda: [changes.DeleteUser(7)],  # type: ignore[arg-type]
        r"DeleteUser: user is text, not 7 \(int\)",
    ),
    "a truth for a number": (
        lambda: [changes.UpdatePasswordPolicy(minimum_length=True)],
        "minimum_length is a whole number, not True",
    ),
    "text for a document": (
        lambda: [changes.PutInlinePolicy(ANN, "x", '{"Statement": []}')],  # type: ignore[arg-type]
        "document is a policy document, as a dictionary, not '{\"Statement",
    ),
    "a slot that no user has": (
        lambda: [changes.DeleteAccessKey("ann", 3)],
        "slot is one of 1, 2, not 3",
    ),
    "a device of no kind": (
        lambda: [changes.EnableMFADevice("ann", "pass key")],
        "kind is one of passkey, hardware, virtual, not 'pass key'",
    ),
    "a misspelt user": (lambda: [changes.DeleteUser("anne")], "did you mean ann?"),
    "a misspelt user of a key": (lambda: [changes.DeleteAccessKey("anne", 1)], "mean ann?"),
    "a misspelt role": (lambda: [changes.DeleteRole(f"{OPS}s")], f"did you mean {OPS}?"),
    "a name for the ARN of a user": (
        lambda: [changes.AttachPolicy("ann", OWN)],
        f"ann is the ARN of no user, group or role; did you mean {ANN}?",
    ),
    "a name for the ARN of a policy": (
        lambda: [changes.AttachPolicy(ANN, "spare")],
        f"there is no policy spare in the evidence .*; did you mean {SPARE}?",
    ),
    "a misspelt policy": (lambda: [changes.DeletePolicy(f"{SPARE}s")], f"did you mean {SPARE}?"),
}


@pytest.mark.parametrize("case", NOT_FITTING)
def test_what_does_not_fit_is_told_in_words(company: Account, case: str) -> None:
    wanted, says = NOT_FITTING[case]
    with pytest.raises(ChangeError, match=says):
        company.what_if(*wanted())


def test_a_kind_of_change_shows_its_arguments() -> None:
    shown = list(inspect.signature(changes.DeleteAccessKey).parameters)
    assert shown == ["user", "slot"]


def test_the_attachments_beyond_the_quota_are_refused(company: Account) -> None:
    made = [changes.CreatePolicy(f"p{n}", SOME) for n in range(11)]
    put = [changes.AttachPolicy(OPS, f"{ARN}policy/p{n}") for n in range(11)]
    company.what_if(*made, *put[:-1])
    with pytest.raises(ChangeError, match="LimitExceeded"):
        company.what_if(*made, *put)


def test_an_entry_that_is_there_twice_is_one(tmp_path: Path) -> None:
    twice = details(users=[user("ann"), user("ann")])
    made = account(tmp_path, twice).what_if(changes.PutInlinePolicy(ANN, "x", SOME))
    assert made.users["user_arn"].tolist() == [ANN]
    assert made.missing("users") == account_without_changes(tmp_path / "b", twice)


def account_without_changes(folder: Path, contents: dict[str, Any]) -> str:
    folder.mkdir()
    return account(folder, contents).missing("users")


def test_a_change_is_a_value() -> None:
    one, other = (changes.PutInlinePolicy(ANN, "x", dict(SOME)) for _ in range(2))
    assert one == other
    assert len({one, other}) == 1
    assert str(one) == "Write inline policy x of user ann"
    assert str(changes.DeleteAccessKey("<root_account>", 1)).endswith("of the root user")
    assert ACCOUNT in ANN
