"""tables."""

from iamkit.tables import schema, tables
from iamkit.tables.schema import ACCESS_KEYS, CREDENTIALS
from iamkit.tables.tables import AccountTables

__all__ = [
    "ACCESS_KEYS",
    "AccountTables",
    "CREDENTIALS",
    "schema",
    "tables",
]
