"""demo."""

from iamkit.demo import company
from iamkit.demo.responses import Row

__all__ = [
    "Row",
    "company",
]
