"""
Names in the settings that nothing in the account has: misspelt, or left from somebody who is gone.

Nothing is wrong with the account then, so no check says it. But the person who wrote the name
relies on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iamkit.checks import State
from iamkit.policy import Pattern
from iamkit.values import instead


def unmatched(account: Any) -> list[str]:
    """
    Return a sentence on each name of the settings that matches nothing.

    Of `break_glass` it is said only where the evidence lists users and roles; of an accepted risk,
    where no finding is what it accepts.
    """
    return [*_nobody(account), *_nothing(account)]


def _nobody(account: Any) -> Iterator[str]:
    if account.missing("policy_assignments"):
        return
    people = account.principals[account.principals["kind"].isin(["user", "role"])]
    for name in account.settings.break_glass:
        of = "principal_arn" if ":" in name else "name"
        if not any(map(Pattern(name).matches, [*people["name"], *people["principal_arn"]])):
            hint = instead(name, people[of].dropna(), "correct or remove it.")
            yield f"break_glass names {name!r}, which no user or role of the account has; {hint}"


def _nothing(account: Any) -> Iterator[str]:
    accepted = account.audit.acceptances
    for row in accepted[accepted["state"] == State.NO_MATCH].itertuples():
        at = f"accepted, line {row.line}" if row.line else "accepted"
        yield f"{at}: no finding of {row.check} is about {row.subject!r}; correct or remove it."
