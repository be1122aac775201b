"""Which audits are old enough to be deleted, to the month."""

import pytest

from iamkit.fleet import retention


@pytest.mark.parametrize(
    ("months", "keep", "left"),
    [
        (0, (), ["2025-11", "2025-12", "2026-02", "2026-03"]),
        (1, (), ["2026-02", "2026-03"]),  # February is one month older than March
        (3, (), ["2025-12", "2026-02", "2026-03"]),
        (4, (), ["2025-11", "2025-12", "2026-02", "2026-03"]),
        (1, ("2025-11",), ["2025-11", "2026-02", "2026-03"]),
        (1, ("2025-12-01T060000Z",), ["2025-12", "2026-02", "2026-03"]),
    ],
)
def test_an_audit_of_the_limit_is_kept_and_one_of_the_month_before_is_not(
    months: int, keep: tuple[str, ...], left: list[str]
) -> None:
    audits = [f"{month}-01T060000Z" for month in ("2025-11", "2025-12", "2026-02", "2026-03")]
    old = retention.too_old(audits, months, keep)
    assert [audit[:7] for audit in audits if audit not in old] == left
