"""charts."""

from iamkit.charts.display import cell
from iamkit.charts.escalation_layout import rungs

__all__ = [
    "cell",
    "rungs",
]
