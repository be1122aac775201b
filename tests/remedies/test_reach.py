"""Every check has a remedy, or a reason why it has none, in the code and in the documentation."""

import re
from pathlib import Path

from iamkit.checks.registry import CHECKS
from iamkit.remedies import MADE_FOR, WITHOUT

TEXT = (Path(__file__).parents[2] / "docs" / "remedies.md").read_text(encoding="utf-8")
CELLS = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| `")]


def test_every_check_has_a_remedy_or_a_reason() -> None:
    made = {check for checks in MADE_FOR.values() for check in checks}
    assert made | WITHOUT.keys() == set(CHECKS)
    assert not made & WITHOUT.keys()


def test_the_documentation_has_each_reason() -> None:
    said = {check: why for checks, why in (each[:2] for each in CELLS)
            for check in re.findall("`([a-z_]+)`", checks) if check in CHECKS}  # fmt: skip
    assert said == dict(WITHOUT)


def test_the_documentation_has_each_remedy() -> None:
    named = set(re.findall("`([a-z0-9-]+)`", " ".join(each[0] for each in CELLS)))
    for name in MADE_FOR:
        assert name.replace("*", "1") in named, name
