"""
What a report with pseudonyms is made from: evidence, settings and parameters without a name.

The evidence goes to a folder of its own, as any snapshot's, so the report beside it can be verified
and made again by those who get both. The mapping from names to pseudonyms stays where its owner put
it, and must not lie in that folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iamkit.errors import ReportError, SnapshotError
from iamkit.evidence import Snapshot, pseudonyms
from iamkit.evidence import snapshot as snapshots
from iamkit.report.rebuild import as_yaml
from iamkit.settings import Settings
from iamkit.settings_files import read as read_settings

if TYPE_CHECKING:
    from iamkit.evidence import redaction


@dataclass(frozen=True)
class Redacted:
    """
    A snapshot with pseudonyms, and what its report is given besides.

    `settings` is the text of a settings file, if there is one. `unlike` are the patterns of
    policies that match other pseudonyms than they match names.
    """

    snapshot: Path
    settings: str | None
    parameters: Mapping[str, str]
    unlike: tuple[str, ...]


def redact(
    snapshot: Path,
    mapping: Path,
    out: Path,
    *,
    settings: Path | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Redacted:
    """
    Write a snapshot with pseudonyms under `out`, and return it with settings and parameters.

    The mapping file is read if it exists, so that the same names have the same pseudonyms in every
    report, and written, with mode 0600, before anything else is.

    Raises ReportError for a mapping that would lie in what is shared, and for own checks, whose
    texts may name anybody; SnapshotError if other evidence is already there; WriteError if
    something cannot be written.
    """
    from iamkit.evidence import redaction  # which imports pandas

    opened = snapshots.read(snapshot.absolute())
    if mapping.resolve().is_relative_to(out.resolve()):
        said = f"{mapping} turns pseudonyms back into names, and lies in the folder to be shared"
        raise ReportError(f"{said}, {out}; name a file elsewhere with --redact")
    values = (read_settings(settings, opened.account_id) if settings else Settings()).values()
    if values["own_checks"]:
        said = "checks of your own may name anybody in their texts, and a report with pseudonyms"
        raise ReportError(f"{said} cannot have them; name settings without own_checks")
    names = pseudonyms.read(mapping)
    also = (*(entry["subject"] for entry in values["accepted"]), *values["break_glass"])
    made = redaction.redacted(opened, names, also)
    given = redaction.settings_with(names, values)
    shown = {name: names.names.get(text, text) for name, text in (parameters or {}).items()}
    shown = {name: redaction.arn_with(names, text) for name, text in shown.items()}
    pseudonyms.write(mapping, names)
    path = _written(out, made, opened)
    return Redacted(path, as_yaml(given) if settings else None, shown, made.unlike)


def _written(out: Path, made: redaction.Redacted, opened: Snapshot) -> Path:
    """Write the snapshot, unless the same one is there already."""
    target = snapshots.place(out, made.manifest["account_id"], opened.as_of)
    if not target.exists():
        return snapshots.write(out, made.manifest, made.files)
    files: Any = snapshots.read(target).manifest["files"]
    if files != snapshots.listing(made.manifest, made.files)["files"]:
        said = f"{target} exists already, of other evidence or with other pseudonyms"
        raise SnapshotError(f"{said}; move it away, or give another folder with --out")
    return target
