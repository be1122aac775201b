"""
Who can become whom, and gain what: the escalation paths of an account.

To add an escalation method, add one entry to `iamkit/data/escalation.yaml`; its header explains
each field, and no code changes. In reading order: `allowed_resources` (where a caller may use an
action), `prerequisites` and `new_principals` (what else a method needs), `callers` and `targets`
(whom one caller reaches), `usable_methods` (which methods it has the actions for),
`shared_policies` and `callers_alike` (callers whom nothing tells apart), `available_paths` (the
paths of one caller), `gains` (what a path gives), `explanations` (the statements that allow it),
`graph`, `admin_paths`, `choke_points` and `escalations` (the answers for the account, as tables).
"""

from iamkit.escalation.admin_paths import (
    ADMIN_PATHS,
    REACHABLE,
    admin_paths,
    has_credential,
    reachable,
)
from iamkit.escalation.available_paths import AvailablePaths
from iamkit.escalation.choke_points import CHOKE_POINTS, choke_points
from iamkit.escalation.escalations import ESCALATIONS, escalations
from iamkit.escalation.graph import MODES, PLACES, EscalationGraph, PlaceGraph, mode_and_place

__all__ = [
    "ADMIN_PATHS",
    "CHOKE_POINTS",
    "ESCALATIONS",
    "MODES",
    "PLACES",
    "REACHABLE",
    "AvailablePaths",
    "EscalationGraph",
    "PlaceGraph",
    "admin_paths",
    "choke_points",
    "escalations",
    "has_credential",
    "mode_and_place",
    "reachable",
]
