"""Controls of audit frameworks, and the checks that answer each: `data/controls.yaml`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pandas as pd

from iamkit.errors import SchemaError, SettingsError
from iamkit.reference.files import FOLDER, json_schema, read_data
from iamkit.table import OBJECT, TEXT, Column, Table
from iamkit.values import instead

DATA: Final = FOLDER / "controls.yaml"


CONTROL: Final = (
    Column("framework", TEXT, "who asks for it"),
    Column("version", TEXT, "version of the framework; ids change with it"),
    Column("id", TEXT, "number or name of the control there"),
    Column("section", TEXT, "part of the framework"),
    Column("title", TEXT, "what it asks for, in our words"),
)

CONTROLS: Final = Table(
    name="controls",
    row="one control of one version of a framework",
    key=("framework", "version", "id"),
    columns=(
        *CONTROL,
        Column("checks", OBJECT, "list of the checks that speak to it"),
        Column("manual", TEXT, "what only a person can tell; missing: the checks answer it wholly"),
        Column("note", TEXT, "what else to know of how the checks read it"),
        Column("source", TEXT, "who publishes the framework, and where"),
    ),
)


def load_controls(path: Path = DATA) -> pd.DataFrame:
    """
    Return every control in the order of the file. Rows: see `CONTROLS`.

    The newest version of a framework comes before its older ones. Raises `SchemaError` naming the
    control that is written wrongly, is there twice, or has neither `checks` nor `manual`: it would
    pass unseen.
    """
    rows: list[dict[str, Any]] = []
    for entry in read_data(path):
        rows += (
            _selected(entry, rows, path.name) if "baseline" in entry else _rows(entry, path.name)
        )
    named = Counter(" ".join(row[name] for name in CONTROLS.key) for row in rows)
    if twice := [name for name, count in named.items() if count > 1]:
        raise SchemaError(f"{path.name}: there twice: {'; '.join(twice)}")
    return CONTROLS.rows(*rows)


def chosen_controls(frameworks: Iterable[str] = ()) -> pd.DataFrame:
    """
    Return the controls of the frameworks with these names, or all without a name.

    Raises `SettingsError` for a framework that does not exist. Rows: see `CONTROLS`.
    """
    controls, named = _all_controls(), list(frameworks)
    known = controls["framework"].unique().tolist()
    for name in named:
        if name not in known:
            raise SettingsError(f"{name!r} is no framework; {instead(name, known)}")
    return controls[controls["framework"].isin(named or known)].reset_index(drop=True)


@cache
def _all_controls() -> pd.DataFrame:
    """The controls of the kit, read once: a page asks for them several times."""
    return load_controls()


def is_newest(controls: pd.DataFrame) -> pd.Series[bool]:
    """Return for each row whether it is of the newest version of its framework, the first here."""
    newest = controls.groupby("framework")["version"].transform("first")
    return controls["version"].eq(newest)


def _selected(
    framework: dict[str, Any], before: list[dict[str, Any]], file: str
) -> Iterator[dict[str, Any]]:
    """Yield the controls that a baseline selects from a framework before it, in its order."""
    _fits("framework", framework, file)
    base, (version,) = framework["baseline"], framework["versions"]
    _fits("baseline", base, f"{file}, {framework['framework']}")
    at = {
        row["id"]: row
        for row in before
        if (row["framework"], row["version"]) == (base["of"], base["version"])
    }
    if unknown := [each for each in base["controls"] if each not in at]:
        raise SchemaError(
            f"{file}, {framework['framework']}: {base['of']} {base['version']} "
            f"has no control {', '.join(unknown)}"
        )
    own = {"framework": framework["framework"], "version": version, "source": framework["source"]}
    yield from (at[each] | own for each in base["controls"])


def _rows(framework: dict[str, Any], file: str) -> Iterator[dict[str, Any]]:
    """Yield a framework's controls, version by version."""
    _fits("framework", framework, file)
    if "sections" not in framework:
        raise SchemaError(f"{file}: this framework lacks sections, or a baseline")
    shared = {name: framework[name] for name in ("framework", "source")}
    for version in framework["versions"]:
        for section in framework["sections"]:
            _fits("section", section, f"{file}, {framework['framework']}")
            for control in section["controls"]:
                ids = _ids(control, framework, file)
                if version in ids:
                    yield {
                        **{name: control.get(name) for name in ("title", "manual", "note")},
                        **shared,
                        "version": version,
                        "id": ids[version],
                        "section": section["section"],
                        "checks": control.get("checks", []),
                    }


def _ids(control: dict[str, Any], framework: dict[str, Any], file: str) -> dict[str, str]:
    """Return a control's id in each version that has it; refuse what is not in the file's form."""
    at = f"{file}, {framework['framework']}, control {control.get('id')}"
    _fits("control", control, at)
    if not control.get("checks") and not control.get("manual"):
        raise SchemaError(f"{at}: it needs checks, or manual with the reason")
    versions, ids = framework["versions"], control["id"]
    ids = ids if isinstance(ids, dict) else dict.fromkeys(versions, ids)
    if set(ids) - set(versions) or {type(each) for each in ids.values()} != {str}:
        raise SchemaError(f"{at}: the id is a text in quotes, or one for some of {versions}")
    return ids


def _fits(kind: str, entry: dict[str, Any], at: str) -> None:
    """Refuse an entry that lacks a field of the file's schema, or has one that is not in it."""
    form = json_schema("controls")["$defs"][kind]
    missing = set(form["required"]) - set(entry)
    unknown = set(entry) - set(form["properties"])
    if missing:
        raise SchemaError(f"{at}: this {kind} lacks {', '.join(sorted(missing))}")
    if unknown:
        raise SchemaError(f"{at}: a {kind} has no {', '.join(sorted(unknown))}")
