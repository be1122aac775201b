"""Kernels: the same bytes however they are made, one audit for all, and nothing left running."""

import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import iamkit
from iamkit.errors import BrokenCheckError
from iamkit.report.exports import FILES
from iamkit.report.kernels import fork_server
from iamkit.report.manifest import MANIFEST
from tests.examples import thorough
from tests.processes import SECONDS, run
from tests.report.audits import Audit

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
import os, sys
from pathlib import Path
from iamkit import errors
from iamkit.report import render
from iamkit.report.kernels.fork_server import ForkServer
ForkServer.__init__.__kwdefaults__["fork"] = sys.argv[3] == "forked"
if "OPTIMIZE_KERNELS" in os.environ:  # from here on: nothing of ours is compiled for it
    os.environ["PYTHONOPTIMIZE"] = "1"
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
    pages = {"00-a.html", "00-a.ipynb", "glossary.html", "index.html"}
    assert set(here) == {"said", *pages, *FILES, MANIFEST}

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
        "XDG_CACHE_HOME": str(Path.home() / ".cache"),  # matplotlib's list of fonts takes seconds
        "MATPLOTLIBRC": str(home / "matplotlibrc"),
        "PYTHONSTARTUP": str(startup / "00.py"),
        "COLUMNS": "33",
        "NO_COLOR": "1",
        "OPTIMIZE_KERNELS": "1",
    }
    for kernel in ("forked", "started") if thorough() else ("started",):
        assert here == rendered(elsewhere, kernel, **changes)


# Says which classes that traits name are looked up by another thread than the first.
LOOKED_UP = """
import sys, threading
from pathlib import Path
from traitlets import traitlets
from iamkit.report import render
for kind in (traitlets.ClassBasedTraitType, traitlets.ForwardDeclaredMixin):
    def resolve(self, name, look_up=kind._resolve_string):
        if threading.current_thread() is not threading.main_thread():
            print(name)
        return look_up(self, name)
    kind._resolve_string = resolve
render(Path(sys.argv[1]), notebooks=Path(sys.argv[2]))
"""


def test_threads_do_not_look_up_the_same_class_at_once(audit: Audit):
    audit.notebook("00-a", "1")
    command = [sys.executable, "-c", LOOKED_UP, audit.snapshot, audit.notebooks]
    environment = {**os.environ, "PYTHONPATH": str(Path(iamkit.__file__).parents[1])}
    done = run(command, env=environment, cwd=audit.out, capture_output=True, text=True, check=True)
    assert done.stdout == ""


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


# Whatever starts the tests in the background may have them ignore interrupts.
DRIVES = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from iamkit.report import render
from iamkit.report.kernels.fork_server import ForkServer
ForkServer.__init__.__kwdefaults__["fork"] = sys.argv[3] == "forked"
settings = Path(sys.argv[4]) if sys.argv[4:] else None
render(Path(sys.argv[1]), notebooks=Path(sys.argv[2]), settings=settings)
"""


Drive = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def drive(audit: Audit) -> Iterator[Drive]:
    """Starts a report in a process of its own, which does not outlive the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(kernel: str, *settings: Path) -> "subprocess.Popen[bytes]":
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", DRIVES, audit.snapshot, audit.notebooks, kernel, *settings],
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


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
# Each signal and each kind of kernel; `make test` leaves out half of their combinations.
ENDS = [(kernel, number) for kernel in ("forked", "started") for number in SIGNALS]


@pytest.mark.parametrize(("kernel", "number"), ENDS[:: 1 if thorough() else 2])
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
    assert "verdict" in (audit.out / "identities.csv").read_text()


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
    for number in range(2):
        audit.notebook(f"0{number}-a", "1")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit.render(workers=1, progress=interrupt)
    assert not (audit.out / "index.html").exists()


# One audit for all


WAITING_CHECK = """
import pandas as pd
from iamkit import check

@check(severity="low", title="Waits", among="the account", remedy="Nothing.",
       source="https://intranet.example/waits")
def waits(users: pd.DataFrame) -> pd.DataFrame:
    {code}
    return pd.DataFrame({{"subject": [], "detail": []}})
"""


def with_own_check(audit: Audit, code: str) -> Path:
    """Settings that name a check of one's own that runs this code, in lines indented by four."""
    (audit.out / "ours.py").write_text(WAITING_CHECK.format(code=code))
    settings = audit.out / "iamkit.yml"
    settings.write_text("own_checks: [ours.py]\n")
    return settings


@pytest.mark.parametrize("fork", [True, False], ids=["forked", "started"])
def test_notebooks_and_files_share_one_audit_where_kernels_are_forked(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, fork: bool
):
    monkeypatch.setattr(fork_server.ForkServer.__init__, "__kwdefaults__", {"fork": fork})
    runs = audit.out / "runs"
    settings = with_own_check(audit, f"with open({str(runs)!r}, 'a') as file: file.write('x')")
    code = "from iamkit import load\nlen(load(snapshot, settings).audit.results)"
    for name in ("00-a", "01-b"):
        audit.notebook(name, code)
    audit.render(settings=settings)
    assert runs.read_text() == ("x" if fork and fork_server.AVAILABLE else "xxx")
    results = {audit.result(name) for name in ("00-a", "01-b")}
    assert len(results) == 1


def test_notebooks_share_nothing_that_one_of_them_changes(audit: Audit):
    code = (
        "import os, pandas as pd\n"
        "from iamkit import load\n"
        "account = load(snapshot)\n"
        "print(pd.options.display.max_rows, os.environ.get('X'), 'x' in account.users)\n"
        "pd.options.display.max_rows = 7; os.environ['X'] = 'y'; account.users['x'] = 1\n"
        "print('x' in load(snapshot).users)"
    )
    for name in ("00-a", "01-b", "02-c"):
        audit.notebook(name, code)
    other = (
        "from iamkit import load\n"
        "loaded = load(snapshot), load(snapshot, unused_days=7)\n"
        "print(*(account.settings.unused_days for account in loaded))"
    )
    audit.notebook("03-d", other)
    audit.render(workers=1)
    assert {audit.outputs(name) for name in ("00-a", "01-b", "02-c")} == {"60 None False\nTrue\n"}
    assert audit.outputs("03-d") == "45 7\n", "other thresholds are another account"


def test_a_broken_check_is_an_error_once_all_is_written(audit: Audit):
    settings = with_own_check(audit, "return pd.DataFrame({'user': []})")
    audit.notebook("00-a", "from iamkit import load\nlen(load(snapshot, settings).audit.results)")
    with pytest.raises(BrokenCheckError, match="check waits: it returned no column detail"):
        audit.render(settings=settings)
    assert "The page of this report was made" in audit.page("index")
    assert "verdict" in (audit.out / "identities.csv").read_text()


def test_an_interrupted_audit_is_not_waited_for(audit: Audit, pipe: Pipe, drive: Drive):
    code = WAITS.format(path=pipe.path).replace("\n", "\n    ")
    audit.notebook("00-a", "1")
    driver = drive("forked", with_own_check(audit, code))
    assert pipe.read()
    driver.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in ended(driver)
    assert pipe.read() == b"", "the process that audits has ended"
    assert list(audit.out.parent.glob("iamkit-*")) == []
