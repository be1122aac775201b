"""Terms of the glossary on pages: marked once, in text only, opened without a script."""

import os
import re
from pathlib import Path

import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from iamkit.report import glossary, page
from tests.browser import NOT_FOUND, Browser, browser, chromium

__all__ = ["browser"]  # the fixture

WITHOUT = chromium() is None and not os.environ.get("IAMKIT_REQUIRE_BROWSER")


def opened(written: str) -> list[str]:
    """The words that open a definition."""
    used: dict[str, glossary.Term] = {}
    made = glossary.marked(written, used)
    return [part.partition(">")[2].partition("<")[0] for part in made.split("<button")[1:]]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("<p>A choke point, and a choke point.</p>", ["choke point"]),
        ("<p>Many choke points.</p>", ["choke points"]),
        ("<p>Service control policies count.</p>", ["Service control policies"]),
        ("<p>It is enforced.</p>", []),
        ("<p>It is <em>enforced</em>.</p>", ["enforced"]),
        ("<h2>A choke point</h2><p>x</p>", []),
        ("<p><a href='#x'>choke point</a> <code>choke point</code></p>", []),
        ("<p><a href='#x'>x</a> choke point</p>", ["choke point"]),
        ("<p>unchoke pointed</p>", []),
        ("<p>&lt;choke point&gt;<br>&amp;</p>", ["choke point"]),
    ],
)
def test_the_first_use_of_a_term_in_text_opens_its_definition(
    written: str, words: list[str]
) -> None:
    assert opened(written) == words


def test_marking_changes_no_text() -> None:
    written = "<p>A &lt;b&gt; <em>restricted</em> choke point, with <code>a</code>.</p>"
    used: dict[str, glossary.Term] = {}
    made = glossary.marked(written, used)
    assert re.sub(r"<[^>]*>", "", made) == re.sub(r"<[^>]*>", "", written)
    assert {term.name for term in used.values()} == {"Restricted", "Choke point"}


def test_each_term_has_a_definition_that_stands_by_itself() -> None:
    known = glossary.terms()
    assert len(known) > 30
    for term in known.values():
        assert term.text.endswith("."), term
        assert len(term.text.split()) >= 3, term
        assert "*" not in term.text, term


@pytest.mark.skipif(WITHOUT, reason=NOT_FOUND)
def test_a_definition_opens_and_closes_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    evidence = page.Provenance("1", "", "", "", "", demo=False, guessed=False, gaps=[], digest="")
    this = page.Page("a", "A")
    note = new_markdown_cell("Only for JupyterLab", metadata={"tags": ["notebook"]})
    notebook = new_notebook(cells=[new_markdown_cell("# A\n\nA choke point is here."), note])
    made = tmp_path / "a.html"
    made.write_text(page.render_page(notebook, this, [this], evidence), encoding="utf-8")
    assert "JupyterLab" not in made.read_text("utf-8")
    shown = "document.querySelector(':popover-open')?.textContent ?? ''"
    for scripts in (True, False):
        with browser.open(made, scripts=scripts) as tab:
            assert tab.evaluate(shown) == ""
            tab.evaluate("document.querySelector('button.term').focus()")
            tab.press("Enter")
            assert "A permission that many paths need." in tab.evaluate(shown)
            tab.press("Escape")
            assert tab.evaluate(shown) == ""
