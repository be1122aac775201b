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
