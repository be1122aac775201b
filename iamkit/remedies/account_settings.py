"""Proposals about the account as a whole: an analyzer, roles to be there, the root users."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from iamkit.account import Account
from iamkit.remedies.proposal import Proposal, failing
from iamkit.results import changes

ANALYZER: Final = "iamkit-external-access"
ROLES: Final = (
    ("support_role_missing", "iamkit-support", "AWSSupportAccess", "open cases with AWS Support"),
    ("security_audit_role_missing", "iamkit-audit", "SecurityAudit", "read how AWS is set up"),
)


def account_settings(account: Account) -> Iterator[Proposal]:
    """Return a proposal for each thing that the account lacks and a command can make."""
    if len(failing(account, "external_access_analyzer_missing")):
        yield Proposal(
            "create-analyzer",
            "Let Access Analyzer report who has access from outside",
            "It names each bucket, key, queue and role that an outsider may use.",
            (changes.CreateAnalyzer(ANALYZER),),
            not_known=("other Regions: the command makes one in the Region of your settings",),
        )
    if len(failing(account, "root_not_centrally_managed")):
        yield Proposal(
            "manage-root-centrally",
            "Manage the root users of member accounts centrally",
            "Member accounts then need no root credentials.",
            (changes.EnableOrganizationsRootCredentialsManagement(),),
        )
    for check, name, policy, what in ROLES:
        if len(failing(account, check)):
            role = f"arn:{account.partition}:iam::{account.account_id}:role/{name}"
            managed = f"arn:{account.partition}:iam::aws:policy/{policy}"
            made = (
                changes.CreateRole(name, _with_mfa(account)),
                changes.AttachPolicy(role, managed),
            )
            yield Proposal(
                f"make-{name.removeprefix('iamkit-')}-role",
                f"Make a role to {what}",
                "Nobody may assume it until a policy of theirs allows it; with MFA only.",
                made,
                not_known=("who is to assume it: allow them sts:AssumeRole on it",),
                together=(made,),
            )


def _with_mfa(account: Account) -> dict[str, Any]:
    """A trust policy for those of the account whose policies allow it, with MFA."""
    root = f"arn:{account.partition}:iam::{account.account_id}:root"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": root},
                "Action": "sts:AssumeRole",
                "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
            }
        ],
    }
