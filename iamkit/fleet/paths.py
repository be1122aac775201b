"""
Who in one account can become administrator in another, and where most of that can be removed.

Tables are made of a `JoinedGraph` for one request context. In an account alone, `admin_paths` of
the account says the same without leaving it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from iamkit.escalation import MODES, mode_and_place
from iamkit.fleet.joined_graph import AccountPart, JoinedGraph
from iamkit.table import COUNT, OBJECT, TEXT, TRUTH, Column, Table

EFFORT: Final = 20_000_000  # edges to follow for each choke point that is found

_STEPS: Final = Column("steps", COUNT, "steps to administrator access; missing: no certain path")
_POSSIBLE: Final = Column(
    "possible_steps", COUNT, "steps if every unknown condition helps the caller"
)
_MANAGEMENT: Final = Column(
    "is_management",
    TRUTH,
    "that account is the organization's management account; missing: not known",
)

PATHS_BETWEEN: Final = Table(
    name="paths_between",
    row="one user or role that can become administrator in another account, or possibly can",
    key=("principal_arn", "admin_account"),
    columns=(
        Column("of_account", TEXT, "account of the user or role"),
        Column("principal_arn", TEXT, "user or role"),
        Column("kind", TEXT, "user or role", values=("user", "role")),
        Column("name", TEXT, "name"),
        Column("admin_account", TEXT, "account in which it can become administrator"),
        _MANAGEMENT,
        Column("context", TEXT, "request context"),
        Column(
            "has_credential",
            TRUTH,
            "has the credential of this request context; missing: not known",
        ),
        _STEPS,
        _POSSIBLE,
        Column("accounts", OBJECT, "list of the accounts on the shortest path, in order"),
        Column("route", OBJECT, "list of ARNs on it; the last one can do everything"),
        Column("how", OBJECT, "list of texts, one per step"),
    ),
)

ACCOUNT_PATHS: Final = Table(
    name="account_paths",
    row="two accounts, of which the compromise of the first reaches the second, or possibly does",
    key=("of_account", "admin_account"),
    columns=(
        Column("of_account", TEXT, "account that is compromised"),
        Column("admin_account", TEXT, "account in which that gives administrator access"),
        _MANAGEMENT,
        Column("steps", COUNT, "steps from an administrator of the first; missing: none certain"),
        _POSSIBLE,
        Column(
            "identity_count",
            COUNT,
            "users and roles of the first with a certain path in the context, and its credential",
        ),
    ),
)

CHOKE_POINTS_BETWEEN: Final = Table(
    name="choke_points_between",
    row="one change that removes paths between accounts, made after those in the rows above",
    key=("kind", "arn"),
    columns=(
        Column(
            "kind",
            TEXT,
            "identity; or trust policy: its trust in other accounts",
            values=("identity", "trust policy"),
        ),
        Column("of_account", TEXT, "account of the identity or the role"),
        Column("arn", TEXT, "user or role"),
        Column("name", TEXT, "name"),
        Column(
            "removed_count",
            COUNT,
            "pairs of an identity and an account in which it can no longer become administrator",
        ),
        Column("remaining_count", COUNT, "pairs that are left"),
    ),
)


class Graphs(NamedTuple):
    """The certain and the possible graph of a place."""

    certain: JoinedGraph
    possible: JoinedGraph

    @classmethod
    def of(cls, parts: Sequence[AccountPart], place: str) -> Graphs:
        """Join the accounts' graphs."""
        certain, possible = (JoinedGraph(parts, place, possible=each) for each in (False, True))
        return cls(certain, possible)


def paths_between(graphs: Graphs, context: str, managers: frozenset[str] | None) -> pd.DataFrame:
    """
    Return who can become administrator in another account. Rows: see `PATHS_BETWEEN`.

    `managers` are the management accounts; None: they are not known. Raises `SettingsError` for a
    context that is not one of the six.
    """
    mode, _ = mode_and_place(context)
    rows: list[dict[str, Any]] = []
    for account_id in graphs.possible.entered:
        certain, following = graphs.certain.to_admin(account_id)
        possible, perhaps = graphs.possible.to_admin(account_id)
        for part, person in _people(graphs.certain, mode, account_id):
            arn = person["principal_arn"]
            nodes = [graph.node(part.account_id, arn, mode) for graph in graphs]
            steps, most = int(certain[nodes[0]]), int(possible[nodes[1]])
            if max(steps, most) < 0:
                continue
            found = (graphs.certain, following) if steps >= 0 else (graphs.possible, perhaps)
            along = found[0].along(nodes[steps < 0], found[1])
            route, how, accounts = found[0].route(along)
            rows.append(
                {
                    **person,
                    "of_account": part.account_id,
                    "admin_account": account_id,
                    "is_management": None if managers is None else account_id in managers,
                    "context": context,
                    "steps": steps if steps >= 0 else None,
                    "possible_steps": most,
                    "accounts": accounts,
                    "route": route,
                    "how": how,
                }
            )
    return PATHS_BETWEEN.conform(pd.DataFrame(rows, columns=PATHS_BETWEEN.names))


def _people(
    graph: JoinedGraph, mode: str, account_id: str
) -> Iterator[tuple[AccountPart, dict[str, Any]]]:
    """The users and roles of the other accounts; roles come in one mode only."""
    for part in graph.parts:
        if part.account_id == account_id:
            continue
        people = part.people
        rows = people.itertuples(index=False, name=None)
        for row, able in zip(rows, part.credentials[mode], strict=True):
            person = dict(zip(people.columns, row, strict=True))
            if person["kind"] == "user" or mode == MODES[0]:
                yield part, person | {"has_credential": able}


def account_paths(
    graphs: Graphs, paths: pd.DataFrame, managers: frozenset[str] | None
) -> pd.DataFrame:
    """
    Return whose compromise reaches which account. Rows: see `ACCOUNT_PATHS`.

    `paths` are those of `paths_between`. Compromised is an account of which somebody has
    administrator access.
    """
    able = paths[paths["steps"].notna() & paths["has_credential"].fillna(True)]
    counts = able.groupby(["of_account", "admin_account"]).size()
    rows = []
    for account_id in graphs.possible.entered:
        certain, _ = graphs.certain.to_admin(account_id)
        possible, _ = graphs.possible.to_admin(account_id)
        for part in graphs.certain.parts:
            steps, most = (
                int(found[graph.admin_node(part.account_id)])
                for graph, found in zip(graphs, (certain, possible), strict=True)
            )
            if part.account_id == account_id or max(steps, most) < 0:
                continue
            rows.append(
                {
                    "of_account": part.account_id,
                    "admin_account": account_id,
                    "is_management": None if managers is None else account_id in managers,
                    "steps": steps if steps >= 0 else None,
                    "possible_steps": most,
                    "identity_count": int(counts.get((part.account_id, account_id), 0)),
                }
            )
    return ACCOUNT_PATHS.conform(pd.DataFrame(rows, columns=ACCOUNT_PATHS.names))


def choke_points_between(
    graph: JoinedGraph, paths: pd.DataFrame, context: str, number: int = 6
) -> pd.DataFrame:
    """
    Return what to remove, the best first. Rows: see `CHOKE_POINTS_BETWEEN`.

    `paths` are those of `paths_between`. Counted are certain paths of those who have the
    credential, as far as the evidence says. Each place is tried: an identity that loses its access
    by a removal came through it on its shortest path too, so no place removes more than that. With
    millions of edges only the likeliest places are tried.
    """
    mode, _ = mode_and_place(context)
    able = paths[paths["steps"].notna() & paths["has_credential"].fillna(True)]
    pairs = [
        (graph.node(of_account, arn, mode), account_id)
        for of_account, arn, account_id in able[
            ["of_account", "principal_arn", "admin_account"]
        ].itertuples(index=False, name=None)
    ]
    gone: frozenset[int] = frozenset()
    found: list[dict[str, Any]] = []
    while len(found) < number and pairs:
        best = _best(graph, pairs, gone)
        if best is None:
            break
        (kind, account_id, arn), left = best
        gone |= _nodes(graph, (kind, account_id, arn))
        found.append(
            {
                "kind": kind,
                "of_account": account_id,
                "arn": arn,
                "name": arn.rpartition("/")[2],
                "removed_count": len(pairs) - len(left),
                "remaining_count": len(left),
            }
        )
        pairs = left
    return CHOKE_POINTS_BETWEEN.conform(pd.DataFrame(found, columns=CHOKE_POINTS_BETWEEN.names))


Point = tuple[str, str, str]  # kind, account, ARN
Pair = tuple[int, str]  # a node, an account in which it can become administrator


def _best(
    graph: JoinedGraph, pairs: Sequence[Pair], gone: frozenset[int]
) -> tuple[Point, list[Pair]] | None:
    """The place whose removal stops most pairs, and those that are left."""
    most: Counter[Point] = Counter()
    for account_id in dict.fromkeys(each for _, each in pairs):
        _, following = graph.to_admin(account_id, gone)
        for node in (start for start, each in pairs if each == account_id):
            most.update(set(_points(graph, graph.along(node, following)[1:])))
    accounts = len({each for _, each in pairs})
    tries = 5 + EFFORT // (1 + len(graph.sources) * accounts)
    best: tuple[Point, list[Pair]] | None = None
    ranked = sorted(most.items(), key=lambda each: (-each[1], each[0]))
    for tried, (point, at_most) in enumerate(ranked):
        if best is not None and (at_most <= len(pairs) - len(best[1]) or tried >= tries):
            break
        left = _left(graph, pairs, gone | _nodes(graph, point))
        if len(left) < len(pairs) and (best is None or len(left) < len(best[1])):
            best = point, left
    return best


def _points(graph: JoinedGraph, nodes: Sequence[int]) -> Iterator[Point]:
    """The places along some nodes."""
    roles = {node: role for role, node in graph.roles.items()}
    for node in nodes:
        if node in roles:
            yield ("trust policy", *roles[node])
        elif (identity := graph.identity(node)) is not None:
            yield ("identity", *identity)


def _nodes(graph: JoinedGraph, point: Point) -> frozenset[int]:
    """The nodes that nobody gets to once a place is removed."""
    kind, account_id, arn = point
    if kind == "identity":
        return graph.nodes_of(account_id, arn)
    return frozenset((graph.roles[account_id, arn],))


def _left(graph: JoinedGraph, pairs: Sequence[Pair], gone: frozenset[int]) -> list[Pair]:
    """The pairs that are left without some nodes."""
    found: list[Pair] = []
    for account_id in dict.fromkeys(each for _, each in pairs):
        steps, _ = graph.to_admin(account_id, gone)
        nodes = np.array([node for node, each in pairs if each == account_id])
        found += [(int(node), account_id) for node in nodes[steps[nodes] >= 0]]
    return found
