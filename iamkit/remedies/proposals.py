"""
What could be changed: proposals that end findings, without a decision that only a person can take.

Many findings need one, such as which resources somebody's work needs: of these the check's own next
step says what to decide. Proposals are grouped, as one change often ends many findings, and each is
tried before it is offered (`proof`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.checks import Status
from iamkit.policy import read_document
from iamkit.remedies.commands import group_arn, policy_arn
from iamkit.remedies.restrictions import (
    MFA_GROUP,
    NETWORK_GROUP,
    mfa_policy,
    network_policy,
    own_endpoints,
)
from iamkit.restrictions import PARTLY_RESTRICTED, UNRESTRICTED
from iamkit.results import changes

RECENT: Final = 90  # days; what was used since is in use
EMERGENCY: Final = re.compile(r"break.?glass|emergenc", re.IGNORECASE)
RULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "password_policy_missing": {"users_may_change": True},
    "password_policy_short": {"minimum_length": 14},
    "password_policy_no_symbol": {"symbols": True},
    "password_policy_no_number": {"numbers": True},
    "password_policy_no_uppercase": {"uppercase": True},
    "password_policy_no_lowercase": {"lowercase": True},
    "password_policy_reuse": {"reuse_prevention": 24},
}


@dataclass(frozen=True)
class Proposal:
    """
    Changes that belong together, and what a person should know before they are made.

    `cut_off` says who may be stopped, `not_known` what the evidence does not say about that.
    """

    id: str
    title: str
    why: str
    changes: tuple[changes.Change, ...]
    cut_off: tuple[str, ...] = ()
    not_known: tuple[str, ...] = ()
    left_out: tuple[str, ...] = field(default=())


def proposals(account: Account) -> list[Proposal]:
    """Return every proposal for an account; those that nobody needs have no changes."""
    made = (build(account) for build in _BUILDERS)
    return [each for each in made if each is not None and each.changes]


def _for_emergencies(account: Account) -> set[str]:
    """Who is kept for emergencies, as a tag, the settings, or only the name says."""
    people = account.principals.dropna(subset="principal_arn")
    named = people["name"].fillna("").str.contains(EMERGENCY)
    return {*account.break_glass["principal_arn"], *people.loc[named, "principal_arn"]}


def _failing(account: Account, *checks: str) -> pd.DataFrame:
    findings = account.audit.findings
    return findings[findings["check"].isin(checks) & findings["status"].eq(Status.FAIL)]


def _pairs(found: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Subject and detail of each finding."""
    return zip(map(str, found["subject"]), map(str, found["detail"].fillna("")), strict=True)


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _recent(days: Any) -> bool:
    return bool(pd.notna(days) and days < RECENT)


def _keys(account: Account, users: set[str] | None = None) -> Iterator[Any]:
    """The active access keys of users, all if none are named; root's are never changed here."""
    keys = account.access_keys
    keys = keys[keys["active"].eq(other=True) & ~keys["is_root"].eq(other=True)]
    for row in keys.itertuples(index=False):
        if users is None or row.user_arn in users:
            yield row


def _used(key: Any) -> str:
    service = f" for {key.used_service}" if pd.notna(key.used_service) else ""
    days = f"{key.idle_days} day{'s' if key.idle_days != 1 else ''} ago"
    return f"access key {key.slot} of {key.user_name}, used {days}{service}"


def unused_keys(account: Account) -> Proposal:
    """Deactivate access keys that nobody has used for a while."""
    users = set(_failing(account, "unused_access_key", "unused_kind_of_access")["subject"])
    limit = max(RECENT, account.settings.unused_days)
    emergency = _for_emergencies(account)
    made, left = [], []
    for key in _keys(account, users):
        if key.user_arn in emergency:
            left.append(f"{key.user_name}: kept for emergencies")
            continue
        never = key.use == "never used" and pd.notna(key.age_days) and key.age_days >= limit
        if never or (key.use == "used" and pd.notna(key.idle_days) and key.idle_days >= limit):
            made.append(changes.DeactivateAccessKey(key.user_arn, int(key.slot)))
        else:
            left.append(f"{key.user_name}, access key {key.slot}: not unused for {limit} days")
    return Proposal(
        "deactivate-unused-keys",
        "Deactivate access keys that nobody uses",
        "A key that nobody uses can be stolen all the same. An inactive one can be made active "
        "again at once; delete it when nobody has asked for it.",
        tuple(made),
        not_known=("use before April 2015, and use that AWS does not record",),
        left_out=tuple(left),
    )


def unused_passwords(account: Account) -> Proposal:
    """Remove passwords that nobody has used for a while."""
    people = account.credentials.set_index("user_arn")
    limit = max(RECENT, account.settings.unused_days)
    emergency = _for_emergencies(account)
    made, left = [], []
    subjects = _failing(account, "unused_password", "unused_kind_of_access")["subject"].unique()
    for arn in subjects:
        row = people.loc[arn]
        if not (pd.notna(row["password_enabled"]) and row["password_enabled"]):
            continue
        days = row["password_idle_days"]
        if pd.isna(days):
            days = row["password_age_days"]
        if pd.notna(days) and days >= limit and arn not in emergency and not row["is_root"]:
            made.append(changes.DeleteLoginProfile(arn))
        else:
            left.append(f"{_name(arn)}: not unused for {limit} days, or kept for emergencies")
    return Proposal(
        "remove-unused-passwords",
        "Remove passwords that nobody uses",
        "A password that nobody uses can be guessed or stolen all the same. Its user can get a "
        "new one.",
        tuple(made),
        left_out=tuple(left),
    )


def enforce_mfa(account: Account) -> Proposal:
    """Deny all but registering a device without MFA, for people whose password works without."""
    weak = _failing(account, "password_without_enforced_mfa", "mfa_can_be_removed")
    emergency = _for_emergencies(account)
    people = [each for each in dict.fromkeys(weak["subject"]) if ":user/" in each]
    users = [each for each in people if each not in emergency]
    stopped = [_used(key) for key in _keys(account, set(users)) if _recent(key.idle_days)]
    without = account.credentials
    without = without[without["user_arn"].isin(users) & without["mfa_registered"].eq(other=False)]
    stopped += [f"{name}, until a device is registered" for name in without["user_name"]]
    services = account.credentials
    services = services[
        ~services["password_enabled"].fillna(value=True) & services["keys_active"].gt(0)
    ]
    left = [f"{_name(each)}: kept for emergencies" for each in people if each in emergency]
    left += [f"{name}: a program without a password" for name in services["user_name"].head(50)]
    return Proposal(
        "enforce-mfa",
        "Enforce MFA for everybody with a password",
        "Registered MFA protects nothing that works without it. The policy denies all else until "
        "its user signs in with MFA, and lets everybody register a device.",
        _in_group(account, MFA_GROUP, mfa_policy(account), users),
        tuple(stopped),
        (
            "passkeys show no codes: their users lose the command line with access keys",
            "a first or expired password cannot be changed without MFA under this policy",
        ),
        tuple(left),
    )


def restrict_networks(account: Account) -> Proposal | None:
    """Deny requests from outside the approved networks, for users who may come from anywhere."""
    approved = account.settings.approved_networks
    if not approved:
        return None
    verdicts = account.network_restrictions
    weak = verdicts[
        verdicts["kind"].eq("user") & verdicts["verdict"].isin([UNRESTRICTED, PARTLY_RESTRICTED])
    ]
    emergency = _for_emergencies(account)
    users = [arn for arn in weak["principal_arn"] if arn not in emergency]
    stopped = [
        f"{_used(key)}: from where is not in the evidence"
        for key in _keys(account, set(users))
        if _recent(key.idle_days)
    ]
    said = ", ".join(f"{key}: {', '.join(names)}" for key, names in own_endpoints(account).items())
    return Proposal(
        "restrict-networks",
        f"Allow requests of users only from {', '.join(approved)}",
        "A stolen password or key is of no use from anywhere else.",
        _in_group(account, NETWORK_GROUP, network_policy(account), users),
        tuple(stopped),
        (
            "from where identities send their requests; ask CloudTrail before you attach it",
            f"VPC endpoints that no policy names are shut out; let in: {said or 'none'}",
            "CloudShell sends requests from addresses of AWS, which are shut out",
        ),
        tuple(f"{_name(arn)}: kept for emergencies" for arn in weak["principal_arn"]
              if arn in emergency),
    )  # fmt: skip


def _in_group(
    account: Account, name: str, document: dict[str, Any], users: list[str]
) -> tuple[changes.Change, ...]:
    """A policy on a group of these users: on users themselves it would be a finding."""
    if not users:
        return ()
    made: list[changes.Change] = []
    policy, group = policy_arn(account, name), group_arn(account, name)
    documents = account.policy_versions.set_index("policy_arn")["document"]
    if policy not in documents.index:
        made.append(changes.CreatePolicy(name, document))
    elif documents[policy] != document:  # since the last time, settings or users have changed
        made.append(changes.CreatePolicyVersion(policy, document))
    if not account.groups["group_arn"].eq(group).any():
        made += [changes.CreateGroup(name), changes.AttachPolicy(group, policy)]
    inside = account.memberships
    members = set(inside.loc[inside["group_arn"].eq(group), "user_arn"])
    made += [changes.AddUserToGroup(arn, group) for arn in users if arn not in members]
    return tuple(made)


def password_rules(account: Account) -> Proposal:
    """Set the password policy as a whole, with all that is to stay."""
    found = _failing(account, *RULES)["check"]
    rules: dict[str, Any] = {}
    for check in found:
        rules |= RULES[check]
    if found.eq("password_policy_missing").any():
        for each in RULES.values():
            rules |= each
    wanted = changes.UpdatePasswordPolicy.keeping(account.password_policy, **rules)
    return Proposal(
        "set-password-policy",
        "Set the account's password policy",
        "AWS resets what the call leaves out, so the command has all rules: those of today, and "
        "those that fail.",
        (wanted,) if rules else (),
        not_known=("present passwords stay as they are until they are changed",),
    )


def old_versions(account: Account) -> Proposal:
    """Delete versions of policies that give administrator access and are not in force."""
    found = _failing(account, "administrative_old_version")
    made = [
        changes.DeletePolicyVersion(subject, version)
        for subject, detail in _pairs(found)
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
    found = _failing(account, "unattached_policy", "administrative_unattached_policy")
    alone = found[found["next_step"].fillna("").str.match("Delete it")]
    documents = set(account.policy_versions["policy_arn"])
    made = [changes.DeletePolicy(arn) for arn in alone["subject"].unique() if arn in documents]
    return Proposal(
        "delete-unattached-policies",
        "Delete policies that nobody has",
        "A forgotten policy is attached again one day by somebody who has not read it.",
        tuple(made),
    )


def services_for_others(account: Account) -> Proposal:
    """Ask services, whose guide says so, for whom they act."""
    found = _failing(account, "service_without_source")
    known = found[found["next_step"].fillna("").str.startswith("Add a condition on aws:Source")]
    made = [
        _trusting(account, arn, "Service", "aws:SourceAccount", account.account_id)
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
    found = _failing(account, "trusts_deleted_identity")
    found = found[found["next_step"].fillna("").str.startswith("Remove the id")]
    made = []
    for subject, detail in _pairs(found):
        ids = set(re.findall(r"\b(?:AIDA|AROA)[A-Z0-9]+", detail))
        document = _trust(account, subject)
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
    found = _failing(account, "administrative_role_without_mfa")
    found = found[found["next_step"].fillna("").str.startswith('Add "Bool"')]
    made = [
        _trusting(account, arn, "AWS", "aws:MultiFactorAuthPresent", "true", "Bool")
        for arn in found["subject"].unique()
    ]
    return Proposal(
        "mfa-for-administrative-roles",
        "Ask for MFA in the trust policies of administrative roles",
        "Whoever steals a password or key of those who may assume the role is an administrator.",
        tuple(made),
        not_known=("programs that assume these roles cannot use MFA and would be stopped",),
    )


def _trust(account: Account, role: str) -> dict[str, Any]:
    """A copy of a role's trust policy, with a list of statements."""
    details = account.snapshot.json("authorization_details.json")
    entry = next(each for each in details["RoleDetailList"] if each.get("Arn") == role)
    document: dict[str, Any] = copy.deepcopy(read_document(entry["AssumeRolePolicyDocument"])[0])
    statements = document["Statement"]
    return {**document, "Statement": statements if isinstance(statements, list) else [statements]}


def _trusting(
    account: Account, role: str, kind: str, key: str, value: str, operator: str = "StringEquals"
) -> changes.Change:
    """A condition added to what a trust policy allows principals of a kind."""
    document = _trust(account, role)
    for statement in document["Statement"]:
        who = statement.get("Principal")
        if statement.get("Effect") == "Allow" and isinstance(who, dict) and kind in who:
            statement.setdefault("Condition", {}).setdefault(operator, {})[key] = value
    return changes.UpdateAssumeRolePolicy(role, document)


_BUILDERS: Final[tuple[Callable[[Account], Proposal | None], ...]] = (
    enforce_mfa,
    restrict_networks,
    unused_keys,
    unused_passwords,
    password_rules,
    mfa_for_roles,
    services_for_others,
    deleted_principals,
    old_versions,
    unattached,
)
