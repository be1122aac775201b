"""
What the kit knows besides an account: the YAML files of `data/`, each with its sources.

Risks of actions, ways to escalate, controls, what lint compares with, the demo company.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[1] / "data"

# PyYAML's parser in C, where it was built with one, is several times as fast.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_data(name: str | Path) -> Any:
    """Return the content of one file, such as `risks.yaml`; not shared, so it may be changed."""
    return yaml.load((FOLDER / name).read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
