"""
Which techniques of MITRE ATT&CK findings are about: those of the escalation methods behind them.

Only checks whose findings name methods have techniques: an account without MFA, for example, is no
technique, although it helps with many.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from iamkit.reference import escalation_methods

# The checks about identities, and which of an identity's methods each is about.
_OF_IDENTITIES: Final = {
    "can_escalate": "status == 'proven'",
    "can_become_administrator": "status == 'proven' and reaches_admin",
    "escalates_with_a_target": "status == 'needs a target'",
}
_OF_POLICIES: Final = ("escalating_customer_policy", "escalating_inline_policy")


def techniques_of_findings(account: Any) -> dict[tuple[str, str], list[str]]:
    """Return the ids of techniques, in order, by check and subject; only of findings with any."""
    found = account.audit.findings[["check", "subject"]].drop_duplicates()
    named: dict[tuple[str, str], list[str]] = {}
    of_identities = found[found["check"].isin(_OF_IDENTITIES)]
    if len(of_identities):
        paths = account.escalations[account.escalations["principal_arn"].isin(found["subject"])]
        for check, which in _OF_IDENTITIES.items():
            by_subject = _techniques(paths.query(which), "principal_arn")
            named |= {(check, subject): each for subject, each in by_subject.items()}
    of_policies = found[found["check"].isin(_OF_POLICIES)]
    if len(of_policies):
        grants = account.policy_grants[["policy_arn", "escalations"]].explode("escalations")
        methods = grants[grants["policy_arn"].isin(of_policies["subject"])].dropna()
        techniques = {name: each.techniques for name, each in escalation_methods().items()}
        methods = methods.assign(techniques=methods["escalations"].map(techniques))
        by_subject = _techniques(methods, "policy_arn")
        named |= {(check, each): by_subject[each] for check in _OF_POLICIES for each in by_subject}
    those = found.itertuples(index=False, name=None)
    return {key: named[key] for key in those if key in named}


def _techniques(methods: pd.DataFrame, of: str) -> dict[str, list[str]]:
    """Return the techniques in rows of methods, each once and in order, by a column's values."""
    each = methods[[of, "techniques"]].explode("techniques").drop_duplicates().dropna()
    found = each.groupby(of)["techniques"].agg(sorted)
    return dict(zip(found.index.astype("str"), found.tolist(), strict=True))
