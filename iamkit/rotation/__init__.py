"""
Rotation of access keys: the plan from evidence, and its steps against AWS.

    from iamkit.rotation import plan

    plan(account)

`apply` and `lambda_folder` are imported where they are used. All other modules but `plan` and
`disk_journal` also run in AWS Lambda.
"""

from iamkit.rotation.disk_journal import DiskJournal
from iamkit.rotation.plan import ROTATION, as_json, hindrances, limits, plan, text

__all__ = [
    "ROTATION",
    "DiskJournal",
    "apply",
    "as_json",
    "hindrances",
    "lambda_folder",
    "limits",
    "plan",
    "text",
]
