"""
Who and what is in the company: its users, groups, policies and roles, as plain data.

Each member of `CAST` stands for one thing an audit should see, and so do the roles and the
policies. `crowd` fills the account to any size with users of no interest. Ages are in days.
"""

import json
from dataclasses import dataclass, field
from random import Random

from tests.aws.account import ACCOUNT

MANAGEMENT_ACCOUNT = "210987654321"
MONITORING_VENDOR, BACKUP_VENDOR = "333344445555", "444455556666"
NIGHT_USER = "zoe,night=ops@example.com"  # commas are allowed in names and need quotes in CSV


@dataclass(frozen=True)
class Key:
    """An access key, created and last used so many days ago; `used` None is never."""

    created: int
    used: int | None
    active: bool = True
    service: str = "s3"


@dataclass(frozen=True)
class User:
    """A user; `password` and `signed_in` are days ago, None is no password and never."""

    name: str
    created: int
    groups: tuple[str, ...] = ()
    password: int | None = None
    signed_in: int | None = None
    mfa: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    policies: tuple[str, ...] = ()
    inline: dict[str, str] = field(default_factory=dict)
    boundary: str | None = None
    certificate: int | None = None
    path: str = "/"


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(*actions: str, resource: str = "*", **elements: object) -> dict:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **elements}


def trust(principal: dict, action: str = "sts:AssumeRole", **condition: dict) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return document(statement | ({"Condition": condition} if condition else {}))


S3_OF_TEAM = document(allow("s3:*", resource="arn:aws:s3:::example-team-*/*"))
CUSTOMER_POLICIES = {
    "RequireMFA": document(
        {
            "Sid": "DenyAllExceptListedIfNoMFA",
            "Effect": "Deny",
            "NotAction": [
                *("iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:GetUser"),
                *("iam:ListMFADevices", "iam:ListVirtualMFADevices", "iam:ResyncMFADevice"),
                "sts:GetSessionToken",
            ],
            "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        }
    ),
    "OfficeNetworksOnly": document(
        {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {
                "NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"]},
                "Bool": {"aws:ViaAWSService": "false"},
            },
        }
    ),
    "DeveloperBoundary": document(allow("s3:*", "dynamodb:*", "lambda:*", "logs:*")),
    "PassAnyRole": document(allow("iam:PassRole", "ec2:RunInstances")),
    "PolicyEditor": document(allow("iam:CreatePolicyVersion", "iam:AttachUserPolicy")),
    "Everything": document(allow("*")),
    "Unused": document(allow("*")),
}
GROUPS = {
    "Admins": ("AdministratorAccess", "OfficeNetworksOnly"),
    "Auditors": ("SecurityAudit", "job-function/ViewOnlyAccess"),
    "Billing": ("job-function/Billing",),
    "CI": (),
    "Developers": ("PowerUserAccess", "RequireMFA"),
    "Empty": ("IAMFullAccess",),
    "Operations": ("Everything",),
}
GITHUB = "token.actions.githubusercontent.com"
GITHUB_PROVIDER = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"}
SAML_PROVIDER = {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/Directory"}
ROLES = {  # name: trust policy, managed policies, days since it was last used
    "app-server": (trust({"Service": "ec2.amazonaws.com"}), ("AmazonS3ReadOnlyAccess",), 1),
    "order-lambda": (
        trust({"Service": "lambda.amazonaws.com"}),
        ("service-role/AWSLambdaBasicExecutionRole",),
        0,
    ),
    "vendor-monitoring": (
        trust({"AWS": f"arn:aws:iam::{MONITORING_VENDOR}:root"}),
        ("ReadOnlyAccess",),
        140,
    ),
    "vendor-backup": (
        trust({"AWS": BACKUP_VENDOR}, StringEquals={"sts:ExternalId": "b7f3-example"}),
        ("ReadOnlyAccess",),
        2,
    ),
    "github-any-branch": (
        trust(
            GITHUB_PROVIDER,
            "sts:AssumeRoleWithWebIdentity",
            StringLike={f"{GITHUB}:sub": "repo:example/*"},
        ),
        ("PowerUserAccess",),
        3,
    ),
    "github-release": (
        trust(
            GITHUB_PROVIDER,
            "sts:AssumeRoleWithWebIdentity",
            StringEquals={
                f"{GITHUB}:aud": "sts.amazonaws.com",
                f"{GITHUB}:sub": "repo:example/shop:ref:refs/heads/main",
            },
        ),
        ("PassAnyRole",),
        10,
    ),
    "directory-admin": (
        trust(
            SAML_PROVIDER,
            "sts:AssumeRoleWithSAML",
            StringEquals={"SAML:aud": "https://signin.aws.amazon.com/saml"},
        ),
        ("AdministratorAccess",),
        0,
    ),
    "security-audit": (trust({"AWS": MANAGEMENT_ACCOUNT}), ("SecurityAudit",), 0),
    "support": (
        trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        ("AWSSupportAccess", "AWSCloudShellFullAccess"),
        None,
    ),
}

CAST = (
    # administrators: as it should be, without MFA, and through a customer's own *:*
    User("ana.silva", 1500, ("Admins",), password=40, signed_in=1, mfa=("virtual",)),
    User("ben.okafor", 900, ("Admins",), password=80, signed_in=3),
    User("carla.jensen", 700, ("Operations",), password=30, signed_in=0),
    # hardware MFA and an old key; never signed in; two MFA devices; a passkey
    User("dev.patel", 650, ("Developers",), 20, 0, ("totp",), (Key(500, 2), Key(30, 1))),
    User("eve.martin", 400, ("Developers",), password=400),
    User("farid.haddad", 380, ("Developers",), 10, 1, ("virtual", "fido"), (Key(80, 4),)),
    User("gina.rossi", 1200, ("Auditors",), password=130, signed_in=2, mfa=("fido",)),
    # left long ago; for emergencies only; fenced in; nothing at all
    User("hugo.weber", 1100, ("Billing",), 600, 210, (), (Key(1000, 220),)),
    User("break-glass", 800, (), 800, None, ("totp",), policies=("AdministratorAccess",)),
    User(
        "contractor",
        60,
        password=60,
        signed_in=5,
        inline={"team-bucket": S3_OF_TEAM},
        boundary="DeveloperBoundary",
    ),
    User("intern", 15),
    # could make themselves administrators
    User("policy-editor", 300, (), 12, 1, ("virtual",), policies=("PolicyEditor",)),
    User("role-passer", 300, (), 12, 1, ("virtual",), policies=("PassAnyRole",)),
    # services: old key in use, never used, two keys, first inactive and second stale
    User("svc-ci", 900, ("CI",), keys=(Key(400, 0, service="cloudformation"),), path="/service/"),
    User("svc-etl", 700, ("CI",), keys=(Key(700, None),), path="/service/"),
    User("svc-backup", 800, keys=(Key(200, 1), Key(20, None)), path="/service/"),
    User("svc-metrics", 600, keys=(Key(590, 300, active=False), Key(300, 200)), path="/service/"),
    # no key but a service-specific credential; only inactive credentials
    User("svc-mail", 500, path="/service/"),
    User("svc-legacy", 2500, keys=(Key(2500, 700, active=False),), certificate=2400),
    # a name that CSV has to quote
    User(NIGHT_USER, 90, ("Developers",), password=5, signed_in=None, mfa=("virtual",)),
)


def crowd(size: int) -> list[User]:
    """Ordinary users: people with a password and usually MFA, and a service in four."""
    random = Random(size)
    users = []
    for number in range(size):
        created = random.choice((20, 60, 120, 250, 400, 700))
        key = Key(random.randint(1, created), random.choice((None, 0, 1)))
        if number % 4 == 3:
            name = f"svc-{random.choice(('web', 'batch', 'mirror'))}-{number:03d}"
            users.append(User(name, created, ("CI",), keys=(key,), path="/service/"))
            continue
        name = f"{random.choice(('alex', 'bo', 'chris', 'dana', 'eli'))}.{number:03d}"
        group = random.choice(("Developers", "Developers", "Auditors", "Billing"))
        changed = random.randint(1, min(created, 90))
        mfa = ("virtual",) if random.random() < 0.8 else ()
        keys = (key,) if random.random() < 0.3 else ()
        users.append(User(name, created, (group,), changed, random.randint(0, changed), mfa, keys))
    return users
