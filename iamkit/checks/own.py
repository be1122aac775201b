"""
An organization's own checks, in files that the settings name, beside the kit's.

A file that cannot be read is a mistake in the settings: an error that names file and line, before
any table is made (exit code 2, and no report). A check that stops with an error does not affect the
others: it is not assessed, and the report is written and says so (exit code 4); so is one that runs
for longer than the setting `max_check_seconds`. These files are programs: what they do, such as
ending the process with `os._exit` or writing files, is their author's to answer for.
"""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path
from typing import Any, Final

from iamkit.checks import run
from iamkit.checks.registry import CHECKS, POPULATIONS, Check
from iamkit.checks.run import Audit
from iamkit.checks.time_limit import OWN, time_limit
from iamkit.errors import CheckError, SettingsError, message_of
from iamkit.settings import Settings
from iamkit.values import instead

MEND: Final = "correct the file, or remove it from own_checks in the settings"


def run_checks(account: Any, *names: str) -> Audit:
    """
    Run the checks of these names, or every check if there are none; the organization's own too.

    Returns `findings`, `results` and `acceptances`; see `run.run`. Raises `CheckError` as
    `every` does, and `SettingsError` for a name that no check has.
    """
    checks = every(account.settings)
    for name in names:
        if name not in checks:
            hint = instead(name, checks, "docs/reference/checks.md lists them")
            raise SettingsError(f"there is no check {name!r}; {hint}")
    return run.run(account, {name: checks[name] for name in names} if names else checks)


def every(settings: Settings) -> dict[str, Check]:
    """
    Return every check by name: the kit's, and those in the files of the settings' `own_checks`.

    Raises `CheckError`, with file and line, if a file is not there, is no Python, raises an error
    when it is imported, holds no check, or holds one that counts among no population; and
    `SettingsError`, with the line, if a risk is accepted that no check is about.
    """
    kit = dict(CHECKS)
    try:
        for number, path in enumerate(settings.own_checks):
            _read(path, f"{OWN}{number}", settings.max_check_seconds)
        found = dict(CHECKS)
    finally:
        for name in set(CHECKS) - set(kit):
            del CHECKS[name]
    for each in found.values():
        if each.among not in POPULATIONS:
            raise CheckError(_uncounted(each))
    for entry in settings.accepted:
        if entry.check not in found:
            at = f"accepted, line {entry.line}" if entry.line else "accepted"
            hint = instead(entry.check, found, "docs/reference/checks.md lists them")
            raise SettingsError(f"{at}: there is no check {entry.check[:60]!r}; {hint}")
    return found


def _uncounted(each: Check) -> str:
    """What is wrong with a check whose rows nothing counts, in words."""
    code, near = each.find.__code__, instead(each.among, sorted(POPULATIONS))
    at = f"own checks in {code.co_filename}, line {code.co_firstlineno}"
    return f"{at}: check {each.name} counts among {each.among!r}, which is no population; {near}"


def _read(path: Path, name: str, seconds: int) -> None:
    """Run a file of checks, which register themselves."""
    before = set(CHECKS)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CheckError(f"own checks in {path}: the name of a Python file ends in .py; rename it")
    try:
        with time_limit(seconds, "the file"):
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # anything can happen in somebody else's file
        kind = "" if isinstance(error, CheckError) else f"{type(error).__name__}: "
        raise CheckError(
            f"own checks in {path}{_line(path, error)}: {kind}{message_of(error)}; {MEND}"
        ) from error
    if set(CHECKS) == before:
        raise CheckError(f"own checks in {path}: there is no function under @check in it; {MEND}")


def _line(path: Path, error: BaseException) -> str:
    """Where in the file the error comes from, in words; empty if that is not known."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
    return f", line {lines[-1]}" if lines and lines[-1] else ""
