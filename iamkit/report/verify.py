"""
Whether a snapshot or a report is as it was made: `verify`.

What that proves, and what not: see `manifest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from iamkit.errors import ReportError
from iamkit.evidence import snapshot as snapshots
from iamkit.report import manifest
from iamkit.report.folder import is_report, settle
from iamkit.report.manifest import MANIFEST

PROVES: Final = (
    "No file was changed by accident, or by somebody who did not seal it anew. Somebody who may "
    "write to this folder can do that: compare with a hash kept elsewhere (--expect)"
)


@dataclass(frozen=True)
class Verified:
    """A snapshot or a report that is as its manifest says."""

    path: Path
    evidence: str  # SHA-256 of the snapshot's manifest
    files: int
    report: str = ""  # SHA-256 of the report's manifest; empty for a snapshot
    snapshot: Path | None = None  # the evidence, if it lies beside the pages
    failures: tuple[str, ...] = ()  # what failed when the report was made

    def expected(self, sha256: str) -> str:
        """
        Say in a sentence what is the one that this hash names.

        Raises `ReportError` if it names neither the evidence nor the report.
        """
        if sha256.lower() == self.evidence:
            pages = " `iamkit rebuild` shows whether the pages are of it." if self.report else ""
            return f"The evidence is the one expected.{pages}"
        if self.report and sha256.lower() == self.report:
            return "The report is the one expected, and so is the evidence that it names."
        found = f"evidence {self.evidence}" + f" and report {self.report}" * bool(self.report)
        raise ReportError(f"{self.path} has {found}, not {sha256}: it is another one")


def verify(path: Path) -> Verified:
    """
    Check every file of a snapshot or a report; of a report, also the snapshot beside its pages.

    A report that a killed run left half in its place is finished first; see `folder`. Raises
    `SnapshotError` or `ReportError`, naming each file that is missing or changed.
    """
    if not is_report(path):
        opened = snapshots.read(path)
        return Verified(opened.path, opened.evidence_hash, len(opened.manifest["files"]))
    facts, sealed = checked(path)
    evidence, snapshot = facts["evidence_sha256"], None
    if (path / snapshots.FOLDER).is_dir():
        snapshot = path / snapshots.FOLDER
        found = snapshots.read(snapshot).evidence_hash
        if found != evidence:
            said = f"{snapshot} is evidence {found}, but the pages are of evidence {evidence}"
            raise ReportError(f"{said}; put the one they are of in its place, or report again")
    failures = tuple(facts["failures"])
    report = manifest.sha256(sealed)
    return Verified(path, evidence, len(facts["files"]), report, snapshot, failures)


def checked(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Return a report's manifest and its bytes, after checking each file; see `verify`."""
    while True:
        settle(folder)
        facts = manifest.read(folder)
        sealed = (folder / MANIFEST).read_bytes()
        differing = [
            f"{name} {'differs' if (folder / name).exists() else 'is missing'}"
            for name, digest in sorted(facts["files"].items())
            if manifest.sha256_of(folder / name) != digest
        ]
        if not differing:
            return facts, sealed
        if sealed == (folder / MANIFEST).read_bytes():  # else another run has just renewed it
            raise ReportError(
                f"{folder} is not as it was made: {'; '.join(differing)}. Take the report from its "
                "original place, or make it again from the evidence"
            )
