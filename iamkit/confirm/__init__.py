"""
AWS's own policy simulator as a second opinion: a sample of the kit's decisions, compared.

    from iamkit.confirm import compare, sample
    from iamkit.evidence import aws

    account = load("latest")
    compare(account, sample(account), aws.asking(profile="audit"))
"""

from iamkit.confirm.after_changes import after_changes
from iamkit.confirm.by_hand import CommandsByHand, by_hand, command, commands_by_hand
from iamkit.confirm.comparison import CONFIRMATION, Confirmation, compare, planned
from iamkit.confirm.sampling import sample
from iamkit.confirm.simulated import NOT_JUDGED, SimulatedRequest, simulated
from iamkit.confirm.unfinished import NAME, Unfinished

__all__ = [
    "CONFIRMATION",
    "NAME",
    "NOT_JUDGED",
    "CommandsByHand",
    "Confirmation",
    "SimulatedRequest",
    "Unfinished",
    "after_changes",
    "by_hand",
    "command",
    "commands_by_hand",
    "compare",
    "planned",
    "sample",
    "simulated",
]
