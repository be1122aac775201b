"""
Audit and report on AWS IAM: evidence to pandas tables, notebooks, self-contained HTML.

    from iamkit import charts, load

    account = load("latest")
    account.credentials

What is offered here is imported when it is first asked for: pandas takes most of a second, which
`iamkit --help` and the process that waits for kernels can do without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iamkit.account import Account, load
    from iamkit.answer import show_whole
    from iamkit.checks import check
    from iamkit.errors import IamkitError
    from iamkit.results import changes

__all__ = ["Account", "IamkitError", "changes", "check", "load", "show_whole"]

_HOMES = {
    "Account": "iamkit.account",
    "IamkitError": "iamkit.errors",
    "changes": "iamkit.results",
    "check": "iamkit.checks",
    "load": "iamkit.account",
    "show_whole": "iamkit.answer",
}


def __getattr__(name: str) -> Any:
    """Import what is offered here from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'iamkit' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
