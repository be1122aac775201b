"""Roles of platforms, roles that only look like them, and unused roles."""

from __future__ import annotations

from typing import Final

import pandas as pd

from iamkit.arns import AWS_MANAGED
from iamkit.checks.deletions import beside
from iamkit.checks.facts import kept_for_emergencies, of_platforms
from iamkit.checks.registry import INFO, check
from iamkit.checks.wording import GUIDE, ago, status
from iamkit.settings import Settings
from iamkit.table import TEXT
from iamkit.tables import without_service_linked
from iamkit.trust import IMPOSTOR, NOT_KNOWN, days_idle

# AWS managed policies of roles that benchmarks ask for, to be there when they are needed.
# Source: CIS AWS Foundations, "Ensure a support role has been created"; Prowler and AWS's job
# functions for the other.
ASKED_FOR: Final = {
    "AWSSupportAccess": "a role for AWS Support is recommended",
    "SecurityAudit": "a role for security audits is recommended",
}


DELETE: Final = "Remove the role's permissions, and delete the role if nothing fails without them."


@check(
    severity="high",
    title="A role has the name of a platform role but is not one",
    impact=(
        "Reviews pass over roles with a platform's name. An attacker, or a careless colleague, "
        "gets lasting access that looks as if the platform had made it."
    ),
    among="roles",
    remedy="Find out who made or changed it. Then delete it, or restore its trust policy.",
    source=f"{GUIDE}reference_policies_elements_principal.html",
    errs="towards silence: roles of platforms that are not in platform_roles.yaml are not known",
)
def platform_role_impostor(platform_roles: pd.DataFrame) -> pd.DataFrame:
    """
    Roles with the name of a platform role but without its path or trust policy.

    Reviewers often skip roles of AWS or of a platform. A role with such a name that trusts other
    principals was made to be overlooked, or was changed afterwards.

    >>> from iamkit.trust import PLATFORM_ROLES
    >>> roles = PLATFORM_ROLES.rows(dict(role_arn="r", platform="AWS Control Tower",
    ...     standing="impostor", problem="it trusts 444455556666"))
    >>> platform_role_impostor(roles).detail.tolist()
    ['has the name of a role of AWS Control Tower; it trusts 444455556666']
    """
    hit = platform_roles[platform_roles["standing"].eq(IMPOSTOR)]
    said = "has the name of a role of " + hit["platform"] + "; " + hit["problem"]
    return pd.DataFrame({"subject": hit["role_arn"], "detail": said})


@check(
    severity="low",
    title="A role is unused",
    impact=(
        "Nobody notices when a role that is not in use is used by somebody else. Its trust and "
        "permissions were right for a purpose that has ended."
    ),
    among="roles",
    remedy=DELETE,
    source=f"{GUIDE}best-practices.html (Regularly review and remove unused users, roles, ...)",
    errs="towards reporting: AWS records the last 400 days, so an earlier use is not seen",
)
def unused_role(
    roles: pd.DataFrame,
    as_of: pd.Timestamp,
    settings: Settings,
    policy_assignments: pd.DataFrame | None = None,
    administrators: pd.DataFrame | None = None,
    platform_roles: pd.DataFrame | None = None,
    break_glass: pd.DataFrame | None = None,
    attachments: pd.DataFrame | None = None,
    trust: pd.DataFrame | None = None,
    policies: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    Roles not assumed within the settings' `unused_role_days`, or never and created before that.

    An administrator role has a higher severity. A role that a control requires (support, security
    audit), that is kept for emergencies, or that its platform needs is noted. A role with neither a
    last use nor a creation date is not assessed.

    >>> from iamkit.tables import ROLES
    >>> made = ROLES.rows(dict(role_arn="r", created="2024-01-01T00:00Z", service_linked=False))
    >>> unused_role(made, pd.Timestamp("2026-01-01T00:00Z"), Settings()).detail.tolist()
    ['no use within 400 days; made 731 days ago']
    """
    own = without_service_linked(roles, roles, "role_arn")
    made = (as_of - own["created"]).dt.days
    idle = days_idle(own, as_of)
    undated = idle.isna()
    hit = own[idle.ge(settings.unused_role_days).fillna(value=True)]
    never = "no use within 400 days; made " + ago(made[hit.index])
    never = never.mask(made[hit.index] <= 400, "never used; made " + ago(made[hit.index]))
    said = ("last used " + ago(idle[hit.index])).where(hit["last_used"].notna(), never)
    found = pd.DataFrame(
        {
            "subject": hit["role_arn"],
            "detail": said.mask(
                undated, "the evidence has neither a last use nor a day of creation"
            ),
            "status": status(~undated[hit.index]),
            "next_step": DELETE + beside(hit["role_arn"], attachments, trust, policies),
        }
    )
    if administrators is not None:
        powerful = found["subject"].isin(administrators["principal_arn"])
        found["severity"] = powerful.map({True: "medium", False: "low"})
    else:
        found["severity"] = "low"
    return _kept(found, policy_assignments, platform_roles, break_glass)


def _kept(
    found: pd.DataFrame,
    policy_assignments: pd.DataFrame | None,
    platform_roles: pd.DataFrame | None,
    break_glass: pd.DataFrame | None,
) -> pd.DataFrame:
    """Unused roles; those that are needed although unused are noted, with the reason."""
    reasons: dict[str, str] = {}
    if policy_assignments is not None:
        for policy, purpose in ASKED_FOR.items():
            held = policy_assignments["policy_arn"].str.endswith(f"{AWS_MANAGED}{policy}")
            reasons |= dict.fromkeys(policy_assignments.loc[held, "principal_arn"], purpose)
    reasons |= dict.fromkeys(kept_for_emergencies(break_glass), "it is kept for emergencies")
    if platform_roles is not None:
        genuine = platform_roles[platform_roles["role_arn"].isin(of_platforms(platform_roles))]
        needed = genuine[genuine["unused"].isna()]
        reasons |= dict(zip(needed["role_arn"], needed["platform"] + " needs it", strict=True))
        advice = genuine.set_index("role_arn")["unused"]
        of_platform = found["subject"].isin(genuine["role_arn"])
        found["severity"] = found["severity"].mask(of_platform, "low")
        advised = found["subject"].map(advice).astype(TEXT)
        found["next_step"] = advised.fillna(found["next_step"].astype(TEXT))
        found = _perhaps_needed(found, platform_roles)
    why = found["subject"].map(reasons).astype(TEXT)
    return found.assign(
        severity=found["severity"].mask(why.notna(), INFO),
        detail=found["detail"] + ("; " + why).fillna(""),
        next_step=found["next_step"].mask(why.notna(), "Keep it: " + why + "."),
    )


def _perhaps_needed(found: pd.DataFrame, platform_roles: pd.DataFrame) -> pd.DataFrame:
    """Do not assess a role that its platform needs if it is the platform's, which is not known."""
    open_ = platform_roles["role_arn"].isin(of_platforms(platform_roles, NOT_KNOWN))
    perhaps = platform_roles[open_ & platform_roles["unused"].isna()].set_index("role_arn")
    doubt = found["subject"].map(
        "; whether " + perhaps["platform"] + " needs it is not known: " + perhaps["problem"]
    )
    return found.assign(
        status=found["status"].mask(doubt.notna(), "not assessed"),
        detail=found["detail"] + doubt.astype(TEXT).fillna(""),
    )


@check(
    severity="low",
    title="A platform role has more permissions or trust than it needs",
    impact=(
        "A fault or break-in at the platform reaches all that its role may do. What goes beyond "
        "its needs is damage that was avoidable."
    ),
    among="roles",
    remedy="Change it through the platform: a manual change is reverted, or breaks the platform.",
    source="https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html",
)
def platform_role_wide(platform_roles: pd.DataFrame) -> pd.DataFrame:
    """
    Roles of platforms with more permissions or trust than needed, if the platform lets you choose.

    >>> from iamkit.trust import PLATFORM_ROLES
    >>> roles = PLATFORM_ROLES.rows(dict(role_arn="r", platform="AWS CDK", standing="genuine",
    ...     named=True, tighten="the trust is in the whole account"))
    >>> platform_role_wide(roles).detail.tolist()
    ['a role of AWS CDK: the trust is in the whole account']
    """
    mine = platform_roles[platform_roles["role_arn"].isin(of_platforms(platform_roles))]
    hit = mine[mine["tighten"].notna()]
    said = "a role of " + hit["platform"] + ": " + hit["tighten"]
    return pd.DataFrame({"subject": hit["role_arn"], "detail": said})
