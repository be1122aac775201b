"""
Who can gain permissions that nobody granted: each principal, each known method.

A path is *proven* where the evidence shows all of it: the permissions, certainly allowed with every
denial, boundary and condition counted, and a target that gives more than the caller has, or that
can itself become administrator, or that the caller can create. Where the caller has the permissions
but the evidence shows no such target, the path *needs a target*, and says which: a role, a
function, an instance.

Errs towards silence: what depends on a condition key that nobody knows is no row. `graph` follows
the paths from one identity to the next.

Source: `data/escalation.yaml`, which names the source of each method; IAM User Guide, "Policy
evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.access import members
from iamkit.escalation.gains import EVERYTHING, NOTHING, Gain
from iamkit.escalation.graph import ARRIVALS, PLACES, EscalationGraph, gained_mode, mode_and_place
from iamkit.escalation.targets import EscalationPath
from iamkit.memory import Memo
from iamkit.reference import EscalationMethod
from iamkit.table import OBJECT, TEXT, TRUTH, Column, Table

PROVEN: Final = "proven"
NEEDS_TARGET: Final = "needs a target"

ESCALATIONS: Final = Table(
    name="escalations",
    row="one user or role and one method by which it can gain permissions",
    key=("principal_arn", "method"),
    columns=(
        Column("principal_arn", TEXT, "user or role; service-linked roles are left out"),
        Column("kind", TEXT, "user or role", values=("user", "role")),
        Column("name", TEXT, "name"),
        Column("method", TEXT, "the method's id in escalation.yaml"),
        Column("description", TEXT, "the method in words"),
        Column("category", TEXT, "what kind of method it is"),
        Column(
            "techniques",
            OBJECT,
            "list of its techniques of MITRE ATT&CK, by id; see escalation.yaml",
        ),
        Column(
            "status",
            TEXT,
            "proven, or needs a target",
            values=(PROVEN, NEEDS_TARGET),
        ),
        Column(
            "reaches_admin",
            TRUTH,
            "proven, and the path ends in administrator access, if necessary in further steps",
        ),
        Column(
            "target_arn",
            TEXT,
            "the target with the most permissions, or the identity's own resource; missing: none",
        ),
        Column("prerequisite", TEXT, "the target that is needed; missing: the path is proven"),
        Column("context", TEXT, "the first of its possible request contexts with the largest gain"),
        Column("statements", OBJECT, "list of the statements that decide, in words"),
    ),
)


class _BestPath(NamedTuple):
    """One path of one principal, in the first context in which it gives most."""

    path: EscalationPath
    context: str
    gain: Gain


def escalations(graph: EscalationGraph, admin_paths: pd.DataFrame) -> pd.DataFrame:
    """
    Return every escalation path of every user and role. Rows: see `ESCALATIONS`.

    A user comes with what it has: active keys, a password, an MFA device; with every one of them
    where the evidence does not say; and with a key if it has nothing, since one can be created for
    it. `admin_paths` says so.
    """
    best = _BestPaths(graph, admin_paths)
    records = [
        (*principal, *best.record(found, principal[0]))
        for principal in zip(*(graph.principals[name].tolist() for name in _WHO), strict=True)
        for found in best.of(principal[0])
    ]
    return ESCALATIONS.conform(pd.DataFrame(records, columns=ESCALATIONS.names))


_WHO: Final = ("principal_arn", "kind", "name")
_SHOWN: Final = ("session", "condition")  # methods of which the evidence shows all
_FIRST_CONTEXT: Final = ARRIVALS["key"][0]


class _BestPaths:
    """What each path of a principal gives, and by whom."""

    def __init__(self, graph: EscalationGraph, admin_paths: pd.DataFrame) -> None:
        self._graph, self._gains = graph, graph.gains
        self._resources = graph.callers.resources
        self._reaching: Memo[tuple[EscalationMethod, int, str], Gain] = Memo()
        self._order = {method.id: at for at, method in enumerate(graph.available.methods)}
        able = admin_paths[admin_paths["has_credential"].fillna(True)]
        self._contexts: dict[str, list[str]] = {}
        for arn, context in zip(able["principal_arn"], able["context"], strict=True):
            self._contexts.setdefault(arn, []).append(context)

    def of(self, arn: str) -> Iterator[_BestPath]:
        """The paths of a principal, each in the first context in which it gives most."""
        found: dict[str, _BestPath] = {}
        available = self._graph.available
        for context in self._contexts.get(arn, [_FIRST_CONTEXT]):
            for path in available.paths(arn, context):
                method = path.method
                old = found.get(method.id)
                if old is not None and old.gain.more:
                    continue
                gain = self._gain(path, arn, context)
                may_need_target = method.trust != "named" and method.gains not in _SHOWN
                needs_target = bool(path.where.certain) and may_need_target
                if gain.more or (old is None and needs_target):
                    found[method.id] = _BestPath(path, context, gain)
        return (found[method] for method in sorted(found, key=self._order.__getitem__))

    def _gain(self, path: EscalationPath, arn: str, context: str) -> Gain:
        """The best of what a path certainly gives, the further paths of its targets counted."""
        if path.method.gains == "condition":
            return self._with_tags(path, arn, context)
        if path.kind == "self":
            return self._gains.own(path, arn, context)
        certain, kind = path.targets.certain, path.kind
        if not certain:
            return NOTHING
        if kind == "group":
            return self._joining(path, arn, context)
        _, place = mode_and_place(context)
        key = (path.method, certain, place)
        reaching = self._reaching.once(key, self._reaching_admin, path, certain, place)
        if reaching.more:
            return reaching
        arrived = ARRIVALS[gained_mode(path)][PLACES.index(place)]
        if path.method.gains not in ("everything", "limit"):
            best = self._gains.strongest(arn, context, kind, certain, arrived)
            return NOTHING if best is None else Gain(more=True, everything=False, target_arn=best)
        targets = (self._resources[kind].arns[at] for at in members(certain))
        if path.method.gains == "limit":
            return self._gains.without_boundary(arn, context, targets, arrived)
        gains = (
            self._gains.under_boundary(arn, context, target)._replace(target_arn=target)
            for target in targets
        )
        return next((gain for gain in gains if gain.more), NOTHING)

    def _reaching_admin(self, path: EscalationPath, certain: int, place: str) -> Gain:
        """Everything, by one of those whom a path certainly reaches; nothing if none has it."""
        arrived = ARRIVALS[gained_mode(path)][PLACES.index(place)]
        reaching = certain & self._graph.reaching_admin(path.kind, arrived)
        if not reaching:
            return NOTHING
        return EVERYTHING._replace(target_arn=self._nearest(path, reaching, arrived))

    def _with_tags(self, path: EscalationPath, arn: str, context: str) -> Gain:
        """The best of what a change of tags certainly gives, further paths counted."""
        best, available = NOTHING, self._graph.available
        _, place = mode_and_place(context)
        for changed in available.tags.of(path, arn, context):
            if not changed.certain:
                continue
            further = available.paths_changed(changed, arn, context)
            if changed.kind is None and self._gains.with_tags(changed, further):
                return EVERYTHING._replace(target_arn=changed.arn)
            own = changed.kind is None
            more = own and self._gains.more_with_tags(changed, arn, context)
            for each in further:
                found = each.targets.certain
                if each.kind not in ("user", "role") or not found:
                    continue
                arrived = ARRIVALS[gained_mode(each)][PLACES.index(place)]
                if self._graph.reaching_admin(each.kind, arrived) & found:
                    return EVERYTHING._replace(target_arn=changed.arn)
                strongest = self._gains.strongest(arn, context, each.kind, found, arrived)
                more = more or strongest is not None
            if more and not best.more:
                best = Gain(more=True, everything=False, target_arn=changed.arn)
        return best

    def _joining(self, path: EscalationPath, arn: str, context: str) -> Gain:
        """The best of what joining one of the groups gives, the further paths of each counted."""
        kind, gains = self._resources["group"], self._gains
        groups = [kind.arns[at] for at in members(path.targets.certain)]
        reaching = self._graph.reaching_admin("group", context) & path.targets.certain
        for group in sorted(groups, key=lambda group: -gains.strength(group, context)):
            gain = gains.joining(arn, context, group)
            reaches_admin = reaching & kind.set_of([group])
            if reaches_admin and gains.gets_all(arn, context, group):
                return gain._replace(more=True, everything=True)
            if gain.more:
                return gain
        return NOTHING

    def _nearest(self, path: EscalationPath, reaching: int, context: str) -> str:
        """An administrator among the targets, or the first of those that can become one."""
        administrators = self._graph.reaching_admin(path.kind, context, steps=0)
        found = reaching & administrators or reaching
        arn: str = self._resources[path.kind].arns[members(found)[0]]
        return arn

    def record(self, found: _BestPath, arn: str) -> tuple[Any, ...]:
        """The rest of a row of `ESCALATIONS`."""
        method, gain = found.path.method, found.gain
        explanations = self._graph.explanations
        return (
            method.id,
            method.name,
            method.category,
            method.techniques,
            PROVEN if gain.more else NEEDS_TARGET,
            gain.everything,
            gain.target_arn,
            None if gain.more else method.prerequisite_text,
            found.context,
            explanations.statements(method, arn, found.context, gain.target_arn),
        )
