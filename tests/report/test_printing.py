"""Printing by a Chromium of the machine: which one, what goes wrong, and steady bytes."""

import datetime as dt
import os
import stat
from pathlib import Path

import pytest

from iamkit.errors import PrintError
from iamkit.report import printing
from iamkit.report.printing import VARIABLE, chromium, printed, printed_with, steady

AS_OF = dt.datetime(2026, 11, 1, 6, tzinfo=dt.UTC)
PDF = b"""%PDF-1.4
/Creator (Mozilla/5.0 \\(X11\\) HeadlessChrome/156.0.0.0 Safari/537.36)
/CreationDate (D:20270301121314+00'00')
/ModDate (D:20270301121314+00'00')
/BaseFont /AAAAAA+DejaVuSans-Bold /BaseFont /BAAAAA+DejaVuSans /BaseFont /CAAAAA+DejaVuSans
/ID (node00000215) /ID (node00000007) /Headers [(node00000215)]
%%EOF
"""

posix = pytest.mark.skipif(os.name != "posix", reason="programs here are shell scripts")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in Chromium's place, for the test to write; it gets a temporary folder, too."""
    path = tmp_path / "browser"
    path.touch(stat.S_IRWXU)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv(VARIABLE, str(path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return path


def test_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(printing, "PLACES", ())
    with pytest.raises(
        PrintError, match=r"is found; install one .*, or name its program in IAMKIT_"
    ):
        chromium({})
    with pytest.raises(PrintError, match="IAMKIT_CHROMIUM names nowhere, which is no program"):
        chromium({VARIABLE: "nowhere"})


@posix
def test_the_one_that_the_variable_names_is_taken_before_those_on_the_path(
    program: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "chromium").touch(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chromium() == str(program)
    assert chromium({}) == str(tmp_path / "chromium")


@posix
def test_what_it_prints_is_steady_and_nothing_stays(program: Path, tmp_path: Path):
    (tmp_path / "made.pdf").write_bytes(PDF)
    program.write_text(
        "#!/bin/sh\n"
        f'for each; do case $each in --print-to-pdf=*) cp {tmp_path}/made.pdf "${{each#*=}}" ;; '
        f"file:*) cp ${{each#file://}} {tmp_path}/seen.html ;; esac; done\n"
        f"echo $TZ > {tmp_path}/zone\n"
    )
    assert printed("<p>é</p>", AS_OF) == steady(PDF, AS_OF)
    assert (tmp_path / "seen.html").read_text("utf-8") == "<p>é</p>"
    assert (tmp_path / "zone").read_text() == "UTC\n"
    assert list((tmp_path / "tmp").iterdir()) == []


@posix
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'no display' >&2; exit 1", "wrote no PDF; it says: no display"),
        ("exit 0", "wrote no PDF; it says: nothing"),
        ('for e; do case $e in --print-to*) echo half > "${e#*=}"; esac; done', "wrote no PDF"),
    ],
)
def test_it_fails(program: Path, tmp_path: Path, script: str, said: str):
    program.write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(PrintError, match=said):
        printed("x", AS_OF)
    assert list((tmp_path / "tmp").iterdir()) == []


@posix
def test_one_that_does_not_end_is_ended(program: Path, monkeypatch: pytest.MonkeyPatch):
    program.write_text("#!/bin/sh\ntail -f /dev/null\n")
    monkeypatch.setattr(printing, "SECONDS", 0.01)
    with pytest.raises(PrintError, match="did not end within 0.01 seconds"):
        printed("x", AS_OF)


@posix
def test_one_that_cannot_be_started(program: Path):
    program.write_bytes(b"\x7fELF no program")
    with pytest.raises(PrintError, match=r"browser cannot print: .*xec format error"):
        printed("x", AS_OF)


def test_what_differs_from_run_to_run_is_taken_out():
    made = steady(PDF, AS_OF)
    assert len(made) == len(PDF)
    assert made.count(b"(D:20261101060000+00'00')") == 2
    assert b"/ID (node00000001) /ID (node00000000) /Headers [(node00000001)]" in made
    later = PDF.replace(b"20270301", b"20280401").replace(b"node000002", b"node000003")
    assert steady(later, AS_OF) == made


def test_a_pdf_says_what_it_was_made_with():
    fonts = ["DejaVuSans", "DejaVuSans-Bold"]
    assert printed_with(PDF) == {"chromium": "156.0.0.0", "fonts": fonts}
    assert printed_with(b"") == {"chromium": "unknown", "fonts": []}
