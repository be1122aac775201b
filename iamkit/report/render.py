"""
Notebooks to pages: run each on a snapshot with papermill, render it, and list the pages.

The same snapshot and settings give the same bytes, on any day, in any folder and time zone, so a
report can be checked by making it again: kernels get a fixed environment (`preloaded.py`), and
what papermill and IPython write about the run itself, such as times, process numbers and paths of
this machine, is taken out before anything is saved. A notebook that fails still yields its page,
which says so; a page of an earlier run never stays beside newer ones.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from iamkit.errors import NotebookError, ReportError, SettingsError
from iamkit.evidence import snapshot as snapshots
from iamkit.report.kernels import fork_server

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from iamkit.report.kernels.engine import Kernels
    from iamkit.report.page import Page
from iamkit.report.notebooks import (
    NOTEBOOKS,
    OWN,
    PATTERN,
    Notebook,
    Run,
    checked_account,
    parameter_values,
    read_notebooks,
    reason,
)
from iamkit.report.tidy import Tidy

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

    Beside them come the tables that are too long for a page, as CSV: see `exports`.

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
        Told the name of each finished notebook, how many are finished, and of how many.

    Raises SnapshotError if the evidence is not as it was collected; SettingsError, before anything
    is written, for a parameter that no notebook declares or whose value has the wrong type;
    ReportError if a page cannot be written; NotebookError, after all pages are written, if a
    notebook failed.
    """
    opened = snapshots.read(snapshot.absolute())
    snapshot = opened.path
    out = (out or snapshot.parent).absolute()
    notebooks = (notebooks or NOTEBOOKS).absolute()
    given = dict(parameters)
    for name in OWN:
        if name in given:
            raise SettingsError(f"parameter {name!r} has an argument of its own; leave out -p")
    with closing(fork_server.Preloaded()) as parent, _without("rfc3987_syntax"):
        sources = read_notebooks(notebooks)
        values = parameter_values(sources, given, {"snapshot": snapshot, "settings": settings})
        account = checked_account(snapshot, settings, values)
        prepare(out, notebooks)
        from iamkit.report import page
        from iamkit.report.kernels import engine

        evidence = page.provenance(opened)
        pages = [page.opening(source.notebook, source.name) for source in sources]
        tidy = Tidy(snapshot, settings, out, notebooks, parent.folder)
        workers = workers or min(4, (os.cpu_count() or 1) + 1)
        done = 0
        with ThreadPoolExecutor(workers) as pool, engine.Kernels(parent, notebooks) as kernels:
            futures: dict[Future[Run], int] = {
                pool.submit(_run, source, values[source.name], kernels): number
                for number, source in enumerate(sources)
            }
            try:
                for future in as_completed(futures):
                    number = futures[future]
                    source, run = sources[number], tidy.run(future.result())
                    pages[number] = replace(pages[number], failure=run.failure)
                    html = page.render_page(
                        run.notebook,
                        pages[number],
                        pages,
                        evidence,
                        failed_cell=run.failed,
                        changed={k: v for k, v in values[source.name].items() if k in given},
                        version=_version(),
                    )
                    _write(out / f"{source.name}.ipynb", _json(run.notebook))
                    _write(out / pages[number].href, html)
                    done += 1
                    progress(source.name, done, len(sources))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    from iamkit.report import csv_files

    for name, table in csv_files.TABLES.items():
        _write(out / name, csv_files.as_csv(table(account)))
    index = out / "index.html"
    _write(
        index, page.render_index(pages, evidence, files=tuple(csv_files.TABLES), version=_version())
    )
    _raise_for(pages, out)
    return Report(index, tuple(out / each.href for each in pages))


def _raise_for(pages: Sequence["Page"], out: Path) -> None:
    failed = [f"{page.name}: {page.failure}" for page in pages if page.failure]
    if failed:
        raise NotebookError(f"{'; '.join(failed)} (the pages in {out} show it)")


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


# Running


def _run(source: Notebook, values: Mapping[str, object], kernels: "Kernels") -> Run:
    """The notebook, executed in a kernel of its own as far as it goes."""
    import papermill

    from iamkit.report.kernels import engine

    results: list[NotebookNode] = []
    problem = ""
    try:
        papermill.execute_notebook(
            source.notebook,
            None,
            parameters=dict(values),
            engine_name=engine.NAME,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            kernels=kernels,
            results=results,
        )
    except papermill.PapermillExecutionError:
        pass  # the failing cell holds the error
    except (OSError, RuntimeError) as error:
        problem = f"It could not be run: {reason(error)}"
    notebook = results[0] if results else source.notebook
    notebook.cells = [
        cell
        for cell in notebook.cells
        if "papermill-error-cell-tag" not in cell.metadata.get("tags", ())
    ]
    number = 0
    for position, cell in enumerate(notebook.cells):
        number += "injected-parameters" not in cell.metadata.get("tags", ())
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                said = (str(output.evalue).splitlines() or [""])[0][:200]
                line = f"Cell {number} failed: {output.ename}: {said}".rstrip(": .")
                return Run(notebook, position, f"{line}.")
    first = next((i for i, c in enumerate(notebook.cells) if c.cell_type == "code"), 0)
    return Run(notebook, first if problem else None, problem)


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
        raise ReportError(f"{path} cannot be written: {reason(error)}") from error


def _version() -> str:
    try:
        return version("iamkit")
    except PackageNotFoundError:
        return "(not installed)"


def prepare(out: Path, notebooks: Path) -> None:
    """Make the folder, for its owner only, and remove the pages of an earlier run from it."""
    if out.resolve() == notebooks.resolve():
        raise ReportError(f"{out} holds the notebooks themselves; give another folder for pages")
    from iamkit.report import csv_files

    try:
        for folder in [*reversed(out.parents), out]:
            if not folder.exists():
                folder.mkdir(mode=0o700)
        old = [out / "index.html", *out.glob(f"{PATTERN}.html"), *out.glob(f"{PATTERN}.ipynb")]
        old += [out / name for name in csv_files.TABLES]
        for path in [*old, *out.glob(".*.tmp")]:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"pages cannot be written to {out}: {reason(error)}") from error
