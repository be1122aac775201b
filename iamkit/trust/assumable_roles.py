"""
Which roles let in which identity of their own account, and which service.

Two things open a role to a caller of its own account: its trust policy names the caller, or anyone,
and then it needs nobody's permission; or it names the account, and then the caller's own policies
have to allow it. Both are told apart here; the caller's own side is `uses`'.

A condition that nobody can decide does not let a caller in for sure, but perhaps; a denial that may
be about the caller stops it from coming in for sure. Services are let in unless something surely
stops them, for whoever hands a role to a service also chooses for which of its resources.

Source: IAM User Guide, "Policy evaluation for requests within a single account" and "AWS JSON
policy elements: Principal".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.access import NOWHERE, Principals, Resources, ResourceSet
from iamkit.policy import UNKNOWN, RequestContext, Truth, conditions
from iamkit.trust.trust_policy import PERHAPS, may, rows, ways_in

ANYONE: Final = "*"
ACCOUNT: Final = "account"


class Asked:
    """What a door asks of who comes: a condition, and what the same policy denies."""

    def __init__(self, condition: Any, shut: Mapping[str, list[Any]]) -> None:
        self.condition = condition
        self.shut = shut
        tested = [self.condition, *(each for listed in self.shut.values() for each in listed)]
        self.keys = tuple(sorted(frozenset().union(*map(conditions.keys, tested))))
        self._answers: dict[Any, Truth] = {}

    def lets_in(self, arn: str, names: Iterable[str], who: RequestContext) -> Truth:
        """Whether it lets in a caller that also goes by other names, None if nobody can tell."""
        own = arn if arn in self.shut else None
        asked = (own, who.answers(self.keys))
        if asked not in self._answers:
            self._answers[asked] = self._lets_in((arn, *names), who)
        return self._answers[asked]

    def _lets_in(self, names: Iterable[str], who: RequestContext) -> Truth:
        holds = conditions.evaluate(self.condition, who)
        stops = [
            conditions.evaluate(each, who) for name in names for each in self.shut.get(name, ())
        ]
        doubts = [conditions.evaluate(each, who) for each in self.shut.get(PERHAPS, ())]
        if holds is False or True in stops:
            return False
        sure = holds and all(answer is False for answer in (*stops, *doubts))
        return True if sure else None


class Door(NamedTuple):
    """A row of a trust policy: whom it names, and in which statement."""

    principal: str
    sid: Any
    number: int


class AssumableRoles:
    """What the trust policies of an account's roles say, for one caller or service at a time."""

    def __init__(self, callers: Principals, roles: Resources) -> None:
        self.callers = callers
        self.roles = roles
        account = callers.account
        root = f"arn:{account.partition}:iam::{account.account_id}:root"
        self.own = frozenset((account.account_id, root))
        self._services: dict[str, int] = {}
        self._shared: dict[Any, ResourceSet] = {}

    @cached_property
    def _doors(self) -> pd.DataFrame:
        """Who may come in, a row per name and role; `role` is its place among the roles."""
        account = self.callers.account
        found = ways_in(account.trust, account.roles)
        role = found["role_arn"].map(self.roles.number)
        return found.assign(role=role)[role.notna()].astype({"role": "int64"})

    @cached_property
    def _openings(self) -> dict[str, dict[Asked, int]]:
        """Doors for AWS identities, by the name they are for: what is asked, at which roles."""
        named = self._doors[self._doors["principal_type"].isin(["AWS", ANYONE])]
        same: dict[tuple[int, int], Asked] = {}  # many rows share one object
        alike: dict[str, Asked] = {}
        found: dict[str, dict[Asked, int]] = {}
        columns = (named[name].tolist() for name in ("principal", "conditions", "shut", "role"))
        for principal, condition, shut, role in zip(*columns, strict=True):
            if (id(condition), id(shut)) not in same:
                text = json.dumps([condition, shut], sort_keys=True, default=str)
                asked = alike.setdefault(text, Asked(condition, shut))
                same[id(condition), id(shut)] = asked
            asked = same[id(condition), id(shut)]
            name = ACCOUNT if principal in self.own else self._called(principal)
            roles = found.setdefault(name, {})
            roles[asked] = roles.get(asked, 0) | 1 << role
        return found

    def _called(self, name: str) -> str:
        """A name as written, but for that of a session: who may be the role may choose it."""
        if ":assumed-role/" not in name:
            return name
        found = re.fullmatch(r"arn:[^:]+:sts::(\d+):assumed-role/([^/]+)/.*", name)
        own = found is not None and found[1] == self.callers.account.account_id
        return _sessions(found[2]) if found and own else name

    def names(self, arn: str) -> bool:
        """Whether a trust policy names an identity or a session of it, or anyone."""
        return any(name in self._openings for name in _names(arn)[:-1])

    @cached_property
    def tags(self) -> frozenset[str]:
        """Condition keys, in lower case, of tags that trust policies ask of who comes."""
        asked = (key for each in self._openings.values() for door in each for key in door.keys)
        return frozenset(key for key in asked if key.startswith("aws:principaltag/"))

    def keys(self, arn: str) -> frozenset[str]:
        """The condition keys that decide whether an identity is let in."""
        openings = (self._openings.get(name, {}) for name in _names(arn))
        return frozenset(key for each in openings for asked in each for key in asked.keys)

    def lets_in(self, arn: str, who: RequestContext) -> tuple[ResourceSet, ResourceSet]:
        """Return the roles that let in an identity by name, and those that ask its policies."""
        name, anyone, session, account = _names(arn)
        by_name, by_session = self._by(name, arn, who), self._by(session, arn, who)
        named = by_name | self._by_shared(anyone, arn, who) | ResourceSet(0, by_session.possible)
        return named, self._by_shared(account, arn, who)

    def _by_shared(self, name: str, arn: str, who: RequestContext) -> ResourceSet:
        """What `_by` says of a name that many callers go by, once for all whom it treats alike."""
        if name not in self._openings:
            return NOWHERE
        keys, singled_out = self._asked[name]
        same = (name, arn if arn in singled_out else None, who.answers(keys))
        if same not in self._shared:
            self._shared[same] = self._by(name, arn, who)
        return self._shared[same]

    @cached_property
    def _asked(self) -> dict[str, tuple[tuple[str, ...], frozenset[str]]]:
        """For each name, the condition keys that its doors ask for, and whom they are shut to."""
        return {
            name: (
                tuple(sorted({key for asked in doors for key in asked.keys})),
                frozenset(each for asked in doors for each in asked.shut),
            )
            for name, doors in self._openings.items()
        }

    def _by(self, name: str, arn: str, who: RequestContext) -> ResourceSet:
        """The roles that let in a caller by their doors for one name."""
        sure = perhaps = 0
        for asked, roles in self._openings.get(name, {}).items():
            answer = asked.lets_in(arn, (ANYONE, *self.own), who)
            sure |= roles if answer else 0
            perhaps |= 0 if answer is False else roles
        return ResourceSet(sure, perhaps)

    def door(self, role_arn: str, names: Iterable[str]) -> Door | None:
        """The first row of a role's trust policy for one of these names."""
        doors = self._by_role.get(role_arn, {})
        return next((doors[name] for name in names if name in doors), None)

    @cached_property
    def _by_role(self) -> dict[str, dict[str, Door]]:
        """The rows of each role's trust policy, by the name each is for."""
        found: dict[str, dict[str, Door]] = {}
        columns = ("role_arn", "principal_type", "principal", "sid", "number")
        listed = (self._doors[name].tolist() for name in columns)
        for arn, kind, name, sid, number in zip(*listed, strict=True):
            called = _service(kind, name) or name
            found.setdefault(arn, {}).setdefault(called, Door(name, sid, number))
        return found

    @cached_property
    def _services_doors(self) -> list[dict[Any, Any]]:
        return rows(self._doors[self._doors["principal_type"].eq("Service")])

    def service(self, name: str) -> int:
        """The roles that a service may assume on behalf of this account."""
        if name not in self._services:
            about = {"aws:sourceaccount": self.callers.account.account_id}
            who = RequestContext({**about, "aws:principalisawsservice": "true"}, UNKNOWN)
            found = 0
            for door in self._services_doors:
                if _service("Service", door["principal"]) == name and may(door, who):
                    found |= 1 << door["role"]
            self._services[name] = found
        return self._services[name]


def _service(principal_type: str, principal: str) -> str:
    return principal.lower().removesuffix(".cn") if principal_type == "Service" else ""


def _names(arn: str) -> tuple[str, str, str, str]:
    """What trust policies may call an identity: itself, anyone, a session of it, its account."""
    role = arn.rsplit("/", 1)[-1] if ":role/" in arn else ""  # users have no sessions of a role
    return arn, ANYONE, _sessions(role), ACCOUNT


def _sessions(role: str) -> str:
    return f"sessions of {role}"
