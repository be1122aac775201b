"""
Accounts done by workers of a Dask cluster: processes of this machine, or of a scheduler elsewhere.

An account is a chain of two tasks: its evidence is collected; then it is audited and its report
rendered, in one task, because the pages' kernels are forked from the process that audited. Through
the scheduler go the entry of the run file, names of files, log lines and the result; evidence goes
through the place of the reports. Every task can be done twice without harm, so one whose worker
died is tried again elsewhere.

`distributed` comes with the extra `fleet`.
"""

from __future__ import annotations

import ipaddress
import logging
import queue
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from iamkit.errors import SettingsError, WriteError, one_line
from iamkit.exit_codes import ExitCode
from iamkit.fleet.account_audit import Job, collect, report
from iamkit.fleet.account_result import AccountResult
from iamkit.fleet.log import KeptLines, Lines
from iamkit.fleet.places import place_of
from iamkit.report import installed_version

AHEAD: Final = 2  # accounts for each worker that are with the scheduler at a time
DEATHS: Final = 3  # of workers under one task, after which it is set aside
LOOK: Final = 10.0  # seconds without a result after which somebody looks whether there are workers
CONNECT: Final = "30s"

Told = tuple[AccountResult, list[tuple[str, str, str]]]


def collect_task(job: Job) -> Told:
    """Take the evidence of an account, in a worker."""
    lines = KeptLines()
    with place_of(job.file).desk(job) as desk:
        return collect(job, desk, lines), lines.lines


def report_task(job: Job, before: Told) -> Told:
    """Make the report of an account, in a worker."""
    result, said = before
    lines = KeptLines()
    if result.error:
        return before
    with place_of(job.file).desk(job) as desk:
        return report(job, result, desk, lines), [*said, *lines.lines]


def workers(number: int, scheduler: str, log: Lines) -> Workers | None:
    """
    Return the workers that a command asks for; None if it asks for none.

    Raises `SettingsError` if they cannot be used: the extra is not installed, or the scheduler is
    at an address where others could use it.
    """
    if not (number or scheduler):
        return None
    if number and scheduler:
        raise SettingsError("a scheduler has its own workers; leave out --workers or --scheduler")
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        asked = "--scheduler" if scheduler else "--workers"
        raise SettingsError(
            f"{asked} needs the extra fleet: pip install 'iamkit[fleet]'; without it, accounts are "
            "audited one after the other"
        ) from error
    if scheduler:
        _refuse_open("--scheduler", [scheduler])
    return Workers(number, scheduler, log)


@dataclass
class Workers:
    """Workers that do accounts; started, or connected to, when the first is to be done."""

    number: int
    scheduler: str
    log: Lines
    _client: Any = None
    _cluster: Any = None
    _done: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)

    def run(self, jobs: Iterable[Job], left: int) -> Generator[tuple[str, AccountResult]]:
        """
        Yield the name and the result of each account, in the order in which they are done.

        `left` is how many accounts of the run are not done, those of other calls included.
        """
        self._open()
        waiting = iter(jobs)
        under_way: dict[Any, Job] = {}
        aside: list[Job] = []
        finished = 0

        def submit(job: Job, again: str = "") -> None:
            future = self._submit(job, again)
            under_way[future] = job
            future.add_done_callback(self._done.put)

        for job, _ in zip(waiting, range(AHEAD * self._threads()), strict=False):
            submit(job)
        while under_way or aside:
            if not under_way:  # the last chance, alone: who dies now has itself to blame
                submit(aside.pop(0), "again")
            future = self._next()
            job = under_way.pop(future)
            alone = not under_way and future.key.endswith("again")
            told = self._told(job, future, alone=alone)
            if told is None:
                aside.append(job)
            else:
                finished += 1
                for how, text, account in told[1]:
                    getattr(self.log, how)(text, account)
                self.log.say(f"done; {left - finished} accounts are left", job.entry.name)
                yield job.entry.name, told[0]
            for job in waiting:
                submit(job)
                break

    def close(self) -> None:
        """End the workers that were started here; leave a scheduler elsewhere as it is."""
        for each in (self._client, self._cluster):
            if each is not None:
                with suppress(Exception):  # what is being left has nothing more to say
                    each.close(timeout=10)
        self._client = self._cluster = None

    def _open(self) -> None:
        if self._client is not None:
            return
        import dask
        import distributed

        library: Any = distributed  # which ships types for some of its functions only
        try:
            if self.scheduler:
                self._client = library.Client(self.scheduler, timeout=CONNECT, name="iamkit")
                self._look_at_workers()
                return
            dask.config.set({"distributed.scheduler.allowed-failures": DEATHS})
            self._cluster = library.LocalCluster(
                n_workers=self.number,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
            self._client = library.Client(self._cluster)
        except (OSError, ValueError, RuntimeError, TimeoutError) as error:
            where = self.scheduler or "this machine"
            raise SettingsError(
                f"no workers can be had of {where}: {one_line(error)}; is the scheduler running, "
                "and is TLS configured on both sides?"
            ) from error

    def _look_at_workers(self) -> None:
        """Raise `SettingsError` if workers cannot be trusted, or are not of this version."""
        self._client.wait_for_workers(1, timeout=60)
        found = self._client.scheduler_info(n_workers=-1)["workers"]
        _refuse_open("a worker", found)
        own = installed_version("iamkit")
        for address, version in self._client.run(installed_version, "iamkit").items():
            if version != own:
                raise SettingsError(f"the worker {address} has iamkit {version}, not {own}")

    def _threads(self) -> int:
        return max(1, int(sum(self._client.nthreads().values())))

    def _submit(self, job: Job, again: str) -> Any:
        """The future of an account's report. Names of accounts are in no key."""
        key = f"{job.run}-{job.number}{again and '-'}{again}"
        evidence = self._client.submit(
            collect_task, job, key=f"collect-{key}", retries=2, pure=False
        )
        return self._client.submit(
            report_task, job, evidence, key=f"report-{key}", retries=2, pure=False
        )

    def _next(self) -> Any:
        """The next account that is done; says so, once, if there is nobody to do any."""
        said = False
        while True:
            try:
                return self._done.get(timeout=LOOK)
            except queue.Empty:
                if self._client.status not in ("running", "connecting"):
                    raise self._lost() from None
                if not said and not self._client.nthreads():
                    self.log.warn("there are no workers at the moment; waiting for some")
                    said = True

    def _told(self, job: Job, future: Any, *, alone: bool) -> Told | None:
        """What came of an account; None if workers died under it and it is to be tried again."""
        from distributed import KilledWorker

        if future.status in ("cancelled", "lost"):
            raise self._lost()
        error = future.exception() if future.status == "error" else None
        if error is None:
            told: Told = future.result()
            return told
        if isinstance(error, KilledWorker) and not alone:
            return None
        said = f"{type(error).__name__}: {one_line(error)}"
        if isinstance(error, KilledWorker):
            said = (
                "each worker that did this account was killed, possibly for want of memory; give "
                "workers more, or fewer of them to a machine"
            )
        failed = AccountResult(
            job.entry.name,
            job.entry.account or job.known_as,
            error=said,
            exit_code=int(ExitCode.FAILED),
        )
        return failed, [("fail", said, job.entry.name)]

    def _lost(self) -> WriteError:
        where = self.scheduler or "the scheduler"
        return WriteError(
            f"{where} was lost; the same command goes on with the accounts that are not done"
        )


def _refuse_open(what: str, addresses: Iterable[str]) -> None:
    """Raise `SettingsError` for an address that others reach: who does can run any program."""
    for address in addresses:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        if parts.scheme in ("tls", "inproc") or _is_loopback(parts.hostname or ""):
            continue
        raise SettingsError(
            f"{what} at {address} is neither on loopback nor protected by TLS, so whoever reaches "
            "it can run programs with the rights of this one; use tls:// (docs/organization.md)"
        )


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
