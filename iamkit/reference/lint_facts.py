"""
What lint rules compare policies with: global condition keys, private networks, dangerous actions.

Source: `data/lint.yaml`, which names AWS's pages.
"""

from functools import cache
from typing import Any

from iamkit.reference.files import read_data


@cache
def lint_facts() -> Any:
    """Return the content of `data/lint.yaml`; shared, so not to be changed."""
    return read_data("lint.yaml")
