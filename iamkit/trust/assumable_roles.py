"""
Roles that an identity of the same account may assume by their trust policies, and a service.

An identity of the account may assume a role in two cases: its trust policy names the identity, or
anyone, and then no policy of the identity is needed; or it names the account, and then the
identity's policies have to allow it, too. The answers keep the two cases apart;
`escalation.allowed_resources` has what the identity's policies allow.

`trust_policy` decides whom a trust policy admits. A service is admitted unless a statement
certainly refuses it, because the identity that passes a role to a service also chooses the
resource.

Source: IAM User Guide, "Policy evaluation for requests within a single account" and "AWS JSON
policy elements: Principal".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Final, NamedTuple

import pandas as pd

from iamkit.access import NOWHERE, Principals, Resources, ResourceSet
from iamkit.policy import UNKNOWN, Pattern, RequestContext, Truth, choices, conditions
from iamkit.trust import trust_policy
from iamkit.trust.trust_policy import ANYONE, ASSUME, AWS, Principal, TrustEntry

ACCOUNT: Final = "account"


class SharedEntry:
    """A condition and the denials that go with it, shared by many roles: whom it admits."""

    def __init__(self, entry: TrustEntry) -> None:
        self.entry = entry
        tested = [entry.condition, *(each.condition for each in entry.denials)]
        self.keys = tuple(sorted(frozenset().union(*map(conditions.keys, tested))))
        self.named = frozenset(named.name for each in entry.denials for named in each.principals)
        self._answers: dict[Any, Truth] = {}

    def admits(self, identity: Principal, context: RequestContext) -> Truth:
        """Whether an identity may assume the roles, None if that is not known."""
        own = identity.name if identity.name in self.named else None
        asked = (own, context.answers(self.keys))
        if asked not in self._answers:
            self._answers[asked] = self._admits(identity, context)
        return self._answers[asked]

    def _admits(self, identity: Principal, context: RequestContext) -> Truth:
        """The best answer for what the caller chooses, such as the name of the session."""
        answer = self.entry.admits(context, identity=identity)
        if answer is not None or not any(map(choices.is_chosen, self.keys)):
            return answer
        tested = [self.entry.condition, *(each.condition for each in self.entry.denials)]
        chosen = choices.condition_choices(tested, context)
        made = (self.entry.admits(context.joined(each), identity=identity) for each in chosen)
        return True if any(made) else None


class TrustRow(NamedTuple):
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
        self._same: dict[tuple[int, int, str], SharedEntry] = {}
        self._alike: dict[str, SharedEntry] = {}

    @classmethod
    def of(cls, callers: Principals, principals: pd.DataFrame) -> AssumableRoles:
        """Make it for all roles among rows of `principals`."""
        account = callers.account
        arns = principals.loc[principals["kind"].eq("role"), "principal_arn"].tolist()
        pattern = f"arn:{account.partition}:iam::{account.account_id}:role/*"
        return cls(callers, Resources(Pattern(pattern), tuple(arns), tuple({} for _ in arns)))

    @cached_property
    def _rows(self) -> pd.DataFrame:
        """The trusted principals, a row per name and role; `role` is its place among the roles."""
        account = self.callers.account
        found = trust_policy.entries(account.limited_trust, account.roles)
        role = found["role_arn"].map(self.roles.number)
        return found.assign(role=role)[role.notna()].astype({"role": "int64"})

    @cached_property
    def _entries(self) -> dict[str, dict[SharedEntry, int]]:
        """Entries for AWS identities, by the name they are for: at which roles."""
        found: dict[str, dict[SharedEntry, int]] = {}
        for row in self._aws_rows():
            roles = found.setdefault(self._called(row.principal), {})
            shared = self._share(row)
            roles[shared] = roles.get(shared, 0) | 1 << row.role
        return found

    def _aws_rows(self) -> Iterator[Any]:
        """The rows for AWS identities, as tuples: an account may have a million."""
        kind = self._rows["principal_type"]
        columns = ["principal", "conditions", "denials", "allowed", "role"]
        named = self._rows.loc[kind.isin([AWS, ANYONE]), columns]
        assuming = named["allowed"].map(lambda allowed: ASSUME[0] in allowed).astype("bool")
        yield from named[assuming].itertuples(index=False)

    def _share(self, row: Any) -> SharedEntry:
        """The entry of a row, the same object for all rows with the same conditions."""
        session = row.principal if ":assumed-role/" in row.principal and row.denials else ""
        same = (id(row.conditions), id(row.denials), session)  # many rows share one object
        if same not in self._same:
            denials = tuple(each for each in row.denials if ASSUME[0] in each.actions)
            content = [row.conditions, [each.content for each in denials], session]
            text = json.dumps(content, sort_keys=True, default=str)
            principal = Principal(AWS, session, self.callers.account.account_id)
            entry = TrustEntry(principal, frozenset(ASSUME[:1]), row.conditions, denials)
            self._same[same] = self._alike.setdefault(text, SharedEntry(entry))
        return self._same[same]

    def _called(self, name: str) -> str:
        """A name as written; for a session, its role's: callers choose session names."""
        if name in self.own:
            return ACCOUNT
        if ":assumed-role/" not in name:
            return name
        found = re.fullmatch(r"arn:[^:]+:sts::(\d+):assumed-role/([^/]+)/.*", name)
        own = found is not None and found[1] == self.callers.account.account_id
        return _sessions(found[2]) if found and own else name

    def names(self, arn: str) -> bool:
        """Whether a trust policy names an identity or a session of it, or anyone."""
        return any(name in self._entries for name in _names(arn)[:-1])

    def asked(self, arn: str) -> list[Any]:
        """The Condition elements that decide whether trust policies admit an identity by name."""
        entries = (entry for name in _names(arn)[:-1] for entry in self._entries.get(name, ()))
        return [
            condition
            for entry in dict.fromkeys(entries)
            for condition in (
                entry.entry.condition,
                *(each.condition for each in entry.entry.denials),
            )
        ]

    @cached_property
    def tags(self) -> frozenset[str]:
        """Condition keys, in lower case, of the principal tags that trust policies require."""
        entries = (entry for each in self._entries.values() for entry in each)
        keys = (key for entry in entries for key in entry.keys)
        return frozenset(key for key in keys if key.startswith("aws:principaltag/"))

    def keys(self, arn: str) -> frozenset[str]:
        """The condition keys that decide whether an identity may assume roles."""
        named = (self._asked[name][0] for name in _names(arn) if name in self._entries)
        return frozenset().union(*named)

    def conditions(self, arn: str) -> list[Any]:
        """The Conditions that decide whether an identity may assume roles, each once."""
        entries = {entry for name in _names(arn) for entry in self._entries.get(name, {})}
        return [
            each
            for entry in entries
            for each in (entry.entry.condition, *(one.condition for one in entry.entry.denials))
        ]

    def roles_admitting(self, arn: str, who: RequestContext) -> tuple[ResourceSet, ResourceSet]:
        """Return the roles that trust an identity by name, and those that trust its account."""
        return self.roles_open_to(arn, who), self._by_shared(ACCOUNT, arn, who)

    def roles_open_to(self, arn: str, who: RequestContext) -> ResourceSet:
        """Return the roles that trust an identity by name, or anyone."""
        name, anyone, session, _ = _names(arn)
        found = self._by_shared(anyone, arn, who)
        if name in self._entries:
            found |= self._by(name, arn, who)
        if session in self._entries:
            found |= ResourceSet(0, self._by(session, arn, who).possible)
        return found

    def singled_out(self, arn: str) -> str | None:
        """Return an identity's ARN if trust policies speak of itself; None if only of anyone."""
        name, anyone, session, _ = _names(arn)
        denied = anyone in self._entries and arn in self._asked[anyone][1]
        return arn if denied or name in self._entries or session in self._entries else None

    def roles_naming(self, arn: str, who: RequestContext) -> ResourceSet:
        """Return the roles that trust an identity by its own ARN, not by a session's or anyone."""
        return self._by(arn, arn, who)

    def _by_shared(self, name: str, arn: str, who: RequestContext) -> ResourceSet:
        """What `_by` says of a name that many callers share, once for all with the same answers."""
        if name not in self._entries:
            return NOWHERE
        keys, singled_out = self._asked[name]
        same = (name, arn if arn in singled_out else None, who.answers(keys))
        if same not in self._shared:
            self._shared[same] = self._by(name, arn, who)
        return self._shared[same]

    @cached_property
    def _asked(self) -> dict[str, tuple[tuple[str, ...], frozenset[str]]]:
        """For each name, the condition keys that its entries test, and whom they deny by name."""
        return {
            name: (
                tuple(sorted({key for entry in entries for key in entry.keys})),
                frozenset(each for entry in entries for each in entry.named),
            )
            for name, entries in self._entries.items()
        }

    def _by(self, name: str, arn: str, who: RequestContext) -> ResourceSet:
        """The roles that a caller may assume by their trust statements for one name."""
        certain = possible = 0
        identity = Principal(AWS, arn, self.callers.account.account_id)
        for entry, roles in self._entries.get(name, {}).items():
            answer = entry.admits(identity, who)
            certain |= roles if answer else 0
            possible |= 0 if answer is False else roles
        return ResourceSet(certain, possible)

    def trust_row(self, role_arn: str, names: Iterable[str]) -> TrustRow | None:
        """The first row of a role's trust policy for one of these names."""
        rows = self._by_role.get(role_arn, {})
        return next((rows[name] for name in names if name in rows), None)

    @cached_property
    def _by_role(self) -> dict[str, dict[str, TrustRow]]:
        """The rows of each role's trust policy, by the name each is for."""
        found: dict[str, dict[str, TrustRow]] = {}
        columns = ("role_arn", "principal_type", "principal", "sid", "number")
        listed = (self._rows[name].tolist() for name in columns)
        for arn, kind, name, sid, number in zip(*listed, strict=True):
            called = _service(kind, name) or name
            found.setdefault(arn, {}).setdefault(called, TrustRow(name, sid, number))
        return found

    @cached_property
    def _service_rows(self) -> list[dict[Any, Any]]:
        return trust_policy.rows(self._rows[self._rows["principal_type"].eq("Service")])

    def service(self, name: str) -> int:
        """The roles that a service may assume on behalf of this account."""
        if name not in self._services:
            about = {"aws:sourceaccount": self.callers.account.account_id}
            who = RequestContext({**about, "aws:principalisawsservice": "true"}, UNKNOWN)
            found = 0
            for row in self._service_rows:
                if _service("Service", row["principal"]) == name and TrustEntry.of(row).may(who):
                    found |= 1 << row["role"]
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
