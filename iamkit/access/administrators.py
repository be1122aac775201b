"""
Administrators: who may do everything, or may give itself every permission with one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# What lets its holder give itself any permission, if allowed on the resource in the second place:
# itself, a group it is in, or a customer managed policy it has.
SELF_PROMOTION: Final[Mapping[str, str]] = {
    "iam:AttachUserPolicy": "user",
    "iam:PutUserPolicy": "user",
    "iam:AttachRolePolicy": "role",
    "iam:PutRolePolicy": "role",
    "iam:AttachGroupPolicy": "group",
    "iam:PutGroupPolicy": "group",
    "iam:CreatePolicyVersion": "policy",
}
