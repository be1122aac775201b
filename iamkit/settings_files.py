"""
Settings files: where one is found, a new one in which everything is explained, what is in force.

`iamkit.yaml`, or `iamkit.yml`, in the working folder is taken by every command that judges an
account; the variable `IAMKIT_SETTINGS` names another, and `--settings` wins over both.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final

import pandas as pd

from iamkit.errors import SettingsError
from iamkit.settings import Settings, read

NAMES: Final = ("iamkit.yaml", "iamkit.yml")
VARIABLE: Final = "IAMKIT_SETTINGS"
WIDTH: Final = 98

# What a new file shows for settings whose default is empty.
EXAMPLES: Final[Mapping[str, str]] = {
    "break_glass": "[emergency-1, emergency-2]",
    "approved_networks": "[203.0.113.0/24]",
    "known_accounts": '["123456789012"]',
    "own_checks": "[our_checks.py]",
    "accepted": """
  - check: root_used
    subject: "*"
    owner: ann@example.com
    reason: the yearly test of the emergency access
    expires: 2027-06-30
    ticket: SEC-12""",
}


def found(folder: Path, environment: Mapping[str, str] = os.environ) -> Path | None:
    """
    Return the settings file to use where none is named, if there is one.

    Raises `SettingsError` if the variable names no file, or if both names are in the folder.
    """
    named = environment.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            raise SettingsError(f"{VARIABLE} names {named}, which is no file; correct or unset it")
        return Path(named)
    there = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(there) > 1:
        raise SettingsError(f"{folder} has both {' and '.join(NAMES)}; remove one of them")
    return there[0] if there else None


def template() -> str:
    """Return a settings file with every setting as a comment: meaning, unit, source and default."""
    parts = [
        "# Settings of iamkit. Remove the # before a setting to change it; what stays a comment",
        "# has its default. `iamkit settings check` says what is wrong with this file.",
    ]
    for entry in fields(Settings):
        facts = entry.metadata
        said = f"{facts['meaning']} ({facts['unit']}). Source: {facts['source']}."
        parts += ["", *textwrap.wrap(said, WIDTH, initial_indent="# ", subsequent_indent="# ")]
        text = f"{entry.name}: {EXAMPLES.get(entry.name) or _yaml(entry.default)}"
        parts += [f"# {line}".rstrip() for line in text.splitlines()]
    return "\n".join(parts) + "\n"


def _yaml(value: object) -> str:
    """
    A default as YAML.

    >>> _yaml(90), _yaml(("iam:GetUser",))
    ('90', '[iam:GetUser]')
    """
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else str(value)


def in_force(file: Path | None, given: Mapping[str, str]) -> pd.DataFrame:
    """
    Return every setting that is in force: `setting`, `value`, `default` and `from`.

    `given` are settings of a command line, as texts, which win over the file. Raises
    `SettingsError` for what does not fit.
    """
    ours = read(file) if file else Settings()
    shown = ours.describe()
    differs = [getattr(ours, name) != getattr(Settings(), name) for name in shown["setting"]]
    where = pd.Series(["default"] * len(shown)).mask(pd.Series(differs), str(file))
    return shown.assign(**{"from": where.mask(shown["setting"].isin(list(given)), "-p")})[
        ["setting", "value", "default", "from"]
    ]
