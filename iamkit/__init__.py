"""
Audit and report on AWS IAM: evidence to pandas tables, notebooks, self-contained HTML.

    from iamkit import charts, load

    account = load("latest")
    account.credentials
"""

from iamkit.account import Account, load
from iamkit.answer import show_whole
from iamkit.checks import check
from iamkit.errors import IamkitError
from iamkit.results import changes

__all__ = ["Account", "IamkitError", "changes", "check", "load", "show_whole"]
