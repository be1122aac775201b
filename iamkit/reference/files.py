"""
What the kit knows besides an account: the YAML files of `data/`, each with its sources.

Risks of actions, ways to escalate, controls, OpenID Connect providers, what lint compares with,
the demo company. `data/schemas/` has the form of each.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from iamkit.values import yaml_of

FOLDER: Final = Path(__file__).parents[1] / "data"


def read_data(name: str | Path) -> Any:
    """Return the content of one file, such as `risks.yaml`; not shared, so it may be changed."""
    return yaml_of((FOLDER / name).read_text(encoding="utf-8"))


@cache
def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a file, such as `controls`: its fields and what each means."""
    found: dict[str, Any] = json.loads((FOLDER / f"schemas/{name}.schema.json").read_bytes())
    return found
