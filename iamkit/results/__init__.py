"""What an audit comes to: one row per identity, and the controls of audit frameworks."""

from iamkit.results.controls import matrix
from iamkit.results.identities import CLASSES, IDENTITIES, identities, matters

__all__ = [
    "CLASSES",
    "IDENTITIES",
    "identities",
    "matrix",
    "matters",
]
