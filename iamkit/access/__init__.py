"""
Who is who in an account, how each can arrive, and what each can do.

Contexts, principals, administrators, effective permissions, and what each policy grants by itself.
"""

from iamkit.access import contexts, permissions
from iamkit.access.administrators import SELF_PROMOTION
from iamkit.access.contexts import ARRIVAL, CONTEXTS, DEFAULT_CONTEXTS
from iamkit.access.permissions import (
    CHUNK,
    COLUMNS,
    RISKY,
    Permissions,
    changes_most,
    changing,
    effective,
    undisturbed,
)
from iamkit.access.policy_grants import POLICY_GRANTS, administrative, policy_grants
from iamkit.access.principals import Principals
from iamkit.access.resource_sets import (
    BOUNDARY,
    KINDS,
    NOWHERE,
    Resources,
    ResourceSet,
    both,
    joined,
    members,
)

__all__ = [
    "ARRIVAL",
    "BOUNDARY",
    "CHUNK",
    "COLUMNS",
    "CONTEXTS",
    "DEFAULT_CONTEXTS",
    "KINDS",
    "NOWHERE",
    "POLICY_GRANTS",
    "RISKY",
    "SELF_PROMOTION",
    "Permissions",
    "Principals",
    "ResourceSet",
    "Resources",
    "administrative",
    "both",
    "changes_most",
    "changing",
    "contexts",
    "effective",
    "joined",
    "members",
    "permissions",
    "policy_grants",
    "undisturbed",
]
