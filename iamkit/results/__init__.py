"""What an audit comes to, identity by identity and control by control; what changes come to."""

from iamkit.results import changes
from iamkit.results.controls import matrix
from iamkit.results.identities import CLASSES, IDENTITIES, identities, matters
from iamkit.results.privileges import PRIVILEGES
from iamkit.results.unmatched import unmatched

__all__ = [
    "CLASSES",
    "IDENTITIES",
    "PRIVILEGES",
    "changes",
    "identities",
    "matrix",
    "matters",
    "unmatched",
]
