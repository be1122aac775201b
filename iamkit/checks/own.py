"""An organization's own checks, in files that the settings name, beside the kit's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from iamkit.checks import run
from iamkit.checks.registry import CHECKS, Check
from iamkit.checks.run import Audit
from iamkit.errors import CheckError
from iamkit.settings import Settings


def run_checks(account: Any) -> Audit:
    """
    Run every check, the organization's own included.

    Returns `findings`, `results` and `acceptances`; see `run.run`. Raises `CheckError` as
    `every` does.
    """
    return run.run(account, every(account.settings))


def every(settings: Settings) -> dict[str, Check]:
    """
    Return every check by name: the kit's, and those in the files of the settings' `own_checks`.

    Raises `CheckError` if a file cannot be read as Python, or holds no check.
    """
    kit = dict(CHECKS)
    try:
        for number, path in enumerate(settings.own_checks):
            _read(path, f"own_checks_{number}")
        return dict(CHECKS)
    finally:
        for name in set(CHECKS) - set(kit):
            del CHECKS[name]


def _read(path: Path, name: str) -> None:
    """Run a file of checks, which register themselves."""
    before = set(CHECKS)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CheckError(f"own checks in {path}: the name of a Python file ends in .py")
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except CheckError:
        raise
    except Exception as error:  # anything can happen in somebody else's file
        raise CheckError(f"own checks in {path}: {type(error).__name__}: {error}") from error
    if set(CHECKS) == before:
        raise CheckError(f"own checks in {path}: there is no function under @check in it")
