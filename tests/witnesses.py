"""Witnesses put back: what a table says of a request, asked of the evaluator again."""

from collections.abc import Mapping
from typing import Any

from iamkit import Account
from iamkit.policy import ABSENT, UNKNOWN, Decision, Policy, RequestContext, decide

MARKS = {"absent": ABSENT, "unknown": UNKNOWN}


def carried(witness: Mapping[str, Any]) -> dict[str, Any]:
    """The condition keys of a witness, as contexts have them."""
    return {key: MARKS.get(said, said) for key, said in witness["context"].items()}


def decided(
    account: Account,
    principal_arn: str,
    witness: Mapping[str, Any],
    identity: tuple[Policy, ...] | None = None,
) -> Decision:
    """The witness's request as the principal makes it, with these identity policies or its own."""
    layers = account.callers.layers(principal_arn)
    known: RequestContext = account.callers.caller(principal_arn)
    return decide(
        witness["action"],
        witness["resource"],
        known.but(carried(witness)),
        identity=layers.identity if identity is None else identity,
        boundary=layers.boundary,
        scps=layers.scps,
    )


def named_statements(account: Account, principal_arn: str, names: list[str]) -> Policy:
    """One policy of the statements of a principal that go by these names, with their policy's."""
    found = [
        dict(raw)
        for policy in account.callers.layers(principal_arn).identity
        for each in policy.statements
        for number, raw in enumerate(_statements(policy), start=1)
        if number == each.number and each.allows and f"{each.name} of {policy.name}" in names
    ]
    return Policy("named", {"Version": "2012-10-17", "Statement": found})


def _statements(policy: Policy) -> list[Mapping[str, Any]]:
    held = (policy.document or {}).get("Statement", [])
    return held if isinstance(held, list) else [held]
