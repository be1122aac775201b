"""A reader without a mouse opens folds; a table of 5,000 users is sorted and filtered whole."""

import os
from pathlib import Path

import nbformat.v4 as nbformat
import pandas as pd
import pytest

from iamkit import charts
from iamkit.report.page import Page, render_page
from tests.browser import NOT_FOUND, Browser, browser, chromium
from tests.report.test_folded import EVIDENCE

__all__ = ["browser"]  # the fixture

if chromium() is None and not os.environ.get("IAMKIT_REQUIRE_BROWSER"):
    pytest.skip(NOT_FOUND, allow_module_level=True)

USERS = 5000
OPEN = "[...document.querySelectorAll('details.fold')].map(each => each.open)"
ROWS = "[...document.querySelectorAll('tbody tr:not([hidden])')]"
SHOWN = f"{ROWS}.map(row => row.cells[0].textContent)"
STATUS = "document.querySelector('.controls output').value"
SORT_AGE = "document.querySelectorAll('th [role=button]')[1]"


def written(path: Path, shown: object) -> Path:
    """The page of a notebook with one output, made without a kernel."""
    bundle = shown._repr_mimebundle_()  # type: ignore[attr-defined]
    cell = nbformat.new_code_cell("shown", outputs=[nbformat.new_output("display_data", bundle)])
    notebook = nbformat.new_notebook(cells=[cell])
    path.write_text(render_page(notebook, Page("00", "Users"), [], EVIDENCE), "utf-8")
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    users = pd.DataFrame(
        {
            "user": [f"user-{number:04d}" for number in range(USERS)],
            "age": [(number * 37) % USERS for number in range(USERS)],
            "severity": [("low", "critical", "high")[number % 3] for number in range(USERS)],
        }
    )
    table = charts.table(users, "Users", severity="severity")
    return written(tmp_path_factory.mktemp("large") / "large.html", table)


@pytest.mark.parametrize("key", ["Enter", " "])
def test_a_fold_opens_and_shuts_by_keyboard(browser: Browser, tmp_path: Path, key: str) -> None:
    items = [
        charts.fold(f"Fold {number}", charts.text("", "a line"), anchor=f"f{number}")
        for number in range(3)
    ]
    page = written(tmp_path / "folds.html", charts.folds(items, "Folds"))
    with browser.open(page) as tab:
        tab.evaluate("document.querySelectorAll('.fold > summary')[0].focus()")
        tab.press("Tab")
        assert tab.evaluate("document.activeElement.textContent.trim()") == "Fold 1"
        tab.press(key)
        tab.wait_for(f"{OPEN}[1]")
        assert tab.evaluate(OPEN) == [False, True, False]
        assert tab.evaluate("document.getElementById('f1').offsetParent !== null")
        tab.press(key)
        tab.wait_for(f"!{OPEN}[1]")


def test_a_table_of_5000_users_is_sorted_as_a_whole(browser: Browser, large: Path) -> None:
    with browser.open(large) as tab:
        assert tab.evaluate(STATUS) == "1–10 of 5,000"
        tab.evaluate(f"{SORT_AGE}.focus()")
        tab.press("Enter")
        tab.wait_for(f"{SHOWN}[1] !== 'user-0001'")
        ages = [(number * 37) % USERS for number in range(USERS)]
        first = [f"user-{ages.index(age):04d}" for age in range(10)]
        assert tab.evaluate(SHOWN) == first
        tab.press(" ")
        tab.wait_for(f"{SHOWN}[0] === 'user-{ages.index(USERS - 1):04d}'")
        assert tab.complaints == []


def test_a_table_of_5000_users_is_filtered_as_a_whole(browser: Browser, large: Path) -> None:
    with browser.open(large) as tab:
        tab.type("user-499", ".controls input")
        tab.wait_for(f"{STATUS}.includes('found in 5,000')")
        assert tab.evaluate(SHOWN) == [f"user-499{digit}" for digit in range(10)]
        tab.type("9", ".controls input")
        tab.wait_for(f"{SHOWN}.length === 1")
        assert tab.evaluate(STATUS) == "1–1 of 1 found in 5,000"
        assert tab.complaints == []
