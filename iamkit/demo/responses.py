"""
The demo company's account as AWS would have shown it at one time.

`company` says when everything was created, used and deleted. Here that becomes answers, with
exactly the members, placeholders and absences that AWS's own have.
"""

import base64
import hashlib
import zlib
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

ACCOUNT = "111122223333"
ALIAS = "example-corp"
Row = dict[str, Any]


@dataclass(frozen=True)
class CompanyHistory:
    """
    All users, groups, roles and policies of the demo company, by name.

    Each row says when it was created, used and deleted, in the form of `data/demo.yaml`.
    """

    date: datetime
    cast: Row
    users: dict[str, Row]
    groups: dict[str, Row]
    roles: dict[str, Row]
    policies: dict[str, Row]


_REPORT_HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,"
    "cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)

_ABSENT_WHEN_EMPTY = {"UserPolicyList", "PermissionsBoundary", "Tags"}
_ID_PREFIXES = {"User": "AIDA", "Group": "AGPA", "Role": "AROA"}
_ROOT = "<root_account>"


class AccountState:
    """The account as AWS shows it at one time: what has not happened yet is not there."""

    def __init__(self, history: CompanyHistory, at: datetime) -> None:
        """Show `history` at the time `at`, which is not after the history's date."""
        self.history, self.at = history, at
        kinds = (history.users, history.groups, history.roles)
        self.users, self.groups, self.roles = (
            {name: row for name, row in sorted(rows.items()) if self._exists(name, row)}
            for rows in kinds
        )
        self.policies = {
            name
            for name, row in history.policies.items()
            if "arn" in row or self._past(row["versions"][0][0], name)
        }
        existing = [*self.users.values(), *self.groups.values(), *self.roles.values()]
        self.attached = Counter(name for row in existing for name in self._attached(row))
        self.bounding = Counter(row["boundary"][1] for row in existing if self._boundary(row))

    def files(self) -> Row:
        """File name → answer, for everything that is asked of an account."""
        cast, details = self.history.cast, self._details()
        fixed = {
            name: {key: self._known(records) for key, records in answer.items()}
            for name, answer in cast["answers"].items()
        }
        virtual = fixed["virtual-mfa-devices.json"]["VirtualMFADevices"]
        root_mfa = any("root-account" in device["SerialNumber"] for device in virtual)
        devices = [device for name, row in self.users.items() for device in self._mfa(name, row)]
        other = 0
        for device in devices:
            name, date = device["UserName"], device["EnableDate"]
            if ":mfa/" in device["SerialNumber"]:
                user = self._head("User", name, self.users[name])
                virtual.append(
                    {"SerialNumber": device["SerialNumber"], "User": user, "EnableDate": date}
                )
            else:
                other += 1
        policies = [row for days, row in cast["password_policy"] if self._past(days, "policy")]
        customer = [policy for policy in details["Policies"] if ACCOUNT in policy["Arn"]]
        counts = {
            "Users": len(self.users),
            "Groups": len(self.groups),
            "Roles": len(self.roles),
            "InstanceProfiles": sum(bool(row.get("profile")) for row in self.roles.values()),
            "Policies": len(customer),
            "PolicyVersionsInUse": sum(len(policy["PolicyVersionList"]) for policy in customer),
            "MFADevices": len(virtual) + other,
            "MFADevicesInUse": len(devices) + root_mfa,
            "AccountMFAEnabled": int(root_mfa),
            "AccountAccessKeysPresent": int("true" in self._keys(_ROOT, cast["root"])),
            "ServerCertificates": sum(map(len, fixed["server-certificates.json"].values())),
            "Providers": sum(
                len(fixed[f"{kind}-providers.json"][f"{key}ProviderList"])
                for kind, key in (("saml", "SAML"), ("open-id-connect", "OpenIDConnect"))
            ),
        }
        return {
            "credential-report.json": self._report(root_mfa),
            "account-authorization-details.json": details,
            "account-summary.json": {"SummaryMap": cast["quotas"] | counts},
            "account-password-policy.json": {"PasswordPolicy": dict(policies[-1])},
            "account-aliases.json": {"AccountAliases": [ALIAS]},
            "mfa-devices.json": {"MFADevices": devices},
            **fixed,
        }

    # time

    def _time(self, days: int | str, *salt: str) -> datetime:
        """`days` before the history's date, in the working hours of that day; or the time given."""
        if isinstance(days, str):
            return datetime.fromisoformat(days)
        seconds = 12 * 3600 + zlib.crc32("/".join(salt).encode()) % (11 * 3600)
        return self.history.date - timedelta(days=days, seconds=seconds)

    def _past(self, days: int | str, *salt: str) -> bool:
        return self._time(days, *salt) <= self.at

    def _exists(self, name: str, row: Row) -> bool:
        gone = "gone" in row and self._past(row["gone"], name, "gone")
        return self._past(row["created"], name) and not gone

    def _event(self, name: str, row: Row, days: int | str, what: str) -> datetime:
        """When something happened to a user: seconds after the creation if on the same day."""
        created = self._time(row["created"], name) + timedelta(seconds=9)
        return created if days == row["created"] else max(created, self._time(days, name, what))

    def _last_use(self, days: int | None, since: datetime, *salt: str) -> datetime | None:
        """The last use so far; what was in use later was last used within the last five days."""
        if days is None:
            return None
        last = self._time(days, *salt, "used")
        if last > self.at:
            minutes = zlib.crc32("/".join((*salt, self.at.isoformat())).encode()) % (5 * 24 * 60)
            last = self.at - timedelta(minutes=minutes + 15)
        return min(max(last, since + timedelta(hours=1)), self.at)

    def _known(self, records: list[Row]) -> list[Row]:
        """Records with their days turned into dates, without those made later."""
        known = []
        for record in records:
            salt = record.get("UserName") or record.get("Arn", "")
            dated = {
                key: self._time(value, salt).isoformat() if isinstance(value, int) else value
                for key, value in record.items()
            }
            made = [
                dated[key] for key in ("CreateDate", "UploadDate", "EnableDate") if key in dated
            ]
            if all(datetime.fromisoformat(date) <= self.at for date in made):
                known.append(deepcopy(dated))
        return known

    # account authorization details

    def _details(self) -> dict[str, list[Row]]:
        """The answer of GetAccountAuthorizationDetails, its pages merged as the CLI does."""
        shown = sorted(
            name
            for name in self.policies
            if "arn" not in self.history.policies[name] or self.attached[name] + self.bounding[name]
        )
        return {
            "UserDetailList": [self._entity("User", *item) for item in self.users.items()],
            "GroupDetailList": [self._entity("Group", *item) for item in self.groups.items()],
            "RoleDetailList": [self._role(name, row) for name, row in self.roles.items()],
            "Policies": [self._policy(name, self.history.policies[name]) for name in shown],
        }

    def _head(self, kind: str, name: str, row: Row) -> Row:
        """How every user, group and role begins."""
        path = row.get("path", "/")
        return {
            "Path": path,
            f"{kind}Name": name,
            f"{kind}Id": _id(_ID_PREFIXES[kind], name),
            "Arn": f"arn:aws:iam::{ACCOUNT}:{kind.lower()}{path}{name}",
            "CreateDate": self._time(row["created"], name).isoformat(),
        }

    def _entity(self, kind: str, name: str, row: Row) -> Row:
        """What users, groups and roles have in common."""
        entity = {
            **self._head(kind, name, row),
            f"{kind}PolicyList": [
                {"PolicyName": policy, "PolicyDocument": _document(statements)}
                for policy, statements in row.get("inline", {}).items()
            ],
            "AttachedManagedPolicies": [
                {"PolicyName": policy, "PolicyArn": self._arn(policy)}
                for policy in self._attached(row)
            ],
            "PermissionsBoundary": self._boundary(row),
            "GroupList": [group for group in row.get("groups", []) if group in self.groups],
            "Tags": [
                {
                    "Key": key,
                    "Value": str(value if isinstance(value, str) else self._time(value).date()),
                }
                for key, value in row.get("tags", {}).items()
                if isinstance(value, str) or self._past(value)
            ],
        }
        absent = _ABSENT_WHEN_EMPTY | (set() if kind == "User" else {"GroupList"})
        return {key: item for key, item in entity.items() if item or key not in absent}

    def _role(self, name: str, row: Row) -> Row:
        entity = self._entity("Role", name, row)
        head = self._head("Role", name, row)
        action = {"Effect": "Allow", "Action": "sts:AssumeRole"}
        head["AssumeRolePolicyDocument"] = _document([action | part for part in row["trust"]])
        profile = {
            "Path": head["Path"],
            "InstanceProfileName": name,
            "InstanceProfileId": _id("AIPA", name),
            "Arn": head["Arn"].replace(":role/", ":instance-profile/"),
            "CreateDate": head["CreateDate"],
            "Roles": [deepcopy(head)],
        }
        used = self._last_use(row["used"], self._time(row["created"], name), name)
        tracked = used if used and self.at - used < timedelta(days=400) else None
        return {
            **entity,
            **head,
            "InstanceProfileList": [profile] if row.get("profile") else [],
            "RoleLastUsed": {"LastUsedDate": tracked.isoformat(), "Region": "eu-west-1"}
            if tracked
            else {},
        }

    def _attached(self, row: Row) -> list[str]:
        """The names of a row's managed policies that exist by now."""
        return [name for name in row.get("policies", []) if name in self.policies]

    def _boundary(self, row: Row) -> Row:
        kind, name = row.get("boundary", ("", ""))
        if name not in self.policies:
            return {}
        return {"PermissionsBoundaryType": kind, "PermissionsBoundaryArn": self._arn(name)}

    def _arn(self, policy: str) -> str:
        row = self.history.policies[policy]
        return str(row.get("arn") or f"arn:aws:iam::{ACCOUNT}:policy{row.get('path', '/')}{policy}")

    def _policy(self, name: str, row: Row) -> Row:
        """A managed policy: the versions so far, newest first; of AWS's own, the default only."""
        made = [(self._time(days, name), statements) for days, statements in row["versions"]]
        versions = [
            {
                "Document": _document(statements),
                "VersionId": f"v{number}",
                "IsDefaultVersion": False,
                "CreateDate": time.isoformat(),
            }
            for number, (time, statements) in enumerate(made, row.get("first", 1))
            if "arn" in row or time <= self.at
        ][::-1]
        versions[0]["IsDefaultVersion"] = True
        return {
            "PolicyName": name,
            "PolicyId": _id("ANPA", name),
            "Arn": self._arn(name),
            "Path": row.get("path", "/"),
            "DefaultVersionId": versions[0]["VersionId"],
            "AttachmentCount": self.attached[name],
            "PermissionsBoundaryUsageCount": self.bounding[name],
            "IsAttachable": True,
            "CreateDate": row.get("created") or versions[-1]["CreateDate"],
            "UpdateDate": versions[0]["CreateDate"],
            "PolicyVersionList": versions,
        }

    # credential report

    def _report(self, root_mfa: bool) -> Row:
        """The answer of GetCredentialReport, its table in base64."""
        root = self.history.cast["root"]
        used = self._last_use(root["password"][1], self._time(root["created"]), _ROOT)
        head = [_ROOT, f"arn:aws:iam::{ACCOUNT}:root", root["created"]]
        password = ["not_supported", _cell(used), "not_supported", "not_supported"]
        lines = [[*head, *password, _cell(root_mfa), *self._keys(_ROOT, root), *_cells(None, None)]]
        for name, row in self.users.items():
            user = self._head("User", name, row)
            certificate = self._event(name, row, row["cert"], "cert") if "cert" in row else None
            mfa = _cell(bool(self._mfa(name, row)))
            head = [name, user["Arn"], user["CreateDate"], *self._password(name, row), mfa]
            lines.append([*head, *self._keys(name, row), *_cells(certificate, None)])
        text = "\n".join([_REPORT_HEADER, *(",".join(line) for line in lines)]) + "\n"
        return {
            "Content": base64.b64encode(text.encode()).decode(),
            "ReportFormat": "text/csv",
            "GeneratedTime": self.at.isoformat(),
        }

    def _password(self, name: str, row: Row) -> list[str]:
        """The four password columns; before its last change a password changed every 85 days."""
        if "password" not in row:
            return ["false", "N/A", "N/A", "N/A"]
        changed, used = row["password"]
        while not self._past(changed, name, "password"):
            changed += 85
        last = self._last_use(used, self._time(row["created"], name), name, "password")
        when = min(self._event(name, row, changed, "password"), self.at)
        return ["true", _cell(last, "no_information"), _cell(when), "N/A"]

    def _keys(self, name: str, row: Row) -> list[str]:
        """The five columns of access key 1, then those of key 2."""
        slots = {1: ["false", *["N/A"] * 4], 2: ["false", *["N/A"] * 4]}
        uses = self.history.cast["last_uses"]
        for key in row.get("keys", []):
            slot = key.get("slot", 1)
            made = self._event(name, row, key["made"], f"key{slot}")
            ended = {
                end for end in ("inactive", "gone") if end in key and self._past(key[end], name)
            }
            if made <= self.at and "gone" not in ended:
                used = self._last_use(key["used"], made, name, f"key{slot}")
                place = uses[zlib.crc32(f"{name}{slot}".encode()) % len(uses)]
                cells = [_cell(not ended), _cell(made), _cell(used)]
                slots[slot] = [*cells, *(place if used else ["N/A", "N/A"])]
        return slots[1] + slots[2]

    def _mfa(self, name: str, row: Row) -> list[Row]:
        """The MFA devices that a user has now, as ListMFADevices gives them."""
        return [
            {
                "UserName": name,
                "SerialNumber": _serial(name, device["kind"]),
                "EnableDate": self._event(name, row, device["since"], "mfa").isoformat(),
            }
            for device in row.get("mfa", [])
            if self._event(name, row, device["since"], "mfa") <= self.at
            and not ("until" in device and self._past(device["until"], name, "lost"))
        ]


# ── AWS's spellings ────────────────────────────────────────────────────────────────────────────


def _cell(value: datetime | bool | None, missing: str = "N/A") -> str:
    """As the credential report writes a time, a truth or nothing."""
    if isinstance(value, datetime):
        return value.isoformat()
    return missing if value is None else str(value).lower()


def _cells(*certificates: datetime | None) -> list[str]:
    """The two columns of each signing certificate."""
    return [cell for made in certificates for cell in (_cell(made is not None), _cell(made))]


def _id(prefix: str, name: str) -> str:
    """A unique id in AWS's form, 21 characters, the same whenever the name is the same."""
    digest = hashlib.sha256(f"{prefix}/{name}".encode()).digest()
    return prefix + base64.b32encode(digest).decode()[:17]


def _serial(name: str, kind: str) -> str:
    """The serial number of an MFA device, whose form tells its kind."""
    forms = {
        "virtual": f"arn:aws:iam::{ACCOUNT}:mfa/{name}",
        "fido": f"arn:aws:iam::{ACCOUNT}:u2f/user/{name}/passkey-{_id('', name)}",
        "hardware": f"GAHT{zlib.crc32(name.encode()) % 10**8:08d}",
    }
    return forms[kind]


def _document(statements: list[Any]) -> Row:
    """A policy document; a list among the statements stands for its own statements."""
    parts = [part if isinstance(part, list) else [part] for part in statements]
    return {"Version": "2012-10-17", "Statement": deepcopy([x for part in parts for x in part])}
