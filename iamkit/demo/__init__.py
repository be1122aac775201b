"""
The demo company: an invented AWS account of any size, with a year of history.

`company` gives its answers as the AWS CLI prints them, `snapshots` writes them as evidence.
"""

from iamkit.demo.company import (
    CLEAN,
    DATE,
    PLANTED,
    company,
    history,
    save,
    snapshots,
    write,
)
from iamkit.demo.responses import ACCOUNT

__all__ = [
    "ACCOUNT",
    "CLEAN",
    "DATE",
    "PLANTED",
    "company",
    "history",
    "save",
    "snapshots",
    "write",
]
