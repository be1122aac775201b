"""
Whether a user gets around MFA by changing its own tags, which conditions may ask for.

A denial "without MFA, unless the user has the tag mfa-exempt" does not apply to anyone who may set
that tag; an Allow for those who have a tag gives without MFA what otherwise needs it. Then the
calls that change tags bypass MFA, as those that remove a device do.

Errs towards reporting: the value that a call may set is not compared with the one that lifts the
need; and towards silence where only several tags together lift it.

Source: IAM User Guide, "Controlling access to and for IAM users and roles using tags".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from iamkit.policy import (
    ABSENT,
    MFA_KEYS,
    PRINCIPAL_TAG,
    RequestContext,
    Statement,
    choices,
)

TAG: Final = "iam:TagUser"
UNTAG: Final = "iam:UntagUser"


def tag_bypasses(
    asking: Iterable[Statement], who: RequestContext, gives: Callable[[Statement], bool]
) -> frozenset[str]:
    """
    Return the calls on a user's own tags that lift a need for MFA: iam:TagUser, iam:UntagUser.

    `asking` are its statements that ask for `tags`; `who` is the user without MFA; `gives` says
    whether a statement that allows covers something that the user has with MFA only.
    """
    return frozenset(
        call
        for statement in asking
        if (gives(statement) if statement.allows else _asks_mfa(statement))
        for call in _lifting(statement, who)
    )


def tags(statement: Statement) -> list[str]:
    """Return the keys of the caller's tags that a Condition asks for."""
    return [key for key in statement.condition_keys if key.startswith(PRINCIPAL_TAG)]


def _asks_mfa(statement: Statement) -> bool:
    return not frozenset(MFA_KEYS).isdisjoint(statement.condition_keys)


def _lifting(statement: Statement, who: RequestContext) -> Iterator[str]:
    """The calls that make a denial not apply that does, or an Allow apply that does not."""
    if (statement.applies(who) is False) != statement.allows:
        return
    for key in tags(statement):
        tests = [test for test in choices.tests_of([statement]) if test[0].key == key]
        for value in (*choices.classes(key, tests, who), ABSENT):
            changed = statement.applies(who.but({key: value}))
            if (changed is not False) if statement.allows else (changed is False):
                yield UNTAG if value is ABSENT else TAG
