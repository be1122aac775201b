"""
An account in which trust is dense: thousands of identities that may assume thousands of roles.

The demo company's roles name the few who may assume them. Here 40 in 100 roles trust the whole
account, half name 20 to 100 users and roles each, and 100 groups allow sts:AssumeRole on
everything, on name prefixes or on lists, so that there are millions of steps from one identity to
another. A few administrators stand at the end of chains. AWS's quotas hold: 4,096 characters in a
trust policy (on request, as for 5,000 roles), 6,144 in a managed policy, ten groups to a user. The
same arguments give the same bytes.
"""

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iamkit import demo
from iamkit.demo.responses import Row
from iamkit.evidence import cli_files

ACCOUNT = "210987654321"
ARN = f"arn:aws:iam::{ACCOUNT}:"
MADE = "2024-03-01T09:00:00+00:00"
APPS, TEAMS, GROUPS = 50, 20, 100
TRUSTING = 0.4  # share of the roles that trust the whole account
NAMING = 0.5  # share that name users and roles; the rest trust services
TRUST_SIZE, POLICY_SIZE = 4096, 6144  # characters at most, white space aside
OFFICE = "198.51.100.0/24"
SERVICES = ("ec2", "lambda", "ecs-tasks", "glue", "codebuild", "cloudformation", "sagemaker")
RUNS = {
    "ec2": "ec2:RunInstances",
    "lambda": ["lambda:CreateFunction", "lambda:InvokeFunction"],
    "glue": ["glue:CreateJob", "glue:StartJobRun"],
    "codebuild": ["codebuild:CreateProject", "codebuild:StartBuild"],
    "cloudformation": "cloudformation:CreateStack",
    "ecs-tasks": ["ecs:RegisterTaskDefinition", "ecs:RunTask"],
    "sagemaker": "sagemaker:CreateTrainingJob",
}
CONDITIONS = (
    {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    {"IpAddress": {"aws:SourceIp": OFFICE}},
    {"StringEquals": {"aws:PrincipalTag/team": "${team}"}},
    {"StringEquals": {"sts:ExternalId": "unknown-to-us"}},
)


def snapshot(folder: Path, users: int = 5000, roles: int = 5000) -> Path:
    """Write the account's snapshot under `folder` and return where it is."""
    with TemporaryDirectory(prefix="iamkit-dense-") as given:
        demo.save(company(users, roles), given)
        return cli_files.from_files(folder, Path(given), as_of=demo.DATE, source="demo")


def company(users: int = 5000, roles: int = 5000, seed: int = 11) -> Row:
    """The account as the AWS CLI would have saved it: file name → answer."""
    draws = random.Random(seed)
    people = [f"{ARN}user/p{number:04d}" for number in range(users)]
    works = [f"{ARN}role/app{number % APPS:02d}-{number:04d}" for number in range(roles)]
    cast = people + works
    policies = [
        _policy(f"may-{n:02d}", [_assume(draws, works, n), _deny(n)]) for n in range(GROUPS)
    ]
    policies += [_policy("self-service", SELF_SERVICE), _policy("needs-mfa", NEEDS_MFA)]
    policies += [_policy("fence", [_allow("*"), _block("iam:*", f"{ARN}user/admin/*")])]
    policies += [{**_policy("AdministratorAccess", [_allow("*")]), "Arn": ADMINISTRATOR}]
    details = {
        "UserDetailList": [_user(draws, arn, n) for n, arn in enumerate(people)],
        "GroupDetailList": [_group(draws, number) for number in range(GROUPS)],
        "RoleDetailList": [_role(draws, arn, n, people, cast) for n, arn in enumerate(works)],
        "Policies": policies,
    }
    report = "\n".join([HEADER, ROOT, *_credentials(random.Random(seed), people)])
    content = base64.b64encode(report.encode()).decode()
    answer = {"Content": content, "ReportFormat": "text/csv", "GeneratedTime": str(demo.DATE)}
    return {"credential-report.json": answer, "account-authorization-details.json": details}


# ── Policies ───────────────────────────────────────────────────────────────────────────────────


ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def _allow(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> Row:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def _block(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> Row:
    return {**_allow(actions, resources, **more), "Effect": "Deny"}


OWN = f"{ARN}user/${{aws:username}}"
WITH_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
SELF_SERVICE = [
    _allow(["iam:GetUser", "iam:ListMFADevices", "iam:EnableMFADevice"], OWN),
    _allow(["iam:CreateVirtualMFADevice"], f"{ARN}mfa/${{aws:username}}"),
    _allow(
        ["iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ChangePassword"],
        OWN,
        Condition=WITH_MFA,
    ),
]
HELP_DESK = [
    _allow(["iam:CreateLoginProfile", "iam:UpdateLoginProfile"], f"{ARN}user/p0*"),
    _allow("iam:CreateAccessKey", f"{ARN}user/p00*"),
]
ENROLLING = ["iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:List*", "sts:AssumeRole"]
NEEDS_MFA = [
    {
        "Effect": "Deny",
        "NotAction": ENROLLING,
        "Resource": "*",
        "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
    }
]


def _policy(name: str, statements: list[Row]) -> Row:
    """A customer managed policy; `statements` without the empty ones."""
    document = {"Version": "2012-10-17", "Statement": [each for each in statements if each]}
    size = len(json.dumps(document, separators=(",", ":")))
    if size > POLICY_SIZE:
        raise ValueError(f"{name} has {size} characters; a policy may have {POLICY_SIZE}")
    version = {"Document": document, "VersionId": "v1", "IsDefaultVersion": True}
    return {
        "PolicyName": name,
        "PolicyId": f"ANPA{name.upper():X<17.17}",
        "Arn": f"{ARN}policy/{name}",
        "Path": "/",
        "DefaultVersionId": "v1",
        "AttachmentCount": 1,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": MADE,
        "UpdateDate": MADE,
        "PolicyVersionList": [{**version, "CreateDate": MADE}],
    }


def _assume(draws: random.Random, works: list[str], number: int) -> Row:
    """sts:AssumeRole on everything, on the roles of some applications, or on a list of roles."""
    if number % 10 == 0:
        return _allow("sts:AssumeRole")
    if number % 10 < 5:
        apps = draws.sample(range(APPS), draws.randint(1, 5))
        return _allow("sts:AssumeRole", [f"{ARN}role/app{app:02d}-*" for app in sorted(apps)])
    named = draws.sample(works, min(len(works), draws.randint(20, 100)))
    return _allow("sts:AssumeRole", sorted(named))


def _deny(number: int) -> Row:
    """What some groups may not assume."""
    if number % 7:
        return {}
    return _block("sts:AssumeRole", f"{ARN}role/app{number % APPS:02d}-*")


# ── Users and groups ───────────────────────────────────────────────────────────────────────────


def _attached(*names: str) -> list[Row]:
    return [
        {
            "PolicyName": name,
            "PolicyArn": ADMINISTRATOR if name == "AdministratorAccess" else f"{ARN}policy/{name}",
        }
        for name in names
    ]


def _boundary(draws: random.Random, share: float) -> Row:
    """A permissions boundary, for a share of those who ask."""
    if draws.random() >= share:
        return {}
    limit = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": f"{ARN}policy/fence"}
    return {"PermissionsBoundary": limit}


def _user(draws: random.Random, arn: str, number: int) -> Row:
    groups = draws.sample(range(1, GROUPS), draws.randint(1, 4))
    direct = ["AdministratorAccess"] if number % 1000 == 7 else []
    return {
        "Path": "/",
        "UserName": arn.rpartition("/")[2],
        "UserId": f"AIDA{number:017d}",
        "Arn": arn,
        "CreateDate": MADE,
        "GroupList": ["everyone", *(f"team-{group:02d}" for group in sorted(groups))],
        "AttachedManagedPolicies": _attached(*direct),
        "Tags": [{"Key": "team", "Value": f"t{number % TEAMS:02d}"}],
        **_boundary(draws, 0.0 if direct else 0.05),
    }


def _group(draws: random.Random, number: int) -> Row:
    """A team, with what it may assume, pass and run; the first is that of everyone."""
    name = f"team-{number:02d}" if number else "everyone"
    held = ["self-service"] if not number else [f"may-{number:02d}"]
    if number % 4 == 1:
        held.append("needs-mfa")
    service = SERVICES[number % len(SERVICES)]
    passed = f"{ARN}role/app{draws.randrange(APPS):02d}-*"
    to = {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    own = [_allow("iam:PassRole", passed, Condition=to), _allow(RUNS[service])]
    inline = HELP_DESK if number == GROUPS // 2 else own if number % 3 == 2 else []
    return {
        "Path": "/",
        "GroupName": name,
        "GroupId": f"AGPA{number:017d}",
        "Arn": f"{ARN}group/{name}",
        "CreateDate": MADE,
        "GroupPolicyList": _inline("own", inline) if inline else [],
        "AttachedManagedPolicies": _attached(*held),
    }


def _credentials(draws: random.Random, people: list[str]) -> Iterator[str]:
    """Rows of the credential report: people with a password, mostly MFA, some a key; services."""
    for arn in people:
        password = draws.random() < 0.8
        mfa = password and draws.random() < 0.75
        key = not password or draws.random() < 0.3
        second = key and draws.random() < 0.1
        console = f"true,{MADE},{MADE},N/A" if password else "false,N/A,N/A,N/A"
        keys = ",".join(
            f"true,{MADE},{MADE},eu-west-1,sts" if active else "false,N/A,N/A,N/A,N/A"
            for active in (key, second)
        )
        name = arn.rpartition("/")[2]
        yield f"{name},{arn},{MADE},{console},{str(mfa).lower()},{keys},false,N/A,false,N/A"


HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,"
    "cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)
ROOT = (
    f"<root_account>,{ARN}root,{MADE},not_supported,no_information,not_supported,not_supported,"
    "true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
)


# ── Roles ──────────────────────────────────────────────────────────────────────────────────────


def _role(draws: random.Random, arn: str, number: int, people: list[str], cast: list[str]) -> Row:
    name = arn.rpartition("/")[2]
    kind = draws.random()
    admin = number % 1000 == 13
    profiles = []
    if admin:  # for some people only, or everybody would get there; half of them ask for MFA
        trust = _named(draws, people, CONDITIONS[0] if number % 2000 == 13 else {})
    elif kind < TRUSTING:
        trust = _trust({"AWS": f"{ARN}root"}, _condition(draws, number))
    elif kind < TRUSTING + NAMING:
        trust = _named(draws, cast, _condition(draws, number))
    else:
        service = draws.choice(SERVICES)
        trust = _trust({"Service": f"{service}.amazonaws.com"}, {})
        profiles = [_profile(arn, name, trust)] if service == "ec2" else []
    return {
        "Path": "/",
        "RoleName": name,
        "RoleId": f"AROA{number:017d}",
        "Arn": arn,
        "CreateDate": MADE,
        "AssumeRolePolicyDocument": trust,
        "InstanceProfileList": profiles,
        "RolePolicyList": _inline("own", _work(draws, name)) if number % 10 == 3 else [],
        "AttachedManagedPolicies": _attached(*_held(draws, admin)),
        "RoleLastUsed": {},
        "Tags": [{"Key": "team", "Value": f"t{number % TEAMS:02d}"}],
        **_boundary(draws, 0.0 if admin else 0.1),
    }


def _held(draws: random.Random, admin: bool) -> list[str]:
    """Policies of a role: few may assume others, so that chains are long but not all of them."""
    if admin:
        return ["AdministratorAccess"]
    return [f"may-{draws.randrange(1, GROUPS):02d}"] if draws.random() < 0.3 else []


def _work(draws: random.Random, name: str) -> list[Row]:
    """What a role does on resources of its own, and the role that it passes to one service."""
    service = draws.choice(list(RUNS))
    to = {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    return [
        _allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{name}/*"),
        _allow(["dynamodb:GetItem", "dynamodb:Query"], _own("dynamodb", f"table/{name}")),
        _allow("iam:PassRole", f"{ARN}role/{name}", Condition=to),
        _allow(RUNS[service], _own(service.partition("-")[0], f"*{name}*")),
    ]


def _own(service: str, resource: str) -> str:
    return f"arn:aws:{service}:eu-west-1:{ACCOUNT}:{resource}"


def _inline(name: str, statements: list[Row]) -> list[Row]:
    document = {"Version": "2012-10-17", "Statement": statements}
    return [{"PolicyName": name, "PolicyDocument": document}]


def _condition(draws: random.Random, number: int) -> Row:
    """A condition for three roles in ten."""
    if draws.random() >= 0.3:
        return {}
    text = json.dumps(draws.choice(CONDITIONS)).replace("${team}", f"t{number % TEAMS:02d}")
    made: Row = json.loads(text)
    return made


def _trust(principal: Row, condition: Row) -> Row:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    statement |= {"Condition": condition} if condition else {}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _named(draws: random.Random, cast: list[str], condition: Row) -> Row:
    """Trust in 20 to 100 users and roles by name, as many as fit."""
    names = draws.sample(cast, min(len(cast), draws.randint(20, 100)))
    whole = _trust({"AWS": names}, condition)
    while len(json.dumps(whole, separators=(",", ":"))) > TRUST_SIZE:
        names.pop()
    return whole


def _profile(arn: str, name: str, trust: Row) -> Row:
    held = {"Path": "/", "RoleName": name, "RoleId": "AROAPROFILE", "Arn": arn}
    return {
        "Path": "/",
        "InstanceProfileName": name,
        "InstanceProfileId": f"AIPA{name.upper():X<17.17}",
        "Arn": f"{ARN}instance-profile/{name}",
        "CreateDate": MADE,
        "Roles": [{**held, "CreateDate": MADE, "AssumeRolePolicyDocument": trust}],
    }
