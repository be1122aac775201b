"""Fixtures that the tests of runs share."""

from tests.report.conftest import _preloaded  # noqa: F401 - of this folder, too
