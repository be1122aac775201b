"""What a run did for one account, as plain values: for the journal, the overview and announcing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from iamkit.errors import WriteError
from iamkit.evidence import Snapshot
from iamkit.evidence import snapshot as snapshots
from iamkit.results import HISTORY, AuditRecord, State, finding_states, kept

Counts = Mapping[str, int]  # number of findings, by severity


@dataclass(frozen=True)
class AccountResult:
    """
    What a run did for one account of its file.

    `audit` is the folder of the audit and `report` its first page, both from the folder of all
    reports; None if there is none. `error` is what went wrong; the report can be there all the
    same, with what could be said. `new` and `fixed` compare with the audit before, whose evidence
    is of `before`; they are empty if there is none. `not_asked` is why an account of the
    organization is not audited, which is no failure. `unit` is the path of its organizational
    unit, `team` the value of the tag that the run file names, empty without that tag; None: not
    known.
    """

    name: str
    account_id: str | None = None
    alias: str | None = None
    audit: str | None = None
    as_of: str | None = None
    evidence: str | None = None
    report: str | None = None
    report_sha256: str | None = None
    error: str | None = None
    exit_code: int = 0
    findings: Counts = field(default_factory=dict)
    before: str | None = None
    new: Counts = field(default_factory=dict)
    fixed: Counts = field(default_factory=dict)
    missing: tuple[str, ...] = ()  # evidence that could not be had
    required: tuple[str, ...] = ()  # of it, what the run file requires
    notes: tuple[str, ...] = ()
    not_asked: str | None = None
    unit: str | None = None
    team: str | None = None

    def plain(self) -> dict[str, Any]:
        """Return the values as JSON can hold them."""
        return asdict(self)

    @classmethod
    def of_plain(cls, values: Mapping[str, Any]) -> AccountResult:
        """Return the result that `plain` described."""
        given: dict[str, Any] = {
            name: tuple(of) if isinstance(of, list) else of for name, of in values.items()
        }
        return cls(**given)


def of_evidence(opened: Snapshot, reports: Path) -> dict[str, Any]:
    """Return what a result says of the evidence it rests on."""
    manifest = opened.manifest
    return {
        "account_id": opened.account_id,
        "alias": manifest.get("alias"),
        "audit": opened.path.parent.relative_to(reports).as_posix(),
        "as_of": manifest["as_of"],
        "evidence": opened.evidence_hash,
        "missing": tuple(f"{gap['meaning']} ({gap['call']})" for gap in manifest["gaps"]),
    }


def compared(opened: Snapshot) -> dict[str, Any]:
    """
    Return what became of findings since the audit before, as the kept history says.

    Raises `WriteError` if the history lacks the audit: it could not be kept, and what is new is not
    known.
    """
    record = kept(opened.path.parents[1])
    if opened.evidence_hash not in set(record.audits["evidence"]):
        raise WriteError(
            f"{opened.path.parents[1] / HISTORY} could not be written, so what is new or fixed is "
            "not known; free some space or let it be written, and run again"
        )
    before = _before(record, opened.evidence_hash)
    if before is None:
        return {}
    own = record.audits.loc[record.audits["evidence"] == opened.evidence_hash, "as_of"].iloc[0]
    states = finding_states(record)
    states = states[(states["as_of"] == own) & states["because"].isna()]
    return {
        "before": snapshots.format_time(before),
        "new": _counts(states[states["state"] == State.NEW]),
        "fixed": _counts(states[states["state"] == State.FIXED]),
    }


def _before(record: AuditRecord, evidence: str) -> Any:
    """The moment of the audit before the one with this evidence; None if there is none."""
    audits = record.audits.sort_values("as_of", kind="stable")
    own = audits.loc[audits["evidence"] == evidence, "as_of"]
    earlier = audits.loc[audits["as_of"] < own.iloc[0], "as_of"] if len(own) else own
    return earlier.iloc[-1].to_pydatetime() if len(earlier) else None


def _counts(rows: Any) -> dict[str, int]:
    return {str(name): int(count) for name, count in rows["severity"].value_counts().items()}
