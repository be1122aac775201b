"""
What is allowed without MFA, counted: the rows behind a verdict on whether MFA is enforced.

The verdicts are `mfa_enforcement`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access import BY_CREDENTIAL, DEFAULT_CONTEXTS, RISKY
from iamkit.policy import CERTAIN, POSSIBLE
from iamkit.reference import Bits, Catalog, popcount, risks
from iamkit.restrictions.mfa_statements import WAYS, MfaRequirement, MfaVerdict, verdict
from iamkit.restrictions.mfa_tags import TAG, UNTAG
from iamkit.settings import Settings

# Actions that bypass MFA if they are allowed without it: they remove the device, create another
# credential, or change the policy that requires MFA.
BYPASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "remove MFA": ("iam:DeactivateMFADevice", "iam:DeleteVirtualMFADevice"),
    "create credentials": (
        *("iam:CreateAccessKey", "iam:UpdateAccessKey"),
        *("iam:CreateLoginProfile", "iam:UpdateLoginProfile"),
        *("iam:CreateServiceSpecificCredential", "iam:ResetServiceSpecificCredential"),
        *("iam:UploadSSHPublicKey", "iam:UploadSigningCertificate", "sts:AssumeRole"),
    ),
    "change policies": (
        *("iam:Put*Policy", "iam:Attach*Policy", "iam:Detach*Policy", "iam:Delete*Policy"),
        *("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicyVersion"),
        *("iam:AddUserToGroup", "iam:RemoveUserFromGroup", "iam:UpdateAssumeRolePolicy"),
        "iam:*PermissionsBoundary",
    ),
}

# Of users whom a condition on their own tags makes use MFA: see `mfa_tags`.
TAG_BYPASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "change tags that policies require": (TAG, UNTAG)
}


def definitions(settings: Settings) -> pd.DataFrame:
    """
    Return the patterns of actions that verdicts ignore, and of those that bypass MFA.

    Columns: `group`, "self-service minimum" or one of `BYPASSES` or `TAG_BYPASSES`, and `pattern`.
    """
    groups = {"self-service minimum": settings.self_service, **BYPASSES, **TAG_BYPASSES}
    pairs = [(group, pattern) for group, patterns in groups.items() for pattern in patterns]
    return pd.DataFrame(pairs, columns=["group", "pattern"], dtype="str")


class ActionScale:
    """The minimum, the bypasses and the risk classes as bit rows, to count and sort actions."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self.catalog = catalog
        self.minimum = catalog.bits(settings.self_service)
        self.bypasses = catalog.bits([each for group in BYPASSES.values() for each in group])
        self.risks = {risk: catalog.mask(risk=risk) for risk in risks()["risk"].unique()}
        self.risky = np.bitwise_or.reduce([self.risks[risk] for risk in RISKY])
        weight = (len(RISKY) + 1) * catalog.flags(self.bypasses)  # more than any risk classes
        for risk in RISKY:
            weight = weight + catalog.flags(self.risks[risk])
        self.order = np.argsort(-weight, kind="stable")
        self.names = np.array(catalog.names(catalog.mask()), dtype=object)
        self.nothing = self.measures(catalog.bits(()), catalog.bits(()))

    def measures(self, possible: Bits, bypasses: Bits) -> dict[str, Any]:
        """Columns of `MFA_ENFORCEMENT` about what is possible without MFA, and what bypasses it."""
        by_risk = {risk: int(popcount(possible & mask)) for risk, mask in self.risks.items()}
        worst = self.order[self.catalog.flags(possible)[self.order]][:5]
        return {
            "actions_without_mfa": int(popcount(possible)),
            "risky_without_mfa": int(popcount(possible & self.risky)),
            "without_mfa_by_risk": {risk: count for risk, count in by_risk.items() if count},
            "bypasses": self.catalog.names(bypasses),
            "worst": list(self.names[worst]),
        }


class MfaReach:
    """
    What one combination of bit rows allows beyond the minimum: rows of shape (words,).

    By credential without MFA: `possible` and `certain` are allowed from at least one place; for
    `mfa_only`, MFA makes a difference in at least one place. `whole` is possible in any context.
    """

    def __init__(
        self, held: Sequence[Bits], scale: ActionScale, bypasses: Bits | None = None
    ) -> None:
        """
        `held` are the rows of `DEFAULT_CONTEXTS`, each of shape (3, words).

        `bypasses` are actions that bypass MFA here, beside those that do everywhere.
        """
        self.scale = scale
        self._bypasses = scale.bypasses if bypasses is None else scale.bypasses | bypasses
        rows = {
            context: row & ~scale.minimum
            for context, row in zip(DEFAULT_CONTEXTS, held, strict=True)
        }
        by = {
            credential: np.array([rows[context] for context in contexts])
            for credential, contexts in BY_CREDENTIAL.items()
        }
        self.possible = {each: np.bitwise_or.reduce(by[each][:, POSSIBLE]) for each in WAYS}
        self.certain = {each: np.bitwise_or.reduce(by[each][:, CERTAIN]) for each in WAYS}
        lost = {each: (by["mfa"] & ~by[each])[:, [POSSIBLE, CERTAIN]] for each in WAYS}
        self.mfa_only = {each: np.bitwise_or.reduce(lost[each], axis=(0, 1)) for each in WAYS}
        self.whole = np.bitwise_or.reduce([row[POSSIBLE] for row in rows.values()])
        self.outside = any(by[each][0, POSSIBLE].any() for each in WAYS)
        self.weaker = max(WAYS, key=lambda each: int(popcount(self.possible[each])))

    def _measures(self, possible: Bits, certain: Bits) -> dict[str, Any]:
        return self.scale.measures(possible, certain & self._bypasses)

    def state(self, credential: str) -> MfaRequirement:
        if not self.possible[credential].any():
            return MfaRequirement.REQUIRED
        if self.mfa_only[credential].any():
            return MfaRequirement.PARTLY_REQUIRED
        return MfaRequirement.NOT_REQUIRED

    @cached_property
    def session(self) -> dict[str, Any]:
        """Columns about what a role's session, which carries no MFA, may do."""
        return self._measures(self.possible["key"], self.certain["key"])

    @cached_property
    def user(self) -> dict[str, Any]:
        """Columns of `MFA_ENFORCEMENT` for a user, without its name and the deciding policy."""
        certain = self.certain["key"] | self.certain["password"]
        measures = self._measures(self.possible[self.weaker], certain)
        states = {credential: self.state(credential) for credential in WAYS}
        found = verdict(states, bypassable=bool(measures["bypasses"]))
        place = "anywhere" if self.outside else "inside only"
        actions = int(popcount(self.whole))
        return {
            "verdict": found if actions else MfaVerdict.NOTHING_TO_PROTECT,
            **states,
            "place": place if measures["actions_without_mfa"] else None,
            "actions": actions,
            "covered": 1 - measures["actions_without_mfa"] / actions if actions else None,
            **measures,
        }
