"""What restricts identities: whether MFA is enforced, and from which networks each can be used."""

from iamkit.restrictions.break_glass import BREAK_GLASS, HARDWARE, break_glass
from iamkit.restrictions.mfa_coverage import coverage, mfa_gaps
from iamkit.restrictions.mfa_enforcement import (
    MFA_ENFORCEMENT,
    mfa_enforcement,
)
from iamkit.restrictions.mfa_others import with_others
from iamkit.restrictions.mfa_reach import definitions
from iamkit.restrictions.mfa_statements import MfaRequirement, MfaVerdict
from iamkit.restrictions.network_lists import NETWORK_LISTS, network_lists
from iamkit.restrictions.network_restrictions import NETWORK_RESTRICTIONS, network_restrictions
from iamkit.restrictions.one_step import OneStep
from iamkit.restrictions.verdicts import (
    NOT_APPLICABLE,
    NOTHING_TO_PROTECT,
    PARTLY_RESTRICTED,
    RESTRICTED,
    UNRESTRICTED,
)

__all__ = [
    "BREAK_GLASS",
    "HARDWARE",
    "MFA_ENFORCEMENT",
    "NETWORK_LISTS",
    "NETWORK_RESTRICTIONS",
    "NOTHING_TO_PROTECT",
    "NOT_APPLICABLE",
    "PARTLY_RESTRICTED",
    "RESTRICTED",
    "UNRESTRICTED",
    "MfaRequirement",
    "MfaVerdict",
    "OneStep",
    "break_glass",
    "coverage",
    "definitions",
    "mfa_enforcement",
    "mfa_gaps",
    "network_lists",
    "network_restrictions",
    "with_others",
]
