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
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from iamkit.errors import one_line
from iamkit.report.kernels import fork_server

NAME = "iamkit"
STARTUP_SECONDS = 600  # a kernel that has ended is noticed at once, a busy machine is waited for
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
    """

    def __init__(self, server: fork_server.ForkServer, cwd: Path) -> None:
        self.cwd = cwd
        self.env = server.env
        self._server = server
        self._running: list[Process] = []
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
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
        if os.name == "posix":
            manager.transport = "ipc"
            manager.ip = str(folder / "k")
        manager.client_factory = _Client
        manager.provisioner = _Provisioner(
            self, kernel_id=str(uuid4()), kernel_spec=manager.kernel_spec, parent=manager
        )
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
        options = LocalProvisioner._scrub_kwargs(kwargs)
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
                answer = await self.get_shell_msg(timeout=1)
                while not await self._idle_after(request):
                    pass
                self._handle_kernel_info_reply(answer)
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
        results: list[NotebookNode],
        **_: Any,
    ) -> None:
        """
        Run the cells; `results` receives the notebook even if one of them fails.

        papermill drops the notebook of a failed run unless it may write it to a file, with its
        own marks in it; the report needs the notebook and writes it itself.
        """
        results.append(nb_man.nb)
        client = PapermillNotebookClient(
            nb_man,
            km=kernels.manager(),
            shutdown_kernel="immediate",
            record_timing=False,
            startup_timeout=STARTUP_SECONDS,
            coalesce_streams=True,
        )
        try:
            client.execute(cleanup_kc=True, cwd=str(kernels.cwd), env=kernels.env)
        except DeadKernelError:
            code = [cell for cell in nb_man.nb.cells if cell.cell_type == "code"]
            started = [cell for cell in code if cell.metadata.papermill["start_time"]]
            running = started[-1] if started else code[0]
            message = "the kernel ended while it ran this cell"
            error = new_output(  # type: ignore[no-untyped-call]
                "error", ename="KernelDied", evalue=message, traceback=[message]
            )
            running.outputs.append(error)
        finally:
            ensure_event_loop().close()


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
    results: list[NotebookNode] = []
    problem = ""
    try:
        papermill.execute_notebook(
            notebook,
            None,
            parameters=dict(parameters),
            engine_name=NAME,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            kernels=kernels,
            results=results,
        )
    except papermill.PapermillExecutionError:
        pass  # the failing cell holds the error
    except (OSError, RuntimeError) as error:
        problem = one_line(error)
    executed = results[0] if results else notebook
    executed.cells = [
        cell
        for cell in executed.cells
        if "papermill-error-cell-tag" not in cell.metadata.get("tags", ())
    ]
    return executed, problem


def _kill(kernel: Process) -> None:
    """Kill a kernel and what it started."""
    if isinstance(kernel, subprocess.Popen) and os.name == "posix":
        os.killpg(kernel.pid, signal.SIGKILL)
    else:
        kernel.kill()
