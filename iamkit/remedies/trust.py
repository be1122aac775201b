"""Proposals about trust policies: who may assume a role, and on what condition."""

from __future__ import annotations

import copy
import json
import re
from typing import Final

from iamkit.account import Account
from iamkit.remedies.documents import Blank, Statement, trust_of
from iamkit.remedies.proposal import Proposal, failing, pairs
from iamkit.results import changes
from iamkit.values import as_dict, listed

EXTERNAL_ID: Final = "sts:ExternalId"
MFA: Final = "aws:MultiFactorAuthPresent"


def services_for_others(account: Account) -> Proposal:
    """Ask services, whose guide says so, for whom they act."""
    found = failing(account, "service_without_source")
    known = found[found["next_step"].fillna("").str.startswith("Add a condition on aws:Source")]
    made = [
        trusting(account, arn, "Service", "aws:SourceAccount", account.account_id)
        for arn in known["subject"].unique()
    ]
    return Proposal(
        "name-the-source-of-services",
        "Let services assume roles only for this account",
        "Without the condition, somebody else can have the service act with the role.",
        tuple(made),
        not_known=("a service that does not send aws:SourceAccount would be locked out: try one "
                   "role first",),
    )  # fmt: skip


def deleted_principals(account: Account) -> Proposal:
    """Take the ids of deleted users and roles out of trust policies."""
    found = failing(account, "trusts_deleted_identity")
    found = found[found["next_step"].fillna("").str.startswith("Remove the id")]
    made = []
    for subject, detail in pairs(found):
        ids = set(re.findall(r"\b(?:AIDA|AROA)[A-Z0-9]+", detail))
        document = trust_of(account, subject)
        statements = [_without(each, ids) for each in document["Statement"]]
        document["Statement"] = [each for each in statements if each]
        made.append(changes.UpdateAssumeRolePolicy(subject, document))
    return Proposal(
        "forget-deleted-principals",
        "Take deleted users and roles out of trust policies",
        "The id names nobody any more, and hides who is meant.",
        tuple(made),
    )


def _without(statement: Statement, ids: set[str]) -> Statement | None:
    """A statement without these ids among its principals; None if it names nobody else."""
    who = as_dict(statement.get("Principal"))
    named = listed(who.get("AWS"))
    kept = [each for each in named if each not in ids]
    if kept == named:
        return statement
    others = {kind: each for kind, each in who.items() if kind != "AWS"}
    others |= {"AWS": kept} if kept else {}
    return {**statement, "Principal": others} if others else None


def mfa_for_roles(account: Account) -> Proposal:
    """Ask people for MFA when they assume an administrative role."""
    found = failing(account, "administrative_role_without_mfa")
    steps = found["next_step"].fillna("")
    all_people = found.loc[steps.str.startswith('Add "Bool"'), "subject"].unique()
    mixed = found.loc[steps.str.startswith("Put the users into"), "subject"].unique()
    made = [trusting(account, arn, "AWS", MFA, "true", "Bool") for arn in all_people]
    made += [_usersapart(account, arn) for arn in mixed]
    return Proposal(
        "mfa-for-administrative-roles",
        "Ask for MFA in the trust policies of administrative roles",
        "Whoever steals a password or key of those who may assume the role is an administrator.",
        tuple(made),
        not_known=("programs that assume these roles cannot use MFA and would be stopped",),
    )


def external_ids(account: Account) -> Proposal:
    """Ask other accounts for an external id, which a person puts in its place."""
    failing_roles = failing(account, "vendor_without_external_id")["subject"]
    rows = account.trusted_principals
    rows = rows[rows["role_arn"].isin(failing_roles) & rows["problem"].eq("no external id")]
    rows = rows.dropna(subset="account_id")
    made = tuple(
        _with_ids(account, str(role), sorted(of["account_id"].unique()))
        for role, of in rows.groupby("role_arn", sort=True)
    )
    numbers = sorted(rows["account_id"].unique())
    return Proposal(
        "ask-for-external-ids",
        "Ask other accounts for an external id",
        "Another customer of a vendor can make the vendor act here.",
        made,
        tuple(f"account {each}, until it sends the external id" for each in numbers),
        ("the external ids: the proof was made with a placeholder in the place of each, and the "
         "script asks for them; first the other account has to send what it is to be",),
        to_fill=tuple(map(_external_id, numbers)),
    )  # fmt: skip


def _external_id(number: str) -> Blank:
    """The external id of an account."""
    meaning = f"the external id that account {number} sends"
    return Blank(f"EXTERNAL_ID_{number}", meaning, f"the-external-id-of-{number}")


def _with_ids(account: Account, role: str, numbers: list[str]) -> changes.Change:
    """An external id for each of these accounts, in a statement of its own beside others."""
    document = trust_of(account, role)
    statements: list[Statement] = document["Statement"]
    for number in numbers:
        made: list[Statement] = []
        for statement in statements:
            who = as_dict(statement.get("Principal"))
            meant = [each for each in listed(who.get("AWS")) if number in str(each).split(":")]
            if not meant or EXTERNAL_ID in json.dumps(statement.get("Condition")):
                made.append(statement)
                continue
            condition = ("StringEquals", EXTERNAL_ID, _external_id(number).example)
            found = apart(statement, "AWS", meant, condition)
            if "Sid" in statement:
                found[-1]["Sid"] = f"{statement['Sid']}ExternalId{number}"
            made += found
        statements = made
    return changes.UpdateAssumeRolePolicy(role, {**document, "Statement": statements})


def trusting(
    account: Account, role: str, kind: str, key: str, value: str, operator: str = "StringEquals"
) -> changes.Change:
    """
    A condition added to what a trust policy allows principals of a kind.

    Others named beside them keep a statement without it, which they could not meet.
    """
    document = trust_of(account, role)
    made: list[Statement] = []
    for statement in document["Statement"]:
        who = statement.get("Principal")
        meant = who.get(kind) if isinstance(who, dict) else None
        condition = (operator, key, value)
        made += apart(statement, kind, listed(meant), condition) if meant else [statement]
    return changes.UpdateAssumeRolePolicy(role, {**document, "Statement": made})


def _usersapart(account: Account, role: str) -> changes.Change:
    """Users in a statement of their own, which asks for MFA: roles and services have none."""
    document = trust_of(account, role)
    made: list[Statement] = []
    for statement in document["Statement"]:
        who = statement.get("Principal")
        named = listed(who.get("AWS")) if isinstance(who, dict) else []
        users = [each for each in named if ":user/" in each]
        made += apart(statement, "AWS", users, ("Bool", MFA, "true")) if users else [statement]
    return changes.UpdateAssumeRolePolicy(role, {**document, "Statement": made})


def apart(
    statement: Statement, kind: str, meant: list[str], condition: tuple[str, str, str]
) -> list[Statement]:
    """
    Return an allowing statement with a condition for the principals that are meant.

    Others named beside them keep a statement without it.
    """
    if statement.get("Effect") != "Allow":
        return [statement]
    who = statement["Principal"]
    others = {**who, kind: [each for each in listed(who[kind]) if each not in meant]}
    others = {name: each for name, each in others.items() if each}
    operator, key, value = condition
    made = copy.deepcopy(statement)
    made.setdefault("Condition", {}).setdefault(operator, {})[key] = value
    if not others:
        return [made]
    made["Principal"] = {kind: meant}
    if "Sid" in made:
        made["Sid"] = f"{made['Sid']}With{key.partition(':')[2]}"
    return [{**statement, "Principal": others}, made]
