"""How many roles a policy lets its holder assume, by how much of their names it leaves open."""

from __future__ import annotations

import re
from typing import Any, Final

import pandas as pd

from iamkit.reference import covers_action
from iamkit.values import as_dict

# What a Resource leaves open of a role: nothing, its account, the end of its name, or all of it.
CLOSED: Final = -1
NAME: Final = 0
BEGINNING: Final = 1
ANY: Final = 2


WILD: Final = re.compile(r"[*?]")
ACCOUNT_KEYS: Final = ("aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths")
EQUAL: Final = ("stringequals", "stringequalsignorecase", "stringlike", "foranyvalue:stringequals")


def role_widths(statements: pd.DataFrame) -> dict[str, int]:
    """How much of roles' names each policy leaves open where it allows sts:AssumeRole."""
    widest: dict[str, int] = {}
    columns = ("policy_arn", "actions", "not_actions", "resources", "not_resources", "conditions")
    allowing = statements[statements["effect"].eq("Allow")]
    for policy, actions, but, resources, but_on, condition in zip(
        *(allowing[name] for name in columns), strict=True
    ):
        if not but and not any(covers_action(each, "sts:AssumeRole") for each in actions):
            continue
        width = ANY if but_on else max(map(_width, resources), default=CLOSED)
        if width == NAME and _names_account(condition):
            width = CLOSED
        widest[policy] = max(width, widest.get(policy, CLOSED))
    return widest


def _width(resource: str) -> int:
    """
    What a Resource leaves open of a role.

    >>> arn = "arn:aws:iam::*:role/"
    >>> [_width(arn + "audit"), _width(arn + "cdk-*"), _width(arn + "*"), _width("*")]
    [0, 1, 2, 2]
    >>> _width("arn:aws:iam::111122223333:role/audit")
    -1
    """
    *_, account, name = (
        ["*", *resource.split(":", 5)[4:]] if resource.count(":") > 4 else ["*", "*"]
    )
    literal = WILD.split(name)[0]
    if literal == name:
        return NAME if WILD.search(account) else CLOSED
    return BEGINNING if literal.startswith("role/") and literal.rpartition("/")[2] else ANY


def _names_account(condition: Any) -> bool:
    """
    Whether a Condition requires an account or organization of the role.

    >>> _names_account({"StringEquals": {"aws:ResourceOrgID": "o-abc123"}})
    True
    >>> _names_account({"StringLike": {"aws:ResourceOrgID": "o-*"}})
    False
    """
    for operator, block in as_dict(condition).items():
        for key, values in as_dict(block).items():
            texts = values if isinstance(values, list) else [values]
            if operator.lower() in EQUAL and key.lower() in ACCOUNT_KEYS:
                return not any(WILD.search(str(text)) for text in texts)
    return False
