"""Changes of credentials: access keys, passwords, MFA devices, certificates and others."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from typing import Any, Final

from iamkit.errors import ChangeError
from iamkit.evidence import ROOT_NAME, parse_time, requests, snapshot
from iamkit.results.change import Change, change
from iamkit.results.changed_evidence import ChangedEvidence
from iamkit.values import as_count, as_dict, as_text

NONE: Final = "N/A"  # what the credential report writes where there is nothing
SLOTS: Final = (1, 2)
PASSKEY, HARDWARE, VIRTUAL = "passkey", "hardware", "virtual"  # kinds of MFA devices
VIRTUAL_DEVICES: Final = requests.by_call("iam:ListVirtualMFADevices")
SERVICE_CREDENTIALS: Final = requests.by_call("iam:ListServiceSpecificCredentials")
CERTIFICATES: Final = requests.by_call("iam:ListServerCertificates")


def _name(user: str) -> str:
    """What to call a user, or root, in a sentence."""
    root = user == ROOT_NAME or user.endswith(":root")
    return "the root user" if root else f"user {user.rpartition('/')[2]}"


def _is_root(line: dict[str, Any]) -> bool:
    return bool(line.get("user") == ROOT_NAME)


def _key(line: dict[str, Any], slot: int) -> bool:
    """Whether a slot holds an access key."""
    active = line.get(f"access_key_{slot}_active", "").lower() == "true"
    return active or line.get(f"access_key_{slot}_last_rotated", NONE) not in ("", NONE)


def _existing(evidence: ChangedEvidence, user: str, slot: int) -> dict[str, Any]:
    """The line of a user who has a key in a slot."""
    line = evidence.line(user)
    if not _key(line, slot):
        raise ChangeError(f"{_name(user)} has no access key {slot} (NoSuchEntity)")
    return line


def _count_keys_of_root(evidence: ChangedEvidence, line: dict[str, Any]) -> None:
    if _is_root(line):
        evidence.flag("AccountAccessKeysPresent", on=any(_key(line, slot) for slot in SLOTS))


@change
class CreateAccessKey(Change):
    """Make a new access key, in the first slot that is free; it is not used yet."""

    user: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        line = evidence.line(self.user)
        free = [slot for slot in SLOTS if not _key(line, slot)]
        if not free:
            raise ChangeError(f"{_name(self.user)} has two access keys (LimitExceeded)")
        slot = f"access_key_{free[0]}_"
        line |= {slot + "active": "true", slot + "last_rotated": evidence.now}
        line |= {slot + f"last_used_{what}": NONE for what in ("date", "region", "service")}
        _count_keys_of_root(evidence, line)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Make a new access key for {_name(self.user)}"


@change
class DeactivateAccessKey(Change):
    """Set an access key inactive: nobody can use it, and it can be made active again."""

    user: str
    slot: int = field(metadata={"among": SLOTS})

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        line = _existing(evidence, self.user, self.slot)
        line[f"access_key_{self.slot}_active"] = "false"

    def __str__(self) -> str:
        """See `Change`."""
        return f"Deactivate access key {self.slot} of {_name(self.user)}"


@change
class DeleteAccessKey(Change):
    """Delete an access key, which cannot be undone."""

    user: str
    slot: int = field(metadata={"among": SLOTS})

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        line = _existing(evidence, self.user, self.slot)
        slot = f"access_key_{self.slot}_"
        line |= {slot + "active": "false", slot + "last_rotated": NONE}
        line |= {slot + f"last_used_{what}": NONE for what in ("date", "region", "service")}
        _count_keys_of_root(evidence, line)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Delete access key {self.slot} of {_name(self.user)}"


@change
class DeleteLoginProfile(Change):
    """Remove a console password; the user and its keys stay."""

    user: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        line = evidence.line(self.user)
        if line.get("password_enabled", "").lower() == "false":
            raise ChangeError(f"{_name(self.user)} has no password (NoSuchEntity)")
        line |= {"password_enabled": "false"}
        if _is_root(line):
            evidence.flag("AccountPasswordPresent", on=False)
            return
        cells = ("password_last_used", "password_last_changed", "password_next_rotation")
        line |= dict.fromkeys(cells, NONE)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Remove the password of {_name(self.user)}"


@change
class ChangePassword(Change):
    """Have a password changed, today."""

    user: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        line = evidence.line(self.user)
        if not _is_root(line) and line.get("password_enabled", "").lower() != "true":
            raise ChangeError(f"{_name(self.user)} has no password (NoSuchEntity)")
        line["password_last_changed"] = evidence.now
        expire(evidence, line)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Have the password of {_name(self.user)} changed"


def expire(evidence: ChangedEvidence, line: dict[str, Any]) -> None:
    """Set when a password expires, by the password policy that is in the evidence."""
    policy = as_dict(as_dict(evidence.answer("password_policy.json")).get("PasswordPolicy"))
    days = as_count(policy.get("MaxPasswordAge")) or 0
    changed = line.get("password_last_changed", NONE)
    if _is_root(line) or line.get("password_enabled", "").lower() != "true":
        return
    try:
        due = parse_time(changed) + timedelta(days=days)
    except ValueError:
        return
    line["password_next_rotation"] = snapshot.format_time(due) if days else NONE


@change
class EnableMFADevice(Change):
    """Register an MFA device: a passkey, a hardware token or a virtual device."""

    user: str
    kind: str = field(default=PASSKEY, metadata={"among": (PASSKEY, HARDWARE, VIRTUAL)})

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        line = evidence.line(self.user)
        line["mfa_active"] = "true"
        name = str(line["user"])
        if _is_root(line):
            evidence.flag("AccountMFAEnabled", on=True)
            evidence.enabled.add(str(line["arn"]))
            name = "root-account-mfa-device"
        serial = {
            PASSKEY: f"{evidence.prefix}u2f/user/{name}/new",
            HARDWARE: "NEW0000000",
            VIRTUAL: f"{evidence.prefix}mfa/{name}-new",
        }[self.kind]
        device = {"SerialNumber": serial, "EnableDate": evidence.now}
        owned = as_dict(evidence.answer(requests.MFA.file)).get("MFADevices")
        if isinstance(owned, list) and not _is_root(line):
            owned.append({**device, "UserName": name})
        virtual = as_dict(evidence.answer(VIRTUAL_DEVICES.file)).get("VirtualMFADevices")
        if isinstance(virtual, list) and self.kind == VIRTUAL:
            virtual.append({**device, "User": {"Arn": line["arn"]}})

    def __str__(self) -> str:
        """See `Change`."""
        kinds = {PASSKEY: "a passkey", HARDWARE: "a hardware token", VIRTUAL: "a virtual device"}
        return f"Register {kinds[self.kind]} for {_name(self.user)}"


@change
class DeactivateMFADevice(Change):
    """
    Remove an MFA device from a user, or a virtual one from root, by its serial number.

    No list shows a passkey or hardware token of root's, so root counts as without MFA afterwards,
    unless one is registered by an earlier change of the same `what_if`.
    """

    user: str
    serial: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        line = evidence.line(self.user)
        before = self._devices(evidence, line)
        if self.serial not in before:
            raise ChangeError(f"{_name(self.user)} has no device {self.serial} (NoSuchEntity)")
        for file, member in (
            (requests.MFA.file, "MFADevices"),
            (VIRTUAL_DEVICES.file, "VirtualMFADevices"),
        ):
            evidence.keep(file, member, lambda each: each.get("SerialNumber") != self.serial)
        if before == {self.serial} and line["arn"] not in evidence.enabled:
            line["mfa_active"] = "false"
            if _is_root(line):
                evidence.flag("AccountMFAEnabled", on=False)

    def _devices(self, evidence: ChangedEvidence, line: dict[str, Any]) -> set[str]:
        """Serial numbers of all that the evidence lists of the user's."""
        owned = evidence.members(requests.MFA.file, "MFADevices")
        virtual = evidence.members(VIRTUAL_DEVICES.file, "VirtualMFADevices")
        found = [each for each in owned if each.get("UserName") == line["user"]]
        found += [each for each in virtual if as_dict(each.get("User")).get("Arn") == line["arn"]]
        return {str(as_text(each.get("SerialNumber"))) for each in found}

    def __str__(self) -> str:
        """See `Change`."""
        return f"Remove MFA device {self.serial.rpartition('/')[2]} of {_name(self.user)}"


@change
class DeactivateSigningCertificates(Change):
    """Set all signing certificates of a user, or of root, inactive."""

    user: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        line = evidence.line(self.user)
        line |= {f"cert_{slot}_active": "false" for slot in SLOTS}
        if _is_root(line):
            evidence.flag("AccountSigningCertificatesPresent", on=False)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Deactivate the signing certificates of {_name(self.user)}"


def _service_credential(evidence: ChangedEvidence, credential_id: str) -> dict[str, Any]:
    for each in evidence.members(SERVICE_CREDENTIALS.file, SERVICE_CREDENTIALS.members[0]):
        if each.get("ServiceSpecificCredentialId") == credential_id:
            return each
    raise ChangeError(f"there is no service-specific credential {credential_id} (NoSuchEntity)")


@change
class DeactivateServiceSpecificCredential(Change):
    """Set a credential for one service inactive; it can be made active again."""

    credential_id: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        _service_credential(evidence, self.credential_id)["Status"] = "Inactive"

    def __str__(self) -> str:
        """See `Change`."""
        return f"Deactivate service-specific credential {self.credential_id}"


@change
class DeleteServiceSpecificCredential(Change):
    """Delete a credential for one service."""

    credential_id: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        gone = _service_credential(evidence, self.credential_id)
        evidence.keep(
            SERVICE_CREDENTIALS.file, SERVICE_CREDENTIALS.members[0], lambda each: each != gone
        )

    def __str__(self) -> str:
        """See `Change`."""
        return f"Delete service-specific credential {self.credential_id}"


@change
class DeleteServerCertificate(Change):
    """Delete a TLS certificate that IAM stores."""

    certificate_arn: str

    def apply(self, evidence: ChangedEvidence) -> None:
        """See `Change.apply`."""
        member = CERTIFICATES.members[0]
        stored = evidence.members(CERTIFICATES.file, member)
        if all(each.get("Arn") != self.certificate_arn for each in stored):
            raise ChangeError(f"there is no certificate {self.certificate_arn} (NoSuchEntity)")
        evidence.keep(
            CERTIFICATES.file, member, lambda each: each.get("Arn") != self.certificate_arn
        )
        evidence.count("ServerCertificates", -1)

    def __str__(self) -> str:
        """See `Change`."""
        return f"Delete server certificate {self.certificate_arn.rpartition('/')[2]}"
