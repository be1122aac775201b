"""Paper, by a reader's own Ctrl+P: what each sheet says, and that nothing is shrunk or endless."""

import os
import re
from pathlib import Path

import pytest

from iamkit.report import render
from tests.browser import NOT_FOUND, Browser, Tab, browser, chromium
from tests.report.audits import Audit

__all__ = ["browser"]  # the fixture

if chromium() is None and not os.environ.get("IAMKIT_REQUIRE_BROWSER"):
    pytest.skip(NOT_FOUND, allow_module_level=True)

# Pixels between the margins of a sheet, and its size in inches.
SHEETS = {"A4": (703, (8.27, 11.69)), "Letter": (725, (8.5, 11))}
TURNED = {"A4": (1062, 695), "Letter": (995, 717)}  # width and height of one that is turned
LEAST = 6.5  # points
TABLES = """
import pandas as pd
from iamkit import charts
long = [f"a name of {i} that is quite long, as sentences are" for i in range(60)]
word = ["x" * 27] * 60
""", """
charts.table(pd.DataFrame({f"column {i}": long for i in range(4)}), "Four", file="findings.csv")
""", """
charts.table(pd.DataFrame({f"column {i}": word for i in range(8)}), "Eight")
""", """
few = pd.DataFrame({f"column {i}": [f"user-{n}" for n in range(600)] for i in range(12)})
charts.table(few, "Twelve", rows=500, file="identities.csv")
""", """
charts.table(pd.DataFrame({"n": range(10)}), "Ten")
""", """
charts.table(pd.DataFrame({f"column {i}": word for i in range(16)}), "Sixteen")
""", """
charts.bars(pd.Series({"console": 3, "none": 1}), title="Users", unit="users")
""", """
shut = [charts.fold(f"Fold {n}", charts.text("", "a line"), anchor=f"f{n}") for n in range(40)]
charts.folds(shut, "Folds")
""", """
from iamkit.charts.escalation_layout import BOXES, LINKS
usual = dict(place=0, kind="user", label="u", members=1, through=0, names=["u"])
boxes = [dict(usual, box=n, steps=n) for n in range(6)]
links = LINKS.rows(*({"from": n + 1, "to": n, "members": 1} for n in range(5)))
charts.paths_to_admin(BOXES.rows(*boxes), links, title="Paths")
"""  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of tables of several widths, of an account with a hostile alias."""
    audit = Audit(tmp_path_factory.mktemp("print"))
    audit.manifest(alias='"; } body { display: none } <b>')
    audit.notebook("00-a", *TABLES)
    return render(audit.snapshot, notebooks=audit.notebooks).pages[0]


@pytest.fixture(params=SHEETS)
def paper(browser: Browser, page: Path, request: pytest.FixtureRequest) -> Tab:
    """The page as it prints, as wide as a sheet."""
    with browser.open(page, media="print", width=SHEETS[request.param][0]) as tab:
        yield tab


def visible(tab: Tab, number: int) -> int:
    """How many rows of a table show."""
    body = f"document.querySelectorAll('tbody')[{number}]"
    return int(tab.evaluate(f"[...{body}.rows].filter(row => row.offsetParent !== null).length"))


def rest(tab: Tab, number: int) -> str:
    """What is written under a table."""
    figure = f"document.querySelectorAll('figure.table')[{number}]"
    return str(tab.evaluate(f"getComputedStyle({figure}, '::after').content"))


def test_a_long_table_is_cut_and_says_where_the_rest_is(paper: Tab) -> None:
    assert [visible(paper, number) for number in range(4)] == [10, 10, 10, 10]
    has_all = "The first 10 of 60 rows. The page on a screen has all of them"
    assert rest(paper, 0) == f'"{has_all}, and so have findings.csv and report.xlsx."'
    assert rest(paper, 1) == f'"{has_all}."'
    cut = "The first 10 of 600 rows. The page on a screen has 500"
    assert rest(paper, 2) == f'"{cut}; identities.csv and report.xlsx have all."'
    assert rest(paper, 3) == "none"


def test_shut_folds_are_a_short_list_and_what_is_in_an_open_one_prints(paper: Tab) -> None:
    high = "document.querySelector('.folds').offsetHeight"
    assert paper.evaluate(high) < 40 * 16
    said = "getComputedStyle(document.querySelector('.folds'), '::before').content"
    assert "on a screen" in paper.evaluate(said)
    paper.evaluate("document.querySelector('.fold').open = true")
    assert paper.evaluate(said) == "none"
    assert paper.evaluate("document.querySelector('.fold > div').offsetHeight") > 0


def test_a_table_that_is_too_broad_is_transposed(browser: Browser, paper: Tab, page: Path) -> None:
    shown = (
        "[...document.querySelectorAll('figure.broad, .transposed')].map(e => e.offsetHeight > 0)"
    )
    assert paper.evaluate(shown) == [False, True]
    assert paper.evaluate("document.querySelectorAll('.transposed tbody tr').length") == 15
    under = "getComputedStyle(document.querySelector('.transposed'), '::after').content"
    said = "The first 6 of 60 rows. The page on a screen has all of them."
    assert paper.evaluate(under) == f'"{said}"'
    with browser.open(page) as tab:
        assert tab.evaluate(shown) == [True, False]


def test_nothing_is_wider_than_the_sheet_so_that_nothing_is_shrunk(paper: Tab) -> None:
    wider = """[...document.querySelectorAll('main *')]
        .filter(each => !each.closest('figure:has(thead th:nth-child(10))'))
        .filter(each => each.getBoundingClientRect().right > innerWidth + 1)
        .map(each => each.tagName)"""
    assert paper.evaluate(wider) == []
    turned = "getComputedStyle(document.querySelectorAll('figure.table')[2]).page"
    assert paper.evaluate(turned) == "wide"


def test_no_text_is_too_small_to_read(paper: Tab) -> None:
    sizes = """[...document.querySelectorAll('main *')]
        .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
        .filter(e => e.offsetParent !== null)
        .map(e => parseFloat(getComputedStyle(e).fontSize) * 72 / 96)"""
    assert min(paper.evaluate(sizes)) >= LEAST


def test_text_in_charts_is_not_too_small_either(paper: Tab) -> None:
    images = """[...document.querySelectorAll('.chart img')].map(each => [
        each.getBoundingClientRect().width / each.naturalWidth,
        getComputedStyle(each.parentElement).page])"""
    (usual, upright), (fine, turned) = paper.evaluate(images)
    assert usual * 9 >= LEAST, "the smallest text of most charts is of 9 points"
    assert fine * 6.8 >= LEAST or turned == "wide"
    assert upright == "auto"


@pytest.mark.parametrize("size", TURNED)
def test_a_chart_on_a_turned_sheet_can_be_read_and_fits(
    browser: Browser, page: Path, size: str
) -> None:
    width, height = TURNED[size]
    with browser.open(page, media="print", width=width) as tab:
        shown = """[...document.querySelectorAll('.chart.turned img')].map(each => [
            each.getBoundingClientRect().width / each.naturalWidth,
            each.getBoundingClientRect().height])"""
        ((scale, high),) = tab.evaluate(shown)
    assert scale * 6.8 >= LEAST
    assert high <= height


def test_what_is_for_the_screen_is_left_out(paper: Tab) -> None:
    shown = "[...document.querySelectorAll('.side, .controls, details.code, .top, footer')]"
    assert paper.evaluate(f"{shown}.filter(each => each.offsetParent !== null).length") == 0


@pytest.mark.parametrize("size", SHEETS)
def test_the_sheets_are_few(browser: Browser, page: Path, size: str) -> None:
    with browser.open(page) as tab:
        pdf = tab.pdf(SHEETS[size][1])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 7, "1,235 rows"


def test_each_sheet_says_of_which_evidence_it_is(browser: Browser, page: Path) -> None:
    with browser.open(page) as tab:
        assert tab.evaluate("document.documentElement.dataset.account").startswith('"; } body {')
        assert tab.evaluate("document.documentElement.dataset.moment") == "2026-11-01 06:00 UTC"
        assert len(tab.evaluate("document.documentElement.dataset.hash")) == 64
        assert tab.evaluate("getComputedStyle(document.body).display") == "block"
        boxes = """[...document.styleSheets[0].cssRules].filter(rule => rule.type === 6)
            .map(rule => [...rule.cssRules].map(box => box.cssText).join(' ')).join(' ')"""
        said = tab.evaluate(boxes)
        assert tab.complaints == []
    assert all(f"attr(data-{name})" in said for name in ("account", "moment", "hash"))
    assert "counter(page)" in said
