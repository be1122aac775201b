"""The page on controls fits a usual screen: no column lies beyond its edge."""

import os
import shutil
from pathlib import Path

import pytest

from iamkit.report import render
from iamkit.report.notebooks import NOTEBOOKS
from tests.accounts import written
from tests.browser import NOT_FOUND, Browser, browser, chromium

__all__ = ["browser"]  # the fixture

if chromium() is None and not os.environ.get("IAMKIT_REQUIRE_BROWSER"):
    pytest.skip(NOT_FOUND, allow_module_level=True)


def test_the_tables_of_controls_and_checks_fit_a_usual_screen(
    browser: Browser, tmp_path: Path
) -> None:
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    shutil.copy(NOTEBOOKS / "07-controls.ipynb", notebooks)
    made = render(written(tmp_path).snapshot.path, tmp_path / "out", notebooks=notebooks)
    measure = """[...document.querySelectorAll('.scroll')].map(
        each => [each.getAttribute('aria-label'), each.scrollWidth - each.clientWidth])"""
    with browser.open(made.pages[0], width=1280) as tab:
        beyond = dict(tab.evaluate(measure))
    assert len(beyond) >= 3
    assert set(beyond.values()) == {0}, beyond
