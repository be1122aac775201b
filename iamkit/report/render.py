"""
Notebooks to pages: run each on a snapshot, render it, and list the pages.

The same snapshot and settings give the same bytes, on any day, in any folder and time zone, so a
report can be checked by making it again: kernels get a fixed environment (`kernels.fork_server`),
and what papermill and IPython write about the run itself, such as times, process numbers and paths
of this machine, is taken out before anything is saved. A notebook that fails still yields its page,
which says so; a page of an earlier run never stays beside newer ones.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from iamkit.errors import BrokenCheckError, NotebookError, ReportError, one_line
from iamkit.evidence import Snapshot
from iamkit.evidence import snapshot as snapshots
from iamkit.report.kernels.fork_server import ForkServer
from iamkit.report.notebooks import (
    NOTEBOOKS,
    PATTERN,
    ExecutedNotebook,
    SourceNotebook,
    account_arguments,
    parameter_values,
    read_notebooks,
    thresholds,
)
from iamkit.report.tidy import Tidier

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from iamkit.report.kernels.engine import Kernels
    from iamkit.report.page import Page

NONE: Mapping[str, str] = MappingProxyType({})
Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Report:
    """Where the pages are."""

    index: Path
    pages: tuple[Path, ...]


def render(
    snapshot: Path,
    out: Path | None = None,
    *,
    parameters: Mapping[str, str] = NONE,
    settings: Path | None = None,
    notebooks: Path | None = None,
    workers: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Report:
    """
    Run every `NN-*.ipynb` on a snapshot and write its page, its executed copy and an index.

    Tables that are too long for a page come beside it, as CSV: see `csv_files`.

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
    progress : callable
        Called with each finished notebook's name, how many are finished, and of how many.

    Raises SnapshotError if the evidence is not as it was collected; SettingsError, before anything
    is written, for a parameter that no notebook declares or whose value has the wrong type, and
    CheckError, as early, if a file of the settings' `own_checks` cannot be read;
    ReportError if a page cannot be written; after all pages are written, NotebookError if a
    notebook failed, and BrokenCheckError if a check broke.
    """
    opened = snapshots.read(snapshot.absolute())
    out = (out or opened.path.parent).absolute()
    notebooks = (notebooks or NOTEBOOKS).absolute()
    with closing(ForkServer()) as server, _without("rfc3987_syntax"):
        sources = read_notebooks(notebooks)
        own = {"snapshot": opened.path, "settings": settings}
        values = parameter_values(sources, parameters, own)
        arguments = account_arguments(opened.path, settings, parameters)
        server.audit(arguments)
        _prepare(out, notebooks)
        tidier = Tidier(opened.path, settings, out, notebooks, server.folder)
        pages = _Pages(sources, values, parameters, opened, out)
        with closing(_executed(sources, values, server, notebooks, workers)) as executed:
            for done, (number, notebook) in enumerate(executed, start=1):
                pages.write(number, tidier.tidied(notebook))
                progress(sources[number].name, done, len(sources))
        broken = _write_tables(server, arguments, out)
    index = pages.write_index()
    pages.raise_failures(broken)
    return Report(index, tuple(out / page.href for page in pages.pages))


# Running


def _executed(
    sources: Sequence[SourceNotebook],
    values: Mapping[str, Mapping[str, object]],
    server: ForkServer,
    cwd: Path,
    workers: int | None,
) -> Generator[tuple[int, ExecutedNotebook]]:
    """Each notebook's number and its execution, as they finish; `close` ends those that run."""
    from iamkit.report.kernels import engine

    workers = workers or min(4, (os.cpu_count() or 1) + 1)
    with ThreadPoolExecutor(workers) as pool, engine.Kernels(server, cwd) as kernels:
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
                line = f"Cell {number} failed: {output.ename}: {said}".rstrip(": .")
                return ExecutedNotebook(notebook, position, f"{line}.")
    if not problem:
        return ExecutedNotebook(notebook)
    first = next((i for i, c in enumerate(notebook.cells) if c.cell_type == "code"), 0)
    return ExecutedNotebook(notebook, first, f"It could not be run: {problem}")


@contextmanager
def _without(module: str) -> Iterator[None]:
    """
    Imports inside do without this optional module.

    jsonschema, where JupyterLab has installed its extras, would compile a grammar for most of a
    second to check addresses that no notebook holds.
    """
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.modules.pop(module, None)


# Writing


class _Pages:
    """The pages of a report, each written when its notebook has finished."""

    def __init__(
        self,
        sources: Sequence[SourceNotebook],
        values: Mapping[str, Mapping[str, object]],
        given: Mapping[str, str],
        snapshot: Snapshot,
        out: Path,
    ) -> None:
        from iamkit.report import page

        self._changed = {
            name: {**{key: of[key] for key in of if key in given}, **thresholds(given)}
            for name, of in values.items()
        }
        self._evidence = page.provenance(snapshot)
        self._out = out
        self._version = _version()
        self.pages: list[Page] = [page.opening(each.notebook, each.name) for each in sources]

    def write(self, number: int, executed: ExecutedNotebook) -> None:
        """Write one page and the executed notebook beside it."""
        from iamkit.report.page import render_page

        this = self.pages[number] = replace(self.pages[number], failure=executed.failure)
        html = render_page(
            executed.notebook,
            this,
            self.pages,
            self._evidence,
            failed_cell=executed.failed,
            changed=self._changed[this.name],
            version=self._version,
        )
        _write(self._out / f"{this.name}.ipynb", _json(executed.notebook))
        _write(self._out / this.href, html)

    def write_index(self) -> Path:
        """Write the glossary and the page that lists the others, and return the latter's path."""
        from iamkit.report.csv_files import TABLES
        from iamkit.report.page import render_glossary, render_index

        glossary = render_glossary(self.pages, self._evidence, version=self._version)
        _write(self._out / "glossary.html", glossary)
        index = self._out / "index.html"
        html = render_index(self.pages, self._evidence, files=tuple(TABLES), version=self._version)
        _write(index, html)
        return index

    def raise_failures(self, broken: Sequence[str]) -> None:
        """Raise NotebookError if a notebook failed, else BrokenCheckError if a check broke."""
        failed = [f"{page.name}: {page.failure.rstrip('.')}" for page in self.pages if page.failure]
        failure = NotebookError if failed else BrokenCheckError
        failed += [f"check {each.rstrip('.')}" for each in broken]
        if failed:
            raise failure(f"{'; '.join(failed)} (the pages in {self._out} show it)")


def _write_tables(server: ForkServer, arguments: Mapping[str, Any], out: Path) -> list[str]:
    """
    Write the CSV files, from the account that the fork server holds if it still runs.

    Returns which checks broke, and how.
    """
    from iamkit.account import load
    from iamkit.report.csv_files import BROKEN, csv_files

    folder = server.folder / "tables"
    with suppress(OSError):
        server.fork_writer(folder).wait()
    if folder.exists():
        texts = {path.name: path.read_bytes().decode() for path in folder.iterdir()}
    else:
        texts = csv_files(load(**arguments))
    broken = texts.pop(BROKEN).splitlines()
    for name, text in texts.items():
        _write(out / name, text)
    return broken


def _prepare(out: Path, notebooks: Path) -> None:
    """Make the folder, for its owner only, and remove the pages of an earlier run from it."""
    if out.resolve() == notebooks.resolve():
        raise ReportError(f"{out} holds the notebooks themselves; give another folder for pages")
    from iamkit.report.csv_files import TABLES

    try:
        for folder in [*reversed(out.parents), out]:
            if not folder.exists():
                folder.mkdir(mode=0o700)
        old = [
            out / "index.html",
            out / "glossary.html",
            *out.glob(f"{PATTERN}.html"),
            *out.glob(f"{PATTERN}.ipynb"),
        ]
        old += [out / name for name in TABLES]
        for path in [*old, *out.glob(".*.tmp")]:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"pages cannot be written to {out}: {one_line(error)}") from error


def _json(notebook: "NotebookNode") -> str:
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner only."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise ReportError(f"{path} cannot be written: {one_line(error)}") from error


def _version() -> str:
    try:
        return version("iamkit")
    except PackageNotFoundError:
        return "(not installed)"
