"""Tables that answer a question show their texts whole, wherever they are shown."""

from collections.abc import Callable
from types import SimpleNamespace

import pandas as pd
import pytest

from iamkit import answer, show_whole
from iamkit.answer import Answer

LONG = "because " * 20
FRAME = pd.DataFrame({"why": [LONG, "<b>"], "days": [3, 4], "old": [True, False]}, index=[7, 9])


Show = Callable[[object], str]


@pytest.fixture
def html(monkeypatch: pytest.MonkeyPatch) -> Show:
    """How IPython shows an object, after `show_whole`."""
    chosen: dict[type, Show] = {}
    formatters = {"text/html": SimpleNamespace(for_type=chosen.__setitem__)}
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters=formatters))
    monkeypatch.setattr(answer, "shell_of_notebook", lambda: shell)
    show_whole()
    return chosen[pd.DataFrame]


def test_a_notebook_shows_frames_whole_and_at_the_left(html: Show) -> None:
    shown = html(FRAME)
    assert LONG in shown
    assert "&lt;b&gt;" in shown
    assert shown.count("text-align: left") == 6, "texts and truths, and their headers"
    assert shown.count("text-align: right") == 3
    assert ">7<" not in shown, "what is left of a filter says nothing"


def test_an_index_that_says_something_is_shown(html: Show) -> None:
    assert ">ann<" in html(FRAME.set_axis(["ann", "bob"]))
    assert ">n</th>" in html(FRAME.rename_axis("n"))


def test_an_answer_still_says_what_it_answers(html: Show) -> None:
    assert html(Answer.about(FRAME, "Who can")).startswith("<p>Who can</p>")


def test_without_ipython_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "shell_of_notebook", lambda: None)
    show_whole()


def test_no_rows_are_said_to_be_none_and_many_to_be_more() -> None:
    nobody = Answer.about(FRAME.head(0), "Who can: 0")
    assert nobody._repr_html_().endswith("<p>none</p>")
    assert repr(nobody).splitlines() == ["Who can: 0", "why  days  old", "none"]
    many = Answer.about(pd.DataFrame({"n": range(1100)}))
    assert many._repr_html_().endswith("<p>and 1,040 more rows</p>")


def test_a_line_fits_where_there_is_no_terminal_and_words_stay_whole() -> None:
    arn = "arn:aws:iam::111122223333:role/break-glass-admin"
    said = Answer.about(pd.DataFrame({"who": [arn, "ann"], "why": [LONG, "it is"]}))
    lines = repr(said).splitlines()
    assert max(map(len, lines)) <= answer.WIDTH
    assert any(line.startswith(arn) for line in lines)
    assert " ".join(line[48:].strip() for line in lines[1:-1]) == LONG.strip()
