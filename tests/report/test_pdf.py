"""The whole report as one PDF: what is in it, where it is listed, and what happens without one."""

import datetime as dt
import os
import re
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from iamkit import fleet
from iamkit.cli import main
from iamkit.errors import NotebookError, PrintError
from iamkit.report import archive, printed, rebuild, verify
from iamkit.report.manifest import read
from iamkit.report.printing import PDF, VARIABLE
from tests.browser import NOT_FOUND, chromium
from tests.report.audits import Audit
from tests.report.pdf_files import Pdf

CELLS = (
    """
import pandas as pd
from iamkit import charts
names = [f"user-{i}" for i in range(40)]
charts.table(pd.DataFrame({"user": names, "n": range(40)}), "Users", file="identities.csv")
""",
    'charts.table(pd.DataFrame({f"c {i}": names for i in range(16)}), "Broad")',
    'charts.bars(pd.Series({"console": 3, "none": 1}), title="Kinds", unit="users")',
    """
fold = charts.fold("A fold", charts.text("", "what is in it"), anchor="a-fold")
charts.folds([fold], "Folds")
""",
)
OPENING = (
    "# Title of {}\n\nWhat is it? See [the other](01-b.html#title-of-b) and "
    "[a file](findings.csv) or [AWS](https://docs.aws.amazon.com/).\n\n## Where to begin\n\n"
    "At an *administrator path*."
)
MADE = b"%PDF-1.4\n/Creator (HeadlessChrome/1.0 Safari)\n/BaseFont /AAAAAA+Sans\n%%EOF\n"


class Printer:
    """Keeps the document that it is given and prints the same PDF of each."""

    def __init__(self, content: bytes = MADE) -> None:
        self.content, self.document = content, ""

    def __call__(self, document: str, as_of: dt.datetime) -> bytes:
        self.document = document
        assert as_of == dt.datetime(2026, 11, 1, 6, tzinfo=dt.UTC)
        return self.content


def fails(document: str, as_of: dt.datetime) -> bytes:
    raise PrintError("it has no ink")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    audit = Audit(tmp_path_factory.mktemp("made"))
    audit.notebook("00-a", *CELLS, opening=OPENING.format("A"))
    audit.notebook("01-b", "1", opening="# Title of B")
    audit.printer = Printer()
    audit.render(printer=audit.printer)
    return audit


def test_the_document_is_every_page_without_what_only_a_screen_needs(made: Audit):
    document = made.printer.document
    parts = re.findall(r'<section class="part" id="([^"]+)"', document)
    assert parts == ["index", "00-a", "01-b", "glossary"]
    ids = re.findall(r'<[a-z][^<>]*? id="([^"]*)"', document)
    assert len(ids) == len(set(ids)) > 20
    links = set(re.findall(r'href="([^"]*)"', document))
    assert {"#01-b", "#01-b--title-of-b", "https://docs.aws.amazon.com/"} <= links
    assert {each[1:] for each in links if each.startswith("#")} <= set(ids)
    assert all(each.startswith(("#", "https://docs.")) for each in links)
    assert "a file" in document, "a link to a file is left as its text"
    assert not re.search("<script|<button|<details|<nav|popover", document)


def test_of_a_fold_it_has_the_heading_to_which_links_lead(made: Audit):
    document = made.printer.document
    assert '<p class="fold" id="00-a--a-fold">A fold</p>' in document
    assert ">what is in it<" not in document
    assert ">what is in it<" in made.page("00-a")
    assert '<details class="fold">' in made.page("00-a")


def test_a_long_table_is_cut_and_a_broad_one_transposed(made: Audit):
    document = made.printer.document
    assert "user-9" in document
    assert document.count(">user-10<") == 0
    [broad] = re.findall(r'<figure class="transposed".*?</figure>', document, re.DOTALL)
    assert broad.count("<tr") == 16
    assert [f">user-{i}" in broad for i in range(7)] == [True] * 6 + [False]
    assert 'data-rest="The first 6 of 40 rows. The page on a screen has all of them."' in broad
    assert '<figure class="table broad"' not in document
    assert '<figure class="table broad"' in made.page("00-a")


def test_it_is_listed_with_the_report(made: Audit, tmp_path: Path):
    assert (made.out / PDF).read_bytes() == MADE
    facts = read(made.out)
    assert PDF in facts["files"]
    assert facts["pdf"] == {"chromium": "1.0", "fonts": ["Sans"]}
    assert 'for paper: <a href="report.pdf">' in made.page("index")
    assert "report.pdf" not in made.printer.document
    verify(made.out)
    archive(made.out, tmp_path / "report.zip")
    with zipfile.ZipFile(tmp_path / "report.zip") as held:
        [cover] = [name for name in held.namelist() if name.endswith("README.txt")]
        assert any(name.endswith(PDF) for name in held.namelist())
        assert "report.pdf is all pages as one document, for paper." in held.read(cover).decode()


def test_a_report_without_it_is_as_ever_and_removes_an_old_one(audit: Audit):
    audit.notebook("00-a", "1")
    plain = audit.render()
    files = read(audit.out)
    assert plain.no_pdf == ""
    assert audit.render(printer=Printer()).sha256 != plain.sha256
    assert (audit.out / PDF).exists()
    failed = audit.render(printer=fails)
    assert failed.no_pdf == "report.pdf is not there, the rest of the report is: it has no ink"
    assert not (audit.out / PDF).exists()
    assert failed.sha256 == plain.sha256
    assert read(audit.out) == files


def test_a_failed_notebook_hides_neither_the_pdf_nor_that_there_is_none(audit: Audit):
    audit.notebook("00-a", "{}['user']")
    with pytest.raises(NotebookError, match="00-a: Cell 3 failed"):
        audit.render(printer=Printer())
    assert (audit.out / PDF).exists()
    with pytest.raises(NotebookError, match=r"show it\); report.pdf is not there.*no ink"):
        audit.render(printer=fails)


def test_what_cannot_be_compared_is_said(
    made: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    module = sys.modules["iamkit.report.rebuild"]
    monkeypatch.setattr(module, "printed", Printer())
    again = rebuild(made.out, notebooks=made.notebooks)
    assert (again.differing, again.not_compared) == ((), "")
    files = again.files
    monkeypatch.setattr(module, "printed", Printer(MADE + b"%"))
    assert rebuild(made.out, notebooks=made.notebooks).differing == (PDF,)
    monkeypatch.setattr(module, "printed", Printer(MADE.replace(b"1.0", b"2.0")))
    again = rebuild(made.out, notebooks=made.notebooks)
    said = "it was printed by Chromium 1.0 with Sans, and here by Chromium 2.0 with Sans"
    assert (again.differing, again.not_compared, again.files) == ((), said, files - 1)
    monkeypatch.undo()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    command = ["rebuild", str(made.out), "--notebooks", str(made.notebooks)]
    ran = CliRunner().invoke(main, command)
    assert ran.exit_code == 0, ran.output
    assert f"every byte of {files - 1} files is equal" in ran.stdout
    assert "report.pdf was not compared: IAMKIT_CHROMIUM names" in ran.stderr


def test_without_a_chromium_the_command_says_so_and_makes_the_rest(
    audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    audit.notebook("00-a", "1")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    given = ["report", str(audit.snapshot), "--notebooks", str(audit.notebooks), "--pdf"]
    ran = CliRunner().invoke(main, [*given, "--zip", str(tmp_path / "a.zip")])
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == f"{audit.out / 'index.html'}\n"
    [line] = [each for each in ran.stderr.splitlines() if "report.pdf" in each]
    assert line.startswith("report.pdf is not there, the rest of the report is: IAMKIT_CHROMIUM ")
    assert (tmp_path / "a.zip").exists()


def test_a_run_file_can_ask_for_it(tmp_path: Path):
    (tmp_path / "run.yaml").write_text("accounts: [{demo: true}]\npdf: true")
    assert fleet.read(tmp_path / "run.yaml").pdf
    (tmp_path / "run.yaml").write_text("accounts: [{demo: true}]\npdf: A4")
    with pytest.raises(Exception, match="line 2: pdf is true or false, not 'A4'"):
        fleet.read(tmp_path / "run.yaml")


@pytest.fixture(scope="module")
def pdf(made: Audit) -> Pdf:
    """The document, printed."""
    if chromium() is None:
        missing = pytest.fail if os.environ.get("IAMKIT_REQUIRE_BROWSER") else pytest.skip
        missing(NOT_FOUND)
    return Pdf(printed(made.printer.document, dt.datetime(2026, 11, 1, 6, tzinfo=dt.UTC)))


def test_each_sheet_says_of_which_evidence_it_is_and_its_number(pdf: Pdf, made: Audit):
    for number, said in enumerate(pdf.said, start=1):
        assert "example 012345678901" in said
        assert "Evidence as of 2026-11-01 06:00 UTC" in said
        assert f"Evidence SHA-256 {read(made.out)['evidence_sha256']}" in said
        assert f"{number} / {len(pdf.sheets)}" in said
    assert len(pdf.sheets) <= 5
    assert {tuple(map(round, each.mediabox[2:])) for each in pdf.sheets} == {(595, 842)}, "A4"


def test_it_is_tagged_and_outlined_and_its_links_work(pdf: Pdf):
    root = pdf.reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    titles = [title for title, _, _ in pdf.headings()]
    inside = ["Title of A", "Where to begin", "Title of B", "Glossary"]
    assert [each for each in titles if each in inside] == inside
    assert titles[0] == "IAM audit of example"
    places, addresses = pdf.links()
    assert len(places) >= 3
    assert set(places) <= set(pdf.reader.named_destinations)
    assert set(addresses) == {"https://docs.aws.amazon.com/"}
    assert b"file:" not in pdf.content
    assert pdf.reader.metadata.title == "IAM audit – 012345678901 – 2026-11-01 06:00 UTC"
    assert pdf.stranded() == []


def test_the_same_document_gives_the_same_bytes(pdf: Pdf, made: Audit):
    again = printed(made.printer.document, dt.datetime(2026, 11, 1, 6, tzinfo=dt.UTC))
    assert again == pdf.content
