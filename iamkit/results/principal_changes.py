"""Changes of who there is: users, groups with their members, roles; and the password policy."""

from __future__ import annotations

import copy
from dataclasses import asdict, field
from typing import Any, Final

import pandas as pd

from iamkit.counts import counted
from iamkit.errors import ChangeError
from iamkit.evidence import requests
from iamkit.results.change import Change, Document, called, change
from iamkit.results.changed_evidence import ChangedEvidence
from iamkit.results.credential_changes import (
    SERVICE_CREDENTIALS,
    VIRTUAL_DEVICES,
    expire,
)
from iamkit.results.policy_changes import new_id
from iamkit.values import as_dict, as_list

PASSWORD_POLICY: Final = requests.by_call("iam:GetAccountPasswordPolicy")


@change
class DeleteUser(Change):
    """Delete a user with its credentials, devices and inline policies, as the console does."""

    user: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        entry = evidence.entry("User", self.user)
        arn, name = str(entry["Arn"]), entry.get("UserName")
        evidence.forget("User", entry)
        evidence.drop_line(arn)
        for file, member in (
            (requests.MFA.file, "MFADevices"),
            (SERVICE_CREDENTIALS.file, SERVICE_CREDENTIALS.members[0]),
        ):
            evidence.keep(file, member, lambda each: each.get("UserName") != name)
        evidence.keep(
            VIRTUAL_DEVICES.file,
            "VirtualMFADevices",
            lambda each: as_dict(each.get("User")).get("Arn") != arn,
        )
        as_dict(evidence.answer(requests.LAST_ACCESSED.file)).pop(arn, None)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Delete {called(self.user)}"


@change
class CreateRole(Change):
    """Make a role that may do nothing yet."""

    name: str
    trust: Document = field(hash=False)

    def arn(self, evidence: ChangedEvidence) -> str:
        """The ARN that it gets."""
        return f"{evidence.prefix}role/{self.name}"

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        roles = as_dict(evidence.answer(requests.DETAILS.file)).setdefault("RoleDetailList", [])
        if any(as_dict(each).get("RoleName") == self.name for each in roles):
            raise ChangeError(f"there is a role {self.name} already (EntityAlreadyExists)")
        evidence.check_size(self.trust, "AssumeRolePolicySizeQuota")
        roles.append(
            {
                "RoleName": self.name,
                "RoleId": new_id("AROA", self.arn(evidence)),
                "Arn": self.arn(evidence),
                "Path": "/",
                "CreateDate": evidence.now,
                "AssumeRolePolicyDocument": copy.deepcopy(dict(self.trust)),
                "InstanceProfileList": [],
                "RolePolicyList": [],
                "AttachedManagedPolicies": [],
                "RoleLastUsed": {},
            }
        )
        evidence.count("Roles", 1)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Make role {self.name}"


@change
class DeleteRole(Change):
    """Delete a role, taking its policies off and it out of its instance profiles first."""

    role: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        entry = evidence.entry("Role", self.role)
        evidence.forget("Role", entry)
        as_dict(evidence.answer(requests.LAST_ACCESSED.file)).pop(entry["Arn"], None)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Delete {called(self.role)}"


@change
class CreateGroup(Change):
    """Make a group without members and policies."""

    name: str

    def arn(self, evidence: ChangedEvidence) -> str:
        """The ARN that it gets."""
        return f"{evidence.prefix}group/{self.name}"

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        groups = as_dict(evidence.answer(requests.DETAILS.file)).setdefault("GroupDetailList", [])
        if any(as_dict(each).get("GroupName") == self.name for each in groups):
            raise ChangeError(f"there is a group {self.name} already (EntityAlreadyExists)")
        groups.append(
            {
                "GroupName": self.name,
                "GroupId": new_id("AGPA", self.arn(evidence)),
                "Arn": self.arn(evidence),
                "Path": "/",
                "CreateDate": evidence.now,
                "GroupPolicyList": [],
                "AttachedManagedPolicies": [],
            }
        )
        evidence.count("Groups", 1)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Make group {self.name}"


@change
class DeleteGroup(Change):
    """Delete a group without members, taking its policies off first."""

    group: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        entry = evidence.entry("Group", self.group)
        name = entry.get("GroupName")
        members = [u for u in evidence.entries("User") if name in as_list(u.get("GroupList"))]
        if members:
            raise ChangeError(f"group {name} has {len(members)} members (DeleteConflict)")
        evidence.forget("Group", entry)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Delete {called(self.group)}"


@change
class AddUserToGroup(Change):
    """Put a user into a group; done already, it changes nothing."""

    user: str
    group: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        user = evidence.entry("User", self.user)
        name = evidence.entry("Group", self.group)["GroupName"]
        groups = user.setdefault("GroupList", [])
        if name in groups:
            return
        if len(groups) >= evidence.quota("GroupsPerUserQuota"):
            raise ChangeError(
                f"{called(self.user)} is in {counted(len(groups), 'groups')} (LimitExceeded)"
            )
        groups.append(name)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Put {called(self.user)} into {called(self.group)}"


@change
class RemoveUserFromGroup(Change):
    """Take a user out of a group."""

    user: str
    group: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        user = evidence.entry("User", self.user)
        name = evidence.entry("Group", self.group)["GroupName"]
        groups = as_list(user.get("GroupList"))
        if name not in groups:
            raise ChangeError(f"{called(self.user)} is not in {called(self.group)} (NoSuchEntity)")
        user["GroupList"] = [each for each in groups if each != name]

    def __str__(self) -> str:
        """See `Change`."""
        return f"Take {called(self.user)} out of {called(self.group)}"


# The parameters of UpdateAccountPasswordPolicy, and the members of its answer.
RULES: Final = {
    "minimum_length": "MinimumPasswordLength",
    "symbols": "RequireSymbols",
    "numbers": "RequireNumbers",
    "uppercase": "RequireUppercaseCharacters",
    "lowercase": "RequireLowercaseCharacters",
    "users_may_change": "AllowUsersToChangePassword",
    "max_age": "MaxPasswordAge",
    "reuse_prevention": "PasswordReusePrevention",
    "hard_expiry": "HardExpiry",
}


@change
class UpdatePasswordPolicy(Change):
    """
    Set the account's password policy as a whole: what is left out is as AWS sets it by itself.

    `keeping` gives one that leaves the other rules as they are. Passwords older than `max_age` days
    expire at once.
    """

    minimum_length: int = 6
    symbols: bool = False
    numbers: bool = False
    uppercase: bool = False
    lowercase: bool = False
    users_may_change: bool = False
    max_age: int | None = None
    reuse_prevention: int | None = None
    hard_expiry: bool | None = None

    @classmethod
    def keeping(cls, password_policy: pd.DataFrame, **rules: Any) -> UpdatePasswordPolicy:
        """The policy that the table shows, with other values of some rules."""
        shown = password_policy.set_index("rule")["value"].to_dict()
        kept = {name: shown.get(member) for name, member in RULES.items()}
        return cls(**{**{name: each for name, each in kept.items() if each is not None}, **rules})

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        rules = {RULES[name]: value for name, value in asdict(self).items() if value is not None}
        expires = {"ExpirePasswords": self.max_age is not None}
        evidence.replace(PASSWORD_POLICY, {"PasswordPolicy": {**rules, **expires}})
        for line in evidence.report:
            expire(evidence, line)

    def __str__(self) -> str:
        """See `Change`."""
        asked = [name for name, value in asdict(self).items() if value is True]
        numbers = {"minimum length": self.minimum_length, "most days": self.max_age}
        numbers |= {"passwords remembered": self.reuse_prevention}
        said = [f"{name} {value}" for name, value in numbers.items() if value is not None]
        return f"Set the password policy: {', '.join([*said, *asked]).replace('_', ' ')}"


@change
class DeletePasswordPolicy(Change):
    """Delete the account's password policy, so that AWS's own holds."""

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        evidence.replace(PASSWORD_POLICY, {"PasswordPolicy": None})
        for line in evidence.report:
            expire(evidence, line)

    def __str__(self) -> str:
        """See `Change`."""
        return "Delete the account's password policy"
