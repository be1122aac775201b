"""
Evidence to DataFrames: what each table is (`schema`), and the functions that build them.
"""

from iamkit.tables import schema
from iamkit.tables.schema import *
from iamkit.tables.tables import AccountTables, open_account

__all__ = ["AccountTables", "open_account", "schema", *schema.__all__]
