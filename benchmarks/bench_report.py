"""
`iamkit report` against the plain way: papermill, then `jupyter nbconvert`, once per notebook.

Both run every notebook in a kernel of its own on the same snapshot. Then the report of 5,000 users
and about as many roles, against loading and auditing them and writing their tables once (goal: at
most twice as long), and the size of each page.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from company import fastest, say, snapshot

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def iamkit(path: Path, out: Path) -> None:
    """Run the command as a user does, in a process of its own."""
    command = [sys.executable, "-m", "iamkit", "report", str(path), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)


def plain(path: Path, out: Path) -> None:
    """Run papermill and nbconvert for each notebook in turn."""
    out.mkdir(exist_ok=True)
    for notebook in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        made = out / notebook.name
        run = [sys.executable, "-m", "papermill", str(notebook), str(made)]
        run += ["-p", "snapshot", str(path), "--no-progress-bar"]
        convert = [sys.executable, "-m", "nbconvert", "--to", "html", "--no-input", str(made)]
        for command in (run, convert):
            subprocess.run(command, check=True, capture_output=True)


ONCE = """
import sys

from iamkit import load
from iamkit.report import csv_files

account = load(sys.argv[1])
for name in type(account).tables():
    getattr(account, name)
csv_files.csv_files(account)
"""


def once(path: Path) -> None:
    """Load and audit an account, and write its tables, in a process of its own."""
    subprocess.run([sys.executable, "-c", ONCE, str(path)], check=True)


with TemporaryDirectory() as folder:
    small, large = (snapshot(Path(folder), users) for users in (60, 5000))
    ours = fastest(lambda: iamkit(small, Path(folder, "ours")))
    theirs = fastest(lambda: plain(small, Path(folder, "plain")), times=1)
    notebooks = len(list(NOTEBOOKS.glob("[0-9]*.ipynb")))
    say(f"{notebooks} notebooks, 60 users, each in a kernel of its own")
    say(f"papermill, then jupyter nbconvert  1.0 ({theirs:.1f} s)")
    say(f"iamkit report                      {theirs / ours:.1f} times faster ({ours:.1f} s)")
    big = fastest(lambda: iamkit(large, Path(folder, "large")), times=1)
    say(f"iamkit report of 5,000 users       {big / ours:.1f} times as long as of 60 ({big:.1f} s)")
    alone = fastest(lambda: once(large), times=1)
    say(f"  against its audit and tables     {big / alone:.1f} times as long ({alone:.1f} s)")
    say(f"{'page, kB':<24} {'60 users':>9} {'5,000':>9} {'plain, 60':>9}")
    for page in sorted(Path(folder, "large").glob("*.html")):
        sizes = [Path(folder, where, page.name) for where in ("ours", "large", "plain")]
        shown = [f"{size.stat().st_size / 1e3:,.0f}" if size.exists() else "" for size in sizes]
        say(f"{page.name:<24} {shown[0]:>9} {shown[1]:>9} {shown[2]:>9}")
    shutil.rmtree(Path(folder, "large"))
