"""
The policies that put MFA and networks in place, written for the account that is audited.

Sources: IAM User Guide, "AWS: Allows MFA-authenticated IAM users to manage their own credentials on
the Security credentials page" and "AWS: Denies access to AWS based on the source IP"; AWS, "Data
perimeter policy examples", for what services call on somebody's behalf.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from iamkit.account import Account
from iamkit.remedies.commands import group_arn, kind_of, name_of, policy_arn
from iamkit.remedies.documents import held, new_version
from iamkit.remedies.proposal import (
    GROUPS,
    Proposal,
    active_keys,
    failing,
    for_emergencies,
    recent,
    used,
)
from iamkit.restrictions import PARTLY_RESTRICTED, UNRESTRICTED
from iamkit.results import changes

MFA_GROUP: Final = "iamkit-require-mfa"
NETWORK_GROUP: Final = "iamkit-approved-networks"
OWN_DEVICES: Final = (
    "iam:EnableMFADevice",
    "iam:GetMFADevice",
    "iam:GetUser",
    "iam:ListMFADevices",
    "iam:ResyncMFADevice",
)
PLACES: Final = ("aws:SourceVpc", "aws:SourceVpce")
LISTS: Final = ("iam:ListVirtualMFADevices",)


def enforce_mfa(account: Account) -> Proposal:
    """Deny all but registering a device without MFA, for people whose password works without."""
    weak = failing(account, "password_without_enforced_mfa", "mfa_can_be_removed")
    emergency = for_emergencies(account)
    people = [each for each in dict.fromkeys(weak["subject"]) if ":user/" in each]
    full = full_of_groups(account, MFA_GROUP)
    users = [each for each in people if each not in emergency and each not in full]
    stopped = [used(key) for key in active_keys(account, set(users)) if recent(key.idle_days)]
    without = account.credentials
    without = without[without["user_arn"].isin(users) & without["mfa_registered"].eq(other=False)]
    stopped += [f"{name}, until a device is registered" for name in without["user_name"]]
    services = account.credentials
    services = services[
        ~services["password_enabled"].fillna(value=True) & services["keys_active"].gt(0)
    ]
    left = [f"{name_of(each)}: kept for emergencies" for each in people if each in emergency]
    left += [_full(each) for each in people if each in full - emergency]
    left += [f"{name}: a program without a password" for name in services["user_name"]]
    made = in_group(account, MFA_GROUP, mfa_policy(account), users)
    return Proposal(
        "enforce-mfa",
        "Enforce MFA for everybody with a password",
        "Registered MFA protects nothing that works without it. The policy denies all else until "
        "its user signs in with MFA, and lets everybody register a device.",
        made,
        tuple(stopped),
        (
            "passkeys show no codes: their users lose the command line with access keys",
            "a first or expired password cannot be changed without MFA under this policy",
        ),
        tuple(left),
        together=shared(made),
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
    emergency = for_emergencies(account)
    full = full_of_groups(account, NETWORK_GROUP)
    users = [arn for arn in weak["principal_arn"] if arn not in emergency and arn not in full]
    left = [f"{name_of(arn)}: kept for emergencies" for arn in weak["principal_arn"]
            if arn in emergency]  # fmt: skip
    left += [_full(arn) for arn in weak["principal_arn"] if arn in full - emergency]
    stopped = [
        f"{used(key)}: from where is not in the evidence"
        for key in active_keys(account, set(users))
        if recent(key.idle_days)
    ]
    said = ", ".join(f"{key}: {', '.join(names)}" for key, names in own_endpoints(account).items())
    made = in_group(account, NETWORK_GROUP, network_policy(account), users)
    return Proposal(
        "restrict-networks",
        f"Allow requests of users only from {', '.join(approved)}",
        "A stolen password or key is of no use from anywhere else.",
        made,
        tuple(stopped),
        (
            "from where identities send their requests; ask CloudTrail before you attach it",
            f"VPC endpoints that no policy names are shut out; let in: {said or 'none'}",
            "CloudShell sends requests from addresses of AWS, which are shut out",
        ),
        tuple(left),
        together=shared(made),
    )


def full_of_groups(account: Account, name: str) -> set[str]:
    """Return the users whom a group of this name cannot take, as they are in too many others."""
    inside = account.memberships
    members = inside.loc[inside["group_arn"].eq(group_arn(account, name)), "user_arn"]
    numbers = inside["user_arn"].value_counts()
    return {*numbers.index[numbers >= GROUPS]} - {*members}


def _full(user: str) -> str:
    return f"{name_of(user)}: in {GROUPS} groups, as many as IAM allows"


def in_group(
    account: Account,
    name: str,
    document: dict[str, Any],
    users: list[str],
    roles: Iterable[str] = (),
) -> tuple[changes.Change, ...]:
    """
    Return the changes that put a policy on a group of these users, and on roles.

    On users themselves it would be a finding. What is there of it already stays.
    """
    if not users and not roles:
        return ()
    made: list[changes.Change] = []
    policy, group = policy_arn(account, name), group_arn(account, name)
    documents = account.policy_versions.set_index("policy_arn")["document"]
    if policy not in documents.index:
        made.append(changes.CreatePolicy(name, document))
    elif documents[policy] != document:  # since the last time, settings or users have changed
        made += new_version(account, policy, document)
    if users and not account.groups["group_arn"].eq(group).any():
        made.append(changes.CreateGroup(name))
    if users and (policy, "attached") not in held(account, group):
        made.append(changes.AttachPolicy(group, policy))
    inside = account.memberships
    members = set(inside.loc[inside["group_arn"].eq(group), "user_arn"])
    made += [changes.AddUserToGroup(arn, group) for arn in users if arn not in members]
    made += [changes.AttachPolicy(arn, policy) for arn in roles]
    return tuple(made)


def shared(made: Iterable[changes.Change]) -> tuple[tuple[changes.Change, ...], ...]:
    """Return, as one part, what `in_group` makes for all: the policy and the group that has it."""
    kinds = (
        *(changes.CreatePolicy, changes.CreatePolicyVersion, changes.DeletePolicyVersion),
        changes.CreateGroup,
    )
    part = tuple(
        each
        for each in made
        if isinstance(each, kinds)
        or (isinstance(each, changes.AttachPolicy) and kind_of(each.principal) == "group")
    )
    return (part,) if part else ()


def mfa_policy(account: Account) -> dict[str, Any]:
    """
    Return the policy that lets users register their own device, and denies all else without MFA.

    What is open without MFA is what the settings say (`self_service`). A user with a path is
    matched by its own pattern: `user/${aws:username}` would leave it out.
    """
    prefix = f"arn:{account.partition}:iam::{account.account_id}"
    own = [f"{prefix}:user/${{aws:username}}"]
    if account.users["path"].fillna("/").ne("/").any():
        own.append(f"{prefix}:user/*/${{aws:username}}")
    return _document(
        {"Sid": "ListDevices", "Effect": "Allow", "Action": list(LISTS), "Resource": "*"},
        {
            "Sid": "RegisterOwnDevice",
            "Effect": "Allow",
            "Action": list(OWN_DEVICES),
            "Resource": own,
        },
        # The name of a device is free, since a user can have several.
        {
            "Sid": "MakeVirtualDevice",
            "Effect": "Allow",
            "Action": "iam:CreateVirtualMFADevice",
            "Resource": f"{prefix}:mfa/*",
        },
        {
            "Sid": "DenyAllElseWithoutMFA",
            "Effect": "Deny",
            "NotAction": sorted(account.settings.self_service),
            "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        },
    )


def network_policy(account: Account) -> dict[str, Any]:
    """
    Return the policy that denies requests from anywhere but the approved networks.

    VPC endpoints and VPCs that the account's policies name are let in: their requests carry no
    address. What an AWS service does with its caller's permissions is let through.
    """
    condition: dict[str, Any] = {
        "NotIpAddressIfExists": {"aws:SourceIp": list(account.settings.approved_networks)},
        "BoolIfExists": {"aws:ViaAWSService": "false"},
    }
    for key, names in own_endpoints(account).items():
        condition.setdefault("StringNotEqualsIfExists", {})[key] = names
    return _document(
        {
            "Sid": "DenyOutsideApprovedNetworks",
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": condition,
        }
    )


def own_endpoints(account: Account) -> dict[str, list[str]]:
    """Return the VPC endpoints and VPCs that restrictions of the account name, by their key."""
    wanted = {key.lower(): key for key in PLACES}
    found: dict[str, set[str]] = {}
    for conditions in account.statements.loc[account.statements["effect"].eq("Deny"), "conditions"]:
        for keys in (conditions or {}).values() if isinstance(conditions, dict) else ():
            for key, values in keys.items() if isinstance(keys, dict) else ():
                if key.lower() in wanted:
                    named = [values] if isinstance(values, str) else values
                    found.setdefault(wanted[key.lower()], set()).update(_plain(named))
    return {key: sorted(names) for key, names in sorted(found.items()) if names}


def _plain(names: Iterable[Any]) -> Iterable[str]:
    """Names without wildcards or variables, which no list of endpoints can hold."""
    return (each for each in names if isinstance(each, str) and not set("*?$") & set(each))


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
