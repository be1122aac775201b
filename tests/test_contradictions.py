"""Evidence that says something twice: nothing is lost or crashes, and differences are told."""

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.tables import schema
from tests.accounts import ARN, account, details, group, policy, report, role, user
from tests.examples import examples

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
WRITE = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
MANAGED = {"PolicyName": "read", "PolicyArn": f"{ARN}policy/read"}
LINE = f"ann,{ARN}user/ann,2024-05-01T12:00:00+00:00,true,no_information" + ",N/A" * 2 + ",false"
KEYS = ",true,2024-05-01T12:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trusts(*principals: str) -> dict[str, Any]:
    who = {"AWS": [f"{ARN}user/{name}" for name in principals]}
    return document({"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"})


def inline(name: str, *statements: Any) -> dict[str, Any]:
    return {"PolicyName": name, "PolicyDocument": document(*statements)}


def company() -> dict[str, Any]:
    return details(
        users=[
            user("ann", GroupList=["staff"], UserPolicyList=[inline("own", READ)]),
            user("bob", AttachedManagedPolicies=[MANAGED]),
        ],
        groups=[group("staff", AttachedManagedPolicies=[MANAGED])],
        roles=[role("ops", trusts("ann", "ann"), RolePolicyList=[inline("own", READ)])],
        policies=[policy("read", document(READ))],
    )


def opened(folder: Path, contents: Any, *lines: str) -> Account:
    made = account(folder, contents, credential_report=report(*lines))
    for table in schema.TABLES:
        getattr(made, table.name)
    return made


def test_what_is_there_twice_and_alike_counts_once(tmp_path: Path) -> None:
    contents = company()
    for entries in contents.values():
        entries *= 2
    contents["UserDetailList"][1]["AttachedManagedPolicies"] *= 2
    contents["UserDetailList"][0]["GroupList"] *= 2
    contents["UserDetailList"][0]["UserPolicyList"] *= 2
    (tmp_path / "twice").mkdir()
    (tmp_path / "once").mkdir()
    twice = opened(tmp_path / "twice", contents, LINE + KEYS, LINE + KEYS)
    once = opened(tmp_path / "once", company(), LINE + KEYS)
    for name in (
        "principals",
        "policies",
        "statements",
        "attachments",
        "policy_assignments",
        "trust",
    ):
        made, wanted = getattr(twice, name), getattr(once, name)
        assert made.astype(str).to_dict("list") == wanted.astype(str).to_dict("list"), name
    assert len(twice.credentials) == len(once.credentials)
    assert twice.gaps.to_dict("list") == once.gaps.to_dict("list")


def test_a_principal_described_in_two_ways_has_what_either_says(tmp_path: Path) -> None:
    contents = company()
    contents["UserDetailList"].append(user("ann", UserPolicyList=[inline("own", WRITE)]))
    contents["RoleDetailList"].append(role("ops", trusts("bob")))
    made = opened(tmp_path, contents, LINE + KEYS)
    own = made.statements.query("policy_arn.str.endswith('user/ann#own')")
    assert own["number"].tolist() == [1, 2]
    assert own["actions"].tolist() == [["s3:GetObject"], ["s3:PutObject"]]
    assert made.trust[["number", "principal"]].to_numpy().tolist() == [
        [1, f"{ARN}user/ann"],
        [2, f"{ARN}user/bob"],
    ]
    assert made.users["user_name"].tolist().count("ann") == 1
    assert made.missing("credentials") == ""
    assert f"{ARN}role/ops and 1 more" in made.missing("users")
    assert set(made.gaps["code"]) >= {"Contradictory"}


def test_two_lines_on_one_user_are_told(tmp_path: Path) -> None:
    other = LINE.replace("true", "false") + KEYS
    made = opened(tmp_path, company(), LINE + KEYS, other, other)
    assert len(made.access_keys.query("user_name == 'ann'")) == 2
    assert made.credentials.set_index("user_name").loc["ann", "password_enabled"]
    assert f"{ARN}user/ann" in made.missing("credentials")


CERTIFICATE = {"Arn": f"{ARN}server-certificate/www", "ServerCertificateName": "www"}
PROVIDER = {"Arn": f"{ARN}saml-provider/corp", "CreateDate": "2024-05-01T12:00:00+00:00"}
CREDENTIAL = {"ServiceSpecificCredentialId": "ACCAX", "UserName": "ann", "Status": "Active"}
DEVICE = {"SerialNumber": f"{ARN}mfa/ann", "UserName": "ann"}


@pytest.mark.parametrize(
    ("file", "member", "entry", "other", "table", "name"),
    [
        (
            "server_certificates",
            "ServerCertificateMetadataList",
            CERTIFICATE,
            {"Expiration": "2027-01-01T00:00:00+00:00"},
            "server_certificates",
            "server-certificate/www",
        ),
        (
            "saml_providers",
            "SAMLProviderList",
            PROVIDER,
            {"CreateDate": "2025-05-01T12:00:00+00:00"},
            "identity_providers",
            "saml-provider/corp",
        ),
        (
            "service_specific_credentials",
            "ServiceSpecificCredentials",
            CREDENTIAL,
            {"Status": "Inactive"},
            "service_credentials",
            "ACCAX",
        ),
        ("mfa_devices", "MFADevices", DEVICE, {"UserName": "bob"}, "mfa_devices", "mfa/ann"),
    ],
)
def test_an_entry_described_in_two_ways_is_told_and_the_first_counts(
    tmp_path: Path,
    file: str,
    member: str,
    entry: dict[str, Any],
    other: dict[str, Any],
    table: str,
    name: str,
) -> None:
    made = {}
    for number, entries in enumerate(([entry], [entry, entry], [entry, entry | other])):
        (tmp_path / str(number)).mkdir()
        made[number] = account(tmp_path / str(number), company(), **{file: {member: entries}})
    once, twice, differing = made.values()
    assert len(getattr(once, table)) == 1
    for each in (twice, differing):
        assert getattr(each, table).astype(str).equals(getattr(once, table).astype(str))
    assert twice.missing(table) == once.missing(table)
    assert f"which description of {name}" in differing.missing(table).replace(ARN, "")


def test_one_version_with_two_documents_is_told(tmp_path: Path) -> None:
    contents = company()
    versions = contents["Policies"][0]["PolicyVersionList"]
    versions.append(versions[0] | {"Document": document(WRITE)})
    made = opened(tmp_path, contents, LINE + KEYS)
    assert f"{ARN}policy/read v1" in made.missing("policies")
    assert made.statements.query("policy_arn.str.endswith('policy/read')")["actions"].tolist() == [
        ["s3:GetObject"]
    ]


def test_one_inline_name_with_two_documents_is_told_and_both_apply(tmp_path: Path) -> None:
    contents = company()
    contents["UserDetailList"][0]["UserPolicyList"].append(inline("own", WRITE))
    made = opened(tmp_path, contents, LINE + KEYS)
    assert f"{ARN}user/ann#own" in made.missing("policy_assignments")
    own = made.statements.query("policy_arn.str.endswith('user/ann#own')")
    assert own["actions"].tolist() == [["s3:GetObject"], ["s3:PutObject"]]


@examples(0.4)
@given(st.data())
def test_nothing_that_is_repeated_crashes_a_table(data: st.DataObject) -> None:
    """Any list of the evidence may repeat an entry, another's ARN in it, or without an ARN."""
    contents = company()
    lists = st.sampled_from(list(contents))
    for _ in range(data.draw(st.integers(1, 4))):
        entries = contents[data.draw(lists)]
        entry = deepcopy(data.draw(st.sampled_from(entries)))
        others = data.draw(st.sampled_from([entry.get("Arn"), entries[0].get("Arn"), None, 5]))
        entries.append(entry | {"Arn": others})
        for value in entry.values():
            if isinstance(value, list):
                value.extend(deepcopy(value))
    with TemporaryDirectory() as folder:
        made = opened(Path(folder), contents, LINE + KEYS)
        wanted = {f"{ARN}user/ann", f"{ARN}user/bob", f"{ARN}role/ops"}
        assert wanted <= set(made.principals["principal_arn"].dropna())
