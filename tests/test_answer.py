"""Tables that answer a question show their texts whole, wherever they are shown."""

from types import SimpleNamespace

import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter

from iamkit import answer, show_whole
from iamkit.answer import Answer

LONG = "because " * 20
FRAME = pd.DataFrame({"why": [LONG, "<b>"], "days": [3, 4], "old": [True, False]}, index=[7, 9])


@pytest.fixture
def shown_by_ipython(monkeypatch: pytest.MonkeyPatch) -> DisplayFormatter:
    """What IPython formats objects with, after `show_whole`."""
    formatter = DisplayFormatter()
    shell = SimpleNamespace(display_formatter=formatter)
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    show_whole()
    return formatter


def html(formatter: DisplayFormatter, shown: object) -> str:
    return formatter.format(shown)[0]["text/html"]


def test_a_notebook_shows_frames_whole_and_at_the_left(shown_by_ipython: DisplayFormatter) -> None:
    shown = html(shown_by_ipython, FRAME)
    assert LONG in shown
    assert "&lt;b&gt;" in shown
    assert shown.count("text-align: left") == 6, "texts and truths, and their headers"
    assert shown.count("text-align: right") == 3
    assert ">7<" not in shown, "what is left of a filter says nothing"


def test_an_index_that_says_something_is_shown(shown_by_ipython: DisplayFormatter) -> None:
    assert ">ann<" in html(shown_by_ipython, FRAME.set_axis(["ann", "bob"]))
    assert ">n</th>" in html(shown_by_ipython, FRAME.rename_axis("n"))


def test_an_answer_still_says_what_it_answers(shown_by_ipython: DisplayFormatter) -> None:
    assert html(shown_by_ipython, Answer.about(FRAME, "Who can")).startswith("<p>Who can</p>")


def test_without_ipython_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer.sys, "modules", {})
    show_whole()


def test_no_rows_are_said_to_be_none_and_many_to_be_more() -> None:
    nobody = Answer.about(FRAME.head(0), "Who can: 0")
    assert nobody._repr_html_().endswith("<p>none</p>")
    assert repr(nobody).splitlines() == ["Who can: 0", "why  days  old", "none"]
    many = Answer.about(pd.DataFrame({"n": range(1100)}))
    assert many._repr_html_().endswith("<p>and 1,040 more rows</p>")
