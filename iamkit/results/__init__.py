"""What an audit comes to, identity by identity and control by control; what changes come to."""

from iamkit.results import changes
from iamkit.results.attacks import techniques_of_findings
from iamkit.results.controls import MANUAL, MATRIX, STANDINGS, chosen_matrix, matrix
from iamkit.results.finding_rows import FOUND_ROWS, found, with_ids
from iamkit.results.finding_states import FINDING_STATES, STATES, State, finding_states
from iamkit.results.history import (
    HISTORY,
    History,
    forget,
    history_of,
    joined,
    kept,
    read,
    stored,
    write_tables,
)
from iamkit.results.identities import CLASSES, IDENTITIES, identities, matters
from iamkit.results.identity_facts import FOLLOWS, facts_of, identity_facts
from iamkit.results.measures import GRAVE, MEASURES
from iamkit.results.permission_changes import PERMISSION_CHANGES, permission_changes
from iamkit.results.privileges import PRIVILEGES, allowed_in_any_context
from iamkit.results.record import OF_AUDIT, AuditRecord, record
from iamkit.results.record import TABLES as RECORD_TABLES
from iamkit.results.requests_in_words import caller, request, with_requests
from iamkit.results.since import (
    BETTER,
    CHANGED,
    CHANGES,
    MFA_VERDICTS,
    WORSE,
    composed,
    got_worse,
    not_compared,
)
from iamkit.results.since import changes as changes_since
from iamkit.results.unmatched import unmatched
from iamkit.results.without_device import NO_DEVICE_YET, enforced_without_device, why_both

__all__ = [
    "BETTER",
    "CHANGED",
    "CHANGES",
    "CLASSES",
    "FINDING_STATES",
    "FOLLOWS",
    "FOUND_ROWS",
    "GRAVE",
    "HISTORY",
    "IDENTITIES",
    "MANUAL",
    "MATRIX",
    "MEASURES",
    "MFA_VERDICTS",
    "NO_DEVICE_YET",
    "OF_AUDIT",
    "PERMISSION_CHANGES",
    "PRIVILEGES",
    "RECORD_TABLES",
    "STANDINGS",
    "STATES",
    "WORSE",
    "AuditRecord",
    "History",
    "State",
    "allowed_in_any_context",
    "caller",
    "changes",
    "changes_since",
    "chosen_matrix",
    "composed",
    "enforced_without_device",
    "facts_of",
    "finding_states",
    "forget",
    "found",
    "got_worse",
    "history_of",
    "identities",
    "identity_facts",
    "joined",
    "kept",
    "matrix",
    "matters",
    "not_compared",
    "permission_changes",
    "read",
    "record",
    "request",
    "stored",
    "techniques_of_findings",
    "unmatched",
    "why_both",
    "with_ids",
    "with_requests",
    "write_tables",
]
