"""report."""

from iamkit.report import render

__all__ = [
    "render",
]
