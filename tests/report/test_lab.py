"""Copies of the notebooks for JupyterLab: made, renewed, and never taken from their owner."""

import errno
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from iamkit import cli, report
from iamkit.errors import ReportError, WriteError
from iamkit.report import lab
from iamkit.report.lab import lab_command, workspace
from iamkit.report.notebooks import NOTEBOOKS

NAME = "00-summary.ipynb"


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """The notebooks of a kit: one that is numbered, and one that is not."""
    folder = tmp_path / "kit"
    folder.mkdir()
    (folder / NAME).write_text("first")
    (folder / "draft.ipynb").write_text("nobody's")
    return folder


def test_all_notebooks_of_the_kit_are_copied(tmp_path: Path) -> None:
    folder, kept = workspace(tmp_path / "mine")
    assert kept == []
    copies = {path.name: path.read_bytes() for path in folder.glob("*.ipynb")}
    assert copies == {path.name: path.read_bytes() for path in NOTEBOOKS.glob("*.ipynb")}


def test_the_start_page_leads_to_every_notebook() -> None:
    text = (NOTEBOOKS / lab.START).read_text()
    for path in NOTEBOOKS.glob("*.ipynb"):
        assert path.name == lab.START or f"({path.name})" in text
    assert lab_command(NOTEBOOKS)[-1] == str(NOTEBOOKS / lab.START)


def test_a_copy_that_nobody_changed_is_renewed(kit: Path, tmp_path: Path) -> None:
    folder, _ = workspace(tmp_path / "mine", kit)
    (kit / NAME).write_text("second")
    assert workspace(tmp_path / "mine", kit) == (folder, [])
    assert (folder / NAME).read_text() == "second"
    assert not (folder / "draft.ipynb").exists()


def test_a_copy_that_was_changed_stays(kit: Path, tmp_path: Path) -> None:
    folder, _ = workspace(tmp_path / "mine", kit)
    (folder / NAME).write_text("my own")
    (folder / "my-analysis.ipynb").write_text("mine")
    (kit / NAME).write_text("second")
    for _ in range(2):
        assert workspace(tmp_path / "mine", kit) == (folder, [NAME])
    assert (folder / NAME).read_text() == "my own"
    assert (folder / "my-analysis.ipynb").read_text() == "mine"


def test_a_full_disk_leaves_the_copies_as_they_were(
    kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = workspace(tmp_path / "mine", kit)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (kit / NAME).write_text("second")
    whole = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        whole(path, content[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(WriteError, match="No space left on device; give another folder"):
            workspace(tmp_path / "mine", kit)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert workspace(tmp_path / "mine", kit) == (folder, [])
    assert (folder / NAME).read_text() == "second"


@pytest.mark.parametrize("record", ["", "[]", '{"00-summary.ipynb": 1}'])
def test_without_a_record_what_differs_is_taken_for_the_user_s(
    record: str, kit: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine" / "notebooks"
    folder.mkdir(parents=True)
    (folder / NAME).write_text("my own")
    (folder / lab.RECORD).write_text(record)
    assert workspace(tmp_path / "mine", kit) == (folder, [NAME])


def test_a_folder_that_is_a_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(WriteError, match="give another folder"):
        workspace(tmp_path / "mine")


def test_jupyterlab_listens_on_this_machine_only() -> None:
    command = lab_command(Path("elsewhere"), ("--no-browser",))
    assert command[1:] == ["-m", "jupyterlab", "--ip=127.0.0.1", "--no-browser", "elsewhere"]


def test_without_jupyterlab_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "find_spec", lambda name: None)
    with pytest.raises(ReportError, match=r"pip install 'iamkit\[lab\]'"):
        lab_command(Path("notebooks"))


def test_the_demo_company_is_there_where_no_evidence_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JupyterLab itself is opened by `test_jupyterlab`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "lab_command", lambda notebooks, options: ["true", *options])
    for _ in range(2):
        result = CliRunner().invoke(cli.main, ["lab", "--no-browser", "--port", "8890"])
        assert result.exit_code == 0, result.output
    assert len(list(tmp_path.glob("iamkit-lab/reports/*/*/snapshot"))) == 1
    assert (tmp_path / "iamkit-lab/notebooks" / NAME).is_file()
