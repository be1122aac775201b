"""Notebooks become pages: in order, safely, and with their failures on them."""

import base64
import errno
import hashlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

import iamkit
from iamkit.charts import display
from iamkit.charts.folds import FOLDS_TYPE
from iamkit.errors import (
    NotebookError,
    ReportError,
    SettingsError,
    SnapshotError,
    WriteError,
)
from iamkit.report import notebooks, page
from iamkit.report.exports import FILES
from iamkit.report.kernels import fork_server
from iamkit.report.manifest import MANIFEST
from tests.report.audits import Audit
from tests.report.workbooks import parts


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """A report of three pages that all tests of its looks can share."""
    audit = Audit(tmp_path_factory.mktemp("made"))
    audit.manifest(source="demo", gaps=[{"call": "sso:List", "code": "Denied", "meaning": "a<b"}])
    audit.notebook("02-last", "print('last')", opening="# Last\n\n**Question:** Who is *last*?")
    audit.notebook(
        "00-first",
        "from iamkit import charts\ncharts.say('Fine: `x<y`', tone='good')",
        "charts.figures(users=1260, root_key=('none', 'well', 'good'))",
        "import pandas as pd\npd.DataFrame({'secret': ['<b>']})",
        "from IPython.display import HTML, Javascript, display\ndisplay(HTML('<b>raw</b>'))",
        "display(Javascript('alert(1)'))",
        "charts.new(alt='A \"quoted\" text')",
        "print(account, type(account).__name__, max_key_age_days, share, strict)",
        "import os, sys; print(sys.executable, snapshot, os.getcwd(), object(), sep='\\n')",
        "import warnings; warnings.warn('careful')",
    )
    audit.notebook("01-middle", "1 + 1", opening="## No title here", declares=False)
    (audit.notebooks / "scratch.ipynb").write_text("not a notebook, and not named like one")
    given = {"account": "012345678901", "max_key_age_days": "60", "strict": "yes"}
    steps: list[tuple[str, int, int]] = []
    audit.render(parameters=given, progress=lambda *step: steps.append(step))
    assert sorted(done for _, done, _ in steps) == [1, 2, 3]
    return audit


# The pages


def test_pages_are_in_order_of_name_and_link_to_each_other(made: Audit):
    pages = ["index.html", "00-first.html", "01-middle.html", "02-last.html", "glossary.html"]
    for name in ("index", "00-first", "01-middle", "02-last", "glossary"):
        links = re.findall(r'<a href="([\w-]+\.html)"', made.page(name).partition("</nav>")[0])
        assert links == pages
    assert '<a href="00-first.html" aria-current="page">' in made.page("00-first")


def test_the_index_says_what_each_page_answers_and_what_could_not_be_seen(made: Audit):
    index = made.page("index")
    for said in ("What does 00-first answer?", "Who is last?", "a&lt;b", "sso:List", "01-middle"):
        assert said in index
    assert "All 3 pages of this report were made, from the same evidence" in index
    assert "failed" not in index


def test_every_page_names_its_evidence(made: Audit):
    digest = hashlib.sha256((made.snapshot / "manifest.json").read_bytes()).hexdigest()
    for name in ("index", "00-first", "02-last"):
        text = made.page(name)
        for said in ("012345678901", "example", "2026-11-01 06:00 UTC", digest, "demo data"):
            assert said in text
    assert "<title>Last – 012345678901 – 2026-11-01 06:00 UTC</title>" in made.page("02-last")


def test_a_real_account_is_not_called_a_demo(audit: Audit):
    audit.notebook("00-a", "1")
    audit.render()
    assert "demo" not in audit.page("index").partition("<main")[2]


def test_the_policy_allows_one_style_sheet_and_one_script_and_no_more(made: Audit):
    for name in ("index", "00-first"):
        text = made.page(name)
        script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
        styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
        script, *styles = (
            f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"
            for part in (script, *styles)
        )
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
        assert policy.replace("&#39;", "'") == (
            f"default-src 'none'; img-src data:; style-src {' '.join(styles)}; "
            f"script-src {script}; base-uri 'none'; form-action 'none'"
        )
        assert text.count("<script") == 1
        assert " style=" not in text
        assert "http://" not in text.replace("http://www.w3.org", "")


def test_code_is_folded_away_and_parameter_cells_are_not_shown(made: Audit):
    text = made.page("00-first")
    assert text.count("<details") == 9
    assert "<details open" not in text
    assert "twelve digits" not in text
    assert "# Parameters" not in text


def test_changed_parameters_are_shown(made: Audit):
    """A threshold holds on every page; another parameter only where a notebook declares it."""
    for name in ("00-first", "01-middle"):
        assert "<code>max_key_age_days = 60</code>" in made.page(name)
    assert "<code>strict = True</code>" in made.page("00-first")
    assert "strict = " not in made.page("01-middle")


def test_sentences_figures_and_charts_become_markup_here(made: Audit):
    text = made.page("00-first")
    assert '<p class="say good">Fine: <code>x&lt;y</code></p>' in text
    assert "<dt>Users</dt><dd>1,260</dd>" in text
    assert 'alt="A &#34;quoted&#34; text"' in text


def test_raw_html_and_javascript_are_refused_with_a_note(made: Audit):
    text = made.page("00-first")
    assert "<b>raw</b>" not in text
    assert text.count("HTML output is left out") == 2
    assert text.count("JavaScript output is left out") == 1
    assert "secret" in text, "a plain frame is shown as text"


def test_nothing_of_this_machine_or_run_is_on_a_page_or_in_a_notebook(made: Audit):
    places = [str(made.out.parent), sys.prefix, str(Path(iamkit.__file__).parents[1])]
    for path in sorted(made.out.glob("*.*")):
        content = path.read_bytes()
        text = str(parts(content)) if path.suffix == ".xlsx" else content.decode()
        for said in (*places, tempfile.gettempdir() + "/", "ipykernel_", " at 0x"):
            assert said not in text, f"{path.name} says {said}"
    executed = json.loads((made.out / "00-first.ipynb").read_text())
    assert set(executed["metadata"]) == {"kernelspec", "language_info"}
    assert all(set(cell["metadata"]) <= {"tags"} for cell in executed["cells"])
    injected = [
        c for c in executed["cells"] if c["metadata"].get("tags") == ["injected-parameters"]
    ]
    assert 'snapshot = "snapshot"' in "".join(injected[0]["source"])


def test_only_the_owner_can_read_a_report(audit: Audit):
    audit.notebook("00-a", "1")
    made = audit.render(out=audit.out / "new" / "pages")
    for folder in (audit.out / "new", audit.out / "new" / "pages"):
        assert folder.stat().st_mode & 0o777 == 0o700
    for path in made.index.parent.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in made.index.parent.iterdir()) == [
        "00-a.html", "00-a.ipynb", "controls.csv", "findings.csv", "findings.json",
        "findings.ocsf.json", "glossary.html", "identities.csv", "index.html",
        "report-manifest.json", "report.xlsx",
    ]  # fmt: skip


def test_a_page_of_an_earlier_run_does_not_stay(audit: Audit):
    audit.notebook("07-old", "'out of date'")
    audit.render()
    for name in ("notes.html", "08-mine.html", "08-mine.ipynb"):
        (audit.out / name).write_text("the analyst's own")
    (audit.notebooks / "07-old.ipynb").unlink()
    audit.notebook("00-a", "1")
    audit.render()
    left = {path.name for path in audit.out.iterdir()}
    made = {"00-a.html", "00-a.ipynb", "glossary.html", "index.html", MANIFEST, *FILES}
    there = {"notes.html", "08-mine.html", "08-mine.ipynb", "snapshot", "history"}
    assert left == {*made, *there}
    assert "07-old" not in audit.page("index")
    assert (audit.out / "08-mine.ipynb").read_text() == "the analyst's own"


def test_an_old_page_that_somebody_changed_stays_theirs(audit: Audit):
    audit.notebook("00-a", "1")
    audit.notebook("07-old", "1")
    audit.render()
    (audit.out / "07-old.html").write_text("with my notes")
    (audit.notebooks / "07-old.ipynb").unlink()
    audit.render()
    assert audit.page("07-old") == "with my notes"
    assert not (audit.out / "07-old.ipynb").exists()


@pytest.mark.parametrize(
    "name", ["00-a.html", "00-a.ipynb", "index.html", "findings.csv", MANIFEST]
)
@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_is_in_the_way_is_named_and_untouched(audit: Audit, name: str, kind: str):
    audit.notebook("00-a", f"open({str(audit.out / 'ran')!r}, 'w')")
    theirs = audit.out / name
    if kind == "folder":
        theirs.mkdir()
    elif kind == "link":
        theirs.symlink_to(audit.notebooks / "00-a.ipynb")
    else:
        theirs.write_text("mine")
    said = rf"holds what a report would replace: {name} \(not made by iamkit\)\. Move it away, or"
    with pytest.raises(ReportError, match=said):
        audit.render()
    assert {path.name for path in audit.out.iterdir()} == {"snapshot", name}, "nothing was run"
    assert kind != "file" or theirs.read_text() == "mine"


def test_a_page_that_somebody_changed_is_in_the_way(audit: Audit):
    audit.notebook("00-a", "1")
    audit.render()
    changed = audit.page("00-a").replace("</main>", "My note.</main>")
    (audit.out / "00-a.html").write_text(changed)
    with pytest.raises(ReportError, match=r"00-a\.html \(changed since iamkit made it\)"):
        audit.render()
    assert audit.page("00-a") == changed


def test_a_table_of_5000_rows_stays_small(audit: Audit):
    audit.notebook(
        "00-a",
        "import pandas as pd\nfrom iamkit import charts\nn = 5000\n"
        "charts.table(pd.DataFrame({\n"
        "  'user': [f'user-{i:05d}' for i in range(n)], 'account': ['111122223333'] * n,\n"
        "  'key': [f'AKIA{i:016d}' for i in range(n)], 'severity': ['critical'] * n,\n"
        "  'age': range(n), 'used': pd.date_range('2020', periods=n, freq='h'),\n"
        "  'why': ['Never used and older than 90 days'] * n}), 'Keys', severity='severity')",
    )
    audit.render()
    assert (audit.out / "00-a.html").stat().st_size <= 1.5e6
    assert audit.page("00-a").count("<tr hidden>") == 4990


def test_a_page_knows_what_charts_emit():
    types = {
        display.TABLE_TYPE: "table",
        display.FIGURES_TYPE: "figures",
        display.TEXT_TYPE: "sentence",
        FOLDS_TYPE: "folds",
    }
    assert types == page.DATA


# Parameters


def test_parameters_keep_their_declared_types(made: Audit):
    assert "012345678901 str 60 0.5 True" in made.outputs("00-first")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_key_age_day", "60", "did you mean max_key_age_days?"),
        ("colour", "red", "there is no setting or parameter 'colour'; there are account"),
        ("colour", "red", "account, approved_networks, break_glass, "),
        (
            "max_key_age_days",
            "9O",
            "max_key_age_days is a number of days from 1 to 36500, not '9O'",
        ),
        ("max_key_age_days", "60.5", "a number of days from 1 to 36500, not 60.5"),
        ("break_glass", "[a", "the value of break_glass is not YAML"),
        ("own_checks", "a.py", "own_checks takes more than a line: give it in a file"),
        ("share", "half", "takes float, not 'half'"),
        ("share", "nan", "takes float, not 'nan'"),
        ("strict", "2", "takes bool, not '2'"),
        ("snapshot", "x", "'snapshot' has an argument of its own"),
    ],
)
def test_a_wrong_parameter_is_named_before_anything_is_written(
    audit: Audit, name: str, value: str, message: str
):
    audit.notebook("00-a", "1")
    (audit.out / "index.html").write_text("from last time")
    with pytest.raises(SettingsError, match=re.escape(message)):
        audit.render(parameters={name: value})
    assert audit.page("index") == "from last time"


@pytest.mark.parametrize(
    ("value", "declared", "default", "expected"),
    [
        ("none", "int|None", "None", None),
        ("none", "str", '""', "none"),
        ("-3", "int", "0", -3),
        ("60", "float", "0.5", 60.0),
        ("No", "bool", "True", False),
        ("0123", "None", "'x'", "0123"),
        ("12", "None", "3", 12),
        ("12", "None", "unknown()", "12"),
    ],
)
def test_values_are_read_as_declared_or_as_the_default(
    value: str, declared: str, default: str, expected: object
):
    assert repr(notebooks._typed("name", value, declared, default)) == repr(expected)


def test_snapshot_and_settings_reach_the_notebooks_that_declare_them(audit: Audit):
    settings = audit.out.parent / "strict.yml"
    settings.write_text("unused_days: 1")
    audit.notebook("00-a", "print(open(settings).read())", "from pathlib import Path")
    audit.notebook("01-b", "print('settings' in globals())", declares=False)
    audit.render(settings=settings)
    assert "unused_days: 1" in audit.outputs("00-a")
    assert "False" in audit.outputs("01-b")
    assert "strict.yml" in (audit.out / "00-a.ipynb").read_text()


def test_settings_that_nobody_would_read_are_an_error(audit: Audit):
    audit.notebook("00-a", "1", declares=False)
    with pytest.raises(SettingsError, match="no notebook takes settings"):
        audit.render(settings=audit.out / "x.yml")


# Failures


ENDS = {
    "02-exits": "import os; os._exit(0)",
    "03-is-killed": "import os; os.kill(os.getpid(), 9)",
    "04-stops": "import sys; sys.exit(0)",
}


class Failed(NamedTuple):
    """A report of which only the first notebook went well, and what was raised in the end."""

    audit: Audit
    said: str


@pytest.fixture(scope="module", params=[True, False], ids=["forked", "started"])
def failed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Failed:
    audit = Audit(tmp_path_factory.mktemp("failed"))
    audit.notebook("00-good", "print('fine')")
    audit.notebook("01-bad", "print('so far')", "{}['user']", "print('never')")
    for name, code in ENDS.items():
        audit.notebook(name, "print('so far')", code, "print('never')")
    audit.notebook("05-deep", "import pandas as pd\npd.DataFrame({'a': [1]}).loc[7]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fork_server.ForkServer.__init__, "__kwdefaults__", {"fork": request.param})
        with pytest.raises(NotebookError) as raised:
            audit.render()
    return Failed(audit, str(raised.value))


def test_a_failing_notebook_still_has_its_page_and_the_others_finish(failed: Failed):
    bad, good = failed.audit.page("01-bad"), failed.audit.page("00-good")
    assert "This page is incomplete." in bad
    assert "so far" in bad
    assert bad.count("(not run)") == 1
    assert 'href="#failed"' in bad
    assert 'id="failed"' in bad
    assert "papermill" not in bad
    assert "fine" in good
    assert "incomplete" not in good
    assert failed.audit.page("index").count("failed</span>") == 5


@pytest.mark.parametrize("name", ENDS)
def test_a_notebook_that_ends_itself_has_failed(failed: Failed, name: str):
    assert re.search(f"{name}: Cell 4 failed: (KernelDied|SystemExit)", failed.said)
    assert "so far" in failed.audit.page(name)
    assert "(not run)" in failed.audit.page(name)


def test_all_failures_are_named_in_order(failed: Failed):
    assert failed.said.startswith("01-bad: Cell 4 failed: KeyError: 'user'; 02-exits: ")
    assert "; 05-deep: Cell 3 failed: KeyError: 7 (the pages in " in failed.said


def test_a_traceback_names_no_place_on_this_machine(failed: Failed):
    text = failed.audit.page("05-deep")
    assert "pandas/core/" in text
    assert "site-packages" not in text
    assert str(Path.home()) not in text
    assert "~/" not in text


@pytest.mark.parametrize("content", ["{", "[]", '{"cells": 3}', '{"cells": [{}]}', ""])
def test_a_file_that_is_no_notebook_is_named(audit: Audit, content: str):
    (audit.notebooks / "00-a.ipynb").write_text(content)
    with pytest.raises(ReportError, match=r"00-a\.ipynb is not a notebook"):
        audit.render()


def test_a_folder_without_notebooks_is_an_error(audit: Audit):
    with pytest.raises(ReportError, match="has no notebook named like"):
        audit.render()


def test_evidence_that_has_changed_is_not_reported_on(audit: Audit):
    audit.notebook("00-a")
    path = audit.snapshot / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"example", b"exemple"))
    with pytest.raises(SnapshotError, match=r"manifest\.json has been changed"):
        audit.render()
    assert [item.name for item in audit.out.iterdir()] == ["snapshot"]


def test_pages_do_not_replace_the_notebooks_they_come_from(audit: Audit):
    audit.notebook("00-a", "1")
    with pytest.raises(ReportError, match="holds the notebooks themselves"):
        audit.render(out=audit.notebooks)
    assert (audit.notebooks / "00-a.ipynb").exists()


def test_pages_do_not_go_among_the_evidence(audit: Audit):
    audit.notebook("00-a", "1")
    for out in (audit.snapshot, audit.snapshot / "pages"):
        with pytest.raises(ReportError, match="is the evidence itself"):
            audit.render(out=out)
    assert [path.name for path in audit.snapshot.iterdir()] == ["manifest.json"]


def test_a_folder_that_cannot_be_made_is_one_line(audit: Audit):
    audit.notebook("00-a", "1")
    (audit.out / "file").write_text("")
    with pytest.raises(WriteError, match=r"pages cannot be written to .*file.*: Not a directory$"):
        audit.render(out=audit.out / "file" / "pages")


def test_a_full_disk_is_one_line_and_leaves_no_half_page(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
):
    audit.notebook("00-a", "1")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"00-a\.ipynb cannot be written: No space left on devic"):
        audit.render()
    assert [path.name for path in audit.out.iterdir()] == ["snapshot"]


def test_a_table_of_nothing_is_one_sentence(audit: Audit) -> None:
    audit.notebook(
        "00-a",
        "import pandas as pd\nfrom iamkit import charts\n"
        "charts.table(pd.DataFrame({'name': []}), 'Users without MFA')",
        "charts.table(pd.DataFrame({'name': ['ana']}), 'Users with MFA')",
    )
    audit.render()
    page = audit.page("00-a")
    assert '<p class="none"><strong>Users without MFA:</strong> none.</p>' in page
    assert page.count("<table>") == 1
