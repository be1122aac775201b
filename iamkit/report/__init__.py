"""
Notebooks to HTML pages and CSV files: `render` makes the report of one snapshot.

    from iamkit.report import render

    print(render(snapshot).index)
"""

from iamkit.report.lab import lab_command, workspace
from iamkit.report.render import Report, render

__all__ = ["Report", "lab_command", "render", "workspace"]
