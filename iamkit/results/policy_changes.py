"""Changes of policies: attached, inline, of trust, versions of managed ones, boundaries."""

from __future__ import annotations

import copy
import zlib
from dataclasses import field
from typing import Any

from iamkit.counts import counted
from iamkit.errors import ChangeError
from iamkit.evidence import requests
from iamkit.results.change import Change, Document, called, change
from iamkit.results.changed_evidence import KINDS, ChangedEvidence, characters, policies_of
from iamkit.values import as_dict, as_list


def _policy_name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _attached(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The list of managed policies of a user, group or role."""
    found: list[dict[str, Any]] = entry.setdefault("AttachedManagedPolicies", [])
    return found


@change
class AttachPolicy(Change):
    """Attach a managed policy to a user, group or role; done already, it changes nothing."""

    principal: str
    policy: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        kind, entry = evidence.principal(self.principal)
        _existing(evidence, self.policy)
        attached = _attached(entry)
        if any(each.get("PolicyArn") == self.policy for each in attached):
            return
        quota = f"AttachedPoliciesPer{kind}Quota"
        if len(attached) >= evidence.quota(quota):
            raise ChangeError(
                f"{called(self.principal)} has {counted(len(attached), 'policies')} (LimitExceeded)"
            )
        attached.append({"PolicyArn": self.policy, "PolicyName": _policy_name(self.policy)})
        evidence.counted(self.policy, "AttachmentCount", 1)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Attach {_policy_name(self.policy)} to {called(self.principal)}"


def _existing(evidence: ChangedEvidence, policy: str) -> None:
    """Raise `ChangeError` for a customer managed policy that does not exist."""
    if ":iam::aws:policy/" not in policy:  # the evidence has those of AWS only if attached
        evidence.policy(policy)


@change
class DetachPolicy(Change):
    """Take a managed policy off a user, group or role."""

    principal: str
    policy: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        _, entry = evidence.principal(self.principal)
        attached = _attached(entry)
        left = [each for each in attached if each.get("PolicyArn") != self.policy]
        if len(left) == len(attached):
            raise ChangeError(
                f"{_policy_name(self.policy)} is not on {called(self.principal)} (NoSuchEntity)"
            )
        entry["AttachedManagedPolicies"] = left
        evidence.counted(self.policy, "AttachmentCount", -1)
        evidence.keep_used_aws_policies()

    def __str__(self) -> str:
        """See `Change`."""
        return f"Detach {_policy_name(self.policy)} from {called(self.principal)}"


@change
class PutInlinePolicy(Change):
    """Write an inline policy of a user, group or role, in the place of one of that name."""

    principal: str
    name: str
    document: Document = field(hash=False)

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        kind, entry = evidence.principal(self.principal)
        inline = entry.setdefault(f"{kind}PolicyList", [])
        kept = [each for each in inline if as_dict(each).get("PolicyName") != self.name]
        others = sum(characters(as_dict(each).get("PolicyDocument")) for each in kept)
        evidence.check_size(self.document, f"{kind}PolicySizeQuota", others)
        made = {"PolicyName": self.name, "PolicyDocument": copy.deepcopy(dict(self.document))}
        at = next((n for n, each in enumerate(inline) if each not in kept), len(inline))
        entry[f"{kind}PolicyList"] = [*kept[:at], made, *kept[at:]]

    def __str__(self) -> str:
        """See `Change`."""
        return f"Write inline policy {self.name} of {called(self.principal)}"


@change
class DeleteInlinePolicy(Change):
    """Delete an inline policy of a user, group or role."""

    principal: str
    name: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        kind, entry = evidence.principal(self.principal)
        inline = as_list(entry.get(f"{kind}PolicyList"))
        kept = [each for each in inline if as_dict(each).get("PolicyName") != self.name]
        if len(kept) == len(inline):
            raise ChangeError(f"{called(self.principal)} has no {self.name} (NoSuchEntity)")
        entry[f"{kind}PolicyList"] = kept

    def __str__(self) -> str:
        """See `Change`."""
        return f"Delete inline policy {self.name} of {called(self.principal)}"


@change
class UpdateAssumeRolePolicy(Change):
    """Write a role's trust policy."""

    role: str
    document: Document = field(hash=False)

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        entry = evidence.entry("Role", self.role)
        evidence.check_size(self.document, "AssumeRolePolicySizeQuota")
        for statement in as_list(self.document.get("Statement")):
            named = as_dict(statement).get("Principal", as_dict(statement).get("NotPrincipal"))
            if not named or (isinstance(named, dict) and not all(named.values())):
                raise ChangeError(
                    f"a statement of the trust policy of {called(self.role)} names no principal "
                    "(MalformedPolicyDocument)"
                )
        entry["AssumeRolePolicyDocument"] = copy.deepcopy(dict(self.document))

    def __str__(self) -> str:
        """See `Change`."""
        return f"Write the trust policy of {called(self.role)}"


@change
class CreatePolicy(Change):
    """Make a customer managed policy, which is on nobody yet."""

    name: str
    document: Document = field(hash=False)

    def arn(self, evidence: ChangedEvidence) -> str:
        """The ARN that it gets."""
        return f"{evidence.prefix}policy/{self.name}"

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        arn = self.arn(evidence)
        details = as_dict(evidence.answer(requests.DETAILS.file))
        policies = details.setdefault("Policies", [])
        if any(as_dict(each).get("Arn") == arn for each in policies):
            raise ChangeError(f"there is a policy {self.name} already (EntityAlreadyExists)")
        evidence.check_size(self.document, "PolicySizeQuota")
        version = {
            "VersionId": "v1",
            "IsDefaultVersion": True,
            "CreateDate": evidence.now,
            "Document": copy.deepcopy(dict(self.document)),
        }
        policies.append(
            {
                "PolicyName": self.name,
                "PolicyId": new_id("ANPA", arn),
                "Arn": arn,
                "Path": "/",
                "DefaultVersionId": "v1",
                "AttachmentCount": 0,
                "PermissionsBoundaryUsageCount": 0,
                "IsAttachable": True,
                "CreateDate": evidence.now,
                "UpdateDate": evidence.now,
                "PolicyVersionList": [version],
            }
        )
        evidence.count("Policies", 1)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Make policy {self.name}"


def new_id(prefix: str, arn: str) -> str:
    """A unique id such as AWS gives to what is made, the same for the same ARN."""
    return f"{prefix}{zlib.crc32(arn.encode()):017d}"


@change
class CreatePolicyVersion(Change):
    """Write a customer managed policy: a new version that is in force; the old one is kept."""

    policy: str
    document: Document = field(hash=False)

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        policy = evidence.policy(self.policy)
        versions = as_list(policy.get("PolicyVersionList"))
        if len(versions) >= evidence.quota("VersionsPerPolicyQuota"):
            raise ChangeError(
                f"{called(self.policy)} has {len(versions)} versions: delete one first "
                "(LimitExceeded)"
            )
        evidence.check_size(self.document, "PolicySizeQuota")
        numbers = [str(as_dict(each).get("VersionId"))[1:] for each in versions]
        last = max((int(number) for number in numbers if number.isdigit()), default=0)
        name = f"v{last + 1}"
        for each in map(as_dict, versions):
            each["IsDefaultVersion"] = False
        made = {"VersionId": name, "IsDefaultVersion": True, "CreateDate": evidence.now}
        versions.insert(0, {**made, "Document": copy.deepcopy(dict(self.document))})
        policy |= {"DefaultVersionId": name, "UpdateDate": evidence.now}
        policy["PolicyVersionList"] = versions

    def __str__(self) -> str:
        """See `Change`."""
        return f"Write a new version of {called(self.policy)}"


@change
class DeletePolicyVersion(Change):
    """Delete a version of a customer managed policy that is not in force."""

    policy: str
    version_id: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        policy = evidence.policy(self.policy)
        if policy.get("DefaultVersionId") == self.version_id:
            raise ChangeError(
                f"{self.version_id} of {called(self.policy)} is in force (DeleteConflict)"
            )
        versions = as_list(policy.get("PolicyVersionList"))
        kept = [each for each in versions if as_dict(each).get("VersionId") != self.version_id]
        if len(kept) == len(versions):
            raise ChangeError(f"{called(self.policy)} has no {self.version_id} (NoSuchEntity)")
        policy["PolicyVersionList"] = kept

    def __str__(self) -> str:
        """See `Change`."""
        return f"Delete version {self.version_id} of {called(self.policy)}"


@change
class DeletePolicy(Change):
    """Delete a customer managed policy, with its versions, that is on nobody and bounds nobody."""

    policy: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        policy = evidence.policy(self.policy)
        holders = [
            each["Arn"] for _, each in evidence.principals() if self.policy in policies_of(each)
        ]
        counts = (policy.get("AttachmentCount"), policy.get("PermissionsBoundaryUsageCount"))
        if holders or any(counts):
            whose = f" of {called(str(holders[0]))}" if holders else ""
            raise ChangeError(
                f"{called(self.policy)} is attached, or a boundary{whose} (DeleteConflict)"
            )
        evidence.keep(
            requests.DETAILS.file, "Policies", lambda each: each.get("Arn") != self.policy
        )
        evidence.count("Policies", -1)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Delete {called(self.policy)}"


@change
class PutPermissionsBoundary(Change):
    """Set the permissions boundary of a user or role, in the place of any other."""

    principal: str
    policy: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        entry = _boundable(evidence, self.principal)
        _existing(evidence, self.policy)
        _unbound(evidence, entry)
        entry["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": self.policy,
        }
        evidence.counted(self.policy, "PermissionsBoundaryUsageCount", 1)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Set {_policy_name(self.policy)} as the boundary of {called(self.principal)}"


@change
class DeletePermissionsBoundary(Change):
    """Take the permissions boundary off a user or role."""

    principal: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        entry = _boundable(evidence, self.principal)
        if not entry.get("PermissionsBoundary"):
            raise ChangeError(f"{called(self.principal)} has no boundary (NoSuchEntity)")
        _unbound(evidence, entry)
        evidence.keep_used_aws_policies()

    def __str__(self) -> str:
        """See `Change`."""
        return f"Take the permissions boundary off {called(self.principal)}"


def _boundable(evidence: ChangedEvidence, principal: str) -> dict[str, Any]:
    """The entry of a user or role, which may have a boundary."""
    kind, entry = evidence.principal(principal)
    if kind not in (KINDS[0], KINDS[2]):
        raise ChangeError(f"{called(principal)} cannot have a permissions boundary")
    return entry


def _unbound(evidence: ChangedEvidence, entry: dict[str, Any]) -> None:
    old = as_dict(entry.pop("PermissionsBoundary", None)).get("PermissionsBoundaryArn")
    if old:
        evidence.counted(str(old), "PermissionsBoundaryUsageCount", -1)
