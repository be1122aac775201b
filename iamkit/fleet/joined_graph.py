"""
Who can become whom across accounts: the graphs of all accounts, joined by the roles assumed.

Each account's graph (`escalation.graph`) has two kinds of nodes, identities and steps, by turns. A
role of another account that an identity can assume is one more step, which all who can assume it
share. An administrator of an account can become anyone in it. A session of a role carries no MFA,
and the request comes from the same place throughout.

Each place has two graphs, the certain and the possible one, as in an account.

Source: IAM User Guide, "Cross-account policy evaluation logic" and "Roles terms and concepts".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from iamkit.access import BY_CREDENTIAL, members
from iamkit.account import Account
from iamkit.escalation import MODES, PLACES, PlaceGraph, has_credential
from iamkit.fleet.assumed_roles import Assumed, AssumedRoles, Trusting
from iamkit.reference import escalation_methods

AS_ADMINISTRATOR: Final = "as an administrator, who can do everything"


@dataclass(frozen=True, eq=False)
class AccountPart:
    """What the joined graph needs of one account, so that the account itself can be let go."""

    account_id: str
    people: pd.DataFrame  # principal_arn, kind, name; the first identities of the graphs
    credentials: Mapping[str, Any]  # by mode, whether each of them can come in it
    graphs: tuple[PlaceGraph, PlaceGraph]  # certain, possible
    named: Mapping[str, tuple[str, ...]]  # users, roles and groups, by number
    assumed: tuple[Assumed, ...]

    @classmethod
    def of(cls, account: Account, place: str, others: Iterable[Trusting]) -> AccountPart:
        """Take it from an account; `others` are what the roles of all accounts allow."""
        graph, at = account.graph, PLACES.index(place)
        arriving = {mode: contexts[at] for mode, contexts in BY_CREDENTIAL.items()}
        contexts = {"user": list(arriving.values()), "role": [arriving[MODES[0]]]}
        resources = graph.callers.resources
        return cls(
            account.account_id,
            graph.principals[["principal_arn", "kind", "name"]],
            has_credential(account.credentials, graph.principals),
            (graph.of_place(place), graph.of_place(place, possible=True)),
            {kind: resources[kind].arns for kind in ("user", "role", "group")},
            tuple(AssumedRoles(account, others).of(graph.principals, contexts)),
        )


class JoinedGraph:
    """
    The graphs of one place of all accounts, as one.

    Nodes are those of each account in turn, then one for each role that another account assumes.
    """

    def __init__(self, parts: Sequence[AccountPart], place: str, *, possible: bool) -> None:
        self.parts, self.place, self._which = parts, place, int(possible)
        sizes = [part.graphs[self._which].edges.shape[0] for part in parts]
        self.first = dict(zip((part.account_id for part in parts), _starts(sizes), strict=True))
        self._part = {part.account_id: part for part in parts}
        position = {
            (part.account_id, arn): self.first[part.account_id] + at * len(MODES)
            for part in parts
            for at, arn in enumerate(self._graph(part).arns)
        }
        self._position = position
        self._base = sum(sizes)
        self.roles: dict[tuple[str, str], int] = {}  # roles assumed by other accounts: their step
        self.sources, self.targets = self._edges()

    def _graph(self, part: AccountPart) -> PlaceGraph:
        return part.graphs[self._which]

    def _edges(self) -> tuple[Any, Any]:
        """The edges of all accounts, and those from one to another."""
        sources, targets = [], []
        for part in self.parts:
            placed, first = self._graph(part), self.first[part.account_id]
            start, end = placed.edges.tocoo().coords
            # An administrator's step is one as any other, so that depths count steps.
            is_admin = (start < placed.admin_node) & (end == placed.admin_node)
            sources.append(start.astype(np.int64) + first)
            targets.append(np.where(is_admin, end + 1, end).astype(np.int64) + first)
        arrivals = {
            contexts[PLACES.index(self.place)]: MODES.index(mode)
            for mode, contexts in BY_CREDENTIAL.items()
        }
        between = []
        for part in self.parts:
            for each in part.assumed:
                role = (each.role_account, each.role_arn)
                start = self._position.get((part.account_id, each.principal_arn))
                if start is None or role not in self._position:
                    continue
                if each.certain or self._which:
                    step = self.roles.setdefault(role, self._base + len(self.roles))
                    between.append((start + arrivals[each.context], step))
        between += [(step, self._position[role]) for role, step in self.roles.items()]
        made = np.array(between, dtype=np.int64).reshape(-1, 2)
        return np.concatenate([*sources, made[:, 0]]), np.concatenate([*targets, made[:, 1]])

    def node(self, account_id: str, arn: str, mode: str) -> int:
        """The node of an identity that arrives in a mode; a role's session is always the same."""
        is_role = ":role/" in arn
        return self._position[account_id, arn] + (0 if is_role else MODES.index(mode))

    def nodes_of(self, account_id: str, arn: str) -> frozenset[int]:
        """All nodes of an identity."""
        first = self._position[account_id, arn]
        return frozenset(range(first, first + len(MODES)))

    def admin_node(self, account_id: str) -> int:
        """The node of administrator access to an account."""
        return self.first[account_id] + self._graph(self._part[account_id]).admin_node

    @cached_property
    def entered(self) -> list[str]:
        """The accounts that some identity of another account can enter."""
        return [each for each in self.first if each in {role[0] for role in self.roles}]

    def to_admin(self, account_id: str, without: frozenset[int] = frozenset()) -> tuple[Any, Any]:
        """
        For each node: steps to administrator access in an account, -1 for none; the next node.

        `without` are nodes that nobody can get to.
        """
        placed, first = self._graph(self._part[account_id]), self.first[account_id]
        goal = self._base + len(self.roles)
        ends = first + np.append(np.flatnonzero(placed.administrators), placed.admin_node)
        sources, targets = self.sources, self.targets
        if without:
            kept = ~np.isin(targets, np.fromiter(without, dtype=np.int64))
            sources, targets = sources[kept], targets[kept]
        start = np.concatenate([targets, np.full(len(ends), goal)])
        end = np.concatenate([sources, ends])
        matrix = sparse.csr_array(
            (np.ones(len(start), dtype=np.int8), (start, end)), shape=(goal + 1, goal + 1)
        )
        order, following = csgraph.breadth_first_order(matrix, goal)
        depth = np.full(goal + 1, -1, dtype=np.int64)
        deep, onward = depth.tolist(), following.tolist()
        deep[goal] = 0
        for node in order[1:].tolist():
            deep[node] = deep[onward[node]] + 1
        depth = np.array(deep)
        return np.where(depth < 0, -1, (depth - 1) // 2)[:goal], following[:goal]

    def along(self, node: int, following: Any) -> list[int]:
        """The nodes from one to its goal, both included."""
        goal, found = self._base + len(self.roles), []
        while node != goal:
            found.append(node)
            node = int(following[node])
        return found

    def route(self, nodes: Sequence[int]) -> tuple[list[str], list[str], list[str]]:
        """The identities along some nodes, how each step is made, and the accounts they are of."""
        account_id, arn = self._identity(nodes[0])
        route, how, accounts = [arn], [], [account_id]
        for at, node in enumerate(nodes[1:-1:2], start=1):
            after = nodes[2 * at]
            if node >= self._base:
                said = "sts:AssumeRole of another account"
                account_id, arn = self._identity(after)
            else:
                part, local = self._local(node)
                step, placed = self._graph(part).step(local), self._graph(part)
                said = AS_ADMINISTRATOR
                if step.method:
                    said = f"{escalation_methods()[step.method].name} ({step.method})"
                if after - self.first[part.account_id] == placed.admin_node:
                    some = members(step.targets)
                    arn = part.named[step.kind][some[0]] if len(some) else route[-1]
                else:
                    account_id, arn = self._identity(after)
            route.append(arn)
            how.append(said)
            accounts.append(account_id)
        return route, how, list(dict.fromkeys(accounts))

    def _local(self, node: int) -> tuple[AccountPart, int]:
        """The account that a node is of, and its number there."""
        firsts = list(self.first.values())
        at = int(np.searchsorted(firsts, node, side="right")) - 1
        return self.parts[at], node - firsts[at]

    def _identity(self, node: int) -> tuple[str, str]:
        part, local = self._local(node)
        return part.account_id, self._graph(part).arns[local // len(MODES)]

    def identity(self, node: int) -> tuple[str, str] | None:
        """The account and ARN of the identity that a node stands for; None for a step."""
        if node >= self._base:
            return None
        part, local = self._local(node)
        return None if local >= self._graph(part).admin_node else self._identity(node)


def _starts(sizes: Sequence[int]) -> list[int]:
    return [0, *np.cumsum(sizes).tolist()][: len(sizes)]
