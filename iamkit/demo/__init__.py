"""
The demo company: an invented AWS account of any size, with a year of history.
"""

from iamkit.demo.company import CLEAN, DATE, PLANTED, company, history, save, snapshots, write

__all__ = ["CLEAN", "DATE", "PLANTED", "company", "history", "save", "snapshots", "write"]
