"""
One request decided, as AWS decides it, and why.

An explicit deny in any layer wins; then every layer that is present must allow: the principal's own
policies, its permissions boundary, and each level of service control policies. An answer that hangs
on a condition key nobody knows is neither allowed nor denied but Unknown, and says on what.

Resource-based policies, resource control policies, session policies and VPC endpoint policies are
not in the evidence: the answer is what identity policies, boundaries and SCPs permit.

Source: IAM User Guide, "Policy evaluation logic" and "Permissions boundaries for IAM entities".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

from iamkit import conditions
from iamkit.conditions import Truth
from iamkit.documents import statement_rows
from iamkit.patterns import UNKNOWN, Context, Pattern, resolve, variable_keys

_VARIABLE: Final = re.compile(r"\$\{(?![*?$]\})[^{}]*\}")


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy document and the name that a decision calls it by. None: not in the evidence."""

    name: str
    document: Mapping[str, Any] | None

    @cached_property
    def content(self) -> str:
        """Text that is the same for policies that say the same."""
        if self.document is None:
            return f"not in the evidence: {self.name}"
        return json.dumps(self.document, sort_keys=True)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Its statements, less those that cannot be read as one."""
        return tuple(_statements(self))


class Layers(NamedTuple):
    """All that limits one principal. A boundary of None is none; () is one that allows nothing."""

    identity: tuple[Policy, ...]
    boundary: tuple[Policy, ...] | None = None
    scps: tuple[tuple[Policy, ...], ...] = ()

    def named(self) -> Iterable[tuple[str, tuple[Policy, ...]]]:
        """The layers that are present, with what to call them."""
        yield "identity", self.identity
        if self.boundary is not None:
            yield "boundary", self.boundary
        for number, level in enumerate(self.scps, start=1):
            yield f"SCP level {number}", level


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement that can match; those that IAM could not read are left out of policies."""

    policy: str
    index: int
    sid: str | None
    allows: bool
    actions: tuple[str, ...]
    not_actions: bool  # `actions` are those it leaves out
    resources: tuple[str, ...]
    not_resources: bool  # `resources` are those it leaves out
    condition: Mapping[str, Any]
    variables: bool  # Version 2012-10-17, the only one with policy variables

    @cached_property
    def condition_keys(self) -> tuple[str, ...]:
        """Condition keys, in lower case, that its Condition depends on."""
        return tuple(sorted(conditions.keys(self.condition)))

    @cached_property
    def resource_keys(self) -> tuple[str, ...]:
        """Condition keys, in lower case, that its Resource or NotResource takes variables from."""
        if not self.variables:
            return ()
        return tuple(sorted(set().union(*map(variable_keys, self.resources))))


def _statements(policy: Policy) -> list[Statement]:
    """
    A policy's statements, less those that cannot be read as one.

    A policy that is not in the evidence is one statement that may allow anything: it errs towards
    allowed in `possible` and towards denied elsewhere.
    """
    document = policy.document
    if document is None:
        doubt = {"StringLike": {"iamkit:not-in-the-evidence": "*"}}
        return [
            Statement(
                policy.name, 0, None, True, ("*",), False, ("*",), False, doubt, variables=False
            )
        ]
    return [
        Statement(
            policy.name,
            row["index"],
            row["sid"],
            row["effect"] == "Allow",
            tuple(row["actions"] or row["not_actions"]),
            not row["actions"],
            tuple(row["resources"] or row["not_resources"]),
            not row["resources"],
            row["conditions"],
            document.get("Version") == "2012-10-17",
        )
        for row in statement_rows(document)
        if row["problem"] is None
        and (row["actions"] or row["not_actions"])
        and (row["resources"] or row["not_resources"])
    ]


# --- one request


@dataclass(frozen=True)
class Reason:
    """A statement that decides, and why."""

    layer: str
    policy: str
    index: int
    sid: str | None
    effect: str
    why: str

    def __str__(self) -> str:
        """Name the statement and say why it decides."""
        name = called(self.sid, self.index)
        where = "" if self.layer == "identity" else f", {self.layer}"
        return f"{self.effect} statement {name} of {self.policy}{where} ({self.why})"


def called(sid: str | None, index: int) -> str:
    """What to call a statement: its Sid, or its place."""
    return f"“{sid}”" if isinstance(sid, str) and sid else f"number {index + 1}"


@dataclass(frozen=True)
class Decision:
    """
    The answer for one request, and what decides it.

    `effect` is Allowed, ExplicitlyDenied, ImplicitlyDenied or Unknown, where a condition key that
    nobody knows decides. True in an `if` only for Allowed.
    """

    effect: str
    statements: tuple[Reason, ...]
    action: str
    resource: str
    silent: tuple[str, ...] = ()  # layers in which nothing allows

    def __bool__(self) -> bool:
        """Whether the request is certainly allowed."""
        return self.effect == "Allowed"

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


def decide(
    action: str,
    resource: str,
    context: Mapping[str, Any] | Context,
    *,
    identity: Sequence[Policy | Mapping[str, Any]],
    boundary: Sequence[Policy | Mapping[str, Any]] | None = None,
    scps: Sequence[Sequence[Policy | Mapping[str, Any]]] = (),
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
    """
    if not isinstance(context, Context):
        context = Context(context)
    layers = Layers(
        _policies(identity),
        None if boundary is None else _policies(boundary),
        tuple(map(_policies, scps)),
    )
    allowed: dict[str, list[tuple[Truth, Reason]]] = {}
    denied: list[tuple[Truth, Reason]] = []
    for layer, policies in layers.named():
        allowed[layer] = []
        for statement in (found for policy in policies for found in policy.statements):
            truth = _applies(statement, action, resource, context)
            if truth is not False:
                reason = _reason(layer, statement, resource, context)
                (allowed[layer] if statement.allows else denied).append((truth, reason))
    certain_denials = [reason for truth, reason in denied if truth]
    if certain_denials:
        return Decision("ExplicitlyDenied", tuple(certain_denials), action, resource)
    silent = tuple(layer for layer, found in allowed.items() if not found)
    if silent:
        return Decision("ImplicitlyDenied", (), action, resource, silent)
    sure = {layer: [reason for truth, reason in found if truth] for layer, found in allowed.items()}
    if all(sure.values()) and not denied:
        deciding = tuple(reasons[0] for reasons in sure.values())
        return Decision("Allowed", deciding, action, resource)
    doubts = [found[0][1] for layer, found in allowed.items() if not sure[layer]]
    return Decision("Unknown", (*doubts, *(r for _, r in denied)), action, resource)


def _policies(given: Sequence[Policy | Mapping[str, Any]]) -> tuple[Policy, ...]:
    return tuple(
        each if isinstance(each, Policy) else Policy(f"policy {number}", each)
        for number, each in enumerate(given, start=1)
    )


def _applies(statement: Statement, action: str, resource: str, context: Context) -> Truth:
    named = any(_names(pattern.lower(), action.lower()) for pattern in statement.actions)
    if named == statement.not_actions:
        return False
    matched = on_resource(statement, resource, context)
    if matched is False:
        return False
    holds = conditions.evaluate(statement.condition, context, variables=statement.variables)
    return holds if matched else (None if holds is not False else False)


@lru_cache(maxsize=65536)
def _names(pattern: str, action: str) -> bool:
    """Whether an action pattern, both in lower case, covers an action."""
    if ":" not in pattern:
        return pattern == "*"
    glob = resolve(pattern, Context({}), variables=False)
    return isinstance(glob, Pattern) and glob.matches(action)


def on_resource(statement: Statement, resource: str, context: Context) -> Truth:
    """Return whether a statement's Resource or NotResource covers a resource."""
    answer: Truth = False
    for text in statement.resources:
        pattern = resolve(text, context, variables=statement.variables)
        if isinstance(pattern, Pattern):
            if pattern.matches(resource):
                answer = True
                break
        elif pattern is UNKNOWN and widest(text).matches(resource):
            answer = None
    return answer if not statement.not_resources or answer is None else not answer


def _reason(layer: str, statement: Statement, resource: str, context: Context) -> Reason:
    why = conditions.explain(statement.condition, context, variables=statement.variables)
    if on_resource(statement, resource, context) is None:
        why = f"resource unknown: {', '.join(statement.resources)}; {why}"
    effect = "Allow" if statement.allows else "Deny"
    return Reason(layer, statement.policy, statement.index, statement.sid, effect, why)


def widest(text: str) -> Pattern:
    """Return a pattern that matches all that `text` may match, whatever its variables are."""
    return Pattern(_VARIABLE.sub("*", text))
