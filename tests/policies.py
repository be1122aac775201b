"""Documents, identities and credentials for tests of who can become whom."""

import json
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from iamkit import Account
from iamkit.evidence import snapshot as snapshots
from tests.accounts import ACCOUNT, ARN, role, user

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ACCOUNT_ROOT = "root"  # trust in the account: in whoever its policies allow to
WITH_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def allow(actions: Any, resources: Any = "*", **members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **members}


def deny(actions: Any, resources: Any = "*", **members: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": actions, "Resource": resources, **members}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def inline(*statements: Any, name: str = "own") -> list[dict[str, Any]]:
    """A list with one inline policy, or none without statements."""
    return [{"PolicyName": name, "PolicyDocument": document(*statements)}] if statements else []


def attached(*names: str) -> list[dict[str, Any]]:
    return [{"PolicyName": name, "PolicyArn": f"{ARN}policy/{name}"} for name in names]


def bounded(name: str) -> dict[str, Any]:
    """The member of a user or role with this customer policy as its boundary."""
    arn = f"{ARN}policy/{name}"
    kind = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    return {"PermissionsBoundary": kind}


def tagged(**tags: str) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def person(name: str, *statements: Any, **members: Any) -> dict[str, Any]:
    """A user with an inline policy."""
    return user(name, UserPolicyList=inline(*statements), **members)


def worker(name: str, trust: Any, *statements: Any, **members: Any) -> dict[str, Any]:
    """A role with an inline policy."""
    return role(name, trust, RolePolicyList=inline(*statements), **members)


def trusts(principal: str, *further: Any, **members: Any) -> dict[str, Any]:
    """A trust policy: for a service, an ARN, anyone (*) or what is after the account in an ARN."""
    if principal.endswith(".amazonaws.com"):
        who = {"Service": principal}
    else:
        who = {"AWS": principal if principal.startswith(("arn:", "*")) else f"{ARN}{principal}"}
    first = {"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole", **members}
    return document(first, *further)


def profile(name: str) -> dict[str, Any]:
    """The member of a role with an instance profile."""
    held = {"InstanceProfileName": name, "Arn": f"{ARN}instance-profile/{name}", "Roles": []}
    return {"InstanceProfileList": [held]}


def line(name: str, *, password: bool = False, keys: int = 0, mfa: bool = False) -> str:
    """A row of the credential report."""
    made = "2026-09-01T00:00:00Z"
    console = f"true,{made},{made},N/A" if password else "false,N/A,N/A,N/A"
    slots = [f"true,{made},{made},us-east-1,s3"] * keys + ["false,N/A,N/A,N/A,N/A"] * (2 - keys)
    first = (name, f"{ARN}user/{name}", "2024-05-01T12:00:00Z", console, str(mfa).lower())
    return ",".join([*first, *slots, "false,N/A,false,N/A"])


def controlled(account: Account, *policies: Mapping[str, Any]) -> Account:
    """The same account with these service control policies, all at one level."""
    written = [
        {"Content": json.dumps(each), "PolicySummary": {"Name": f"scp-{number}"}}
        for number, each in enumerate(policies)
    ]
    answers = {
        "service_control_policies.json": {"Targets": [{"Policies": written}]},
        "organization.json": {"Organization": {"MasterAccountId": "999999999999"}},
    }
    snapshot = account.snapshot
    seen = SimpleNamespace(
        account_id=ACCOUNT,
        as_of=snapshot.as_of,
        manifest=snapshot.manifest,
        bytes=snapshot.bytes,
        json=lambda name: answers.get(name) or snapshot.json(name),
    )
    return Account(seen, account.settings)  # type: ignore[arg-type]


FULL = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}


def in_organization(
    account: Account,
    *,
    rcps: Iterable[Mapping[str, Any] | str] = (),
    scps: Iterable[Mapping[str, Any]] = (),
    management: str = "999999999999",
    organization: str = "o-ours123456",
) -> Account:
    """The same account in an organization with these policies, all at one level."""

    def level(kind: str, documents: Iterable[Any]) -> dict[str, Any]:
        written = [
            {
                "Content": each if isinstance(each, str) else json.dumps(each),
                "PolicySummary": {"Name": f"{kind}-{number}"},
            }
            for number, each in enumerate((FULL, *documents))
        ]
        return {"Targets": [{"TargetId": "r-root", "Policies": written}]}

    given = {
        "service_control_policies.json": level("scp", scps),
        "resource_control_policies.json": level("rcp", rcps),
        "organization.json": {"Organization": {"Id": organization, "MasterAccountId": management}},
    }
    opened = account.snapshot
    names = [*opened.manifest["files"], *given]
    files = {name: opened.bytes(name) or b"" for name in names if name not in given}
    files |= {name: json.dumps(each).encode() for name, each in given.items()}
    made = snapshots.in_memory(opened.manifest, files, opened.path)
    return Account(made, account.settings)
