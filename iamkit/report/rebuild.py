"""
A report made again from its evidence, and compared byte by byte: `rebuild`.

That proves what no hash inside a folder can: that the pages are what the evidence says. It takes
the snapshot, the notebooks and the versions that the report was made with; where one of them is
another, the difference is named, because it may be why bytes differ.

A report's manifest holds its settings, but no code: the user's own checks have to be given again,
with the settings file that names them.

A PDF is compared only if it is printed again by the same version of Chromium with the same fonts,
which decide its bytes besides the pages; else it is said why it was not. The pages that it was
printed from are compared in any case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from iamkit.errors import BrokenCheckError, NotebookError, PrintError, ReportError
from iamkit.evidence import snapshot as snapshots
from iamkit.report import manifest
from iamkit.report.manifest import MANIFEST
from iamkit.report.printing import PDF, printed, printed_with
from iamkit.report.render import Progress, render
from iamkit.report.temporary import RunFolder
from iamkit.report.verify import checked


@dataclass(frozen=True)
class Rebuilt:
    """How a report compares with the one made again from its evidence."""

    path: Path
    files: int
    differing: tuple[str, ...]  # names of files that differ, are missing or too many
    reasons: tuple[str, ...]  # what the two were not both made with
    not_compared: str = ""  # why the PDF was not, if there is one


def rebuild(
    report: Path,
    snapshot: Path | None = None,
    *,
    settings: Path | None = None,
    notebooks: Path | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Rebuilt:
    """
    Make a report again in a temporary folder, and compare each file.

    Parameters
    ----------
    report : Path
        Folder of the report. Nothing is written to it.
    snapshot : Path, optional
        Evidence of the report; what lies beside its pages if left out.
    settings, notebooks : Path, optional
        The settings file and the folder of notebooks, if the report was made with checks or
        notebooks that are not the kit's.
    progress : callable
        As of `render`.

    Raises ReportError if the report is not as it was made, if the evidence is not that of the
    report, or if its settings have to be given; SnapshotError if there is no evidence.
    """
    report = report.absolute()
    facts, _ = checked(report)
    opened = snapshots.read((snapshot or report / snapshots.FOLDER).absolute())
    if opened.evidence_hash != facts["evidence_sha256"]:
        said = f"{opened.path} is evidence {opened.evidence_hash}, and the report is of evidence"
        raise ReportError(f"{said} {facts['evidence_sha256']}; name that with --snapshot")
    reprint = _Reprint((report / PDF).read_bytes()) if PDF in facts["files"] else None
    run = RunFolder()
    try:
        settings = _settings(facts["settings"], settings, run.path)
        again = run.path / "report"
        with suppress(NotebookError, BrokenCheckError):  # the pages show it, as the report's may
            render(
                opened.path,
                again,
                parameters=facts["parameters"],
                settings=settings,
                notebooks=notebooks,
                printer=reprint,
                progress=progress,
            )
        made = manifest.read(again)
        names = sorted({*facts["files"], *made["files"]})
        differing = [n for n in names if facts["files"].get(n) != made["files"].get(n)]
        if not differing and (report / MANIFEST).read_bytes() != (again / MANIFEST).read_bytes():
            differing = [MANIFEST]
    finally:
        run.close()
    why = reprint.why if reprint else ""
    compared = len(names) - bool(why)
    return Rebuilt(report, compared, tuple(differing), tuple(_reasons(facts, made)), why)


class _Reprint:
    """
    A printer for a report's document: the PDF it prints, or the old one if the two cannot be equal.

    `why` says in words why the old one was taken.
    """

    def __init__(self, old: bytes) -> None:
        self._old = old
        self.why = ""

    def __call__(self, document: str, as_of: datetime) -> bytes:
        try:
            new = printed(document, as_of)
        except PrintError as error:
            self.why = str(error)
            return self._old
        was, now = (
            f"Chromium {of['chromium']} with {', '.join(of['fonts']) or 'no fonts'}"
            for of in map(printed_with, (self._old, new))
        )
        if was == now:
            return new
        self.why = f"it was printed by {was}, and here by {now}"
        return self._old


def _reasons(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What two reports were not both made with, in words."""
    reasons = []
    for name in sorted({*old["versions"], *new["versions"]}):
        was, now = old["versions"].get(name, "none"), new["versions"].get(name, "none")
        if was != now:
            reasons.append(f"{name} was {was} and is {now}")
    for what in ("sha256", "own_checks"):
        if old["settings"][what] != new["settings"][what]:
            reasons.append(f"the {'settings' if what == 'sha256' else 'own checks'} are others")
    was, now = (each.get("earlier_audits", {}) for each in (old, new))
    for name in sorted({*was, *now}):
        if was.get(name) != now.get(name):
            how = "gone" if name not in now else "new" if name not in was else "another"
            reasons.append(f"the earlier audit {name} is {how}")
    for name in sorted({*old["notebooks"], *new["notebooks"]}):
        if old["notebooks"].get(name) != new["notebooks"].get(name):
            reasons.append(f"the notebook {name} is another")
    return reasons


def _settings(wanted: Mapping[str, Any], given: Path | None, folder: Path) -> Path | None:
    """The settings file to use: the one given, or one with what the manifest says."""
    if wanted["own_checks"] and not given:
        names = ", ".join(wanted["own_checks"])
        said = f"the report was made with checks of your own ({names}), which it does not hold"
        raise ReportError(f"{said}; name the settings file that names them with --settings")
    if not given and wanted["file"]:
        given = folder / Path(wanted["file"]).name
        given.write_text(as_yaml(wanted["values"]), encoding="utf-8")
    return given


def as_yaml(values: Mapping[str, Any]) -> str:
    """
    Settings as a file from which they are read again, each accepted risk on its own line.

    >>> print(as_yaml({"unused_days": 9, "own_checks": [], "accepted": []}))
    accepted: [
    ]
    "unused_days": 9
    <BLANKLINE>
    """
    text = "accepted: ["
    for entry in values["accepted"]:
        at = text.count("\n") + 1
        texts = {name: entry[name] for name in entry if name not in ("line", "expires")}
        said = {name: text for name, text in texts.items() if text}  # a ticket may be missing
        written = json.dumps(said, ensure_ascii=False)[:-1]
        text += (
            "\n" * max((entry["line"] or at) - at, 0)
            + f'{written}, "expires": {entry["expires"]}}},'
        )
    rest = {name: value for name, value in values.items() if name not in ("accepted", "own_checks")}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in rest.items()]
    return "\n".join([text, "]", *lines, ""])
