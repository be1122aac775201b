"""
Next steps for special cases: platform roles, identities for emergencies, missing evidence.

A check's remedy applies to any subject. But a platform role has to be changed through its platform,
which reverts other changes. An identity for emergencies is kept. And nothing should be deleted if
evidence is missing. A step that a check gives for one subject stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import pandas as pd

from iamkit.checks.facts import kept_for_emergencies, of_platforms
from iamkit.checks.registry import Check, Status

KEEP: Final = "Keep it as it is: it is for emergencies and is protected accordingly."
TAKES: Final = re.compile(r"(Delete|Deactivate|Remove|Detach|Take|Replace) ")
FIND_OUT: Final = "Find out first whether this is the case. If so: "


def fitted(account: Any, findings: pd.DataFrame, checks: Mapping[str, Check]) -> pd.DataFrame:
    """
    Return findings whose `next_step` fits; tables that break leave it as the check has it.

    A table that no finding is about is not built.
    """
    step = findings["next_step"].astype("object")
    remedies = {name: each.remedy for name, each in checks.items()}
    own = step.ne(findings["check"].map(remedies).astype("object"))
    taking = [text for text in step.unique() if _takes(text)]
    doubt = findings["status"].eq(Status.NOT_ASSESSED) & step.isin(taking)
    step = step.mask(doubt, FIND_OUT + step)
    noted = findings["status"].eq(Status.NOTED) & ~own
    if noted.any():
        with suppress(Exception):  # the checks that need it say how it broke
            ready = kept_for_emergencies(account.break_glass)
            step = step.mask(noted & findings["subject"].isin(list(ready)), KEEP)
    with suppress(Exception):
        owner = findings["subject"].str.split("#").str[0]  # of an inline policy
        about_roles = ~own & ~doubt & owner.isin(account.roles["role_arn"])
        if about_roles.any():
            roles = account.platform_roles
            mine = roles[roles["role_arn"].isin(of_platforms(roles))]
            change = mine.set_index("role_arn")["change"].dropna().to_dict()
            way = owner.map(change).astype("object")
            step = step.mask(about_roles & way.notna(), way)
    return findings.assign(next_step=step)


def _takes(text: Any) -> bool:
    return isinstance(text, str) and TAKES.match(text) is not None
