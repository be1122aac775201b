"""
Executed notebooks without what differs from run to run: times, ids and places on this machine.

Text of the account is never rewritten. Notebooks are given the snapshot and the settings under
names in the run's own temporary folder, whose name no account can hold, so what they say of these
places is told from what the account says. Other places, such as the folder of an installed package
in a traceback, are taken out of what programs printed only if the evidence does not hold them.
"""

import os
import re
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from iamkit.evidence import Snapshot
from iamkit.evidence import snapshot as snapshots
from iamkit.report.kernels.internals import CELL_FILE
from iamkit.report.notebooks import METADATA, NOTEBOOKS, ExecutedNotebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

ADDRESS = re.compile(r"(<[^<>\n]*) at 0x[0-9a-f]{6,}")  # in memory, as `repr` writes it


class Given:
    """
    What a run is given, by names in its temporary folder.

    Where the system makes no links, these are the places themselves.
    """

    def __init__(self, folder: Path, snapshot: Path, settings: Path | None) -> None:
        self.snapshot = _linked(folder / snapshots.FOLDER, snapshot)
        self.names = {str(self.snapshot): snapshots.FOLDER}
        self.settings = None
        if settings:
            settings = settings.absolute()
            beside = _linked(folder / "settings", settings.parent)  # with the checks of one's own
            self.settings = beside / settings.name
            self.names |= {str(self.settings): settings.name, f"{beside}{os.sep}": ""}

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments of `iamkit.load` that name these places."""
        return {"path": str(self.snapshot), "settings_file": str(self.settings or "")}


def _linked(link: Path, folder: Path) -> Path:
    try:
        link.symlink_to(folder, target_is_directory=True)
    except OSError:
        return folder
    return link


class Tidier:
    """Removes from an executed notebook what depends on the machine, the day and the run."""

    def __init__(self, snapshot: Snapshot, run: Path, given: Given, notebooks: Path) -> None:
        evidence = _text_of(snapshot)
        installed = [Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib")]
        installed += [Path(sys.prefix), Path(sys.base_prefix)]
        paths = dict(given.names)
        for root in [NOTEBOOKS.parent, notebooks, run, *installed]:
            paths[f"{root}{os.sep}"] = ""
            paths.setdefault(str(root), "iamkit-run" if root == run else root.name)
        for path, name in list(paths.items()):
            paths[_in_home(path)] = name
        ours = {path: name for path, name in paths.items() if path not in evidence}
        self._paths = dict(sorted(ours.items(), key=lambda item: -len(item[0])))
        self._given = {path: self._paths[path] for path in given.names if path in self._paths}
        self._addresses = not ADDRESS.search(evidence)
        temporary = str(run / "tmp")
        either = "|".join(map(re.escape, {temporary, _in_home(temporary)}))
        self._cells = re.compile(rf"(?:{either})[/\\]{CELL_FILE}")

    def tidied(self, executed: ExecutedNotebook) -> ExecutedNotebook:
        """The notebook as it is saved: without times, ids and paths of this machine."""
        notebook = executed.notebook
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
        return replace(executed, failure=self._text(executed.failure))

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
        text = self._replaced(self._cells.sub("cell", text), self._paths)
        return ADDRESS.sub(r"\1", text) if self._addresses else text

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


def _in_home(path: str) -> str:
    """A path as tracebacks write it, with a tilde for the user's home."""
    home = str(Path.home())
    return "~" + path.removeprefix(home) if path.startswith(home + os.sep) else path


def _text_of(snapshot: Snapshot) -> str:
    """All that the evidence says, however its documents write a slash."""
    texts = []
    for name in ("", *snapshot.manifest["files"]):
        content = snapshot.bytes(name) if name else snapshots.canonical(snapshot.manifest)
        text = re.sub(r"\\+/", "/", (content or b"").decode("utf-8", "replace"))
        while re.search("%(25)*2f", text, re.IGNORECASE) and text != (decoded := unquote(text)):
            text = decoded
        texts.append(text)
    return "\n".join(texts)
