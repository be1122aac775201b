"""
Tables of the account authorization details: groups, roles, their trust, policies and versions.

Source: IAM API Reference, "GetAccountAuthorizationDetails".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

import pandas as pd

from iamkit.arns import AWS_MANAGED, SERVICE_LINKED
from iamkit.evidence import requests
from iamkit.policy import read_document, trust_row
from iamkit.table import objects, times
from iamkit.tables import aws_managed, schema
from iamkit.tables.frames import column, frame
from iamkit.tables.schema import UNSHOWN
from iamkit.values import as_count, as_dict, as_list, as_text, listed

FROM_LIST: Final = "KnownByName"  # code of the gap of policies that the evidence does not show


def managed_policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    arn = str(policy.get("Arn"))
    versions = [as_dict(version) for version in as_list(policy.get("PolicyVersionList"))]
    default = policy.get("DefaultVersionId")
    chosen = next(
        (v for v in versions if v.get("IsDefaultVersion") is True or v.get("VersionId") == default),
        None,
    )
    problem: str | None
    if chosen is None:
        document, problem = None, "its default version is not in the evidence"
    else:
        document, problem = read_document(chosen.get("Document"))
    if problem and (listed_as := aws_managed.document(arn)):
        document, problem, chosen = listed_as, None, None
    return {
        "policy_arn": arn,
        "policy_name": policy.get("PolicyName"),
        "kind": _policy_kind(arn),
        "path": policy.get("Path"),
        "owner_arn": None,
        "version_id": default,
        "versions": len(versions),
        "attached": as_count(policy.get("AttachmentCount")),
        "bounding": as_count(policy.get("PermissionsBoundaryUsageCount")),
        "created": policy.get("CreateDate"),
        "updated": policy.get("UpdateDate"),
        "problem": problem,
        "version_created": (chosen or {}).get("CreateDate"),
        "document": document,
        "from_list": chosen is None and document is not None,
    }


def inline_policy(owner: str, policy: Mapping[str, Any]) -> dict[str, Any]:
    document, problem = read_document(policy.get("PolicyDocument"))
    name = policy.get("PolicyName")
    return {
        **dict.fromkeys(schema.POLICIES.names),
        "policy_arn": f"{owner}#{name}",
        "policy_name": name,
        "kind": "inline",
        "owner_arn": owner,
        "attached": 1,
        "problem": problem,
        "version_created": None,
        "document": document,
    }


def unseen_policy(arn: str) -> dict[str, Any]:
    """A policy that is attached but not shown; the document of AWS's own may be known by name."""
    document = aws_managed.document(arn)
    return {
        **dict.fromkeys(schema.POLICIES.names),
        "policy_arn": arn,
        "policy_name": arn.rsplit("/", 1)[-1],
        "kind": _policy_kind(arn),
        "version_id": aws_managed.version(arn),
        "problem": None if document else "attached, but not in the evidence",
        "version_created": None,
        "document": document,
        "from_list": document is not None,
    }


def unshown_policies(arn: str, reason: str) -> dict[str, Any]:
    """What stands for all policies that somebody may hold who is not shown as a whole."""
    return {
        **dict.fromkeys(schema.POLICIES.names),
        "policy_arn": arn + UNSHOWN,
        "policy_name": f"whatever {arn.rsplit('/', 1)[-1]} holds",
        "kind": "inline",
        "owner_arn": arn,
        "problem": reason,
        "version_created": None,
        "document": None,
    }


def from_list(policies: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The gap of AWS managed policies that the kit knows by name only."""
    names = sorted(str(each["policy_name"]) for each in policies if each.get("from_list"))
    if not names:
        return []
    known = ", ".join(names)
    return [
        {
            "call": requests.DETAILS.call,
            "code": FROM_LIST,
            "message": f"{known}: the document is AWS's of {aws_managed.date()}, known by name",
            "meaning": f"whether AWS has changed {known} since or before",
        }
    ]


def _policy_kind(arn: str) -> str:
    return "aws" if AWS_MANAGED in arn else "customer"


# ── From the authorization details ───────────────────────────────────────────────────────────────


def groups(entries: Sequence[Mapping[str, Any]], memberships: pd.DataFrame) -> pd.DataFrame:
    """IAM groups. Rows: see `schema.GROUPS`."""
    arns = column(entries, "Arn")
    members = memberships["group_arn"].value_counts()
    return schema.GROUPS.gather(
        pd.DataFrame(
            {
                "group_arn": arns,
                "group_name": column(entries, "GroupName"),
                "group_id": column(entries, "GroupId"),
                "path": column(entries, "Path"),
                "created": times(column(entries, "CreateDate")),
                "members": members.reindex(arns).fillna(0).array,
            }
        )
    )


def roles(entries: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """IAM roles. Rows: see `schema.ROLES`."""
    used = [as_dict(role.get("RoleLastUsed")) for role in entries]
    path = column(entries, "Path")
    return schema.ROLES.gather(
        pd.DataFrame(
            {
                "role_arn": column(entries, "Arn"),
                "role_name": column(entries, "RoleName"),
                "role_id": column(entries, "RoleId"),
                "path": path,
                "created": times(column(entries, "CreateDate")),
                "boundary_arn": boundaries(entries),
                "tags": tags(entries),
                "last_used": times(column(used, "LastUsedDate")),
                "last_used_region": column(used, "Region"),
                "service_linked": path.fillna("").str.startswith(SERVICE_LINKED),
                "instance_profiles": objects(
                    [
                        str(as_dict(profile).get("InstanceProfileName"))
                        for profile in as_list(role.get("InstanceProfileList"))
                    ]
                    for role in entries
                ),
            }
        )
    )


def trust(entries: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Who each role trusts. Rows: see `schema.TRUST`."""
    statements: list[dict[str, Any]] = []
    numbers: dict[str, Iterator[int]] = defaultdict(
        lambda: count(1)
    )  # evidence may hold a role twice
    for role in entries:
        arn = str(role.get("Arn"))
        document, problem = read_document(role.get("AssumeRolePolicyDocument"))
        written = [] if problem else listed(document.get("Statement"))
        variables = as_dict(document).get("Version") == "2012-10-17"
        for statement in written:
            row = trust_row(arn, next(numbers[arn]), statement)
            statements.append({**row, "variables": variables})
        if not written:
            said = problem or "no Statement"
            empty = {"actions": [], "not_actions": [], "conditions": {}, "problem": said}
            statements.append({"role_arn": arn, **empty, "principals": [(None, None, None)]})
    named = pd.DataFrame(
        [
            (number, *principal)
            for number, statement in enumerate(statements)
            for principal in dict.fromkeys(statement["principals"])
        ],
        columns=["statement", "principal_type", "principal", "account_id"],
    )
    # Once per statement, then repeated: an account may have a million principals.
    shared = schema.TRUST.cast(frame(schema.TRUST, statements))
    rows = shared.take(named.pop("statement").to_numpy()).reset_index(drop=True)
    return schema.TRUST.gather(rows.assign(**named))


def policy_old_versions(entries: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """
    Versions of managed policies that are kept but not in force, as the answer orders them.

    Who may call iam:SetDefaultPolicyVersion can put any of them in force. Rows: see
    `schema.POLICY_OLD_VERSIONS`.
    """
    rows = []
    for policy in entries:
        for version in map(as_dict, as_list(policy.get("PolicyVersionList"))):
            number = version.get("VersionId")
            if version.get("IsDefaultVersion") is True or number == policy.get("DefaultVersionId"):
                continue
            document, problem = read_document(version.get("Document"))
            rows.append(
                {
                    "policy_arn": str(policy.get("Arn")),
                    "version_id": as_text(number),
                    "created": version.get("CreateDate"),
                    "document": document,
                    "problem": problem,
                }
            )
    made = frame(schema.POLICY_OLD_VERSIONS, rows)
    return schema.POLICY_OLD_VERSIONS.gather(made.assign(created=times(made["created"])))


def boundaries(entries: Sequence[Mapping[str, Any]]) -> pd.Series[Any]:
    """The ARN of each entry's permissions boundary; missing without one."""
    return column(
        [as_dict(entry.get("PermissionsBoundary")) for entry in entries], "PermissionsBoundaryArn"
    )


def tags(entries: Sequence[Mapping[str, Any]]) -> pd.Series[Any]:
    """Each entry's tags, as a dict of key to value."""
    pairs = ([as_dict(tag) for tag in as_list(entry.get("Tags"))] for entry in entries)
    return objects({str(t.get("Key")): str(t.get("Value")) for t in own} for own in pairs)
