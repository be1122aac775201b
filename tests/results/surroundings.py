"""An account for the advice that is about contacts, federation, services, networks and grants."""

from pathlib import Path
from typing import Any

from iamkit import Account
from iamkit.evidence import snapshot
from tests.accounts import ACCOUNT, ARN, account, details, policy, report, role, user
from tests.results.advice import document

GITHUB = "token.actions.githubusercontent.com"
GRANTS = {
    "reads": ("secretsmanager:GetSecretValue", "*"),
    "keys": ("kms:*", "*"),
    "trails": ("cloudtrail:*", "*"),
    "buys": ("aws-marketplace:Subscribe", "*"),
    "jumps": ("sts:AssumeRole", "arn:aws:iam::*:role/*"),
    "whole": ("sqs:*", "*"),
    "makes-keys": ("iam:CreateAccessKey", "*"),
}
EXPORT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def allow(action: str, resource: Any, **more: Any) -> dict[str, Any]:
    return document({"Effect": "Allow", "Action": action, "Resource": resource} | more)


def trust(kind: str, who: str, **more: Any) -> dict[str, Any]:
    action = "sts:AssumeRoleWithWebIdentity" if kind == "Federated" else "sts:AssumeRole"
    return document({"Effect": "Allow", "Principal": {kind: who}, "Action": action} | more)


def on(*names: str) -> list[dict[str, str]]:
    return [{"PolicyName": name, "PolicyArn": f"{ARN}policy/{name}"} for name in names]


def surroundings(folder: Path) -> Account:
    """One finding of each kind, about something that nothing else is wrong with."""
    inside = {"IpAddress": {"aws:SourceIp": ["198.51.100.0/24", "10.0.0.0/8"]}}
    bound = {"PermissionsBoundaryArn": f"{ARN}policy/wide", "PermissionsBoundaryType": "Policy"}
    people = [
        user(name, AttachedManagedPolicies=on(name)) for name in GRANTS if name != "makes-keys"
    ]
    people += [
        user(
            "emergency",
            Tags=[{"Key": "break-glass", "Value": "yes"}],
            AttachedManagedPolicies=on("some"),
        ),
        user("bounded", AttachedManagedPolicies=on("some"), PermissionsBoundary=bound),
        user("office", AttachedManagedPolicies=on("from-office")),
        user("loose", AttachedManagedPolicies=on("if-mfa")),
    ]
    for_them = {"StringEquals": {"aws:SourceAccount": "999988887777"}}
    further = allow("sts:AssumeRole", "arn:aws:iam::444455556666:role/a")
    roles = [
        role("deploys", trust("Federated", f"{ARN}oidc-provider/{GITHUB}")),
        role(
            "of-gitlab",
            trust(
                "Federated",
                f"{ARN}oidc-provider/gitlab.com",
                Condition={
                    "StringEquals": {"gitlab.com:sub": "project_path:a/b:ref_type:branch:ref:main"}
                },
            ),
        ),
        role("notified", trust("Service", "sns.amazonaws.com", Condition=for_them)),
        role(
            "relay",
            trust(
                "AWS",
                "arn:aws:iam::999988887777:root",
                Condition={"StringEquals": {"sts:ExternalId": "x"}},
            ),
            RolePolicyList=[{"PolicyName": "on", "PolicyDocument": further}],
        ),
    ]
    policies = [
        *(policy(name, allow(*granted)) for name, granted in GRANTS.items()),
        policy("some", document(EXPORT)),
        policy("wide", allow("*", "*")),
        policy("from-office", allow("s3:GetObject", "*", Condition=inside)),
        policy(
            "if-mfa",
            allow(
                "s3:GetObject",
                "*",
                Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}},
            ),
        ),
    ]
    since, never = "2026-10-01T00:00:00Z", "N/A,N/A,N/A"
    line = (
        f"emergency,{ARN}user/emergency,2024-05-01T12:00:00Z,true,no_information,{since},N/A,true"
    )
    line += f",false,N/A,{never},false,N/A,{never},false,N/A,false,N/A"
    serial = f"{ARN}mfa/emergency"
    files: dict[str, Any] = {
        "credential_report": report(line),
        "mfa_devices": {
            "MFADevices": [{"UserName": "emergency", "SerialNumber": serial, "EnableDate": since}]
        },
        "virtual_mfa_devices": {
            "VirtualMFADevices": [{"SerialNumber": serial, "User": {"Arn": f"{ARN}user/emergency"}}]
        },
        "open_id_connect_providers": {
            "OpenIDConnectProviderList": [{"Arn": f"{ARN}oidc-provider/{GITHUB}"}]
        },
        "saml_providers": {"SAMLProviderList": []},
        "organization": {
            "Organization": {"Id": "o-1", "MasterAccountId": ACCOUNT, "FeatureSet": "ALL"}
        },
        "organization_accounts": {"Accounts": [{"Id": ACCOUNT, "Name": "ours"}]},
        "organizations_features": {"OrganizationId": "o-1", "EnabledFeatures": []},
        "contact_information": {"ContactInformation": None},
        "security_contact": {"AlternateContact": None},
        "analyzers": {"analyzers": []},
    }
    return without_security_contact(
        account(folder, details(people, None, roles, policies), **files)
    )


def without_security_contact(made: Account) -> Account:
    """The same account, as if AWS had said that it has none: no saved file can say of which."""
    opened = made.snapshot
    files = {name: opened.bytes(name) or b"" for name in opened.manifest["files"]}
    files["security_contact.json"] = b'{"AlternateContact": null}'
    gaps = [gap for gap in opened.manifest["gaps"] if "security contact" not in gap["meaning"]]
    manifest = {**opened.manifest, "gaps": gaps}
    return Account(snapshot.in_memory(manifest, files, opened.path), made.settings)
