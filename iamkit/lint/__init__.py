"""
Mistakes in policies, independent of their holders.

A rule is one function in `rules`; `lint` runs them all.
"""

from iamkit.lint import mfa_rules, rules  # registers them
from iamkit.lint.rule import LINT
from iamkit.lint.run import lint

__all__ = ["LINT", "lint", "mfa_rules", "rules"]
