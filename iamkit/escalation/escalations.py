"""
Who can gain permissions that nobody gave them: each principal, each known way.

A way is *proven* where the evidence shows all of it: the permissions, certainly allowed with every
denial, boundary and condition counted, and a target that gives more than the caller has, or that
can itself come to do everything, or that the caller can make. Where the caller has the permissions
but the evidence shows no such target, the way *needs a target*, and says which: a role, a function,
an instance.

Errs towards silence: what hangs on a condition key that nobody knows is no row. `reach` follows the
ways from one identity to the next.

Source: `data/escalation.yaml`, which names the source of each way; IAM User Guide, "Policy
evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.access import members
from iamkit.escalation.available_paths import EscalationPath
from iamkit.escalation.gains import NOTHING, Gain
from iamkit.escalation.graph import ARRIVALS, PLACES, EscalationGraph, arrives, where
from iamkit.table import OBJECT, TEXT, TRUTH, Column, Table

PROVEN: Final = "proven"
NEEDS_TARGET: Final = "needs a target"

ESCALATIONS: Final = Table(
    name="escalations",
    row="one user or role and one way by which it can gain permissions",
    key=("principal_arn", "method"),
    columns=(
        Column("principal_arn", TEXT, "user or role; service-linked roles are left out"),
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
        Column("method", TEXT, "the way's id in escalation.yaml"),
        Column("description", TEXT, "the way in words"),
        Column("category", TEXT, "what kind of way it is"),
        Column(
            "status",
            TEXT,
            "proven, or needs a target",
            values=(
                "proven",
                "needs a target",
            ),
        ),
        Column(
            "reaches_admin", TRUTH, "a proven way to everything, the target's further ways counted"
        ),
        Column("target_arn", TEXT, "the best target, or what of its own it uses; missing: none"),
        Column("prerequisite", TEXT, "what target it takes; missing if proven"),
        Column("context", TEXT, "the first in which the way is open, of those it can come in"),
        Column("statements", OBJECT, "list of texts: the statements that decide"),
    ),
)


class _Found(NamedTuple):
    """One way of one principal, as good as it gets in any context it can come in."""

    way: EscalationPath
    context: str
    gain: Gain


def escalations(reach: EscalationGraph) -> pd.DataFrame:
    """
    Return every way of every user and role. Rows: see `ESCALATIONS`.

    A user comes with what it has: active keys, a password, an MFA device; with every one of them
    where the evidence does not say, and with a key if it has nothing, since one can be made for it.
    """
    judge = _Judge(reach)
    records = [
        (*person, *judge.record(found, person[0]))
        for person in zip(*(reach.people[name].tolist() for name in _WHO), strict=True)
        for found in judge.best(person[0])
    ]
    return ESCALATIONS.conform(pd.DataFrame(records, columns=ESCALATIONS.names))


_WHO: Final = ("principal_arn", "kind", "name")


class _Judge:
    """Tells for one way after the other what it gives, and to whom it leads."""

    def __init__(self, reach: EscalationGraph) -> None:
        self.reach, self.ways, self.worth = reach, reach.ways, reach.worth
        comes = reach.rises[reach.rises["has_credential"].fillna(True)]
        self._comes: dict[str, list[str]] = {}
        for arn, context in zip(comes["principal_arn"], comes["context"], strict=True):
            self._comes.setdefault(arn, []).append(context)

    def best(self, arn: str) -> Iterator[_Found]:
        """The ways of a principal, each in the first context in which it gives most."""
        found: dict[str, _Found] = {}
        for context in self._comes.get(arn, [each for each, _ in ARRIVALS.values()][:1]):
            for way in self.ways.of(arn, context):
                old = found.get(way.path.id)
                if old is not None and old.gain.more:
                    continue
                gain = self._gain(way, arn, context)
                lacking = way.held[0] and way.path.trust != "named" and way.path.gains != "session"
                if gain.more or (old is None and lacking):
                    found[way.path.id] = _Found(way, context, gain)
        order = self.ways.listed
        return (found[path.id] for path in order if path.id in found)

    def _gain(self, way: EscalationPath, arn: str, context: str) -> Gain:
        if way.kind == "self":
            return self.worth.own(way, arn, context)
        if not way.found.certain:
            return NOTHING
        if way.kind == "group":
            return self._joining(way, arn, context)
        _, place = where(context)
        arrived = ARRIVALS[arrives(way)][PLACES.index(place)]
        if risen := way.found.certain & self.reach.risen(way.kind, arrived):
            return Gain(more=True, everything=True, target_arn=self._nearest(way, risen, arrived))
        if way.path.gains not in ("everything", "limit"):
            best = self.worth.best(arn, context, way.kind, way.found.certain, arrived)
            return NOTHING if best is None else Gain(more=True, everything=False, target_arn=best)
        targets = (self.ways.kinds[way.kind].arns[at] for at in members(way.found.certain))
        if way.path.gains == "limit":
            return self.worth.unlimited(arn, context, targets, arrived)
        gains = (
            self.worth.under_boundary(arn, context, target)._replace(target_arn=target)
            for target in targets
        )
        return next((gain for gain in gains if gain.more), NOTHING)

    def _joining(self, way: EscalationPath, arn: str, context: str) -> Gain:
        """The best of what joining one of the groups gives, the further ways of each counted."""
        groups = [self.ways.kinds["group"].arns[at] for at in members(way.found.certain)]
        risen = self.reach.risen("group", context) & way.found.certain
        for group in sorted(groups, key=lambda group: -self.worth.strength(group, context)):
            gain = self.worth.joined(arn, context, group)
            rises = risen & self.ways.kinds["group"].of([group])
            if rises and self.worth.gets_all(arn, context, group):
                return gain._replace(more=True, everything=True)
            if gain.more:
                return gain
        return NOTHING

    def _nearest(self, way: EscalationPath, risen: int, context: str) -> str:
        """An administrator among the targets, or the first of those that can become one."""
        found = risen & self.reach.risen(way.kind, context, steps=0) or risen
        arn: str = self.ways.kinds[way.kind].arns[members(found)[0]]
        return arn

    def record(self, found: _Found, arn: str) -> tuple[Any, ...]:
        """The rest of a row of `ESCALATIONS`."""
        way, context, gain = found
        path = way.path
        proven = gain.more
        texts = self.reach.reasons.of(path, arn, context, gain.target_arn)
        return (
            path.id,
            path.name,
            path.category,
            PROVEN if proven else NEEDS_TARGET,
            gain.everything,
            gain.target_arn,
            None if proven else path.wanting,
            context,
            texts,
        )
