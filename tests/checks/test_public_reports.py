"""
Situations of public bug reports about tools of this kind, each as a small account.

Sources: salesforce/cloudsplaining#154, nccgroup/ScoutSuite#1132, prowler-cloud/prowler#8340,
cloud-custodian/cloud-custodian#7191, bridgecrewio/checkov#6960,
aws-actions/configure-aws-credentials#746, floci-io/floci#3584, nsiow/yams#30,
turbot/steampipe-mod-aws-compliance#276, opensearch-project/dashboards-reporting#545.
"""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from iamkit import Account, load
from iamkit.evidence import cli_files
from iamkit.report.csv_files import csv_files
from tests.accounts import ARN, account, details, policy, report, role, user

AWS = "arn:aws:iam::aws:policy/"
VENDOR = "999988887777"
ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
S3 = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
DENY = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Deny", "Action": "sts:*", "Resource": "*"},
}
ADMINISTRATOR = {
    "AttachedManagedPolicies": [
        {"PolicyName": "AdministratorAccess", "PolicyArn": f"{AWS}AdministratorAccess"}
    ]
}
NO_KEY = "false,N/A,N/A,N/A,N/A"
GITHUB = f"{ARN}oidc-provider/token.actions.githubusercontent.com"


def line(name: str, made: str = "2026-10-01T06:00:00+00:00", password: bool = True) -> str:
    """A user with a key that was never used and, perhaps, a password, without MFA."""
    signs_in = f"true,2026-10-31T06:00:00+00:00,{made},N/A" if password else "false,N/A,N/A,N/A"
    return (
        f"{name},{ARN}user/{name},{made},{signs_in},false,"
        f"true,{made},N/A,N/A,N/A,{NO_KEY},false,N/A,false,N/A"
    )


def trusting(principal: Any, **condition: Any) -> dict[str, Any]:
    web = isinstance(principal, dict) and "Federated" in principal
    action = "sts:AssumeRoleWithWebIdentity" if web else "sts:AssumeRole"
    allow = {"Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition}
    return {"Version": "2012-10-17", "Statement": allow}


def said(made: Account, check: str) -> dict[str, str]:
    """What an audit says of each subject of a check: name to status."""
    found = made.check(check).findings
    return dict(zip(found["name"], found["status"], strict=True))


def detail(made: Account, check: str) -> str:
    found: str = made.check(check).findings["detail"].iloc[0]
    return found


def test_what_members_of_a_group_may_do_that_is_not_shown_is_not_assessed(tmp_path: Path) -> None:
    contents = details(users=[user("ann", GroupList=["Ops"])])
    made = account(tmp_path, contents, credential_report=report(line("ann")))
    found = made.audit.findings.query("name == 'ann' and status == 'fail'")["check"]
    assert set(found) == {"console_user_without_mfa", "access_key_made_with_user"}
    about = {
        *("administrator_without_mfa", "administrator_user", "can_become_administrator"),
        *("password_without_enforced_mfa", "key_usable_from_anywhere", "can_escalate"),
    }
    for check in about:
        assert said(made, check) == {"ann": "not assessed"}, check
    assert made.mfa_enforcement["witness"][0]["effect"] == "Unknown"


@pytest.mark.parametrize(("document", "verdict"), [(ALL, "fail"), (S3, "not assessed")])
def test_what_is_shown_counts_whatever_else_is_not(
    tmp_path: Path, document: Any, verdict: str
) -> None:
    """Who can do everything for certain fails; S3 alone, behind a condition nobody knows, not."""
    inline = dict(document["Statement"])
    if verdict == "not assessed":
        inline["Condition"] = {"StringEquals": {"aws:RequestedRegion": "${aws:PrincipalTag/r}"}}
    own = {"PolicyName": "own", "PolicyDocument": {**document, "Statement": inline}}
    contents = details(users=[user("ann", GroupList=["Ops"], UserPolicyList=[own])])
    made = account(tmp_path, contents, credential_report=report(line("ann")))
    assert said(made, "key_usable_from_anywhere") == {"ann": verdict}
    assert said(made, "password_without_enforced_mfa") == {"ann": verdict}


def test_an_aws_policy_that_is_not_listed_is_known_by_name(tmp_path: Path) -> None:
    contents = details(
        users=[user("ann", **ADMINISTRATOR)],
        roles=[role("ops", trusting({"AWS": f"{ARN}root"}), **ADMINISTRATOR)],
    )
    made = account(tmp_path, contents, credential_report=report(line("ann")))
    assert said(made, "administrator_without_mfa") == {"ann": "fail"}
    assert sorted(made.administrators["name"]) == ["ann", "ops"]


def test_a_document_that_begins_with_a_newline_is_decoded(tmp_path: Path) -> None:
    attached = {"AttachedManagedPolicies": [{"PolicyName": "Own", "PolicyArn": f"{ARN}policy/Own"}]}
    contents = details(
        users=[user("ann", **attached)],
        policies=[policy("Own", quote("\n" + json.dumps(ALL)), AttachmentCount=1)],
    )
    made = account(tmp_path, contents, credential_report=report(line("ann")))
    assert said(made, "administrator_without_mfa") == {"ann": "fail"}


def test_a_key_without_use_on_record_is_not_called_used(tmp_path: Path) -> None:
    old = line("oldie", "2013-01-01T00:00:00+00:00")
    made = account(tmp_path, details(users=[user("oldie")]), credential_report=report(old))
    told = detail(made, "access_key_made_with_user")
    assert "no use on record" in told
    assert "is used" not in told


def test_root_in_govcloud_has_no_mfa_to_ask_for(tmp_path: Path) -> None:
    csv, contents = report(line("ann")), json.dumps(details(users=[user("ann")]))
    moved = csv.replace("arn:aws:", "arn:aws-us-gov:").replace(
        "not_supported,not_supported,true,", "not_supported,not_supported,false,"
    )
    made = account(
        tmp_path,
        json.loads(contents.replace("arn:aws:", "arn:aws-us-gov:")),
        credential_report=moved,
    )
    asked = made.check("root_without_mfa", "root_without_hardware_mfa")
    status = asked.results.set_index("check")["status"]
    assert status["root_without_mfa"] == status["root_without_hardware_mfa"] == "not applicable"


SNS = {"Service": "sns.amazonaws.com"}


@pytest.mark.parametrize(
    ("check", "trust", "words"),
    [
        ("service_without_source", trusting(SNS), "for any account"),
        (
            "service_without_source",
            trusting(SNS, ArnLike={"aws:SourceArn": "arn:aws:sns:*:*:*"}),
            "for any account",
        ),
        (
            "service_for_unknown_account",
            trusting(SNS, StringEquals={"aws:SourceAccount": VENDOR}),
            VENDOR,
        ),
        (
            "service_for_unknown_account",
            trusting(SNS, ArnLike={"aws:SourceArn": f"arn:aws:sns:*:{VENDOR}:*"}),
            VENDOR,
        ),
        (
            "federation_without_subject",
            trusting(
                {"Federated": GITHUB},
                StringEquals={
                    "token.actions.githubusercontent.com:sub": "environment:production",
                    "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                },
            ),
            "environment:production",
        ),
        ("vendor_without_external_id", trusting({"AWS": VENDOR}), VENDOR),
        (
            "vendor_without_external_id",
            trusting("*", StringEquals={"aws:PrincipalAccount": VENDOR}),
            VENDOR,
        ),
        (
            "vendor_without_external_id",
            trusting("*", ArnLike={"aws:PrincipalArn": f"arn:aws:iam::{VENDOR}:*"}),
            VENDOR,
        ),
    ],
)
def test_who_comes_in_from_outside_is_said(
    tmp_path: Path, check: str, trust: Any, words: str
) -> None:
    made = account(tmp_path, details(roles=[role("pub", trust, **ADMINISTRATOR)]))
    assert said(made, check) == {"pub": "fail"}
    assert words in detail(made, check)


def test_a_boundary_does_not_limit_what_a_trust_policy_grants_by_name(tmp_path: Path) -> None:
    bound = {
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": f"{ARN}policy/s3only",
        }
    }
    denied = [{"PolicyName": "no", "PolicyDocument": DENY}]
    everyone = {"Service": "ec2.amazonaws.com"}
    names = [*(f"{ARN}user/{name}" for name in ("plain", "bounded", "denied")), f"{ARN}role/worker"]
    contents = details(
        users=[
            user("plain"),
            user("bounded", **bound),
            user("denied", UserPolicyList=denied, **bound),
        ],
        roles=[
            role("boss", trusting({"AWS": names}), **ADMINISTRATOR),
            role("worker", trusting(everyone), **bound),
        ],
        policies=[policy("s3only", S3, PermissionsBoundaryUsageCount=3)],
    )
    lines = [line(name, password=False) for name in ("plain", "bounded", "denied")]
    made = account(tmp_path, contents, credential_report=report(*lines))
    assert said(made, "can_become_administrator") == {"plain": "fail", "bounded": "fail"}


def test_a_text_answer_is_of_its_own_time(tmp_path: Path) -> None:
    """The key was 73 days old when the report was made, whenever it is read."""
    csv = report(line("anna", "2026-08-20T06:00:00+00:00", password=False))
    text = "\t".join([base64.b64encode(csv.encode()).decode(), "2026-11-01T06:00:00+00:00", "csv"])
    (tmp_path / "report.txt").write_text(text + "\n")
    (tmp_path / "details.json").write_text(json.dumps(details(users=[user("anna")])))
    made = load(cli_files.from_files(tmp_path / "out", tmp_path))
    assert str(made.as_of) == "2026-11-01 06:00:00+00:00"
    assert said(made, "old_access_key") == {}
    assert (made.snapshot.bytes("credential_report.csv") or b"").endswith(b"N/A")


def test_spreadsheets_read_the_tables_as_utf_8(tmp_path: Path) -> None:
    statement = {**ALL["Statement"], "Sid": "Zugriff"}  # type: ignore[dict-item]
    own = {"PolicyName": "p", "PolicyDocument": {**ALL, "Statement": statement}}
    contents = details(users=[user("ann", UserPolicyList=[own])])
    made = account(tmp_path, contents, credential_report=report(line("ann")))
    files = csv_files(made)
    assert "“Zugriff”" in files["findings.csv"]
    for name, text in files.items():
        assert text.startswith("\ufeff") == name.endswith(".csv")
