"""
The one evaluator of trust policies: whether an entry of one admits a caller.

An entry is one principal that an Allow statement names; with it go the Deny statements of the same
policy. `TrustEntry.admits` decides for a caller of whom a `RequestContext` says what is known: True
where it is certain, False if the entry allows no such caller, None where something unknown decides.
The trust page, the verdict on MFA and the paths between roles all ask it.

Source: IAM User Guide, "Policy evaluation logic", "AWS JSON policy elements: Principal", "AWS JSON
policy elements: NotPrincipal" and "AWS global condition context keys".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.arns import arn_parts
from iamkit.memory import Memo
from iamkit.policy import KEY, PASSWORD, PROTECTED, UNKNOWN, RequestContext, Truth, conditions
from iamkit.reference import covered_actions
from iamkit.table import objects
from iamkit.tables import without_service_linked
from iamkit.values import listed

ASSUME: Final = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity")
ANYONE: Final = "*"
AWS: Final = "AWS"

# With which of them a kind of principal comes; anyone may come with any.
ASSUMES: Final = {
    AWS: frozenset(ASSUME[:1]),
    "Service": frozenset(ASSUME[:1]),
    "Federated": frozenset(ASSUME[1:]),
}

_MFA_CONTEXTS: Final = {"key": KEY, "password": PASSWORD, "mfa": PROTECTED}
_ANY_AGE: Final = PROTECTED.but({"aws:MultiFactorAuthAge": UNKNOWN})


class Principal(NamedTuple):
    """A principal as a trust policy names it, or an identity that calls."""

    kind: str | None  # AWS, Service, Federated, * for anyone
    name: str
    account_id: str | None

    @property
    def whole_account(self) -> bool:
        """Whether it is a whole account: its id, or the ARN that ends in :root."""
        if self.account_id is None:
            return False
        root = f"{self.name[: self.name.find(':iam:')]}:iam::{self.account_id}:root"
        return self.name in (self.account_id, root)

    def includes(self, other: Principal) -> bool:
        """Whether all that another principal stands for belongs to this one."""
        if self.kind == ANYONE:
            return True
        if self.kind != other.kind:
            return False
        if self.name == other.name or _of_role(other.name, self.name):
            return True
        return self.whole_account and self.account_id == other.account_id


class CallerKind(Enum):
    """Who is meant by a question about an entry, other than a certain identity."""

    ANY = "whoever comes in by the entry"
    PERSON = "an AWS principal that comes in by the entry"
    STRANGER = "one that no statement of the policy names, if the entry is for anyone"


@dataclass(frozen=True, eq=False)
class Denial:
    """A Deny statement of a trust policy."""

    number: int
    sid: str | None
    actions: frozenset[str]  # which of `ASSUME` it is about
    negated: bool  # `principals` are those that it leaves out
    principals: tuple[Principal, ...]
    condition: Any

    @cached_property
    def content(self) -> str:
        """Text that is the same for denials that say the same."""
        said = [sorted(self.actions), self.negated, self.principals, self.condition]
        return json.dumps(said, sort_keys=True, default=str)

    def covers(self, principal: Principal, caller: CallerKind) -> Truth:
        """
        Whether it is about a caller, without its Condition.

        For a principal that stands for many, the question is whether one of them is left out.
        """
        if not self.negated:
            return any(each.includes(principal) for each in self.principals)
        spared = self._leaves_out(principal, caller)
        return None if spared is None else not spared

    def _leaves_out(self, principal: Principal, caller: CallerKind) -> Truth:
        """
        Whether NotPrincipal leaves a caller out of the denial, or one of those it stands for.

        An identity is left out for certain only together with its account, and a role's sessions
        only by name, which nobody knows.
        """
        if any(each.kind == ANYONE for each in self.principals):
            return True
        if principal.kind == ANYONE:
            return self._leaves_somebody_out(caller)
        alike = [each for each in self.principals if each.kind == principal.kind]
        named = any(each.name == principal.name for each in alike)
        if principal.kind != AWS:
            return named
        account = principal.account_id
        near = [each for each in alike if account is not None and each.account_id == account]
        if any(each.whole_account for each in near) and (
            principal.whole_account or (named and ":user/" in principal.name)
        ):
            return True
        return None if named or near else False

    def _leaves_somebody_out(self, caller: CallerKind) -> Truth:
        """Whether anybody of those who may call is left out."""
        if caller is CallerKind.STRANGER:
            return False
        meant = [each for each in self.principals if caller is CallerKind.ANY or each.kind == AWS]
        if not meant:
            return False
        return True if any(each.whole_account or each.kind != AWS for each in meant) else None


@dataclass(frozen=True, eq=False)
class TrustEntry:
    """A principal that a trust policy allows, with what the same policy denies."""

    principal: Principal
    actions: frozenset[str]  # which of `ASSUME` the principal may come with
    condition: Any
    denials: tuple[Denial, ...]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> TrustEntry:
        """Make the entry of a row of `entries`."""
        return cls(principal_of(row), row["allowed"], row["conditions"], row["denials"])

    def admits(
        self,
        context: RequestContext,
        caller: CallerKind = CallerKind.ANY,
        identity: Principal | None = None,
    ) -> Truth:
        """
        Whether the entry allows a caller: True certainly, None possibly, False not.

        `identity` is the one that calls, if it is known; by itself the entry stands for the caller
        whom the fewest Deny statements stop.
        """
        person = caller is CallerKind.PERSON or identity is not None
        actions = self.actions & ASSUMES[AWS] if person else self.actions
        if not actions:
            return False
        holds = conditions.evaluate(self.condition, context)
        if holds is False or not self.denials:
            return holds
        return any_of(
            every((holds, self._not_denied(action, context, caller, identity)))
            for action in sorted(actions)
        )

    def _not_denied(
        self, action: str, context: RequestContext, caller: CallerKind, identity: Principal | None
    ) -> Truth:
        truths = (
            every(
                (
                    self.covered(denial, caller, identity),
                    conditions.evaluate(denial.condition, context),
                )
            )
            for denial in self.denials
            if action in denial.actions
        )
        return inverse(any_of(truths))

    def covered(
        self, denial: Denial, caller: CallerKind, identity: Principal | None = None
    ) -> Truth:
        """Whether a Deny is about the callers of the entry, without its Condition."""
        if identity is None:
            return denial.covers(self.principal, caller)
        # An entry for one session says more of the caller than the identity does.
        whom = [identity, *([self.principal] if _session_role(self.principal.name) else [])]
        return any_of(denial.covers(each, caller) for each in whom)

    def may(self, context: RequestContext, caller: CallerKind = CallerKind.ANY) -> bool:
        """Whether it may admit a caller: what is unknown helps the caller."""
        return self.admits(context, caller) is not False

    def tested(self, caller: CallerKind = CallerKind.STRANGER) -> list[Any]:
        """Its Condition, and those of the denials that are certainly about the caller."""
        return [
            self.condition,
            *(
                each.condition
                for each in self.denials
                if self.actions & each.actions and self.covered(each, caller) is True
            ),
        ]

    def used(self) -> bool:
        """Whether it allows anybody, with MFA or without."""
        if not self.condition and not self.denials:
            return bool(self.actions)
        contexts = (KEY, PASSWORD, PROTECTED, _ANY_AGE)
        return any(self.may(each) for each in contexts)

    def by_mfa(self) -> dict[str, Truth]:
        """Whether it admits an AWS principal with a key, with a password alone, and with MFA."""
        return by_mfa(lambda context: self.admits(context, CallerKind.PERSON), refused=False)

    def asks_for_mfa(self) -> bool | None:
        """Whether the entry allows AWS principals only with MFA; None: it allows none."""
        if not self.condition and not self.denials:
            return False if ASSUME[0] in self.actions else None
        found = self.by_mfa()
        if set(found.values()) == {False}:
            return None
        return found["key"] is False and found["password"] is False


def by_mfa(answer: Callable[[RequestContext], Truth], *, refused: bool) -> dict[str, Truth]:
    """
    Return an answer for a key, a password alone, and MFA, a minute old.

    Where fresh MFA is `refused`, older MFA may not be, so its age is left open.
    """
    found = {way: answer(context) for way, context in _MFA_CONTEXTS.items()}
    if found["mfa"] is refused:
        found["mfa"] = answer(_ANY_AGE)
    return found


def every(truths: Iterable[Truth]) -> Truth:
    """Whether all hold; None if that is unknown."""
    found = set(truths)
    return False if False in found else (None if None in found else True)


def any_of(truths: Iterable[Truth]) -> Truth:
    """Whether one holds; None if that is unknown."""
    found = set(truths)
    return True if True in found else (None if None in found else False)


def inverse(truth: Truth) -> Truth:
    """Whether it does not hold; None if that is unknown."""
    return None if truth is None else not truth


def _role(name: str) -> tuple[str, str] | None:
    """Account and name of a role's ARN."""
    parts = arn_parts(name)
    if not parts or not parts[5].startswith("role/"):
        return None
    return parts[4], parts[5].rpartition("/")[2]


def _of_role(session: str, role: str) -> bool:
    """Whether the first is a session of the second."""
    return _session_role(session) is not None and _session_role(session) == _role(role)


def _session_role(name: str) -> tuple[str, str] | None:
    """Account and name of the role, of a session's ARN."""
    parts = arn_parts(name)
    if not parts or not parts[5].startswith("assumed-role/"):
        return None
    return parts[4], parts[5].split("/")[1]


# --- from the table of trust policies


def entries(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """
    Rows of trust policies that allow somebody to assume a role, without service-linked roles.

    An Allow with NotPrincipal is one for anyone. Column `allowed` holds the actions of `ASSUME`
    that the principal may come with, `denials` the Deny statements of the same policy, one tuple
    for all its rows. `conditions` of a policy whose Version has no variables are rewritten to say
    the same where variables are replaced. `TrustEntry.of` makes an entry of a row.
    """
    readable = readable_rows(trust, roles)
    denying = denials_by_role(readable[readable["effect"].eq("Deny")])
    found = readable[readable["effect"].eq("Allow") & readable["about"].map(bool).astype("bool")]
    anyone = found["negated"].eq(True)
    found = found.assign(
        principal_type=found["principal_type"].mask(anyone, ANYONE),
        principal=found["principal"].mask(anyone, ANYONE),
    )
    pairs = zip(found["principal_type"], found["about"], strict=True)
    found["allowed"] = objects((_comes_with(*pair) for pair in pairs), found.index)
    found = found[found["allowed"].map(bool).astype(bool)]  # without rows the dtype is object
    none: tuple[Denial, ...] = ()
    denials = (denying.get(arn, none) for arn in found["role_arn"])
    return found.assign(denials=objects(denials, found.index)).drop(columns="about")


def shared_entries(found: pd.DataFrame) -> list[TrustEntry]:
    """The entry of each row of `entries`, one object for all rows that say the same."""
    distinct: Memo[Any, TrustEntry] = Memo()
    columns = ("principal_type", "principal", "account_id", "allowed", "conditions", "denials")
    made = []
    for row in found[list(columns)].itertuples(index=False):
        named = dict(zip(columns, row, strict=True))
        denials = tuple(each.content for each in named["denials"])
        condition = conditions.condition_key(named["conditions"])
        same = (principal_of(named), named["allowed"], condition, denials)
        made.append(distinct.once(same, TrustEntry.of, named))
    return made


def _comes_with(kind: str, about: frozenset[str]) -> frozenset[str]:
    """The actions of a statement with which a kind of principal comes."""
    own = about & ASSUMES.get(kind, frozenset(ASSUME))
    return own or (frozenset() if kind == AWS else about)


def readable_rows(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """The rows that can be read, with the actions of `ASSUME` that they are about."""
    readable = without_service_linked(trust[trust["problem"].isna()], roles, "role_arn")
    pairs = zip(map(tuple, readable["actions"]), map(tuple, readable["not_actions"]), strict=True)
    return readable.assign(
        conditions=_rewritten(readable),
        about=objects((_named(*pair) for pair in pairs), readable.index),
    )


def denials_by_role(denying: pd.DataFrame) -> dict[str, tuple[Denial, ...]]:
    """The Deny statements of each role; one without Action and NotAction denies nothing."""
    found: dict[str, dict[int, list[dict[Any, Any]]]] = {}
    for row in rows(denying):
        if row["about"] and (listed(row["actions"]) or listed(row["not_actions"])):
            found.setdefault(row["role_arn"], {}).setdefault(row["number"], []).append(row)
    return {
        arn: tuple(_denial(number, alike) for number, alike in statements.items())
        for arn, statements in found.items()
    }


def _denial(number: int, alike: list[dict[Any, Any]]) -> Denial:
    first = alike[0]
    sid = first["sid"] if isinstance(first["sid"], str) else None
    principals = tuple(map(principal_of, alike))
    negated = bool(first["negated"])
    return Denial(number, sid, first["about"], negated, principals, first["conditions"])


def principal_of(row: Mapping[str, Any]) -> Principal:
    kind, name, account_id = row["principal_type"], row["principal"], row["account_id"]
    return Principal(
        kind if isinstance(kind, str) else None,
        name if isinstance(name, str) else "",
        account_id if isinstance(account_id, str) else None,
    )


def _rewritten(trust: pd.DataFrame) -> pd.Series[Any]:
    """Conditions, as one would write them where policy variables are replaced."""
    old = trust[trust["variables"].eq(False)]
    found = dict(zip(old.index, map(_as_if_replaced, rows(old)), strict=True))
    written = zip(trust.index, trust["conditions"], strict=True)
    return objects((found.get(at, each) for at, each in written), trust.index)


def about(row: Mapping[str, Any]) -> frozenset[str]:
    """Return which of `ASSUME` a statement is about; all, if it has no Action and no NotAction."""
    return _named(tuple(listed(row["actions"])), tuple(listed(row["not_actions"])))


@lru_cache(maxsize=4096)
def _named(actions: tuple[str, ...], not_actions: tuple[str, ...]) -> frozenset[str]:
    patterns = actions or not_actions
    named = frozenset().union(*(covered_actions(text, ASSUME) for text in patterns))
    return named if actions else frozenset(ASSUME) - named


def _as_if_replaced(row: Mapping[str, Any]) -> Any:
    """A statement's Condition, as one would write it where policy variables are replaced."""
    written = row["conditions"]
    if row["variables"] is not False or "${" not in conditions.condition_key(written):
        return written
    return json.loads(conditions.condition_key(written).replace("$", "${$}"))


def unreadable(trust: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """Rows of trust policies that say nothing for certain: nobody can read their statement."""
    return without_service_linked(trust[trust["problem"].notna()], roles, "role_arn")


def rows(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return a dict per row; pandas' own way boxes each value by itself, which takes longer."""
    columns = table.columns.tolist()
    values = (table[column].tolist() for column in columns)
    return [dict(zip(columns, each, strict=True)) for each in zip(*values, strict=True)]
