"""
Who can become whom: a graph of identities, and the steps from one to another.

A node is an identity and the credentials it acts with: a user's access key, its password, its MFA
session, a role's session. A step is one path of `available_paths`: a role assumed, a key created
for another user, a password set, a role passed to a function. The first step is made as the caller
arrived, with MFA for instance; after that everything is done with what was gained, which carries no
MFA, from the same place. An identity that can do everything, or give itself everything, can become
anyone.

Thousands of callers who may assume the same thousands of roles share one step instead of millions
of pairs. So the graph has two kinds of nodes, identities and steps: one edge leads from each caller
to the step, and one from the step to each target.

Each place has two graphs. The certain one errs towards too few steps: a step that depends on an
unknown condition key is left out. The possible one has those too. What needs something beyond IAM's
evidence, such as a function that exists, is never a step. The graph is of one account: `trust` says
who may assume roles from other accounts.

Source: IAM User Guide, "Policy evaluation logic", "Roles terms and concepts" (role chaining) and
"Secure API access with MFA".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from iamkit.access import BY_CREDENTIAL, BY_PLACE, DEFAULT_CONTEXTS, ResourceSet, members
from iamkit.counts import counted
from iamkit.errors import SettingsError
from iamkit.escalation.available_paths import AvailablePaths
from iamkit.escalation.explanations import Explanations
from iamkit.escalation.gains import Gains
from iamkit.escalation.targets import SESSION_TAGS, EscalationPath
from iamkit.memory import Memo
from iamkit.tables import without_service_linked

# How credentials were come by, and the context that they are used in from either place.
ARRIVALS: Final = BY_CREDENTIAL

MODES: Final = tuple(BY_CREDENTIAL)
PLACES: Final = tuple(BY_PLACE)

# The graphs of a place: 0 of what is certain, 1 of what is possible.
BOTH: Final = (0, 1)

# Calls that leave their caller with a password instead of a session or an access key.
_PASSWORDS: Final = frozenset({"iam:CreateLoginProfile", "iam:UpdateLoginProfile"})


def mode_and_place(context: str) -> tuple[str, str]:
    """
    How credentials were come by, and the place, of one of the six contexts.

    Raises `SettingsError` for any other.
    """
    for mode, contexts in ARRIVALS.items():
        if context in contexts:
            return mode, PLACES[contexts.index(context)]
    known = ", ".join(DEFAULT_CONTEXTS)
    raise SettingsError(f"reach is worked out in {known}, not in {context!r}")


class Step(NamedTuple):
    """What many callers may do alike: a method, and those it leads to."""

    method: str  # its id; empty: whoever can do everything becomes anyone
    kind: str
    targets: int
    mode: str
    everything: bool


@dataclass(frozen=True, eq=False)
class PlaceGraph:
    """The steps from one place. Nodes are identities by mode, then `admin_node`, then steps."""

    place: str
    arns: tuple[str, ...]
    steps: tuple[Step, ...]
    edges: sparse.csr_array
    administrators: np.ndarray[Any, np.dtype[np.bool_]]  # by node of an identity

    @cached_property
    def admin_node(self) -> int:
        """The node of administrator access: an identity that reaches it can do everything."""
        return len(self.arns) * len(MODES)

    def step(self, node: int) -> Step:
        """The step that a node stands for."""
        return self.steps[node - self.admin_node - 1]

    def context(self, node: int) -> str:
        """The context that credentials of a node are used in."""
        return ARRIVALS[MODES[node % len(MODES)]][PLACES.index(self.place)]

    def backwards(self, reversed_edges: sparse.csr_array) -> sparse.csr_array:
        """
        Edges that are given reversed, and one node more, the last, that leads to administrators.

        A search from that node finds every identity that can become administrator.
        """
        first = np.append(np.flatnonzero(self.administrators), self.admin_node)
        columns = np.append(reversed_edges.indices, first.astype(reversed_edges.indices.dtype))
        return _matrix(columns, np.append(np.diff(reversed_edges.indptr), len(first)))

    @cached_property
    def to_admin(self) -> tuple[Any, Any]:
        """For each node: steps to administrator access, -1 for none, and the next node."""
        start = self.edges.shape[0]
        depth, before = _breadth_first(self.backwards(self.edges.T.tocsr()), start)
        steps = np.where(depth < 0, -1, (depth - 1) // 2)
        return steps[:start], before[:start]

    def from_node(self, node: int) -> tuple[Any, Any]:
        """For each node: steps from one, -1 for none, and the node before it."""
        depth, before = _breadth_first(self.edges, node)
        return np.where(depth < 0, -1, depth // 2), before


def _breadth_first(edges: sparse.csr_array, start: int) -> tuple[Any, Any]:
    """Depth of each node, -1 where no edges lead, and the node before it."""
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

    def __repr__(self) -> str:
        """Say what it is, and by what it is asked."""
        return (
            f"Who can become whom, of {counted(len(self.arns), 'identities and groups')}; ask "
            "account.reach(NAME), account.admin_paths, account.escalations, account.choke_points()"
        )

    def __init__(self, available: AvailablePaths) -> None:
        self.available = available
        self.callers = available.callers
        self.gains = Gains(self.callers)
        self.explanations = Explanations(available)
        self.account = self.callers.account
        people = self.callers.permissions.principals
        able = without_service_linked(people, self.account.roles)
        self.principals = able.reset_index(drop=True)
        resources = self.callers.resources
        self.arns = (*self.principals["principal_arn"], *resources["group"].arns)
        self.roles = frozenset(resources["role"].arns)
        self.position = {arn: at for at, arn in enumerate(self.arns)}
        self._graphs: Memo[str, tuple[PlaceGraph, PlaceGraph]] = Memo()
        self._unbounded: Memo[tuple[str, str], int] = Memo()
        self._reaching: Memo[Any, int] = Memo()
        self._onward: Memo[Any, list[tuple[Step, tuple[int, ...]]]] = Memo()
        self._positions = {
            kind: np.array(
                [self.position.get(arn, -1) for arn in resources[kind].arns], dtype=np.int32
            )
            for kind in ("user", "role", "group")
        }

    def of_place(self, place: str, *, possible: bool = False) -> PlaceGraph:
        """The graph of a place, outside or inside: of certain steps, or of all possible ones."""
        return self._graphs.once(place, self._certain_and_possible, place)[possible]

    def reaching_admin(self, kind: str, context: str, steps: int | None = None) -> int:
        """
        The users, roles or groups that can get administrator access, used in a context.

        `steps`, if given, is how many steps they may need at most.
        """
        key = (kind, context, steps)
        return self._reaching.once(key, self._find_reaching_admin, *key)

    def _find_reaching_admin(self, kind: str, context: str, steps: int | None) -> int:
        mode, place = mode_and_place(context)
        depth, positions = self.of_place(place).to_admin[0], self._positions[kind]
        depth = depth[positions * len(MODES) + MODES.index(mode)]
        depth = np.where(positions < 0, -1, depth)
        most = len(self.arns) if steps is None else steps
        return self.callers.resources[kind].select((depth >= 0) & (depth <= most))

    def node(self, arn: str, mode: str) -> int:
        """The node of an identity that came in a mode; a role's session is the same in all."""
        is_role = self.callers.kind(arn) == "role"
        return self.position[arn] * len(MODES) + (0 if is_role else MODES.index(mode))

    def first_target(self, step: Step, arn: str) -> str:
        """Whom a step goes through: the first of its targets, or the caller itself."""
        found = members(step.targets)
        return self.callers.resources[step.kind].arns[found[0]] if len(found) else arn

    # --- how a graph is made

    def _certain_and_possible(self, place: str) -> tuple[PlaceGraph, PlaceGraph]:
        """Both graphs of a place: they have the same steps, which more can possibly take."""
        administrators = self._administrators(place)
        admin_node = len(self.arns) * len(MODES)
        numbers = {Step("", "", 0, "", everything=True): 0}
        taken: tuple[list[tuple[int, int]], ...] = ([], [])
        for node in self._nodes():
            if administrators[node]:
                for edges in taken:  # more steps would only say again that it can become anyone
                    edges.append((node, admin_node))
                continue
            for step, graphs in self._steps(node, place):
                number = numbers.setdefault(step, len(numbers))
                for graph in graphs:
                    taken[graph].append((node, admin_node + 1 + number))
        steps, ends = tuple(numbers), [self._ends(step) for step in numbers]
        certain, possible = (
            PlaceGraph(place, self.arns, steps, _edges(admin_node, edges, ends), administrators)
            for edges in taken
        )
        return certain, possible

    def _ends(self, step: Step) -> Any:
        """The nodes that a step leads to."""
        if not step.method:
            return np.arange(len(self.principals), dtype=np.int32) * len(MODES)
        if step.everything:
            return np.array([len(self.arns) * len(MODES)], dtype=np.int32)
        at = self._positions[step.kind][members(step.targets)]
        at = at[at >= 0]  # a user whom only the credential report knows cannot act
        return at * len(MODES) + MODES.index(step.mode)

    def _nodes(self) -> Iterator[int]:
        """Nodes of identities: roles and what is gained with them have no modes but the first."""
        groups = ["group"] * len(self._positions["group"])
        for at, kind in enumerate([*self.principals["kind"], *groups]):
            for mode in range(1 if kind == "role" else len(MODES)):
                yield at * len(MODES) + mode

    def _administrators(self, place: str) -> Any:
        """Whether each node can do everything as it is, or give itself everything by one call."""
        found = np.zeros(len(self.arns) * len(MODES), dtype=bool)
        summary = self.callers.permissions.summary().query("admin != ''")
        for arn, context in zip(summary["principal_arn"], summary["context"], strict=True):
            mode, found_in = mode_and_place(context)
            if found_in == place and arn in self.position:
                found[self.position[arn] * len(MODES) + MODES.index(mode)] = True
        return found

    def _steps(self, node: int, place: str) -> Iterator[tuple[Step, tuple[int, ...]]]:
        """The steps that an identity can take from a node, each with the graphs that it is in."""
        at, number = divmod(node, len(MODES))
        arn, mode = self.arns[at], MODES[number]
        context = ARRIVALS[mode][PLACES.index(place)]
        for changed in self.available.tags.of_session(arn, context):
            if self.gains.with_tags(changed, ()):
                yield Step(SESSION_TAGS, "self", 0, "", everything=True), (1,)
        for path in self.available.paths(arn, context):
            if path.method.gains == "session":
                if mode != "mfa" and (found := path.targets.certain):
                    yield Step(path.method.id, "user", found, "mfa", everything=False), BOTH
            elif path.method.gains == "condition":
                yield from self._steps_with_tags(path, arn, context)
            elif path.kind == "self":
                yield from self._steps_by_oneself(path, arn, context)
            else:
                yield from self._steps_to_others(path, arn, context, mode)

    def _steps_by_oneself(
        self, path: EscalationPath, arn: str, context: str
    ) -> Iterator[tuple[Step, tuple[int, ...]]]:
        """The steps by which a caller gives itself everything."""
        gains = self.gains.own_certain_and_possible(path, arn, context)
        for graph, gain in enumerate(gains):
            if gain.everything:
                yield Step(path.method.id, path.kind, 0, "", everything=True), (graph,)

    def _steps_with_tags(
        self, path: EscalationPath, arn: str, context: str
    ) -> Iterator[tuple[Step, tuple[int, ...]]]:
        """The steps of whoever acts once a tag is changed: the change and what follows in one."""
        method = path.method.id
        for changed in self.available.tags.of(path, arn, context):
            graphs = BOTH if changed.certain else (1,)
            further = self.available.paths_changed(changed, arn, context)
            if changed.kind is None and self.gains.with_tags(changed, further):
                kind = "role" if changed.target else "self"
                yield Step(method, kind, changed.target, "", everything=True), graphs
                continue
            for each in further:
                if each.kind in ("user", "role"):
                    for targets, which in _by_graph(each.targets):
                        both = tuple(at for at in which if at in graphs)
                        if both:
                            yield Step(method, each.kind, targets, gained_mode(each), False), both

    def _steps_to_others(
        self, path: EscalationPath, arn: str, context: str, mode: str
    ) -> list[tuple[Step, tuple[int, ...]]]:
        """The steps by which a caller becomes another, or has all that a group has."""
        kind, found = path.kind, path.targets
        gained = mode if kind == "group" else gained_mode(path)
        if kind == "group":
            found = ResourceSet(self._joinable(arn, context, found.certain), found.possible)
        _, place = mode_and_place(context)
        key = (path.method.id, found, gained, place)
        return self._onward.once(key, self._steps_to, path, found, gained, place)

    def _steps_to(
        self, path: EscalationPath, found: ResourceSet, gained: str, place: str
    ) -> list[tuple[Step, tuple[int, ...]]]:
        """The steps by a path to what it leads to."""
        kind, method, made = path.kind, path.method, []
        with_key = ARRIVALS["key"][PLACES.index(place)]
        for targets, graphs in _by_graph(found):
            made.append((Step(method.id, kind, targets, gained, everything=False), graphs))
            if method.gains == "everything":
                unbounded = self._unbounded.once(
                    (kind, with_key), self.gains.unbounded, kind, with_key
                )
                if some := targets & unbounded:
                    made.append((Step(method.id, kind, some, "", everything=True), graphs))
        return made

    def _joinable(self, arn: str, context: str, groups: int) -> int:
        """Those groups that a user gets everything of by joining, denials of its own counted."""
        kind = self.callers.resources["group"]
        found = (kind.arns[at] for at in members(groups))
        return kind.set_of(each for each in found if self.gains.gets_all(arn, context, each))


def _by_graph(found: ResourceSet) -> list[tuple[int, tuple[int, ...]]]:
    """Targets, if any, and the graphs that they are in."""
    if found.certain == found.possible:
        return [(found.certain, BOTH)] if found.certain else []
    return [(targets, (graph,)) for graph, targets in enumerate(found) if targets]


def _edges(admin_node: int, taken: list[tuple[int, int]], ends: list[Any]) -> sparse.csr_array:
    """The edges of a graph: from its nodes, then from each of its steps."""
    edges = [*sorted(taken), (admin_node, admin_node + 1)]
    sources, first = np.array(edges, dtype=np.int32).T
    counts = [*np.bincount(sources, minlength=admin_node + 1).tolist(), *map(len, ends)]
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


def gained_mode(path: EscalationPath) -> str:
    """How the credentials that a path ends with were come by; a session counts as a key."""
    return "key" if _PASSWORDS.isdisjoint(path.method.permissions) else "password"
