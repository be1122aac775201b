"""Pages with wide tables fit a usual screen and a phone: no column lies beyond the edge."""

import os
import shutil
from pathlib import Path

import pytest

from iamkit.report import render
from iamkit.report.notebooks import NOTEBOOKS
from tests.accounts import details, policy, report, user, written
from tests.browser import NOT_FOUND, Browser, browser, chromium
from tests.policies import EVERYTHING, attached, deny, document, line

__all__ = ["browser"]  # the fixture

if chromium() is None and not os.environ.get("IAMKIT_REQUIRE_BROWSER"):
    pytest.skip(NOT_FOUND, allow_module_level=True)


PAGES = ("03-network", "07-controls", "09-method")
OFFICE = {"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24", "198.51.100.0/24", "10.0.0.0/8"]}}
BEYOND = """Object.fromEntries([...document.querySelectorAll('.scroll')].map(
    each => [each.getAttribute('aria-label'), each.scrollWidth - each.clientWidth]))"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of an account with a list of networks, and names as long as people write them."""
    folder = tmp_path_factory.mktemp("width")
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    for name in PAGES:
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", notebooks)
    limits = deny("*", Sid="DenyOutsideOfficeAndVpnOfContractors", Condition=OFFICE)
    held = {"AttachedManagedPolicies": attached("OfficeNetworks")}
    users = [
        user(f"firstname.lastname{number}.ext", UserId=f"AIDA{number:017d}", **held)
        for number in range(12)
    ]
    policies = [policy("OfficeNetworks", document(EVERYTHING, limits), AttachmentCount=12)]
    lines = report(*(line(each["UserName"], password=True, keys=1) for each in users))
    contents = details(users, policies=policies)
    made = written(folder, contents, credential_report=lines)
    return render(made.snapshot.path, folder / "out", notebooks=notebooks).index.parent


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_fit_a_usual_screen(browser: Browser, pages: Path, name: str) -> None:
    with browser.open(pages / f"{name}.html", width=1280) as tab:
        beyond = tab.evaluate(BEYOND)
    assert len(beyond) >= 3
    assert {title: by for title, by in beyond.items() if by} == {}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_fits_a_phone(browser: Browser, pages: Path, name: str) -> None:
    with browser.open(pages / f"{name}.html", width=390) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_list_of_checks_has_their_severity(browser: Browser, pages: Path) -> None:
    """It is the widest of its page: cells of up to 28 characters do not wrap."""
    with browser.open(pages / "09-method.html", width=1280) as tab:
        heads = tab.evaluate(
            "[...document.querySelectorAll('.scroll[aria-label^=\"Checks, what\"] thead th')]"
            ".map(each => each.firstChild.firstChild.textContent)"
        )
    assert heads == ["Check", "Severity", "Among", "Errs", "Remedy"]


def test_the_practices_on_a_phone_have_room_for_their_names(browser: Browser, pages: Path) -> None:
    with browser.open(pages / "index.html", width=390) as tab:
        widths = tab.evaluate(
            "[...document.querySelectorAll('.practices .what')]"
            ".map(each => each.getBoundingClientRect().width)"
        )
    assert len(widths) == 5
    assert min(widths) > 120
