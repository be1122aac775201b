"""
A sample of what the kit decides: requests that it allows, and requests that it refuses.

Half are allowed: the witnesses of verdicts, which findings rest on, and permissions by lot. Half
are refused: the same actions asked by others, explicit denials, and any actions by lot. The same
evidence, number and seed give the same sample.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Final

from iamkit.access import DEFAULT_CONTEXTS, Principals, Witnesses
from iamkit.account import Account
from iamkit.confirm.simulated import SimulatedRequest, of_witness, simulated
from iamkit.errors import SnapshotError
from iamkit.policy import CERTAIN, Pattern, RequestContext, Statement, resolve

TABLES: Final = ("mfa_enforcement", "network_restrictions", "administrators")
PERMISSIONS: Final = "permissions"
OTHERS: Final = "the same action, asked by another"
DENIALS: Final = "explicit denials"
LOT: Final = "any action"
ROUNDS: Final = 20  # how often each principal may be drawn
TRIED: Final = 6  # others who are tried for one action
ACTIONS: Final = 400  # that are tried for a denial


def sample(account: Account, number: int = 100, seed: int = 0) -> list[SimulatedRequest]:
    """
    Return requests that the simulator can judge, `number` of them if there are as many.

    Those that it cannot judge and that were drawn beside them follow, as many at most. Raises
    `SnapshotError` if the evidence does not say what anybody may do.
    """
    lacking = account.missing("permissions")
    if lacking:
        raise SnapshotError(f"there is nothing to compare: {lacking}; collect it")
    drawing = _Drawing(account, seed)
    drawn: dict[Any, SimulatedRequest] = {}
    comparable: list[SimulatedRequest] = []
    other: list[SimulatedRequest] = []
    for each in drawing.all():
        key = (each.principal_arn, each.action.lower(), each.resource, repr(each.entries))
        if key in drawn:
            continue
        drawn[key] = each
        (other if each.not_comparable else comparable).append(each)
        if len(comparable) == number:
            break
    return [*comparable, *other[:number]]


class _Drawing:
    """Draws requests of an account by turns, each kind in an order of its own."""

    def __init__(self, account: Account, seed: int) -> None:
        self._account, self._seed = account, seed
        self._permissions = account.permissions
        self._callers: Principals = account.callers
        self._arns = sorted(self._permissions.principals["principal_arn"].tolist())
        self._witnesses = Witnesses(self._permissions.attackers)

    def all(self) -> Iterator[SimulatedRequest]:
        tables = [self._of_table(name, name) for name in TABLES]
        allowed = _by_turns([*tables, self._allowed(PERMISSIONS)])
        refused = _by_turns([self._of_others(), self._denied(), self._not_granted()])
        return _by_turns([allowed, refused])

    def _lot(self, what: str) -> random.Random:
        return random.Random(f"{self._seed}/{what}")  # noqa: S311 - a sample, and no secret

    def _of_table(self, name: str, lot: str) -> Iterator[SimulatedRequest]:
        """The witnesses of a table."""
        table = getattr(self._account, name)
        rows = table[table["witness"].notna()].sort_values("principal_arn", kind="stable")
        pairs = list(zip(rows["principal_arn"], rows["witness"], strict=True))
        self._lot(lot).shuffle(pairs)
        for arn, witness in pairs:
            yield of_witness(self._account, arn, witness, name)

    def _allowed(self, lot: str) -> Iterator[SimulatedRequest]:
        """Actions that are certain, each with a request that is allowed."""
        drawing, permissions = self._lot(lot), self._permissions
        catalog = permissions.catalog
        place = {arn: at for at, arn in enumerate(permissions.principals["principal_arn"])}
        for _ in range(ROUNDS):
            for arn in drawing.sample(self._arns, len(self._arns)):
                column = drawing.randrange(len(permissions.contexts))
                row = permissions.rows[permissions.index[place[arn], column], CERTAIN]
                names = catalog.names(row & catalog.every_listed)
                if not names:
                    continue
                action = drawing.choice(names)
                found = self._witnesses.request(arn, action, [permissions.contexts[column]])
                if found is not None:
                    asked = arn, action, found.decision.resource, found.context
                    yield simulated(self._account, *asked, PERMISSIONS)

    def _of_others(self) -> Iterator[SimulatedRequest]:
        """What some are allowed, asked by others to whom it is refused."""
        drawing = self._lot(OTHERS)
        tables = (self._of_table(name, OTHERS) for name in TABLES)
        own = _by_turns([*tables, self._allowed(OTHERS)])
        for allowed in own:
            for arn in drawing.sample(self._arns, min(TRIED, len(self._arns))):
                context = self._callers.context(arn, drawing.choice(DEFAULT_CONTEXTS))
                asked = arn, allowed.action, allowed.resource, context, OTHERS
                made = simulated(self._account, *asked)
                if not made.decision.possible:
                    yield made
                    break

    def _denied(self) -> Iterator[SimulatedRequest]:
        """Requests that a statement denies explicitly."""
        drawing = self._lot(DENIALS)
        for _ in range(ROUNDS):
            for arn in drawing.sample(self._arns, len(self._arns)):
                denials = [each for each in self._callers.layers(arn).statements if not each.allows]
                if denials and (found := self._denial(drawing, arn, drawing.choice(denials))):
                    yield found

    def _not_granted(self) -> Iterator[SimulatedRequest]:
        """Any action at all, where it is refused: that nobody is allowed it is a decision too."""
        drawing = self._lot(LOT)
        listed = [*self._permissions.catalog.listed.actions]
        for _ in range(ROUNDS):
            for arn in drawing.sample(self._arns, len(self._arns)):
                context = self._callers.context(arn, drawing.choice(DEFAULT_CONTEXTS))
                made = simulated(self._account, arn, drawing.choice(listed), "*", context, LOT)
                if not made.decision.possible:
                    yield made

    def _denial(
        self, drawing: random.Random, arn: str, statement: Statement
    ) -> SimulatedRequest | None:
        listed = self._permissions.catalog.listed.actions
        named = [] if statement.not_actions else [*statement.actions]
        tried = chain(
            drawing.sample(named, len(named)), drawing.sample([*listed], min(ACTIONS, len(listed)))
        )
        covered = (each for each in tried if "*" not in each and "?" not in each)
        action = next((each for each in covered if statement.covers(each)), None)
        if action is None:
            return None
        for name in drawing.sample(DEFAULT_CONTEXTS, len(DEFAULT_CONTEXTS)):
            context = self._callers.context(arn, name)
            for resource in islice(_resources(statement, context), TRIED):
                made = simulated(self._account, arn, action, resource, context, DENIALS)
                if made.decision.effect == "ExplicitlyDenied":
                    return made
        return None


def _by_turns(kinds: list[Iterator[SimulatedRequest]]) -> Iterator[SimulatedRequest]:
    """One of each in turn, as long as there are any."""
    while kinds:
        for each in [*kinds]:
            if (drawn := next(each, None)) is None:
                kinds.remove(each)
            else:
                yield drawn


def _resources(statement: Statement, context: RequestContext) -> Iterator[str]:
    """Resources that a statement covers: of those that it leaves out, any other."""
    if statement.not_resources:
        yield "*"
        return
    for text in statement.resources:
        pattern = resolve(text, context, variables=statement.variables)
        if isinstance(pattern, Pattern):
            yield "*" if text == "*" else pattern.filled("iamkit", "1")
