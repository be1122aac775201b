"""Random accounts whose policies `tests/remedies/requests.py` can evaluate too."""

import random
from pathlib import Path
from typing import Any

from iamkit import Account
from tests.accounts import (
    ARN,
    AS_OF,
    account,
    details,
    group,
    policy,
    report,
    role,
    user,
    with_last_accessed,
)
from tests.remedies.requests import IP, MFA, REGION, Requests, contexts
from tests.results.test_advice import line

OFFICE, HOME = "203.0.113.9", "198.51.100.9"
APPROVED = "203.0.113.0/24"
SERVICES = ("s3", "ec2", "iam", "lambda", "sqs")
ACTIONS = (
    *("s3:GetObject", "s3:PutObject", "s3:DeleteBucket", "ec2:RunInstances", "ec2:StopInstances"),
    *("iam:PassRole", "iam:CreateAccessKey", "iam:AttachUserPolicy", "iam:PutRolePolicy"),
    *("iam:ListUsers", "iam:UpdateAssumeRolePolicy", "lambda:CreateFunction"),
    *("lambda:InvokeFunction", "sts:AssumeRole", "sqs:SendMessage", "sqs:DeleteQueue"),
)
PATTERNS = (
    *ACTIONS,
    *("s3:*", "s3:Get*", "ec2:*", "iam:*", "iam:List*", "lambda:*", "sqs:*", "*", "*"),
)
NAMES = ("ann", "ben", "cat")
ROLES = ("work", "build", "admin")
RESOURCES = (
    *(f"{ARN}user/{name}" for name in NAMES),
    *(f"{ARN}role/{name}" for name in ROLES),
    *("arn:aws:s3:::one/key", "arn:aws:lambda:eu-west-1:012345678901:function:f", f"{ARN}else"),
)
PLACES = (
    "*",
    "*",
    "*",
    *RESOURCES,
    "arn:aws:s3:::*",
    f"{ARN}role/*",
    f"{ARN}user/${{aws:username}}",
)
CONDITIONS: tuple[dict[str, Any], ...] = (
    *({}, {}, {}, {}, {"Bool": {MFA: "true"}}, {"IpAddress": {IP: APPROVED}}),
    *({"StringEquals": {REGION: "eu-west-1"}}, {"IpAddress": {IP: [APPROVED, "0.0.0.0/0"]}}),
)
DENIALS: tuple[dict[str, Any], ...] = (
    *({"Bool": {MFA: "false"}}, {"BoolIfExists": {MFA: "false"}}, {}),
    *({"NotIpAddress": {IP: [APPROVED]}}, {"NotIpAddress": {IP: [APPROVED, "0.0.0.0/0"]}}),
)
REQUESTS = Requests(
    (action, resource, context)
    for action in ACTIONS
    for resource in RESOURCES
    for context in contexts(OFFICE, HOME)
)


def drawn(seed: int, folder: Path) -> Account:
    """The account of a number: always the same."""
    return _Draw(seed).account(folder)


class _Draw:
    def __init__(self, seed: int) -> None:
        self.lot = random.Random(seed)

    def some(self, values: Any, most: int) -> list[Any]:
        return self.lot.sample(list(values), self.lot.randint(0, min(most, len(values))))

    def maybe(self, share: float) -> bool:
        return self.lot.random() < share

    def statement(self) -> dict[str, Any]:
        pick = self.lot.choice
        if self.maybe(0.2):
            condition = pick(DENIALS)
            acted = {"Action": pick(PATTERNS)} if not condition else {"Action": "*"}
            if condition and self.maybe(0.5):
                acted = {"NotAction": ["iam:ListUsers", "iam:EnableMFADevice"]}
            return {"Effect": "Deny", **acted, "Resource": "*"} | (
                {"Condition": condition} if condition else {}
            )
        condition = pick(CONDITIONS)
        acted = {"Action": self.lot.sample(PATTERNS, self.lot.randint(1, 3))}
        return {"Effect": "Allow", **acted, "Resource": pick(PLACES)} | (
            {"Condition": condition} if condition else {}
        )

    def document(self) -> dict[str, Any]:
        statements = [self.statement() for _ in range(self.lot.randint(1, 3))]
        return {"Version": "2012-10-17", "Statement": statements}

    def policies(self, kind: str) -> dict[str, Any]:
        inline = (
            [{"PolicyName": "own", "PolicyDocument": self.document()}] if self.maybe(0.4) else []
        )
        attached = [
            {"PolicyName": name, "PolicyArn": f"{ARN}policy/{name}"}
            for name in self.some(("one", "two", "three"), 2)
        ]
        return {f"{kind}PolicyList": inline, "AttachedManagedPolicies": attached}

    def boundary(self) -> dict[str, Any]:
        if self.maybe(0.85):
            return {}
        arn = f"{ARN}policy/edge"
        of = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
        return {"PermissionsBoundary": of}

    def trust(self) -> dict[str, Any]:
        named = self.lot.choice(
            [
                {"AWS": f"{ARN}root"},
                {"AWS": [f"{ARN}user/ann", "AIDAGHOSTGHOSTGHOSTGH"]},
                {"AWS": [f"{ARN}user/ann", f"{ARN}role/build"]},
                {"AWS": f"{ARN}role/build"},
                {"Service": "lambda.amazonaws.com"},
                {"Service": "batch.amazonaws.com"},
            ]
        )
        allow = {"Effect": "Allow", "Principal": named, "Action": "sts:AssumeRole"}
        return {"Version": "2012-10-17", "Statement": [allow]}

    def key(self) -> tuple[str, int, int | None]:
        active = self.lot.choice(["true", "true", "false"])
        return active, self.lot.choice([20, 300]), self.lot.choice([None, 2, 60, 200])

    def report(self) -> str:
        lines = []
        for name in NAMES:
            password = self.lot.choice([None, (30, 2), (200, 60), (200, 150), (200, None)])
            keys = [self.key() for _ in range(self.lot.randint(0, 2))]
            mfa = self.lot.choice(["true", "false"])
            lines.append(line(name, *keys, password=password, mfa=mfa))
        return report(*lines)

    def used(self, arns: list[str]) -> dict[str, Any]:
        """Last-accessed evidence: of each principal what it used, by service and action."""
        jobs = {}
        for arn in arns:
            services = []
            for service in (*SERVICES, "sts"):
                job: dict[str, Any] = {"ServiceNamespace": service, "ServiceName": service}
                if self.maybe(0.5):
                    job["LastAuthenticated"] = AS_OF.isoformat()
                    names = [each.partition(":")[2] for each in ACTIONS if each.startswith(service)]
                    job["TrackedActionsLastAccessed"] = [
                        {"ActionName": name}
                        | ({"LastAccessedTime": AS_OF.isoformat()} if self.maybe(0.5) else {})
                        for name in self.some(names, 3)
                    ]
                services.append(job)
            jobs[arn] = {"JobStatus": "COMPLETED", "ServicesLastAccessed": services}
        return jobs

    def account(self, folder: Path) -> Account:
        users = [
            user(name, GroupList=self.some(("team", "empty"), 1), **self.policies("User"),
                 **self.boundary())
            for name in NAMES
        ]  # fmt: skip
        roles = [
            role(name, self.trust(), **self.policies("Role"), **self.boundary()) for name in ROLES
        ]
        for each in roles:
            if self.maybe(0.5):
                each["RoleLastUsed"] = {
                    "LastUsedDate": "2026-10-20T00:00:00Z",
                    "Region": "eu-west-1",
                }
        groups = [group(name, **self.policies("Group")) for name in ("team", "empty", "none")]
        policies = [policy(name, self.document()) for name in ("one", "two", "three", "edge")]
        arns = [each["Arn"] for each in (*users, *roles, *groups)]
        rules = {"MinimumPasswordLength": self.lot.choice([6, 14]), "ExpirePasswords": False}
        given: dict[str, Any] = {"credential_report": self.report()}
        given |= {"password_policy": {"PasswordPolicy": rules}} if self.maybe(0.7) else {}
        contents = details(users, groups, roles, policies)
        if self.maybe(0.4):
            return account(folder, contents, **given)
        return with_last_accessed(folder, contents, self.used(arns), **given)
