"""
Notebooks to pages: run each on a snapshot, render it, and list the pages.

The same snapshot and settings give the same bytes, on any day, in any folder and time zone, so a
report can be checked by making it again: kernels get a fixed environment (`kernels.fork_server`),
and what papermill and IPython write about the run itself, such as times, process numbers and paths
of this machine, is taken out before anything is saved (`tidy`). A notebook that fails still yields
its page, which says so. The folder holds the old report until the new one is whole (`folder`).
"""

import json
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from iamkit.errors import BrokenCheckError, NotebookError, PrintError, ReportError
from iamkit.evidence import Snapshot
from iamkit.evidence import snapshot as snapshots
from iamkit.report import manifest
from iamkit.report.exports import FILES
from iamkit.report.folder import ReportFolder
from iamkit.report.kernels.fork_server import ForkServer
from iamkit.report.kernels.internals import without_grammar
from iamkit.report.manifest import earlier_audits, made_from, versions
from iamkit.report.notebooks import (
    NOTEBOOKS,
    ExecutedNotebook,
    SourceNotebook,
    account_arguments,
    parameter_values,
    read_notebooks,
    settings_in_force,
    thresholds,
)
from iamkit.report.printing import PDF, Printer, printed_with
from iamkit.report.tidy import Given, Tidier
from iamkit.settings import Settings

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from iamkit.report.kernels.engine import Kernels
    from iamkit.report.page import Page

NONE: Mapping[str, str] = MappingProxyType({})
WRITTEN = "tables"  # the folder of the run's own where the files beside the pages are written
INDEX, GLOSSARY = "index.html", "glossary.html"
Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Report:
    """
    Where the pages are, the hash of their manifest, and how many findings of each severity.

    `notes` are sentences on names in the settings that match nothing in the account; `no_pdf` says
    why there is no PDF, if there was to be one.
    """

    index: Path
    pages: tuple[Path, ...]
    sha256: str
    findings: Mapping[str, int]
    notes: tuple[str, ...] = ()
    no_pdf: str = ""


def render(
    snapshot: Path,
    out: Path | None = None,
    *,
    parameters: Mapping[str, str] = NONE,
    settings: Path | None = None,
    notebooks: Path | None = None,
    workers: int | None = None,
    printer: Printer | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Report:
    """
    Run every `NN-*.ipynb` on a snapshot and write its page, its executed copy and an index.

    Tables that are too long for a page come beside it, as files: see `exports`. The report takes
    the place of an earlier one in the folder when all of it is there, and not before; see `folder`.

    Parameters
    ----------
    snapshot : Path
        Evidence folder, or the folder that holds it. Every file of it is checked first.
    out : Path, optional
        Folder for the pages; the one that holds the snapshot if left out.
    parameters : mapping of str to str
        Notebook parameters as written on a command line. Each goes to the notebooks that declare
        it, read as the type they declare.
    settings : Path, optional
        Settings file, given to the notebooks that declare `settings`.
    notebooks : Path, optional
        Folder of notebooks; the kit's own if left out.
    workers : int, optional
        How many notebooks run at a time, each in a process of its own.
    printer : callable, optional
        What prints the whole report as one PDF, such as `printed`; none is made if left out, or if
        it raises PrintError.
    progress : callable
        Called with each finished notebook's name, how many are finished, and of how many.

    Raises SnapshotError if the evidence is not as it was collected; SettingsError, before anything
    is written, for a parameter that no notebook declares or whose value has the wrong type,
    CheckError, as early, if a file of the settings' `own_checks` cannot be read, and ReportError,
    as early, if a file that is no report's is in the way; WriteError if the report cannot be
    written, or another run writes it; after it is written, NotebookError if a notebook failed, and
    BrokenCheckError if a check broke.
    """
    opened = snapshots.read(snapshot.absolute())
    out = (out or opened.path.parent).absolute()
    notebooks = (notebooks or NOTEBOOKS).absolute()
    _refuse_place(out, opened.path, notebooks)
    with closing(ForkServer()) as server, without_grammar():
        given = Given(server.folder, opened.path, settings)
        arguments = account_arguments(opened.path, settings, parameters)
        server.audit(arguments | given.arguments)  # while this process imports and reads the rest
        sources = read_notebooks(notebooks)
        own = {"snapshot": given.snapshot, "settings": given.settings}
        values = parameter_values(sources, parameters, own)
        in_force = settings_in_force(arguments, parameters, sources)
        facts = made_from(opened, in_force, settings, parameters, sources)
        facts |= {"earlier_audits": earlier_audits(opened)}
        with ReportFolder(out) as folder:
            pages = _Pages(sources, values, parameters, opened, folder, printer)
            folder.refuse(pages.files)
            written = _written(server)
            tidier = Tidier(opened, server.folder, given, notebooks)
            kernels = _kernels(server, notebooks, in_force)
            with closing(_executed(sources, values, kernels, workers)) as executed:
                for done, (number, notebook) in enumerate(executed, start=1):
                    pages.write(number, tidier.tidied(notebook))
                    progress(sources[number].name, done, len(sources))
            files = [path.name for path in in_force.own_checks]
            keep = out == opened.path.parent  # elsewhere, records are no business of this report
            written.result()
            outcome = _write_tables(server, arguments | given.arguments, folder, files, keep=keep)
            pages.write_index(outcome)
            broken = [f"check {each.rstrip('.')}" for each in outcome["broken"]]
            facts |= {"versions": versions(outcome["actions"]), **pages.printed}
            sealed = manifest.sealed(facts, folder.files, [*pages.failures, *broken])
            folder.publish(sealed)
    _raise_failures(pages.failures, broken, out, pages.no_pdf)
    shown = tuple(out / page.href for page in pages.pages)
    digest, notes = manifest.sha256(sealed), tuple(outcome["notes"])
    return Report(out / INDEX, shown, digest, outcome["findings"], notes, pages.no_pdf)


def _refuse_place(out: Path, snapshot: Path, notebooks: Path) -> None:
    """Raise ReportError for a folder in which pages would spoil what they are made from."""
    if out.resolve() == notebooks.resolve():
        raise ReportError(f"{out} holds the notebooks themselves; give another folder for pages")
    if out.resolve().is_relative_to(snapshot.resolve()):
        said = f"{out} is the evidence itself, to which nothing may be added"
        raise ReportError(f"{said}; give another folder for pages")


def _raise_failures(failed: Sequence[str], broken: Sequence[str], out: Path, no_pdf: str) -> None:
    """Raise NotebookError if a notebook failed, else BrokenCheckError if a check broke."""
    if failed or broken:
        failure = NotebookError if failed else BrokenCheckError
        said = f"{'; '.join([*failed, *broken])} (the pages in {out} show it)"
        raise failure(f"{said}; {no_pdf}" if no_pdf else said)


# Running


def _kernels(server: ForkServer, cwd: Path, settings: Settings) -> "Kernels":
    from iamkit.report.kernels import engine

    return engine.Kernels(
        server,
        cwd,
        cell_seconds=settings.max_cell_seconds,
        memory_mib=settings.max_kernel_mib,
    )


def _executed(
    sources: Sequence[SourceNotebook],
    values: Mapping[str, Mapping[str, object]],
    kernels: "Kernels",
    workers: int | None,
) -> Generator[tuple[int, ExecutedNotebook]]:
    """Each notebook's number and its execution, as they finish; `close` ends those that run."""
    workers = workers or min(4, (os.cpu_count() or 1) + 1)
    with ThreadPoolExecutor(workers) as pool, kernels:
        futures: dict[Future[ExecutedNotebook], int] = {
            pool.submit(_execute, source, values[source.name], kernels): number
            for number, source in enumerate(sources)
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _execute(
    source: SourceNotebook, values: Mapping[str, object], kernels: "Kernels"
) -> ExecutedNotebook:
    """The notebook, executed in a kernel of its own as far as it goes."""
    from iamkit.report.kernels import engine

    notebook, problem = engine.execute(source.notebook, values, kernels)
    number = 0
    for position, cell in enumerate(notebook.cells):
        number += "injected-parameters" not in cell.metadata.get("tags", ())
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                said = (str(output.evalue).splitlines() or [""])[0][:200]
                if output.ename == "MemoryError" and kernels.memory_mib:
                    said = f"{said} (max_kernel_mib is {kernels.memory_mib})".strip()
                line = f"Cell {number} failed: {output.ename}: {said}".rstrip(": .")
                return ExecutedNotebook(notebook, position, f"{line}.")
    if not problem:
        return ExecutedNotebook(notebook)
    first = next((i for i, c in enumerate(notebook.cells) if c.cell_type == "code"), 0)
    return ExecutedNotebook(notebook, first, f"It could not be run: {problem}")


# Writing


class _Pages:
    """The pages of a report, each written when its notebook has finished."""

    def __init__(
        self,
        sources: Sequence[SourceNotebook],
        values: Mapping[str, Mapping[str, object]],
        given: Mapping[str, str],
        snapshot: Snapshot,
        folder: ReportFolder,
        printer: Printer | None,
    ) -> None:
        from iamkit.report import page

        self._changed = {
            name: {**{key: of[key] for key in of if key in given}, **thresholds(given)}
            for name, of in values.items()
        }
        self._evidence = page.provenance(snapshot)
        self._as_of = snapshot.as_of
        self._folder = folder
        self._printer = printer
        self._html: dict[str, str] = {}  # of each page, if they are to be printed
        self.printed: dict[str, Any] = {}  # what the manifest says of the PDF, if there is one
        self.no_pdf = ""
        self._version = manifest.installed_version("iamkit")
        self.pages: list[Page] = [page.opening(each.notebook, each.name) for each in sources]

    @property
    def files(self) -> list[str]:
        """The name of each file of the report."""
        both = [(page.href, f"{page.name}.ipynb") for page in self.pages]
        pdf = [PDF] if self._printer else []
        return [*chain.from_iterable(both), INDEX, GLOSSARY, *FILES, *pdf]

    @property
    def failures(self) -> list[str]:
        """A line on each notebook that failed."""
        return [f"{page.name}: {page.failure.rstrip('.')}" for page in self.pages if page.failure]

    def write(self, number: int, executed: ExecutedNotebook) -> None:
        """Write one page and the executed notebook beside it."""
        from iamkit.report.page import missing_evidence, render_page

        this = self.pages[number] = replace(
            self.pages[number],
            failure=executed.failure,
            missing=missing_evidence(executed.notebook),
        )
        html = render_page(
            executed.notebook,
            this,
            self.pages,
            self._evidence,
            failed_cell=executed.failed,
            changed=self._changed[this.name],
            version=self._version,
        )
        _write(self._folder, f"{this.name}.ipynb", _json(executed.notebook))
        _write(self._folder, this.href, html)
        if self._printer:
            self._html[this.name] = html

    def write_index(self, outcome: Mapping[str, Any]) -> None:
        """
        Write the glossary, the page that lists the others, and the PDF of all of them.

        `outcome`: see `csv_files`.
        """
        from iamkit.report.page import render_glossary

        glossary = render_glossary(self.pages, self._evidence, version=self._version)
        _write(self._folder, GLOSSARY, glossary)
        if self._printer:
            try:
                self._print(self._printer, self._index(outcome), glossary)
            except PrintError as error:
                self.no_pdf = f"{PDF} is not there, the rest of the report is: {error}"
        _write(self._folder, INDEX, self._index(outcome, pdf=PDF if self.printed else ""))

    def _print(self, printer: Printer, index: str, glossary: str) -> None:
        """Print all pages as one document."""
        from iamkit.report.combined import combined

        order = {page.name: self._html[page.name] for page in self.pages}
        parts = {"index": index, **order, "glossary": glossary}
        pdf = printer(combined(parts, self._evidence, version=self._version), self._as_of)
        self._folder.write(PDF, pdf)
        self.printed = {"pdf": printed_with(pdf)}

    def _index(self, outcome: Mapping[str, Any], pdf: str = "") -> str:
        """The page that lists the others and the files."""
        from iamkit.report.page import render_index

        return render_index(
            self.pages,
            replace(self._evidence, gaps=outcome["gaps"]),
            files=FILES,
            pdf=pdf,
            incomplete=outcome["incomplete"],
            notes=outcome["notes"],
            overview=outcome["overview"],
            version=self._version,
        )


def _written(server: ForkServer) -> Future[None]:
    """
    Write the files beside the pages while notebooks run, in a fork of the process that audits.

    What ends it is of no matter: then there is no folder `WRITTEN`, and `_write_tables` sees to it.
    """

    def write() -> None:
        with suppress(OSError):
            server.fork_writer(server.folder / WRITTEN).wait()

    with_server = ThreadPoolExecutor(1)
    future = with_server.submit(write)
    with_server.shutdown(wait=False)  # nobody waits for it if the report ends early
    return future


def _write_tables(
    server: ForkServer,
    arguments: Mapping[str, Any],
    out: ReportFolder,
    own: Sequence[str],
    *,
    keep: bool,
) -> dict[str, Any]:
    """
    Put the files that `_written` wrote into the report; write them here if it could not.

    Returns what else the run has to know; see `csv_files`. `own` are names of files of own checks;
    `keep`: the record of the audit is written, too, beside its evidence. Raises BrokenCheckError if
    they end each process that runs them.
    """
    from iamkit.account import load
    from iamkit.report.csv_files import OUTCOME
    from iamkit.report.exports import exports

    folder = server.folder / WRITTEN
    if keep and folder.exists():
        with suppress(OSError):
            server.fork_keeper().wait()
    if own and not folder.exists():  # what ends a process must not end this one
        code = server.run_writer(folder, keep=keep)
        if not folder.exists():
            raise BrokenCheckError(_ended(own, code))
    if folder.exists():
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
    else:
        account = load(**arguments)
        files = exports(account)
        if keep:
            account.history.keep()
    outcome: dict[str, Any] = json.loads(files.pop(OUTCOME))
    for name in sorted(files):
        out.write(name, files[name])
    return outcome


def _ended(own: Sequence[str], code: int) -> str:
    """What ended the process that audits the account, as far as anybody knows, in words."""
    return (
        f"the process that runs the checks ended before they did (exit code {code}): a check of "
        f"your own in {', '.join(own)} may have ended it, such as by os._exit, or memory ran out; "
        "no report was written, and an earlier one is as it was"
    )


def _json(notebook: "NotebookNode") -> str:
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _write(folder: ReportFolder, name: str, text: str) -> None:
    folder.write(name, text.encode("utf-8", "replace"))
