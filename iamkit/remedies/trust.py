"""Proposals about trust policies: who may assume a role, and on what condition."""

from __future__ import annotations

import copy
import re
from typing import Any, Final

from iamkit.account import Account
from iamkit.remedies.documents import trust_of
from iamkit.remedies.proposal import Proposal, failing, pairs
from iamkit.results import changes

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
        for statement in document["Statement"]:
            named = statement.get("Principal", {}).get("AWS", [])
            named = [named] if isinstance(named, str) else named
            statement["Principal"]["AWS"] = [each for each in named if each not in ids]
        made.append(changes.UpdateAssumeRolePolicy(subject, document))
    return Proposal(
        "forget-deleted-principals",
        "Take deleted users and roles out of trust policies",
        "The id names nobody any more, and hides who is meant.",
        tuple(made),
    )


def mfa_for_roles(account: Account) -> Proposal:
    """Ask people for MFA when they assume an administrative role."""
    found = failing(account, "administrative_role_without_mfa")
    steps = found["next_step"].fillna("")
    all_people = found.loc[steps.str.startswith('Add "Bool"'), "subject"].unique()
    mixed = found.loc[steps.str.startswith("Put the users into"), "subject"].unique()
    made = [trusting(account, arn, "AWS", MFA, "true", "Bool") for arn in all_people]
    made += [_users_apart(account, arn) for arn in mixed]
    return Proposal(
        "mfa-for-administrative-roles",
        "Ask for MFA in the trust policies of administrative roles",
        "Whoever steals a password or key of those who may assume the role is an administrator.",
        tuple(made),
        not_known=("programs that assume these roles cannot use MFA and would be stopped",),
    )


def trusting(
    account: Account, role: str, kind: str, key: str, value: str, operator: str = "StringEquals"
) -> changes.Change:
    """A condition added to what a trust policy allows principals of a kind."""
    document = trust_of(account, role)
    for statement in document["Statement"]:
        who = statement.get("Principal")
        if statement.get("Effect") == "Allow" and isinstance(who, dict) and kind in who:
            statement.setdefault("Condition", {}).setdefault(operator, {})[key] = value
    return changes.UpdateAssumeRolePolicy(role, document)


def _users_apart(account: Account, role: str) -> changes.Change:
    """Users in a statement of their own, which asks for MFA: roles and services have none."""
    document = trust_of(account, role)
    made: list[dict[str, Any]] = []
    for statement in document["Statement"]:
        who = statement.get("Principal")
        named = who.get("AWS", []) if isinstance(who, dict) else []
        named = [named] if isinstance(named, str) else named
        users = [each for each in named if ":user/" in each]
        if statement.get("Effect") != "Allow" or not users:
            made.append(statement)
            continue
        others = {**who, "AWS": [each for each in named if each not in users]}
        others = {kind: listed for kind, listed in others.items() if listed}
        made += [{**statement, "Principal": others}] if others else []
        apart = {**copy.deepcopy(statement), "Principal": {"AWS": users}}
        apart.setdefault("Condition", {}).setdefault("Bool", {})[MFA] = "true"
        if "Sid" in apart and others:
            apart["Sid"] = f"{apart['Sid']}WithMFA"
        made.append(apart)
    return changes.UpdateAssumeRolePolicy(role, {**document, "Statement": made})
