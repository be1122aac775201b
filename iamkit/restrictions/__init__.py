"""restrictions."""

from iamkit.restrictions.mfa_enforcement import MOOT, coverage, definitions, holes, mfa_enforcement
from iamkit.restrictions.network_lists import network_lists
from iamkit.restrictions.network_restrictions import network_restrictions

__all__ = [
    "MOOT",
    "coverage",
    "definitions",
    "holes",
    "mfa_enforcement",
    "network_lists",
    "network_restrictions",
]
