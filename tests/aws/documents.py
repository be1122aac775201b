"""
What AWS writes about an account: its credential report, and each entry of its details.

Functions of moto's models, without state. A member AWS leaves out when it has no value is
left out here too, since a collector that expects it must fail in a test and not on the day.

Sources: IAM User Guide, "Generate credential reports for your AWS account"; IAM API
Reference, GetAccountAuthorizationDetails.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from moto.iam import models as iam

REPORT_COLUMNS = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used"),
    *("password_last_changed", "password_next_rotation", "mfa_active"),
    *("access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date"),
    *("access_key_1_last_used_region", "access_key_1_last_used_service"),
    *("access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date"),
    *("access_key_2_last_used_region", "access_key_2_last_used_service"),
    *("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"),
)


@dataclass
class RootUser:
    """The root user, whom moto does not have."""

    created: datetime = datetime(2016, 5, 3, 9, 12, 44, tzinfo=UTC)
    password_enabled: str = "true"  # or "false", or "not_supported"
    password_last_used: datetime | None = None
    password_last_changed: datetime | None = None
    mfa_serial: str | None = None
    access_keys: list[iam.AccessKey] = field(default_factory=list)


def credential_report(backend: iam.IAMBackend, root: RootUser) -> str:
    """Return the report as CSV: the root user first, then users by name."""
    policy = backend.account_password_policy
    max_age = policy.max_password_age if policy else 0
    users = [user for _, user in sorted(backend.users.items())]
    rows = [_root_row(backend, root), *(_user_row(user, max_age) for user in users)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([REPORT_COLUMNS, *rows])
    return text.getvalue().rstrip("\n")


def _root_row(backend: iam.IAMBackend, root: RootUser) -> list[str]:
    return [
        *("<root_account>", f"arn:aws:iam::{backend.account_id}:root", _iso(root.created)),
        *(root.password_enabled, _iso(root.password_last_used, "no_information")),
        *(_iso(root.password_last_changed, "not_supported"), "not_supported"),
        _flag(root.mfa_serial),
        *_two(_key_columns, root.access_keys),
        *_two(_certificate_columns, ()),
    ]


def _user_row(user: iam.User, max_password_age: int) -> list[str]:
    return [
        *(user.name, user.arn, _iso(user.create_date)),
        *_password_columns(user, max_password_age),
        _flag(user.mfa_devices),
        *_two(_key_columns, user.access_keys),
        *_two(_certificate_columns, user.signing_certificates.values()),
    ]


def _two(columns, credentials: Iterable[Any]) -> list[str]:
    """Columns of the two slots a user has for a kind of credential."""
    return [cell for slot in [*credentials, None, None][:2] for cell in columns(slot)]


def _key_columns(key: iam.AccessKey | None) -> list[str]:
    if key is None:
        return ["false", "N/A", "N/A", "N/A", "N/A"]
    used = key.last_used
    last_used = [_iso(used.timestamp), used.region, used.service] if used else ["N/A"] * 3
    return [_flag(key.status == "Active"), _iso(key.create_date), *last_used]


def _certificate_columns(certificate: iam.SigningCertificate | None) -> list[str]:
    if certificate is None:
        return ["false", "N/A"]
    return [_flag(certificate.status == "Active"), _iso(certificate.upload_date)]


def _password_columns(user: iam.User, max_age: int) -> list[str]:
    if not user.password:
        return ["false", "N/A", "N/A", "N/A"]
    changed = getattr(user, "password_last_changed", user.create_date)
    rotation = changed + timedelta(days=max_age) if max_age else None
    return ["true", _iso(user.password_last_used, "no_information"), _iso(changed), _iso(rotation)]


def _iso(when: datetime | None, missing: str = "N/A") -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else missing


def _flag(condition: object) -> str:
    return "true" if condition else "false"


def user_detail(user: iam.User) -> dict[str, Any]:
    """Return an entry of UserDetailList."""
    boundary = _boundary(getattr(user, "permissions_boundary_arn", None), "Policy")
    return {
        "UserName": user.name,
        **_identity(user, "UserId"),
        "GroupList": user.group_list,
        "AttachedManagedPolicies": user.attached_managed_policies,
        **present(UserPolicyList=user.user_policy_list, PermissionsBoundary=boundary),
        **present(Tags=user.tags),
    }


def group_detail(group: iam.Group) -> dict[str, Any]:
    """Return an entry of GroupDetailList."""
    return {
        "GroupName": group.name,
        **_identity(group, "GroupId"),
        "GroupPolicyList": group.group_policy_list,
        "AttachedManagedPolicies": group.attached_managed_policies,
    }


def role_detail(role: iam.Role) -> dict[str, Any]:
    """Return an entry of RoleDetailList."""
    # AWS documents one word for the type of a boundary and sends another: both occur here.
    boundary = _boundary(role.permissions_boundary_arn, "PermissionsBoundaryPolicy")
    return {
        **_role(role),
        "InstanceProfileList": [_instance_profile(p) for p in role.instance_profile_list],
        "RolePolicyList": role.role_policy_list,
        "AttachedManagedPolicies": role.attached_managed_policies,
        "RoleLastUsed": present(**role.role_last_used),
        **present(PermissionsBoundary=boundary, Tags=role.tags),
    }


def policy_detail(policy: iam.ManagedPolicy, boundary_uses: int) -> dict[str, Any]:
    """Return an entry of Policies, with every version of the policy."""
    return {
        "PolicyName": policy.name,
        **_identity(policy, "PolicyId"),
        "DefaultVersionId": policy.default_version_id,
        "AttachmentCount": policy.attachment_count,
        "PermissionsBoundaryUsageCount": boundary_uses,
        "IsAttachable": True,
        "UpdateDate": policy.update_date,
        "PolicyVersionList": policy.policy_version_list,
        **present(Description=policy.description),
    }


def mfa_device(device: iam.MFADevice, user: str) -> dict[str, Any]:
    """Return an entry of MFADevices, where the serial number tells the kind of device."""
    dates = {"EnableDate": device.enable_date}
    return {"UserName": user, "SerialNumber": device.serial_number, **dates}


def virtual_mfa_device(device: iam.VirtualMfaDevice) -> dict[str, Any]:
    """Return an entry of VirtualMFADevices: until a device is assigned, its seed is in it."""
    entry = {"SerialNumber": device.serial_number}
    if device.user is None:
        seed, qr_code = device.base32_string_seed, device.qr_code_png
        return entry | {"Base32StringSeed": seed, "QRCodePNG": qr_code}
    user = {
        "UserName": device.user.name,
        **_identity(device.user, "UserId"),
        **present(PasswordLastUsed=device.user.password_last_used),
    }
    return entry | {"EnableDate": device.enable_date, "User": user}


def root_mfa_device(root: RootUser, account: str) -> dict[str, Any]:
    """Return root's entry of VirtualMFADevices: its user has no UserName."""
    user = {
        "Path": "/",
        "UserId": account,
        "Arn": f"arn:aws:iam::{account}:root",
        "CreateDate": root.created,
        **present(PasswordLastUsed=root.password_last_used),
    }
    return {"SerialNumber": root.mfa_serial, "EnableDate": root.created, "User": user}


def present(**members: Any) -> dict[str, Any]:
    """Return the members that have a value."""
    return {name: value for name, value in members.items() if value not in (None, [], "")}


def _identity(entity: Any, id_name: str) -> dict[str, Any]:
    return {
        "Path": entity.path,
        id_name: entity.id,
        "Arn": entity.arn,
        "CreateDate": entity.create_date,
    }


def _boundary(arn: str | None, kind: str) -> dict[str, str] | None:
    return {"PermissionsBoundaryType": kind, "PermissionsBoundaryArn": arn} if arn else None


def _role(role: iam.Role) -> dict[str, Any]:
    document = quote(role.assume_role_policy_document)
    identity = _identity(role, "RoleId")
    return {"RoleName": role.name, **identity, "AssumeRolePolicyDocument": document}


def _instance_profile(profile: iam.InstanceProfile) -> dict[str, Any]:
    roles = [_role(role) for role in profile.roles]
    identity = _identity(profile, "InstanceProfileId")
    return {"InstanceProfileName": profile.name, **identity, "Roles": roles}
