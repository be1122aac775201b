"""The notebooks of a report: which there are, and the parameters they take."""

import hashlib
import math
from ast import literal_eval
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yaml import YAMLError

from iamkit.errors import ReportError, SettingsError, one_line
from iamkit.settings import Settings
from iamkit.values import instead, yaml_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from iamkit.account import Account

# Of an installed copy they are in the package, of a checkout at its top level.
_PACKAGED = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2] / "notebooks"
OWN = ("snapshot", "settings")  # parameters that have an argument of their own
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Settings that a command line may give; what a file says of risks and checks is not for one line.
FOR_A_FILE = frozenset({"accepted", "own_checks"})
THRESHOLDS = frozenset(Settings.names()) - FOR_A_FILE
PATTERN = "[0-9][0-9]-*"


@dataclass(frozen=True)
class SourceNotebook:
    """A notebook as it was committed, and the parameters it declares: name to type and default."""

    name: str
    notebook: "NotebookNode"
    declared: Mapping[str, tuple[str, str]]
    sha256: str


@dataclass(frozen=True)
class ExecutedNotebook:
    """An executed notebook; if a cell failed, its position and one line on how."""

    notebook: "NotebookNode"
    failed: int | None = None
    failure: str = ""


def read_notebooks(folder: Path) -> list[SourceNotebook]:
    """The notebooks of a folder, in the order of their names."""
    from nbformat.v4.nbjson import reads

    from iamkit.report.kernels.engine import declared_parameters

    sources = []
    for path in sorted(folder.glob(f"{PATTERN}.ipynb")):
        try:
            content = path.read_bytes()
            notebook = reads(content.decode("utf-8"))  # type: ignore[no-untyped-call]
            notebook.nbformat_minor = 5
            notebook.metadata.update(METADATA)
            for number, cell in enumerate(notebook.cells):
                cell.id = f"cell-{number + 1}"
            declared = declared_parameters(notebook)
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            raise ReportError(f"{path} is not a notebook ({one_line(error)})") from error
        digest = hashlib.sha256(content).hexdigest()
        sources.append(SourceNotebook(path.stem, notebook, declared, digest))
    if not sources:
        raise ReportError(f"{folder} has no notebook named like 00-summary.ipynb")
    return sources


def parameter_values(
    sources: Sequence[SourceNotebook], given: Mapping[str, str], own: Mapping[str, Path | None]
) -> dict[str, dict[str, object]]:
    """For each notebook, the parameters that it declares, in their types."""
    every = sorted({*THRESHOLDS, *(n for each in sources for n in each.declared)} - set(OWN))
    for name in given:
        if name in OWN:
            raise SettingsError(f"parameter {name!r} has an argument of its own; leave out -p")
        if name in FOR_A_FILE:
            raise SettingsError(f"{name} takes more than a line: give it in a file, by --settings")
        if name not in every:
            near = instead(name, every)
            raise SettingsError(f"there is no setting or parameter {name!r}; {near}")
    thresholds(given)  # of what no setting takes, the setting's words say why
    if own["settings"] and not any("settings" in source.declared for source in sources):
        raise SettingsError("no notebook takes settings")
    values: dict[str, dict[str, object]] = {}
    for source in sources:
        paths = {
            n: str(path.absolute()) for n, path in own.items() if path and n in source.declared
        }
        typed = {
            name: _typed(name, text, *source.declared[name])
            for name, text in given.items()
            if name in source.declared
        }
        values[source.name] = {**paths, **typed}
    return values


def thresholds(given: Mapping[str, str]) -> dict[str, Any]:
    """
    The settings among what was given on a command line, which hold for every notebook.

    Each is read as in a settings file. Raises `SettingsError` for one that does not fit.

    >>> thresholds({"max_key_age_days": "20", "top": "3", "approved_networks": "[10.0.0.0/8]"})
    {'max_key_age_days': 20, 'approved_networks': ['10.0.0.0/8']}
    """
    found = {name: _setting(name, text) for name, text in given.items() if name in THRESHOLDS}
    found = {name: value for name, value in found.items() if value not in (None, "None")}
    Settings().with_overrides(**found)
    return found


def _setting(name: str, text: str) -> Any:
    """What a command line says of a setting, as YAML reads it."""
    if len(text) == 12 and text.isdecimal():
        return text  # an account id, which a shell leaves no quotes
    try:
        return yaml_of(text)
    except (YAMLError, ValueError) as error:
        raise SettingsError(f"the value of {name} is not YAML: {one_line(error)}") from error


def account_arguments(
    snapshot: Path, settings: Path | None, given: Mapping[str, str]
) -> dict[str, Any]:
    """
    The arguments of `iamkit.load` for the account as the notebooks will see it.

    Raises `SettingsError` for a threshold that does not fit.
    """
    return {
        "path": str(snapshot),
        "settings_file": str(settings or ""),
        "account_id": given.get("account_id") or None,
        **thresholds(given),
    }


def settings_in_force(
    arguments: Mapping[str, Any],
    given: Mapping[str, str],
    sources: Sequence[SourceNotebook] = (),
) -> Settings:
    """
    The settings of an account, by its `account_arguments`.

    Raises at once what the notebooks would raise one by one: errors in the settings, the account
    id, the user's own checks, and parameters of the notebooks that name what is not there.
    """
    from iamkit import account
    from iamkit.checks import every
    from iamkit.reference import chosen_controls
    from iamkit.report.named_values import NAMED

    opened = account.load(**arguments)
    try:
        every(opened.settings)
    except SettingsError as error:  # of an accepted risk, which the settings file has
        raise SettingsError(f"settings file {arguments['settings_file']}: {error}") from error
    try:
        chosen_controls(opened.settings.frameworks)
    except SettingsError as error:
        raise SettingsError(f"setting frameworks: {error}") from error
    for name, text in given.items():
        for kind in {source.declared[name][0] for source in sources if name in source.declared}:
            try:
                NAMED.get(kind, _anything)(opened, text)
            except SettingsError as error:
                raise SettingsError(f"parameter {name!r}: {error}") from error
    return opened.settings


def _anything(account: "Account", value: str) -> None:
    """Refuse nothing."""


def _typed(name: str, text: str, declared: str, default: str) -> object:
    """
    A value from the command line in the type that the notebook declares, or else of its default.

    >>> _typed("days", "60", "int|None", "None"), _typed("account", "012345678901", "str", '""')
    (60, '012345678901')
    """
    from iamkit.report.named_values import NAMED

    if declared == "None":
        declared = "str"
        with suppress(ValueError, SyntaxError):
            declared = type(literal_eval(default)).__name__
    kinds = [kind.strip().lower() for kind in declared.split("|")]
    if kinds[-1] in ("none", "nonetype") and text.lower() in ("", "none"):
        return None
    truths = {"true": True, "yes": True, "false": False, "no": False}
    for kind in kinds:
        with suppress(ValueError, KeyError):
            if kind == "int":
                return int(text)
            if kind == "float" and math.isfinite(float(text)):
                return float(text)
            if kind == "bool":
                return truths[text.lower()]
            if kind in ("str", "nonetype", *NAMED):
                return text
    raise SettingsError(f"parameter {name!r} takes {declared.replace('|', ' or ')}, not {text!r}")
