"""
A process that has imported what notebooks use, and forks a kernel from itself on request.

Most of the time of a short notebook goes into importing pandas and matplotlib. Here one process,
started fresh and with a single thread, does that once; each kernel is a fork of it, so it begins
with a clean state and the imports done. `ForkServer` is the report's end of the socket between the
two, `serve` the process's. It runs as `python -m iamkit.report.kernels`, where forking exists.

Nothing is left running: `close` kills the kernels, the process does so when the socket closes
because the report was killed, and a kernel ends itself when its parent is gone.
"""

import gc
import importlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

AVAILABLE = hasattr(os, "fork") and hasattr(socket, "send_fds") and sys.platform != "darwin"

# pyplot is not here: it must be imported after a kernel's shell exists, to show figures in it.
IMPORTS = (
    "ipykernel.kernelapp",
    "pandas",
    "matplotlib.backends.backend_svg",
    "iamkit",
    "iamkit.charts",
)

STARTUP_SECONDS = 600  # a process that has ended is noticed at once, a busy machine is waited for


class ForkedKernel:
    """A running kernel, with the part of `subprocess.Popen` that jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, life: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._life = life

    def poll(self) -> int | None:
        """None while the kernel lives: its end of the socket closes when it ends, however."""
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
        """Wait until the kernel has ended."""
        with suppress(OSError):
            self._life.setblocking(True)
            self._life.recv(1)
        return self.poll() or -1

    def send_signal(self, number: int) -> None:
        """Signal the kernel and the processes that it started."""
        if self.poll() is None:
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """End the kernel at once."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """
    The process that forks kernels, as the report sees it; it runs from construction to `close`.

    Without `fork` there is no such process, and `fork` always fails; the folder for the run's
    sockets and the environment that kernels get are there either way.
    """

    def __init__(self, *, fork: bool = AVAILABLE) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="iamkit-"))
        self.env = _environment(self.folder)
        self._control, theirs = socket.socketpair()
        self._process: subprocess.Popen[bytes] | None = None
        with theirs:
            if fork:
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-m", "iamkit.report.kernels", str(theirs.fileno())],
                    env=self.env,
                    cwd=self.folder,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )

    def fork(self, arguments: Sequence[str], cwd: Path) -> ForkedKernel:
        """A kernel with these ipykernel arguments; OSError if the process cannot make one."""
        if self._process is None:
            raise ConnectionError("there is no fork server")
        message = json.dumps([str(cwd), *arguments]).encode()
        life, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [message], [theirs.fileno()])
        try:
            life.settimeout(STARTUP_SECONDS)
            answer = life.recv(32)
        except OSError:
            life.close()
            raise
        if not answer:
            life.close()
            raise ConnectionError("the fork server has ended")
        life.setblocking(False)
        return ForkedKernel(int(answer), life)

    def close(self) -> None:
        """End the process, after its kernels, and remove the folder."""
        self._control.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    """The environment of every kernel: ours, less what would change a page."""
    kept = re.compile(r"(?!PYTHON(?!PATH$|HOME$)|NO_COLOR$|FORCE_COLOR$|LINES$)")
    env = {name: value for name, value in os.environ.items() if kept.match(name)}
    package = str(Path(__file__).parents[3])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [package, env.get("PYTHONPATH")]))
    matplotlib = find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        env["MATPLOTLIBRC"] = str(Path(matplotlib.origin).parent / "mpl-data" / "matplotlibrc")
    return env | {
        "COLUMNS": "80",
        "IPYTHONDIR": str(folder / "ipython"),
        "LC_ALL": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
    }


def serve(control: socket.socket) -> None:
    """Fork one kernel per message until the other end closes; then end all kernels."""
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    del sys.path[0]  # this folder, which `-m` has put there; a kernel adds its own
    for name in IMPORTS:
        importlib.import_module(name)
    gc.freeze()
    kernels: set[int] = set()
    while True:
        message, passed, _, _ = socket.recv_fds(control, 65536, 1)
        kernels = {pid for pid in kernels if os.waitpid(pid, os.WNOHANG) == (0, 0)}
        if not message:
            break
        pid = os.fork()
        if pid == 0:
            control.close()
            _become_kernel(message, passed[0])
        with suppress(OSError):
            os.setpgid(pid, pid)
        kernels.add(pid)
        with socket.socket(fileno=passed[0]) as life:
            life.send(str(pid).encode())
    for pid in kernels:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _become_kernel(message: bytes, life: int) -> None:
    """Run ipykernel in this forked process and never return; `life` is open meanwhile."""
    try:
        os.setpgid(0, 0)
        os.set_inheritable(life, False)
        cwd, *arguments = json.loads(message)
        os.chdir(cwd)
        sys.argv = ["ipykernel_launcher", *arguments]
        from ipykernel import kernelapp

        kernelapp.launch_new_instance()
    finally:
        os._exit(1)
