"""
The one place that leaves out service-linked roles.

AWS services make them for themselves, write their policies and trust policies, and let nobody
change them; the account's owner cannot change them either. Source: IAM User Guide, "Create a
service-linked role".
"""

from __future__ import annotations

import pandas as pd


def service_linked_arns(roles: pd.DataFrame) -> frozenset[str]:
    """ARNs of the service-linked roles of an account."""
    return frozenset(roles.loc[roles["service_linked"], "role_arn"])


def without_service_linked(
    table: pd.DataFrame, roles: pd.DataFrame, column: str = "principal_arn"
) -> pd.DataFrame:
    """
    Rows of a table that are not about a service-linked role, which `column` would name.

    >>> from iamkit.tables import ROLES
    >>> roles = ROLES.rows(dict(role_arn="own", service_linked=False),
    ...                    dict(role_arn="aws", service_linked=True))
    >>> without_service_linked(roles, roles, "role_arn").role_arn.tolist()
    ['own']
    """
    return table[~table[column].isin(service_linked_arns(roles))]
