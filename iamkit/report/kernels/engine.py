"""
The papermill engine of the reports: each notebook in a kernel of its own, none left behind.

The kernel is always this interpreter, whatever a kernelspec named `python3` in someone's home
says, and its environment is fixed as far as it could show on a page: time zone, locale, hash
seed, and the settings of IPython and matplotlib. Kernels are forked from a preloaded process where
that works (`fork_server`) and started the ordinary way where it does not; the output is the same.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any, Self, TypeAlias
from uuid import uuid4

import papermill
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.launcher import launch_kernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from iamkit.errors import one_line
from iamkit.report.kernels import fork_server
from iamkit.report.kernels.internals import (
    notebook_client,
    start_with,
    was_started,
)

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

NAME = "iamkit"
STARTUP_SECONDS = 600  # a kernel that has ended is noticed at once, a busy machine is waited for
NO_ARGUMENTS = {"extra_arguments", "kernel_id"}  # what a manager adds that no process takes
Process: TypeAlias = fork_server.ForkedProcess | subprocess.Popen[bytes]


class Kernels:
    """
    The kernels of one run, started as asked for; leaving the `with` block ends them all.

    Parameters
    ----------
    server : ForkServer
        Forks the kernels if it can; otherwise each is started from nothing.
    cwd : Path
        Where the notebooks run.
    cell_seconds, memory_mib : int
        How long a cell may run, and how much memory a kernel may take; 0: no limit.
    """

    def __init__(
        self,
        server: fork_server.ForkServer,
        cwd: Path,
        *,
        cell_seconds: int = 0,
        memory_mib: int = 0,
    ) -> None:
        self.cwd = cwd
        self.env = server.env
        self.cell_seconds = cell_seconds
        self.memory_mib = memory_mib
        self._server = server
        self._running: list[Process] = []
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        # The first object of a class looks up the classes that its traits name; threads that do so
        # at the same time end with a TypeError. So the first is made before there are threads.
        self.manager().client()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._closed = True
        if kind:
            self._server.close()  # a kernel that waits for the end of an audit waits no longer
        with self._lock:
            for kernel in self._running:
                if kernel.poll() is None:
                    with suppress(ProcessLookupError):
                        _kill(kernel)
                    kernel.wait()

    def manager(self) -> AsyncKernelManager:
        """A manager for one new kernel, not yet started."""
        folder = Path(tempfile.mkdtemp(dir=self._server.folder))
        manager = AsyncKernelManager(
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            connection_file=str(folder / "connection.json"),
        )
        if os.name == "posix" and self._server.fits_sockets:
            manager.transport = "ipc"
            manager.ip = str(folder / "k")
        manager.client_factory = _Client
        provisioner = _Provisioner(
            self, kernel_id=str(uuid4()), kernel_spec=manager.kernel_spec, parent=manager
        )
        start_with(manager, provisioner)
        return manager

    def start(self, command: list[str], options: dict[str, Any]) -> Process:
        """A running kernel for this command, forked if possible."""
        with self._lock:
            if self._closed:
                raise DeadKernelError("the run has been stopped")
            try:
                arguments = command[command.index("ipykernel_launcher") + 1 :]
                kernel: Process = self._server.fork_kernel(arguments, self.cwd)
            except OSError as error:
                if self._closed:
                    raise DeadKernelError("the run has been stopped") from error
                quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                kernel = launch_kernel(command, **{**options, **quiet})
            self._running.append(kernel)
            limit_memory(kernel.pid, self.memory_mib)
            return kernel


class _Provisioner(LocalProvisioner):
    """Starts a kernel through `Kernels`, which keeps count of them."""

    def __init__(self, kernels: Kernels, **traits: Any) -> None:
        super().__init__(**traits)
        self._kernels = kernels

    async def wait(self) -> int | None:
        """Wait for the kernel's end without the usual tenth of a second between looks."""
        while await self.poll() is None:
            await asyncio.sleep(0.005)
        return await super().wait()

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        options = {name: value for name, value in kwargs.items() if name not in NO_ARGUMENTS}
        self.process: Any = self._kernels.start(cmd, options)
        self.pid = self.pgid = self.process.pid
        self.cwd = self._kernels.cwd
        return self.connection_info


class _Client(AsyncKernelClient):
    """A client that is ready when the kernel is, without the usual fifth of a second more."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered on both channels."""
        deadline = time.monotonic() + (timeout or STARTUP_SECONDS)
        while time.monotonic() < deadline:
            request = self.kernel_info()
            with suppress(Empty):
                await self.get_shell_msg(timeout=1)
                while not await self._idle_after(request):
                    pass
                return
            if not await self.is_alive():
                raise DeadKernelError("the kernel ended before it was ready")
        raise DeadKernelError("the kernel was not ready in time")

    async def _idle_after(self, request: str) -> bool:
        message = await self.get_iopub_msg(timeout=0.2)
        state = message["content"].get("execution_state")
        return bool(state == "idle" and message["parent_header"].get("msg_id") == request)


class KernelEngine(Engine):  # type: ignore[misc]
    """Runs a notebook in a kernel of `kernels`; a kernel that dies is an error of its cell."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        kernels: Kernels,
        **_: Any,
    ) -> None:
        """Run the cells, as far as they go."""
        client = notebook_client(
            nb_man,
            km=kernels.manager(),
            shutdown_kernel="immediate",
            record_timing=False,
            startup_timeout=STARTUP_SECONDS,
            iopub_timeout=STARTUP_SECONDS,
            timeout=kernels.cell_seconds or None,
            coalesce_streams=True,
        )
        try:
            client.execute(cleanup_kc=True, cwd=str(kernels.cwd), env=kernels.env)
        except DeadKernelError:
            limit = f"; max_kernel_mib is {kernels.memory_mib}" if kernels.memory_mib else ""
            _fail(nb_man.nb, "KernelDied", f"the kernel ended while it ran this cell{limit}")
        except CellTimeoutError:
            limit = f"{kernels.cell_seconds} s, which is max_cell_seconds"
            _fail(nb_man.nb, "CellTimeout", f"the cell ran for more than {limit}")
        finally:
            _close_loop()


def _close_loop() -> None:
    """Close this thread's event loop, after the tasks that a cell cut short has left in it."""
    loop = ensure_event_loop()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


def _fail(notebook: NotebookNode, name: str, message: str) -> None:
    """Note an error in the cell that was running."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    running = next((cell for cell in reversed(code) if was_started(cell)), code[0])
    error = new_output(  # type: ignore[no-untyped-call]
        "error", ename=name, evalue=message, traceback=[f"{name}: {message}"]
    )
    running.outputs.append(error)


papermill_engines.register(NAME, KernelEngine)


def declared_parameters(notebook: NotebookNode) -> dict[str, tuple[str, str]]:
    """The parameters that a notebook declares: name to type and default, as written there."""
    found = papermill.inspect_notebook(notebook).values()
    return {each["name"]: (each["inferred_type_name"], each["default"]) for each in found}


def execute(
    notebook: NotebookNode, parameters: Mapping[str, object], kernels: Kernels
) -> tuple[NotebookNode, str]:
    """
    The notebook, executed as far as it goes, and one line on why it could not be started, or "".

    A cell that fails has its error among its outputs.
    """
    common = {"engine_name": NAME, "kernel_name": "python3"}
    # With the whole of its own execution, papermill would write the notebook out as text, which is
    # slow, and add cells to one that fails.
    prepared = papermill.execute_notebook(
        notebook, None, parameters=dict(parameters), language="python", prepare_only=True, **common
    )
    try:
        executed: NotebookNode = papermill_engines.execute_notebook_with_engine(
            nb=prepared, progress_bar=False, kernels=kernels, **common
        )
    except (OSError, RuntimeError) as error:
        return prepared, one_line(error)
    return executed, ""


def _kill(kernel: Process) -> None:
    """Kill a kernel and what it started."""
    if isinstance(kernel, subprocess.Popen) and os.name == "posix":
        os.killpg(kernel.pid, signal.SIGKILL)
    else:
        kernel.kill()


def limit_memory(pid: int, mib: int) -> None:
    """
    Limit the memory that a process may still take, where the system can: on Linux.

    What it has already counts, too. Code that asks for more gets a `MemoryError`, or ends.
    """
    if mib and hasattr(resource, "prlimit"):
        limit = mib * 2**20
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))
