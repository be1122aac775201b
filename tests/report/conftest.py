"""Fixtures that the tests of reports share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iamkit.report.kernels import fork_server
from tests.report import preloaded
from tests.report.audits import Audit


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def _preloaded() -> Iterator[None]:
    """Fork servers do their imports once for all reports that these tests make themselves."""
    if not preloaded.AVAILABLE:
        yield
        return
    with preloaded.Preloaded() as process, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fork_server, "subprocess", process)
        yield
