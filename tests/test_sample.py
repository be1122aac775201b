"""The README's pictures and the sample report are of this version, and of the pages there are."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from iamkit.report.notebooks import NOTEBOOKS, PATTERN
from tests import screenshots
from tests.screenshots import PICTURES, SAMPLE, SHOTS

STALE = "it is stale: run `make screenshots`"
PAGES = {path.stem for path in NOTEBOOKS.glob(f"{PATTERN}.ipynb")} | {"index", "glossary"}
README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_sample_has_the_pages_of_a_report() -> None:
    assert {path.stem for path in SAMPLE.glob("*.html")} == PAGES, STALE


def test_the_sample_is_of_this_version_and_of_the_demo_company() -> None:
    for path in SAMPLE.glob("*.html"):
        text = path.read_text("utf-8")
        assert f'content="iamkit {version("iamkit")}"' in text, STALE
        assert '<span class="demo">demo data</span>' in text


def test_all_that_the_sample_links_to_is_there() -> None:
    for path in SAMPLE.glob("*.html"):
        linked = re.findall(r'href="(?!https:|data:)([^"#]+)', path.read_text("utf-8"))
        assert not [name for name in linked if not (SAMPLE / name).is_file()], STALE


def test_the_pictures_are_there_small_and_used() -> None:
    assert {path.stem for path in PICTURES.glob("*")} == {name for name, *_ in SHOTS}, STALE
    for path in PICTURES.glob("*"):
        assert path.stat().st_size < 300_000
        assert f"docs/pictures/{path.name}" in README
    assert "](docs/sample/index.html)" in README


def test_without_a_browser_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screenshots, "chromium", lambda: None)
    with pytest.raises(SystemExit, match="needs Chromium, .*apt install chromium"):
        screenshots.main()
