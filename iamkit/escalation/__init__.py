"""
Who can become someone else, and gain what: escalation paths, and the graph of who becomes whom.
"""

from iamkit.escalation.available_paths import AvailablePaths
from iamkit.escalation.choke_points import CHOKE_POINTS, choke_points
from iamkit.escalation.escalations import ESCALATIONS, escalations
from iamkit.escalation.graph import ADMIN_PATHS, EscalationGraph

__all__ = [
    "ADMIN_PATHS",
    "CHOKE_POINTS",
    "ESCALATIONS",
    "AvailablePaths",
    "EscalationGraph",
    "choke_points",
    "escalations",
]
