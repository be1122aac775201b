"""What a check of somebody's own can do to a report: cost it, and never end it without a word."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from iamkit.cli import main
from iamkit.report.kernels import fork_server
from tests.report.audits import Audit

CHECK = """
import os
import pandas as pd
from iamkit import check

@check(severity="low", title="Ends", among="the account", remedy="Nothing.",
       source="https://intranet.example/ends")
def ends(users: pd.DataFrame) -> pd.DataFrame:
    {code}
"""


def report(audit: Audit, code: str, *more: str) -> tuple[int, str]:
    (audit.out / "ours.py").write_text(CHECK.format(code=code))
    settings = audit.out / "iamkit.yml"
    settings.write_text("own_checks: [ours.py]\n")
    audit.notebook("00-a", "1")
    given = ["report", str(audit.snapshot), "--notebooks", str(audit.notebooks)]
    result = CliRunner().invoke(main, [*given, "--settings", str(settings), *more])
    return int(result.exit_code), result.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("fork", [True, False], ids=["forked", "started"])
def test_a_check_that_ends_the_process_is_one_line_and_the_old_report_stays(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, fork: bool
) -> None:
    monkeypatch.setattr(fork_server.ForkServer.__init__, "__kwdefaults__", {"fork": fork})
    audit.notebook("00-a", "1")
    audit.render()
    before = {path: path.read_bytes() for path in audit.out.glob("*.html")}
    code, said = report(audit, "os._exit(0)")
    assert code == 4
    assert "iamkit: the process that runs the checks ended before they did (exit code 0)" in said
    assert "a check of your own in ours.py may have ended it" in said
    assert {path: path.read_bytes() for path in audit.out.glob("*.html")} == before


def test_a_check_that_never_ends_is_stopped_and_the_report_says_so(audit: Audit) -> None:
    code, said = report(audit, "\n    while True: pass", "-p", "max_check_seconds", "1")
    assert code == 4
    assert "check ends: CheckTimeout: it ran for more than 1 s, which is max_check_seconds" in said
    assert (audit.out / "findings.csv").is_file()


def test_where_no_check_is_ones_own_nothing_is_started(audit: Audit, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fork_server.ForkServer.__init__, "__kwdefaults__", {"fork": False})
        patched.delattr(fork_server.ForkServer, "run_writer")
        audit.notebook("00-a", "1")
        audit.render()
    assert (audit.out / "findings.csv").is_file()
