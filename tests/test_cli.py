"""The command line: one line and an exit code for whatever goes wrong, nothing half-written."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iamkit.cli import main
from iamkit.report.notebooks import NOTEBOOKS, thresholds
from tests.accounts import details, report, user
from tests.processes import run

COMMANDS = ["collect", "verify", "demo", "report", "rebuild", "lab"]


def iamkit(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def failed(result: Result, code: int = 2) -> str:
    """The one line that an error is."""
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert result.stdout == ""
    return lines[0]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    given = tmp_path / "given"
    given.mkdir()
    (given / "report.csv").write_text(report())
    (given / "details.json").write_text(json.dumps(details([user("ana")])))
    return given


def test_help_names_every_command() -> None:
    result = iamkit("--help")
    assert result.exit_code == 0
    assert all(re.search(rf"^  {command} ", result.stdout, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_its_options(command: str) -> None:
    result = iamkit(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_the_module_runs_as_a_program() -> None:
    ran = run(
        [sys.executable, "-m", "iamkit", "--version"], capture_output=True, text=True, check=True
    )
    assert re.match(r"iamkit, version \d", ran.stdout)


def test_collect_prints_the_path_and_verify_accepts_it(tmp_path: Path, files: Path) -> None:
    made = iamkit("collect", "--from-files", files, "--out", tmp_path / "out")
    path = Path(made.stdout.strip())
    assert (path / "manifest.json").is_file()
    verified = iamkit("verify", path)
    assert verified.exit_code == 0
    assert re.search(r"2 files as collected; evidence [0-9a-f]{64}", verified.stdout)


def test_collect_says_what_it_took_and_what_it_lacks(tmp_path: Path, files: Path) -> None:
    result = iamkit("collect", "--from-files", files, "--out", tmp_path / "out")
    taken, guessed, *missing, kept = result.stderr.splitlines()
    assert taken.endswith(": iam:GetCredentialReport, iam:GetAccountAuthorizationDetails")
    assert "when report.csv was last changed; if that is not right" in guessed
    assert "--as-of" in guessed
    gaps = json.loads((Path(result.stdout.strip()) / "manifest.json").read_text())["gaps"]
    assert len(missing) == len(gaps) > 10
    assert all(line.startswith("Missing: ") for line in missing)
    assert kept.startswith("Evidence ")
    made = ("collect", "--from-files", files, "--as-of", "2026-11-01", "--out", tmp_path / "again")
    assert "--as-of" not in iamkit(*made).stderr


def test_a_name_of_the_account_never_acts_on_the_terminal(tmp_path: Path, files: Path) -> None:
    name = "a\x1b[31m\u202e"
    text = report(f"{name},{'x,' * 30}")
    (files / "report.csv").write_text(text)
    said = failed(iamkit("collect", "--from-files", files, "--out", tmp_path / "out"))
    assert "of a\\x1b[31m\\u202e, has more cells" in said


def test_collecting_twice_names_what_is_there(tmp_path: Path, files: Path) -> None:
    arguments = ("collect", "--from-files", files, "--out", tmp_path / "out")
    arguments += ("--as-of", "2026-11-01T06:00:00Z")
    path = iamkit(*arguments).stdout.strip()
    assert f"iamkit: {path} exists already" in failed(iamkit(*arguments))


def test_a_changed_byte_is_named_by_verify_and_by_report(tmp_path: Path, files: Path) -> None:
    path = Path(iamkit("collect", "--from-files", files, "--out", tmp_path / "out").stdout.strip())
    csv = path / "credential_report.csv"
    csv.write_bytes(csv.read_bytes().replace(b"true", b"trve", 1))
    for command in ("verify", "report"):
        assert "credential_report.csv differs" in failed(iamkit(command, path))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify", "{tmp}"], "is no snapshot"),
        (["report", "{tmp}"], "is no snapshot"),
        (["report", "{tmp}/nowhere"], "is no snapshot"),
        (["collect", "--from-files", "{tmp}"], "neither a credential report"),
        (["collect", "--from-files", "{tmp}/nowhere"], "cannot be read"),
        (["collect", "--credential-report", "{tmp}/nowhere.csv"], "cannot be read"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    given = [argument.format(tmp=tmp_path) for argument in arguments]
    assert says in failed(iamkit(*given))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["collect", "--from-files", ".", "--profile", "x"], "--profile asks AWS"),
        (["collect", "--as-of", "2026-11-01"], "--as-of goes with saved files"),
        (["collect", "--from-files", ".", "--as-of", "soon"], "no ISO 8601 time"),
        (["demo", "--users", "3"], "3 is not in the range"),
        (["colect"], "No such command 'colect'"),
    ],
)
def test_wrong_usage_says_what_is_right(arguments: list[str], says: str) -> None:
    result = iamkit(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_an_unwritable_folder_is_one_line(tmp_path: Path, files: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    out = tmp_path / "out" / "deeper"
    said = failed(iamkit("collect", "--from-files", files, "--out", out), 5)
    assert "cannot write" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--settings", "nowhere.yml"], "settings file nowhere.yml cannot be read"),
        (["-p", "max_key_age", "60"], "did you mean max_key_age_days?"),
        (
            ["-p", "max_key_age_days", "sixty"],
            "max_key_age_days is a number of days from 1 to 36500, not 'sixty'",
        ),
        (["-p", "unused_days", "0"], "unused_days is a number of days from 1"),
        (["-p", "account_id", "999999999999"], "is of account 012345678901, not of 999999999999"),
    ],
)
def test_a_report_that_cannot_be_right_is_refused_before_it_starts(
    tmp_path: Path, files: Path, options: list[str], says: str
) -> None:
    path = Path(iamkit("collect", "--from-files", files, "--out", tmp_path / "out").stdout.strip())
    assert says in failed(iamkit("report", path, *options))
    assert list(path.parent.iterdir()) == [path]


def test_debug_shows_everything(tmp_path: Path) -> None:
    result = iamkit("--debug", "verify", tmp_path)
    assert result.exit_code == 2
    assert "Traceback" in result.stderr


def test_no_credentials_is_one_line_through_the_real_program(tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("AWS_")
    } | {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    ran = run(
        [sys.executable, "-m", "iamkit", "collect", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("iamkit: Unable to locate credentials; name a profile")
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_demo_is_the_same_every_time_and_kept(tmp_path: Path) -> None:
    first, again = (iamkit("demo", "--out", tmp_path / "one") for _ in range(2))
    assert first.stdout == again.stdout
    path = Path(first.stdout.strip())
    other = Path(iamkit("demo", "--out", tmp_path / "two").stdout.strip())
    assert {file.name: file.read_bytes() for file in path.iterdir()} == {
        file.name: file.read_bytes() for file in other.iterdir()
    }
    smaller = iamkit("demo", "--out", tmp_path / "one", "--seed", "8")
    assert smaller.exit_code == 2
    assert "exists already" in smaller.stderr


def test_a_year_of_the_demo_is_twelve_snapshots(tmp_path: Path) -> None:
    made = iamkit("demo", "--out", tmp_path, "--months", "12")
    assert made.exit_code == 0
    assert len(list(tmp_path.glob("*/*/snapshot"))) == 12
    assert made.stdout.strip().endswith("2026-11-01T060000Z/snapshot")


BROKEN = '''
import pandas as pd
from iamkit import check

@check(severity="low", title="t", among="users", remedy="R", source="https://example.com")
def breaks(users: pd.DataFrame) -> pd.DataFrame:
    """Breaks."""
    return users["colour"]
'''


def test_a_check_that_breaks_is_told_by_the_exit_code_and_by_the_pages(
    tmp_path: Path, files: Path
) -> None:
    path = Path(iamkit("collect", "--from-files", files, "--out", tmp_path / "out").stdout.strip())
    (tmp_path / "ours.py").write_text(BROKEN)
    (tmp_path / "iamkit.yml").write_text("own_checks: [ours.py]\n")
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    shutil.copy(NOTEBOOKS / "00-summary.ipynb", notebooks)
    pages = tmp_path / "pages"
    made = iamkit(
        "report", path, "--out", pages, "--notebooks", notebooks, "--settings",
        tmp_path / "iamkit.yml",
    )  # fmt: skip
    assert made.exit_code == 4, made.stderr
    assert "iamkit: check breaks: KeyError: 'colour' (the pages in" in made.stderr
    page = (pages / "00-summary.html").read_text(encoding="utf-8")
    assert "Checks with errors" in page
    assert "the check stopped with an error: KeyError: &#39;colour&#39;" in page
    names = {each.name for each in pages.iterdir()}
    assert {"index.html", "findings.csv", "controls.csv", "identities.csv"} <= names
    assert "outcome.json" not in names


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("arrival", "stolen-kee", "'stolen-kee' is no request context; did you mean stolen-key?"),
        (
            "framework",
            "CIS AWS",
            "'CIS AWS' is no framework; did you mean CIS AWS Foundations Benchmark?",
        ),
        ("principal", "anna", "no principal has the name 'anna'; did you mean ana?"),
        ("action", "iam:GetUsr", "'iam:GetUsr' is not in AWS's list of actions"),
        ("resource", "ana", "'ana' is no ARN; did you mean arn:aws:iam::012345678901:user/ana?"),
        ("max_key_age_days", "sixty", "max_key_age_days is a number of days from 1 to 36500"),
        ("account_id", "12", "an account id is twelve digits"),
    ],
)
def test_a_parameter_that_names_nothing_is_refused_before_any_work(
    tmp_path: Path, files: Path, name: str, value: str, says: str
) -> None:
    """One notebook would fail on its page, after all others have run."""
    path = Path(iamkit("collect", "--from-files", files, "--out", tmp_path / "out").stdout.strip())
    assert says in failed(iamkit("report", path, "-p", name, value))
    assert not list(path.parent.glob("*.html"))


def test_an_account_id_needs_no_quotes_on_a_command_line() -> None:
    assert thresholds({"known_accounts": "111122223333"}) == {"known_accounts": "111122223333"}


def test_a_risk_accepted_of_no_check_is_told_with_file_and_line(
    tmp_path: Path, files: Path
) -> None:
    path = Path(iamkit("collect", "--from-files", files, "--out", tmp_path / "out").stdout.strip())
    risks = tmp_path / "ours.yml"
    risks.write_text(
        "accepted:\n- {check: root_usd, subject: '*', owner: A, reason: B, expires: 2027-01-01}\n"
    )
    said = failed(iamkit("report", path, "--settings", risks))
    assert f"{risks}: accepted, line 2: there is no check 'root_usd'; did you mean root_u" in said
