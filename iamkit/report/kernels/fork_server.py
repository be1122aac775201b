"""
A process that holds the audited account, and forks a kernel from itself on request.

Most of the time of a notebook would go into importing pandas and matplotlib and into auditing the
account. Here one process, started fresh and with a single thread, does both once; each kernel is a
fork of it, so it begins with a clean state, the imports done and the account loaded. The tables
that become files are written by a fork, too. `ForkServer` is the report's end of the socket
between the two, `serve` the process's. It runs as `python -m iamkit.report.kernels`, where forking
exists.

Nothing is left behind: `close` kills the kernels and removes the run's temporary folder, the
process does both when the socket closes because the report was killed, and a kernel ends itself
when its parent is gone.
"""

import importlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from iamkit.memory import freeze, garbage_collection_paused
from iamkit.report.exports import write_exports
from iamkit.report.temporary import RunFolder
from iamkit.settings import FOR_ALL_NOTEBOOKS, Settings

AVAILABLE = hasattr(os, "fork") and hasattr(socket, "send_fds") and sys.platform != "darwin"

# pyplot is not here: it must be imported after a kernel's shell exists, to show figures in it.
IMPORTS = (
    "ipykernel.kernelapp",
    *("ipykernel.debugger", "pdb", "sqlite3", "tornado.platform.asyncio"),  # a kernel's own
    "pandas",
    "matplotlib.backends.backend_svg",
    "iamkit",
    "iamkit.charts",
    "iamkit.pages",
)

AUDIT_SECONDS = 86400  # a process that has ended is noticed at once, a long audit is waited for


class ForkedProcess:
    """A running fork, with the part of `subprocess.Popen` that jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, life: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._life = life

    def poll(self) -> int | None:
        """None while the process lives: its end of the socket closes when it ends, however."""
        if self.returncode is None:
            try:
                self._life.recv(1)
            except BlockingIOError:
                return None
            except OSError:
                pass
            self._life.close()
            self.returncode = -1
        return self.returncode

    def wait(self) -> int:
        """Wait until the process has ended."""
        with suppress(OSError):
            self._life.setblocking(True)
            self._life.recv(1)
        return self.poll() or -1

    def send_signal(self, number: int) -> None:
        """Signal the process and those that it started."""
        if self.poll() is None:
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """End the process at once."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """
    The process that forks kernels, as the report sees it; it runs from construction to `close`.

    Without `fork` there is no such process, and `fork` always fails; the folder for the run's
    sockets and the environment that kernels get are there either way.
    """

    def __init__(self, *, fork: bool = AVAILABLE) -> None:
        self._run = RunFolder()
        self.folder = self._run.path
        self.fits_sockets = self._run.fits_sockets
        self.env = _environment(self.folder)
        self._control, theirs = socket.socketpair()
        self._process: subprocess.Popen[bytes] | None = None
        self._arguments: dict[str, Any] = {}
        self._writer: ForkedProcess | None = None
        with theirs:
            if fork:
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-m", "iamkit.report.kernels", str(theirs.fileno())],
                    env=self.env,
                    cwd=self.folder,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )

    def audit(self, arguments: Mapping[str, Any]) -> None:
        """
        Have the process load an account, with these arguments of `iamkit.load`, and audit it.

        To be called once, before anything is forked. What goes wrong there is left to the kernels,
        which then load the account themselves. Returns at once.
        """
        self._arguments = dict(arguments)
        self.env |= _thresholds(arguments)
        self._begin(json.dumps(arguments))

    def fork_kernel(self, arguments: Sequence[str], cwd: Path) -> ForkedProcess:
        """A kernel with these ipykernel arguments; OSError if the process cannot make one."""
        return self._fork({"cwd": str(cwd), "arguments": arguments})

    def fork_writer(self, folder: Path) -> ForkedProcess:
        """
        A process that writes the report's `exports` into a folder, which is there once all are.

        It ends with the server. OSError if the process cannot make one.
        """
        self._writer = self._fork({"account": self._arguments, "folder": str(folder)})
        return self._writer

    def fork_keeper(self) -> ForkedProcess:
        """A process that writes the record of the audit beside its evidence; else OSError."""
        return self._fork({"account": self._arguments})

    def run_writer(self, folder: Path, *, keep: bool) -> int:
        """Do what `fork_writer` and, if need be, `fork_keeper` do in a process; its exit code."""
        ran = subprocess.run(  # noqa: S603
            [
                sys.executable,
                "-m",
                "iamkit.report.writer",
                str(folder),
                *(["keep"] if keep else []),
            ],
            input=json.dumps(self._arguments).encode(),
            env=self.env,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return ran.returncode

    def _begin(self, arguments: str = "") -> None:
        if self._process and self._process.stdin and not self._process.stdin.closed:
            with suppress(OSError), self._process.stdin as stdin:
                stdin.write(arguments.encode())

    def _fork(self, wanted: Mapping[str, Any]) -> ForkedProcess:
        if self._process is None:
            raise ConnectionError("there is no fork server")
        self._begin()
        life, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._control, [json.dumps(wanted).encode()], [theirs.fileno()])
            life.settimeout(AUDIT_SECONDS)
            answer = life.recv(32)
        except OSError:
            life.close()
            raise
        if not answer:
            life.close()
            raise ConnectionError("the fork server has ended")
        life.setblocking(False)
        return ForkedProcess(int(answer), life)

    def close(self) -> None:
        """End the process, after its kernels, and remove the folder."""
        if self._writer:
            with suppress(OSError):
                self._writer.kill()
        self._control.close()
        if self._process:
            self._process.kill()
            self._process.wait()
            self._begin()
        self._run.close()


def _thresholds(arguments: Mapping[str, Any]) -> dict[str, str]:
    """The variable by which each notebook learns the thresholds among arguments of `load`."""
    given = {name: value for name, value in arguments.items() if name in Settings.names()}
    return {FOR_ALL_NOTEBOOKS: json.dumps(given)}


def _environment(folder: Path) -> dict[str, str]:
    """The environment of every kernel: ours, less what would change a page."""
    kept = re.compile(r"(?!PYTHON(?!PATH$|HOME$)|NO_COLOR$|FORCE_COLOR$|LINES$)")
    env = {name: value for name, value in os.environ.items() if kept.match(name)}
    package = str(Path(__file__).parents[3])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [package, env.get("PYTHONPATH")]))
    matplotlib = find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        env["MATPLOTLIBRC"] = str(Path(matplotlib.origin).parent / "mpl-data" / "matplotlibrc")
    temporary = folder / "tmp"
    temporary.mkdir()
    return env | {
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
        "COLUMNS": "80",
        "IPYTHONDIR": str(folder / "ipython"),
        "LC_ALL": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # on a full disk, Python 3.11 leaves half of a file
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
    }


def serve(control: socket.socket) -> None:
    """
    Audit the account, then fork on each message until the other end closes; end all forks.

    This runs in the run's temporary folder, and removes it at the end, because the process at the
    other end may have been killed.
    """
    folder = Path.cwd()
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    del sys.path[0]  # this folder, which `-m` has put there; a kernel adds its own
    with garbage_collection_paused():
        for name in IMPORTS:
            importlib.import_module(name)
    arguments = sys.stdin.read()
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    if arguments:
        with suppress(Exception):  # the notebooks will fail the same way, and their pages say how
            _audit(json.loads(arguments), control)
    freeze()
    forks: set[int] = set()
    while True:
        message, passed, _, _ = socket.recv_fds(control, 65536, 1)
        forks = {pid for pid in forks if os.waitpid(pid, os.WNOHANG) == (0, 0)}
        if not message:
            break
        pid = os.fork()
        if pid == 0:
            control.close()
            _become(json.loads(message), passed[0])
        with suppress(OSError):
            os.setpgid(pid, pid)
        forks.add(pid)
        with socket.socket(fileno=passed[0]) as life:
            life.send(str(pid).encode())
    for pid in forks:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    for pid in forks:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
    shutil.rmtree(folder, ignore_errors=True)


def _audit(arguments: Mapping[str, Any], control: socket.socket) -> None:
    """Build every table of the account, and what could be changed; stop early if nobody waits."""
    from iamkit.account import Account, keep, load
    from iamkit.remedies import proposals

    os.environ |= _thresholds(arguments)
    account = load(**arguments)
    keep(account)
    for name in Account.tables():
        if select.select([control], [], [], 0)[0] and not control.recv(1, socket.MSG_PEEK):
            return
        with suppress(Exception):
            getattr(account, name)
    with suppress(Exception):
        _ = account.history
    with suppress(Exception):
        proposals(account)


def _become(wanted: Mapping[str, Any], life: int) -> None:
    """Do in this forked process what is wanted, then end it; `life` is open meanwhile."""
    try:
        os.setpgid(0, 0)
        os.set_inheritable(life, False)
        if "account" in wanted:
            from iamkit.account import load

            account = load(**wanted["account"])  # which this process holds
            if "folder" in wanted:
                write_exports(Path(wanted["folder"]), account)
            else:
                account.history.keep()
            return
        os.chdir(wanted["cwd"])
        sys.argv = ["ipykernel_launcher", *wanted["arguments"]]
        from ipykernel import kernelapp

        kernelapp.launch_new_instance()
    finally:
        os._exit(1)
