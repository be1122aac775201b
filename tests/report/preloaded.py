"""
Fork servers of reports, forked from one process that has done their imports.

Each report that a test makes in its own process starts a fork server, which then imports pandas,
matplotlib and more for a second, and audits the account, which most of these tests have in common:
it has no evidence. Here one process does both once for all tests; on request it forks itself, and
the fork becomes a fork server with the environment, folder and files that were asked for. An
account with other evidence or settings is audited as ever. Only tests use it, and only for reports
of their own process: each program that a test starts starts its fork server as it does for
everybody.
"""

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from iamkit.report.kernels import fork_server
from tests.report.audits import Audit

AVAILABLE = fork_server.AVAILABLE and hasattr(os, "pidfd_open")
SECONDS = 600
LENGTH = 2**17  # of a message, at most


class Preloaded:
    """The process, from entering the `with` block to leaving it; stands in for `subprocess`."""

    PIPE, DEVNULL = subprocess.PIPE, subprocess.DEVNULL
    run = staticmethod(subprocess.run)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="preloaded-")
        self._env = fork_server._environment(Path(self._folder.name))
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=Path(__file__).parents[2],
                env=self._env,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.wait(SECONDS)
        self._folder.cleanup()

    def Popen(  # noqa: N802
        self, command: Sequence[str], *, env: dict[str, str], cwd: Path, **options: Any
    ) -> "Forked | subprocess.Popen[bytes]":
        """What `subprocess.Popen` does for a fork server."""
        if env["PYTHONPATH"] != self._env["PYTHONPATH"]:
            return subprocess.Popen(command, env=env, cwd=cwd, **options)
        [control] = options["pass_fds"]
        theirs, stdin = os.pipe()
        wanted = json.dumps({"env": env, "cwd": str(cwd)}).encode()
        socket.send_fds(self._control, [wanted], [control, theirs])
        os.close(theirs)
        return Forked(int(self._control.recv(32)), stdin)


class Forked:
    """A fork server, with the part of `subprocess.Popen` that is used of it."""

    def __init__(self, pid: int, stdin: int) -> None:
        self.stdin = os.fdopen(stdin, "wb")
        self._process = os.pidfd_open(pid)
        self._ended = False

    def kill(self) -> None:
        if not self._ended:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def wait(self) -> None:
        if not self._ended:
            assert select.select([self._process], [], [], SECONDS)[0], "it did not end"
            os.close(self._process)
            self._ended = True


def main(control: socket.socket) -> None:
    """Fork on each message until the other end closes."""
    for name in fork_server.IMPORTS:
        importlib.import_module(name)
    _audit_once()
    forks: set[int] = set()
    while True:
        message, passed, _, _ = socket.recv_fds(control, LENGTH, 2)
        forks = {pid for pid in forks if os.waitpid(pid, os.WNOHANG) == (0, 0)}
        if not message:
            break
        pid = os.fork()
        if pid == 0:
            control.close()
            _become(json.loads(message), *passed)
        forks.add(pid)
        control.send(str(pid).encode())
        for each in passed:
            os.close(each)


def _audit_once() -> None:
    """From now on an account like that of `Audit` is loaded with all of its tables made."""
    import iamkit.account

    plain = iamkit.account.load
    with tempfile.TemporaryDirectory() as folder:
        usual = plain(Audit(Path(folder)).snapshot)
        made = {name: getattr(usual, name) for name in iamkit.account.Account.tables()}

    def load(*arguments: Any, **options: Any) -> iamkit.account.Account:
        account = plain(*arguments, **options)
        same = account.snapshot.evidence_hash == usual.snapshot.evidence_hash
        if same and account.settings == usual.settings:
            account.__dict__.update(made)
        return account

    iamkit.account.load = load


def _become(wanted: dict[str, Any], control: int, stdin: int) -> None:
    """Be the fork server that was asked for, as if it had been started."""
    try:
        os.setsid()
        os.chdir(wanted["cwd"])
        os.environ.clear()
        os.environ.update(wanted["env"])
        time.tzset()
        tempfile.tempdir = None
        nothing = os.open(os.devnull, os.O_RDWR)
        for number, file in ((0, stdin), (1, nothing), (2, nothing)):
            os.dup2(file, number)
        os.close(nothing)
        os.close(stdin)
        fork_server.serve(socket.socket(fileno=control))
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
