"""
The few places at which most ways to administration can be cut.

A choke point is an identity that many come through, or a policy that opens the way for many. Each
is tried out: how many can still come to do everything if nobody can become that identity, or if the
policy gives no such permission any more? Where another policy gives it too, the way stays open. The
best is taken first, then the best of what is left.

The search is short: whoever is cut off by a removal came through it on the shortest way too, so no
candidate cuts off more than come through it there. The numbers are exact; that no other place cuts
off more is not certain in an account of millions of edges, where only the likeliest are tried.

Source: none of AWS's; what is counted here by removal is known as dominators of a flow graph.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from iamkit.access import joined, members
from iamkit.escalation.explanations import Opener
from iamkit.escalation.graph import MODES, EscalationGraph, Graph, where
from iamkit.reference import escalation_methods
from iamkit.table import COUNT, TEXT, Column, Table

EFFORT: Final = 20_000_000  # edges to walk for each place that is found

CHOKE_POINTS: Final = Table(
    name="choke_points",
    row="one place at which ways to administration can be cut, after those before it",
    key=("kind", "arn"),
    columns=(
        Column(
            "kind",
            TEXT,
            "identity, policy or trust policy",
            values=(
                "identity",
                "policy",
                "trust policy",
            ),
        ),
        Column("arn", TEXT, "user, role or policy; the role of a trust policy"),
        Column("name", TEXT, "its name; of an inline policy, and of its owner"),
        Column(
            "removed_count", COUNT, "users and roles that can do everything no more once it is cut"
        ),
        Column("remaining_count", COUNT, "users and roles that still can, administrators aside"),
    ),
)

Candidate = tuple[str, str]  # kind and ARN


def choke_points(reach: EscalationGraph, context: str, number: int = 6) -> pd.DataFrame:
    """
    Return where to cut, the best first, for callers who come in a context. Rows: see `CHOKE_POINTS`.

    Counted are users and roles that can come so, as far as the evidence says, and are no
    administrators. Ends early when no single place cuts off anybody any more. Raises
    `SettingsError` for other contexts than the six.
    """
    search = _Search(reach, context)
    found: list[dict[str, Any]] = []
    while len(found) < number and (best := search.best()) is not None:
        (kind, arn), cuts = best
        search.remove((kind, arn))
        found.append({"kind": kind, "arn": arn, "name": _name(arn), "removed_count": cuts})
        found[-1]["remaining_count"] = len(search.rising())
    return CHOKE_POINTS.conform(pd.DataFrame(found, columns=CHOKE_POINTS.names))


def _name(arn: str) -> str:
    """What to call a place; an inline policy goes by its owner, too: many have the same name."""
    owner, _, inline = arn.partition("#")
    name = owner.rsplit("/", 1)[-1]
    return f"{inline} of {name}" if inline else name


class _Search:
    """A graph from which edges are taken, and who still gets to its end."""

    def __init__(self, reach: EscalationGraph, context: str) -> None:
        mode, place = where(context)
        self._graph, edges, self._openers = _opened(reach, reach.graph(place))
        self._from, self._to, self._opener = edges.T  # of an edge that needs nothing: -1
        self._kept = np.ones(len(self._from), dtype=bool)
        self._trusts = reach.roles
        self._removed: set[str] = set()
        self._sole = self._alone()
        rises = reach.rises.query("context == @context and steps > 0")
        rises = rises[rises["has_credential"].fillna(True)]
        at = {arn: number for number, arn in enumerate(self._graph.arns)}
        roles = rises["kind"].eq("role").to_numpy()
        self._starts = rises["principal_arn"].map(at).to_numpy(dtype=np.int64) * len(MODES)
        self._starts = self._starts + np.where(roles, 0, MODES.index(mode))

    def _alone(self) -> list[frozenset[Candidate]]:
        """For each opener the candidates without which it opens nothing, after the removals."""
        found = []
        for opener in self._openers:
            left = (names - self._removed for names in opener)
            sole = [next(iter(names)) for names in left if len(names) == 1]
            found.append(frozenset(self._candidate(arn) for arn in sole))
        return found

    def _candidate(self, arn: str) -> Candidate:
        return ("trust policy" if arn in self._trusts else "policy", arn)

    def _search(self, kept: Any) -> tuple[Any, Any]:
        """Nodes that still get to the end, the nearest first, and the next on the way of each."""
        ones = np.ones(kept.sum(), dtype=np.int8)
        turned = (ones, (self._to[kept], self._from[kept]))
        shape = self._graph.edges.shape
        backwards = self._graph.backwards(sparse.csr_array(turned, shape=shape))
        order, after = csgraph.breadth_first_order(backwards, backwards.shape[0] - 1)
        return order, after

    def rising(self, kept: Any = None) -> Any:
        """The starts from which there still is a way."""
        order, _ = self._search(self._kept if kept is None else kept)
        return self._starts[np.isin(self._starts, order)]

    def best(self) -> tuple[Candidate, int] | None:
        """The candidate that cuts off most, and how many; None if none cuts off anybody."""
        left = len(self.rising())
        tries = 5 + EFFORT // (1 + int(self._kept.sum()))
        best: tuple[Candidate, int] | None = None
        for tried, (candidate, most) in enumerate(self._bounds().most_common(5 * tries)):
            if best is not None and (most <= best[1] or tried >= tries):
                break
            cuts = left - len(self.rising(self._kept & ~self._edges(candidate)))
            if cuts and (best is None or cuts > best[1]):
                best = candidate, cuts
        return best

    def _bounds(self) -> Counter[Candidate]:
        """How many come through each candidate on the shortest way: no more can be cut off."""
        order, after = self._search(self._kept)
        through = np.zeros(len(after), dtype=np.int64)
        through[self._starts] = 1
        counts, following = through.tolist(), after.tolist()
        for node in order[:0:-1].tolist():
            counts[following[node]] += counts[node]
        found: Counter[Candidate] = Counter()
        graph = self._graph
        for node in order[1:].tolist():
            if node < graph.anyone:
                others = counts[node] - int(through[node])
                found["identity", graph.arns[node // len(MODES)]] += others
        tree = self._kept & (after[self._from] == self._to) & (self._opener >= 0)
        for edge in np.flatnonzero(tree).tolist():
            for candidate in self._sole[self._opener[edge]]:
                found[candidate] += counts[self._from[edge]]
        return +found

    def _edges(self, candidate: Candidate) -> Any:
        """The edges that go with a candidate: those into an identity, those a policy opens."""
        kind, arn = candidate
        if kind == "identity":
            first = self._graph.arns.index(arn) * len(MODES)
            return (self._to >= first) & (self._to < first + len(MODES))
        alone = [number for number, sole in enumerate(self._sole) if candidate in sole]
        return np.isin(self._opener, alone)

    def remove(self, candidate: Candidate) -> None:
        """Cut at a candidate."""
        self._kept &= ~self._edges(candidate)
        if candidate[0] != "identity":
            self._removed.add(candidate[1])
            self._sole = self._alone()


def _opened(reach: EscalationGraph, graph: Graph) -> tuple[Graph, Any, list[Opener]]:
    """
    Return the graph without dead ends, each step split by what opens it.

    With it its edges, shape (edges, 3): from, to and the number of the opener, if any; and the
    openers.
    """
    able = graph.rises[0] >= 0
    sources, ends = graph.edges.tocoo().coords
    taken = np.flatnonzero((sources < graph.anyone) & (ends > graph.anyone) & able[ends])
    leads: dict[int, dict[int, int]] = {}
    places: dict[tuple[int, int], int] = {}
    openers: dict[Opener, int] = {}
    edges: list[tuple[int, int, int]] = []
    for node, end in zip(sources[taken].tolist(), ends[taken].tolist(), strict=True):
        step = graph.steps[end - graph.anyone - 1]
        if end not in leads:
            leads[end] = _leads(reach, graph, end, able)
        path, arn = escalation_methods()[step.path], graph.arns[node // len(MODES)]
        targets = joined(1 << at for at in leads[end])
        found = reach.reasons.openers(path, arn, graph.context(node), targets)
        for opener, which in found.items():
            place = places.get((end, which))
            if place is None:
                place = places[end, which] = graph.anyone + 1 + len(places)
                edges += [(place, leads[end][at], -1) for at in members(which).tolist()]
            edges.append((node, place, openers.setdefault(opener, len(openers))))
    size = graph.anyone + 1 + len(places)
    made = np.array(edges, dtype=np.int64).reshape(-1, 3)
    ones = np.ones(len(made), dtype=np.int8)
    split = sparse.csr_array((ones, (made[:, 0], made[:, 1])), shape=(size, size))
    return replace(graph, edges=split), made, list(openers)


def _leads(reach: EscalationGraph, graph: Graph, end: int, able: Any) -> dict[int, int]:
    """The nodes that a step leads to, dead ends aside, by number of the target; 0 for oneself."""
    step = graph.steps[end - graph.anyone - 1]
    if step.everything:
        return dict.fromkeys(members(step.targets).tolist() or [0], graph.anyone)
    number = reach.ways.kinds[step.kind].number
    nodes = graph.edges.indices[graph.edges.indptr[end] : graph.edges.indptr[end + 1]]
    return {number[graph.arns[at // len(MODES)]]: at for at in nodes.tolist() if able[at]}
