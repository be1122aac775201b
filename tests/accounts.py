"""Small accounts for tests: what differs from an empty one is what a test says."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from iamkit import Account, load
from iamkit.evidence import cli_files, responses, snapshot
from iamkit.evidence.requests import LAST_ACCESSED, REPORT, Request
from iamkit.evidence.responses import Response
from iamkit.evidence.snapshot import Snapshot
from iamkit.settings import Settings
from iamkit.tables.built_from import calls_of
from iamkit.tables.tables import AccountTables

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


@dataclass(frozen=True)
class Unwritten(Snapshot):
    """A snapshot that was never written: reading, writing and syncing it would take 30 ms."""

    files: Mapping[str, bytes]

    def bytes(self, name: str) -> bytes | None:
        return self.files.get(name)


def of_answers(
    answers: Sequence[Response],
    as_of: datetime = AS_OF,
    as_of_source: str = "the test",
    *,
    source: str = "files",
) -> Account:
    """An account whose evidence is these answers, as if they had been stored and loaded."""
    manifest, files = responses.contents(answers, source, as_of, as_of_source)
    held = snapshot.canonical(snapshot.listing(manifest, files))
    opened = Unwritten(Path("never written"), json.loads(held), sha256(held).hexdigest(), files)
    made = Account(opened, Settings())
    if as_of == AS_OF and files.get(REPORT.file) == report().encode():
        made.__dict__.update(_credentials_of_root())
    return made


@cache
def _credentials_of_root() -> dict[str, Any]:
    """The tables of the report that names nobody but root, which most small accounts have."""
    manifest = {"as_of": AS_OF.isoformat(), "gaps": []}
    opened = Unwritten(Path("root"), manifest, "", {REPORT.file: report().encode()})
    alone = Account(opened, Settings())
    return {name: getattr(alone, name) for name in ("credentials", "access_keys", "_report")}


def again(account: Account, **thresholds: Any) -> Account:
    """The same evidence loaded anew, with these settings."""
    return Account(account.snapshot, Settings().with_overrides(**thresholds))


@cache
def sources() -> dict[str, tuple[str, ...]]:
    """The AWS calls that each table of the evidence rests on, directly or through other tables."""
    tables = AccountTables.tables()
    return {
        name: tuple(sorted(calls_of(tables, [name, *table.optional])))
        for name, table in tables.items()
    }


def sharing(account: Account, other: Account, *differing: Request) -> Account:
    """
    The account with those tables of another made that rest on none of the differing answers.

    For properties: most tables of an example are those of every other example. The credential
    report must be the same, as any table may have rows of it.
    """
    calls = {evidence.call for evidence in differing}
    for name, asked in sources().items():
        if asked and not calls & set(asked):
            account.__dict__[name] = getattr(other, name)
    return account


def account(folder: Path, contents: dict[str, Any] | None = None, **files: Any) -> Account:
    """
    Import a credential report (text) and whatever else is given as `name=JSON`, and load it.

    `contents` are authorization details; without any, the account has no principals but root.
    Nothing is written but the files to import, in `folder`; see `written` for a snapshot on disk.
    """
    return of_answers(*cli_files.responses_in(_given(folder, contents, files), as_of=AS_OF))


def with_last_accessed(
    folder: Path, contents: dict[str, Any], jobs: dict[str, Any], **files: Any
) -> Account:
    """The same as `account`, with what each principal used last: a finished job by ARN."""
    answers, *rest = cli_files.responses_in(_given(folder, contents, files), as_of=AS_OF)
    used = Response(LAST_ACCESSED, responses.ResponseStatus.OK, jobs)
    return of_answers([*answers, used], *rest)


def written(folder: Path, contents: dict[str, Any] | None = None, **files: Any) -> Account:
    """The same as `account`, through a snapshot on disk."""
    given = _given(folder, contents, files)
    return load(cli_files.from_files(folder / "reports", given, as_of=AS_OF))


def _given(folder: Path, contents: dict[str, Any] | None, files: dict[str, Any]) -> Path:
    """A folder of files to import."""
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
    return given
