"""The demo company: AWS's shapes, agreement among its files, the cast, and sameness of bytes."""

import base64
import csv
import io
import json
import os
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest

from iamkit import demo
from iamkit.demo.company import _data
from iamkit.demo.responses import ACCOUNT
from tests.processes import run

DETAILS = "account-authorization-details.json"
OPERATIONS = {
    "credential-report.json": "GetCredentialReport",
    DETAILS: "GetAccountAuthorizationDetails",
    "account-summary.json": "GetAccountSummary",
    "account-password-policy.json": "GetAccountPasswordPolicy",
    "account-aliases.json": "ListAccountAliases",
    "virtual-mfa-devices.json": "ListVirtualMFADevices",
    "mfa-devices.json": "ListMFADevices",
    "service-specific-credentials.json": "ListServiceSpecificCredentials",
    "server-certificates.json": "ListServerCertificates",
    "saml-providers.json": "ListSAMLProviders",
    "open-id-connect-providers.json": "ListOpenIDConnectProviders",
}


@pytest.fixture(scope="module")
def company() -> dict[str, Any]:
    return demo.company()


@pytest.fixture(scope="module")
def year() -> list[tuple[datetime, dict[str, Any]]]:
    return list(demo.history())


def report(company):
    """The credential report's rows by user name."""
    text = base64.b64decode(company["credential-report.json"]["Content"]).decode()
    return {row["user"]: row for row in csv.DictReader(io.StringIO(text))}


def age(time):
    return (demo.DATE - datetime.fromisoformat(time)).days


def mfa_share(company):
    people = [row for row in report(company).values() if row["password_enabled"] == "true"]
    return sum(row["mfa_active"] == "true" for row in people) / len(people)


def principals(company):
    details = company[DETAILS]
    return details["UserDetailList"] + details["GroupDetailList"] + details["RoleDetailList"]


def faults(value, shape, where=""):
    """Where `value` is not what botocore's `shape` describes; documents may be objects.

    Root, as the owner of a virtual device, has no name and no path, though the model requires both.
    """
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        for key in value:
            if key in shape.members:
                yield from faults(value[key], shape.members[key], f"{where}.{key}")
            else:
                yield f"{where}.{key}: unknown"
        if not value.get("Arn", "").endswith(":root"):
            required = set(shape.required_members)
            yield from (f"{where}.{key}: missing" for key in required - value.keys())
    elif kind == "list" and isinstance(value, list):
        for item in value:
            yield from faults(item, shape.member, f"{where}[]")
    elif kind == "map" and isinstance(value, dict):
        yield from (f"{where}: {key}" for key in value if key not in shape.key.enum)
        for item in value.values():
            yield from faults(item, shape.value, where)
    elif kind == "timestamp":
        if datetime.fromisoformat(value).tzinfo is None or not value.endswith("+00:00"):
            yield f"{where}: {value}"
    else:
        types = {"string": str, "blob": str, "integer": int, "boolean": bool}
        document = shape.name == "policyDocumentType" and isinstance(value, dict)
        if not document and type(value) is not types.get(kind):
            yield f"{where}: {value!r} is no {kind}"


@pytest.mark.parametrize("users", [12, 60, 500])
def test_every_file_has_the_shape_that_botocore_knows(users):
    model = botocore.session.get_session().get_service_model("iam")
    company = demo.company(users=users)
    assert company.keys() == OPERATIONS.keys()
    for name, operation in OPERATIONS.items():
        shape = model.operation_model(operation).output_shape
        assert not list(faults(company[name], shape)), name


def test_the_shape_test_sees_faults(company):
    shape = (
        botocore.session.get_session()
        .get_service_model("iam")
        .operation_model("GetAccountAuthorizationDetails")
        .output_shape
    )
    wrong = {"UserDetailList": [{"UserName": "a", "Mfa": 1, "CreateDate": "2026-01-01T00:00:00"}]}
    assert len(list(faults(wrong, shape))) == 2


@pytest.mark.parametrize("users", [12, 60, 500])
def test_the_summary_agrees_with_the_other_files(users):
    company = demo.company(users=users)
    details, summary = company[DETAILS], company["account-summary.json"]["SummaryMap"]
    customer = [policy for policy in details["Policies"] if ACCOUNT in policy["Arn"]]
    assert summary["Users"] == len(details["UserDetailList"]) == max(users, 41)
    assert summary["Groups"] == len(details["GroupDetailList"])
    assert summary["Roles"] == len(details["RoleDetailList"])
    assert summary["Policies"] == len(customer)
    assert summary["InstanceProfiles"] == sum(
        len(role["InstanceProfileList"]) for role in details["RoleDetailList"]
    )
    virtual = company["virtual-mfa-devices.json"]["VirtualMFADevices"]
    serials = {device["SerialNumber"] for device in company["mfa-devices.json"]["MFADevices"]}
    assert summary["MFADevices"] == len(serials | {one["SerialNumber"] for one in virtual})
    assert summary["MFADevicesInUse"] == len(serials) + 1  # root's
    assert summary["MFADevices"] - summary["MFADevicesInUse"] == 2  # unassigned
    assert summary["AccountMFAEnabled"] == 1
    assert summary["AccountAccessKeysPresent"] == 0


def test_the_credential_report_has_root_and_every_user(company):
    rows = report(company)
    users = [user["UserName"] for user in company[DETAILS]["UserDetailList"]]
    assert list(rows) == ["<root_account>", *users]
    assert {len(row) for row in rows.values()} == {22}
    having = {device["UserName"] for device in company["mfa-devices.json"]["MFADevices"]}
    assert having == {name for name in users if rows[name]["mfa_active"] == "true"}


def test_every_attached_policy_exists_and_is_counted(company):
    policies = {policy["Arn"]: policy for policy in company[DETAILS]["Policies"]}
    attached = Counter(
        policy["PolicyArn"]
        for principal in principals(company)
        for policy in principal["AttachedManagedPolicies"]
    )
    bounding = Counter(
        principal["PermissionsBoundary"]["PermissionsBoundaryArn"]
        for principal in principals(company)
        if "PermissionsBoundary" in principal
    )
    assert attached.keys() | bounding.keys() <= policies.keys()
    for arn, policy in policies.items():
        assert policy["AttachmentCount"] == attached[arn]
        assert policy["PermissionsBoundaryUsageCount"] == bounding[arn]
        default = [one for one in policy["PolicyVersionList"] if one["IsDefaultVersion"]]
        assert [one["VersionId"] for one in default] == [policy["DefaultVersionId"]]
        assert ACCOUNT in arn or attached[arn]


def test_ids_and_names_are_unique_and_well_formed():
    details = demo.company(users=500)[DETAILS]
    ids = [
        entry[f"{kind}Id"]
        for kind in ("User", "Group", "Role")
        for entry in details[f"{kind}DetailList"]
    ]
    ids += [policy["PolicyId"] for policy in details["Policies"]]
    assert len(set(ids)) == len(ids)
    assert {len(one) for one in ids} == {21}
    assert "AKIA" not in json.dumps(details)


def test_the_managed_policies_are_those_in_use():
    _, managed = _data()
    assert managed.keys() == {
        policy["PolicyName"]
        for policy in demo.company()[DETAILS]["Policies"]
        if ":iam::aws:" in policy["Arn"]
    }


@pytest.mark.parametrize("users", [12, 60])
def test_the_whole_cast_is_in_the_account(users):
    company = demo.company(users=users)
    names = {name.removesuffix(".json") for name in company} | {"<root_account>"}
    for entry in principals(company) + company[DETAILS]["Policies"]:
        names |= {entry[key] for key in entry if key.endswith("Name")}
    certificates = company["server-certificates.json"]["ServerCertificateMetadataList"]
    names |= {certificate["ServerCertificateName"] for certificate in certificates}
    assert demo.PLANTED.keys() <= names
    assert demo.CLEAN.keys() <= names
    assert not demo.PLANTED.keys() & demo.CLEAN.keys()


def test_the_cast_has_the_ages_that_the_table_says(company):
    rows = report(company)
    assert age(rows["<root_account>"]["password_last_used"]) == 92
    assert age(rows["liam.murphy"]["password_last_used"]) == 210
    assert age(rows["liam.murphy"]["access_key_1_last_used_date"]) == 0
    assert age(rows["fatima.alsayed"]["password_last_changed"]) == 430
    assert age(rows["svc-monitoring"]["access_key_1_last_rotated"]) == 701
    assert rows["svc-monitoring"]["access_key_1_last_used_date"] == "N/A"
    assert rows["bjorn.eriksen"]["password_last_used"] == "no_information"
    assert rows["pedro.alves"]["access_key_1_active"] == "false"
    assert age(rows["pedro.alves"]["access_key_1_last_rotated"]) == 1100
    assert age(rows["pedro.alves"]["access_key_2_last_used_date"]) == 402
    assert rows["peter.jansen"]["user_creation_time"] < "2014-10-20"
    made, key = (
        datetime.fromisoformat(rows["sam.taylor"][column])
        for column in ("user_creation_time", "access_key_1_last_rotated")
    )
    assert key - made < timedelta(minutes=1)


def test_clean_users_have_young_credentials(company):
    rows = report(company)
    for name in demo.CLEAN.keys() & rows.keys():
        row = rows[name]
        assert row["mfa_active"] == "true" or row["password_enabled"] == "false"
        for column in row:
            if column.endswith(("last_rotated", "last_changed")) and row[column] != "N/A":
                assert age(row[column]) < 90
            if column.endswith(("_last_used", "last_used_date")) and row[column] != "N/A":
                assert age(row[column]) < 45


@pytest.mark.parametrize("users", [60, 500])
def test_most_people_have_mfa(users):
    assert 0.70 <= mfa_share(demo.company(users=users)) <= 0.80


def test_nothing_is_in_the_future(year):
    for at, company in year:
        text = json.dumps(company[DETAILS] | {"Policies": []})
        for row in report(company).values():
            text += json.dumps([row[key] for key in row if key.endswith(("_time", "_rotated"))])
            used = [
                row[key] for key in row if key.endswith(("last_used", "last_used_date", "changed"))
            ]
            text += json.dumps(used)
        dates = [word for word in text.split('"') if word.endswith("+00:00")]
        assert dates
        assert max(map(datetime.fromisoformat, dates)) <= at


def test_the_last_month_is_the_company(year, company):
    assert len(year) == 12
    assert year[-1] == (demo.DATE, company)
    assert [at.month for at, _ in year] == [12, *range(1, 12)]
    assert all(
        company["credential-report.json"]["GeneratedTime"] == at.isoformat() for at, company in year
    )


def test_a_person_stays_the_same_person(year):
    seen = {}
    for _, company in year:
        for user in company[DETAILS]["UserDetailList"]:
            same = (user["UserId"], user["Arn"], user["CreateDate"])
            assert seen.setdefault(user["UserName"], same) == same
    assert len({user for user, *_ in seen.values()}) == len(seen)


def test_last_use_never_goes_back(year):
    before = {}
    for _, company in year:
        for name, row in report(company).items():
            used = row["password_last_used"]
            if used[:2] == "20":
                assert used >= before.get(name, "")
                before[name] = used


def test_the_year_has_a_story(year):
    first, last = year[0][1], year[-1][1]
    assert mfa_share(first) < 0.5 < 0.7 < mfa_share(last)
    names = [set(report(company)) for _, company in year]
    assert names[0] - names[-1]
    assert names[-1] - names[0]
    keys = [
        company["account-summary.json"]["SummaryMap"]["AccountAccessKeysPresent"]
        for _, company in year
    ]
    assert keys[0] == 1
    assert keys == sorted(keys, reverse=True)

    def wide(company):
        (policy,) = (
            one for one in company[DETAILS]["Policies"] if one["PolicyName"] == "DeployPipeline"
        )
        return policy["PolicyVersionList"][0]["Document"]["Statement"][0]["Action"] == "*"

    assert [at.month for at, company in year if wide(company)] == [4, 5, 6]
    lost = [
        at.month for at, company in year if report(company)["tomas.novak"]["mfa_active"] == "false"
    ]
    assert lost == [11]
    lengths = [
        company["account-password-policy.json"]["PasswordPolicy"]["MinimumPasswordLength"]
        for _, company in year
    ]
    assert sorted(set(lengths)) == [8, 10, 14]
    assert lengths[-1] == 10


def test_keys_are_rotated_over_the_year(year):
    rotated = {
        report(company)["svc-backup"][f"access_key_{n}_last_rotated"]
        for _, company in year
        for n in (1, 2)
    }
    assert len(rotated - {"N/A"}) >= 4


def test_other_arguments_give_another_company(company):
    assert demo.company(seed=8)["credential-report.json"] != company["credential-report.json"]
    earlier = demo.company(datetime(2025, 3, 31, 6))  # noqa: DTZ001
    assert earlier["credential-report.json"]["GeneratedTime"] == "2025-03-31T06:00:00+00:00"
    months = [at for at, _ in demo.history(3, datetime(2025, 3, 31, 6, tzinfo=UTC))]
    assert [(at.month, at.day) for at in months] == [(1, 28), (2, 28), (3, 31)]


def test_write_saves_what_company_gives(tmp_path, company):
    paths = demo.write(tmp_path / "demo")
    assert {path.name: json.loads(path.read_text(encoding="utf-8")) for path in paths} == company
    assert "José García Núñez" in (tmp_path / "demo" / DETAILS).read_text(encoding="utf-8")


def test_changing_an_answer_does_not_change_the_next():
    for policy in demo.company()[DETAILS]["Policies"]:
        for version in policy["PolicyVersionList"]:
            version["Document"]["Statement"][0]["Effect"] = "Changed"
    assert "Changed" not in json.dumps(demo.company())


def test_same_bytes_in_any_process():
    """Neither the hash seed nor the time zone nor the locale shows in the files."""
    code = (
        "import hashlib, json; from iamkit import demo;"
        "everything = [demo.company(users=80), [files for _, files in demo.history(3)]];"
        "print(hashlib.sha256(json.dumps(everything).encode()).hexdigest())"
    )
    digests = set()
    for hash_seed, zone in (("0", "UTC"), ("1", "Asia/Kathmandu"), ("2", "America/Adak")):
        env = os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": zone}
        done = run(
            [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1
