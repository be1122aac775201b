"""Executed notebooks without what differs from run to run: times, ids and paths of this machine."""

import os
import re
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iamkit.report.notebooks import METADATA, NOTEBOOKS, ExecutedNotebook

if TYPE_CHECKING:
    from nbformat import NotebookNode


class Tidier:
    """Removes from an executed notebook what depends on the machine, the day and the run."""

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
