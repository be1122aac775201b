"""
What each remedy is expected to end, counted from the findings: no audit is made.

A remedy is proved by an audit of the account after it (`iamkit.remedies`), and a report has no time
for one audit per remedy. So pages count the findings that a remedy is made for: those of its own
checks about the subjects that its changes name. The proof often finds more, and never less; tests
compare the two.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.account import Account
from iamkit.checks import INFO, SEVERITIES, Status
from iamkit.counts import counted
from iamkit.remedies import Proposal, made_for, proposals
from iamkit.results import changes

# Checks of which nothing is counted: more than a remedy's changes may keep their findings alive.
UNCERTAIN: Final = frozenset(
    {
        "can_become_administrator",
        "can_escalate",
        "key_escapes_mfa",
        "network_fence_with_holes",
        "policy_says_otherwise",
        "stale_service_access",
        "unused_kind_of_access",
    }
)
# What else a remedy surely ends, about those whom its changes name.
ALSO: Final[Mapping[str, frozenset[str]]] = {
    "deactivate-unused-keys": frozenset({"old_access_key"}),
    "remove-unused-passwords": frozenset(
        {"console_user_without_mfa", "old_password", "password_without_enforced_mfa"}
    ),
}
# Remedies of the whole account: their findings are about nobody whom a change could name.
WHOLE: Final = frozenset(
    {
        "create-analyzer",
        "make-audit-role",
        "make-support-role",
        "manage-root-centrally",
        "set-password-policy",
    }
)
GRAVE: Final = tuple(each for each in SEVERITIES if each != INFO)
ABOUT_KEYS: Final = frozenset({"unused_access_key", "old_access_key"})
_SLOT: Final = re.compile(r"\bkey ([12])\b")
# What a change calls whom it is about.
_SUBJECTS: Final = ("user", "role", "policy", "principal", "group")
_DELETING: Final = (changes.DeleteGroup, changes.DeletePolicy, changes.DeleteRole)


@dataclass(frozen=True)
class Expected:
    """
    A proposal, and the findings that it is expected to end: one per check and subject.

    `severity` is that of the gravest of them; where nothing can be counted, of the gravest that the
    proposal is made for.
    """

    proposal: Proposal
    ends: pd.DataFrame
    severity: str

    @property
    def is_counted(self) -> bool:
        """Whether anything that the remedy is made for can be counted."""
        return bool(_counted(self.proposal.id))

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many of them each severity has, the gravest first; without zeros."""
        found = self.ends["severity"].value_counts()
        return {name: int(found[name]) for name in GRAVE if name in found}


def expected(account: Account, found: Sequence[Proposal] | None = None) -> list[Expected]:
    """
    Return the proposals that are expected to end a finding, those that lower risk most first.

    `found`, if given, are the account's proposals: looking for them again is spared. Of the same
    severity, those of which nothing can be counted come last, and then those that wait for a value.
    """
    failing = failing_findings(account)
    offered = [each for each in (proposals(account) if found is None else found) if each.changes]
    made = [_expected(each, failing) for each in offered]
    held = [each for each in made if len(each.ends) or not each.is_counted]
    rank = {name: at for at, name in enumerate(GRAVE)}
    return sorted(
        held,
        key=lambda each: (
            rank.get(each.severity, len(GRAVE)),
            bool(each.proposal.to_fill),
            [-each.counts.get(name, 0) for name in GRAVE],
        ),
    )


def _expected(proposal: Proposal, failing: pd.DataFrame) -> Expected:
    ends = _ends(proposal, failing)
    gravest = (
        ends if _counted(proposal.id) else failing[failing["check"].isin(made_for(proposal.id))]
    )
    there = set(gravest["severity"])
    return Expected(proposal, ends, next((name for name in GRAVE if name in there), ""))


def failing_findings(account: Account) -> pd.DataFrame:
    """Return the findings that fail, the worst first; several details of one subject are rows."""
    findings = account.audit.findings
    return findings[findings["status"].eq(Status.FAIL)]


def said(numbers: Mapping[str, int]) -> str:
    """
    Return how many findings there are of each severity, in words.

    >>> said({"high": 12, "medium": 2}), said({"low": 1}), said({})
    ('14 findings: 12 high, 2 medium', '1 low finding', 'no findings')
    """
    total = sum(numbers.values())
    if len(numbers) == 1:
        return counted(total, f"{next(iter(numbers))} findings")
    if not numbers:
        return "no findings"
    each = ", ".join(f"{numbers[name]:,} {name}" for name in numbers)
    return f"{counted(total, 'findings')}: {each}"


def _counted(remedy: str) -> frozenset[str]:
    """The checks whose findings are counted for a remedy."""
    return (frozenset(made_for(remedy)) - UNCERTAIN) | ALSO.get(remedy, frozenset())


def _ends(proposal: Proposal, failing: pd.DataFrame) -> pd.DataFrame:
    """The failing findings that a proposal is made for, the worst of each check and subject."""
    mine = failing["check"].isin(_counted(proposal.id))
    if proposal.id not in WHOLE:
        mine &= failing["subject"].isin({arn for each in proposal.changes for arn in _named(each)})
    deleting = [each for each in proposal.changes if isinstance(each, _DELETING)]
    about = failing[
        mine | failing["subject"].isin([arn for each in deleting for arn in _named(each)])
    ]
    slots = _slots(proposal.changes)
    stays = [not _ended(row, slots) for row in about.itertuples(index=False)]
    pairs = pd.MultiIndex.from_frame(about[["check", "subject"]])
    kept = about[~pairs.isin(pairs[np.array(stays, dtype=bool)])]
    return kept.drop_duplicates(["check", "subject"])


def _named(change: changes.Change) -> Iterable[str]:
    return (str(getattr(change, name)) for name in _SUBJECTS if hasattr(change, name))


def _slots(made: Iterable[changes.Change]) -> Mapping[str, set[str]]:
    """The slots of the access keys that are no longer active, by user."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for each in made:
        if isinstance(each, changes.DeactivateAccessKey | changes.DeleteAccessKey):
            found[each.user].add(str(each.slot))
    return found


def _ended(finding: Any, slots: Mapping[str, set[str]]) -> bool:
    """Whether a finding about keys is about none that stays."""
    if finding.check not in ABOUT_KEYS:
        return True
    named = set(_SLOT.findall(finding.detail or ""))
    return bool(named) and named <= slots.get(finding.subject, set())
