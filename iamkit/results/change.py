"""What a change is: a value that says what it does, and can do it to evidence."""

from __future__ import annotations

from abc import ABC, abstractmethod

from iamkit.results.changed_evidence import ChangedEvidence


class Change(ABC):
    """
    One change of an account, named like the API call that makes it.

    Changes are frozen values: equal ones say the same, and `str` gives a sentence. Users, groups
    and roles are given by ARN, users in changes of credentials also by name, root as
    `<root_account>`.
    """

    @abstractmethod
    def apply(self, evidence: ChangedEvidence) -> None:
        """
        Alter the evidence as AWS would answer after the change.

        Raises `ChangeError` for what AWS refuses, and for what is not in the evidence.
        """

    @abstractmethod
    def __str__(self) -> str:
        """Say what it does: a sentence without a full stop."""


def called(arn: str) -> str:
    """What to call a user, group, role or policy in a sentence: kind and name."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    return f"{kind} {name.rpartition('/')[2]}" if name else arn
