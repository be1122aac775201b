"""
The few places at which most paths to administrator access can be removed.

A choke point is an identity that many paths go through, or a policy that allows many. Each is
tried: how many can still become administrator if nobody can become that identity, or if the policy
allows none of these calls any more? Where another policy allows them too, the path stays. The best
choke point is taken first, then the best of what is left.

The search is short: an identity that loses administrator access by a removal came through the
removed place on its shortest path too, so no place removes more than come through it there. The
numbers are exact. In an account of millions of edges only the likeliest places are tried, so it is
not certain there that no other place removes more.

Source: none of AWS's; what is counted here by removal is known as dominators of a flow graph.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from iamkit.access import members, union
from iamkit.escalation.explanations import AllowingPolicies
from iamkit.escalation.graph import MODES, EscalationGraph, PlaceGraph, mode_and_place
from iamkit.reference import escalation_methods
from iamkit.table import COUNT, TEXT, Column, Table

EFFORT: Final = 20_000_000  # edges to follow for each choke point that is found

CHOKE_POINTS: Final = Table(
    name="choke_points",
    row=(
        "one change that removes paths to administrator access, made after the changes in the rows "
        "above"
    ),
    key=("kind", "arn"),
    columns=(
        Column(
            "kind",
            TEXT,
            "identity, policy or trust policy",
            values=("identity", "policy", "trust policy"),
        ),
        Column("arn", TEXT, "user, role or policy; the role of a trust policy"),
        Column("name", TEXT, "its name; of an inline policy, and of its owner"),
        Column(
            "removed_count", COUNT, "users and roles that lose administrator access by this change"
        ),
        Column("remaining_count", COUNT, "users and roles that keep it, administrators aside"),
    ),
)


class ChokePoint(NamedTuple):
    """A place that may be removed."""

    kind: str
    arn: str


def choke_points(
    graph: EscalationGraph, admin_paths: pd.DataFrame, context: str, number: int = 6
) -> pd.DataFrame:
    """
    Return what to remove, the best first, for callers in a context. Rows: see `CHOKE_POINTS`.

    Counted are users and roles that have the credential for the context, as far as the evidence
    says, and are no administrators. Ends early when no single place removes anybody any more.
    Raises `SettingsError` for other contexts than the six.
    """
    search = _Search(graph, admin_paths, context)
    found: list[dict[str, Any]] = []
    while len(found) < number and (best := search.best()) is not None:
        point, removed = best
        search.remove(point)
        found.append(
            {
                **point._asdict(),
                "name": _name(point.arn),
                "removed_count": removed,
                "remaining_count": len(search.reaching()),
            }
        )
    return CHOKE_POINTS.conform(pd.DataFrame(found, columns=CHOKE_POINTS.names))


def _name(arn: str) -> str:
    """The name of a place; of an inline policy its owner's too, as many have the same name."""
    owner, _, inline = arn.partition("#")
    name = owner.rsplit("/", 1)[-1]
    return f"{inline} of {name}" if inline else name


class _Search:
    """A graph from which edges are removed, and who still gets to administrator access."""

    def __init__(self, graph: EscalationGraph, admin_paths: pd.DataFrame, context: str) -> None:
        mode, place = mode_and_place(context)
        self._graph, edges, self._allowing = _by_policy(graph, graph.of_place(place))
        self._from, self._to, self._allowed_by = edges.T  # -1: the edge needs no policy
        self._kept = np.ones(len(self._from), dtype=bool)
        self._roles = graph.roles
        self._removed: set[str] = set()
        self._sole = self._sole_policies()
        able = admin_paths.query("context == @context and steps > 0")
        able = able[able["has_credential"].fillna(True)]
        nodes = [graph.node(arn, mode) for arn in able["principal_arn"]]
        self._starts = np.array(nodes, dtype=np.int64)

    def _sole_policies(self) -> list[frozenset[ChokePoint]]:
        """For each combination of policies, those without which it no longer allows its path."""
        found = []
        for allowing in self._allowing:
            left = (names - self._removed for names in allowing)
            sole = [next(iter(names)) for names in left if len(names) == 1]
            found.append(frozenset(self._policy(arn) for arn in sole))
        return found

    def _policy(self, arn: str) -> ChokePoint:
        return ChokePoint("trust policy" if arn in self._roles else "policy", arn)

    def _search(self, kept: Any) -> tuple[Any, Any]:
        """Nodes that still get to administrator access, nearest first; the next of each node."""
        ones = np.ones(kept.sum(), dtype=np.int8)
        reversed_edges = (ones, (self._to[kept], self._from[kept]))
        shape = self._graph.edges.shape
        backwards = self._graph.backwards(sparse.csr_array(reversed_edges, shape=shape))
        order, following = csgraph.breadth_first_order(backwards, backwards.shape[0] - 1)
        return order, following

    def reaching(self, kept: Any = None) -> Any:
        """The starts that still get to administrator access."""
        order, _ = self._search(self._kept if kept is None else kept)
        return self._starts[np.isin(self._starts, order)]

    def best(self) -> tuple[ChokePoint, int] | None:
        """The place whose removal stops most, and how many; None if none stops anybody."""
        left = len(self.reaching())
        tries = 5 + EFFORT // (1 + int(self._kept.sum()))
        best: tuple[ChokePoint, int] | None = None
        for tried, (point, most) in enumerate(self._at_most().most_common(5 * tries)):
            if best is not None and (most <= best[1] or tried >= tries):
                break
            removed = left - len(self.reaching(self._kept & ~self._edges(point)))
            if removed and (best is None or removed > best[1]):
                best = point, removed
        return best

    def _at_most(self) -> Counter[ChokePoint]:
        """How many come through each place on the shortest path: it cannot stop more."""
        order, following = self._search(self._kept)
        starting = np.zeros(len(following), dtype=np.int64)
        starting[self._starts] = 1
        counts, onward = starting.tolist(), following.tolist()
        for node in order[:0:-1].tolist():
            counts[onward[node]] += counts[node]
        found: Counter[ChokePoint] = Counter()
        graph = self._graph
        for node in order[1:].tolist():
            if node < graph.admin_node:
                others = counts[node] - int(starting[node])
                found[ChokePoint("identity", graph.arns[node // len(MODES)])] += others
        tree = self._kept & (following[self._from] == self._to) & (self._allowed_by >= 0)
        for edge in np.flatnonzero(tree).tolist():
            for point in self._sole[self._allowed_by[edge]]:
                found[point] += counts[self._from[edge]]
        return +found

    def _edges(self, point: ChokePoint) -> Any:
        """The edges that a removal takes away: those into an identity, or that a policy allows."""
        if point.kind == "identity":
            first = self._graph.arns.index(point.arn) * len(MODES)
            return (self._to >= first) & (self._to < first + len(MODES))
        alone = [number for number, sole in enumerate(self._sole) if point in sole]
        return np.isin(self._allowed_by, alone)

    def remove(self, point: ChokePoint) -> None:
        """Take a place out of the graph."""
        self._kept &= ~self._edges(point)
        if point.kind != "identity":
            self._removed.add(point.arn)
            self._sole = self._sole_policies()


def _by_policy(
    graph: EscalationGraph, placed: PlaceGraph
) -> tuple[PlaceGraph, Any, list[AllowingPolicies]]:
    """
    Return the graph without dead ends, each step split by the policies that allow it.

    With it its edges, shape (edges, 3): from, to and the number of the combination of policies, -1
    for none; and those combinations.
    """
    able = placed.to_admin[0] >= 0
    sources, ends = placed.edges.tocoo().coords
    taken = np.flatnonzero((sources < placed.admin_node) & (ends > placed.admin_node) & able[ends])
    leads: dict[int, dict[int, int]] = {}
    nodes: dict[tuple[int, int], int] = {}
    numbers: dict[AllowingPolicies, int] = {}
    edges: list[tuple[int, int, int]] = []
    for node, end in zip(sources[taken].tolist(), ends[taken].tolist(), strict=True):
        if end not in leads:
            leads[end] = _leads_to(graph, placed, end, able)
        method = escalation_methods()[placed.step(end).method]
        arn, context = placed.arns[node // len(MODES)], placed.context(node)
        targets = union(1 << at for at in leads[end])
        found = graph.explanations.allowing_policies(method, arn, context, targets)
        for allowing, which in found.items():
            split = nodes.get((end, which))
            if split is None:
                split = nodes[end, which] = placed.admin_node + 1 + len(nodes)
                edges += [(split, leads[end][at], -1) for at in members(which).tolist()]
            edges.append((node, split, numbers.setdefault(allowing, len(numbers))))
    size = placed.admin_node + 1 + len(nodes)
    made = np.array(edges, dtype=np.int64).reshape(-1, 3)
    ones = np.ones(len(made), dtype=np.int8)
    matrix = sparse.csr_array((ones, (made[:, 0], made[:, 1])), shape=(size, size))
    return replace(placed, edges=matrix), made, list(numbers)


def _leads_to(graph: EscalationGraph, placed: PlaceGraph, end: int, able: Any) -> dict[int, int]:
    """The nodes that a step leads to, dead ends aside, by number of the target; 0 for oneself."""
    step = placed.step(end)
    if step.everything:
        return dict.fromkeys(members(step.targets).tolist() or [0], placed.admin_node)
    number = graph.callers.resources[step.kind].number
    nodes = placed.edges.indices[placed.edges.indptr[end] : placed.edges.indptr[end + 1]]
    return {number[placed.arns[at // len(MODES)]]: at for at in nodes.tolist() if able[at]}
