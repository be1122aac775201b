"""LibreOffice opens the workbook: each sheet is there, with all of its rows."""

import csv
import shutil
from pathlib import Path

import pytest

from iamkit import Account
from iamkit.report.workbook import workbook
from tests.processes import run
from tests.report.workbooks import read

NOT_FOUND = "no LibreOffice found: its test is skipped (apt-get install libreoffice-calc-nogui)"
# Text with commas and quotes in UTF-8, every sheet as a file of its own: the last token.
FILTER = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"


@pytest.mark.skipif(shutil.which("soffice") is None, reason=NOT_FOUND)
def test_every_sheet_has_its_rows(demo_account: Account, tmp_path: Path) -> None:
    content = workbook(demo_account)
    (tmp_path / "report.xlsx").write_bytes(content)
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = ["soffice", profile, "--headless", "--convert-to", FILTER, "--outdir"]
    done = run([*command, str(tmp_path / "csv"), str(tmp_path / "report.xlsx")])
    assert done.returncode == 0, done.stderr
    made = {
        path.stem.removeprefix("report-"): rows_of(path) for path in (tmp_path / "csv").iterdir()
    }
    assert made == {name: len(sheet.rows) for name, sheet in read(content).items()}


def rows_of(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file))
