"""
Notebooks to pages: run each on a snapshot with papermill, render it, and list the pages.

The same snapshot and settings give the same bytes, on any day, in any folder and time zone, so a
report can be checked by making it again: kernels get a fixed environment (`preloaded.py`), and
what papermill and IPython write about the run itself, such as times, process numbers and paths of
this machine, is taken out before anything is saved. A notebook that fails still yields its page,
which says so; a page of an earlier run never stays beside newer ones.
"""

import difflib
import json
import math
import os
import re
import sys
import sysconfig
import tempfile
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from iamkit import preloaded
from iamkit import snapshot as snapshots
from iamkit.errors import NotebookError, ReportError, SettingsError

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from iamkit.account import Account
    from iamkit.engine import Kernels
    from iamkit.page import Page

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
PATTERN = "[0-9][0-9]-*"
OWN = ("snapshot", "settings")  # parameters that have an argument of their own
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
NONE: Mapping[str, str] = MappingProxyType({})
Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Report:
    """Where the pages are."""

    index: Path
    pages: tuple[Path, ...]


@dataclass(frozen=True)
class _Source:
    """A notebook as it was committed, and the parameters it declares: name to type and default."""

    name: str
    notebook: "NotebookNode"
    declared: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class _Run:
    """An executed notebook; if a cell failed, its position in it and one line on how."""

    notebook: "NotebookNode"
    failed: int | None = None
    failure: str = ""


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
    with closing(preloaded.Preloaded()) as parent, _without("rfc3987_syntax"):
        sources = _sources(notebooks)
        values = _values(sources, given, {"snapshot": snapshot, "settings": settings})
        account = _check(snapshot, settings, values)
        _prepare(out, notebooks)
        from iamkit import engine, page

        evidence = page.provenance(opened)
        pages = [page.opening(source.notebook, source.name) for source in sources]
        tidy = _Tidy(snapshot, settings, out, notebooks, parent.folder)
        workers = workers or min(4, (os.cpu_count() or 1) + 1)
        done = 0
        with ThreadPoolExecutor(workers) as pool, engine.Kernels(parent, notebooks) as kernels:
            futures: dict[Future[_Run], int] = {
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
    from iamkit import exports

    for name, table in exports.TABLES.items():
        _write(out / name, exports.as_csv(table(account)))
    index = out / "index.html"
    _write(
        index, page.render_index(pages, evidence, files=tuple(exports.TABLES), version=_version())
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


# Reading: the notebooks and their parameters


def _sources(folder: Path) -> list[_Source]:
    """The notebooks of a folder, in the order of their names."""
    from nbformat.v4.nbjson import reads
    from papermill import inspect_notebook

    sources = []
    for path in sorted(folder.glob(f"{PATTERN}.ipynb")):
        try:
            notebook = reads(path.read_text("utf-8"))  # type: ignore[no-untyped-call]
            notebook.nbformat_minor = 5
            notebook.metadata.update(METADATA)
            for number, cell in enumerate(notebook.cells):
                cell.id = f"cell-{number + 1}"
            found = inspect_notebook(notebook)
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            raise ReportError(f"{path} is not a notebook ({_reason(error)})") from error
        declared = {p["name"]: (p["inferred_type_name"], p["default"]) for p in found.values()}
        sources.append(_Source(path.stem, notebook, declared))
    if not sources:
        raise ReportError(f"{folder} has no notebook named like 00-summary.ipynb")
    return sources


def _values(
    sources: Sequence[_Source], given: Mapping[str, str], own: Mapping[str, Path | None]
) -> dict[str, dict[str, object]]:
    """What each notebook is given: of all parameters, those it declares, in their types."""
    every = sorted({name for source in sources for name in source.declared} - set(OWN))
    for name in given:
        if name not in every:
            near = difflib.get_close_matches(name, every, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SettingsError(
                f"no notebook has a parameter {name!r}{hint} There are: {', '.join(every)}"
            )
    if own["settings"] and not any("settings" in source.declared for source in sources):
        raise SettingsError("no notebook takes settings")
    values: dict[str, dict[str, object]] = {}
    for source in sources:
        paths = {
            n: str(path.absolute()) for n, path in own.items() if path and n in source.declared
        }
        typed = {
            name: _typed(name, text, *source.declared[name])
            for name, text in given.items()
            if name in source.declared
        }
        values[source.name] = {**paths, **typed}
    return values


def _check(
    snapshot: Path, settings: Path | None, values: Mapping[str, Mapping[str, object]]
) -> "Account":
    """
    Refuse at once what notebooks would: settings, account, thresholds, checks of one's own.

    Returns the account as the notebooks will see it.
    """
    from iamkit import account, checks
    from iamkit.settings import Settings

    given = {name: value for each in values.values() for name, value in each.items()}
    thresholds = {field.name: given.get(field.name) for field in fields(Settings)}
    account_id = given.get("account_id") or None
    opened = account.load(snapshot, settings or "", account_id=account_id, **thresholds)  # type: ignore[arg-type]
    checks.every(opened.settings)
    return opened


def _typed(name: str, text: str, declared: str, default: str) -> object:
    """
    A value from the command line in the type that the notebook declares, or else of its default.

    >>> _typed("days", "60", "int|None", "None"), _typed("account", "012345678901", "str", '""')
    (60, '012345678901')
    """
    if declared == "None":
        declared = "str"
        with suppress(ValueError, SyntaxError):
            declared = type(literal_eval(default)).__name__
    kinds = [kind.strip().lower() for kind in declared.split("|")]
    if kinds[-1] in ("none", "nonetype") and text.lower() in ("", "none"):
        return None
    truths = {"true": True, "yes": True, "false": False, "no": False}
    for kind in kinds:
        with suppress(ValueError, KeyError):
            if kind == "int":
                return int(text)
            if kind == "float" and math.isfinite(float(text)):
                return float(text)
            if kind == "bool":
                return truths[text.lower()]
            if kind in ("str", "nonetype"):
                return text
    raise SettingsError(f"parameter {name!r} takes {declared.replace('|', ' or ')}, not {text!r}")


# Running


def _run(source: _Source, values: Mapping[str, object], kernels: "Kernels") -> _Run:
    """The notebook, executed in a kernel of its own as far as it goes."""
    import papermill

    from iamkit import engine

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
        problem = f"It could not be run: {_reason(error)}"
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
                return _Run(notebook, position, f"{line}.")
    first = next((i for i, c in enumerate(notebook.cells) if c.cell_type == "code"), 0)
    return _Run(notebook, first if problem else None, problem)


# Tidying and writing


class _Tidy:
    """Takes out of an executed notebook what depends on the machine, the day and the run."""

    def __init__(
        self, snapshot: Path, settings: Path | None, out: Path, notebooks: Path, temporary: Path
    ) -> None:
        self._given = {str(snapshot): snapshot.name}
        if snapshot.is_relative_to(out):
            self._given[str(snapshot)] = snapshot.relative_to(out).as_posix()
        if settings:
            self._given[str(settings.absolute())] = settings.name
        installed = [Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib")]
        installed += [Path(sys.prefix), Path(sys.base_prefix)]
        roots = [NOTEBOOKS.parent, notebooks, out, temporary, *installed]
        paths = dict(self._given)
        for root in roots:
            paths[f"{root}{os.sep}"] = ""
            paths.setdefault(str(root), root.name)
        home = str(Path.home())
        for path, name in list(paths.items()):
            if path.startswith(home + os.sep):
                paths["~" + path.removeprefix(home)] = name
        self._paths = dict(sorted(paths.items(), key=lambda item: -len(item[0])))

    def run(self, run: _Run) -> _Run:
        """The run with its notebook as it is saved: no times, no ids, no paths of this machine."""
        notebook = run.notebook
        notebook.metadata.clear()
        notebook.metadata.update(METADATA)
        for number, cell in enumerate(notebook.cells):
            tags = cell.metadata.get("tags")
            cell.id = f"cell-{number + 1}"
            cell.metadata.clear()
            if tags:
                cell.metadata.tags = tags
            if "injected-parameters" in (tags or ()):
                cell.source = self._replaced(cell.source, self._given)
            for output in cell.get("outputs", ()):
                self._output(output)
        return replace(run, failure=self._text(run.failure))

    def _output(self, output: "NotebookNode") -> None:
        if output.output_type == "stream":
            output.text = self._text(output.text)
        elif output.output_type == "error":
            output.evalue = self._text(output.evalue)
            output.traceback = [self._text(line) for line in output.traceback]
        else:
            for media, content in output.data.items():
                text = media.startswith("text/")
                output.data[media] = self._text(content) if text else self._data(content)

    def _text(self, text: str) -> str:
        """Text written by a program: without addresses in memory and places on this machine."""
        text = self._replaced(text, self._paths)
        text = re.sub(r"\S*ipykernel_\d+/\d+\.py", "cell", text)
        return re.sub(r" at 0x[0-9a-f]{6,}", "", text)

    def _data(self, value: Any) -> Any:
        """Data from the account: only the paths that the notebook itself was given."""
        if isinstance(value, str):
            return self._replaced(value, self._given)
        if isinstance(value, list):
            return [self._data(item) for item in value]
        if isinstance(value, dict):
            return {name: self._data(item) for name, item in value.items()}
        return value

    @staticmethod
    def _replaced(text: str, names: Mapping[str, str]) -> str:
        for path, name in names.items():
            if path in text:
                text = text.replace(path, name)
        return text


def _prepare(out: Path, notebooks: Path) -> None:
    """Make the folder, for its owner only, and remove the pages of an earlier run from it."""
    if out.resolve() == notebooks.resolve():
        raise ReportError(f"{out} holds the notebooks themselves; give another folder for pages")
    from iamkit import exports

    try:
        for folder in [*reversed(out.parents), out]:
            if not folder.exists():
                folder.mkdir(mode=0o700)
        old = [out / "index.html", *out.glob(f"{PATTERN}.html"), *out.glob(f"{PATTERN}.ipynb")]
        old += [out / name for name in exports.TABLES]
        for path in [*old, *out.glob(".*.tmp")]:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"pages cannot be written to {out}: {_reason(error)}") from error


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
        raise ReportError(f"{path} cannot be written: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """One line on what went wrong."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (said.splitlines() or [type(error).__name__])[0]


def _version() -> str:
    try:
        return version("iamkit")
    except PackageNotFoundError:
        return "(not installed)"
