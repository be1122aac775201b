"""Proposals about policies: in the wrong place, without a holder, with a hole, or old versions."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import Any, Final

from iamkit.account import Account
from iamkit.checks import INFO, Status
from iamkit.reference import load_catalog
from iamkit.remedies.commands import group_arn, name_of, policy_arn
from iamkit.remedies.documents import Statement, edited, held, own_policy, statements_of
from iamkit.remedies.proposal import (
    GROUPS,
    Proposal,
    active_keys,
    failing,
    for_emergencies,
    pairs,
    recent,
    used,
)
from iamkit.results import changes
from iamkit.values import as_dict, as_list

MFA: Final = "aws:MultiFactorAuthPresent"
# Checks whose subject is a principal, and whose reason a policy that is attached to it.
ABOUT_ATTACHED: Final = ("cloudshell_full_access", "marketplace_subscription")
SHELL: Final = "AWSCloudShellFullAccess"
SHELL_POLICY: Final = "iamkit-cloudshell-without-files"
SHELL_FILES: Final = ("cloudshell:GetFileDownloadUrls", "cloudshell:GetFileUploadUrls")


def old_versions(account: Account) -> Proposal:
    """Delete versions of policies that give administrator access and are not in force."""
    found = failing(account, "administrative_old_version")
    made = [
        changes.DeletePolicyVersion(subject, version)
        for subject, detail in pairs(found)
        for version in re.findall(r"\bversion (v\d+)\b", detail)[:1]
    ]
    return Proposal(
        "delete-old-versions",
        "Delete old versions of policies that give administrator access",
        "Who may set the default version of such a policy is an administrator in one call.",
        tuple(made),
    )


def unattached(account: Account) -> Proposal:
    """Delete policies that nobody has and nothing refers to."""
    found = failing(account, "unattached_policy", "administrative_unattached_policy")
    alone = found[found["next_step"].fillna("").str.match("Delete it")]
    documents = set(account.policy_versions["policy_arn"])
    made = [changes.DeletePolicy(arn) for arn in alone["subject"].unique() if arn in documents]
    return Proposal(
        "delete-unattached-policies",
        "Delete policies that nobody has",
        "A forgotten policy is attached again one day by somebody who has not read it.",
        tuple(made),
    )


def into_groups(account: Account) -> Proposal:
    """Put users into groups that have the policies which they have themselves."""
    emergency = for_emergencies(account)
    rows = account.policy_versions
    documents = dict(zip(rows["policy_arn"].map(str), rows["document"], strict=True))
    inside = account.memberships["user_arn"].value_counts()
    groups = {name_of(arn) for arn in account.groups["group_arn"].dropna()}
    carries = _carry_findings(account)
    alike: dict[str, list[str]] = {}
    left = []
    for arn in failing(account, "policy_on_user")["subject"].unique():
        mine = sorted(held(account, arn))
        texts = [documents.get(policy) for policy, how in mine if how == "inline"]
        if arn in emergency:
            left.append(f"{name_of(arn)}: kept for emergencies")
            continue
        if int(inside.get(arn, 0)) >= GROUPS:
            left.append(f"{name_of(arn)}: in {GROUPS} groups, as many as IAM allows")
            continue
        if not all(texts):
            left.append(f"{name_of(arn)}: an inline policy is not in the evidence")
            continue
        if wide := [carries[each] for each in (arn, *(policy for policy, _ in mine))
                    if each in carries]:  # fmt: skip
            left.append(f"{name_of(arn)}: {wide[0]}")
            continue
        names = [policy.rpartition("#")[2] for policy, _ in mine]
        alike.setdefault(json.dumps([names, texts], sort_keys=True), []).append(arn)
    parts: list[tuple[changes.Change, ...]] = []
    for users in alike.values():
        name = f"iamkit-as-{name_of(users[0])}"[:128]
        if name in groups:
            left += [f"{name_of(each)}: there is a group {name} already" for each in users]
            continue
        parts += _moved(account, name, users, documents)
    return Proposal(
        "policies-to-groups",
        "Give policies to groups instead of to users",
        "Who has what is seen, and changed, in one place. Everybody keeps all permissions.",
        tuple(chain.from_iterable(parts)),
        left_out=tuple(left),
        together=tuple(parts),
    )


def _carry_findings(account: Account) -> dict[str, str]:
    """
    Users and inline policies whose findings a group would get with the policies, and why not.

    A finding about an inline policy has the policy as its subject. A group that gets it has the
    same finding, so that none would end.
    """
    findings = account.audit.findings
    found = findings[findings["status"].eq(Status.FAIL) & findings["severity"].ne(INFO)]
    mine = found[
        found["subject"].str.contains("#", regex=False) | found["check"].isin(ABOUT_ATTACHED)
    ]
    return {
        subject: f"a group that gets {subject.rpartition('#')[2] if '#' in subject else 'them'} "
        f"would have its finding too: {title}"
        for subject, title in zip(mine["subject"], mine["title"], strict=True)
    }


def _moved(
    account: Account, name: str, users: list[str], documents: dict[str, Any]
) -> list[tuple[changes.Change, ...]]:
    """A group with the policies of users who have the same; and each user into it, without them."""
    group = group_arn(account, name)
    made: list[changes.Change] = [changes.CreateGroup(name)]
    for policy, how in held(account, users[0]):
        inline = policy.rpartition("#")[2]
        if how == "attached":
            made.append(changes.AttachPolicy(group, policy))
        else:
            made.append(changes.PutInlinePolicy(group, inline, documents[policy]))
    parts = [tuple(made)]
    for arn in users:
        mine: list[changes.Change] = [changes.AddUserToGroup(arn, group)]
        for policy, how in held(account, arn):
            if how == "attached":
                mine.append(changes.DetachPolicy(arn, policy))
            else:
                mine.append(changes.DeleteInlinePolicy(arn, policy.rpartition("#")[2]))
        parts.append(tuple(mine))
    return parts


def keys_without_mfa(account: Account) -> Proposal:
    """Deny access keys too what a policy denies passwords without MFA."""
    said = failing(account, "policy_says_otherwise")
    said = said[said["next_step"].fillna("").str.startswith('Write "BoolIfExists"')]
    escaping = failing(account, "key_escapes_mfa")["subject"]
    verdicts = account.mfa_enforcement
    deciding = verdicts.loc[verdicts["principal_arn"].isin(escaping), "policy_arn"].dropna()
    policies = dict.fromkeys([*said["subject"], *deciding])
    made = {arn: edit for arn in policies if (edit := edited(account, arn, _if_exists))}
    rows = account.policy_assignments
    holders = set(rows.loc[rows["policy_arn"].isin(made), "principal_arn"])
    return Proposal(
        "deny-keys-without-mfa",
        "Deny access keys without MFA, as passwords are",
        "A request by an access key carries no aws:MultiFactorAuthPresent, so that a Bool in a "
        "Deny leaves it out; BoolIfExists does not.",
        tuple(change for edit in made.values() for change in edit),
        tuple(used(key) for key in active_keys(account, holders) if recent(key.idle_days)),
        ("passkeys show no codes: their users lose the command line with access keys",),
    )


def _if_exists(statement: Statement) -> Statement:
    condition: dict[str, Any] = as_dict(statement.get("Condition"))
    tested = condition.get("Bool")
    if statement.get("Effect") != "Deny" or not isinstance(tested, dict) or MFA not in tested:
        return statement
    kept = {key: value for key, value in tested.items() if key != MFA}
    others = {name: keys for name, keys in condition.items() if name != "Bool"}
    exists = {**others.get("BoolIfExists", {}), MFA: tested[MFA]}
    condition = {**others, **({"Bool": kept} if kept else {}), "BoolIfExists": exists}
    return {**statement, "Condition": condition}


def open_networks(account: Account) -> Proposal:
    """Take every address out of lists of networks that name others besides."""
    found = failing(account, "network_list_open")
    found = found[found["next_step"].fillna("").str.startswith("Remove 0.0.0.0/0")]
    made = {
        arn: edit for arn in found["subject"].unique() if (edit := edited(account, arn, _narrow))
    }
    rows = account.policy_assignments
    holders = set(rows.loc[rows["policy_arn"].isin(made), "principal_arn"])
    keys = [
        f"{used(key)}: from where is not in the evidence"
        for key in active_keys(account, holders)
        if recent(key.idle_days)
    ]
    return Proposal(
        "close-network-lists",
        "Take every address out of lists of networks",
        "A list with 0.0.0.0/0 or ::/0 restricts nobody, whatever else it names.",
        tuple(change for edit in made.values() for change in edit),
        tuple(keys),
        ("from where identities send their requests; ask CloudTrail first",),
    )


def _narrow(statement: Statement) -> Statement:
    condition = statement.get("Condition")
    for keys in condition.values() if isinstance(condition, dict) else ():
        for key, values in keys.items() if isinstance(keys, dict) else ():
            if key.lower() == "aws:sourceip" and isinstance(values, list):
                keys[key] = [each for each in values if not str(each).endswith("/0")] or values
    return statement


def empty_groups(account: Account) -> Proposal:
    """Delete groups without members that have policies."""
    found = failing(account, "empty_group_with_policies")
    steps = found["next_step"].fillna("")
    made: list[changes.Change] = []
    for arn, step in zip(found["subject"], steps, strict=True):
        if step.startswith("Delete the group"):
            made += [changes.DeleteGroup(arn), *alone_after(account, step)]
    return Proposal(
        "delete-empty-groups",
        "Delete groups without members",
        "Anyone who is added to such a group gets its permissions.",
        tuple(made),
    )


def unused_roles(account: Account) -> Proposal:
    """Delete roles that nobody has used for long, with policies that nobody else has."""
    found = failing(account, "unused_role").drop_duplicates("subject")
    emergency = for_emergencies(account)
    details = as_dict(account.snapshot.json("authorization_details.json"))
    roles = map(as_dict, as_list(details.get("RoleDetailList")))
    profiles = {each.get("Arn"): each.get("InstanceProfileList") for each in roles}
    gone, left = [], []
    for arn, step in zip(found["subject"], found["next_step"].fillna(""), strict=True):
        ready = step.startswith("Remove the role's permissions, and delete the role if nothing")
        if not ready or "first" in step or arn in emergency or profiles.get(arn):
            left.append(f"{name_of(arn)}: its next step says what to do first")
        elif shared := _shared_escalation(account, arn, set(found["subject"])):
            left.append(f"{name_of(arn)}: others have {name_of(shared)}, which is the problem")
        else:
            gone.append(arn)
    return Proposal(
        "delete-unused-roles",
        "Delete roles that nobody uses",
        "Anyone who gets at such a role has its permissions, and nobody would notice.",
        (*map(changes.DeleteRole, gone), *_alone_without(account, gone)),
        not_known=(
            "what uses the role less often than once in 400 days, such as a recovery",
            "what names the role outside IAM, such as a key policy or a function",
        ),
        left_out=tuple(left),
    )


def _shared_escalation(account: Account, role: str, unused: set[str]) -> str:
    """A policy with an escalation method that a role shares with others; empty: there is none."""
    rows = account.attachments
    grants = account.policy_grants
    grave = set(grants.loc[grants["escalations"].map(bool, na_action="ignore").eq(other=True),
                           "policy_arn"])  # fmt: skip
    for policy, _ in held(account, role):
        others = set(rows.loc[rows["policy_arn"].eq(policy), "principal_arn"]) - unused
        if policy in grave and own_policy(policy) and others:
            return policy
    return ""


def _alone_without(account: Account, roles: list[str]) -> list[changes.Change]:
    """The deletions of own policies that only these roles have, and that nothing refers to."""
    rows = account.attachments
    mine = rows.loc[rows["principal_arn"].isin(roles), "policy_arn"].unique()
    others = set(rows.loc[~rows["principal_arn"].isin(roles), "policy_arn"])
    texts = json.dumps(account.policy_versions["document"].tolist(), default=str)
    return [
        changes.DeletePolicy(arn)
        for arn in mine
        if own_policy(arn) and "#" not in arn and arn not in others and arn not in texts
    ]


def alone_after(account: Account, step: str) -> list[changes.Change]:
    """Return the deletions of policies that a step says nobody else has."""
    said = re.search(r"Then delete (.+), which nobody else has", step)
    names = re.split(r", | and ", said[1]) if said else []
    arns = [arn for arn in account.policies["policy_arn"] if own_policy(arn) and "#" not in arn]
    return [changes.DeletePolicy(arn) for arn in arns if name_of(arn) in names]


def shell_without_files(account: Account) -> Proposal:
    """Give CloudShell without the transfer of files to those who have all of it."""
    found = failing(account, "cloudshell_full_access")["subject"].unique()
    rows = account.attachments
    mine = rows[rows["principal_arn"].isin(found) & rows["policy_arn"].str.endswith(f"/{SHELL}")]
    policy = policy_arn(account, SHELL_POLICY)
    names = load_catalog().listed.actions
    allowed = [each for each in names if each.startswith("cloudshell:") and each not in SHELL_FILES]
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": sorted(allowed), "Resource": "*"}],
    }
    made: list[changes.Change] = []
    if len(mine) and not statements_of(account, policy):
        made.append(changes.CreatePolicy(SHELL_POLICY, document))
    instead = [
        (changes.AttachPolicy(arn, policy), changes.DetachPolicy(arn, old))
        for arn, old in zip(mine["principal_arn"], mine["policy_arn"], strict=True)
    ]
    return Proposal(
        "cloudshell-without-files",
        "Allow CloudShell without upload and download of files",
        "By a download, data leaves the account past every other control.",
        (*made, *chain.from_iterable(instead)),
        not_known=("who moves files through CloudShell",),
        together=tuple(instead),
    )
