"""
Who else may assume a role that people may assume: what the verdict on MFA does not speak of.

A verdict on a role is about the AWS principals that its trust policy admits. Where a service or an
identity provider may assume the role as well, the verdict says so: "enforced" is not said of them.

Source: IAM User Guide, "MFA-protected API access": identities that are federated bring no MFA that
a trust policy could ask for; their provider decides.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import pandas as pd

from iamkit.restrictions.verdicts import NOT_APPLICABLE
from iamkit.tables import AccountTables

SAID: Final = {
    "Service": "AWS services may also assume it: {}.",
    "Federated": "Identities of {} may also assume it; their provider decides about MFA.",
}


def with_others(verdicts: pd.DataFrame, account: AccountTables) -> pd.DataFrame:
    """
    Return rows of `MFA_ENFORCEMENT` whose `why` names who else may assume a role.

    Errs towards naming more: whether a denial keeps them out is not asked.
    """
    roles = verdicts["kind"].eq("role") & ~verdicts["verdict"].isin(NOT_APPLICABLE)
    trust = account.trust
    asked = trust["role_arn"].isin(verdicts.loc[roles, "principal_arn"])
    trust = trust[asked & trust["effect"].eq("Allow") & trust["principal_type"].isin(list(SAID))]
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    columns = (trust["role_arn"], trust["principal_type"], trust["principal"])
    for arn, kind, principal in zip(*columns, strict=True):
        name = str(principal).rpartition("/")[2] if kind == "Federated" else str(principal)
        if name not in found[arn][kind]:
            found[arn][kind].append(name)
    said = {
        arn: " ".join(SAID[kind].format(", ".join(kinds[kind])) for kind in SAID if kind in kinds)
        for arn, kinds in found.items()
    }
    more = verdicts["principal_arn"].map(said).where(roles)
    why = verdicts["why"]
    return verdicts.assign(why=why.where(more.isna(), why.fillna("") + " " + more).str.strip())
