"""escalation."""

from iamkit.escalation.available_paths import AvailablePaths
from iamkit.escalation.choke_points import choke_points
from iamkit.escalation.escalations import escalations
from iamkit.escalation.graph import EscalationGraph

__all__ = [
    "AvailablePaths",
    "EscalationGraph",
    "choke_points",
    "escalations",
]
