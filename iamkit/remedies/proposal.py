"""What a proposal is, and what those who make one ask of an account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.checks import Status
from iamkit.counts import days_ago
from iamkit.remedies.documents import Blank
from iamkit.results import changes

GROUPS: Final = 10  # of a user: IAM's quota
RECENT: Final = 90  # days; what was used since is in use
Part = tuple[changes.Change, ...]  # made together or not at all
EMERGENCY: Final = re.compile(r"break.?glass|emergenc", re.IGNORECASE)


@dataclass(frozen=True)
class Proposal:
    """
    Changes that belong together, and what a person should know before they are made.

    `cut_off` says who may be stopped, `not_known` what the evidence does not say about that,
    `lacking` which evidence there would have to be for any change. `together` are those of the
    changes that are made together or not at all; each other one is made for itself. `to_fill` are
    values that a person puts in: the changes have their examples there, the documents marks.
    """

    id: str
    title: str
    why: str
    changes: tuple[changes.Change, ...]
    cut_off: tuple[str, ...] = ()
    not_known: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    lacking: str = ""
    together: tuple[Part, ...] = ()
    to_fill: tuple[Blank, ...] = ()

    @property
    def parts(self) -> list[Part]:
        """
        The changes in their order, by what is made together or not at all.

        A version of a policy is deleted together with writing the one that it makes room for.
        """
        part_of = {id(each): part for part in self.together for each in part}
        for each, then in pairwise(self.changes):
            if (
                isinstance(each, changes.DeletePolicyVersion)
                and isinstance(then, changes.CreatePolicyVersion)
                and each.policy == then.policy
                and id(each) not in part_of
            ):
                part_of |= dict.fromkeys((id(each), id(then)), (each, then))
        parts = [part_of.get(id(each), (each,)) for each in self.changes]
        return list({id(part[0]): part for part in parts}.values())

    def without(self, kept: Iterable[Part], why: Iterable[str]) -> Proposal:
        """Return the same with some of its parts only; `why` says who is left out, and why."""
        parts, said = [*kept], (*self.left_out, *why)
        return replace(
            self,
            changes=tuple(chain.from_iterable(parts)),
            left_out=said,
            lacking="" if parts else "; ".join(said),
        )


def fitted(account: Account, proposal: Proposal) -> Proposal:
    """Return a proposal without the parts that AWS would refuse, each of which it names."""
    kept, refused = changes.fitting(account.snapshot, proposal.parts)
    if not refused:
        return proposal
    return proposal.without(kept, (f"not done: {change}: {why}" for change, why in refused))


def for_emergencies(account: Account) -> set[str]:
    """Return who is kept for emergencies, as a tag, the settings, or only the name says."""
    people = account.principals.dropna(subset="principal_arn")
    named = people["name"].fillna("").str.contains(EMERGENCY)
    return {*account.break_glass["principal_arn"], *people.loc[named, "principal_arn"]}


def failing(account: Account, *checks: str) -> pd.DataFrame:
    """Return the findings of some checks that fail."""
    findings = account.audit.findings
    return findings[findings["check"].isin(checks) & findings["status"].eq(Status.FAIL)]


def pairs(found: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Return subject and detail of each finding."""
    return zip(map(str, found["subject"]), map(str, found["detail"].fillna("")), strict=True)


def recent(days: Any) -> bool:
    """Return whether what was last used this number of days ago counts as in use."""
    return bool(pd.notna(days) and days < RECENT)


def active_keys(account: Account, users: set[str] | None = None) -> Iterator[Any]:
    """Return the active access keys of users, all if none are named; never those of root."""
    keys = account.access_keys
    keys = keys[keys["active"].eq(other=True) & ~keys["is_root"].eq(other=True)]
    for row in keys.itertuples(index=False):
        if users is None or row.user_arn in users:
            yield row


def used(key: Any) -> str:
    """Say which access key it is, and when it was used."""
    service = f" for {key.used_service}" if pd.notna(key.used_service) else ""
    return f"access key {key.slot} of {key.user_name}, used {days_ago(key.idle_days)}{service}"
