"""
Risk classes of actions: the value of a call to an attacker, which AWS's access level does not show.

The classes are the kit's own judgement, in `data/risks.yaml`, with sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import pandas as pd

from iamkit.reference.files import read_data

RISKS: Final = "risks.yaml"
RULES: Final = ("actions", "unlisted", "levels", "except")


@cache
def risks() -> pd.DataFrame:
    """
    One row per rule of a risk class, from `data/risks.yaml`. Not to be changed in place.

    Columns: `risk`, its `title` and `meaning`; `rule`, `pattern`; `why` and `source`, who says so.
    A rule is `actions` (in the class), `unlisted` (in it as soon as a policy names it: documented,
    but not in the list), `levels` (every action with that access level) or `except` (not by level).

    A call that enables an attack only together with others is in: counts err towards more.
    """
    content: Mapping[str, Any] = read_data(RISKS)
    return pd.DataFrame(
        [
            (risk, entry["title"], entry["meaning"], rule, pattern, group["why"], group["source"])
            for risk, entry in content.items()
            for group in entry["rules"]
            for rule in RULES
            for pattern in group.get(rule, ())
        ],
        columns=["risk", "title", "meaning", "rule", "pattern", "why", "source"],
    )
