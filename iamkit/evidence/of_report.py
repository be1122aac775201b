"""
What a report in a folder was made from, for its executed notebooks when they are run again there.

They name their evidence and their settings as what lies beside them. A report that was moved, sent
as an archive or written elsewhere has neither; its manifest says which evidence it was, and with
which settings. See `report.manifest`, which writes that file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from iamkit.errors import SettingsError, SnapshotError
from iamkit.evidence import snapshot as snapshots
from iamkit.evidence.snapshot import parse_time

MANIFEST: Final = "report-manifest.json"


def evidence(path: Path, root: Path) -> Path:
    """
    Return where the evidence of a report is that `path` does not lead to; `path` if it does.

    It is looked for where `iamkit collect` puts it, under `root`. Raises `SnapshotError`, with its
    account, time and hash, if it is not there either.
    """
    facts = {} if path.exists() else _facts(path.absolute().parent)
    try:
        account, as_of, digest = (facts[key] for key in ("account_id", "as_of", "evidence_sha256"))
        place = snapshots.place(root, account, parse_time(as_of))
    except (KeyError, TypeError, ValueError, SnapshotError):
        return path  # no report is here: opening it says what is wrong
    try:
        if snapshots.evidence_of(place.parent) == digest:
            return place
    except OSError:
        pass
    raise SnapshotError(
        f"the evidence of this report is neither beside it ({path}) nor in {place}: account "
        f"{account} as of {as_of}, SHA-256 {digest}. Put its folder here as `{snapshots.FOLDER}`, "
        f"or set `snapshot` to where it is"
    )


def settings(path: Path) -> Mapping[str, Any] | None:
    """
    Return the settings of the report that a missing file lay beside, as `Settings.values` does.

    None if the file is there, or the report there was made with another. Raises `SettingsError` if
    it was made with checks of its owner's, whose code no report holds.
    """
    used = {} if path.exists() else _facts(path.absolute().parent).get("settings")
    if not isinstance(used, Mapping) or used.get("file") != path.name:
        return None
    values = used.get("values")
    if not isinstance(values, Mapping):
        return None
    if values.get("own_checks"):
        names = ", ".join(map(str, values["own_checks"]))
        raise SettingsError(
            f"this report was made with checks of your own ({names}), which it does not hold; "
            "set `settings` to the file that names them"
        )
    return values


def _facts(folder: Path) -> Mapping[str, Any]:
    """What the manifest of a report says; nothing where there is none that can be read."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}
