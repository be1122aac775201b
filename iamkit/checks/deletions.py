"""
Side effects of a deletion, which are added to the advice to delete.

When a user or role is deleted, trust policies that name it contain its unique ID instead. A policy
that was attached only to it is unattached. An unattached policy may still be needed: a condition
may require it as the boundary of new principals.

Source: IAM User Guide, "AWS JSON policy elements: Principal", "Delete IAM policies" and
"Permissions boundaries for IAM entities: delegating responsibility to others".
"""

from __future__ import annotations

import json
from typing import Any, Final

import pandas as pd

from iamkit.checks.wording import join_names, names_by_key
from iamkit.table import TEXT

SHARED: Final = (" Remove it from the trust policy of ", " first.")
ONLY: Final = (
    " It is the only principal that may assume ",
    ": delete that role first, or name another principal.",
)


def beside(
    subjects: pd.Series[Any],
    attachments: pd.DataFrame | None,
    trust: pd.DataFrame | None,
    policies: pd.DataFrame | None,
) -> pd.Series[Any]:
    """
    Sentences to add to the advice to delete users, groups or roles; empty if there is no side
    effect.

    They name the roles whose trust policies name the subject, and the customer managed policies
    that would be unattached.
    """
    said = pd.Series("", subjects.index, dtype=TEXT)
    if trust is not None:
        named = trust[trust["role_arn"].ne(trust["principal"])]
        allowed = named[named["effect"].ne("Deny").fillna(value=True)]
        single = allowed.groupby("role_arn")["principal"].nunique()
        alone = named["role_arn"].map(single).eq(1).fillna(value=False).astype("bool")
        for text, some in ((SHARED, named[~alone]), (ONLY, named[alone])):
            roles = some["role_arn"].str.rsplit("/", n=1).str[-1]
            who = names_by_key(subjects, some["principal"], roles)
            said += (text[0] + who + text[1]).fillna("")
    if attachments is not None and policies is not None:
        own = policies.loc[policies["kind"].eq("customer"), "policy_arn"]
        mine = attachments[attachments["policy_arn"].isin(own)]
        holders = mine.groupby("policy_arn")["principal_arn"].nunique()
        lonely = mine[mine["policy_arn"].map(holders).eq(1)]
        names = lonely["policy_arn"].str.rsplit("/", n=1).str[-1]
        left = names_by_key(subjects, lonely["principal_arn"], names)
        said += (" Then delete " + left + ", which nobody else has.").fillna("")
    return said


def asked_for(arns: pd.Series[Any], statements: pd.DataFrame | None) -> pd.Series[Any]:
    """
    Return which policies refer to each policy in a condition, such as on iam:PermissionsBoundary.

    Names are joined; missing if no policy does.

    >>> from iamkit.tables import STATEMENTS
    >>> asked = {"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::111122223333:policy/b"}}
    >>> rows = STATEMENTS.rows(dict(policy_arn="arn:x/delegate", conditions=asked))
    >>> asked_for(pd.Series(["arn:aws:iam::111122223333:policy/b", "other"]), rows).tolist()
    ['delegate', nan]
    """
    found: dict[str, str] = {}
    if statements is not None:
        pairs = zip(statements["policy_arn"], statements["conditions"], strict=True)
        texts = [(arn, json.dumps(asked, default=str)) for arn, asked in pairs if asked]
        for arn in arns.dropna().unique():
            name = json.dumps(arn)
            by = [policy for policy, text in texts if name in text and policy != arn]
            if by:
                found[arn] = join_names(each.rsplit("/", 1)[-1].rsplit("#", 1)[-1] for each in by)
    return arns.map(found).astype(TEXT)
