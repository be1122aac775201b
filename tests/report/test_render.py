"""Notebooks become pages: in order, safely, the same bytes each time, and nothing left running."""

import base64
import errno
import hashlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import iamkit
from iamkit import charts
from iamkit.charts import display
from iamkit.errors import NotebookError, ReportError, SettingsError, SnapshotError
from iamkit.evidence.snapshot import sealed
from iamkit.report import Report, notebooks, page, render
from iamkit.report.csv_files import TABLES
from iamkit.report.kernels import fork_server
from tests.processes import SECONDS, run

PARAMETERS = """snapshot = "latest"  # type: str  evidence folder
settings = None  # type: str|None  settings file
account = ""  # type: str  twelve digits
max_key_age_days = None  # type: int|None  days; None takes the setting
share = 0.5  # type: float  of all users
strict = False  # type: bool  count what is not assessed
"""
MANIFEST = {
    "format": 1,
    "account_id": "012345678901",
    "alias": "example",
    "as_of": "2026-11-01T06:00:00Z",
    "collected_at": "2026-11-01T06:04:12Z",
    "caller_arn": "arn:aws:sts::012345678901:assumed-role/audit/me",
    "source": "aws",
    "calls": [],
    "gaps": [],
    "files": {},
}


class Audit:
    """A snapshot and notebooks in one folder, as a clone with an audit would have them."""

    def __init__(self, folder: Path) -> None:
        self.snapshot = folder / "2026-11-01" / "snapshot"
        self.notebooks = folder / "notebooks"
        self.out = folder / "2026-11-01"
        self.snapshot.mkdir(parents=True)
        self.notebooks.mkdir()
        self.manifest()

    def manifest(self, **values: object) -> None:
        (self.snapshot / "manifest.json").write_bytes(sealed({**MANIFEST, **values}))

    def notebook(self, name: str, *code: str, opening: str = "", declares: bool = True) -> None:
        parameters = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        cells = [
            new_markdown_cell(opening or f"# Title of {name}\n\nWhat does {name} answer?"),
            *([parameters] if declares else []),
            *(new_code_cell(cell) for cell in code),
        ]
        (self.notebooks / f"{name}.ipynb").write_text(nbformat.writes(new_notebook(cells=cells)))

    def render(self, **options: object) -> Report:
        return render(self.snapshot, **{"notebooks": self.notebooks, **options})

    def page(self, name: str) -> str:
        return (self.out / f"{name}.html").read_text()

    def outputs(self, name: str) -> str:
        """All text that the notebook printed."""
        executed = nbformat.read(self.out / f"{name}.ipynb", as_version=4)
        cells = (cell for cell in executed.cells if cell.cell_type == "code")
        return "".join(o.get("text", "") for cell in cells for o in cell.outputs)


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)


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
    for name in ("index", "00-first", "01-middle", "02-last"):
        links = re.findall(r'<a href="([\w-]+\.html)"', made.page(name).partition("</nav>")[0])
        assert links == ["index.html", "00-first.html", "01-middle.html", "02-last.html"]
    assert '<a href="00-first.html" aria-current="page">' in made.page("00-first")


def test_the_index_says_what_each_page_answers_and_what_could_not_be_seen(made: Audit):
    index = made.page("index")
    for said in ("What does 00-first answer?", "Who is last?", "a&lt;b", "sso:List", "01-middle"):
        assert said in index
    assert index.count("complete</span>") == 3
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
    assert "<code>max_key_age_days = 60</code>" in made.page("00-first")
    assert "Changed for this report" not in made.page("01-middle")


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
        text = path.read_text()
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
        "00-a.html", "00-a.ipynb", "controls.csv", "findings.csv", "identities.csv", "index.html",
    ]  # fmt: skip


def test_a_page_of_an_earlier_run_does_not_stay(audit: Audit):
    for name in ("index.html", "07-old.html", "07-old.ipynb", "findings.csv", ".x.tmp"):
        (audit.out / name).write_text("out of date")
    (audit.out / "notes.html").write_text("the analyst's own")
    audit.notebook("00-a", "1")
    audit.render()
    left = {path.name for path in audit.out.iterdir()}
    assert left == {"00-a.html", "00-a.ipynb", "index.html", "notes.html", "snapshot", *TABLES}
    assert "out of date" not in audit.page("index")
    assert "out of date" not in (audit.out / "findings.csv").read_text()


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
    assert audit.page("00-a").count("<tr hidden>") == 4900


# Parameters


def test_parameters_keep_their_declared_types(made: Audit):
    assert "012345678901 str 60 0.5 True" in made.outputs("00-first")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_key_age_day", "60", "did you mean 'max_key_age_days'?"),
        ("colour", "red", "no notebook has a parameter 'colour'"),
        ("colour", "red", "account, max_key_age_days, share, strict"),
        ("max_key_age_days", "9O", "takes int or None, not '9O'"),
        ("max_key_age_days", "60.5", "takes int or None, not '60.5'"),
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


def test_a_failing_notebook_still_has_its_page_and_the_others_finish(audit: Audit):
    audit.notebook("00-good", "print('fine')")
    audit.notebook("01-bad", "print('so far')", "{}['user']", "print('never')")
    with pytest.raises(NotebookError, match=r"^01-bad: Cell 4 failed: KeyError: 'user'\. "):
        audit.render()
    bad = audit.page("01-bad")
    assert "This page is incomplete." in bad
    assert "so far" in bad
    assert bad.count("(not run)") == 1
    assert 'href="#failed"' in bad
    assert 'id="failed"' in bad
    assert "papermill" not in bad
    assert "fine" in audit.page("00-good")
    assert "incomplete" not in audit.page("00-good")
    assert audit.page("index").count("failed</span>") == 1


@pytest.mark.parametrize(
    "code",
    ["import os; os._exit(0)", "import os; os.kill(os.getpid(), 9)", "import sys; sys.exit(0)"],
)
@pytest.mark.parametrize("fork", [True, False], ids=["forked", "started"])
def test_a_notebook_that_ends_itself_has_failed(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, code: str, fork: bool
):
    monkeypatch.setattr(fork_server.ForkServer.__init__, "__kwdefaults__", {"fork": fork})
    audit.notebook("00-good", "print('fine')")
    audit.notebook("01-ends", "print('so far')", code, "print('never')")
    with pytest.raises(NotebookError, match="^01-ends: Cell 4 failed: (KernelDied|SystemExit)"):
        audit.render()
    assert "so far" in audit.page("01-ends")
    assert "(not run)" in audit.page("01-ends")
    assert "fine" in audit.page("00-good")


def test_all_failures_are_named(audit: Audit):
    audit.notebook("00-a", "1 / 0")
    audit.notebook("01-b", "x")
    with pytest.raises(NotebookError, match="00-a: Cell 3 failed: Zero.*; 01-b: Cell 3 failed: Na"):
        audit.render()


def test_a_traceback_names_no_place_on_this_machine(audit: Audit):
    audit.notebook("00-a", "import pandas as pd\npd.DataFrame({'a': [1]}).loc[7]")
    with pytest.raises(NotebookError):
        audit.render()
    text = audit.page("00-a")
    assert "pandas/core/" in text
    assert "site-packages" not in text
    assert str(Path.home()) not in text
    assert "~/" not in text


def test_notebooks_share_nothing(audit: Audit):
    code = "import os, pandas as pd\nprint(pd.options.display.max_rows, os.environ.get('X'))"
    for name in ("00-a", "01-b", "02-c"):
        audit.notebook(name, code, "pd.options.display.max_rows = 7; os.environ['X'] = 'y'")
    audit.render(workers=1)
    assert {audit.outputs(name) for name in ("00-a", "01-b", "02-c")} == {"60 None\n"}


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


def test_a_folder_that_cannot_be_made_is_one_line(audit: Audit):
    audit.notebook("00-a", "1")
    (audit.out / "file").write_text("")
    with pytest.raises(ReportError, match=r"pages cannot be written to .*file.*: Not a directory$"):
        audit.render(out=audit.out / "file" / "pages")


def test_a_full_disk_is_one_line_and_leaves_no_half_page(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
):
    audit.notebook("00-a", "1")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ReportError, match=r"00-a\.ipynb cannot be written: No space left on devic"):
        audit.render()
    assert [path.name for path in audit.out.iterdir()] == ["snapshot"]


# The same evidence gives the same bytes


@pytest.fixture
def varied(audit: Audit) -> Audit:
    """A notebook whose output would differ by time zone, hash seed, settings and place."""
    audit.notebook(
        "00-a",
        "import datetime, os, sys, time, warnings\nimport pandas as pd\nfrom iamkit import charts\n"
        "print(set('abcdefgh'), time.strftime('%H %Z', time.gmtime(0)), time.tzname, object())\n"
        "print(datetime.datetime.fromtimestamp(0), snapshot, __name__, *sys.path, sep='\\n')\n"
        "warnings.warn('careful')\nprint('both', file=sys.stderr)\n1",
        "import matplotlib\nax = charts.new(alt='x'); ax.plot([1, 2, 3], label='a'); ax.legend()\n"
        "ax.fill_between([0, 1], [1, 2], hatch='/'); ax",
        "matplotlib.rcParams['figure.dpi'], matplotlib.rcParams['lines.linewidth']",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()",
        "charts.table(pd.DataFrame({'a': [{'x', 'y', 'z'}, None]}), 'Sets')",
        "'startup' in globals()",
        "assert False, 'an assertion counts whatever PYTHONOPTIMIZE says'",
    )
    return audit


HASHES = """
import sys
from pathlib import Path
from iamkit import errors
from iamkit.report import render
from iamkit.report.kernels.fork_server import ForkServer
ForkServer.__init__.__kwdefaults__["fork"] = sys.argv[3] == "forked"
try:
    render(Path(sys.argv[1]), notebooks=Path(sys.argv[2]), parameters={"account": "1"})
except errors.NotebookError as error:
    print(str(error).partition(" (the pages")[0])
"""


def rendered(audit: Audit, kernel: str, **env: str) -> dict[str, str]:
    """The hash of each file, as another process makes it, and what that process said."""
    package = str(Path(iamkit.__file__).parents[1])
    done = run(
        [sys.executable, "-c", HASHES, audit.snapshot, audit.notebooks, kernel],
        env={**os.environ, "PYTHONPATH": package, **env},
        cwd=audit.out,
        capture_output=True,
        text=True,
        check=True,
    )
    files = sorted(path for path in audit.out.iterdir() if path.is_file())
    return {
        "said": done.stdout,
        **{path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }


def test_the_same_evidence_gives_the_same_bytes_anywhere(varied: Audit, tmp_path: Path):
    here = rendered(varied, "forked")
    assert set(here) == {"said", "00-a.html", "00-a.ipynb", "index.html", *TABLES}
    assert here == rendered(varied, "forked")

    home = tmp_path / "a quite different home {x}"
    startup = home / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("startup = 1")
    (home / "matplotlibrc").write_text("lines.linewidth: 9\nfigure.dpi: 33\n")
    elsewhere = Audit(home / "clone")
    shutil.copytree(varied.notebooks, elsewhere.notebooks, dirs_exist_ok=True)
    shutil.copytree(varied.snapshot, elsewhere.snapshot, dirs_exist_ok=True)
    changes = {
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "4",
        "HOME": str(home),
        "MATPLOTLIBRC": str(home / "matplotlibrc"),
        "PYTHONSTARTUP": str(startup / "00.py"),
        "COLUMNS": "33",
        "NO_COLOR": "1",
        "PYTHONOPTIMIZE": "1",
    }
    assert here == rendered(elsewhere, "forked", **changes)
    assert here == rendered(elsewhere, "started", **changes)


def test_the_kernel_is_this_python_whatever_a_kernelspec_says(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
):
    spec = audit.out / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    false = {"argv": ["/bin/false"], "display_name": "Python 3", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(false))
    monkeypatch.setenv("JUPYTER_PATH", str(audit.out / "jupyter"))
    monkeypatch.setattr(fork_server.ForkServer.__init__, "__kwdefaults__", {"fork": False})
    code = f"import sys; print(sys.executable == {sys.executable!r}, sys.prefix == {sys.prefix!r})"
    audit.notebook("00-a", code)
    audit.render()
    assert audit.outputs("00-a") == "True True\n"


# Nothing is left running


WAITS = """
import os, threading
pipe = os.open({path!r}, os.O_WRONLY)
os.write(pipe, f"{{os.getpid()}} {{os.getppid()}}\\n".encode())
threading.Event().wait()
"""


class Pipe:
    """What notebooks wrote into a named pipe, and whether any of them still has it open."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self) -> bytes:
        """The next thing written; nothing once every writer has ended."""
        written = select.select([self._end], [], [], SECONDS)[0]
        assert written, f"the notebook neither wrote nor ended in {SECONDS} s"
        return os.read(self._end, 100)

    def close(self) -> None:
        os.close(self._end)


@pytest.fixture
def pipe(tmp_path: Path):
    pipe = Pipe(tmp_path / "pipe")
    yield pipe
    pipe.close()


DRIVES = """
import sys
from pathlib import Path
from iamkit.report import render
from iamkit.report.kernels.fork_server import ForkServer
ForkServer.__init__.__kwdefaults__["fork"] = sys.argv[3] == "forked"
render(Path(sys.argv[1]), notebooks=Path(sys.argv[2]))
"""


Drive = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def drive(audit: Audit) -> Iterator[Drive]:
    """Starts a report in a process of its own, which does not outlive the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(kernel: str) -> "subprocess.Popen[bytes]":
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", DRIVES, audit.snapshot, audit.notebooks, kernel],
                stderr=subprocess.PIPE,
                env={**os.environ, "TMPDIR": str(audit.out.parent)},
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(SECONDS)
        process.stderr.close()


def ended(driver: "subprocess.Popen[bytes]") -> bytes:
    """What the report wrote on standard error until it ended."""
    try:
        return driver.communicate(timeout=SECONDS)[1]
    except subprocess.TimeoutExpired:
        pytest.fail(f"the report did not end in {SECONDS} s")


@pytest.mark.parametrize("kernel", ["forked", "started"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_kernels_end_with_the_report_however_it_ends(
    audit: Audit, pipe: Pipe, drive: Drive, kernel: str, number: signal.Signals
):
    audit.notebook("00-a", WAITS.format(path=pipe.path))
    driver = drive(kernel)
    assert pipe.read()
    driver.send_signal(number)
    error = ended(driver)
    assert driver.returncode != 0
    assert pipe.read() == b"", "the kernel has ended"
    assert not (audit.out / "index.html").exists()
    if number == signal.SIGINT:
        assert b"KeyboardInterrupt" in error
        assert list(audit.out.parent.glob("iamkit-*")) == []


@pytest.mark.parametrize("which", [0, 1], ids=["kernel", "fork server"])
def test_a_killed_process_fails_its_notebook_and_not_the_run(
    audit: Audit, pipe: Pipe, drive: Drive, which: int
):
    if which and not fork_server.AVAILABLE:
        pytest.skip("kernels are not forked on this system")
    audit.notebook("00-a", WAITS.format(path=pipe.path))
    driver = drive("forked")
    victims = [int(pid) for pid in pipe.read().split()]
    os.kill(victims[which], signal.SIGKILL)
    error = ended(driver)
    assert b"NotebookError: 00-a: Cell 3 failed: KernelDied" in error
    assert pipe.read() == b""
    assert "failed</span>" in audit.page("index")


def test_what_a_notebook_started_ends_with_it(audit: Audit, pipe: Pipe):
    audit.notebook(
        "00-a",
        "import subprocess, sys\n"
        f"code = {WAITS.format(path=pipe.path)!r}\n"
        "child = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.DEVNULL)",
        f"import os, select\nend = os.open({pipe.path!r} + '-done', os.O_RDONLY); os.read(end, 1)",
    )
    os.mkfifo(pipe.path + "-done")
    # Open for reading as well, so that writing waits for nobody and the notebook sees no end.
    done = os.open(pipe.path + "-done", os.O_RDWR)
    try:
        with ThreadPoolExecutor(1) as beside:
            started = beside.submit(released, pipe, done)
            audit.render()
            assert started.result()
    finally:
        os.close(done)
    assert pipe.read() == b"", "the process that the notebook started has ended"


def released(pipe: Pipe, done: int) -> bytes:
    """What the process wrote; the notebook goes on afterwards, and if it wrote nothing too."""
    try:
        return pipe.read()
    finally:
        os.write(done, b"x")


def test_the_folder_for_sockets_is_gone_afterwards(audit: Audit, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(audit.out.parent))
    audit.notebook("00-a", "1")
    audit.render()
    assert list(audit.out.parent.glob("iamkit-*")) == []


def test_interrupting_between_pages_stops_the_rest(audit: Audit):
    for number in range(4):
        audit.notebook(f"0{number}-a", "1")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit.render(workers=1, progress=interrupt)
    assert not (audit.out / "index.html").exists()


# What notebooks show


def test_a_page_knows_what_charts_emit():
    types = {
        display.TABLE_TYPE: "table",
        display.FIGURES_TYPE: "figures",
        display.TEXT_TYPE: "sentence",
    }
    assert types == page.DATA


def test_a_table_shows_values_as_a_reader_writes_them():
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["2026-11-01", None], utc=True),
            "hour": pd.to_datetime(["2026-11-01T08:00+02:00", None], utc=True),
            "age": pd.to_timedelta([90.7, None], unit="D"),
            "mfa": pd.array([True, None], dtype="boolean"),
            "keys": [["a", "b"], None],
            "set": [{"b", "a"}, {1}],
            "count": np.array([2**60, 1], dtype="uint64"),
            "share": [0.25, np.nan],
            "id": ["012345678901", None],
            "mixed": [1, "x"],
            "kind": pd.Categorical(["high", None]),
            "lone": ["\ud800", "x"],
        }
    )
    before = frame.copy(deep=True)
    shown = charts.table(frame, "All", severity="kind")
    assert dict(shown.columns) == {
        "day": "time", "hour": "time", "age": "number", "mfa": "truth", "keys": "text",
        "set": "text", "count": "number", "share": "number", "id": "text", "mixed": "text",
        "kind": "severity", "lone": "text",
    }  # fmt: skip
    assert shown.data[0] == [
        "2026-11-01", "2026-11-01 06:00", 90, "yes", "a, b", "a, b", 2**60, 0.25,
        "012345678901", "1", "high", "?",
    ]  # fmt: skip
    assert shown.data[1] == [None, None, None, None, None, "1", 1, None, None, "x", None, "x"]
    pd.testing.assert_frame_equal(frame, before)
    json.dumps(shown._repr_mimebundle_()).encode()


def test_a_table_says_when_it_is_cut_short_and_keeps_a_named_index():
    frame = pd.DataFrame({"n": range(1000)}, index=pd.Index(range(1000), name="user"))
    shown = charts.table(frame, "Users", rows=20)
    assert shown.caption == "Users (first 20 of 1,000)"
    assert [name for name, _ in shown.columns] == ["user", "n"]
    assert len(shown.data) == 20
    assert charts.table(frame, "Users", rows=1000).caption == "Users"


def test_previews_for_jupyterlab_are_escaped_and_short():
    bad = "<script>x</script>"
    frame = pd.DataFrame({bad: [bad] * 60})
    for shown in (charts.table(frame, bad), charts.say(bad), charts.figures(**{bad: (bad, bad)})):
        bundle = shown._repr_mimebundle_()
        assert "<script>" not in bundle["text/html"]
        assert bundle["text/plain"]
    assert charts.table(frame, bad)._repr_mimebundle_()["text/html"].count("<tr>") <= 51


def test_a_chart_is_the_same_bytes_whatever_the_settings():
    def draw() -> object:
        ax = charts.new(alt="Two bars")
        ax.barh(["a", "b"], [1, 2], hatch="/")
        ax.set_title("A title")
        return ax._repr_mimebundle_()

    import matplotlib

    first = draw()
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": None}):
        assert draw() == first
    data, metadata = first
    assert metadata == {"image/svg+xml": {"alt": "Two bars"}}
    assert "<dc:date>" not in data["image/svg+xml"]


def test_many_marks_are_drawn_as_png_and_a_given_axes_is_used():
    ax = charts.new(alt="Dots")
    assert charts.new(ax) is ax
    ax.scatter(range(5000), range(5000))
    data, metadata = ax._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert metadata == {"image/png": {"alt": "Dots"}}
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )
