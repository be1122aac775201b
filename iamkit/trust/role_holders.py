"""
The people behind the roles that IAM Identity Center made in an account.

Such a role is named after its permission set, and no API gives the rest of the name, so they are
joined by the set's name. Where the account's role is older than the set, the role is what counts.
Account access manager assigns people of Identity Center to ordinary roles, by their ARNs.
Whether people have MFA in Identity Center is not known: no API says.

Source: IAM Identity Center User Guide, "Permission sets" and "Assign user or group access".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from iamkit.evidence import requests
from iamkit.table import TEXT, TRUTH, Column, Table
from iamkit.tables import AccountTables
from iamkit.values import as_dict, as_list

NAME: Final = re.compile(r"AWSReservedSSO_(.+)_[0-9a-f]{16}")
PATH: Final = "/aws-reserved/sso.amazonaws.com/"
NO_SET: Final = "no permission set of this name is provisioned to the account"
NOBODY: Final = "nobody is assigned to the permission set"
UNKNOWN_HOLDERS: Final = "the evidence does not have the assignments of IAM Identity Center"

ROLE_HOLDERS: Final = Table(
    name="role_holders",
    row=(
        "one person who has one role by IAM Identity Center or by account access manager, directly "
        "or in a group; or one role of IAM Identity Center of which nobody is known to have it"
    ),
    key=("role_arn", "permission_set", "user_id", "group_name"),
    columns=(
        Column("role_arn", TEXT, "role"),
        Column("role_name", TEXT, "its name"),
        Column(
            "permission_set",
            TEXT,
            "permission set that it is named after; missing: by account access manager",
        ),
        Column("user_id", TEXT, "id of the person in the identity store; missing: nobody is known"),
        Column("user_name", TEXT, "name to sign in with; missing: not known"),
        Column("display_name", TEXT, "name of the person"),
        Column("group_name", TEXT, "group that is assigned; missing: the person is"),
        Column("enabled", TRUTH, "the person is enabled; missing: not known"),
        Column(
            "up_to_date",
            TRUTH,
            "the role is that of the newest permission set; if not, the role's own policies count",
        ),
        Column("note", TEXT, "why nobody is named; missing: somebody is"),
    ),
)


def role_holders(account: AccountTables) -> pd.DataFrame:
    """Return who has each role of IAM Identity Center. Rows: see `ROLE_HOLDERS`."""
    answer = account.snapshot.json(requests.IDENTITY_CENTER.file)
    entitled = as_dict(account.snapshot.json(requests.ACCOUNT_ACCESS.file))
    given = [as_dict(each) for each in as_list(entitled.get("entitlements"))]
    roles = account.roles[["role_arn", "role_name", "path"]].dropna()
    rows = []
    for arn, name, path in roles.itertuples(index=False, name=None):
        found = NAME.fullmatch(name)
        rows += [
            {"role_arn": arn, "role_name": name, **person}
            for each in given
            if each.get("RoleArn") == arn
            for person in _people(entitled, each)
        ]
        if not found or not path.startswith(PATH):
            continue
        about = {"role_arn": arn, "role_name": name, "permission_set": found[1]}
        if answer is None:
            rows.append({**about, "note": UNKNOWN_HOLDERS})
            continue
        rows += [{**about, **each} for each in _holders(as_dict(answer), found[1])]
    return ROLE_HOLDERS.conform(pd.DataFrame(rows, columns=ROLE_HOLDERS.names))


def people_by_role(holders: pd.DataFrame) -> dict[str, list[str]]:
    """
    Return the people who have each role, by its ARN: empty for nobody, no entry if not known.

    A person who has a role by a group is named with it, and so is that somebody is disabled.
    """
    known = holders[holders["note"].fillna("").ne(UNKNOWN_HOLDERS)]
    found: dict[str, list[str]] = {arn: [] for arn in known["role_arn"]}
    people = known[known["user_id"].notna()].sort_values(
        "group_name", na_position="first", kind="stable"
    )
    for row in people.drop_duplicates(["role_arn", "user_id"]).to_dict("records"):
        name = row["user_id"] if pd.isna(row["user_name"]) else row["user_name"]
        group = None if pd.isna(row["group_name"]) else f"by {row['group_name']}"
        disabled = "disabled" if pd.notna(row["enabled"]) and not row["enabled"] else None
        more = ", ".join(filter(None, (group, disabled)))
        found[row["role_arn"]].append(f"{name} ({more})" if more else name)
    return found


def _holders(answer: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Who is assigned to a permission set, or why nobody is named."""
    sets = [each for each in as_list(answer.get("PermissionSets")) if _is_called(each, name)]
    if not sets:
        yield {"note": NO_SET}
        return
    up_to_date = all(each.get("IsProvisioned") is True for each in sets)
    arns = {each.get("PermissionSetArn") for each in sets}
    found = [
        {**person, "up_to_date": up_to_date}
        for each in as_list(answer.get("Assignments"))
        if as_dict(each).get("PermissionSetArn") in arns
        for person in _people(answer, as_dict(each))
    ]
    yield from found or [{"note": NOBODY, "up_to_date": up_to_date}]


def _is_called(permission_set: Any, name: str) -> bool:
    return as_dict(permission_set).get("PermissionSetName") == name


def _people(answer: Mapping[str, Any], assignment: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The person that is assigned, or those in the group that is."""
    users = {each.get("UserId"): each for each in map(as_dict, as_list(answer.get("Users")))}
    assigned, group = assignment.get("PrincipalId"), None
    ids = [assigned]
    if assignment.get("PrincipalType") == "GROUP":
        groups = {each.get("GroupId"): each for each in map(as_dict, as_list(answer.get("Groups")))}
        known = groups.get(assigned, {})
        group = known.get("DisplayName") or assigned
        ids = as_list(known.get("Members"))
        if not ids:
            yield {"group_name": group, "note": f"the group {group} has no members"}
    for user_id in ids:
        person = users.get(user_id, {})
        status = person.get("UserStatus")
        yield {
            "user_id": user_id,
            "user_name": person.get("UserName"),
            "display_name": person.get("DisplayName"),
            "group_name": group,
            "enabled": None if status is None else status == "ENABLED",
        }
