"""
The folder that deploys the rotation as an AWS Lambda function.

Its code is the very modules that the command line runs, copied; what they import besides each other
is in the standard library and boto3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from iamkit.errors import WriteError
from iamkit.reference import FOLDER as DATA
from iamkit.rotation.decisions import Limits
from iamkit.whole_file import write_whole

MODULES: Final = (
    "aws_keys",
    "clients",
    "decisions",
    "entry",
    "handler",
    "key_secrets",
    "rotator",
)


def write_lambda_folder(folder: Path, limits: Limits, notes: Mapping[str, str]) -> Path:
    """
    Write the folder: function, template and README; what it held of an earlier one is replaced.

    `notes` are what may keep users from fetching a new key, by ARN. Raises `WriteError` if the
    folder holds anything else.
    """
    files = _files(limits, notes)
    there = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    if others := sorted(there - {*files, "function/notes.json", "function.zip"}):
        raise WriteError(f"{folder} holds {others[0]}, which is no part of it; name another folder")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.encode())
    if "function/notes.json" not in files:
        (folder / "function/notes.json").unlink(missing_ok=True)
    return folder


def _files(limits: Limits, notes: Mapping[str, str]) -> dict[str, str]:
    """The content of each file, by its path."""
    template = (DATA / "rotation/template.yaml").read_text(encoding="utf-8")
    days = {"MAX_AGE": limits.max_age, "UNUSED": limits.unused, "WAIT": limits.wait}
    for name, span in days.items():
        template = template.replace(f"@{name}@", str(span.days))
    here, package = Path(__file__).parent, "function/iamkit"
    files = {
        "README.md": (DATA / "rotation/README.md").read_text(encoding="utf-8"),
        "template.yaml": template,
        f"{package}/__init__.py": "",
        f"{package}/rotation/__init__.py": "",
    }
    for name in MODULES:
        source = (here / f"{name}.py").read_text(encoding="utf-8")
        files[f"{package}/rotation/{name}.py"] = source
    files[f"{package}/counts.py"] = (here.parent / "counts.py").read_text(encoding="utf-8")
    if notes:
        files["function/notes.json"] = json.dumps(dict(sorted(notes.items())), indent=1) + "\n"
    return files
