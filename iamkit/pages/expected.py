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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.checks import INFO, SEVERITIES, Status
from iamkit.remedies import Proposal, proposals
from iamkit.results import changes

# The checks that a remedy is made for, by its id; of `ABOUT_KEYS`, those about a key that it names.
FOR: Final[Mapping[str, frozenset[str]]] = {
    "enforce-mfa": frozenset({"password_without_enforced_mfa", "mfa_can_be_removed"}),
    "restrict-networks": frozenset({"key_usable_from_anywhere"}),
    "deactivate-unused-keys": frozenset({"unused_access_key", "old_access_key"}),
    "remove-unused-passwords": frozenset(
        {
            "console_user_without_mfa",
            "old_password",
            "password_without_enforced_mfa",
            "unused_password",
        }
    ),
    "mfa-for-administrative-roles": frozenset({"administrative_role_without_mfa"}),
    "name-the-source-of-services": frozenset({"service_without_source"}),
    "forget-deleted-principals": frozenset({"trusts_deleted_identity"}),
    "delete-old-versions": frozenset({"administrative_old_version"}),
    "delete-unattached-policies": frozenset({"unattached_policy"}),
}
GRAVE: Final = tuple(each for each in SEVERITIES if each != INFO)
PASSWORD_POLICY: Final = "set-password-policy"  # noqa: S105 - the name of a remedy
ABOUT_KEYS: Final = frozenset({"unused_access_key", "old_access_key"})
_SLOT: Final = re.compile(r"\bkey ([12])\b")
_SUBJECTS: Final = ("user", "role", "policy", "principal")  # what a change calls whom it is about


@dataclass(frozen=True)
class Expected:
    """A proposal, and the findings that it is expected to end: one per check and subject."""

    proposal: Proposal
    ends: pd.DataFrame

    @property
    def is_counted(self) -> bool:
        """Whether it is known here which checks the remedy is made for."""
        return self.proposal.id in FOR or self.proposal.id == PASSWORD_POLICY

    @property
    def counts(self) -> dict[str, int]:
        """How many of them each severity has, the gravest first; without zeros."""
        found = self.ends["severity"].value_counts()
        return {name: int(found[name]) for name in GRAVE if name in found}


def expected(account: Account) -> list[Expected]:
    """
    Return the proposals that are expected to end a finding, those that lower risk most first.

    Proposals of which nothing can be counted here come last.
    """
    failing = failing_findings(account)
    made = [Expected(each, _ends(each, failing)) for each in proposals(account)]
    held = [each for each in made if len(each.ends) or not each.is_counted]
    return sorted(held, key=lambda each: [-each.counts.get(name, 0) for name in GRAVE])


def failing_findings(account: Account) -> pd.DataFrame:
    """Return the findings that fail, the worst first; several details of one subject are rows."""
    findings = account.audit.findings
    return findings[findings["status"].eq(Status.FAIL)]


def said(counted: Mapping[str, int]) -> str:
    """
    Return how many findings there are of each severity, in words.

    >>> said({"high": 12, "medium": 2}), said({"low": 1}), said({})
    ('14 findings: 12 high, 2 medium', '1 low finding', 'no findings')
    """
    total = sum(counted.values())
    if len(counted) == 1:
        return f"{total:,} {next(iter(counted))} {'finding' if total == 1 else 'findings'}"
    if not counted:
        return "no findings"
    return f"{total:,} findings: {', '.join(f'{counted[name]:,} {name}' for name in counted)}"


def _ends(proposal: Proposal, failing: pd.DataFrame) -> pd.DataFrame:
    """The failing findings that a proposal is made for, the worst of each check and subject."""
    if proposal.id == PASSWORD_POLICY:
        mine = failing["check"].str.startswith("password_policy_") & failing["check"].ne(
            "password_policy_no_expiry"  # of which the proposal says nothing
        )
        return failing[mine].drop_duplicates(["check", "subject"])
    subjects = {arn for each in proposal.changes for arn in _named(each)}
    gone = {each.policy for each in proposal.changes if isinstance(each, changes.DeletePolicy)}
    mine = failing["check"].isin(FOR.get(proposal.id, ())) & failing["subject"].isin(subjects)
    about = failing[mine | failing["subject"].isin(gone)]
    slots = _slots(proposal.changes)
    stays = about[[not _ended(row, slots) for row in about.itertuples(index=False)]]
    pairs = pd.MultiIndex.from_frame(stays[["check", "subject"]])
    about = about[~pd.MultiIndex.from_frame(about[["check", "subject"]]).isin(pairs)]
    return about.drop_duplicates(["check", "subject"])


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
