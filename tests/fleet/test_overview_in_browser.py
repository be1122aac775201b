"""The page over all accounts in a browser: for everybody, on a phone, with hostile names."""

from pathlib import Path
from typing import Any

import pytest

from iamkit.fleet import overview, overview_page
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.over_accounts import OverAccounts
from iamkit.fleet.overview import Cell, Row
from iamkit.fleet.rolled_up import TABLES, RolledUp
from tests.axe_core import violations
from tests.browser import Browser, browser
from tests.report.test_pages_in_browser import assert_inert

__all__ = ["browser"]  # the fixture

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three accounts with a figure each that text would sort otherwise, and two without."""
    results: list[AccountResult] = []
    rows = []
    for name, number in (("a", 9.0), ("b", 10.0), ("c", 100.0)):
        place = f"{number:012.0f}/2026-11-01T060000Z"
        about: dict[str, Any] = {"unit": "/Shops", "team": HOSTILE, "missing": (HOSTILE,)}
        results.append(AccountResult(name, place[:12], report=f"{place}/index.html", **about))
        cell = Cell(f"{number:.0f}", "▲ was 1", "bad", number, to=f"{place}/index.html")
        rows.append(Row(results[-1], tuple(cell for _ in overview.SHOWN), "2026-11-01", False, 2))
    for result in (AccountResult(HOSTILE, error=HOSTILE), AccountResult("no", error="refused")):
        results.append(result)
        rows.append(Row(result, tuple(Cell("not known") for _ in overview.SHOWN), "", True))
    over = OverAccounts(results, RolledUp(*(table.rows() for table in TABLES)))
    path = tmp_path_factory.mktemp("over") / "index.html"
    path.write_text(overview_page.html(rows, "2026-12-01T060000Z", [HOSTILE], over))
    return path


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_axe_finds_nothing_wrong_and_nothing_runs(
    page: Path, width: int, dark: bool, browser: Browser
) -> None:
    with browser.open(page, width=width, dark=dark) as tab:
        assert_inert(tab)
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.evaluate(wide) <= 0
        assert violations(tab) == []


def test_figures_are_sorted_as_numbers_and_what_is_not_known_comes_last(
    page: Path, browser: Browser
) -> None:
    rows = "[...document.querySelector('tbody').rows]"
    names = f"{rows}.map(row => row.cells[0].textContent.slice(0, 1))"
    header = "document.querySelector('thead th:nth-child(4) [role=button]')"
    with browser.open(page) as tab:
        assert tab.evaluate(names) == ["<", "n", "c", "b", "a"], "the worst first"
        tab.evaluate(f"{header}.focus()")
        tab.press("Enter")
        assert tab.evaluate(names)[:3] == ["a", "b", "c"]
        tab.press("Enter")
        assert tab.evaluate(names)[:3] == ["c", "b", "a"]
