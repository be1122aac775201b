"""
Requests that changes end, asked of AWS's simulator as if the changes were made.

The simulator leaves out the policies that a change takes away or writes (`PolicyExclusionList`)
and adds the new documents (`PolicyInputList`). So a remedy is confirmed before anybody applies it.

Source: IAM API Reference, SimulatePrincipalPolicy and PolicyIdentifier, of July 2026. Identifiers
that match no policy are ignored: a wrong one would show as a disagreement.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from iamkit.access import DEFAULT_CONTEXTS, Witnesses
from iamkit.account import Account
from iamkit.confirm.simulated import TRUSTED, SimulatedRequest, simulated

OF_EACH: Final = 2  # requests of a principal
TRIED: Final = 20  # actions that are tried for them


def after_changes(
    account: Account, after: Account, lost: Mapping[str, Sequence[str]], source: str
) -> Iterator[SimulatedRequest]:
    """
    Return requests that are allowed before some changes and not after them.

    `lost` has the actions that each principal loses, by ARN. Left out are principals whom a change
    deletes, or whose boundary it changes: the simulator cannot be asked as if that were so.
    """
    witnesses = Witnesses(account.permissions.attackers)
    there = set(after.permissions.principals["principal_arn"])
    for arn, actions in lost.items():
        if arn not in there or _limits(account, arn) != _limits(after, arn):
            continue
        without, beside = difference(account, after, arn)
        if without or beside:
            found = _requests(after, witnesses, arn, actions, source)
            for each in islice(found, OF_EACH):
                yield replace(each, without=without, beside=beside)


def _requests(
    after: Account, witnesses: Witnesses, arn: str, actions: Sequence[str], source: str
) -> Iterator[SimulatedRequest]:
    for action in actions[:TRIED]:
        if TRUSTED.match(action):
            continue
        found = witnesses.request(arn, action, DEFAULT_CONTEXTS)
        if found is not None and found.decision:
            asked = arn, action, found.decision.resource, found.context
            made = simulated(after, *asked, source)
            if not made.not_comparable:
                yield made


def _limits(account: Account, arn: str) -> Any:
    """What limits a principal besides its policies."""
    layers = account.callers.layers(arn)
    bounds = (
        layers.boundary if layers.boundary is None else [each.content for each in layers.boundary]
    )
    return bounds, [[each.content for each in level] for level in layers.scps]


def difference(
    account: Account, after: Account, arn: str
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    """Return the policies that a principal loses or that change, and its new documents."""
    old, new = _documents(account, arn), _documents(after, arn)
    gone = [each for each, text in old.items() if new.get(each) != text]
    come = [text for each, text in new.items() if old.get(each) != text]
    return tuple(map(identifier, gone)), tuple(come)


def _documents(account: Account, arn: str) -> dict[str, str]:
    """The policies of a principal, own and of its groups, each with its document as text."""
    rows = account.policy_assignments
    mine = set(rows.loc[rows["principal_arn"].eq(arn), "policy_arn"])
    versions = account.policy_versions
    pairs = zip(versions["policy_arn"], versions["document"], strict=True)
    return {each: json.dumps(document) for each, document in pairs if each in mine}


def identifier(policy: str) -> Mapping[str, Any]:
    """
    Return what the simulator calls a policy.

    >>> identifier("arn:aws:iam::111122223333:group/team/Ops#logs")["InlinePolicyIdentifier"]
    {'PolicyName': 'logs', 'AttachmentType': 'group', 'AttachmentName': 'Ops'}
    """
    owner, _, name = policy.partition("#")
    if not name:
        return {"PolicyArn": policy}
    kind, _, path = owner.rpartition(":")[2].partition("/")
    where = {"AttachmentType": kind, "AttachmentName": path.rpartition("/")[2]}
    return {"InlinePolicyIdentifier": {"PolicyName": name, **where}}
