"""What the notebooks ask of an account, page by page."""

from types import SimpleNamespace
from typing import Any, cast

from iamkit import Account
from iamkit.charts import Figures
from iamkit.checks import AUDIT_TABLES, Audit
from iamkit.settings import Settings


def holding(missing: str = "", **tables: Any) -> Account:
    """An account that has these tables and lacks all others; `missing` is said of any table."""
    settings = tables.pop("settings", Settings())
    held = SimpleNamespace(settings=settings, missing=lambda *names: missing, **tables)
    return cast(Account, held)


def checked(**statuses: str) -> Audit:
    """An audit whose checks came to these statuses, and that found nothing else."""
    findings, results, acceptances = AUDIT_TABLES
    usual = {"severity": "high", "failing": 0, "total": 1, "among": "users"}
    rows = [{**usual, "check": name, "status": statuses[name]} for name in statuses]
    return Audit(findings.rows(), results.rows(*rows), acceptances.rows())


def numbers(headline: object) -> dict[str, tuple[str, str]]:
    """Value and tone of each number at the top of a page, by its label."""
    assert isinstance(headline, Figures)
    return {label: (value, tone) for label, value, _, tone in headline.items}
