"""
The questions of the notebooks: a module per notebook, a function per question.

Each takes the account and returns the table that the page shows, so that a cell of a notebook reads
as one question and an analyst can go on from its answer. `headline` returns the numbers at the top
of the page, counted from the tables below them.
"""

from iamkit.pages import (
    controls,
    credentials,
    differences,
    escalation,
    expected,
    explained,
    findings,
    identities,
    method,
    mfa,
    names,
    network,
    overview,
    permissions,
    remedies,
    summary,
    titles,
    trend,
    trust,
)

__all__ = [
    "controls",
    "credentials",
    "differences",
    "escalation",
    "expected",
    "explained",
    "findings",
    "identities",
    "method",
    "mfa",
    "names",
    "network",
    "overview",
    "permissions",
    "remedies",
    "summary",
    "titles",
    "trend",
    "trust",
]
