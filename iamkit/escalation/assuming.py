"""
Which roles a caller may assume, all that it chooses in the call counted.

A trust policy that names a caller grants it the role without a permission of its own. A permissions
boundary then limits an IAM user only by what it denies, and a role by what it leaves out as well.
Where both sides test what the caller chooses, such as the name of the session, one choice has to
suit both. Tags and a source identity need a permission of their own, on both sides.

Source: IAM User Guide, "Permissions boundaries for IAM entities", "Policy evaluation logic", "Pass
session tags in AWS STS".
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

from iamkit.access import NOWHERE, ResourceSet
from iamkit.escalation.callers import Caller, Callers
from iamkit.escalation.new_principals import ASSUME
from iamkit.memory import Memo
from iamkit.policy import ABSENT, UNKNOWN, KeyTest, RequestContext, choices
from iamkit.trust import SET_SOURCE_IDENTITY, TAG_SESSION, SessionGrants

_SESSION_KEYS: Final = (choices.TAG_KEYS, "sts:transitivetagkeys", choices.SOURCE_IDENTITY)


class Assuming:
    """Which roles each caller may assume, and with which session."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._joint_keys: Memo[Caller, frozenset[str]] = Memo()

    @cached_property
    def grants(self) -> SessionGrants:
        """What trust policies say of tags and source identities."""
        return SessionGrants(self._callers.principals, self._callers.resources["role"])

    def named(self, caller: Caller, context: RequestContext) -> ResourceSet:
        """The roles that trust policies grant to a caller without any permission of its own."""
        return self._joint(caller, context, own=False)

    def roles(self, caller: Caller, context: RequestContext) -> ResourceSet:
        """The roles that a caller may assume, with its own permission or without."""
        return self._joint(caller, context, own=True)

    def may_pass(self, action: str, caller: Caller, context: RequestContext) -> ResourceSet:
        """The roles in whose session a caller may set tags, or a source identity."""
        named, by_account = self.grants.roles_letting(action, caller.arn, context)
        allowance = caller.allowance(context, action, "role")
        granted = allowance.if_named if caller.kind == "user" else allowance.if_granted
        return (allowance.allowed & (named | by_account)) | (granted & named)

    def _joint(self, caller: Caller, context: RequestContext, *, own: bool) -> ResourceSet:
        """What one choice for both sides makes of it, whichever is the best for each role."""
        keys = self._joint_keys.once(caller, self._find_joint_keys, caller)
        open_keys = [key for key in keys if context.get(key) is UNKNOWN]
        if not open_keys:
            return self._assumable(caller, context, own=own)
        tests = [test for test in self._tests(caller) if test[0].key in open_keys]
        found = NOWHERE
        for chosen in choices.chosen_values(tests, context, also=frozenset(_SESSION_KEYS)):
            who = context.joined(chosen)
            made = self._assumable(caller, who, own=own)
            for action in _needed(chosen):
                made &= self.may_pass(action, caller, who)
            if any(chosen.get(key) is UNKNOWN for key in open_keys):
                made = ResourceSet(0, made.possible)
            found |= made
        return found

    def _find_joint_keys(self, caller: Caller) -> frozenset[str]:
        """Chosen keys that both sides test, and those that need a permission to be set at all."""
        trusting = self._callers.assumable
        mine = caller.allowed.tested_keys(caller.relevant, ASSUME)
        theirs = trusting.keys(caller.arn)
        both = filter(choices.is_chosen, mine & theirs)
        return frozenset(both) | frozenset(filter(_is_of_session, mine | theirs))

    def _tests(self, caller: Caller) -> list[tuple[KeyTest, bool]]:
        statements = caller.allowed.statements(caller.relevant, ASSUME)
        theirs = self._callers.assumable.conditions(caller.arn)
        return [*choices.tests_of(statements), *choices.tests_in(theirs)]

    def _assumable(self, caller: Caller, context: RequestContext, *, own: bool) -> ResourceSet:
        trusting = self._callers.assumable
        allowance = caller.allowance(context, ASSUME, "role")
        named, by_account = trusting.roles_admitting(caller.arn, context)
        found = allowance.if_granted & named
        if caller.kind == "user":
            found |= allowance.if_named & trusting.roles_naming(caller.arn, context)
            # Whether a grant to anyone counts as one to the user's ARN, AWS does not say.
            found |= ResourceSet(0, allowance.if_named.possible & named.possible)
        return found | (allowance.allowed & (named | by_account)) if own else found


def _is_of_session(key: str) -> bool:
    return key in _SESSION_KEYS or key.startswith(choices.REQUEST_TAG)


def _needed(chosen: RequestContext) -> list[str]:
    """The actions that it takes to set what is chosen."""
    given = [key for key, value in chosen.values.items() if value is not ABSENT]
    tags = [key for key in given if _is_of_session(key) and key != choices.SOURCE_IDENTITY]
    found = [TAG_SESSION] if tags else []
    return [*found, SET_SOURCE_IDENTITY] if choices.SOURCE_IDENTITY in given else found
