"""Each command ends with a code that means one thing, and says which in its help."""

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import click
import pytest

from iamkit import report
from iamkit.cli import main
from iamkit.errors import (
    BrokenCheckError,
    CollectError,
    IamkitError,
    NotebookError,
    ReportError,
    WriteError,
)
from iamkit.exit_codes import ALL, MEANINGS, OF_COMMANDS, ExitCode, of_command, of_error
from tests.accounts import details, user
from tests.accounts import report as credential_report
from tests.test_cli import failed, iamkit

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """The evidence of an account, of which nobody asked what was last accessed."""
    given = tmp_path / "given"
    given.mkdir()
    (given / "report.csv").write_text(credential_report())
    (given / "details.json").write_text(json.dumps(details([user("ana")])))
    made = iamkit("collect", "--from-files", given, "--out", tmp_path / "out")
    return Path(made.stdout.strip())


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have `iamkit report` come to what a test says, without running a notebook."""

    def to(error: BaseException | None = None, **findings: int) -> None:
        def rendered(*_: object, **__: object) -> report.Report:
            if error:
                raise error
            return report.Report(Path("index.html"), (), "0" * 64, MappingProxyType(findings))

        monkeypatch.setattr(report, "render", rendered)

    return to


@pytest.mark.parametrize("command", main.commands)
def test_each_command_says_its_codes_and_no_others(command: str):
    said = re.findall(r"^    (\d)  (.+)$", iamkit(command, "--help").stdout, re.MULTILINE)
    codes = {*ALL, *OF_COMMANDS[command]}
    assert said == [(str(int(code)), MEANINGS[code]) for code in sorted(codes)]


def test_the_table_is_in_the_readme():
    rows = [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    assert "\n".join(rows) in README.read_text(encoding="utf-8")
    assert list(MEANINGS) == list(ExitCode)
    assert set(OF_COMMANDS) == set(main.commands)
    assert set(of_command("report")) == set(MEANINGS)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotebookError("x"), 4),
        (BrokenCheckError("x"), 4),
        (ReportError("x"), 2),
        (CollectError("x"), 2),
        (IamkitError("x"), 2),
        (WriteError("x"), 5),
        (OSError(errno.ENOSPC, "No space left on device", "page.html"), 5),
        (KeyboardInterrupt(), 5),
        (click.Abort(), 5),
        (ValueError("not enough values"), 4),
    ],
)
def test_an_error_is_one_line_and_its_code(
    snapshot: Path, renders: Callable[..., None], error: BaseException, code: int
):
    renders(error)
    said = failed(iamkit("report", snapshot), code)
    assert said.startswith("iamkit: ")
    assert "page.html: No space left on device" in said or not isinstance(error, OSError)
    assert "interrupted" in said or not isinstance(error, KeyboardInterrupt | click.Abort)
    assert "This is a fault of iamkit" in said or not isinstance(error, ValueError)
    if isinstance(error, IamkitError):
        assert of_error(error) == code


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 0, ""),
        (["--fail-on", "critical"], 0, ""),
        (["--fail-on", "high"], 1, "findings at or above high: 2 high"),
        (["--fail-on", "low"], 1, "findings at or above low: 2 high, 1 medium"),
        (["--require", "credential_report"], 0, ""),
        (
            ["--require", "mfa_devices"],
            3,
            "evidence that --require names is missing: mfa_devices (",
        ),
        (["--fail-on", "low", "--require", "mfa_devices"], 3, "missing: mfa_devices ("),
    ],
)
def test_a_report_that_is_done_says_what_was_asked(
    snapshot: Path, renders: Callable[..., None], options: list[str], code: int, said: str
):
    renders(high=2, medium=1, info=9)
    made = iamkit("report", snapshot, *options)
    assert made.exit_code == code, made.stderr
    assert made.stdout == "index.html\n"
    assert said in made.stderr
    assert made.stderr.count("iamkit: ") == bool(said)


@pytest.mark.parametrize(
    "command", [["report", "{}"], ["collect", "--from-files", "{}"]], ids=["report", "collect"]
)
def test_evidence_of_an_unknown_name_is_refused_with_a_suggestion(
    snapshot: Path, command: list[str]
):
    given = [each.format(snapshot) for each in command]
    said = failed(iamkit(*given, "--require", "credentials_report"))
    assert "no evidence is named 'credentials_report'; did you mean credential_report?" in said
    assert [path.name for path in snapshot.parent.iterdir()] == ["snapshot"]


def test_a_collection_without_required_evidence_is_kept_and_said(tmp_path: Path, snapshot: Path):
    given = ["--from-files", tmp_path / "given", "--out", tmp_path / "again"]
    required = ["--require", "authorization_details", "--require", "password_policy"]
    made = iamkit("collect", *given, *required)
    assert made.exit_code == 3
    assert Path(made.stdout.strip(), "manifest.json").exists()
    assert "missing: password_policy (the rules for passwords are not known)" in made.stderr


def test_the_hash_to_keep_is_the_one_that_verify_compares(tmp_path: Path, snapshot: Path):
    made = iamkit("collect", "--from-files", tmp_path / "given", "--out", tmp_path / "again")
    (kept,) = re.findall(r"^Evidence ([0-9a-f]{64}): keep this hash", made.stderr, re.MULTILINE)
    path = made.stdout.strip()
    same = iamkit("verify", path, "--expect", kept)
    assert same.exit_code == 0
    assert "The evidence is the one expected." in same.stderr
    other = failed(iamkit("verify", path, "--expect", kept[::-1]))
    assert f"has evidence {kept}, not {kept[::-1]}: it is another one" in other
    assert "Somebody who may write to this folder can do that" in iamkit("verify", path).stderr


def test_evidence_that_was_cut_short_is_not_there(tmp_path: Path):
    (tmp_path / "details.json").write_text(json.dumps({**details([user("ana")]), "Marker": "m"}))
    given = ["--from-files", tmp_path, "--out", tmp_path / "out"]
    made = iamkit("collect", *given, "--require", "authorization_details")
    assert made.exit_code == 3, made.output
    assert "missing: authorization_details (groups, roles" in made.stderr


def test_a_reader_that_has_ended_is_no_finding(snapshot: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "iamkit", "verify", str(snapshot)]
    with os.fdopen(writing, "wb") as closed:
        ran = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, check=False)
    assert ran.returncode == ExitCode.NOT_WRITTEN
    assert b"Traceback" not in ran.stderr
    assert b"Exception ignored" not in ran.stderr
