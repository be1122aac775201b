"""Small accounts for tests: what differs from an empty one is what a test says."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iamkit import Account, load
from iamkit.evidence import cli_files

ACCOUNT = "012345678901"
ARN = f"arn:aws:iam::{ACCOUNT}:"
AS_OF = datetime(2026, 11, 1, 6, tzinfo=UTC)
HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,"
    "cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)
ROOT = (
    f"<root_account>,{ARN}root,2020-01-01T00:00:00+00:00,not_supported,no_information,"
    "not_supported,not_supported,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,"
    "false,N/A,false,N/A"
)


def user(name: str, **members: Any) -> dict[str, Any]:
    return {
        "Path": "/",
        "UserName": name,
        "UserId": f"AIDA{name.upper():X<17}"[:21],
        "Arn": f"{ARN}user/{name}",
        "CreateDate": "2024-05-01T12:00:00+00:00",
        "GroupList": [],
        "AttachedManagedPolicies": [],
        **members,
    }


def role(name: str, trust: Any, **members: Any) -> dict[str, Any]:
    return {
        "Path": "/",
        "RoleName": name,
        "RoleId": f"AROA{name.upper():X<17}"[:21],
        "Arn": f"{ARN}role/{name}",
        "CreateDate": "2024-05-01T12:00:00+00:00",
        "AssumeRolePolicyDocument": trust,
        "InstanceProfileList": [],
        "RolePolicyList": [],
        "AttachedManagedPolicies": [],
        "RoleLastUsed": {},
        **members,
    }


def group(name: str, **members: Any) -> dict[str, Any]:
    return {
        "Path": "/",
        "GroupName": name,
        "GroupId": f"AGPA{name.upper():X<17}"[:21],
        "Arn": f"{ARN}group/{name}",
        "CreateDate": "2024-05-01T12:00:00+00:00",
        "GroupPolicyList": [],
        "AttachedManagedPolicies": [],
        **members,
    }


def policy(name: str, document: Any, **members: Any) -> dict[str, Any]:
    return {
        "PolicyName": name,
        "PolicyId": f"ANPA{name.upper():X<17}"[:21],
        "Arn": f"{ARN}policy/{name}",
        "Path": "/",
        "DefaultVersionId": "v1",
        "AttachmentCount": 0,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": "2024-05-01T12:00:00+00:00",
        "UpdateDate": "2024-05-01T12:00:00+00:00",
        "PolicyVersionList": [
            {"Document": document, "VersionId": "v1", "IsDefaultVersion": True},
        ],
        **members,
    }


def details(
    users: list[Any] | None = None,
    groups: list[Any] | None = None,
    roles: list[Any] | None = None,
    policies: list[Any] | None = None,
) -> dict[str, Any]:
    return {
        "UserDetailList": users or [],
        "GroupDetailList": groups or [],
        "RoleDetailList": roles or [],
        "Policies": policies or [],
    }


def report(*lines: str) -> str:
    return "\n".join([HEADER, ROOT, *lines])


def account(folder: Path, contents: dict[str, Any] | None = None, **files: Any) -> Account:
    """
    Import a credential report (text) and whatever else is given as `name=JSON`, and load it.

    `contents` are authorization details; without any, the account has no principals but root.
    """
    given = folder / "given"
    given.mkdir()
    csv = files.pop("credential_report", report())
    if csv is not None:
        saved_report = {
            "Content": base64.b64encode(csv.encode()).decode(),
            "ReportFormat": "text/csv",
            "GeneratedTime": AS_OF.isoformat(),
        }
        (given / "credential_report.json").write_text(json.dumps(saved_report))
    whole = details() if contents is None else contents
    (given / "authorization_details.json").write_text(json.dumps(whole))
    for name, value in files.items():
        (given / f"{name}.json").write_text(json.dumps(value))
    return load(cli_files.from_files(folder / "reports", given, as_of=AS_OF))
