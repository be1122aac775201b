"""Fixtures that the tests of reports share."""

from pathlib import Path

import pytest

from tests.report.audits import Audit


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)
