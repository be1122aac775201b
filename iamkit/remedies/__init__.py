"""
What exactly to change, and what it will do: remedies that were tried on the evidence.

    from iamkit.remedies import remedies

    found, refused = remedies(load("latest"))
"""

from iamkit.remedies.commands import Commands, commands
from iamkit.remedies.files import JSON, SCRIPT, described, require_room, script, write
from iamkit.remedies.proof import Refused, Remedy, remedies, tried, untouched
from iamkit.remedies.proposal import Proposal
from iamkit.remedies.proposals import proposals
from iamkit.remedies.reach import MADE_FOR, WITHOUT, made_for
from iamkit.remedies.restrictions import mfa_policy, network_policy

__all__ = [
    "JSON",
    "MADE_FOR",
    "SCRIPT",
    "WITHOUT",
    "Commands",
    "Proposal",
    "Refused",
    "Remedy",
    "commands",
    "described",
    "made_for",
    "mfa_policy",
    "network_policy",
    "proposals",
    "remedies",
    "require_room",
    "script",
    "tried",
    "untouched",
    "write",
]
