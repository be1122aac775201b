"""A lint rule, the registry of all rules, and what a rule finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias

from iamkit.lint.statement import WrittenStatement
from iamkit.table import COUNT, TEXT, Column, Table

LINT: Final = Table(
    name="lint",
    row="one mistake in one statement or policy",
    key=("policy_arn", "number", "rule", "problem"),
    columns=(
        Column("policy_arn", TEXT, "policy; the role's ARN for a trust policy"),
        Column("policy_name", TEXT, "name; the role's for a trust policy"),
        Column(
            "kind",
            TEXT,
            "aws (managed by AWS), customer, inline or trust",
            values=(
                "aws",
                "customer",
                "inline",
                "trust",
            ),
        ),
        Column("number", COUNT, "position of the statement, from 1; missing: the whole document"),
        Column("sid", TEXT, "Sid of the statement"),
        Column("rule", TEXT, "short id of the rule"),
        Column(
            "severity",
            TEXT,
            "high, medium, low or info: how much the mistake changes the effect of the policy",
            values=(
                "high",
                "medium",
                "low",
                "info",
            ),
        ),
        Column("problem", TEXT, "what is wrong, with the element of the policy"),
        Column("suggestion", TEXT, "what to write instead"),
    ),
)


class Finding(NamedTuple):
    """What a rule found: how much it matters, what it is, what to write instead."""

    severity: str
    problem: str
    suggestion: str


Rule: TypeAlias = Callable[[WrittenStatement], Iterable[Finding]]
RULES: Final[dict[str, Rule]] = {}
UNCONDITIONAL: Final[dict[str, Rule]] = {}  # those that look at more than the Condition


def rule(function: Rule) -> Rule:
    """Register a rule under its name, with dashes."""
    UNCONDITIONAL[_id(function)] = function
    return condition_rule(function)


def condition_rule(function: Rule) -> Rule:
    """Register a rule that finds nothing in a statement without a Condition."""
    RULES[_id(function)] = function
    return function


def _id(function: Rule) -> str:
    return getattr(function, "__name__", "").replace("_", "-")
