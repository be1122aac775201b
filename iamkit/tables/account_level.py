"""
Tables that need little more than one answer of AWS: counters, devices, certificates, contacts.

A function takes the snapshot, or one of the lists of the authorization details, and gives a table.
An answer that the snapshot lacks gives an empty table, and `AccountTables.missing` says so. Where
AWS says that there is none (`Request.none`), the file is there and its members are null:
that is known. Whatever else stands where an answer should be keeps its row, with missing values.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import pandas as pd

from iamkit.evidence import Snapshot
from iamkit.table import objects, times
from iamkit.tables import schema
from iamkit.tables.frames import arns_by_name, column, lists_in, objects_in
from iamkit.values import as_count, as_dict, as_list, as_text

Devices: TypeAlias = dict[str, tuple[str | None, Any]]  # by serial number: owner and day

# IAM User Guide, "Set an account password policy": what holds where an account has none of its own.
PASSWORD_RULES: Final = (
    ("MinimumPasswordLength", 8, "shortest password, in characters"),
    ("RequireSymbols", False, "at least one symbol"),
    ("RequireNumbers", False, "at least one digit"),
    ("RequireUppercaseCharacters", False, "at least one upper-case letter"),
    ("RequireLowercaseCharacters", False, "at least one lower-case letter"),
    ("AllowUsersToChangePassword", False, "users may change their own password"),
    ("ExpirePasswords", False, "passwords expire"),
    ("MaxPasswordAge", None, "days until a password expires"),
    ("PasswordReusePrevention", None, "how many previous passwords may not be used again"),
    ("HardExpiry", None, "only an administrator can reset an expired password"),
)

# IAM API, ServiceSpecificCredentialMetadata: what its Status may be.
ACTIVE: Final = {"Active": True, "Inactive": False, "Expired": False}

# Account Management API: the primary contact, and the alternate ones with a file each.
CONTACTS: Final = {
    "account": ("contact_information.json", "ContactInformation"),
    "security": ("security_contact.json", "AlternateContact"),
    "operations": ("operations_contact.json", "AlternateContact"),
    "billing": ("billing_contact.json", "AlternateContact"),
}

# IAM API, ListOrganizationsFeatures: all there is to enable.
ROOT_FEATURES: Final = ("RootCredentialsManagement", "RootSessions")


# ── The account's own settings ───────────────────────────────────────────────────────────────────


def password_policy(snapshot: Snapshot) -> pd.DataFrame:
    """The password policy, rule by rule. Rows: see `schema.PASSWORD_POLICY`."""
    answer = snapshot.json("password_policy.json")
    if answer is None:
        return schema.PASSWORD_POLICY.rows()
    own = as_dict(as_dict(answer).get("PasswordPolicy"))
    return schema.PASSWORD_POLICY.rows(
        *(
            {
                "rule": rule,
                "value": _rule_value(own.get(rule)) if own else default,
                "origin": "account" if own else "AWS default",
                "meaning": meaning,
            }
            for rule, default, meaning in PASSWORD_RULES
        )
    )


def _rule_value(value: Any) -> Any:
    """What a rule says; None for a number that no rule can have."""
    return as_count(value) if type(value) is int else value


def summary(snapshot: Snapshot) -> pd.DataFrame:
    """Counters and quotas. Rows: see `schema.SUMMARY`."""
    counts = as_dict(as_dict(snapshot.json("account_summary.json")).get("SummaryMap"))
    return schema.SUMMARY.conform(
        pd.DataFrame(
            [(name, as_count(value)) for name, value in sorted(counts.items())],
            columns=["name", "value"],
        )
    )


def contacts(snapshot: Snapshot) -> pd.DataFrame:
    """
    Whom AWS can reach, a row for each kind of contact that was asked for and answered.

    A contact that is not set has a row that says so. Names, addresses and phone numbers stay in the
    evidence: who looks after security is all that a reader needs. Rows: see `schema.CONTACTS`.
    """
    rows = []
    for kind, (file, member) in CONTACTS.items():
        answer = snapshot.json(file)
        if answer is None:
            continue
        contact = as_dict(answer).get(member)
        present = False if contact is None else bool(as_dict(contact)) or None
        email = as_text(as_dict(contact).get("EmailAddress")) if kind == "security" else None
        rows.append({"kind": kind, "present": present, "email": email})
    return schema.CONTACTS.rows(*rows)


def organization(snapshot: Snapshot) -> pd.DataFrame:
    """
    The organization that the account belongs to: one row, or none if it belongs to none.

    Without the answer the table is empty too, and `Account.missing` says so. Rows: see
    `schema.ORGANIZATION`. Source: Organizations API, DescribeOrganization.
    """
    answer = as_dict(snapshot.json("organization.json")).get("Organization")
    if answer is None:
        return schema.ORGANIZATION.rows()
    own = as_dict(answer)
    manager = as_text(own.get("MasterAccountId"))
    return schema.ORGANIZATION.rows(
        {
            "organization_id": as_text(own.get("Id")),
            "management_account_id": manager,
            "is_management": None if manager is None else manager == snapshot.account_id,
            "features": as_text(own.get("FeatureSet")),
        }
    )


def organization_accounts(snapshot: Snapshot) -> pd.DataFrame:
    """
    Accounts of the organization; none outside of one. Rows: see `schema.ORGANIZATION_ACCOUNTS`.

    `State` is what AWS says today, `Status` what it said before; older answers have only that.
    Source: Organizations API, ListAccounts.
    """
    found = objects_in(snapshot, "organization_accounts.json", "Accounts")
    return schema.ORGANIZATION_ACCOUNTS.gather(
        pd.DataFrame(
            {
                "account_id": column(found, "Id"),
                "name": column(found, "Name"),
                "state": column(found, "State").fillna(column(found, "Status")),
                "joined": times(column(found, "JoinedTimestamp")),
            }
        )
    )


def root_management(snapshot: Snapshot) -> pd.DataFrame:
    """
    Which features of central root management are enabled, a row for each there is.

    Outside an organization none can be. Rows: see `schema.ROOT_MANAGEMENT`.
    Source: IAM User Guide, "Centrally manage root access for member accounts".
    """
    answer = snapshot.json("organizations_features.json")
    if answer is None:
        return schema.ROOT_MANAGEMENT.rows()
    said = as_dict(answer).get("EnabledFeatures")
    enabled = {feature for feature in as_list(said) if isinstance(feature, str)}
    readable = said is None or isinstance(said, list)
    features = [*ROOT_FEATURES, *sorted(enabled.difference(ROOT_FEATURES))]
    return schema.ROOT_MANAGEMENT.rows(
        *(
            {"feature": feature, "enabled": feature in enabled if readable else None}
            for feature in features
        )
    )


def analyzers(snapshot: Snapshot) -> pd.DataFrame:
    """Analyzers in the one region that was asked. Rows: see `schema.ANALYZERS`."""
    found = objects_in(snapshot, "analyzers.json", "analyzers")
    arns = column(found, "arn")
    return schema.ANALYZERS.gather(
        pd.DataFrame(
            {
                "analyzer_arn": arns,
                "name": column(found, "name"),
                "type": column(found, "type"),
                "status": column(found, "status"),
                "region": arns.str.extract(r"^arn:[^:]*:access-analyzer:([^:]+):", expand=False),
            }
        )
    )


# ── Credentials, devices, certificates and providers ─────────────────────────────────────────────


def mfa_devices(snapshot: Snapshot, users: pd.DataFrame) -> pd.DataFrame:
    """
    MFA devices of users and, if virtual, of root. Rows: see `schema.MFA_DEVICES`.

    No call lists a hardware device or passkey of root. If the summary counts an MFA of root's
    (`AccountMFAEnabled`) and no virtual one is here, it is one of those.
    """
    arns = arns_by_name(users)
    rows: Devices = {}
    for device in objects_in(snapshot, "mfa_devices.json", "MFADevices"):
        name = str(device.get("UserName"))
        rows.setdefault(str(device.get("SerialNumber")), (arns.get(name), device.get("EnableDate")))
    for serial, virtual in _virtual(snapshot).items():
        rows.setdefault(serial, virtual)
    return schema.MFA_DEVICES.gather(_devices(rows))


def virtual_mfa_devices(snapshot: Snapshot) -> pd.DataFrame:
    """Virtual MFA devices of users and of root. Rows: see `schema.VIRTUAL_MFA_DEVICES`."""
    return schema.VIRTUAL_MFA_DEVICES.gather(_devices(_virtual(snapshot)))


def _virtual(snapshot: Snapshot) -> Devices:
    rows: Devices = {}
    for device in objects_in(snapshot, "virtual_mfa_devices.json", "VirtualMFADevices"):
        owner = as_text(as_dict(device.get("User")).get("Arn"))
        rows.setdefault(str(device.get("SerialNumber")), (owner, device.get("EnableDate")))
    return rows


def _devices(rows: Devices) -> pd.DataFrame:
    """The columns of both tables of MFA devices."""
    serial = pd.Series(list(rows), dtype="str")
    arn = pd.Series([owner for owner, _ in rows.values()], dtype="str")
    kind = pd.Series("unknown", index=serial.index)
    kind = kind.mask(serial.str.fullmatch(r"[A-Za-z0-9-]+"), "hardware")
    kind = kind.mask(serial.str.contains(":mfa/"), "virtual")
    kind = kind.mask(serial.str.contains(":u2f/"), "passkey")
    return pd.DataFrame(
        {
            "serial": serial,
            "user_arn": arn,
            "user_name": arn.str.extract(r"/([^/]+)$", expand=False),
            "is_root": arn.str.endswith(":root").astype("boolean"),
            "kind": kind,
            "enabled": times([when for _, when in rows.values()]),
        }
    )


def service_credentials(snapshot: Snapshot, users: pd.DataFrame) -> pd.DataFrame:
    """
    Credentials that users have for single services. Rows: see `schema.SERVICE_CREDENTIALS`.

    An expiry that cannot be read counts as none, which errs towards "never expires".
    Source: IAM API, ListServiceSpecificCredentials.
    """
    found = objects_in(snapshot, "service_specific_credentials.json", "ServiceSpecificCredentials")
    names = column(found, "UserName")
    created = times(column(found, "CreateDate"))
    return schema.SERVICE_CREDENTIALS.gather(
        pd.DataFrame(
            {
                "user_arn": names.map(arns_by_name(users), na_action="ignore"),
                "user_name": names,
                "service": column(found, "ServiceName"),
                "credential_id": column(found, "ServiceSpecificCredentialId"),
                "active": column(found, "Status").map(ACTIVE).astype("boolean"),
                "created": created,
                "age_days": (pd.Timestamp(snapshot.as_of) - created).dt.days,
                "expires": times(column(found, "ExpirationDate")),
            }
        )
    )


def server_certificates(snapshot: Snapshot) -> pd.DataFrame:
    """TLS certificates that IAM stores. Rows: see `schema.SERVER_CERTIFICATES`."""
    found = objects_in(snapshot, "server_certificates.json", "ServerCertificateMetadataList")
    expires = times(column(found, "Expiration"))
    expired = (expires <= pd.Timestamp(snapshot.as_of)).astype("boolean")
    return schema.SERVER_CERTIFICATES.gather(
        pd.DataFrame(
            {
                "certificate_arn": column(found, "Arn"),
                "name": column(found, "ServerCertificateName"),
                "uploaded": times(column(found, "UploadDate")),
                "expires": expires,
                "expired": expired.mask(expires.isna()),
            }
        )
    )


def identity_providers(snapshot: Snapshot) -> pd.DataFrame:
    """
    SAML and OpenID Connect providers. Rows: see `schema.IDENTITY_PROVIDERS`.

    The answers that list OpenID Connect providers give their ARNs only. Clients, thumbprints and
    creation come from an answer for each, and are missing where there is none.
    """
    saml = objects_in(snapshot, "saml_providers.json", "SAMLProviderList")
    openid = objects_in(snapshot, "open_id_connect_providers.json", "OpenIDConnectProviderList")
    known = as_dict(snapshot.json("open_id_connect_details.json"))
    details = [as_dict(known.get(str(provider.get("Arn")))) for provider in openid]
    unknown = [None] * len(saml)
    prints = lists_in(details, "ThumbprintList")
    arns = column([*saml, *openid], "Arn")
    return schema.IDENTITY_PROVIDERS.gather(
        pd.DataFrame(
            {
                "provider_arn": arns,
                "kind": ["SAML"] * len(saml) + ["OIDC"] * len(openid),
                "name": arns.str.extract(r":(?:saml|oidc)-provider/(.+)$", expand=False),
                "created": times(column([*saml, *details], "CreateDate")),
                "expires": times(column(saml, "ValidUntil").reindex(arns.index)),
                "client_ids": objects(unknown + lists_in(details, "ClientIDList")),
                "thumbprints": objects(unknown + prints).str.len(),
            }
        )
    )


def last_accessed(snapshot: Snapshot) -> pd.DataFrame:
    """Services that principals may use, and last did. Rows: see `schema.LAST_ACCESSED`."""
    jobs = as_dict(snapshot.json("last_accessed.json"))
    pairs = [
        (arn, as_dict(service))
        for arn, job in jobs.items()
        for service in as_list(as_dict(job).get("ServicesLastAccessed"))
    ]
    services = [service for _, service in pairs]
    tracked = [as_list(each.get("TrackedActionsLastAccessed")) for each in services]
    return schema.LAST_ACCESSED.gather(
        pd.DataFrame(
            {
                "principal_arn": pd.Series([arn for arn, _ in pairs], dtype="str"),
                "service": column(services, "ServiceNamespace"),
                "service_name": column(services, "ServiceName"),
                "last_used": times(column(services, "LastAuthenticated")),
                "actions_used": objects(_tracked(each, used=True) for each in tracked),
                "actions_unused": objects(_tracked(each, used=False) for each in tracked),
            }
        )
    )


def _tracked(actions: list[Any], *, used: bool) -> list[str] | None:
    """The names of tracked actions that were used, or were not; None: AWS lists none."""
    named = [as_dict(each) for each in actions]
    return (
        [
            name
            for each in named
            if (name := as_text(each.get("ActionName")))
            and bool(each.get("LastAccessedTime")) is used
        ]
        if named
        else None
    )
