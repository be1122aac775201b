"""The stand-in for AWS answers in AWS's shapes, and its faults are the faults they are called."""

import csv
import http.client
import os
import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import boto3
import botocore.endpoint
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    PaginationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from tests.aws import company, documents
from tests.aws.account import ACCOUNT, backend, clock, facts, preserved
from tests.aws.cast import CAST, MANAGEMENT_ACCOUNT, NIGHT_USER
from tests.aws.faults import (
    FaultProxy,
    drop_marker,
    error,
    forward,
    half_body,
    hang,
    html_503,
    reset,
    same_marker,
)
from tests.aws.server import moto_server

EMPTY_ACCOUNT = "999988887777"
ROOT = Path(__file__).parents[2]
CREDENTIALS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


def client(service, url, *, retries=1, timeout=600, region="us-east-1", **credentials):
    """A client with standard retries, where `retries=1` is two requests."""
    config = Config(retries={"mode": "standard", "max_attempts": retries}, read_timeout=timeout)
    credentials = credentials or CREDENTIALS
    return boto3.client(service, endpoint_url=url, region_name=region, config=config, **credentials)


@pytest.fixture(scope="module")
def company_url():
    with moto_server() as url:
        company.build(url, organization=True)
        yield url


@pytest.fixture
def url(company_url):
    """The company's endpoint; what the test changes is put back."""
    with preserved():
        yield company_url


@pytest.fixture
def iam(url):
    return client("iam", url)


@pytest.fixture
def empty(url):
    """A client of an account with nothing in it."""
    arn = f"arn:aws:iam::{EMPTY_ACCOUNT}:role/audit"
    session = client("sts", url).assume_role(RoleArn=arn, RoleSessionName="audit")["Credentials"]
    return lambda service: client(
        service,
        url,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )


@pytest.fixture
def waits(monkeypatch):
    """How long botocore would have slept before each retry; it does not sleep."""
    waits = []
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=waits.append))
    return waits


def report(iam):
    """Generate a credential report, wait for it, and return it with its rows."""
    iam.generate_credential_report()
    while iam.generate_credential_report()["State"] != "COMPLETE":
        pass
    answer = iam.get_credential_report()
    return answer, list(csv.DictReader(answer["Content"].decode().splitlines()))


def details(iam):
    """Every entry of the authorization details, by kind."""
    pages = list(iam.get_paginator("get_account_authorization_details").paginate())
    kinds = ("UserDetailList", "RoleDetailList", "GroupDetailList", "Policies")
    return {kind: [entry for page in pages for entry in page[kind]] for kind in kinds}


def wrong_members(shape, value, path=""):
    """Paths of the members that the botocore model requires and the answer lacks."""
    if shape.type_name == "structure":
        for name in set(shape.required_members) - set(value):
            yield f"{path}.{name}"
        for name, member in value.items():
            yield from wrong_members(shape.members[name], member, f"{path}.{name}")
    elif shape.type_name == "list":
        for member in value:
            yield from wrong_members(shape.member, member, f"{path}[]")
    elif shape.type_name == "timestamp" and not isinstance(value, datetime):
        yield f"{path} is a {type(value).__name__}"


GITHUB_ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{company.GITHUB}"
OPERATIONS = {  # operation: the members that have something in them
    ("sts", "GetCallerIdentity"): ("Account", "Arn", "UserId"),
    ("iam", "GetAccountAuthorizationDetails"): ("UserDetailList", "IsTruncated"),
    ("iam", "GetAccountSummary"): ("SummaryMap",),
    ("iam", "GetAccountPasswordPolicy"): ("PasswordPolicy",),
    ("iam", "ListAccountAliases"): ("AccountAliases",),
    ("iam", "ListVirtualMFADevices"): ("VirtualMFADevices",),
    ("iam", "ListMFADevices", ("UserName", "ana.silva")): ("MFADevices",),
    ("iam", "ListServiceSpecificCredentials", ("AllUsers", True)): ("ServiceSpecificCredentials",),
    ("iam", "ListServerCertificates"): ("ServerCertificateMetadataList",),
    ("iam", "ListSAMLProviders"): ("SAMLProviderList",),
    ("iam", "ListOpenIDConnectProviders"): ("OpenIDConnectProviderList",),
    ("iam", "GetOpenIDConnectProvider", ("OpenIDConnectProviderArn", GITHUB_ARN)): ("Url",),
    ("iam", "ListOrganizationsFeatures"): ("OrganizationId", "EnabledFeatures"),
    ("organizations", "DescribeOrganization"): ("Organization",),
    ("organizations", "ListAccounts"): ("Accounts",),
    ("organizations", "ListParents", ("ChildId", ACCOUNT)): ("Parents",),
    ("organizations", "DescribePolicy", ("PolicyId", "p-FullAWSAccess")): ("Policy",),
    ("account", "GetContactInformation"): ("ContactInformation",),
    ("account", "GetAlternateContact", ("AlternateContactType", "SECURITY")): ("AlternateContact",),
    ("accessanalyzer", "ListAnalyzers"): ("analyzers",),
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation[1])
def test_answers_have_the_shape_of_the_model(url, operation):
    service, name, *parameters = operation
    api = client(service, url)
    answer = api._make_api_call(name, dict(parameters))
    answer.pop("ResponseMetadata")
    model = api.meta.service_model.operation_model(name)
    root = {".VirtualMFADevices[].User.UserName"}  # the root user has none
    assert set(wrong_members(model.output_shape, answer)) <= root
    assert all(answer[member] is not None for member in OPERATIONS[operation])


def test_one_endpoint_variable_reaches_every_service(company_url):
    code = (
        "import boto3\n"
        "print(boto3.client('iam').get_account_summary()['SummaryMap']['Users'])\n"
        "print(boto3.client('accessanalyzer').list_analyzers()['analyzers'][0]['name'])\n"
    )
    variables = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with FaultProxy(company_url) as proxy:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | variables | {"AWS_ENDPOINT_URL": proxy.url},
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
    assert (done.stdout, done.stderr) == ("60\nexternal\n", "")
    assert proxy.calls == ["iam:GetAccountSummary", "access-analyzer:ListAnalyzers"]


def test_a_second_server_is_refused(company_url):
    with pytest.raises(RuntimeError, match="already"), moto_server():
        pass


# Authorization details and account summary


def test_pages_add_up_to_the_account_summary(iam):
    facts().page_size = 7
    found = details(iam)
    summary = iam.get_account_summary()["SummaryMap"]
    assert {kind: len({entry["Arn"] for entry in found[kind]}) for kind in found} == {
        "UserDetailList": summary["Users"],
        "RoleDetailList": summary["Roles"],
        "GroupDetailList": summary["Groups"],
        "Policies": len(found["Policies"]),
    }
    customer = [policy for policy in found["Policies"] if f"::{ACCOUNT}:" in policy["Arn"]]
    assert len(customer) == summary["Policies"]
    assert summary["Users"] == 60


def test_pages_are_as_long_as_asked_and_markers_are_checked(iam):
    page = iam.get_account_authorization_details(MaxItems=50)
    assert len(page["UserDetailList"]) == 50
    assert page["IsTruncated"]
    with pytest.raises(ClientError, match="Invalid Marker"):
        iam.get_account_authorization_details(Marker=page["Marker"], Filter=["User"])


def test_filter_limits_the_kinds(iam):
    page = iam.get_account_authorization_details(Filter=["Role", "LocalManagedPolicy"])
    assert page["RoleDetailList"]
    assert page["UserDetailList"] == page["GroupDetailList"] == []
    assert all(f"::{ACCOUNT}:" in policy["Arn"] for policy in page["Policies"])


def test_policies_are_named_and_those_of_aws_are_in_use(iam):
    for policy in details(iam)["Policies"]:
        assert policy["PolicyName"] == policy["Arn"].rpartition("/")[2]
        assert policy["PolicyId"].startswith("ANPA")
        assert policy["AttachmentCount"] or f"::{ACCOUNT}:" in policy["Arn"]


def test_policies_of_aws_are_listed_while_in_use(iam):
    def listed():
        return {policy["PolicyName"] for policy in details(iam)["Policies"]}

    assert "AdministratorAccess" in listed()
    assert "AmazonEC2FullAccess" not in listed()
    boundary = "arn:aws:iam::aws:policy/AmazonEC2FullAccess"
    iam.put_user_permissions_boundary(UserName="intern", PermissionsBoundary=boundary)
    assert "AmazonEC2FullAccess" in listed()


def test_members_without_a_value_are_left_out(iam):
    users = {user["UserName"]: user for user in details(iam)["UserDetailList"]}
    assert "UserPolicyList" not in users["intern"]
    assert "PermissionsBoundary" not in users["intern"]
    assert users["contractor"]["UserPolicyList"][0]["PolicyDocument"]["Statement"]


def test_boundaries_are_reported_and_counted(iam):
    found = details(iam)
    limited = [
        (entry["Arn"].rpartition("/")[2], entry["PermissionsBoundary"]["PermissionsBoundaryType"])
        for entry in found["UserDetailList"] + found["RoleDetailList"]
        if "PermissionsBoundary" in entry
    ]
    assert limited == [("contractor", "Policy"), ("app-server", "PermissionsBoundaryPolicy")]
    uses = {p["PolicyName"]: p["PermissionsBoundaryUsageCount"] for p in found["Policies"]}
    assert uses["DeveloperBoundary"] == 2


def test_a_boundary_can_be_removed(iam):
    iam.delete_user_permissions_boundary(UserName="contractor")
    users = {user["UserName"]: user for user in details(iam)["UserDetailList"]}
    assert "PermissionsBoundary" not in users["contractor"]


def test_summary_counts_the_root_user_and_every_device(iam):
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["AccountMFAEnabled"] == summary["AccountAccessKeysPresent"] == 1
    devices = sum(len(iam.list_mfa_devices(UserName=user.name)["MFADevices"]) for user in CAST)
    crowd = sum(len(user.mfa_devices) for user in backend().users.values()) - devices
    assert summary["MFADevicesInUse"] == devices + crowd + 1
    assert summary["MFADevices"] == summary["MFADevicesInUse"] + 1
    facts().root.mfa_serial = None
    assert iam.get_account_summary()["SummaryMap"]["AccountMFAEnabled"] == 0


# Credential report


def test_report_has_the_root_user_first_and_then_every_user(iam):
    answer, rows = report(iam)
    assert answer["GeneratedTime"] == company.AS_OF
    assert rows[0]["user"] == "<root_account>"
    assert (rows[0]["mfa_active"], rows[0]["access_key_1_active"]) == ("true", "true")
    names = [user["UserName"] for user in details(iam)["UserDetailList"]]
    assert sorted(row["user"] for row in rows[1:]) == sorted(names)
    assert NIGHT_USER in names
    assert {len(row) for row in rows} == {22}


def test_report_tells_what_moto_does_not(iam):
    rows = {row["user"]: row for row in report(iam)[1]}
    ana, eve, metrics = rows["ana.silva"], rows["eve.martin"], rows["svc-metrics"]
    assert ana["password_last_changed"] > ana["user_creation_time"]
    assert ana["password_next_rotation"] == "2026-12-22T09:00:00Z", "90 days after the change"
    assert eve["password_last_used"] == "no_information"
    assert rows["intern"]["password_last_used"] == "N/A"
    assert (metrics["access_key_1_active"], metrics["access_key_2_active"]) == ("false", "true")
    assert rows["svc-etl"]["access_key_1_last_used_date"] == "N/A"
    assert rows["svc-legacy"]["cert_1_active"] == "true"


def test_report_is_started_in_progress_complete_and_expired(iam):
    with pytest.raises(iam.exceptions.CredentialReportNotPresentException):
        iam.get_credential_report()
    facts().report_polls = 2
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "INPROGRESS"
    with pytest.raises(iam.exceptions.CredentialReportNotReadyException):
        iam.get_credential_report()
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    first = iam.get_credential_report()

    iam.delete_login_profile(UserName="ben.okafor")
    clock.now += timedelta(hours=3)
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    assert iam.get_credential_report()["Content"] == first["Content"], "AWS keeps the old report"

    clock.now += timedelta(hours=1)
    with pytest.raises(iam.exceptions.CredentialReportExpiredException):
        iam.get_credential_report()
    assert iam.generate_credential_report()["State"] == "STARTED"


# Credentials


def test_seeds_are_sent_for_unassigned_devices_only(iam):
    devices = iam.list_virtual_mfa_devices()["VirtualMFADevices"]
    seeded = [device for device in devices if "Base32StringSeed" in device or "QRCodePNG" in device]
    assert [device["SerialNumber"] for device in seeded] == [f"arn:aws:iam::{ACCOUNT}:mfa/spare"]
    assert seeded[0]["Base32StringSeed"] == company.SEED.encode()
    assert seeded[0]["QRCodePNG"] == company.QR_CODE
    unassigned = iam.list_virtual_mfa_devices(AssignmentStatus="Unassigned")
    assert unassigned["VirtualMFADevices"] == seeded


def test_root_has_a_virtual_device_unless_it_is_hardware(iam):
    root = f"arn:aws:iam::{ACCOUNT}:root"
    device = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"][0]
    assert device["User"]["Arn"] == root
    assert "UserName" not in device["User"]
    facts().root.mfa_serial = "GAHT00000000"
    devices = iam.list_virtual_mfa_devices()["VirtualMFADevices"]
    assert root not in [device["User"]["Arn"] for device in devices if "User" in device]


def test_serial_numbers_tell_the_kinds_of_device(iam):
    def serials(user):
        devices = iam.list_mfa_devices(UserName=user)["MFADevices"]
        return [
            device["SerialNumber"].removeprefix(f"arn:aws:iam::{ACCOUNT}:") for device in devices
        ]

    assert serials("ana.silva") == ["mfa/ana.silva"]
    assert serials("dev.patel")[0].startswith("GAHT")
    assert [serial.split("/")[0] for serial in serials("farid.haddad")] == ["mfa", "u2f"]
    assert serials("eve.martin") == []
    assert iam.list_mfa_devices()["MFADevices"] == []


def test_password_policy_leaves_out_what_is_not_set(iam, empty):
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert policy["MaxPasswordAge"] == 90
    assert "PasswordReusePrevention" not in policy
    iam.update_account_password_policy(PasswordReusePrevention=24)
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert policy["PasswordReusePrevention"] == 24
    assert not {"MaxPasswordAge", "HardExpiry"} & set(policy)
    none = empty("iam")
    with pytest.raises(none.exceptions.NoSuchEntityException):
        none.get_account_password_policy()


def test_service_specific_credentials_are_a_users_or_everybodys(iam):
    def users(**parameters):
        answer = iam.list_service_specific_credentials(**parameters)
        return [credential["UserName"] for credential in answer["ServiceSpecificCredentials"]]

    assert users(AllUsers=True) == ["svc-mail", "svc-ci"]
    assert users(UserName="svc-ci") == ["svc-ci"]
    assert users() == []


def test_certificates_expire_on_their_own_dates(iam):
    certificates = iam.list_server_certificates()["ServerCertificateMetadataList"]
    expired = {c["ServerCertificateName"]: c["Expiration"] < company.AS_OF for c in certificates}
    assert expired == {"www-expired": True, "www": False}


def test_last_accessed_jobs_are_polled(iam):
    arn = f"arn:aws:iam::{ACCOUNT}:user/ana.silva"
    for granularity in ("SERVICE_LEVEL", "ACTION_LEVEL"):
        job = iam.generate_service_last_accessed_details(Arn=arn, Granularity=granularity)
        parameters = {"JobId": job["JobId"]}
        assert iam.get_service_last_accessed_details(**parameters)["JobStatus"] == "IN_PROGRESS"
        done = iam.get_service_last_accessed_details(**parameters)
        used = done["ServicesLastAccessed"][0]
        assert (done["JobStatus"], used["ServiceNamespace"]) == ("COMPLETED", "s3")
        assert ("TrackedActionsLastAccessed" in used) == (granularity == "ACTION_LEVEL")


def test_users_with_credentials_are_not_deleted(iam):
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_user(UserName="svc-etl")
    iam.delete_user(UserName="intern")


# The services around IAM


def test_member_account_reads_the_policies_that_apply(url):
    organizations = client("organizations", url)
    organization = organizations.describe_organization()["Organization"]
    assert organization["MasterAccountId"] == MANAGEMENT_ACCOUNT
    names, target = [], ACCOUNT
    while True:
        attached = organizations.list_policies_for_target(
            TargetId=target, Filter="SERVICE_CONTROL_POLICY"
        )
        names += [policy["Name"] for policy in attached["Policies"]]
        if target.startswith("r-"):
            break
        target = organizations.list_parents(ChildId=target)["Parents"][0]["Id"]
    assert names == ["FullAWSAccess"] * 3 + ["StayInOrganization"]


def test_an_account_outside_organizations_says_so(empty):
    with pytest.raises(ClientError, match="AWSOrganizationsNotInUseException"):
        empty("organizations").describe_organization()
    with pytest.raises(ClientError, match="OrganizationNotFoundException"):
        empty("iam").list_organizations_features()


def test_contacts_that_are_not_set_are_not_found(url):
    account = client("account", url)
    facts().contact_information = None
    with pytest.raises(account.exceptions.ResourceNotFoundException):
        account.get_contact_information()
    with pytest.raises(account.exceptions.ResourceNotFoundException):
        account.get_alternate_contact(AlternateContactType="OPERATIONS")


def test_analyzers_belong_to_a_region(url):
    assert client("accessanalyzer", url, region="eu-west-1").list_analyzers()["analyzers"] == []


# Faults


@pytest.mark.parametrize(
    ("service", "operation", "content_type"),
    [
        ("iam", "GetAccountSummary", "text/xml"),
        ("sts", "GetCallerIdentity", "text/xml"),
        ("organizations", "DescribeOrganization", "application/x-amz-json-1.1"),
        ("account", "GetContactInformation", "application/json"),
        ("accessanalyzer", "ListAnalyzers", "application/json"),
    ],
)
def test_errors_speak_the_protocol_of_the_service(url, waits, service, operation, content_type):
    throttled, refused = error(400, "ThrottlingException"), error(403, "AccessDenied", "No & no")
    with FaultProxy(url, {operation: [throttled, forward, refused]}) as proxy:
        api = client(service, proxy.url)
        assert api._make_api_call(operation, {})["ResponseMetadata"]["RetryAttempts"] == 1
        with pytest.raises(ClientError) as refusal:
            api._make_api_call(operation, {})
    assert refusal.value.response["Error"]["Code"] == "AccessDenied"
    assert refusal.value.response["Error"]["Message"] == "No & no"
    headers = refusal.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["content-type"] == content_type
    assert proxy.calls == [f"{api.meta.service_model.signing_name}:{operation}"] * 3


def test_operations_in_paths_with_parameters_are_named(url):
    with FaultProxy(url, {"GetAnalyzer": error(404, "ResourceNotFoundException")}) as proxy:
        analyzers = client("accessanalyzer", proxy.url)
        with pytest.raises(analyzers.exceptions.ResourceNotFoundException):
            analyzers.get_analyzer(analyzerName="an analyzer")
    assert proxy.calls == ["access-analyzer:GetAnalyzer"]


@pytest.mark.parametrize(
    ("step", "exception", "requests"),
    [
        (error(400, "Throttling", "Rate exceeded"), ClientError, 3),
        (error(500, "ServiceFailure"), ClientError, 3),
        (html_503, ClientError, 3),
        (reset, ConnectionClosedError, 3),
        (half_body, ResponseParserError, 1),
        (error(403, "AccessDenied"), ClientError, 1),
        (error(403, "ExpiredToken"), ClientError, 1),
    ],
)
def test_botocore_gives_up_as_it_does_with_aws(url, waits, step, exception, requests):
    with FaultProxy(url, {"GetAccountSummary": step}) as proxy, pytest.raises(exception):
        client("iam", proxy.url, retries=2).get_account_summary()
    assert len(proxy.calls) == requests
    assert len(waits) == requests - 1


@pytest.mark.parametrize("step", [error(400, "Throttling"), html_503, reset])
def test_botocore_outlasts_a_fault_that_passes(url, waits, step):
    with FaultProxy(url, {"GetAccountSummary": [step, step]}) as proxy:
        answer = client("iam", proxy.url, retries=2).get_account_summary()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert answer["SummaryMap"]["Users"] == 60


def test_a_reset_is_not_a_polite_close(url):
    scope = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20261102/us-east-1/iam/aws4_request"}
    with FaultProxy(url, {"*": reset}) as proxy:
        connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"))
        connection.request("POST", "/", b"Action=GetAccountSummary", scope)
        with pytest.raises(ConnectionResetError, match="reset by peer"):
            connection.getresponse()
        connection.close()


def test_half_an_answer_in_json_passes_for_an_empty_one(url):
    with FaultProxy(url, {"*": half_body}) as proxy:
        answer = client("organizations", proxy.url).describe_organization()
    assert set(answer) == {"ResponseMetadata"}, "botocore neither retries nor raises"


def test_a_silent_server_is_a_read_timeout(url):
    with FaultProxy(url, {"*": hang}) as proxy, pytest.raises(ReadTimeoutError):
        client("iam", proxy.url, retries=0, timeout=0.2).get_account_summary()


def test_a_missing_marker_ends_the_pages_without_a_word(url):
    facts().page_size = 20
    script = {"GetAccountAuthorizationDetails": [forward, drop_marker]}
    with FaultProxy(url, script) as proxy:
        found = details(client("iam", proxy.url))
    assert len(proxy.calls) == 2
    assert len(found["UserDetailList"]) == 40


def test_a_repeated_marker_is_an_error(url):
    facts().page_size = 20
    with (
        FaultProxy(url, {"GetAccountAuthorizationDetails": same_marker}) as proxy,
        pytest.raises(PaginationError, match="same next token"),
    ):
        details(client("iam", proxy.url))
    assert len(proxy.calls) == 2


def test_the_star_applies_to_operations_without_steps_left(url):
    script = {"GetAccountSummary": [forward], "*": error(403, "AccessDenied")}
    with FaultProxy(url, script) as proxy:
        iam = client("iam", proxy.url)
        iam.get_account_summary()
        for call in (iam.get_account_summary, iam.list_account_aliases):
            with pytest.raises(ClientError, match="AccessDenied"):
                call()


def test_a_stopped_proxy_leaves_nothing_behind(url):
    before = set(threading.enumerate())
    with FaultProxy(url) as proxy:
        client("iam", proxy.url).get_account_summary()
    assert set(threading.enumerate()) == before
    with pytest.raises(EndpointConnectionError):
        client("iam", proxy.url, retries=0).get_account_summary()


# The company


def test_a_test_can_change_the_account_and_leave_it_as_it_was(url):
    iam = client("iam", url)
    before = details(iam), iam.get_account_summary()["SummaryMap"]
    with preserved():
        clock.now += timedelta(days=1)
        facts().page_size = 5
        iam.delete_user(UserName="intern")
        iam.attach_user_policy(
            UserName="ana.silva", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2FullAccess"
        )
    assert (details(iam), iam.get_account_summary()["SummaryMap"]) == before
    assert (clock.now, facts().page_size) == (company.AS_OF, None)


def test_every_kind_of_user_is_in_the_company(iam):
    assert {user.name for user in CAST} <= set(backend().users)
    kinds = Counter(kind for user in CAST for kind in user.mfa)
    assert set(kinds) == {"virtual", "totp", "fido"}
    assert any(len(user.keys) == 2 for user in CAST)


def test_nothing_in_the_account_is_dated_by_the_machine(iam):
    found = details(iam)
    dates = [entry["CreateDate"] for kind in found.values() for entry in kind]
    assert max(dates) <= company.AS_OF
    assert all(date.microsecond == 0 for date in dates)


def identifiers():
    """The credential report, and the ids that moto makes up."""
    users = backend().users.values()
    keys = [key.access_key_id for user in users for key in user.access_keys]
    ids = [entity.id for entity in (*users, *backend().managed_policies.values())]
    return "\n".join([documents.credential_report(backend(), facts().root), *keys, *ids])


def test_the_company_is_the_same_every_time(url):
    code = (
        "from tests.aws import test_standin as here\n"
        "with here.moto_server() as url:\n"
        "    here.company.build(url, organization=True)\n"
        "    print(here.identifiers())\n"
    )
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert again.stdout == identifiers() + "\n"
    assert again.stderr == ""
