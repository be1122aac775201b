"""Who waits is told what is done, in one line that leaves nothing; nobody else is told anything."""

import io
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from iamkit import progress
from iamkit.progress import progress_bar, working_on
from tests.accounts import account


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()  # of the module alone: pytest puts its own in place of `sys.stderr`
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=made, modules=sys.modules))
    return made


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[object]:
    """What a notebook's cell is given to show; the parameter says whether a person is there."""
    shown: list[object] = []
    asked = {"content": {"allow_stdin": request.param}}
    kernel = SimpleNamespace(get_parent=lambda channel: asked)

    def publish(data: object, metadata: object, transient: dict[str, str], *, update: bool) -> None:
        assert update == bool(shown)
        shown.append((transient["display_id"], data))

    shell = SimpleNamespace(kernel=kernel, display_pub=SimpleNamespace(publish=publish))
    monkeypatch.setattr(progress, "shell_of_notebook", lambda: shell)
    return shown


def lines(terminal: Terminal) -> list[str]:
    """What the last line of the terminal has shown, one text after the other."""
    return [each.strip() for each in terminal.getvalue().split("\r")[2::2]]


def test_a_terminal_shows_each_step_within_what_it_is_for(terminal: Terminal) -> None:
    with working_on("account.audit"), working_on("checks") as part:
        part("1 of 2")
        with working_on("account.graph"):
            pass
    assert lines(terminal) == [
        "iamkit: account.audit …",
        "iamkit: account.audit > checks …",
        "iamkit: account.audit > checks: 1 of 2 …",
        "iamkit: account.audit > checks: 1 of 2 > account.graph …",
        "iamkit: account.audit > checks: 1 of 2 …",
        "iamkit: account.audit …",
        "",
    ]
    assert terminal.getvalue().split("\r")[-2].isspace(), "the line is not overwritten"


def test_a_line_is_never_wider_than_the_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    with working_on("account.a_very_long_name"):
        pass
    assert max(map(len, terminal.getvalue().split("\r"))) == 19


def test_what_fails_leaves_no_line_and_no_step(terminal: Terminal) -> None:
    with pytest.raises(KeyError), working_on("account.audit"), working_on("account.graph"):
        raise KeyError
    with working_on("account.lint"):
        pass
    assert lines(terminal)[-2:] == ["iamkit: account.lint …", ""]


def test_a_bar_has_the_line_for_itself(terminal: Terminal) -> None:
    with progress_bar("Reporting") as bar:
        before = terminal.getvalue()
        with working_on("account.audit"):
            assert terminal.getvalue() == before
        bar("00-summary", 1, 10)


def test_nothing_is_said_where_nobody_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = account(tmp_path).callers
    assert capsys.readouterr() == ("", "")


def test_other_threads_say_nothing(terminal: Terminal) -> None:
    def work() -> None:
        with working_on("account.audit"):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("cell", [True], indirect=True)
def test_a_notebook_shows_one_output_and_ends_with_an_empty_one(
    cell: list[object], tmp_path: Path
) -> None:
    _ = account(tmp_path).identities
    ids, data = zip(*cell, strict=True)
    assert len(set(ids)) == 1
    assert {"text/plain": "iamkit: account.identities …"} in data
    assert any("account.identities > account.audit > checks: 1 of" in str(each) for each in data)
    assert data[-1] == {}
    assert {} not in data[:-1]


@pytest.mark.parametrize("cell", [False], indirect=True)
def test_a_notebook_that_nobody_looks_at_shows_nothing(cell: list[object], tmp_path: Path) -> None:
    _ = account(tmp_path).callers
    assert cell == []
