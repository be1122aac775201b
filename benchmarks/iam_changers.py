"""
An account in which a fifth of the users and roles hold permissions to change IAM.

It is the demo company of any size, with AWS's own managed policies, documents and all, on half of
its users and roles, and with what large accounts collect over the years: `iam:*` on oneself, by
`${aws:username}` or by one's own ARN, permission to put or attach policies on oneself, to write
versions of a policy one has, IAMFullAccess; some of it under MFA, from the office, under a boundary
or a Deny. There are 0.55 customer managed policies for each user and role. The same arguments give
the same bytes.
"""

import json
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

from iamkit import demo
from iamkit.evidence import cli_files

Row = dict[str, Any]
ARN = "arn:aws:iam::111122223333:"
SHARE = 5  # one in so many may change IAM
MANAGED = 120  # AWS managed policies in use
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
OFFICE = {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}
SELF_SERVICE = "SelfService"
FENCE = "Fence"


def snapshot(folder: Path, users: int) -> Path:
    """Write the snapshot of an account with this many users, and about as many roles."""
    with TemporaryDirectory(prefix="iamkit-changers-") as given:
        demo.save(company(users), given)
        return cli_files.from_files(folder, Path(given), as_of=demo.DATE, source="demo")


def company(users: int, seed: int = 23) -> Row:
    """The account as the AWS CLI would have saved it: file name → answer."""
    draws = random.Random(seed)
    files = demo.company(users=users)
    details = files["account-authorization-details.json"]
    managed = _managed_policies()
    chosen = sorted(draws.sample(sorted(managed), MANAGED))
    policies = {each["PolicyName"]: each for each in details["Policies"]}
    for kind in ("User", "Role"):
        for number, row in enumerate(details[f"{kind}DetailList"]):
            if draws.random() < 0.5:
                _attach(row, [managed[name] for name in draws.sample(chosen, draws.randint(1, 3))])
            if number % SHARE == SHARE - 1:
                _let_change(row, kind, number // SHARE, managed)
    policies |= {each["PolicyName"]: each for each in _shared()}
    policies |= {each["PolicyName"]: each for each in _own_policies(details)}
    used = {
        each["PolicyArn"]
        for kind in ("User", "Role", "Group")
        for row in details[f"{kind}DetailList"]
        for each in row["AttachedManagedPolicies"]
    }
    policies |= {name: each for name, each in managed.items() if each["Arn"] in used}
    details["Policies"] = [policies[name] for name in sorted(policies)]
    return files


def _managed_policies() -> dict[str, Row]:
    """AWS's managed policies that customers attach, as rows of the authorization details."""
    return {
        name: _managed(
            name,
            f"arn:aws:iam::aws:policy{each['Path']}{name}",
            each["Document"],
            each["CreateDate"],
        )
        for name, each in json.loads(aws_managed_policies_data).items()
        if each["Path"] in ("/", "/job-function/")
    }


def _managed(name: str, arn: str, document: Row, made: str) -> Row:
    made = datetime.fromisoformat(made).isoformat()
    version = {"Document": document, "VersionId": "v1", "IsDefaultVersion": True}
    return {
        "PolicyName": name,
        "PolicyId": f"ANPA{name.upper():X<17.17}",
        "Arn": arn,
        "Path": "/",
        "DefaultVersionId": "v1",
        "AttachmentCount": 1,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": made,
        "UpdateDate": made,
        "PolicyVersionList": [{**version, "CreateDate": made}],
    }


def _customer(name: str, *statements: Row) -> Row:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return _managed(name, f"{ARN}policy/{name}", document, "2024-03-01T09:00:00+00:00")


def _attach(row: Row, policies: list[Row]) -> None:
    has = row["AttachedManagedPolicies"]
    there = {each["PolicyArn"] for each in has}
    has += [
        {"PolicyName": each["PolicyName"], "PolicyArn": each["Arn"]}
        for each in policies
        if each["Arn"] not in there
    ]


def _allow(actions: str | list[str], resources: str | list[str], **more: Any) -> Row:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def _shared() -> list[Row]:
    """Policies of many holders."""
    own = [f"{ARN}user/${{aws:username}}", f"{ARN}mfa/${{aws:username}}"]
    no_iam = {"Effect": "Deny", "Action": "iam:*", "Resource": f"{ARN}user/admin/*"}
    return [
        _customer(SELF_SERVICE, _allow("iam:*", own)),
        _customer(FENCE, _allow("*", "*"), no_iam),
    ]


def _let_change(row: Row, kind: str, number: int, managed: dict[str, Row]) -> None:
    """Give a user or role one of ten ways to change IAM."""
    own, name = row["Arn"], row[f"{kind}Name"]
    by_name = f"{ARN}user/${{aws:username}}" if kind == "User" else own
    some = [f"iam:Put{kind}Policy", f"iam:Attach{kind}Policy", f"iam:Get{kind}"]
    prefix = own[: own.rindex("/") + 3] + "*"
    ways: dict[int, list[Row]] = {
        0: [_allow("iam:*", by_name)],
        1: [_allow("iam:*", own)],
        2: [_allow(["iam:Get*", "iam:List*"], "*"), _allow(some, own)],
        3: [_allow("iam:*", own, Condition=MFA)],
        4: [_allow(some, by_name), _allow("iam:PassRole", f"{ARN}role/{name}")],
        5: [_allow(some, prefix, Condition=OFFICE)],
        6: [_allow("iam:*", own), {**_allow("iam:Put*", own), "Effect": "Deny"}],
    }
    way = number % 10
    if way in ways:
        document = {"Version": "2012-10-17", "Statement": ways[way]}
        inline = row.setdefault(f"{kind}PolicyList", row.get("RolePolicyList", []))
        inline.append({"PolicyName": "change-iam", "PolicyDocument": document})
    elif way == 7:
        _attach(row, [managed["IAMFullAccess"]] if kind == "Role" else _shared()[:1])
    else:
        _attach(row, [_own_policy(name, own, versions=way == 8)])
    if way == 4:
        limit = {"PermissionsBoundaryType": "Policy"}
        row["PermissionsBoundary"] = {**limit, "PermissionsBoundaryArn": f"{ARN}policy/{FENCE}"}


def _own_policy(name: str, arn: str, *, versions: bool) -> Row:
    """A customer policy of one holder, who may change the policy or itself."""
    title = f"{'write' if versions else 'change'}-{name}"
    action = "iam:CreatePolicyVersion" if versions else "iam:*"
    return _customer(title, _allow(action, f"{ARN}policy/{title}" if versions else arn))


def _own_policies(details: Row) -> Iterator[Row]:
    for kind in ("User", "Role"):
        for row in details[f"{kind}DetailList"]:
            for each in row["AttachedManagedPolicies"]:
                what, _, name = each["PolicyName"].partition("-")
                if what in ("write", "change") and name == row[f"{kind}Name"]:
                    yield _own_policy(name, row["Arn"], versions=what == "write")
