"""
Whether a caller can create a user or role that may do everything, and become it.

An identity that may create a role, write a policy into it and say whom it trusts needs nobody
else's role. All the calls have to be about the same new principal, so names are tried that the
caller's own statements admit, and each call is decided like any request. It carries what the caller
would choose: no permissions boundary, and the administrator's policy. The new role's trust policy
names its creator, who then needs no permission to assume it.

Errs towards silence: what depends on tags that the caller would choose is not certain, and no name
is tried that only the patterns of two statements together admit.

Source: IAM User Guide, "Permissions boundaries for IAM entities" and "Policy evaluation for
requests within a single account".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from iamkit.access import Principals, Resources, ResourceSet, certainly
from iamkit.escalation.callers import Caller
from iamkit.memory import Memo
from iamkit.policy import (
    Pattern,
    Policy,
    PolicyLayers,
    RequestContext,
    Truth,
    choices,
    decide,
    resolve,
)
from iamkit.reference import NEW_PRINCIPALS, EscalationMethod

ASSUME: Final = "sts:AssumeRole"
_NAME: Final = "iamkit-new"

_TRUST_POLICY: Final = Policy(
    "the new role's trust policy",
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ASSUME, "Resource": "*"}],
    },
)


class NewPrincipals:
    """Who can create a principal, worked out once for callers whom no policy tells apart."""

    def __init__(self, principals: Principals, resources: Mapping[str, Resources]) -> None:
        account = principals.account
        self._start = f"arn:{account.partition}:iam::{account.account_id}:"
        self._resources = resources
        self._found: Memo[Any, ResourceSet] = Memo()

    def creatable(
        self,
        method: EscalationMethod,
        caller: Caller,
        calls: Mapping[str, RequestContext],
        alike: tuple[Any, ...],
    ) -> ResourceSet:
        """
        Return a set of one where a caller can use a method, an empty one where not.

        `calls` are what a request for each of the method's actions carries. Callers of the same
        kind, relevant layers and `alike` share an answer.
        """
        key = (method.id, caller.kind, caller.relevant, alike)
        return self._found.once(key, self._creatable, method, caller, calls)

    def _creatable(
        self,
        method: EscalationMethod,
        caller: Caller,
        calls: Mapping[str, RequestContext],
    ) -> ResourceSet:
        names = self._names(method, caller.layers, calls)
        return _best(self._allowed(arn, method, caller, calls) for arn in names)

    def _allowed(
        self,
        arn: str,
        method: EscalationMethod,
        caller: Caller,
        calls: Mapping[str, RequestContext],
    ) -> Truth:
        """Whether all calls about one new user or role are allowed; None if nobody can tell."""
        layers = caller.layers
        requests = [(action, who, layers) for action, who in calls.items()]
        if method.target == "role":
            trusted = layers._replace(identity=(*layers.identity, _TRUST_POLICY))
            if caller.kind == "user" and layers.boundary is not None:
                # What a trust policy grants to a user's ARN, a boundary limits by denials only.
                trusted = trusted._replace(boundary=(*layers.boundary, _TRUST_POLICY))
            requests.append((ASSUME, requests[0][1], trusted))
        answer: Truth = True
        for action, who, limits in requests:
            decisions = [
                decide(action, arn, each, **limits._asdict())
                for each in choices.tried(limits, who, action)
            ]
            if not any(each.possible for each in decisions):
                return False
            answer = answer if any(decisions) else None
        return answer

    def _names(
        self,
        method: EscalationMethod,
        layers: PolicyLayers,
        calls: Mapping[str, RequestContext],
    ) -> Iterator[str]:
        """Unused ARNs, at least one for each pattern of resources that allows a call."""
        used_on = method.permissions.values()
        kind = next(NEW_PRINCIPALS[on] for on in used_on if on in NEW_PRINCIPALS)
        ends = dict.fromkeys([*self._admitted(kind, layers, calls), f"{kind}/{_NAME}"])
        for end in ends:
            if self._resources[kind].named_by(Pattern(end)) is None:
                yield self._start + end

    def _admitted(
        self, kind: str, layers: PolicyLayers, calls: Mapping[str, RequestContext]
    ) -> Iterable[str]:
        """Paths and names that the caller's own statements admit."""
        for action, who in calls.items():
            about = (each for policy in layers.identity for each in policy.about(action))
            for statement in (each for each in about if each.allows):
                for text in statement.resources:
                    pattern = resolve(text, who, variables=statement.variables)
                    if isinstance(pattern, Pattern) and f":{kind}/" in pattern.text:
                        name = pattern.text.partition(f":{kind}/")[2]
                        yield f"{kind}/{Pattern(name).filled(_NAME, '0')}"


def _best(answers: Iterable[Truth]) -> ResourceSet:
    """The best of some answers; no more are asked for than it takes."""
    possible = False
    for answer in answers:
        if answer:
            return certainly(1)
        possible |= answer is None
    return ResourceSet(0, int(possible))
