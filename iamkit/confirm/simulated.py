"""
One request as AWS's policy simulator takes it, and whether it can judge it at all.

The simulator invents nothing: whatever a policy tests has to be supplied, with its type. It reads
the policies of a user or role, its boundary and service control policies, and nothing else; where
something else decides, its answer would be to another question.

Source: IAM API Reference, SimulatePrincipalPolicy and ContextEntry.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from ipaddress import ip_network
from itertools import chain
from typing import Any, Final

from iamkit.account import Account
from iamkit.arns import arn_parts
from iamkit.policy import (
    DOUBT,
    Decision,
    KeyTest,
    Mark,
    Policy,
    PolicyLayers,
    RequestContext,
    Statement,
    decide,
)
from iamkit.reference import load_catalog
from iamkit.values import as_dict, few, listed, printable

# What no request of a sample is compared for.
NOT_JUDGED: Final = (
    "trust policies: sts:AssumeRole and what belongs to it depend on them",
    "resource control policies, session policies and VPC endpoint policies",
    "resource policies: neither the simulator nor the evidence has those of buckets and keys",
    "the root user",
    "requests about which the kit itself does not know",
)
TRUSTED: Final = re.compile(
    "sts:(assume|tagsession|setsourceidentity|setcontext|getwebidentity)", re.IGNORECASE
)
KEY_LENGTH: Final = range(5, 257)  # of a ContextKeyName
RESOURCE_LENGTH: Final = 2048

# Types of the keys that AWS defines, whatever operator a policy tests them with.
TYPES: Final[Mapping[str, str]] = {
    "aws:currenttime": "date",
    "aws:multifactorauthage": "numeric",
    "aws:multifactorauthpresent": "boolean",
    "aws:principalisawsservice": "boolean",
    "aws:securetransport": "boolean",
    "aws:sourceip": "ip",
    "aws:tokenissuetime": "date",
    "aws:viaawsservice": "boolean",
    "aws:vpcsourceip": "ip",
}
OPERATORS: Final = ("numeric", "date", "bool", "binary", "ipaddress", "notipaddress")
NAMES: Final = {"bool": "boolean", "ipaddress": "ip", "notipaddress": "ip"}


@dataclass(frozen=True, eq=False)
class SimulatedRequest:
    """A request, what the kit decides, and how the simulator is asked: `entries` are its keys."""

    principal_arn: str
    action: str
    resource: str
    entries: tuple[Mapping[str, Any], ...]
    source: str  # where the sample has it from
    decision: Decision
    not_comparable: str  # why the simulator cannot judge it; empty: it can
    scps_known: bool  # whether the decision counts service control policies
    kinds_compare: bool  # whether explicit and implicit denials can be told apart
    without: tuple[Mapping[str, Any], ...] = ()  # policies that are taken away
    beside: tuple[str, ...] = ()  # documents that are there besides

    @property
    def parameters(self) -> dict[str, Any]:
        """What SimulatePrincipalPolicy gets, but for the action."""
        asked: dict[str, Any] = {
            "PolicySourceArn": self.principal_arn,
            "ResourceArns": [self.resource],
        }
        asked |= {"ContextEntries": [*map(dict, self.entries)]} if self.entries else {}
        asked |= {"PolicyExclusionList": [*map(dict, self.without)]} if self.without else {}
        return asked | ({"PolicyInputList": [*self.beside]} if self.beside else {})

    @property
    def context(self) -> dict[str, Any]:
        """The condition keys that it carries and a policy tests."""
        return {each["ContextKeyName"]: few(each["ContextKeyValues"], 99) for each in self.entries}


def simulated(
    account: Account, arn: str, action: str, resource: str, context: RequestContext, source: str
) -> SimulatedRequest:
    """Return a request of a user or role as the simulator takes it, with the kit's decision."""
    callers = account.callers
    layers = callers.layers(arn)
    decision = decide(action, resource, context, **layers._asdict())
    entries, refused = _entries(layers, action, context)
    reason = (
        _other_policies(callers.principal(arn)["kind"], action)
        or _unknown(decision)
        or _unsendable(arn, resource, entries)
        or _no_question(action, resource)
        or (f"the simulator does not take the condition key {refused}" if refused else "")
        or _conditional_scps(layers, decision, context)
    )
    return SimulatedRequest(
        arn,
        action,
        resource,
        entries,
        source,
        decision,
        reason,
        callers.has_scps,
        callers.has_scps and not layers.scps,
    )


def _other_policies(kind: str, action: str) -> str:
    if kind not in ("user", "role"):
        return "the simulator takes users and roles, and no root user"
    if TRUSTED.match(action):
        return "the trust policy of the role decides too, and the simulator does not read it"
    return ""


def _unknown(decision: Decision) -> str:
    return f"the kit does not know: {decision.why}" if decision.effect == "Unknown" else ""


def _unsendable(arn: str, resource: str, entries: Iterable[Mapping[str, Any]]) -> str:
    values = chain.from_iterable(
        (each["ContextKeyName"], *each["ContextKeyValues"]) for each in entries
    )
    if all(printable(each) == each for each in (arn, resource, *values)):
        return ""
    return "it has control characters, which no request to AWS can hold"


def _no_question(action: str, resource: str) -> str:
    """Why the simulator would refuse the action or the resource; empty if it would not."""
    if action.lower() not in _listed():
        return f"AWS's list of actions does not have {action}"
    if resource == "*":
        return ""
    if not resource.startswith("arn:") or not all((arn_parts(resource) or ("",))[::5]):
        return f"the resource {resource} is no ARN"
    if len(resource) > RESOURCE_LENGTH or set("*?") & set(resource):
        return f"the resource {resource[:80]} is no ARN of one resource"
    return ""


@cache
def _listed() -> frozenset[str]:
    return frozenset(each.lower() for each in load_catalog().listed.actions)


def _conditional_scps(layers: PolicyLayers, decision: Decision, context: RequestContext) -> str:
    """Whether conditions of service control policies decide, in words; empty if they do not."""
    for kept in (True, False):  # statements with a condition as if it held, and left out
        scps = tuple(
            tuple(_unconditional(each, kept=kept) for each in level) for level in layers.scps
        )
        without = layers._replace(scps=scps)._asdict()
        if decide(decision.action, decision.resource, context, **without).effect != decision.effect:
            return "a condition of a service control policy decides; older simulators ignore it"
    return ""


def _unconditional(policy: Policy, *, kept: bool) -> Policy:
    """The policy with conditions taken from its statements or, unless kept, without these."""
    if policy.document is None:
        return policy
    statements = [
        {name: value for name, value in as_dict(each).items() if name != "Condition"}
        for each in listed(policy.document.get("Statement"))
        if kept or not as_dict(each).get("Condition")
    ]
    return Policy(policy.name, {**policy.document, "Statement": statements})


# --- condition keys


def _entries(
    layers: PolicyLayers, action: str, context: RequestContext
) -> tuple[tuple[Mapping[str, Any], ...], str]:
    """The keys that policies test for the action, each typed; and one the simulator refuses."""
    statements = [each for policy in layers.policies for each in policy.about(action)]
    tests: dict[str, list[KeyTest]] = {}
    for test in chain.from_iterable(each.tests for each in statements):
        tests.setdefault(test.key, []).append(test)
    entries, refused = [], ""
    for key in sorted(set(_keys(statements)) - {DOUBT}):
        value = context.get(key)
        if isinstance(value, Mark):
            continue  # it is absent, or what it holds does not decide
        of_key = tests.get(key, [])
        name = next((each.said.split(maxsplit=1)[-1] for each in of_key), key)
        if len(name) not in KEY_LENGTH:
            refused = refused or name
            continue
        values = [value] if isinstance(value, str) else [*value]
        many = len(values) > 1 or any(each.quantifier for each in of_key)
        kind = _type(key, of_key, values) + ("List" if many else "")
        entries.append({"ContextKeyName": name, "ContextKeyType": kind, "ContextKeyValues": values})
    return tuple(entries), refused


def _keys(statements: Iterable[Statement]) -> Iterator[str]:
    for each in statements:
        yield from (*each.condition_keys, *each.resource_keys)


def _type(key: str, tests: Iterable[KeyTest], values: Iterable[str]) -> str:
    """The type of a key: AWS's own, else that of the operators, if its values are of that type."""
    by_operator = (each for test in tests for each in OPERATORS if test.name.startswith(each))
    found = next(by_operator, "string")
    kind = TYPES.get(key, NAMES.get(found, found))
    fits = FITTING.get(kind)
    return kind if fits is None or all(map(fits, values)) else "string"


def _reads(read: Callable[[str], Any]) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return True

    return fits


FITTING: Final[Mapping[str, Callable[[str], bool]]] = {
    "numeric": _reads(float),
    "date": lambda text: text.isdecimal() or _reads(datetime.fromisoformat)(text),
    "boolean": lambda text: text.lower() in ("true", "false"),
    "ip": _reads(ip_network),
    "binary": _reads(lambda text: base64.b64decode(text, validate=True)),
}


# --- witnesses


def of_witness(
    account: Account, arn: str, witness: Mapping[str, Any], source: str
) -> SimulatedRequest:
    """Return the request that a table shows for one of its rows."""
    maker = witness.get("assumed", arn)
    known = {key: MARKS.get(value, value) for key, value in witness["context"].items()}
    context = RequestContext({}, Mark.UNKNOWN).joined(account.callers.caller(maker)).but(known)
    return simulated(account, maker, witness["action"], witness["resource"], context, source)


MARKS: Final[Mapping[str, Any]] = {
    "absent": Mark.ABSENT,
    "unknown": Mark.UNKNOWN,
    "absent or false": Mark.UNKNOWN,
}
