"""
What makes a principal an administrator: the statements, and a request that shows it.

Who may do everything may create a user; who may give itself everything may make the call to IAM
that does so. Statements and requests of administrators with the same policies are found once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from iamkit.access.administrators import ADMINISTRATORS, EVERYTHING, SELF_PROMOTION
from iamkit.access.permissions import Permissions
from iamkit.access.principals import Principals
from iamkit.access.witnesses import Found, Witnesses
from iamkit.memory import Memo
from iamkit.policy import DOUBT, Decision, PolicyLayers, RequestContext, Statement
from iamkit.reference import Bits, popcount
from iamkit.table import lists_by_key, objects

# Who may do everything may do these, and resources of the account's own that they are tried on.
PROBES: Final[Mapping[str, str]] = {
    "iam:CreateUser": "arn:{partition}:iam::{account_id}:user/iamkit",
    "s3:DeleteBucket": "arn:{partition}:s3:::iamkit",
    "ec2:RunInstances": "*",
}


class Targets:
    """What each principal could give itself permissions on: itself, its groups, its policies."""

    def __init__(self, callers: Principals) -> None:
        account = callers.account
        customer = account.policies.loc[account.policies["kind"] == "customer", "policy_arn"]
        mine = account.policy_assignments
        mine = mine[mine["policy_arn"].isin(customer)]
        members = account.memberships
        self._callers = callers
        self._groups = lists_by_key(members["user_arn"], members["group_arn"])
        self._policies = lists_by_key(mine["principal_arn"], mine["policy_arn"])

    def calls(self, principal_arn: str) -> Iterator[tuple[str, list[str]]]:
        """The calls to IAM by which a principal gives itself everything, and on what."""
        own = self._callers.principal(principal_arn)["kind"]
        on = {
            "group": self._groups.get(principal_arn, []),
            "policy": self._policies.get(principal_arn, []),
            own: [principal_arn],
        }
        for action, kind in SELF_PROMOTION.items():
            if on.get(kind):
                yield action, on[kind]


class AdminWitnesses:
    """Finds the statements and a request for administrators, certain and possible ones."""

    def __init__(self, permissions: Permissions) -> None:
        self.callers, self.catalog = permissions.callers, permissions.catalog
        self.witnesses = Witnesses(permissions.attackers)
        self.targets = Targets(self.callers)
        self._shared: Memo[Any, dict[str, Any]] = Memo()
        self._bits: Memo[Any, Bits] = Memo()

    def of(self, arn: str, admin: str, contexts: Sequence[str]) -> dict[str, Any]:
        """Return the columns `statements` and `witness` of one who is an administrator there."""
        if admin != EVERYTHING:
            return self._found(arn, admin, contexts)
        same = (self.witnesses.alike(arn), *contexts)
        return self._shared.once(same, self._found, arn, admin, contexts)

    def _found(self, arn: str, admin: str, contexts: Sequence[str]) -> dict[str, Any]:
        doubtful: Found | None = None
        for action, resources in self._calls(arn, admin):
            found = self.witnesses.request(arn, action, contexts, resources)
            if found is not None and found.decision:
                return self.columns(arn, admin, found)
            doubtful = doubtful or found
        return {} if doubtful is None else self.columns(arn, admin, doubtful)

    def _calls(self, arn: str, admin: str) -> Iterable[tuple[str, list[str]]]:
        if admin != EVERYTHING:
            return self.targets.calls(arn)
        account = self.callers.account
        own = {"partition": account.partition, "account_id": account.account_id}
        return [(action, [resource.format(**own)]) for action, resource in PROBES.items()]

    def perhaps(
        self, arn: str, admin: str, decision: Decision, context: RequestContext
    ) -> dict[str, Any]:
        """Return the same of one who may be an administrator, by a request that may be allowed."""
        found = self.witnesses.settled(arn, decision, context)
        return self.columns(arn, admin, found)

    def columns(self, arn: str, admin: str, found: Found) -> dict[str, Any]:
        """Return the columns that say by what, and by which request."""
        layers = self.callers.layers(arn)
        if admin == EVERYTHING:
            chosen = self._covering(layers, found.context)
        else:
            deciding = found.decision.statements
            named = {(each.policy, each.number) for each in deciding if each.layer == "identity"}
            chosen = [
                each
                for policy in layers.identity
                for each in policy.about(found.decision.action)
                if each.allows and (each.policy, each.number) in named
            ]
        statements = list(dict.fromkeys(map(_called, chosen)))
        return {"statements": statements, "witness": found.witness}

    def _covering(self, layers: PolicyLayers, context: RequestContext) -> list[Statement]:
        """The statements that together allow every action, each the one that adds most."""
        granting = [
            each
            for policy in layers.identity
            for each in policy.statements
            if each.allows and each.applies(context) is not False
        ]
        left = self.catalog.every_listed
        chosen: list[Statement] = []
        while left.any():
            adding = [each for each in granting if (left & self._actions(each)).any()]
            if not adding:
                break
            # What holds for certain and everywhere is enough for whoever is one for certain.
            chosen.append(
                min(
                    adding,
                    key=lambda each: (
                        each.applies(context) is None,
                        not (each.not_resources or "*" in each.resources),
                        -int(popcount(left & self._actions(each))),
                    ),
                )
            )
            left = left & ~self._actions(chosen[-1])
        return chosen

    def _actions(self, statement: Statement) -> Bits:
        """The actions that a statement is about."""
        same = (statement.actions, statement.not_actions)
        return self._bits.once(same, self._find_actions, *same)

    def _find_actions(self, patterns: tuple[str, ...], complement: bool) -> Bits:
        named = self.catalog.bits(patterns)
        return ~named if complement else named


def _called(statement: Statement) -> str:
    """What to call a statement; of a policy that is not in the evidence only the policy."""
    if DOUBT in statement.condition_keys:
        return f"{statement.policy}, which cannot be read"
    return f"{statement.name} of {statement.policy}"


def with_witnesses(found: pd.DataFrame, permissions: Permissions) -> pd.DataFrame:
    """
    Return administrators with what makes them so. Rows: see `ADMINISTRATORS`.

    `found` is what `administrators(permissions.summary())` says.
    """
    made = AdminWitnesses(permissions)
    summary = permissions.summary()
    where = summary[summary["principal_arn"].isin(found["principal_arn"])]
    contexts = lists_by_key(where["principal_arn"] + " " + where["admin"], where["context"])
    pairs = list(zip(found["principal_arn"], found["admin"], strict=True))
    columns = [made.of(arn, admin, contexts[f"{arn} {admin}"]) for arn, admin in pairs]
    return ADMINISTRATORS.conform(
        found.assign(
            statements=objects((each.get("statements", []) for each in columns), found.index),
            witness=objects((each.get("witness") for each in columns), found.index),
        )
    )
