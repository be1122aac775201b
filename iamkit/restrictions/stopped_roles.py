"""
The roles that a principal's own policies certainly keep it from assuming.

The same as `policy.certainly_stopped` says of each role, found for all roles at once.

Source: IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from iamkit.access import Resources, ResourceSet
from iamkit.memory import Memo
from iamkit.policy import (
    UNKNOWN,
    Pattern,
    PolicyLayers,
    RequestContext,
    Statement,
    resolve,
    widest,
)

ASSUME: Final = "sts:AssumeRole"


class CoveredRoles:
    """The roles that a statement covers by its Resource or NotResource: surely, and at most."""

    def __init__(self, roles: Resources) -> None:
        self.roles = roles
        self._covered: Memo[Any, ResourceSet] = Memo()
        self._matching: Memo[str, int] = Memo()

    def by(self, statement: Statement, context: RequestContext) -> ResourceSet:
        """Return the roles that a statement covers, where requests carry this."""
        resources = statement.resources, statement.not_resources, statement.variables
        asked = *resources, context.answers(statement.resource_keys)
        return self._covered.once(asked, self._find, statement, context)

    def _find(self, statement: Statement, context: RequestContext) -> ResourceSet:
        certain = perhaps = 0
        for text in statement.resources:
            pattern = resolve(text, context, variables=statement.variables)
            if isinstance(pattern, Pattern):
                certain |= self._matched(pattern)
            elif pattern is UNKNOWN:
                perhaps |= self._matched(widest(text))
        possible = certain | perhaps
        if statement.not_resources:
            existing = self.roles.existing
            return ResourceSet(existing & ~possible, existing & ~certain)
        return ResourceSet(certain, possible)

    def _matched(self, pattern: Pattern) -> int:
        return self._matching.once(pattern.text, self.roles.matching, pattern)


class StoppedRoles:
    """
    Which roles one principal cannot assume, whatever their trust policies say.

    That no policy of an `ignored` layer allows it does not count.
    """

    def __init__(
        self, covered: CoveredRoles, layers: PolicyLayers, ignored: Collection[str]
    ) -> None:
        self._covered = covered
        self._layers = [
            (layer in ignored, [each for policy in policies for each in policy.about(ASSUME)])
            for layer, policies in layers.named()
        ]
        keys = (
            (*each.condition_keys, *each.resource_keys)
            for _, statements in self._layers
            for each in statements
        )
        self._keys = tuple(sorted(frozenset().union(*keys)))
        self._by_answers: Memo[Any, int] = Memo()

    def at(self, context: RequestContext) -> int:
        """Return the set of roles that it cannot assume by a request that carries this."""
        return self._by_answers.once(context.answers(self._keys), self._find, context)

    def _find(self, context: RequestContext) -> int:
        stopped = 0
        for ignored, statements in self._layers:
            allowed = self._covered.roles.existing if ignored else 0
            for each in statements:
                if each.allows and ignored:
                    continue
                holds = each.applies(context)
                if each.allows and holds is not False:
                    allowed |= self._covered.by(each, context).possible
                elif holds and not each.allows:
                    stopped |= self._covered.by(each, context).certain
            stopped |= self._covered.roles.existing & ~allowed
        return stopped
