"""
What each principal of an account can do in named contexts.

`effective` evaluates every user and role in each context; see `evaluation` for what *possible*,
*certain* and *anywhere* mean and which way they err, and `callers` for the contexts. Root is left
out: no policy of the account limits it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from iamkit.access.administrators import SELF_PROMOTION
from iamkit.access.contexts import ARRIVAL, CONTEXTS, DEFAULT_CONTEXTS
from iamkit.access.principals import Principals
from iamkit.errors import SettingsError
from iamkit.policy import (
    ANYWHERE,
    CERTAIN,
    POSSIBLE,
    STRENGTHS,
    UNKNOWN,
    Decision,
    Outcomes,
    PolicyEvaluator,
    PolicyLayers,
    RequestContext,
    decide,
)
from iamkit.reference import LEVELS, Bits, Catalog, risks
from iamkit.reference import actions as catalogs
from iamkit.table import objects
from iamkit.tables import AccountTables

__all__ = [
    "CONTEXTS",
    "UNKNOWN",
    "Decision",
    "Permissions",
    "decide",
    "effective",
]

CHUNK = 512  # rows of bits that are spread out at a time: some 11 MB
COLUMNS = ("principal_arn", "kind", "name")
CHANGING = ("Permissions management", "Tagging", "Write")  # access levels

# The risk classes that a thief looks for; infrastructure is changed for a living.
RISKY = ("escalation", "data exfiltration", "resource exposure", "credential exposure")


def effective(
    account: AccountTables,
    contexts: Iterable[str] = DEFAULT_CONTEXTS,
    callers: Principals | None = None,
) -> Permissions:
    """
    Evaluate every user and role of an account in the named contexts.

    `callers`, if given, are the account's: reading its policies again is spared.

    A user whom only the credential report knows is left out: whose policies are not in the evidence
    cannot be evaluated.

    Raises `SettingsError` for a context that does not exist.
    """
    names = tuple(contexts)
    callers = callers or Principals(account)
    judge = PolicyEvaluator(callers.catalog)
    people = account.principals.query("kind in ['user', 'role']")
    unseen = account.users.query("evidence == 'credential report only'")["user_arn"]
    seen = people["principal_arn"].notna() & ~people["principal_arn"].isin(unseen)
    people = people[seen].reset_index(drop=True)  # nothing tells what applies to whom has no ARN
    shared = [RequestContext(callers.arrival(name), UNKNOWN) for name in names]
    numbers: dict[Outcomes, int] = {}  # several outcomes may have the same rows
    distinct: dict[bytes, int] = {}
    alike: dict[PolicyLayers, list[int]] = {}  # rows that do not depend on who the caller is

    def number(outcomes: Outcomes) -> int:
        if outcomes not in numbers:
            rows = np.array(judge.combine(outcomes)).tobytes()
            numbers[outcomes] = distinct.setdefault(rows, len(distinct))
        return numbers[outcomes]

    index = []
    with undisturbed():
        for arn in people["principal_arn"]:
            layers = callers.layers(arn)
            if layers not in alike:
                called, personal = shared, not judge.keys(layers).isdisjoint(callers.who)
                if personal:
                    known = RequestContext(callers.known(arn), UNKNOWN)
                    called = [context.joined(known) for context in shared]
                made = judge.outcomes(layers, *called, varying=ARRIVAL)
                row = [number(outcomes) for outcomes in made]
                if personal:
                    index.append(row)
                    continue
                alike[layers] = row
            index.append(alike[layers])
    shape = (len(distinct), len(STRENGTHS), callers.catalog.words)
    matrix = np.frombuffer(b"".join(distinct), dtype=catalogs.WORD).reshape(shape)
    where = np.array(index, dtype=np.int64).reshape(len(people), len(names))
    return Permissions(callers, people, names, where, matrix)


def changing(catalog: Catalog) -> Bits:
    """Return the actions that change something, by AWS's access levels."""
    row: Bits = np.bitwise_or.reduce([catalog.mask(level=level) for level in CHANGING])
    return row


def changes_most(rows: Bits, catalog: Catalog) -> Any:
    """Whether each row holds half of AWS's changing actions, or more: an array of booleans."""
    mask = changing(catalog)
    return 2 * catalogs.popcount(rows & mask) >= catalogs.popcount(mask)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the garbage collector from walking a big account's evidence again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True, eq=False)
class Permissions:
    """
    The bit rows of an account: who can do what, in which context.

    `people` has one row per user and role, in the order of the rows of bits. Distinct rows are
    stored once: `index[p, c]` says which of `rows`, of shape (distinct rows, 3, words), is that of
    principal p in context c.
    """

    callers: Principals
    people: pd.DataFrame
    contexts: tuple[str, ...]
    index: np.ndarray[Any, np.dtype[np.int64]]
    rows: Bits

    @property
    def catalog(self) -> Catalog:
        """The catalog that numbers the bits."""
        return self.callers.catalog

    def bits(self, strength: str, context: str) -> Bits:
        """Return one row per principal, shape (principals, words)."""
        at = self.index[:, self._column(context)]
        rows: Bits = self.rows[at, STRENGTHS.index(strength)]
        return rows

    def actions(self, principal: str, context: str) -> pd.DataFrame:
        """
        What one principal can do in a context, an action a row.

        `principal` is a name or an ARN. Columns: service, action, levels, risks, `extent`
        (anywhere; certain: on some resource; possible: if unknown conditions allow it), policies
        that allow it, `known` to the action list.
        """
        arn = self.callers.principal(principal)["principal_arn"]
        at = self.people.index[self.people["principal_arn"] == arn][0]
        row = self.rows[self.index[at, self._column(context)]]
        flags = self.catalog.flags(row)
        actions = self.catalog.actions[flags[POSSIBLE]]
        sure = np.where(flags[CERTAIN], "certain", "possible")
        extent = np.where(flags[ANYWHERE], "anywhere", sure)
        through = self._through(arn, context, flags[POSSIBLE])
        columns = ["service", "action", "levels", "risks", "known"]
        made = actions[columns].assign(extent=extent[flags[POSSIBLE]], policies=through)
        ordered: pd.DataFrame = made.reset_index(drop=True)
        return ordered

    def _through(self, arn: str, context: str, wanted: Any) -> list[list[str]]:
        """Names of the identity policies that may allow each wanted action."""
        judge = PolicyEvaluator(self.catalog)
        where = self.callers.context(arn, context)
        found: list[list[str]] = [[] for _ in range(int(wanted.sum()))]
        for policy in self.callers.layers(arn).identity:
            allowed = judge.rows(PolicyLayers((policy,)), where)[POSSIBLE]
            for place in np.flatnonzero(self.catalog.flags(allowed)[wanted]):
                found[place].append(policy.name)
        return found

    def summary(self) -> pd.DataFrame:
        """
        One row per principal and context.

        Columns: principal_arn, kind, name, context; `possible`, `certain` and `anywhere`, numbers
        of actions; of the certain ones, `risky` (in a class of `RISKY`), `services`, and a column
        per access level and risk class;
        `admin`: "everything", "through IAM" (it can give itself everything: see
        `Callers.promotes_itself`), or empty.
        """
        return self._summary.copy()

    @cached_property
    def _summary(self) -> pd.DataFrame:
        certain = self.rows[:, CERTAIN]
        counts = {name: catalogs.popcount(self.rows[:, at]) for at, name in enumerate(STRENGTHS)}
        risky = np.bitwise_or.reduce([self.catalog.mask(risk=risk) for risk in RISKY])
        counts["risky"] = catalogs.popcount(certain & risky)
        counts["services"] = (self.by_service(certain) > 0).sum(axis=1)
        counts |= {level.lower(): self.catalog.count(certain, level=level) for level in LEVELS}
        counts |= {
            risk: self.catalog.count(certain, risk=risk) for risk in risks()["risk"].unique()
        }
        parts = []
        for column, name in enumerate(self.contexts):
            at = self.index[:, column]
            part = self.people[list(COLUMNS)].assign(context=name)
            parts.append(part.assign(**{key: values[at] for key, values in counts.items()}))
        whole = pd.concat(parts, ignore_index=True)
        whole["admin"] = np.concatenate([self._admin(name) for name in self.contexts])
        return whole

    def _admin(self, context: str) -> Any:
        listed = self.catalog.bits(self.catalog.actions.query("known")["action"])
        everything = ~(listed & ~self.bits("anywhere", context)).any(axis=1)
        near = self.bits("certain", context) & self.catalog.bits(SELF_PROMOTION)
        promotes = np.zeros(len(self.people), dtype=bool)
        for at in np.flatnonzero(near.any(axis=1)):
            arn = self.people["principal_arn"].iloc[at]
            promotes[at] = self.callers.promotes_itself(arn, context)
        return np.where(everything, "everything", np.where(promotes, "through IAM", ""))

    def holders(self, context: str, strength: str = "anywhere") -> pd.DataFrame:
        """
        Who holds each risky action, an action a row, the most widely held first.

        Columns: action, risks, `holders` (number of users and roles), `who` (list of names).
        """
        risky = np.bitwise_or.reduce([self.catalog.mask(risk=risk) for risk in RISKY])
        flags = self.catalog.flags(self.bits(strength, context) & risky)
        held = np.flatnonzero(flags.any(axis=0))
        names = self.people["name"].to_numpy()
        who = objects(list(names[flags[:, at]]) for at in held)
        made = self.catalog.actions.iloc[held][["action", "risks"]].reset_index(drop=True)
        made = made.assign(holders=who.map(len), who=who)
        ordered = made.sort_values(["holders", "action"], ascending=[False, True])
        return ordered.reset_index(drop=True)

    def boundaries(self, context: str) -> pd.DataFrame:
        """
        What each permissions boundary takes away from its principal in a context.

        Columns: kind, name, boundary, `without` it and `removed`, numbers of possible actions. A
        boundary that removes nothing does not bind.
        """
        judge = PolicyEvaluator(self.catalog)
        rows = []
        bounded = self.people.dropna(subset="boundary_arn")
        for arn, kind, called in zip(*(bounded[c] for c in COLUMNS), strict=True):
            layers = self.callers.layers(arn)
            where = self.callers.context(arn, context)
            free = judge.rows(layers._replace(boundary=None), where)[POSSIBLE]
            bound = judge.rows(layers, where)[POSSIBLE]
            name = layers.boundary[0].name if layers.boundary else ""
            counts = [int(catalogs.popcount(bits)) for bits in (free, free & ~bound)]
            rows.append((kind, called, name, *counts))
        return pd.DataFrame(rows, columns=["kind", "name", "boundary", "without", "removed"])

    def by_service(self, rows: Bits) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the number of actions of each service in each row: (rows, services)."""
        services = self.catalog.actions["service"].to_numpy()
        starts = np.flatnonzero(np.r_[True, services[1:] != services[:-1]])
        counts = np.empty((len(rows), len(starts)), dtype=np.int64)
        for start in range(0, len(rows), CHUNK):
            flags = self.catalog.flags(rows[start : start + CHUNK])
            np.add.reduceat(
                flags, starts, axis=1, dtype=np.int64, out=counts[start : start + CHUNK]
            )
        return counts

    @property
    def services(self) -> list[str]:
        """Names of the services, in the order of `by_service`."""
        return list(dict.fromkeys(self.catalog.actions["service"]))

    def _column(self, context: str) -> int:
        if context not in self.contexts:
            raise SettingsError(
                f"not evaluated in {context!r}; there are {', '.join(self.contexts)}"
            )
        return self.contexts.index(context)
