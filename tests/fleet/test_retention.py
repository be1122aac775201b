"""Which audits are old enough to be deleted, to the month."""

from pathlib import Path

import pytest

from iamkit.evidence import snapshot
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
    tmp_path: Path, months: int, keep: tuple[str, ...], left: list[str]
) -> None:
    for month in ("2025-11", "2025-12", "2026-02", "2026-03"):
        folder = tmp_path / f"{month}-01T060000Z" / snapshot.FOLDER
        folder.mkdir(parents=True)
        (folder / snapshot.MANIFEST).touch()
    old = retention.too_old(tmp_path, months, keep)
    there = [each.name[:7] for each in snapshot.audits(tmp_path) if each not in old]
    assert there == left
