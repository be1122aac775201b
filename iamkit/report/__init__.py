"""
Notebooks to HTML pages and CSV files: `render` makes the report of one snapshot.

    from iamkit.report import render

    print(render(snapshot).index)

`verify` says whether a report is as it was made, `rebuild` whether it is what its evidence says.
`page` and `workbook`, which take long to import, are imported where they are used.
"""

from iamkit.report.archive import archive
from iamkit.report.csv_files import MARK, as_csv, definitions
from iamkit.report.folder import not_of_the_kit
from iamkit.report.lab import lab_command, workspace
from iamkit.report.manifest import installed_version
from iamkit.report.printing import printed
from iamkit.report.rebuild import Rebuilt, rebuild
from iamkit.report.redacted import redact
from iamkit.report.render import Report, render
from iamkit.report.verify import PROVES, Verified, verify

__all__ = [
    "MARK",
    "PROVES",
    "Rebuilt",
    "Report",
    "Verified",
    "archive",
    "as_csv",
    "definitions",
    "installed_version",
    "lab_command",
    "not_of_the_kit",
    "page",
    "printed",
    "rebuild",
    "redact",
    "render",
    "verify",
    "workbook",
    "workspace",
]
