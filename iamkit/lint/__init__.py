"""lint."""

from iamkit.lint.lookup import lint_facts
from iamkit.lint.rules import lint

__all__ = [
    "lint",
    "lint_facts",
]
