"""
Who can become whom: a graph of identities, and the ways from one to another.

A node is an identity and how its credentials were come by: a user's key, its password, its MFA
session, a role's session. An edge is one step by one of `ways`: a role assumed, a key made for
another user, a password set, a role handed to a function. The first step is made as the caller
came, with MFA for instance; after that everything is done with what was gained, which carries no
MFA, from the same place. Whoever can do everything, or give itself everything, can become anyone.

Between a caller and those it can become stands a step, which callers and targets share: thousands
who may assume the same thousands of roles are one step, not millions of pairs. So the graph is of
two kinds of nodes in turn, and a step is two edges.

Only what is certain counts, unless said otherwise: an edge that hangs on a condition key nobody
knows is left out, which errs towards too short a reach; `perhaps` has those too. What needs
something beyond IAM's evidence, such as a function that exists, is never an edge. The graph is of
one account: who comes in from elsewhere is `doors`' subject.

Source: IAM User Guide, "Policy evaluation logic", "Roles terms and concepts" (role chaining) and
"Secure API access with MFA".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from iamkit.access import BY_CREDENTIAL, BY_PLACE, DEFAULT_CONTEXTS, ResourceSet, members
from iamkit.errors import SettingsError
from iamkit.escalation.available_paths import AvailablePaths, EscalationPath
from iamkit.escalation.explanations import Explanations
from iamkit.escalation.gains import Gains
from iamkit.reference import escalation_methods
from iamkit.table import COUNT, OBJECT, TEXT, TRUTH, Column, Table, objects

# How credentials were come by, and the context that they are used in from either place.
ARRIVALS: Final = BY_CREDENTIAL

MODES: Final = tuple(BY_CREDENTIAL)
PLACES: Final = tuple(BY_PLACE)

# The graphs of a place: 0 of what is certain, 1 of what is possible.
BOTH: Final = (0, 1)

# What a step leaves its caller with, if not a session or a key.
_PASSWORDS: Final = frozenset({"iam:CreateLoginProfile", "iam:UpdateLoginProfile"})

REACHED: Final = Table(
    name="reached",
    row="one user or role that a caller can become",
    key=("principal_arn",),
    columns=(
        Column("principal_arn", TEXT, "whom the caller can become"),
        Column(
            "kind",
            TEXT,
            "user or role",
            values=(
                "user",
                "role",
            ),
        ),
        Column("name", TEXT, "name"),
        Column("steps", COUNT, "steps that it takes, at least one"),
        Column("admin", TRUTH, "can do everything, as it is reached"),
        Column("route", OBJECT, "list of ARNs from the caller to it"),
        Column("how", OBJECT, "list of texts, one per step: the way and the deciding statements"),
    ),
)

ADMIN_PATHS: Final = Table(
    name="admin_paths",
    row="one user or role in one context",
    key=("principal_arn", "context"),
    columns=(
        Column("principal_arn", TEXT, "user or role"),
        Column(
            "kind",
            TEXT,
            "user or role",
            values=(
                "user",
                "role",
            ),
        ),
        Column("name", TEXT, "name"),
        Column("context", TEXT, "how it came, one of the six"),
        Column("has_credential", TRUTH, "it has what it takes to come so; missing: not known"),
        Column("steps", COUNT, "steps to administration; 0: it is there; missing: none is certain"),
        Column("possible_steps", COUNT, "the same if what nobody knows helps the caller"),
        Column("route", OBJECT, "list of ARNs on the shortest way; the last may do everything"),
        Column("how", OBJECT, "list of texts, one per step: the way and the deciding statements"),
    ),
)


def where(context: str) -> tuple[str, str]:
    """
    How credentials were come by, and the place, of one of the six contexts.

    Raises `SettingsError` for any other.
    """
    for mode, contexts in ARRIVALS.items():
        if context in contexts:
            return mode, PLACES[contexts.index(context)]
    raise SettingsError(f"reach is worked out in {', '.join(DEFAULT_CONTEXTS)}, not in {context!r}")


class Step(NamedTuple):
    """What many callers may do alike: a way, and those it leads to."""

    path: str
    kind: str
    targets: int
    mode: str
    everything: bool


@dataclass(frozen=True, eq=False)
class Graph:
    """The steps from one place. Nodes are identities by mode, then `anyone`, then steps."""

    place: str
    arns: tuple[str, ...]
    steps: tuple[Step, ...]
    edges: sparse.csr_array
    administrators: np.ndarray[Any, np.dtype[np.bool_]]  # by node of an identity

    @cached_property
    def anyone(self) -> int:
        """The node of whoever can do everything."""
        return len(self.arns) * len(MODES)

    def context(self, node: int) -> str:
        """The context that credentials of a node are used in."""
        return ARRIVALS[MODES[node % len(MODES)]][PLACES.index(self.place)]

    def backwards(self, turned: sparse.csr_array) -> sparse.csr_array:
        """
        Edges given the wrong way round, and one node more, the last, that leads to administrators.

        Searched from there, they lead back to whoever can rise.
        """
        first = np.append(np.flatnonzero(self.administrators), self.anyone)
        columns = np.append(turned.indices, first.astype(turned.indices.dtype))
        return _matrix(columns, np.append(np.diff(turned.indptr), len(first)))

    @cached_property
    def rises(self) -> tuple[Any, Any]:
        """For each node: steps to administration, -1 for none, and the next node on the way."""
        start = self.edges.shape[0]
        depth, before = _breadth_first(self.backwards(self.edges.T.tocsr()), start)
        steps = np.where(depth < 0, -1, (depth - 1) // 2)
        return steps[:start], before[:start]

    def from_node(self, node: int) -> tuple[Any, Any]:
        """For each node: steps from one, -1 for none, and the node before it."""
        depth, before = _breadth_first(self.edges, node)
        return np.where(depth < 0, -1, depth // 2), before


def _breadth_first(edges: sparse.csr_array, start: int) -> tuple[Any, Any]:
    """Depth of each node, -1 where there is no way, and the node before it."""
    order, before = csgraph.breadth_first_order(edges, start, return_predecessors=True)
    depth = np.full(edges.shape[0], -1, dtype=np.int64)
    depth[start] = 0
    deep = depth.tolist()
    previous = before.tolist()
    for node in order[1:].tolist():
        deep[node] = deep[previous[node]] + 1
    return np.array(deep), before


class EscalationGraph:
    """The graphs of an account, made when first asked for."""

    def __init__(self, ways: AvailablePaths) -> None:
        self.ways = ways
        self.worth = Gains(ways)
        self.reasons = Explanations(ways)
        self.account = ways.account
        people = ways.permissions.principals
        linked = self.account.roles.loc[self.account.roles["service_linked"], "role_arn"]
        self.people = people[~people["principal_arn"].isin(linked)].reset_index(drop=True)
        groups = ways.kinds["group"].arns
        self.arns = (*self.people["principal_arn"], *groups)
        self.roles = frozenset(ways.kinds["role"].arns)
        self._at = {arn: at for at, arn in enumerate(self.arns)}
        self._graphs: dict[str, tuple[Graph, Graph]] = {}
        self._free: dict[tuple[str, str], int] = {}
        self._risen: dict[Any, int] = {}
        self._hops: dict[Any, str] = {}
        self._numbers = {
            kind: np.array([self._at.get(arn, -1) for arn in ways.kinds[kind].arns], dtype=np.int32)
            for kind in ("user", "role", "group")
        }

    # --- the graphs

    def graph(self, place: str, *, perhaps: bool = False) -> Graph:
        """The graph of a place, `outside` or `inside`; `perhaps` with what nobody knows in it."""
        if place not in self._graphs:
            self._graphs[place] = self._both(place)
        return self._graphs[place][perhaps]

    def _both(self, place: str) -> tuple[Graph, Graph]:
        """The graph of what is certain, and of what is possible: the same steps, taken by more."""
        administrators = self._administrators(place)
        anyone = len(self.arns) * len(MODES)
        numbers = {Step("", "", 0, "", everything=True): 0}
        taken: tuple[list[tuple[int, int]], ...] = ([], [])
        for node in self._nodes():
            if administrators[node]:
                for edges in taken:  # more would say no more than that it can become anyone
                    edges.append((node, anyone))
                continue
            for step, graphs in self._steps(node, place):
                number = numbers.setdefault(step, len(numbers))
                for graph in graphs:
                    taken[graph].append((node, anyone + 1 + number))
        steps, ends = tuple(numbers), [self._ends(step) for step in numbers]
        certain, possible = (
            Graph(place, self.arns, steps, _edges(anyone, edges, ends), administrators)
            for edges in taken
        )
        return certain, possible

    def _ends(self, step: Step) -> Any:
        """The nodes that a step leads to."""
        if not step.path:
            return np.arange(len(self.people), dtype=np.int32) * len(MODES)
        if step.everything:
            return np.array([len(self.arns) * len(MODES)], dtype=np.int32)
        at = self._numbers[step.kind][members(step.targets)]
        at = at[at >= 0]  # a user whom only the credential report knows cannot act
        return at * len(MODES) + MODES.index(step.mode)

    def _nodes(self) -> Iterator[int]:
        """Nodes of identities: roles and what is gained with them have no modes but the first."""
        for at, kind in enumerate([*self.people["kind"], *["group"] * len(self._numbers["group"])]):
            for mode in range(1 if kind == "role" else len(MODES)):
                yield at * len(MODES) + mode

    def _administrators(self, place: str) -> Any:
        """Whether each node can do everything as it is, or give itself everything by one call."""
        found = np.zeros(len(self.arns) * len(MODES), dtype=bool)
        summary = self.ways.permissions.summary().query("admin != ''")
        for arn, context in zip(summary["principal_arn"], summary["context"], strict=True):
            mode, found_in = where(context)
            if found_in == place and arn in self._at:
                found[self._at[arn] * len(MODES) + MODES.index(mode)] = True
        return found

    def _steps(self, node: int, place: str) -> Iterator[tuple[Step, tuple[int, ...]]]:
        """The steps that an identity can take from a node, each with the graphs that it is in."""
        at, mode = divmod(node, len(MODES))
        arn, context = self.arns[at], ARRIVALS[MODES[mode]][PLACES.index(place)]
        for way in self.ways.of(arn, context):
            path, kind, found = way.path, way.kind, way.found
            if path.gains == "session":
                if MODES[mode] != "mfa" and found.certain:
                    yield Step(path.id, "user", found.certain, "mfa", everything=False), BOTH
                continue
            if kind == "self":
                for graph, gain in enumerate(self.worth.own_either(way, arn, context)):
                    if gain.everything:
                        yield Step(path.id, kind, 0, "", everything=True), (graph,)
                continue
            gained = MODES[mode] if kind == "group" else arrives(way)
            if kind == "group":
                found = ResourceSet(self._joinable(arn, context, found.certain), found.possible)
            for targets, graphs in _by_graph(found):
                yield Step(path.id, kind, targets, gained, everything=False), graphs
                if path.gains == "everything":
                    first = ARRIVALS["key"][PLACES.index(place)]
                    if free := targets & self._unbounded(kind, first):
                        yield Step(path.id, kind, free, "", everything=True), graphs

    def _joinable(self, arn: str, context: str, groups: int) -> int:
        """Those groups that a user gets everything of by joining, denials of its own counted."""
        kind = self.ways.kinds["group"]
        found = (kind.arns[at] for at in members(groups))
        return kind.of(each for each in found if self.worth.gets_all(arn, context, each))

    def _unbounded(self, kind: str, context: str) -> int:
        if (kind, context) not in self._free:
            self._free[kind, context] = self.worth.unbounded(kind, context)
        return self._free[kind, context]

    def risen(self, kind: str, context: str, steps: int | None = None) -> int:
        """
        The users, roles or groups that can come to do everything, used in a context.

        `steps`, if given, is how many steps they may need at most.
        """
        if (kind, context, steps) not in self._risen:
            mode, place = where(context)
            depth = self.graph(place).rises[0]
            at = self._numbers[kind] * len(MODES) + MODES.index(mode)
            depth = np.where(self._numbers[kind] < 0, -1, depth[at])
            most = len(self.arns) if steps is None else steps
            self._risen[kind, context, steps] = self.ways.kinds[kind].where(
                (depth >= 0) & (depth <= most)
            )
        return self._risen[kind, context, steps]

    # --- questions

    def of(self, arn: str, context: str) -> pd.DataFrame:
        """
        Whom a user or role can become from a context, in any number of steps. Rows: see `REACHED`.

        The nearest first. A role's session is the same whatever the context but for its place.
        Raises `SettingsError` for a context that is not one of the six, and for root and
        service-linked roles.
        """
        mode, place = where(context)
        if arn not in self._at:
            raise SettingsError(f"{arn} is nobody who could become another: name a user or a role")
        graph = self.graph(place)
        kind = self.ways.caller(arn).kind
        start = self._at[arn] * len(MODES) + (0 if kind == "role" else MODES.index(mode))
        steps, before = graph.from_node(start)
        nodes = steps[: len(self.people) * len(MODES)].reshape(-1, len(MODES))
        nearest = np.where(nodes < 0, np.iinfo(np.int64).max, nodes).argmin(axis=1)
        found = np.arange(len(self.people)) * len(MODES) + nearest
        found = found[(steps[found] > 0) & (found // len(MODES) != self._at[arn])]
        found = found[np.argsort(steps[found], kind="stable")]
        people = self.people.iloc[found // len(MODES)].reset_index(drop=True)
        walks = [self._walk(graph, _back(before, start, node)) for node in found.tolist()]
        return REACHED.conform(
            people[["principal_arn", "kind", "name"]].assign(
                steps=steps[found],
                admin=graph.administrators[found],
                route=objects(route for route, _ in walks),
                how=objects(how for _, how in walks),
            )
        )

    @cached_property
    def rises(self) -> pd.DataFrame:
        """
        Who can come to do everything, in which contexts and how. Rows: see `ADMIN_PATHS`.

        Roles are in the two contexts without MFA only: their sessions carry none.
        """
        parts = [self._rises(context) for context in DEFAULT_CONTEXTS]
        return ADMIN_PATHS.conform(pd.concat(parts, ignore_index=True))

    def _rises(self, context: str) -> pd.DataFrame:
        mode, place = where(context)
        graph, wider = self.graph(place), self.graph(place, perhaps=True)
        people = self.people if mode == "key" else self.people[self.people["kind"].eq("user")]
        nodes = people.index.to_numpy() * len(MODES) + MODES.index(mode)
        steps, after = graph.rises
        walks = [
            self._walk(graph, list(_forth(after, node, graph))) if steps[node] >= 0 else ([], [])
            for node in nodes.tolist()
        ]
        made = people[["principal_arn", "kind", "name"]].assign(
            context=context,
            has_credential=self._comes(people, mode),
            steps=_counted(steps[nodes]),
            possible_steps=_counted(wider.rises[0][nodes]),
        )
        return made.assign(
            route=objects((route for route, _ in walks), made.index),
            how=objects((how for _, how in walks), made.index),
        )

    def _comes(self, people: pd.DataFrame, mode: str) -> pd.Series[Any]:
        """Whether each has the credentials to come in a mode."""
        held = self.account.credentials.set_index("user_arn").reindex(people["principal_arn"])
        keys, password = held["keys_active"].gt(0), held["password_enabled"]
        able = {
            "key": keys,
            "password": password,
            "mfa": held["mfa_registered"] & (keys | password),
        }
        flags = able[mode].astype("boolean").set_axis(people.index)
        return flags.mask(people["kind"].eq("role"), True)

    # --- walks

    def _walk(self, graph: Graph, nodes: list[int]) -> tuple[list[str], list[str]]:
        """The identities along a walk, and how each step is made."""
        route, how = [self.arns[nodes[0] // len(MODES)]], []
        steps = [at for at, node in enumerate(nodes) if node > graph.anyone]
        for at in steps:
            step = graph.steps[nodes[at] - graph.anyone - 1]
            before, after = nodes[at - 1], nodes[at + 1]
            if not step.path:
                route.append(self.arns[after // len(MODES)])
                how.append("as one who can do everything")
                continue
            own = after == graph.anyone
            target = self.first(step, route[-1]) if own else self.arns[after // len(MODES)]
            route.append(target)
            how.append(self._hop(graph, step, before, target))
        return route, how

    def first(self, step: Step, arn: str) -> str:
        """Whom a step goes through: the first of its targets, or the caller itself."""
        found = members(step.targets)
        return self.ways.kinds[step.kind].arns[found[0]] if len(found) else arn

    def _hop(self, graph: Graph, step: Step, before: int, target: str) -> str:
        """One step in words, with the statements that decide it."""
        asked = (before, step.path, target, graph.place)
        if asked not in self._hops:
            arn = self.arns[before // len(MODES)]
            path = escalation_methods()[step.path]
            used = None if step.kind == "self" else target
            texts = self.reasons.of(path, arn, graph.context(before), used)
            self._hops[asked] = f"{path.name} ({path.id}): {'; '.join(texts)}"
        return self._hops[asked]


def _by_graph(found: ResourceSet) -> list[tuple[int, tuple[int, ...]]]:
    """Targets, if any, and the graphs that they are in."""
    if found.certain == found.possible:
        return [(found.certain, BOTH)] if found.certain else []
    return [(targets, (graph,)) for graph, targets in enumerate(found) if targets]


def _edges(anyone: int, taken: list[tuple[int, int]], ends: list[Any]) -> sparse.csr_array:
    """The edges of a graph: from its nodes, then from each of its steps."""
    sources, first = np.array([*sorted(taken), (anyone, anyone + 1)], dtype=np.int32).T
    counts = [*np.bincount(sources, minlength=anyone + 1).tolist(), *map(len, ends)]
    return _matrix(np.concatenate([first, *ends]), counts)


def _matrix(columns: Any, counts: Any) -> sparse.csr_array:
    """Ones at these columns, row after row, of which `counts` says how many each has."""
    rows = np.zeros(len(counts) + 1, dtype=columns.dtype)
    np.cumsum(counts, out=rows[1:])
    made = sparse.csr_array(
        (np.ones(len(columns), dtype=np.int8), columns, rows), shape=(len(counts), len(counts))
    )
    made.sort_indices()
    return made


def arrives(way: EscalationPath) -> str:
    """How the credentials that a way ends with were come by; a session counts as a key."""
    return "key" if _PASSWORDS.isdisjoint(way.path.permissions) else "password"


def _back(before: Any, start: int, node: int) -> list[int]:
    """The nodes of a walk from its start to a node."""
    walk = [node]
    while walk[-1] != start:
        walk.append(int(before[walk[-1]]))
    return walk[::-1]


def _forth(after: Any, node: int, graph: Graph) -> Iterator[int]:
    """The nodes of a walk from a node to administration."""
    yield node
    while node != graph.anyone and not (node < graph.anyone and graph.administrators[node]):
        node = int(after[node])
        yield node


def _counted(steps: Any) -> Any:
    """Hops as an array; -1 is missing."""
    counted = pd.Series(steps, dtype="Int64")
    return counted.mask(counted < 0).array
