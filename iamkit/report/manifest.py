"""
The manifest of a report: the hash of each of its files, and what they were made from.

`report-manifest.json` lies beside the pages and seals itself as a snapshot's does, so any change to
it or to a file is found. That proves that nothing was changed by accident, or by somebody who did
not make the seal anew; it does not prove that nobody did, because anyone who can write to the
folder can. Two things can: the hash of the report or of its evidence, kept where they cannot write
(`iamkit verify --expect`), and making the report again from the evidence (`iamkit rebuild`).

It holds no time, no place and no name of a machine: the same report has the same manifest.
"""

from __future__ import annotations

import hashlib
import json
import platform
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from iamkit.errors import ReportError
from iamkit.evidence import Snapshot, of_report
from iamkit.evidence import snapshot as snapshots
from iamkit.report.notebooks import SourceNotebook
from iamkit.settings import Settings

MANIFEST: Final = of_report.MANIFEST
FORMAT: Final = 1
REQUIRED: Final = (
    "account_id", "as_of", "evidence_sha256", "files", "notebooks", "parameters", "settings",
    "versions",
)  # fmt: skip

# Besides Python, its compression and the kit: what decides the bytes of a page or a file.
LIBRARIES: Final = (
    "Jinja2", "matplotlib", "mistune", "nbconvert", "numpy", "pandas", "scipy", "XlsxWriter",
)  # fmt: skip


def made_from(
    snapshot: Snapshot,
    settings: Settings,
    settings_file: Path | None,
    parameters: Mapping[str, str],
    notebooks: Iterable[SourceNotebook],
) -> dict[str, Any]:
    """Return the part of a manifest that says what a report is made from; see `iamkit rebuild`."""
    values = settings.values()
    return {
        "account_id": snapshot.account_id,
        "as_of": snapshot.manifest["as_of"],
        "evidence_sha256": snapshot.evidence_hash,
        "settings": {
            "file": settings_file.name if settings_file else None,
            "values": values,
            "sha256": sha256(snapshots.canonical(values)),
            "own_checks": {path.name: sha256(path.read_bytes()) for path in settings.own_checks},
        },
        "parameters": dict(parameters),
        "notebooks": {each.name: each.sha256 for each in notebooks},
    }


def earlier_audits(snapshot: Snapshot) -> dict[str, str]:
    """
    Return the evidence's hash of each earlier audit of the account, by the name of its folder.

    The page on the trend is made from them, too: those in the folders beside the audit's own.
    """
    own = snapshot.path.parent
    found = {}
    for audit in snapshots.audits(own.parent, until=own.name):
        if audit != own:
            with suppress(OSError):  # what cannot be read is not on the page
                found[audit.name] = snapshots.evidence_of(audit)
    return found


def versions(actions: str) -> dict[str, str]:
    """Return the versions of what makes a report; `actions` is that of the list of actions."""
    installed = {name.lower(): installed_version(name) for name in ("iamkit", *LIBRARIES)}
    python = {"python": platform.python_version(), "zlib": zlib.ZLIB_RUNTIME_VERSION}
    return {**installed, **python, "actions": actions}


def installed_version(package: str) -> str:
    """Return the version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def sealed(facts: Mapping[str, Any], files: Mapping[str, str], failures: Iterable[str]) -> bytes:
    """Return the bytes of a manifest: what the report is made from, and each file's hash."""
    return snapshots.sealed(
        {**facts, "format": FORMAT, "files": dict(files), "failures": list(failures)}
    )


def read(folder: Path) -> dict[str, Any]:
    """
    Return the manifest of the report in a folder; its files are not looked at.

    Raises `ReportError` if there is none, if it has been changed, or if its format is newer.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except OSError as error:
        said = f"{folder} is no report: {MANIFEST} cannot be read ({error.strerror})"
        raise ReportError(f"{said}; `iamkit report` makes one") from error
    return parsed(content, path)


def parsed(content: bytes, path: Path) -> dict[str, Any]:
    """Return the manifest that these bytes are. Errors: see `read`."""
    broken = ReportError(
        f"{path} has been changed or cut short since it was written; take the report from its "
        "original place, or make it again from the evidence"
    )
    try:
        manifest: dict[str, Any] = json.loads(content)
        unsealed = {key: value for key, value in manifest.items() if key != "seal"}
        made_with = manifest["format"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise broken from error
    if isinstance(made_with, int) and made_with > FORMAT:
        said = f"{path} has format {made_with} and this iamkit reads up to {FORMAT}: update iamkit"
        raise ReportError(said)
    if content != snapshots.sealed(unsealed) or any(key not in manifest for key in REQUIRED):
        raise broken
    if not all(Path(name).name == name for name in manifest["files"]):
        raise broken
    return unsealed


def files_of(folder: Path) -> dict[str, str]:
    """Return the hash of each file of the report in a folder; nothing where there is no report."""
    try:
        return dict(read(folder)["files"])
    except ReportError:
        return {}


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_of(path: Path) -> str | None:
    """Return the SHA-256 of a file; None if it is none, or cannot be read."""
    try:
        return None if path.is_symlink() else sha256(path.read_bytes())
    except OSError:
        return None
