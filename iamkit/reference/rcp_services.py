"""
Which actions resource control policies can deny, as `data/rcp_services.yaml` has them.

Adding a service is adding a line there.
"""

from __future__ import annotations

from functools import cache

from iamkit.reference.files import read_data


@cache
def _listed() -> tuple[frozenset[str], frozenset[str]]:
    """The services, and the actions of them that are exempt."""
    known = read_data("rcp_services.yaml")
    return frozenset(known["services"]), frozenset(known["exempt"])


def can_be_denied(action: str) -> bool:
    """
    Whether a resource control policy can deny an action.

    >>> can_be_denied("sts:AssumeRole"), can_be_denied("iam:PassRole")
    (True, False)
    >>> can_be_denied("kms:RetireGrant")
    False
    """
    services, exempt = _listed()
    named = action.lower()
    return named.partition(":")[0] in services and named not in exempt
