"""
Which findings a remedy ends, by check, and why the others have none.

Every check is in one of the two tables; a test compares them with the checks, and with
docs/remedies.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# The checks that a remedy is made for; it often ends others as well. `*`: a number, or all.
MADE_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "enforce-mfa": ("password_without_enforced_mfa", "mfa_can_be_removed"),
    "restrict-networks": ("key_usable_from_anywhere", "network_fence_with_holes"),
    "deny-keys-without-mfa": ("key_escapes_mfa", "policy_says_otherwise"),
    "close-network-lists": ("network_list_open",),
    "deactivate-unused-keys": ("unused_access_key", "unused_kind_of_access"),
    "remove-unused-passwords": ("unused_password", "unused_kind_of_access"),
    "cut-unused-permissions": ("stale_service_access",),
    "set-password-policy": (
        "password_policy_missing",
        "password_policy_short",
        "password_policy_no_symbol",
        "password_policy_no_number",
        "password_policy_no_uppercase",
        "password_policy_no_lowercase",
        "password_policy_reuse",
    ),
    "mfa-for-administrative-roles": ("administrative_role_without_mfa",),
    "name-the-source-of-services": ("service_without_source",),
    "forget-deleted-principals": ("trusts_deleted_identity",),
    "ask-for-external-ids": ("vendor_without_external_id",),
    "name-the-subject-of-tokens": ("federation_without_subject",),
    "name-the-audience-of-assertions": ("federation_without_subject",),
    "delete-old-versions": ("administrative_old_version",),
    "delete-unattached-policies": ("unattached_policy", "administrative_unattached_policy"),
    "policies-to-groups": ("policy_on_user",),
    "delete-empty-groups": ("empty_group_with_policies",),
    "delete-unused-roles": ("unused_role",),
    "cloudshell-without-files": ("cloudshell_full_access",),
    "end-paths-*": ("can_become_administrator", "can_escalate"),
    "create-analyzer": ("external_access_analyzer_missing",),
    "manage-root-centrally": ("root_not_centrally_managed",),
    "make-support-role": ("support_role_missing",),
    "make-audit-role": ("security_audit_role_missing",),
}

_WORK: Final = "which permissions somebody's work needs is not in the evidence"
_HOLDER: Final = "only its holder can register a device"
_ROOT: Final = "only the root user can: sign in as root and open Security credentials"
_ROTATE: Final = "`iamkit rotate` replaces keys step by step"
_WHO: Final = "whom the role is meant for is not in the evidence"
_CLIENT: Final = "what uses it is not recorded, so that nobody knows what would stop"
_FACT: Final = "the use stays on record; a person has to ask what it was for"

# Why no command is proposed; the finding's next step says what a person does.
WITHOUT: Final[Mapping[str, str]] = {
    "access_key_made_with_user": _ROTATE,
    "active_signing_certificate": _CLIENT,
    "administrative_aws_policy": _WORK,
    "administrative_customer_policy": _WORK,
    "administrative_inline_policy": _WORK,
    "administrator_group": _WORK,
    "administrator_role": _WORK,
    "administrator_role_open_to_account": _WHO,
    "administrator_through_iam": _WORK,
    "administrator_user": _WORK,
    "administrator_without_mfa": _HOLDER,
    "anyone_may_assume": _WHO,
    "break_glass_not_ready": _HOLDER,
    "break_glass_used": _FACT,
    "console_user_without_mfa": _HOLDER,
    "contact_details_missing": "whom AWS should reach is not in the evidence",
    "cross_account_read_only": "what the other account reads is not in the evidence",
    "escalates_with_a_target": "whether such a function, instance or project exists is not in IAM",
    "escalating_customer_policy": _WORK,
    "escalating_inline_policy": _WORK,
    "expired_server_certificate": "whether a load balancer uses it is not in IAM",
    "federation_missing": "which identity provider knows the users is not in the evidence",
    "federation_without_provider": "whether the provider is to be made again is for a person",
    "full_access_to_cloudtrail": _WORK,
    "full_access_to_kms": _WORK,
    "long_lived_access_keys": "which program uses a key, and if it can use a role, is not in IAM",
    "marketplace_subscription": "who buys for the company is not in the evidence",
    "near_administrator": _WORK,
    "network_list_doubtful": "which networks are meant is not in the evidence",
    "network_list_unapproved": "whose network it is only a person knows",
    "old_access_key": _ROTATE,
    "old_password": "only its user can choose a new password",
    "open_boundary": _WORK,
    "outsiders_go_on": _WORK,
    "password_policy_no_expiry": "it locks people out, and adds little if everybody has MFA",
    "permissive_role_assumption": "which roles are meant is not in the evidence",
    "platform_role_impostor": "who made the role is in CloudTrail, not in IAM",
    "platform_role_wide": "the platform undoes each change that is not made there",
    "policy_names_nothing": "which action was meant only a person knows",
    "reads_every_secret": "which secrets are needed is not in the evidence",
    "root_access_key": _ROOT,
    "root_signing_certificate": _ROOT,
    "root_used": _FACT,
    "root_without_hardware_mfa": _ROOT,
    "root_without_mfa": _ROOT,
    "security_contact_missing": "whom AWS should reach is not in the evidence",
    "service_credential_without_expiry": _CLIENT,
    "service_for_unknown_account": "whose account it is only a person knows",
    "too_many_administrators": _WORK,
    "two_active_access_keys": _ROTATE,
    "unusable_user": "whether somebody comes back is for a person; a deleted user cannot",
    "user_without_hardware_mfa": _HOLDER,
    "whole_services_everywhere": _WORK,
}


def made_for(remedy: str) -> tuple[str, ...]:
    """
    Return the checks that a remedy, by its id, is made for.

    >>> made_for("end-paths-2")
    ('can_become_administrator', 'can_escalate')
    """
    return MADE_FOR[re.sub(r"(?<=^end-paths-).*", "*", remedy)]
