"""
One request decided, as AWS decides it, and why.

An explicit deny in any layer wins; then every layer that is present must allow: the principal's own
policies, its permissions boundary, and each level of service control policies. Resource control
policies only deny. An answer that depends on an unknown condition key is neither allowed nor denied
but Unknown, and says on what.

Resource-based policies, session policies and VPC endpoint policies are not in the evidence: the
answer is what identity policies, boundaries, SCPs and RCPs permit.

Source: IAM User Guide, "Policy evaluation logic" and "Permissions boundaries for IAM entities".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from iamkit.policy import conditions
from iamkit.policy.conditions import Truth
from iamkit.policy.context import UNKNOWN, RequestContext
from iamkit.policy.model import Policy, PolicyLayers, Statement, statement_name, widest
from iamkit.policy.patterns import Pattern, resolve

_NOBODY: Final = RequestContext({})

# --- one request


@dataclass(frozen=True)
class DecidingStatement:
    """A statement that decides, and why."""

    layer: str
    policy: str
    number: int
    sid: str | None
    effect: str
    why: str

    def __str__(self) -> str:
        """Name the statement and say why it decides."""
        name = statement_name(self.sid, self.number)
        where = "" if self.layer == "identity" else f", {self.layer}"
        return f"{self.effect} {name} of {self.policy}{where} ({self.why})"


@dataclass(frozen=True)
class Decision:
    """
    The answer for one request, and what decides it.

    `effect` is Allowed, ExplicitlyDenied, ImplicitlyDenied or Unknown, where a condition key that
    nobody knows decides. True in an `if` only for Allowed.
    """

    effect: str
    statements: tuple[DecidingStatement, ...]
    action: str
    resource: str
    silent: tuple[str, ...] = ()  # layers in which nothing allows

    def __bool__(self) -> bool:
        """Whether the request is certainly allowed."""
        return self.effect == "Allowed"

    @property
    def possible(self) -> bool:
        """Whether the request is certainly or possibly allowed."""
        return self.effect in ("Allowed", "Unknown")

    @property
    def why(self) -> str:
        """The decision in a sentence or two."""
        asked = f"{self.action} on {self.resource}"
        reasons = "; ".join(str(reason) for reason in self.statements)
        if self.effect == "Allowed":
            return f"{asked} is allowed by {reasons}."
        if self.effect == "ExplicitlyDenied":
            return f"{asked} is explicitly denied by {reasons}."
        if self.effect == "ImplicitlyDenied":
            return f"{asked} is denied: no statement in {' and '.join(self.silent)} allows it."
        allows = [str(reason) for reason in self.statements if reason.effect == "Allow"]
        denies = [str(reason) for reason in self.statements if reason.effect == "Deny"]
        parts = [f"{reason} holds" for reason in allows]
        parts += [f"{reason} does not hold" for reason in denies]
        return f"{asked} is allowed only if {' and '.join(parts)}."

    def __repr__(self) -> str:
        """Give the effect and the reason."""
        return f"{self.effect}: {self.why}"


class _Applying(NamedTuple):
    """A statement that applies to a request, or may."""

    truth: Truth
    layer: str
    statement: Statement


def decide(
    action: str,
    resource: str,
    context: Mapping[str, Any] | RequestContext,
    *,
    identity: Sequence[Policy | Mapping[str, Any]],
    boundary: Sequence[Policy | Mapping[str, Any]] | None = None,
    scps: Sequence[Sequence[Policy | Mapping[str, Any]]] = (),
    rcps: Iterable[Statement] = (),
) -> Decision:
    """
    Decide one request.

    Parameters
    ----------
    action, resource : str
        Such as `s3:GetObject` on an ARN; `*` for actions that name no resource.
    context : mapping, or Context
        Condition key, in any case, to text, a list of texts, or `UNKNOWN`. A key that a mapping
        leaves out is absent, which is not unknown.
    identity : policies
        The principal's inline and managed policies and those of its groups.
    boundary : policies, optional
        None: there is no boundary.
    scps : levels of policies
        Root, organizational units, account; each level must allow.
    rcps : statements
        Those about the action that deny in the resource control policies of the resource's account.
    """
    if not isinstance(context, RequestContext):
        context = RequestContext(context)
    layers = PolicyLayers(
        _policies(identity),
        None if boundary is None else _policies(boundary),
        tuple(map(_policies, scps)),
    )
    allowed, denied = _applying(action, resource, context, layers)
    truths = ((_applies(each, resource, context), each) for each in rcps)
    denied += [_Applying(truth, "RCP", each) for truth, each in truths if truth is not False]

    def because(applying: Iterable[_Applying]) -> tuple[DecidingStatement, ...]:
        return tuple(_reason(each.layer, each.statement, resource, context) for each in applying)

    certain_denials = [each for each in denied if each.truth]
    if certain_denials:
        return Decision("ExplicitlyDenied", because(certain_denials), action, resource)
    silent = tuple(layer for layer, found in allowed.items() if not found)
    if silent:
        return Decision("ImplicitlyDenied", (), action, resource, silent)
    sure = {layer: [each for each in found if each.truth] for layer, found in allowed.items()}
    if all(sure.values()) and not denied:
        deciding = because(found[0] for found in sure.values())
        return Decision("Allowed", deciding, action, resource)
    doubts = [found[0] for layer, found in allowed.items() if not sure[layer]]
    return Decision("Unknown", because([*doubts, *denied]), action, resource)


def _policies(given: Sequence[Policy | Mapping[str, Any]]) -> tuple[Policy, ...]:
    return tuple(
        each if isinstance(each, Policy) else Policy(f"policy {number}", each)
        for number, each in enumerate(given, start=1)
    )


def _applying(
    action: str, resource: str, context: RequestContext, layers: PolicyLayers
) -> tuple[dict[str, list[_Applying]], list[_Applying]]:
    """The statements that allow the request, or may, by layer; and those that deny it, or may."""
    allowed: dict[str, list[_Applying]] = {}
    denied: list[_Applying] = []
    for layer, policies in layers.named():
        allowed[layer] = []
        for statement in (each for policy in policies for each in policy.about(action)):
            truth = _applies(statement, resource, context)
            if truth is not False:
                found = allowed[layer] if statement.allows else denied
                found.append(_Applying(truth, layer, statement))
    return allowed, denied


def certainly_stopped(
    action: str,
    resource: str,
    context: RequestContext,
    layers: PolicyLayers,
    ignored: Iterable[str],
) -> bool:
    """
    Return whether `decide` names a denial or a layer that is silent, whatever is not known.

    That `ignored` layers are silent does not count.
    """
    allowed, denied = _applying(action, resource, context, layers)
    silent = {layer for layer, found in allowed.items() if not found}
    return any(each.truth for each in denied) or not silent.issubset(ignored)


def certainly_allowed(
    action: str, resource: str, context: RequestContext, layers: PolicyLayers
) -> bool:
    """
    Return whether `decide` says Allowed, without the reasons, which take most of its time.

    An allow has to be certain in every layer, and no denial so much as possible in any.
    """
    for _, policies in layers.named():
        allowed = False
        for statement in (found for policy in policies for found in policy.about(action)):
            if allowed and statement.allows:
                continue
            truth = _applies(statement, resource, context)
            if truth is not False and not statement.allows:
                return False
            allowed = allowed or truth is True
        if not allowed:
            return False
    return True


def _applies(statement: Statement, resource: str, context: RequestContext) -> Truth:
    """Whether a statement about the action applies to a resource."""
    matched = on_resource(statement, resource, context)
    if matched is False:
        return False
    holds = statement.applies(context)
    return holds if matched else (None if holds is not False else False)


def on_resource(statement: Statement, resource: str, context: RequestContext) -> Truth:
    """Return whether a statement's Resource or NotResource covers a resource."""
    answer: Truth = False
    who = context.only(statement.resource_keys)  # is looked up faster
    for text in statement.resources:
        pattern = resolve(text, who, variables=statement.variables)
        if isinstance(pattern, Pattern):
            if pattern.matches(resource):
                answer = True
                break
        elif pattern is UNKNOWN and widest(text).matches(resource):
            answer = None
    return answer if not statement.not_resources or answer is None else not answer


def _reason(
    layer: str, statement: Statement, resource: str, context: RequestContext
) -> DecidingStatement:
    why = conditions.explain(statement.condition, context, variables=statement.variables)
    if on_resource(statement, resource, context) is None:
        why = f"resource unknown: {', '.join(statement.resources)}; {why}"
    effect = "Allow" if statement.allows else "Deny"
    return DecidingStatement(layer, statement.policy, statement.number, statement.sid, effect, why)
