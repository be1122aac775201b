"""What an audit comes to, identity by identity and control by control; what changes come to."""

from iamkit.results import changes
from iamkit.results.controls import matrix
from iamkit.results.identities import CLASSES, IDENTITIES, identities, matters

__all__ = [
    "CLASSES",
    "IDENTITIES",
    "changes",
    "identities",
    "matrix",
    "matters",
]
