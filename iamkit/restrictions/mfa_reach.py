"""
What is allowed without MFA, counted: the rows behind a verdict on whether MFA is enforced.

The verdicts are `mfa_enforcement`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access import BY_CREDENTIAL, CHUNK, DEFAULT_CONTEXTS, RISKY
from iamkit.policy import CERTAIN, POSSIBLE
from iamkit.reference import Bits, Catalog, popcount, risks
from iamkit.restrictions.mfa_statements import WAYS, MfaRequirement, MfaVerdict, verdict
from iamkit.restrictions.mfa_tags import TAG, UNTAG
from iamkit.restrictions.worst_actions import first_actions
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
        none = catalog.bits(())
        self.nothing = self.measures(none[None])[0] | {"bypasses": []}

    def measures(self, rows: Bits) -> list[dict[str, Any]]:
        """Columns of `MFA_ENFORCEMENT` about what each row, possible without MFA, amounts to."""
        counts = popcount(rows).tolist()
        risky = popcount(rows & self.risky).tolist()
        by_risk = np.array([popcount(rows & mask) for mask in self.risks.values()]).T.tolist()
        worst = first_actions(rows, self.order, self.catalog)
        return [
            {
                "actions_without_mfa": counts[at],
                "risky_without_mfa": risky[at],
                "without_mfa_by_risk": {
                    risk: count
                    for risk, count in zip(self.risks, by_risk[at], strict=True)
                    if count
                },
                "worst": worst[at],
            }
            for at in range(len(rows))
        ]


@dataclass(frozen=True, eq=False)
class MfaReach:
    """
    What one combination of bit rows allows beyond the minimum: rows of shape (words,).

    Without MFA, `possible` is allowed with the `weaker` credential and `certain` with either, from
    at least one place; for `mfa_only`, MFA makes a difference in at least one place. `ways` are the
    credentials by which something is possible, `sure_ways` those by which it is certain.
    """

    scale: ActionScale
    weaker: str
    possible: Bits
    certain: Bits
    mfa_only: Bits
    states: Mapping[str, MfaRequirement]
    ways: tuple[str, ...]
    sure_ways: tuple[str, ...]
    outside: bool
    actions: int  # possible in any context
    measures: Mapping[str, Any]  # of what is possible with the weaker credential
    of_key: Mapping[str, Any]  # of what is possible with a key
    sure_of_key: Bits
    further_bypasses: tuple[str, ...] = ()  # actions that bypass MFA beside those that always do

    def bypassed_by(self, calls: Iterable[str]) -> MfaReach:
        """Return the same where these actions bypass MFA, too."""
        return replace(self, further_bypasses=tuple(sorted(calls)))

    def _bypasses(self, certain: Bits) -> list[str]:
        bypasses = self.scale.bypasses | self.scale.catalog.bits(self.further_bypasses)
        held = certain & bypasses
        return self.scale.catalog.names(held) if held.any() else []

    @cached_property
    def session(self) -> dict[str, Any]:
        """Columns about what a role's session, which carries no MFA, may do."""
        return {**self.of_key, "bypasses": self._bypasses(self.sure_of_key)}

    @cached_property
    def user(self) -> dict[str, Any]:
        """Columns of `MFA_ENFORCEMENT` for a user, without its name and the deciding policy."""
        bypasses, without_mfa = self._bypasses(self.certain), self.measures["actions_without_mfa"]
        found = verdict(self.states, bypassable=bool(bypasses))
        place = "anywhere" if self.outside else "inside only"
        return {
            "verdict": found if self.actions else MfaVerdict.NOTHING_TO_PROTECT,
            **self.states,
            "place": place if without_mfa else None,
            "actions": self.actions,
            "covered": 1 - without_mfa / self.actions if self.actions else None,
            **self.measures,
            "bypasses": bypasses,
        }


def mfa_reaches(
    bits: Bits, held: Iterable[tuple[int, ...]], scale: ActionScale
) -> dict[tuple[int, ...], MfaReach]:
    """
    Return what each combination of rows allows, worked out for all at once.

    `held` are numbers of `bits`, of shape (rows, 3, words), one for each of `DEFAULT_CONTEXTS`.
    """
    numbers = list(dict.fromkeys(held))
    if not numbers:
        return {}
    rows = bits[:, [POSSIBLE, CERTAIN]] & ~scale.minimum
    found: dict[tuple[int, ...], MfaReach] = {}
    for start in range(0, len(numbers), CHUNK):
        some = numbers[start : start + CHUNK]
        found |= zip(some, _reaches(rows[np.array(some)], scale), strict=True)
    return found


def _reaches(held: Bits, scale: ActionScale) -> Iterator[MfaReach]:
    """What combinations of rows allow: shape (combinations, contexts, strengths, words)."""
    by = {
        credential: held[:, [DEFAULT_CONTEXTS.index(context) for context in contexts]]
        for credential, contexts in BY_CREDENTIAL.items()
    }
    without = {each: np.bitwise_or.reduce(by[each], axis=1) for each in WAYS}
    mfa_only = {each: np.bitwise_or.reduce(by["mfa"] & ~by[each], axis=(1, 2)) for each in WAYS}
    some = {each: np.asarray(without[each].any(axis=2)).tolist() for each in WAYS}
    differs = {each: mfa_only[each].any(axis=1).tolist() for each in WAYS}
    key, password = (popcount(without[each][:, POSSIBLE]) for each in WAYS)
    by_key = key >= password
    possible = np.where(by_key[:, None], *(without[each][:, POSSIBLE] for each in WAYS))
    certain = without["key"][:, CERTAIN] | without["password"][:, CERTAIN]
    any_mfa_only = mfa_only["key"] | mfa_only["password"]
    from_outside = by["key"][:, 0, POSSIBLE] | by["password"][:, 0, POSSIBLE]
    outside = np.asarray(from_outside.any(axis=1)).tolist()
    actions = popcount(np.bitwise_or.reduce(held[:, :, POSSIBLE], axis=1)).tolist()
    measures = scale.measures(possible)
    of_key = dict(zip(*_measured(without["key"][:, POSSIBLE], ~by_key, scale), strict=True))
    for at, weaker in enumerate(np.where(by_key, *WAYS).tolist()):
        yield MfaReach(
            scale,
            weaker,
            possible[at],
            certain[at],
            any_mfa_only[at],
            {each: _state(some[each][at][POSSIBLE], differs[each][at]) for each in WAYS},
            tuple(each for each in WAYS if some[each][at][POSSIBLE]),
            tuple(each for each in WAYS if some[each][at][CERTAIN]),
            outside[at],
            actions[at],
            measures[at],
            of_key.get(at, measures[at]),
            without["key"][at, CERTAIN],
        )


def _measured(rows: Bits, where: Any, scale: ActionScale) -> tuple[list[int], list[dict[str, Any]]]:
    """Places of the rows that are chosen, and what these amount to."""
    places = np.flatnonzero(where)
    return places.tolist(), scale.measures(rows[places])


def _state(possible: bool, differs: bool) -> MfaRequirement:
    """Whether a credential needs MFA by which something is possible, and MFA makes a difference."""
    if not possible:
        return MfaRequirement.REQUIRED
    return MfaRequirement.PARTLY_REQUIRED if differs else MfaRequirement.NOT_REQUIRED
