"""Who may assume the account's roles, and which roles of other accounts its identities may."""

from iamkit.trust.across_accounts import CrossAccountEntry, foreign_entries
from iamkit.trust.assumable_roles import AssumableRoles
from iamkit.trust.federated_entries import FederatedEntry, federated_entries
from iamkit.trust.federation import built_in, issuer
from iamkit.trust.inbound import (
    FEDERATED,
    OUTSIDE,
    TRUSTED_PRINCIPALS,
    WHO,
    days_idle,
    known_accounts,
    trusted_principals,
)
from iamkit.trust.mfa_callers import with_callers
from iamkit.trust.mfa_statements import MfaStatement, mfa_statements
from iamkit.trust.outbound import OUTBOUND_ROLES, outbound_roles
from iamkit.trust.platform_roles import (
    GENUINE,
    IMPOSTOR,
    NOT_KNOWN,
    PLATFORM_ROLES,
    named_platform_roles,
)
from iamkit.trust.role_holders import (
    ROLE_HOLDERS,
    UNKNOWN_HOLDERS,
    people_by_role,
    role_holders,
)
from iamkit.trust.session_grants import SET_SOURCE_IDENTITY, TAG_SESSION, SessionGrants
from iamkit.trust.trust_policy import ANYONE, AWS, Principal

__all__ = [
    "ANYONE",
    "AWS",
    "FEDERATED",
    "GENUINE",
    "IMPOSTOR",
    "NOT_KNOWN",
    "OUTBOUND_ROLES",
    "OUTSIDE",
    "PLATFORM_ROLES",
    "ROLE_HOLDERS",
    "SET_SOURCE_IDENTITY",
    "TAG_SESSION",
    "TRUSTED_PRINCIPALS",
    "UNKNOWN_HOLDERS",
    "WHO",
    "AssumableRoles",
    "CrossAccountEntry",
    "FederatedEntry",
    "MfaStatement",
    "Principal",
    "SessionGrants",
    "built_in",
    "days_idle",
    "federated_entries",
    "foreign_entries",
    "issuer",
    "known_accounts",
    "mfa_statements",
    "named_platform_roles",
    "outbound_roles",
    "people_by_role",
    "role_holders",
    "trusted_principals",
    "with_callers",
]
