"""
AWS's policy simulator: how it is asked, and what its answers say.

Nothing is written into AWS: `iam:SimulatePrincipalPolicy` reads. Requests of one principal that
carry the same go to AWS together. A simulator that answers one result per resource, as until July
2026, and one that answers one per action, with those of the resources inside, are both read.

Source: IAM API Reference, SimulatePrincipalPolicy, EvaluationResult and ResourceSpecificResult.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iamkit.confirm.simulated import SimulatedRequest
from iamkit.errors import CollectError
from iamkit.evidence import requests
from iamkit.values import as_dict, as_list, as_text

SIMULATE: Final = "iam:SimulatePrincipalPolicy"
EFFECTS: Final = {
    "allowed": "Allowed",
    "explicitDeny": "ExplicitlyDenied",
    "implicitDeny": "ImplicitlyDenied",
}
MANY: Final = 100  # results of one answer: actions of one request
# Failures that say something about one request; after others, asking on would not help.
OF_ONE: Final = ("NoSuchEntity", "InvalidInput", "ValidationError", "PolicyEvaluation")

Ask = Callable[[requests.Request], Any]
Progress = Callable[[str, int, int], None]


@dataclass
class Said:
    """What the simulator says of one request, or why it says nothing."""

    effect: str = ""
    matched: list[str] = field(default_factory=list)
    by_scps: bool = False  # service control policies do not allow it
    failure: str = ""


class Simulator:
    """Asks the simulator about requests: those of a principal that carry the same together."""

    def __init__(self, ask: Ask, progress: Progress) -> None:
        self._ask, self._progress = ask, progress
        self._stopped = ""

    def decide(self, wanted: Sequence[SimulatedRequest]) -> dict[SimulatedRequest, Said]:
        """
        Return what the simulator says of each request.

        Raises `CollectError` if AWS refuses the action, or does not accept the credentials.
        """
        together: dict[str, list[SimulatedRequest]] = {}
        for each in wanted:
            together.setdefault(json.dumps(each.parameters, sort_keys=True), []).append(each)
        said: dict[SimulatedRequest, Said] = {}
        for group in together.values():
            for first in range(0, len(group), MANY):
                said |= self._about(group[first : first + MANY])
                self._progress(SIMULATE, len(said), len(wanted))
        return said

    def _about(self, group: Sequence[SimulatedRequest]) -> dict[SimulatedRequest, Said]:
        if self._stopped:
            return {each: Said(failure=self._stopped) for each in group}
        parameters = {**group[0].parameters, "ActionNames": [each.action for each in group]}
        asked = requests.Request(SIMULATE, "", ("EvaluationResults",), "", parameters=parameters)
        answer = self._ask(asked)
        if answer.status == "refused":
            said = " ".join(answer.message.split())
            raise CollectError(
                f"AWS refuses {SIMULATE}, which only reads: {said}; allow it to these credentials"
            )
        content = as_dict(answer.content)
        if not answer.content:
            if answer.code in OF_ONE and len(group) > 1:  # one of them is at fault: which?
                alone = [self._about([each]) for each in group]
                return {each: said for found in alone for each, said in found.items()}
            failure = " ".join(f"the simulator failed: {answer.code}: {answer.message}".split())
            if answer.code not in OF_ONE:
                self._stopped = failure
            return {each: Said(failure=failure) for each in group}
        results = [as_dict(each) for each in as_list(content.get("EvaluationResults"))]
        return {each: read(results, each.action, each.resource) for each in group}


def read(results: Iterable[Mapping[str, Any]], action: str, resource: str) -> Said:
    """Return what results, in the old or the new form, say of one request."""
    of_action = [
        each for each in results if str(each.get("EvalActionName")).lower() == action.lower()
    ]
    for result in of_action:
        inside = [as_dict(each) for each in as_list(result.get("ResourceSpecificResults"))]
        named = [each for each in inside if each.get("EvalResourceName") == resource]
        if named:
            return _said(result, named[0], "EvalResourceDecision")
    for result in of_action:  # the old form, or the new one without resources of its own
        if result.get("EvalResourceName", resource) == resource:
            return _said(result, result, "EvalDecision")
    return Said(failure="the simulator's answer does not mention it")


def _said(result: Mapping[str, Any], of: Mapping[str, Any], member: str) -> Said:
    effect = EFFECTS.get(str(of.get(member)), "")
    organization = as_dict(result.get("OrganizationsDecisionDetail"))
    return Said(
        effect,
        [_statement(as_dict(each)) for each in as_list(of.get("MatchedStatements"))],
        organization.get("AllowedByOrganizations") is False,
        "" if effect else f"the simulator says {of.get(member)}, which the kit does not know",
    )


def _statement(matched: Mapping[str, Any]) -> str:
    """A statement that the simulator names: its policy, and where it stands there."""
    name = as_text(matched.get("SourcePolicyId")) or "a policy"
    kind = as_text(matched.get("SourcePolicyType"))
    start, end = (as_dict(matched.get(each)) for each in ("StartPosition", "EndPosition"))
    where = f", line {start['Line']} to {end['Line']}" if {"Line"} <= start.keys() & end else ""
    return f"{name}{f' ({kind})' if kind else ''}{where}"
