"""
Whether a caller can make a user or role that may do everything, and become it.

Whoever may create a role, write a policy into it and say whom it trusts needs nobody else's role.
All the calls have to be about the same new one, so names are tried that the caller's own statements
admit, and each call is decided like any request. It carries what the caller would choose: no
permissions boundary, and the administrator's policy. The role will name its maker, who then needs
no permission to assume it.

Errs towards silence: what hangs on tags that the caller would choose is not certain, and no name is
tried that only the patterns of two statements together admit.

Source: IAM User Guide, "Permissions boundaries for IAM entities" and "Policy evaluation for
requests within a single account".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from iamkit.access import Principals, Resources, ResourceSet
from iamkit.escalation.allowed_resources import Layered
from iamkit.policy import Pattern, Policy, PolicyLayers, RequestContext, Truth, decide, resolve
from iamkit.reference import NEW, EscalationMethod

ASSUME: Final = "sts:AssumeRole"
_NAME: Final = "iamkit-new"

_TRUSTED: Final = Policy(
    "the new role's trust policy",
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ASSUME, "Resource": "*"}],
    },
)


class NewPrincipals:
    """Who can make somebody new, worked out once for callers whom no policy tells apart."""

    def __init__(self, callers: Principals, kinds: Mapping[str, Resources]) -> None:
        account = callers.account
        self._start = f"arn:{account.partition}:iam::{account.account_id}:"
        self._kinds = kinds
        self._made: dict[Any, ResourceSet] = {}

    def made(
        self,
        path: EscalationMethod,
        layers: PolicyLayers,
        said: Layered,
        calls: Mapping[str, RequestContext],
        alike: tuple[Any, ...],
    ) -> ResourceSet:
        """
        Return 1 where a caller can go a way, 0 where not: for sure, and perhaps.

        `said` is what `layers` say of the actions that matter, `calls` what a request for each of
        the path's actions carries. Callers of the same layers and `alike` share an answer.
        """
        asked = (path.id, layers, alike)
        if asked not in self._made:
            names = self._names(path, said, calls)
            self._made[asked] = _best(self._allowed(arn, path, layers, calls) for arn in names)
        return self._made[asked]

    def _allowed(
        self,
        arn: str,
        path: EscalationMethod,
        layers: PolicyLayers,
        calls: Mapping[str, RequestContext],
    ) -> Truth:
        """Whether all calls about one new user or role are allowed, None if nobody can tell."""
        asked = [(action, who, layers) for action, who in calls.items()]
        if path.target == "role":
            trusted = layers._replace(identity=(*layers.identity, _TRUSTED))
            asked.append((ASSUME, asked[0][1], trusted))
        answer: Truth = True
        for action, who, limits in asked:
            effect = decide(action, arn, who, **limits._asdict()).effect
            if effect.endswith("Denied"):
                return False
            answer = answer if effect == "Allowed" else None
        return answer

    def _names(
        self, path: EscalationMethod, said: Layered, calls: Mapping[str, RequestContext]
    ) -> Iterator[str]:
        """ARNs that nobody has, one at least for each pattern of resources that allows a call."""
        kind = next(NEW[on] for on in path.permissions.values() if on in NEW)
        ends = dict.fromkeys([*self._ends(kind, said, calls), f"{kind}/{_NAME}"])
        for end in ends:
            if self._kinds[kind].only(Pattern(end)) is None:
                yield self._start + end

    def _ends(self, kind: str, said: Layered, calls: Mapping[str, RequestContext]) -> Iterable[str]:
        for action, who in calls.items():
            asked = (each.statement for one in said[0] or () for each in one.about(action))
            for statement in (each for each in asked if each.allows):
                for text in statement.resources:
                    pattern = resolve(text, who, variables=statement.variables)
                    if isinstance(pattern, Pattern) and f":{kind}/" in pattern.text:
                        name = pattern.text.partition(f":{kind}/")[2]
                        yield f"{kind}/{Pattern(name).filled(_NAME, '0')}"


def _best(answers: Iterable[Truth]) -> ResourceSet:
    """The best of some answers; no more are asked for than it takes."""
    perhaps = False
    for answer in answers:
        if answer:
            return ResourceSet(1, 1)
        perhaps |= answer is None
    return ResourceSet(0, int(perhaps))
