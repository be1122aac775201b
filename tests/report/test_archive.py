"""A report as one archive: what is in it, that it can be verified, that it is always the same."""

import re
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from iamkit.cli import main
from iamkit.errors import ReportError, WriteError
from iamkit.report import archive, verify
from iamkit.report.archive import COVER, SUMS
from iamkit.report.manifest import MANIFEST, read, sha256_of
from tests.report.audits import Audit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    audit = Audit(tmp_path_factory.mktemp("made"))
    audit.notebook("00-a", "1")
    audit.render()
    (audit.out / "notes.txt").write_text("of the analyst")
    return audit


def members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as held:
        return [Path(each).name for each in held.namelist()]


def extracted(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as held:
        held.extractall(folder)
    [inside] = folder.iterdir()
    return inside


def test_it_holds_the_report_its_manifest_and_how_to_verify_it(made: Audit, tmp_path: Path):
    digest = archive(made.out, tmp_path / "report.zip")
    assert digest == sha256_of(tmp_path / "report.zip")
    files = read(made.out)["files"]
    assert members(tmp_path / "report.zip") == [COVER, SUMS, MANIFEST, *sorted(files)]
    assert stat.S_IMODE((tmp_path / "report.zip").stat().st_mode) == 0o600
    inside = extracted(tmp_path / "report.zip", tmp_path / "auditor")
    assert inside.name == "iamkit-012345678901-2026-11-01"
    verified = verify(inside)
    assert verified.files == len(files)
    cover = (inside / COVER).read_text()
    assert verified.evidence in cover
    command = re.search(r"iamkit verify \. --expect (\w{64})", cover)
    assert command
    assert verified.report == command[1]
    ran = CliRunner().invoke(main, ["verify", str(inside), "--expect", command[1]])
    assert ran.exit_code == 0, ran.output
    assert "pseudonyms" not in cover


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="without coreutils")
def test_it_can_be_verified_without_iamkit(made: Audit, tmp_path: Path):
    archive(made.out, tmp_path / "report.zip")
    inside = extracted(tmp_path / "report.zip", tmp_path / "auditor")
    command = ["sha256sum", "--check", "--strict", "--quiet", SUMS]
    assert subprocess.run(command, cwd=inside, check=False).returncode == 0
    (inside / "index.html").write_text("another")
    done = subprocess.run(command, cwd=inside, check=False, capture_output=True, text=True)
    assert done.returncode
    assert "index.html: FAILED" in done.stdout


def test_the_same_report_gives_the_same_bytes(made: Audit, tmp_path: Path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(made.out, copy)
    assert archive(made.out, tmp_path / "a.zip") == archive(copy, tmp_path / "b.zip")
    assert archive(made.out, tmp_path / "a.zip"), "and may be written again in its place"


def test_another_file_is_not_replaced_and_a_changed_report_not_packed(made: Audit, tmp_path: Path):
    (tmp_path / "mine.zip").write_text("mine")
    with pytest.raises(WriteError, match=r"mine.zip exists already and is another file; name anot"):
        archive(made.out, tmp_path / "mine.zip")
    assert (tmp_path / "mine.zip").read_text() == "mine"
    shutil.copytree(made.out, tmp_path / "changed")
    (tmp_path / "changed" / "index.html").write_text("changed")
    with pytest.raises(ReportError, match="index.html differs"):
        archive(tmp_path / "changed", tmp_path / "new.zip")
    with pytest.raises(WriteError, match=r"new.zip cannot be written"):
        archive(made.out, tmp_path / "nowhere" / "new.zip")
    assert not list(tmp_path.glob("*new*"))


def test_the_command_writes_it(audit: Audit, tmp_path: Path):
    audit.notebook("00-a", "1")
    given = ["report", str(audit.snapshot), "--notebooks", str(audit.notebooks)]
    ran = CliRunner().invoke(main, [*given, "--zip", str(tmp_path / "out.zip")])
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == f"{audit.out / 'index.html'}\n"
    assert f"out.zip: SHA-256 {sha256_of(tmp_path / 'out.zip')}" in ran.stderr
