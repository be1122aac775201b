"""Whatever cannot be written is one line and exit code 5, and leaves what was there before."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iamkit.cli import main
from iamkit.evidence import cli_files
from iamkit.storage import StoredAudits, opened, storage
from tests.accounts import details, report, user
from tests.processes import run
from tests.report.audits import Audit

# A limit on the size of files is a disk that is full as soon as a file needs more.
FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
"""

# Root may write anywhere, so it first gives that up: CAP_DAC_OVERRIDE, and starts anew without.
READ_ONLY = """
import ctypes, os, sys
if os.geteuid() == 0 and "again" not in os.environ:
    if ctypes.CDLL(None, use_errno=True).prctl(24, 1, 0, 0, 0):
        sys.exit(77)
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "again": "1"})
"""

RUNS = """
import json, sys
from click.testing import CliRunner
from iamkit.cli import main
for command in json.loads(sys.argv[1]):
    ended = CliRunner().invoke(main, command)
    print(json.dumps([ended.exit_code, ended.stdout, ended.stderr]))
"""


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """
    An account of which there is a report, and files to collect another's evidence from.

    Each test says that it leaves the report as it is, so one serves them all.
    """
    folder = tmp_path_factory.mktemp("audit")
    audit = Audit(folder)
    audit.notebook("00-a", "print('x' * 10_000)")
    audit.render()
    given = folder / "given"
    given.mkdir()
    (given / "report.csv").write_text(report())
    (given / "details.json").write_text(json.dumps(details([user("ana")])))
    published = folder / "published"
    made = cli_files.from_files(published, given)
    stored = StoredAudits(opened(storage(f"file://{folder}/storage")), published)
    stored.publish(made.parent.relative_to(published).as_posix(), "a run")
    return audit


@pytest.fixture(autouse=True)
def _unchanged(audit: Audit) -> Iterator[None]:
    """Whatever cannot be written changes nothing of what is there."""
    before = contents(audit.out)
    yield
    after = contents(audit.out)
    assert {path: after.get(path) for path in before} == before


def commands(audit: Audit, out: Path) -> dict[str, list[str]]:
    """Every command that writes, so that it writes to this folder."""
    pages = ["--notebooks", str(audit.notebooks)]
    given = str(audit.out.parent / "given")
    file = audit.out.parent / "iamkit.yaml"
    file.write_text(json.dumps({"reports": str(out / "run"), "accounts": [{"files": given}]}))
    return {
        "collect": ["collect", "--from-files", given, "--out", str(out)],
        "confirm": ["confirm", str(audit.snapshot), "--out", str(out)],
        "demo": ["demo", "--out", str(out)],
        "fetch": ["fetch", f"file://{audit.out.parent}/storage", str(out / "fetched")],
        "report": ["report", str(audit.snapshot), "--out", str(out), *pages],
        "lab": ["lab", "--out", str(out)],
        "rebuild": ["rebuild", str(audit.out), *pages],
        "remedies": ["remedies", str(audit.snapshot), "--out", str(out / "remedies")],
        "rotate": ["rotate", "--lambda", str(out / "rotation")],
        "run": ["run", str(file), "--quiet"],
        "settings": ["settings", "init", str(out / "iamkit.yaml")],
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ends(condition: str, wanted: list[list[str]], temporary: Path) -> list[tuple[int, str, str]]:
    """How each command ends under a condition: exit code, output and errors."""
    temporary.mkdir(exist_ok=True)
    done = run(
        [sys.executable, "-c", condition + RUNS, json.dumps(wanted)],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    if done.returncode == 77:
        pytest.skip("root cannot give up writing everywhere here")
    assert done.returncode == 0, done.stderr[-2000:]
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_a_full_disk_is_one_line_and_changes_nothing(audit: Audit, tmp_path: Path):
    wanted = commands(audit, audit.out)
    assert set(wanted) == set(main.commands) - {"verify", "diff"}  # which write nothing
    temporary = tmp_path / "temporary"
    for name, (code, out, said) in zip(
        wanted, ends(FULL, list(wanted.values()), temporary), strict=True
    ):
        assert code == 5, (name, said)
        assert out == "", name
        last = said.splitlines()[-1]
        assert last.startswith("iamkit: "), (name, said)
        assert "File too large" in last, (name, said)
    assert [path.name for path in audit.out.glob(".*")] == []
    assert [path.name for path in temporary.glob("iamkit-*")] == []


def test_a_folder_that_is_read_only_is_one_line(audit: Audit, tmp_path: Path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    wanted = commands(audit, locked)
    del wanted["rebuild"]  # which writes to no folder of the user's
    wanted["deeper"] = commands(audit, locked / "new" / "pages")["report"]
    for name, (code, out, said) in zip(
        wanted, ends(READ_ONLY, list(wanted.values()), tmp_path / "temporary"), strict=True
    ):
        assert (code, out) == (5, ""), (name, said)
        assert "Permission denied" in said.splitlines()[-1], (name, said)
        assert str(locked) in said.splitlines()[-1], (name, said)
    assert list(locked.iterdir()) == []


def test_a_name_that_is_too_long_is_one_line(audit: Audit, tmp_path: Path):
    wanted = commands(audit, tmp_path / ("x" * 300))
    del wanted["rebuild"]
    given = [[command, "x" * 300] for command in ("verify", "rebuild", "report")]
    ended = ends("", [*wanted.values(), *given], tmp_path / "temporary")
    for name, (code, out, said) in zip(wanted, ended, strict=False):
        assert (code, out) == (5, ""), (name, said)
        assert "File name too long" in said.splitlines()[-1], (name, said)
    assert [code for code, _, _ in ended[len(wanted) :]] == [2, 2, 2], ended[len(wanted) :]
