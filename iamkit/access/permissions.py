"""
What each principal of an account can do in named contexts.

`effective` evaluates every user and role in each context; see `policy.evaluation` for what
*possible*, *certain* and *anywhere* mean and which way they err, and `contexts` for the contexts.
Root is left out: no policy of the account limits it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access.administrators import administration
from iamkit.access.attackers import Attackers
from iamkit.access.contexts import ARRIVAL_KEYS, DEFAULT_CONTEXTS
from iamkit.access.principals import Principals
from iamkit.access.questions import evaluated
from iamkit.answer import Answer
from iamkit.counts import counted
from iamkit.errors import SettingsError
from iamkit.memory import Memo, garbage_collection_paused
from iamkit.policy import (
    ANYWHERE,
    CERTAIN,
    POSSIBLE,
    STRENGTHS,
    Arrivals,
    PolicyEvaluator,
    PolicyLayers,
    Profile,
)
from iamkit.reference import LEVELS, Bits, Catalog, risks
from iamkit.reference import actions as catalogs
from iamkit.table import objects
from iamkit.tables import REPORT_ONLY, AccountTables

_STRENGTHS: Final = ", ".join(STRENGTHS)
CHUNK: Final = 512  # rows of bits that are counted, or spread out to booleans, at a time
COLUMNS: Final = ("principal_arn", "kind", "name")
CHANGING: Final = ("Permissions management", "Tagging", "Write")  # access levels
# How the names of most actions that read begin.
READING: Final = re.compile(
    ".*:(Batch)?(Describe|Get|List|Lookup|Query|Search|Test|Verify|View)", re.IGNORECASE
)

# The risk classes that an attacker looks for. Changing infrastructure is everyday work, so that
# class is left out.
RISKY: Final = ("escalation", "data exfiltration", "resource exposure", "credential exposure")


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
    principals = account.principals.query("kind in ['user', 'role']")
    unseen = account.users.loc[account.users["evidence"].eq(REPORT_ONLY), "user_arn"]
    # Without an ARN, nothing says which policies apply.
    seen = principals["principal_arn"].notna() & ~principals["principal_arn"].isin(unseen)
    principals = principals[seen].reset_index(drop=True)
    evaluation = _Evaluation(callers, names)
    with garbage_collection_paused():
        numbers = [evaluation.numbers(arn) for arn in principals["principal_arn"]]
    index = np.array(numbers, dtype=np.int64).reshape(len(principals), len(names))
    return Permissions(callers, principals, names, index, callers.evaluator.all_rows())


class _Evaluation:
    """The numbers of rows of an account; principals whom no policy tells apart share theirs."""

    def __init__(self, callers: Principals, names: Iterable[str]) -> None:
        self._callers = callers
        self._arrivals = Arrivals([callers.arriving(name) for name in names], ARRIVAL_KEYS)
        self._shared: Memo[Any, list[int]] = Memo()

    def numbers(self, principal_arn: str) -> list[int]:
        """Return for each context the number of the principal's row."""
        case = self._callers.case(principal_arn)
        return self._shared.once(case, self._find_numbers, case[0], principal_arn)

    def _find_numbers(self, profile: Profile, principal_arn: str) -> list[int]:
        known = self._callers.caller(principal_arn)
        return self._callers.evaluator.numbers(profile, self._arrivals, known)


def changing(catalog: Catalog) -> Bits:
    """
    Return the actions that change something, by their access levels.

    An action that the list does not know has none. It counts unless its name begins as `READING`
    says: that errs towards changing, but for the few calls so named that change something.
    """
    unlisted = catalog.flags(catalog.mask() & ~catalog.every_listed)
    names = catalog.names(catalog.mask() & ~catalog.every_listed)
    unlisted[unlisted] = [not READING.match(name) for name in names]
    levels = [catalog.mask(level=level) for level in CHANGING]
    row: Bits = np.bitwise_or.reduce([catalog.row(unlisted), *levels])
    return row


def changes_most(rows: Bits, catalog: Catalog) -> Any:
    """Whether each row holds half of AWS's changing actions, or more: an array of booleans."""
    mask = changing(catalog) & catalog.every_listed
    return 2 * catalogs.popcount(rows & mask) >= catalogs.popcount(mask)


def risky_actions(catalog: Catalog) -> Bits:
    """Return the actions in a class of `RISKY`."""
    row: Bits = np.bitwise_or.reduce([catalog.mask(risk=risk) for risk in RISKY])
    return row


@dataclass(frozen=True, eq=False)
class Permissions:
    """
    The bit rows of an account: who can do what, in which context.

    `principals` has one row per user and role, as the table of that name. Distinct rows are stored
    once: `index[p, c]` says which of `rows`, of shape (distinct rows, 3, words), is that of
    principal p in context c.
    """

    callers: Principals
    principals: pd.DataFrame
    contexts: tuple[str, ...]
    index: np.ndarray[Any, np.dtype[np.int64]]
    rows: Bits

    def __repr__(self) -> str:
        """Show how many can do how much in each context, and what can be asked."""
        return repr(self._overview())

    def _repr_html_(self) -> str:
        return self._overview()._repr_html_()

    def _overview(self) -> Answer:
        """A row per context: numbers of users and roles with any permission, and what they hold."""
        rows = self.summary().groupby("context", sort=False).agg(
            with_permissions=("certain", lambda of: int((of > 0).sum())),
            with_risky_ones=("risky", lambda of: int((of > 0).sum())),
            administrators=("admin", lambda of: int(of.ne("").sum())),
            median_of_actions=("certain", lambda of: int(of.median())),
        )  # fmt: skip
        said = (
            f"Permissions of {counted(len(self.principals), 'users and roles')} in "
            f"{counted(len(self.contexts), 'request contexts')}; ask "
            ".actions(NAME, CONTEXT), .summary(), .holders(CONTEXT), .boundaries(CONTEXT)"
        )
        return Answer.about(rows.rename(columns=lambda name: name.replace("_", " ")).reset_index(),
                            said)  # fmt: skip

    @property
    def catalog(self) -> Catalog:
        """The catalog that numbers the bits."""
        return self.callers.catalog

    def bits(self, strength: str, context: str) -> Bits:
        """Return one row per principal, shape (principals, words)."""
        at = self.index[:, self._column(context)]
        if strength not in STRENGTHS:
            raise SettingsError(f"there is no strength {strength!r}; there are {_STRENGTHS}")
        rows: Bits = self.rows[at, STRENGTHS.index(strength)]
        return rows

    def actions(self, principal: str, context: str) -> pd.DataFrame:
        """
        What one principal can do in a context, an action a row.

        `principal` is a name or an ARN. Columns: service, action, levels, risks, `extent`
        (anywhere; certain: on some resource; possible: if unknown conditions allow it), policies
        that allow it, `known` to the action list.

        Raises `SettingsError`, with what may have been meant, for a principal without a row: a
        group, the root user, who may do all that service control policies leave, and unknown names.
        """
        arn = evaluated(self.callers, principal)
        at = self.principals.index[self.principals["principal_arn"] == arn][0]
        row = self.rows[self.index[at, self._column(context)]]
        flags = self.catalog.flags(row)
        actions = self.catalog.actions[flags[POSSIBLE]]
        somewhere = np.where(flags[CERTAIN], "certain", "possible")
        extent = np.where(flags[ANYWHERE], "anywhere", somewhere)
        policies = self._allowing(arn, context, flags[POSSIBLE])
        columns = ["service", "action", "levels", "risks", "known"]
        made = actions[columns].assign(extent=extent[flags[POSSIBLE]], policies=policies)
        ordered: pd.DataFrame = made.reset_index(drop=True)
        return ordered

    def _allowing(self, arn: str, context: str, wanted: Any) -> list[list[str]]:
        """Names of the identity policies that may allow each wanted action."""
        evaluator = PolicyEvaluator(self.catalog)
        where = self.callers.context(arn, context)
        found: list[list[str]] = [[] for _ in range(int(wanted.sum()))]
        for policy in self.callers.layers(arn).identity:
            allowed = evaluator.rows(PolicyLayers((policy,)), where)[POSSIBLE]
            for place in np.flatnonzero(self.catalog.flags(allowed)[wanted]):
                found[place].append(policy.name)
        return found

    def summary(self) -> pd.DataFrame:
        """
        One row per principal and context.

        Columns: principal_arn, kind, name, context; `possible`, `certain` and `anywhere`, numbers
        of actions; of the certain ones, `risky` (in a class of `RISKY`), `services`, and a column
        per access level and risk class;
        `admin`: see `administrators.administration`.
        """
        with garbage_collection_paused():
            return self._summary.copy()

    @cached_property
    def _summary(self) -> pd.DataFrame:
        chunks = range(0, max(len(self.rows), 1), CHUNK)  # that fit into a processor's memory
        parts = [self._counts(self.rows[start : start + CHUNK]) for start in chunks]
        counts = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        at = self.index.T.reshape(-1)  # context after context
        people = {name: np.tile(self.principals[name], len(self.contexts)) for name in COLUMNS}
        context = np.repeat(self.contexts, len(self.principals))
        whole = pd.DataFrame({**people, "context": context})
        whole = whole.astype("str").assign(**{key: count[at] for key, count in counts.items()})
        arns = self.principals["principal_arn"].tolist()
        admin = administration(self.attackers, arns, self.index, self.contexts)
        return whole.assign(admin=admin.T.reshape(-1))

    def _counts(self, rows: Bits) -> dict[str, Any]:
        """The columns of `summary` that are numbers, for rows of shape (rows, 3, words)."""
        certain = rows[:, CERTAIN]
        found = {name: catalogs.popcount(rows[:, at]) for at, name in enumerate(STRENGTHS)}
        found["risky"] = catalogs.popcount(certain & risky_actions(self.catalog))
        found["services"] = (self.by_service(certain) > 0).sum(axis=1)
        found |= {level.lower(): self.catalog.count(certain, level=level) for level in LEVELS}
        classes = risks()["risk"].unique()
        return found | {risk: self.catalog.count(certain, risk=risk) for risk in classes}

    @cached_property
    def attackers(self) -> Attackers:
        """What each principal's credentials are good for in any request; see `access.attackers`."""
        return Attackers(self)

    def holders(self, context: str, strength: str = "anywhere") -> pd.DataFrame:
        """
        Who holds each risky action, an action a row, the most widely held first.

        Columns: action, risks, `holders` (number of users and roles), `who` (list of names).
        """
        allowed = self.bits(strength, context) & risky_actions(self.catalog)
        flags = self.catalog.flags(allowed)
        granted = np.flatnonzero(flags.any(axis=0))
        names = self.principals["name"].to_numpy()
        who = objects(list(names[flags[:, at]]) for at in granted)
        made = self.catalog.actions.iloc[granted][["action", "risks"]].reset_index(drop=True)
        made = made.assign(holders=who.map(len), who=who)
        ordered = made.sort_values(["holders", "action"], ascending=[False, True])
        return ordered.reset_index(drop=True)

    def boundaries(self, context: str) -> pd.DataFrame:
        """
        What each permissions boundary takes away from its principal in a context.

        Columns: kind, name, boundary, `without` it and `removed`, numbers of possible actions. A
        boundary that removes nothing has no effect.
        """
        self._column(context)
        evaluator = PolicyEvaluator(self.catalog)
        rows = []
        bounded = self.principals.dropna(subset="boundary_arn")
        for arn, kind, principal in zip(*(bounded[c] for c in COLUMNS), strict=True):
            layers = self.callers.layers(arn)
            where = self.callers.context(arn, context)
            without = evaluator.rows(layers._replace(boundary=None), where)[POSSIBLE]
            within = evaluator.rows(layers, where)[POSSIBLE]
            boundary = layers.boundary[0].name if layers.boundary else ""
            counts = [int(catalogs.popcount(bits)) for bits in (without, without & ~within)]
            rows.append((kind, principal, boundary, *counts))
        return pd.DataFrame(rows, columns=["kind", "name", "boundary", "without", "removed"])

    def by_service(self, rows: Bits) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the number of actions of each service in each row: (rows, services)."""
        return self.catalog.count_by_service(rows)

    @property
    def services(self) -> list[str]:
        """Names of the services, in the order of `by_service`."""
        return self.catalog.services

    def _column(self, context: str) -> int:
        if context not in self.contexts:
            raise SettingsError(
                f"not evaluated in {context!r}; there are {', '.join(self.contexts)}"
            )
        return self.contexts.index(context)
