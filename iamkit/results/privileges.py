"""
How much each identity may do, in a word and in a sentence: administrator, writer, reader.

`write` covers a role that writes its own log group and one that may delete every bucket, so the
sentence says how many actions of which services change something, and whether on every resource. An
identity that only reads can still get credentials, so the actions that hand them out are named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from iamkit.access import (
    ARRIVAL_KEYS,
    CONTEXTS,
    DEFAULT_CONTEXTS,
    EVERYTHING,
    THROUGH_IAM,
    Permissions,
    changes_most,
    changing,
)
from iamkit.counts import counted
from iamkit.memory import Memo
from iamkit.policy import (
    ABSENT,
    ANYWHERE,
    CERTAIN,
    POSSIBLE,
    SOURCE_IP_KEYS,
    UNKNOWN,
    Arrivals,
    PolicyEvaluator,
    PolicyLayers,
    Profile,
    RequestContext,
)
from iamkit.reference import Bits, Catalog, Flags, LevelByKey, levels_by_key, popcount

PRIVILEGES: Final = ("admin", "near-admin", "write", "read", "none")  # the most first
ADMIN: Final = {EVERYTHING: "admin", THROUGH_IAM: "near-admin"}
MOST_NAMED: Final = 3  # actions that change something, or services, that a sentence names
HANDS_OUT: Final = "credential exposure"

# Contexts in which nobody's credentials are used straight from a network. They are asked only of
# whose policies test one of the keys that only such requests have.
INDIRECT: Final = ("vpc-endpoint", "via-service")
INDIRECT_KEYS: Final = frozenset(
    key.lower() for name in INDIRECT for key in CONTEXTS[name].keys
).difference(SOURCE_IP_KEYS)


@dataclass(frozen=True, eq=False)
class Allowed:
    """
    What each principal of `Permissions` may do in any context.

    Rows of bits of shape (combinations, words), each distinct combination stored once; principal p
    has that of number `which[p]`. `changes` are the possible actions that change something.
    """

    catalog: Catalog
    which: np.ndarray[Any, np.dtype[np.int64]]
    possible: Bits
    certain: Bits
    anywhere: Bits
    changes: Bits


def allowed_in_any_context(permissions: Permissions) -> Allowed:
    """
    Join the rows of each principal, context by context.

    Possible is also what some other request of the same kind allows, such as one from a network
    that only this principal's policies name or after a day that they name, and what only calls
    through a VPC endpoint or by an AWS service may do.
    """
    catalog = permissions.catalog
    evaluator = permissions.callers.evaluator
    parts: list[Any] = [permissions.index, numbers_of_attacks(permissions)]
    numbers, indirect = _indirectly(permissions, evaluator)
    parts += [numbers, _only_reads(permissions, evaluator)]
    alike, which = np.unique(np.hstack(parts), axis=0, return_inverse=True)
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    named, tried, indirectly, reads = (part.T for part in np.split(alike, ends, axis=1))
    joined = np.zeros((3, len(alike), catalog.words), dtype=permissions.rows.dtype)
    for column in named:
        for at in (POSSIBLE, CERTAIN, ANYWHERE):
            joined[at] |= permissions.rows[column, at]
    possible = evaluator.all_rows()[:, POSSIBLE]
    for column in tried:
        joined[POSSIBLE] |= possible[column]
    joined[POSSIBLE] |= indirect[indirectly[0]]
    changes = joined[POSSIBLE] & changing(catalog)
    for each, only in zip(levels_by_key(), reads.astype(bool), strict=True):
        changes[only] &= ~catalog.bits(each.action)
    return Allowed(
        catalog, which.reshape(-1), joined[POSSIBLE], joined[CERTAIN], joined[ANYWHERE], changes
    )


def numbers_of_attacks(permissions: Permissions) -> np.ndarray[Any, np.dtype[np.int64]]:
    """
    Return the numbers of each principal's rows in any request, shape (principals, contexts).

    The contexts are those of `DEFAULT_CONTEXTS`; the rows those of the evaluator, by number.
    """
    attackers = permissions.attackers
    found = [attackers.rows(arn) for arn in permissions.principals["principal_arn"]]
    return np.array(found, dtype=np.int64).reshape(len(found), len(DEFAULT_CONTEXTS))


def _indirectly(
    permissions: Permissions, evaluator: PolicyEvaluator
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Bits]:
    """
    What each principal may possibly do in the contexts of `INDIRECT`.

    Numbers of rows, of shape (principals, 1), and the rows; number 0 is nothing.
    """
    callers = permissions.callers
    arns = permissions.principals["principal_arn"].tolist()
    arrivals = Arrivals([callers.arriving(name) for name in INDIRECT], ARRIVAL_KEYS)
    rows: dict[bytes, int] = {evaluator.none.tobytes(): 0}
    numbers = np.zeros((len(arns), 1), dtype=np.int64)
    answers: Memo[tuple[Profile, Any], int] = Memo()
    alike: Memo[Any, int] = Memo()

    def number(profile: Profile, arn: str) -> int:
        outcomes = evaluator.outcomes_by(profile, arrivals, callers.caller(arn))
        return alike.once(frozenset(outcomes), possible_number, frozenset(outcomes))

    def possible_number(outcomes: frozenset[Any]) -> int:
        return rows.setdefault(_possible_in_any(outcomes, evaluator).tobytes(), len(rows))

    for at, arn in enumerate(arns):
        case = callers.case(arn)
        if not case[0].keys.isdisjoint(INDIRECT_KEYS):
            numbers[at] = answers.once(case, number, case[0], arn)
    joined = np.frombuffer(b"".join(rows), dtype=permissions.rows.dtype)
    return numbers, joined.reshape(len(rows), permissions.catalog.words)


def _possible_in_one(
    layers: PolicyLayers, contexts: Iterable[RequestContext], evaluator: PolicyEvaluator
) -> Bits:
    """What policies possibly allow in one of the contexts at least."""
    return _possible_in_any(frozenset(evaluator.outcomes(layers, *contexts)), evaluator)


def _possible_in_any(outcomes: frozenset[Any], evaluator: PolicyEvaluator) -> Bits:
    """What policies possibly allow where they come to one of these outcomes at least."""
    row: Bits = np.bitwise_or.reduce([evaluator.combine(each)[POSSIBLE] for each in outcomes])
    return row


def _only_reads(permissions: Permissions, evaluator: PolicyEvaluator) -> Flags:
    """
    Whether each principal may perform each action of `levels_by_key` only where it reads.

    Shape (principals, actions); False also for whoever may not perform it at all. What is unknown
    counts as letting it change something.
    """
    callers = permissions.callers
    arns = permissions.principals["principal_arn"].tolist()
    found = np.zeros((len(arns), len(levels_by_key())), dtype=np.bool_)
    for column, each in enumerate(levels_by_key()):
        action = permissions.catalog.bits(each.action)
        may = np.any(permissions.rows[:, POSSIBLE] & action, axis=1, keepdims=True)
        answers: Memo[Profile, bool] = Memo()
        for at in np.flatnonzero(may[permissions.index].any(axis=(1, 2))).tolist():
            layers = callers.layers(arns[at])
            profile = evaluator.profile(layers)
            found[at, column] = answers.once(profile, _never_changes, layers, each, evaluator)
    return found


def _never_changes(layers: PolicyLayers, each: LevelByKey, evaluator: PolicyEvaluator) -> bool:
    """Whether policies surely do not allow an action with the value with which it changes."""
    if each.key.lower() not in evaluator.keys(layers):
        return False
    wanted = evaluator.catalog.bits(each.action)
    asked = [RequestContext({each.key: value}, UNKNOWN) for value in (each.changes, ABSENT)]
    return not (_possible_in_one(layers, asked, evaluator) & wanted).any()


def privileges(allowed: Allowed, admin: Iterable[Any]) -> list[str]:
    """
    Return the privilege of each principal, one of `PRIVILEGES`.

    `admin` is what `administrators` says of each, or missing. Otherwise possible actions count, so
    it errs towards more; `near-admin` needs actions on every resource.
    """
    held = [allowed.changes.any(axis=1), allowed.possible.any(axis=1)]
    words = np.select(held, ["write", "read"], "none")
    words = np.where(changes_most(allowed.anywhere, allowed.catalog), "near-admin", words)
    by_actions = words[allowed.which].tolist()
    return [ADMIN.get(each, word) for each, word in zip(admin, by_actions, strict=True)]


def details(allowed: Allowed, held: Iterable[str]) -> list[str | None]:
    """
    Return a sentence about the privilege of each principal; None for `admin` and `none`.

    "write: 2 actions of 1 service, on some resources: logs:CreateLogStream, logs:PutLogEvents" or
    "read, and 1 action that hands out credentials: ecr:GetAuthorizationToken".
    """
    made: Memo[tuple[int, str], str | None] = Memo()
    many = _Counted.of(allowed)
    return [
        made.once((number, privilege), _detail, allowed, many, number, privilege)
        for number, privilege in zip(allowed.which.tolist(), held, strict=True)
    ]


class _Counted(NamedTuple):
    """How many actions that change something there are, by combination."""

    where: dict[str, list[int]]
    of_services: Any  # shape (combinations, services)

    @classmethod
    def of(cls, allowed: Allowed) -> _Counted:
        row, certain, anywhere = allowed.changes, allowed.certain, allowed.anywhere
        where = {
            "on every resource": popcount(row & anywhere),
            "on some resources": popcount(row & certain & ~anywhere),
            "under conditions": popcount(row & ~certain & ~anywhere),
        }
        counts = {place: count.tolist() for place, count in where.items()}
        return cls(counts, allowed.catalog.count_by_service(row).astype(np.int32))


def _detail(allowed: Allowed, many: _Counted, number: int, privilege: str) -> str | None:
    if privilege in ("write", "near-admin"):
        return f"{privilege}: {_changes(allowed, many, number)}"
    if privilege != "read":
        return None
    catalog = allowed.catalog
    handed = catalog.names(allowed.possible[number] & catalog.mask(risk=HANDS_OUT))
    if not handed:
        return privilege
    verb = "hands" if len(handed) == 1 else "hand"
    return f"{privilege}, and {counted(len(handed), 'actions')} that {verb} out credentials: " + (
        ", ".join(handed)
    )


def _changes(allowed: Allowed, many: _Counted, number: int) -> str:
    """How many actions of how many services change something, where, and which."""
    catalog, row = allowed.catalog, allowed.changes[number]
    where = {place: counts[number] for place, counts in many.where.items()}
    total = sum(where.values())
    places = [f"{count:,} {place}" for place, count in where.items() if count]
    if len(places) == 1:
        places = [place for place, count in where.items() if count]
    of_services = many.of_services[number]
    most = np.argsort(-of_services, kind="stable")[: np.count_nonzero(of_services)]
    services = [catalog.services[at] for at in most.tolist()]
    said = f"{counted(total, 'actions')} of {counted(len(services), 'services')}"
    if total <= MOST_NAMED:
        return f"{said}, {_listed(places)}: {', '.join(catalog.names(row))}"
    named = services[:MOST_NAMED]
    if more := services[MOST_NAMED:]:
        named = [*named, f"{len(more)} more"]
    return f"{said} ({_listed(named)}), {_listed(places)}"


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
