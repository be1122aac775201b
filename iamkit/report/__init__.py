"""
Notebooks to HTML pages and CSV files: `render` makes the report of one snapshot.
"""

from iamkit.report import render

__all__ = [
    "render",
]
