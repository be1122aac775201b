"""reference."""

from iamkit.reference import actions
from iamkit.reference.actions import LEVELS, Bits, Catalog, Flags, load_catalog, popcount
from iamkit.reference.escalation_methods import (
    NEW,
    NOTHING_THERE,
    EscalationMethod,
    escalation_methods,
    given,
)
from iamkit.reference.files import FOLDER, read_data
from iamkit.reference.frameworks import CONTROL, load_controls
from iamkit.reference.risks import risks

__all__ = [
    "Bits",
    "CONTROL",
    "Catalog",
    "EscalationMethod",
    "FOLDER",
    "Flags",
    "LEVELS",
    "NEW",
    "NOTHING_THERE",
    "actions",
    "escalation_methods",
    "given",
    "load_catalog",
    "load_controls",
    "popcount",
    "read_data",
    "risks",
]
