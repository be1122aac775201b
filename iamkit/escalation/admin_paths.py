"""Who can become administrator and how, and whom one identity can become: the graph as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access import DEFAULT_CONTEXTS
from iamkit.errors import SettingsError
from iamkit.escalation.graph import MODES, EscalationGraph, PlaceGraph, Step, mode_and_place
from iamkit.memory import Memo
from iamkit.reference import escalation_methods
from iamkit.table import COUNT, OBJECT, TEXT, TRUTH, Column, Table, objects

REACHABLE: Final = Table(
    name="reachable",
    row="one user or role that a caller can become",
    key=("principal_arn",),
    columns=(
        Column("principal_arn", TEXT, "whom the caller can become"),
        Column("kind", TEXT, "user or role", values=("user", "role")),
        Column("name", TEXT, "name"),
        Column("steps", COUNT, "number of steps, at least one"),
        Column("admin", TRUTH, "can do everything when it is reached"),
        Column("route", OBJECT, "list of ARNs from the caller to it"),
        Column("how", OBJECT, "list of texts, one per step: the method, the deciding statements"),
    ),
)

ADMIN_PATHS: Final = Table(
    name="admin_paths",
    row="one user or role in one context",
    key=("principal_arn", "context"),
    columns=(
        Column("principal_arn", TEXT, "user or role"),
        Column("kind", TEXT, "user or role", values=("user", "role")),
        Column("name", TEXT, "name"),
        Column("context", TEXT, "request context"),
        Column(
            "has_credential",
            TRUTH,
            "has the credential of this request context; missing: not known",
        ),
        Column(
            "steps", COUNT, "steps to administrator access; 0: has it; missing: no certain path"
        ),
        Column("possible_steps", COUNT, "steps if every unknown condition helps the caller"),
        Column(
            "route", OBJECT, "list of ARNs on the shortest path; the last one can do everything"
        ),
        Column("how", OBJECT, "list of texts, one per step: the method, the deciding statements"),
    ),
)


def reachable(graph: EscalationGraph, arn: str, context: str) -> pd.DataFrame:
    """
    Whom a user or role can become from a context, in any number of steps. Rows: see `REACHABLE`.

    The nearest first. A role's session is the same whatever the context but for its place.
    Raises `SettingsError` for a context that is not one of the six, and for root and
    service-linked roles.
    """
    mode, place = mode_and_place(context)
    if arn not in graph.position:
        raise SettingsError(f"only an AWS service uses the role {arn}; name another user or role")
    placed, count = graph.of_place(place), len(graph.principals)
    start = graph.node(arn, mode)
    steps, before = placed.from_node(start)
    by_mode = steps[: count * len(MODES)].reshape(-1, len(MODES))
    nearest = np.where(by_mode < 0, np.iinfo(np.int64).max, by_mode).argmin(axis=1)
    nodes = np.arange(count) * len(MODES) + nearest
    nodes = nodes[(steps[nodes] > 0) & (nodes // len(MODES) != graph.position[arn])]
    nodes = nodes[np.argsort(steps[nodes], kind="stable")]
    principals = graph.principals.iloc[nodes // len(MODES)].reset_index(drop=True)
    routes = _Routes(graph)
    found = [routes.route(placed, _backwards(before, start, node)) for node in nodes.tolist()]
    return REACHABLE.conform(
        principals[["principal_arn", "kind", "name"]].assign(
            steps=steps[nodes],
            admin=placed.administrators[nodes],
            route=objects(route for route, _ in found),
            how=objects(how for _, how in found),
        )
    )


def admin_paths(graph: EscalationGraph) -> pd.DataFrame:
    """
    Who can become administrator, in which contexts and how. Rows: see `ADMIN_PATHS`.

    Roles are in the two contexts without MFA only: their sessions carry none.
    """
    routes = _Routes(graph)
    who = graph.principals
    users = np.flatnonzero(who["kind"].eq("user").to_numpy())
    able = has_credential(graph.account.credentials, who)
    places, contexts, able_in, steps, possible_steps, found = [], [], [], [], [], []
    for context in DEFAULT_CONTEXTS:
        mode, place = mode_and_place(context)
        at = np.arange(len(who)) if mode == "key" else users
        nodes = at * len(MODES) + MODES.index(mode)
        certain, possible = graph.of_place(place), graph.of_place(place, possible=True)
        places.append(at)
        contexts += [context] * len(at)
        able_in.append(able[mode].iloc[at])
        steps.append(certain.to_admin[0][nodes])
        possible_steps.append(possible.to_admin[0][nodes])
        found += routes.to_admin(certain, nodes.tolist())
    made = who[["principal_arn", "kind", "name"]].iloc[np.concatenate(places)]
    made = made.reset_index(drop=True).assign(
        context=contexts,
        has_credential=pd.concat(able_in).array,
        steps=_counted(np.concatenate(steps)),
        possible_steps=_counted(np.concatenate(possible_steps)),
        route=objects(route for route, _ in found),
        how=objects(how for _, how in found),
    )
    return ADMIN_PATHS.conform(made)


def has_credential(
    credentials: pd.DataFrame, principals: pd.DataFrame
) -> dict[str, pd.Series[Any]]:
    """For each mode, whether each has the credentials to come in it; missing: nobody knows."""
    reported = credentials.set_index("user_arn").reindex(principals["principal_arn"])
    keys, password = reported["keys_active"].gt(0), reported["password_enabled"]
    able = {
        "key": keys,
        "password": password,
        "mfa": reported["mfa_registered"] & (keys | password),
    }
    roles = principals["kind"].eq("role").to_numpy()
    return {mode: flags.astype("boolean").mask(roles, True) for mode, flags in able.items()}


class _Routes:
    """Routes through a graph: the identities on them, and each step in words."""

    def __init__(self, graph: EscalationGraph) -> None:
        self._graph = graph
        self._texts: Memo[tuple[int, str, str, str], str] = Memo()

    def to_admin(self, placed: PlaceGraph, nodes: list[int]) -> list[tuple[list[str], list[str]]]:
        """The shortest route of each node to administrator access; empty lists where none leads."""
        steps, following = placed.to_admin
        return [
            self.route(placed, list(_forwards(following, node, placed)))
            if steps[node] >= 0
            else ([], [])
            for node in nodes
        ]

    def route(self, placed: PlaceGraph, nodes: list[int]) -> tuple[list[str], list[str]]:
        """The identities along some nodes, and how each step is made."""
        arns = self._graph.arns
        route, how = [arns[nodes[0] // len(MODES)]], []
        for at, node in enumerate(nodes):
            if node <= placed.admin_node:
                continue
            step, before, after = placed.step(node), nodes[at - 1], nodes[at + 1]
            if not step.method:
                route.append(arns[after // len(MODES)])
                how.append("as an administrator, who can do everything")
                continue
            ends_here = after == placed.admin_node
            target = (
                self._graph.first_target(step, route[-1])
                if ends_here
                else arns[after // len(MODES)]
            )
            route.append(target)
            key = (before, step.method, target, placed.place)
            how.append(self._texts.once(key, self._text, placed, step, before, target))
        return route, how

    def _text(self, placed: PlaceGraph, step: Step, before: int, target: str) -> str:
        """One step in words, with the statements that decide it."""
        method, arn = escalation_methods()[step.method], self._graph.arns[before // len(MODES)]
        used = None if step.kind == "self" else target
        context = placed.context(before)
        texts = self._graph.explanations.statements(method, arn, context, used)
        return f"{method.name} ({method.id}): {'; '.join(texts)}"


def _backwards(before: Any, start: int, node: int) -> list[int]:
    """The nodes of a route from its start to a node."""
    route = [node]
    while route[-1] != start:
        route.append(int(before[route[-1]]))
    return route[::-1]


def _forwards(following: Any, node: int, placed: PlaceGraph) -> Iterator[int]:
    """The nodes of a route from a node to administrator access."""
    yield node
    end = placed.admin_node
    while node != end and not (node < end and placed.administrators[node]):
        node = int(following[node])
        yield node


def _counted(steps: Any) -> Any:
    """Steps as an array; -1 is missing."""
    counted = pd.Series(steps, dtype="Int64")
    return counted.mask(counted < 0).array
