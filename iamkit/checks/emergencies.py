"""
Identities kept for emergencies: whether they are protected, and when they were used.

See `restrictions.break_glass`: the settings or a tag name them.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from iamkit.checks.registry import check
from iamkit.counts import counted
from iamkit.settings import Settings

PLAN: Final = "https://docs.aws.amazon.com/singlesignon/latest/userguide/emergency-access.html"


@check(
    severity="medium",
    title="An identity kept for emergencies is not well enough protected",
    impact=(
        "In an outage of single sign-on this identity is the way in for anyone who has its "
        "credentials. If it lacks MFA or permissions, it fails in the emergency or serves an "
        "attacker."
    ),
    among="users and roles kept for emergencies",
    remedy="Register a hardware token or a passkey for it, and deny all its actions without MFA.",
    source=PLAN,
)
def break_glass_not_ready(break_glass: pd.DataFrame) -> pd.DataFrame:
    """
    Break-glass users and roles that can be used without MFA, or users whose MFA can be copied.

    Until this is corrected, all other checks treat them as any other identity.

    >>> from iamkit.restrictions import BREAK_GLASS
    >>> kept = dict(principal_arn="u", said_by="its tag", ready=False, lacks="it has no passkey")
    >>> break_glass_not_ready(BREAK_GLASS.rows(kept)).detail.tolist()
    ['its tag says that it is kept for emergencies; it has no passkey']
    """
    hit = break_glass[~break_glass["ready"].fillna(value=False)]
    verb = hit["said_by"].map({"the settings": " say"}).fillna(" says")
    said = hit["said_by"] + verb + " that it is kept for emergencies; " + hit["lacks"]
    return pd.DataFrame({"subject": hit["principal_arn"], "detail": said})


@check(
    severity="medium",
    title="An identity kept for emergencies was used recently",
    impact=(
        "This identity can do everything and is meant for emergencies. Use without an emergency "
        "means that its credentials are handled daily, or that somebody else has them."
    ),
    among="users and roles kept for emergencies",
    remedy="Find out who used it and why, then change its credentials.",
    source=PLAN,
    errs="towards silence: the evidence has only the latest use",
)
def break_glass_used(
    break_glass: pd.DataFrame, settings: Settings, as_of: pd.Timestamp
) -> pd.DataFrame:
    """
    Break-glass users and roles used within the settings' `root_quiet_days`.

    >>> from iamkit.restrictions import BREAK_GLASS
    >>> kept = dict(principal_arn="u", ready=True, last_used="2026-10-29T06:00:00Z")
    >>> now = pd.Timestamp("2026-11-01T06:00:00Z")
    >>> break_glass_used(BREAK_GLASS.rows(kept), Settings(), now).detail.tolist()
    ['was used on 2026-10-29, less than 30 days before']
    """
    days = settings.root_quiet_days
    hit = break_glass[(as_of - break_glass["last_used"]).dt.days < days]
    said = "was used on " + hit["last_used"].dt.strftime("%Y-%m-%d")
    return pd.DataFrame(
        {
            "subject": hit["principal_arn"],
            "detail": said + f", less than {counted(days, 'days')} before",
        }
    )
