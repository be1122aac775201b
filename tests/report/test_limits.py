"""What a notebook may take: time, memory, and a folder whose path is long."""

import gc
import sys
import tempfile
from pathlib import Path

import pytest

from iamkit.errors import NotebookError
from iamkit.report import temporary
from iamkit.report.kernels import fork_server
from iamkit.report.temporary import RunFolder
from tests.report.audits import Audit

FOREVER = "import threading; print('so far'); threading.Event().wait()"


@pytest.mark.parametrize("fork", [True, False], ids=["forked", "started"])
def test_a_cell_that_runs_too_long_is_named_and_the_others_finish(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fork: bool
):
    monkeypatch.setattr(fork_server.ForkServer.__init__, "__kwdefaults__", {"fork": fork})
    audit.notebook("00-endless", FOREVER, "print('never')")
    audit.notebook("01-fine", "print('fine')")
    said = "00-endless: Cell 3 failed: CellTimeout: the cell ran for more than 2 s, which is max_"
    with pytest.raises(NotebookError, match=said):
        audit.render(parameters={"max_cell_seconds": "2"})
    page = audit.page("00-endless")
    assert "the cell ran for more than 2 s, which is max_cell_seconds" in page
    assert page.count("so far") == 2, "once in the code"
    assert page.count("(not run)") == 1
    assert audit.outputs("01-fine") == "fine\n"
    gc.collect()
    assert [each for each in caplog.records if each.name == "asyncio"] == [], "no task is left"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process that runs")
def test_a_notebook_that_takes_too_much_memory_is_named_and_the_others_finish(audit: Audit):
    audit.notebook("00-large", "everything = bytearray(8 * 2**30)", "print('never')")
    audit.notebook("01-fine", "print(len(bytearray(2**20)))")
    with pytest.raises(NotebookError, match="^00-large: Cell 3 failed: MemoryError.* is 4096"):
        audit.render(parameters={"max_kernel_mib": "4096"})
    assert "max_kernel_mib is 4096" in audit.page("00-large")
    assert audit.outputs("01-fine") == "1048576\n"


def test_a_long_path_for_temporary_files_works(audit: Audit, monkeypatch: pytest.MonkeyPatch):
    """A socket's path takes some hundred bytes; people set TMPDIR to deep folders."""
    deep = audit.out.parent / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    audit.notebook("00-a", "print(1 + 1)")
    audit.render()
    assert audit.outputs("00-a") == "2\n"
    assert list(deep.iterdir()) == []


def test_where_no_path_is_short_enough_kernels_talk_otherwise(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(RunFolder, "fits_sockets", False)
    audit.notebook("00-a", "print(1 + 1)")
    audit.render()
    assert audit.outputs("00-a") == "2\n"


# Temporary folders


@pytest.fixture
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, whose path counts as short however long it is."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "SOCKET_PATH", 10_000)
    return tmp_path


def test_a_temporary_folder_is_its_owners_and_gone_afterwards(temporary_files: Path):
    run = RunFolder()
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert list(temporary_files.iterdir()) == [run.path]
    (run.path / "file").write_text("x")
    run.close()
    assert list(temporary_files.iterdir()) == []


def test_the_next_run_removes_the_folders_of_dead_ones_only(temporary_files: Path):
    alive = RunFolder()
    dead, strange, elsewhere = (
        temporary_files / name for name in ("iamkit-dead", "iamkit-x", "mine")
    )
    for folder in (dead, strange, elsewhere):
        folder.mkdir()
    for folder in (dead, elsewhere):
        (folder / ".lock").touch()
    (temporary_files / "iamkit-link").symlink_to(elsewhere)
    run = RunFolder()
    left = {path.name for path in temporary_files.iterdir()}
    assert left == {alive.path.name, run.path.name, "iamkit-x", "iamkit-link", "mine"}
    assert (elsewhere / ".lock").exists()
    for each in (run, alive):
        each.close()
