"""
What restricts identities: whether MFA is enforced, and from which networks each can be used.
"""

from iamkit.restrictions.mfa_enforcement import (
    MFA_ENFORCEMENT,
    MOOT,
    coverage,
    definitions,
    mfa_enforcement,
    mfa_gaps,
)
from iamkit.restrictions.network_lists import NETWORK_LISTS, network_lists
from iamkit.restrictions.network_restrictions import NETWORK_RESTRICTIONS, network_restrictions

__all__ = [
    "MFA_ENFORCEMENT",
    "MOOT",
    "NETWORK_LISTS",
    "NETWORK_RESTRICTIONS",
    "coverage",
    "definitions",
    "mfa_enforcement",
    "mfa_gaps",
    "network_lists",
    "network_restrictions",
]
