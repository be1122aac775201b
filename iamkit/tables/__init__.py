"""Evidence to DataFrames: what each table is (`schema`), and the functions that build them."""

from iamkit.tables import schema
from iamkit.tables.built_from import BuiltFrom, built_from, sources_of, tables_of
from iamkit.tables.organization_policies import (
    resource_control_denials,
    service_control_policies,
    unsure,
)
from iamkit.tables.partial import ASSIGNED
from iamkit.tables.schema import *  # noqa: F403 - `schema.__all__` lists them
from iamkit.tables.service_linked import service_linked_arns, without_service_linked
from iamkit.tables.tables import AccountTables, open_account

__all__ = [
    "ASSIGNED",
    "AccountTables",
    "BuiltFrom",
    "built_from",
    "open_account",
    "resource_control_denials",
    "schema",
    "service_control_policies",
    "service_linked_arns",
    "sources_of",
    "tables_of",
    "unsure",
    "without_service_linked",
    *schema.__all__,
]
