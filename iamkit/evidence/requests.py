"""
Every request to AWS whose response is evidence.

`REQUESTS` is all that the kit asks for, whether the responses come from AWS (`aws`) or from files
that the AWS CLI saved (`cli_files`): both fill the same files with the same shapes. A response that
is refused, fails or was not given is a *gap*: it stands in the manifest with its error code and
with what the reader cannot know without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iamkit.errors import SettingsError
from iamkit.values import instead


@dataclass(frozen=True, eq=False)
class Request:
    """One request: its API call, its file, the members kept, and what its absence means."""

    call: str  # as IAM policies write it
    file: str
    members: tuple[str, ...]  # of the answer; a saved file is recognised by them
    meaning: str
    none: str = ""  # the error code that means "there is none": an answer, not a gap
    key: str = ""  # of an entry of its list: what the entry is about
    parameters: Mapping[str, Any] = field(default_factory=dict)


CALLER: Final = Request(
    "sts:GetCallerIdentity",
    "caller_identity.json",
    ("Arn", "Account", "UserId"),
    "who collected the evidence is not recorded",
)

REPORT: Final = Request(
    "iam:GetCredentialReport",
    "credential_report.csv",
    ("Content", "GeneratedTime"),
    "passwords, access keys and MFA of users and of the root user are not known",
)

DETAILS: Final = Request(
    "iam:GetAccountAuthorizationDetails",
    "authorization_details.json",
    ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"),
    "groups, roles, policies and permissions are not known, or not completely",
)

SUMMARY: Final = Request(
    "iam:GetAccountSummary",
    "account_summary.json",
    ("SummaryMap",),
    "it cannot be checked whether the evidence contains every user, group, role and policy",
)

MFA: Final = Request(
    "iam:ListMFADevices",
    "mfa_devices.json",
    ("MFADevices",),
    "the kind of a user's MFA device is known only for virtual devices",
    key="UserName",
)

PROVIDERS: Final = Request(
    "iam:ListOpenIDConnectProviders",
    "open_id_connect_providers.json",
    ("OpenIDConnectProviderList",),
    "OpenID Connect providers are not known",
    key="Arn",
)

PROVIDER_DETAILS: Final = Request(
    "iam:GetOpenIDConnectProvider",
    "open_id_connect_details.json",
    (),
    "clients and thumbprints of OpenID Connect providers are not known",
)

ORGANIZATION: Final = Request(
    "organizations:DescribeOrganization",
    "organization.json",
    ("Organization",),
    "it is not known whether the account belongs to an organization",
    none="AWSOrganizationsNotInUseException",
)

ACCOUNTS: Final = Request(
    "organizations:ListAccounts",
    "organization_accounts.json",
    ("Accounts",),
    "the accounts of the organization are not known: besides its management account, only those "
    "that the settings name count as yours",
    none="AWSOrganizationsNotInUseException",
    key="Id",
)

CONTROL_POLICIES: Final = Request(
    "organizations:ListPoliciesForTarget",
    "service_control_policies.json",
    (),
    "service control policies are not known: actions that they deny are reported as allowed",
)

RESOURCE_POLICIES: Final = Request(
    "organizations:ListPoliciesForTarget",
    "resource_control_policies.json",
    (),
    "resource control policies are not known: actions that they deny are reported as allowed",
)

# Only the organization is asked for it: a snapshot without it has no gap for that.
IDENTITY_CENTER: Final = Request(
    "sso:ListAccountAssignments",
    "identity_center.json",
    ("PermissionSets",),
    "it is not known which people have the roles of IAM Identity Center",
)

ACCOUNT_ACCESS: Final = Request(
    "account-access:ListEntitlements",
    "account_access.json",
    ("entitlements",),
    "it is not known to which people account access manager gives roles",
)

LAST_ACCESSED: Final = Request(
    "iam:GetServiceLastAccessedDetails",
    "last_accessed.json",
    (),
    "it is not known which of its allowed services each identity uses",
)

ONE_CALL: Final = (
    SUMMARY,
    Request(
        "iam:GetAccountPasswordPolicy",
        "password_policy.json",
        ("PasswordPolicy",),
        "the rules for passwords are not known",
        none="NoSuchEntity",
    ),
    Request(
        "iam:ListAccountAliases",
        "account_aliases.json",
        ("AccountAliases",),
        "the account's alias is not known",
    ),
    Request(
        "iam:ListVirtualMFADevices",
        "virtual_mfa_devices.json",
        ("VirtualMFADevices",),
        "it is not known whether the root user's MFA device is virtual",
        key="SerialNumber",
    ),
    Request(
        "iam:ListServiceSpecificCredentials",
        "service_specific_credentials.json",
        ("ServiceSpecificCredentials",),
        "credentials for CodeCommit, Bedrock and CloudWatch are not known",
        parameters={"AllUsers": True},
        key="UserName",
    ),
    Request(
        "iam:ListServerCertificates",
        "server_certificates.json",
        ("ServerCertificateMetadataList",),
        "certificates stored in IAM are not known",
        key="Arn",
    ),
    Request(
        "iam:ListSAMLProviders",
        "saml_providers.json",
        ("SAMLProviderList",),
        "SAML providers are not known",
        key="Arn",
    ),
    PROVIDERS,
    Request(
        "iam:ListOrganizationsFeatures",
        "organizations_features.json",
        ("OrganizationId", "EnabledFeatures"),
        "it is not known whether root access is managed centrally",
        none="OrganizationNotFoundException",
    ),
    ORGANIZATION,
    ACCOUNTS,
    Request(
        "account:GetContactInformation",
        "contact_information.json",
        ("ContactInformation",),
        "the account's contact details are not known",
        none="ResourceNotFoundException",
    ),
    *(
        Request(
            "account:GetAlternateContact",
            f"{kind.lower()}_contact.json",
            ("AlternateContact",),
            f"the account's {kind.lower()} contact is not known",
            none="ResourceNotFoundException",
            parameters={"AlternateContactType": kind},
        )
        for kind in ("SECURITY", "OPERATIONS", "BILLING")
    ),
    Request(
        "access-analyzer:ListAnalyzers",
        "analyzers.json",
        ("analyzers",),
        "it is not known whether IAM Access Analyzer is active in this Region",
        key="arn",
    ),
)

REQUESTS: Final = (
    CALLER,
    REPORT,
    DETAILS,
    MFA,
    *ONE_CALL,
    PROVIDER_DETAILS,
    CONTROL_POLICIES,
    RESOURCE_POLICIES,
    LAST_ACCESSED,
)


def by_call(call: str) -> Request:
    """The first request that makes an API call."""
    return next(request for request in REQUESTS if request.call == call)


def by_file(file: str) -> Request:
    """The request whose answer a file holds, those that only an organization answers included."""
    every = (*REQUESTS, IDENTITY_CENTER, ACCOUNT_ACCESS)
    return next(request for request in every if request.file == file)


def named(name: str) -> Request:
    """
    The request whose evidence has a name: that of its file, without the ending.

    Raises `SettingsError` for a name that no evidence has, with what may have been meant.

    >>> named("credential_report").call
    'iam:GetCredentialReport'
    """
    known = {request.file.partition(".")[0]: request for request in REQUESTS}
    if name not in known:
        raise SettingsError(f"no evidence is named {name!r}; {instead(name, known)}")
    return known[name]
