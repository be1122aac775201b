"""restrictions."""

from iamkit.restrictions.mfa_enforcement import (
    MOOT,
    coverage,
    definitions,
    mfa_enforcement,
    mfa_gaps,
)
from iamkit.restrictions.network_lists import network_lists
from iamkit.restrictions.network_restrictions import network_restrictions

__all__ = [
    "MOOT",
    "coverage",
    "definitions",
    "mfa_enforcement",
    "mfa_gaps",
    "network_lists",
    "network_restrictions",
]
