"""
The notebooks in JupyterLab: copies, so that evidence is never written to a tracked file.

An unchanged copy is renewed with the kit. A copy that the user changed stays as it is.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from iamkit.errors import ReportError, WriteError, one_line
from iamkit.report.notebooks import NOTEBOOKS, PATTERN

START: Final = "start.ipynb"  # opened first: what the others answer
OTHERS: Final = (START, "playground.ipynb")  # notebooks that are no page of a report
RECORD: Final = ".iamkit-notebooks.json"  # hash of each notebook when it was copied, by its name


def workspace(folder: Path, notebooks: Path = NOTEBOOKS) -> tuple[Path, list[str]]:
    """
    Copy the notebooks to `notebooks/` of a folder; return that, and the names left as they were.

    A notebook that the user changed is left, and so is each that the kit has never put there.
    Raises WriteError if the folder cannot be written.
    """
    target = folder / "notebooks"
    try:
        target.mkdir(parents=True, exist_ok=True)
        copied = _recorded(target / RECORD)
        kept = []
        others = [notebooks / name for name in OTHERS if (notebooks / name).is_file()]
        for source in (*others, *sorted(notebooks.glob(f"{PATTERN}.ipynb"))):
            content, copy = source.read_bytes(), target / source.name
            if copy.exists() and _hash(copy.read_bytes()) not in (
                copied.get(copy.name),
                _hash(content),
            ):
                kept.append(copy.name)
                continue
            _write(copy, content)
            copied[copy.name] = _hash(content)
        record = json.dumps(copied, indent=1, sort_keys=True) + "\n"
        _write(target / RECORD, record.encode("utf-8"))
    except OSError as error:
        said = f"notebooks cannot be copied to {target}: {one_line(error)}; give another folder"
        raise WriteError(said) from error
    return target, kept


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: half a notebook would pass for one that was changed."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def lab_command(notebooks: Path, options: tuple[str, ...] = ()) -> list[str]:
    """
    Return the command that starts JupyterLab on a folder of notebooks, for this machine only.

    Raises ReportError if JupyterLab is not installed.
    """
    if find_spec("jupyterlab") is None:
        raise ReportError("JupyterLab is not installed; `pip install 'iamkit[lab]'` adds it")
    start = notebooks / START
    opened = start if start.is_file() else notebooks
    return [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", *options, str(opened)]


def _recorded(path: Path) -> dict[str, str]:
    """What was copied earlier; of a record that nobody can read, nothing."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return dict(_texts(found)) if isinstance(found, Mapping) else {}


def _texts(found: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in found.items() if isinstance(value, str))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
