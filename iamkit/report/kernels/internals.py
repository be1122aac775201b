"""
What the kit uses of other packages that they do not promise: all of it is here.

Each entry says what it is and what it would cost to do without. They were looked at, and tested,
with the versions below; a test fails when `requirements.lock` takes another, so that somebody looks
again before it is trusted.

jsonschema
    Imports `rfc3987_syntax` if it can, and does without if not. `without_grammar`.
jupyter_client
    `AsyncKernelManager.provisioner` may be set before a kernel is started; the documented way asks
    for an installed entry point. `start_with`. `LocalProvisioner.process` is what it looks after.
papermill
    The class with which its own engine runs cells, and that it passes options on to nbclient's:
    `notebook_client`. What it notes of a cell that it has begun: `was_started`.
ipykernel
    The file names that it gives to cells, which tracebacks and warnings show. `CELL_FILE`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

VERSIONS: Final[Mapping[str, str]] = {
    "ipykernel": "7.4.0",
    "jsonschema": "4.26.0",
    "jupyter-client": "8.10.0",
    "nbclient": "0.11.0",
    "papermill": "2.7.0",
}

CELL_FILE: Final = r"ipykernel_\d+[/\\]\d+\.py"  # in the folder for temporary files


@contextmanager
def without_grammar() -> Iterator[None]:
    """
    Imports inside do without a module that jsonschema does not need.

    Where JupyterLab has installed jsonschema's extras, it would compile a grammar for most of a
    second, to check addresses that no notebook holds.
    """
    module = "rfc3987_syntax"
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.modules.pop(module, None)


def was_started(cell: Any) -> bool:
    """Whether papermill has begun to run a cell."""
    return bool(cell.metadata.papermill["start_time"])


def start_with(manager: Any, provisioner: Any) -> None:
    """Have a manager of jupyter_client start its kernel with this provisioner."""
    manager.provisioner = provisioner


def notebook_client(*given: Any, **options: Any) -> Any:
    """Return what runs the cells of a notebook, as papermill's own engine does."""
    from papermill.clientwrap import PapermillNotebookClient

    return PapermillNotebookClient(*given, **options)
