"""A snapshot and notebooks in one folder, to make a report of."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from iamkit.evidence.snapshot import sealed
from iamkit.report import Report, render

PARAMETERS = """snapshot = "latest"  # type: str  evidence folder
settings = None  # type: str|None  settings file
account = ""  # type: str  twelve digits
max_key_age_days = None  # type: int|None  days; None takes the setting
share = 0.5  # type: float  of all users
strict = False  # type: bool  count what is not assessed
"""
MANIFEST = {
    "format": 1,
    "account_id": "012345678901",
    "alias": "example",
    "as_of": "2026-11-01T06:00:00Z",
    "collected_at": "2026-11-01T06:04:12Z",
    "caller_arn": "arn:aws:sts::012345678901:assumed-role/audit/me",
    "source": "aws",
    "calls": [],
    "gaps": [],
    "files": {},
}


class Audit:
    """A snapshot and notebooks in one folder, as a clone with an audit would have them."""

    def __init__(self, folder: Path) -> None:
        self.snapshot = folder / "2026-11-01" / "snapshot"
        self.notebooks = folder / "notebooks"
        self.out = folder / "2026-11-01"
        self.snapshot.mkdir(parents=True)
        self.notebooks.mkdir()
        self.manifest()

    def manifest(self, **values: object) -> None:
        (self.snapshot / "manifest.json").write_bytes(sealed({**MANIFEST, **values}))

    def notebook(self, name: str, *code: str, opening: str = "", declares: bool = True) -> None:
        parameters = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        cells = [
            new_markdown_cell(opening or f"# Title of {name}\n\nWhat does {name} answer?"),
            *([parameters] if declares else []),
            *(new_code_cell(cell) for cell in code),
        ]
        (self.notebooks / f"{name}.ipynb").write_text(nbformat.writes(new_notebook(cells=cells)))

    def render(self, **options: object) -> Report:
        return render(self.snapshot, **{"notebooks": self.notebooks, **options})

    def page(self, name: str) -> str:
        return (self.out / f"{name}.html").read_text()

    def result(self, name: str) -> str:
        """What the notebook's last cell results in, as text."""
        executed = nbformat.read(self.out / f"{name}.ipynb", as_version=4)
        return executed.cells[-1].outputs[-1]["data"]["text/plain"]

    def outputs(self, name: str) -> str:
        """All text that the notebook printed."""
        executed = nbformat.read(self.out / f"{name}.ipynb", as_version=4)
        cells = (cell for cell in executed.cells if cell.cell_type == "code")
        return "".join(o.get("text", "") for cell in cells for o in cell.outputs)
