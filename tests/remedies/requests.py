"""
What identities may do, as a set of requests: an evaluator of its own, slow and obvious.

It reads authorization details and nothing of the kit. A request is an action, a resource and a
context; an identity may make it if some statement allows it and none denies it, in its own policies
and in its boundary. It knows the condition operators that `tests/remedies/accounts.py` writes.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

Request = tuple[str, str, tuple[tuple[str, str], ...]]  # action, resource, context

MFA, IP = "aws:MultiFactorAuthPresent", "aws:SourceIp"
REGION, VIA = "aws:RequestedRegion", "aws:ViaAWSService"


def contexts(*addresses: str) -> list[tuple[tuple[str, str], ...]]:
    """What requests carry: MFA or none, from an address, in a Region."""
    signed = [{}, {MFA: "false"}, {MFA: "true"}]
    return [
        tuple({**mfa, IP: address, REGION: region, VIA: "false"}.items())
        for mfa, address, region in product(signed, addresses, ("eu-west-1", "us-east-1"))
    ]


@cache
def glob(pattern: str, *, fold: bool) -> re.Pattern[str]:
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(text, re.IGNORECASE | re.DOTALL if fold else re.DOTALL)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def named(statement: dict[str, Any], element: str, text: str, name: str) -> bool:
    """Whether a statement's Action or Resource, or what it leaves out, is about a text."""
    negated = f"Not{element}" in statement
    patterns = listed(statement[f"Not{element}" if negated else element])
    patterns = [each.replace("${aws:username}", name) for each in patterns]
    fold = element == "Action"
    return negated != any(glob(each, fold=fold).fullmatch(text) for each in patterns)


def holds(operator: str, key: str, values: list[str], context: dict[str, str]) -> bool:
    """One test of one key."""
    found = next((value for name, value in context.items() if name.lower() == key.lower()), None)
    plain = operator.removesuffix("IfExists")
    negated = "Not" in plain
    if plain == "Null":
        return (found is None) == (values[0] == "true")
    if found is None:
        return negated or plain != operator
    tests = {
        "Bool": lambda value: found == value.lower(),
        "StringEquals": lambda value: found == value,
        "StringNotEquals": lambda value: found == value,
        "IpAddress": lambda value: ip_address(found) in ip_network(value),
        "NotIpAddress": lambda value: ip_address(found) in ip_network(value),
    }
    return negated != any(map(tests[plain], values))


def applies(statement: dict[str, Any], asked: Request, name: str) -> bool:
    action, resource, context = asked
    return (
        named(statement, "Action", action, name)
        and named(statement, "Resource", resource, name)
        and all(
            holds(operator, key, listed(values), dict(context))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


class Requests:
    """All requests that are asked about, and which of them each statement covers."""

    def __init__(self, every: Iterable[Request]) -> None:
        self.every = list(every)
        self._covered: dict[tuple[str, str], frozenset[Request]] = {}

    def covered(self, statement: dict[str, Any], name: str) -> frozenset[Request]:
        text = json.dumps(statement)
        key = text, name if "${aws:username}" in text else ""
        if key not in self._covered:
            found = (asked for asked in self.every if applies(statement, asked, name))
            self._covered[key] = frozenset(found)
        return self._covered[key]

    def allowed(self, documents: Iterable[Any], name: str) -> set[Request]:
        """What policies allow, less what one of them denies."""
        sides: dict[str, set[Request]] = {"Allow": set(), "Deny": set()}
        for document in documents:
            for each in listed(document["Statement"]):
                sides[each["Effect"]] |= self.covered(each, name)
        return sides["Allow"] - sides["Deny"]

    def may(self, details: dict[str, Any]) -> dict[str, set[Request]]:
        """The requests that each user and role may make, by ARN."""
        managed = {
            policy["Arn"]: next(
                each["Document"] for each in policy["PolicyVersionList"] if each["IsDefaultVersion"]
            )
            for policy in details["Policies"]
        }
        groups = {each["GroupName"]: each for each in details["GroupDetailList"]}

        def own(entry: dict[str, Any]) -> Iterator[Any]:
            for kind in ("User", "Group", "Role"):
                yield from (each["PolicyDocument"] for each in entry.get(f"{kind}PolicyList", []))
            # AWS's own are not in the evidence of small accounts: nobody can ask about them.
            names = (each["PolicyArn"] for each in entry["AttachedManagedPolicies"])
            yield from (managed[each] for each in names if each in managed)

        found = {}
        for entry in [*details["UserDetailList"], *details["RoleDetailList"]]:
            identity = [*own(entry)]
            for group in entry.get("GroupList", []):
                identity += own(groups[group])
            name = entry.get("UserName", "no user")
            found[entry["Arn"]] = self.allowed(identity, name)
            boundary = entry.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
            if boundary:
                # A deny of the boundary denies too, and it has to allow.
                found[entry["Arn"]] &= self.allowed([managed[boundary]], name)
        return found
