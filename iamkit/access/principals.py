"""
The callers of an account: how they arrive, who they are, and which policies bind them.

A named context says how a caller arrived: with a stolen key from anywhere, with a password but no
second factor, in an MFA session from the office. Who the caller is, is known; every key that is
neither is unknown. Service control policies bind if the evidence has them, but neither
service-linked roles nor anyone in the organization's management account.

Source: IAM User Guide, "AWS global condition context keys" and "Multi-factor authentication: API
access with MFA"; Organizations User Guide, "Service control policies".
"""

from __future__ import annotations

import ipaddress
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import pandas as pd

from iamkit.access.administrators import SELF_PROMOTION
from iamkit.access.contexts import CANDIDATES, CONTEXTS, INSIDE, ISSUED, NOW, OUTSIDE, WHO
from iamkit.errors import SettingsError
from iamkit.policy import (
    ABSENT,
    ANYWHERE,
    ENDPOINT_KEYS,
    UNKNOWN,
    Decision,
    Policy,
    PolicyEvaluator,
    PolicyLayers,
    RequestContext,
    Statement,
    decide,
    networks,
)
from iamkit.reference import Catalog, load_catalog
from iamkit.tables import AccountTables


class Principals:
    """What evaluation needs of an account: each principal's layers, and what its requests carry."""

    def __init__(self, account: AccountTables) -> None:
        self.account = account
        self._policies = _policies(account)
        self._identity: dict[str, list[str]] = {}
        held = account.policy_assignments
        for principal_arn, policy_arn in zip(
            held["principal_arn"], held["policy_arn"], strict=True
        ):
            self._identity.setdefault(principal_arn, []).append(policy_arn)
        self._people: dict[str, dict[str, Any]] = {
            row["principal_arn"]: {str(name): value for name, value in row.items()}
            for row in account.principals.to_dict("records")
        }
        self._linked = set(account.roles.query("service_linked")["role_arn"])
        self._scps = _control_policies(account)
        self._tag_keys = sorted(
            key for key in self._mentioned if key.startswith("aws:principaltag/")
        )
        self.who = frozenset((*WHO, *self._tag_keys))  # keys that say who the caller is

    @cached_property
    def catalog(self) -> Catalog:
        """The action list, with rows for whatever this account's policies name besides."""
        named = {pattern for statement in self._statements() for pattern in statement.actions}
        return load_catalog().including(named)

    @property
    def has_scps(self) -> bool:
        """Whether the evidence says which service control policies apply."""
        return self._scps is not None

    def _statements(self) -> Iterable[Statement]:
        """Every statement of every policy, SCPs included."""
        levels = self._scps or ()
        for policy in (*self._policies.values(), *(p for level in levels for p in level)):
            yield from policy.statements

    @cached_property
    def _mentioned(self) -> set[str]:
        """Condition keys that any policy tests."""
        found: set[str] = set()
        for statement in self._statements():
            found |= {*statement.condition_keys, *statement.resource_keys}
        return found

    @cached_property
    def addresses(self) -> dict[str, Any]:
        """
        The address that stands for each of INSIDE and OUTSIDE.

        INSIDE is in the first approved network of the settings; without any, in the network that
        most conditions of the account name; without those either, it is unknown.
        """
        conditions = (statement.condition for statement in self._statements())
        # 0.0.0.0/0, or its two halves, leave no address outside: such a list is no fence.
        named = [net for net in networks(conditions) if net.prefixlen > 1]
        approved = [ipaddress.ip_network(text) for text in self.account.settings.approved_networks]
        free = (
            text
            for text in CANDIDATES
            if not any(ipaddress.ip_address(text) in net for net in (*named, *approved))
        )
        home = approved or [net for net, _ in Counter(named).most_common(1)]
        inside = str(home[0][min(9, home[0].num_addresses - 1)]) if home else UNKNOWN
        return {OUTSIDE: next(free, UNKNOWN), INSIDE: inside}

    def principal(self, name: str) -> dict[str, Any]:
        """
        Return the principal with this name or ARN.

        Raises `SettingsError` if there is none, or a user and a role share the name.
        """
        if name in self._people:
            return self._people[name]
        found = [p for p in self._people.values() if p["name"] == name and p["kind"] != "group"]
        if len(found) != 1:
            what = "several principals have" if found else "no principal has"
            arns = f": {_list(p['principal_arn'] for p in found)}" if found else ""
            raise SettingsError(f"{what} the name {name!r}{arns}; give an ARN")
        return found[0]

    @cached_property
    def policy_arns(self) -> Mapping[Policy, str]:
        """The ARN of each policy that is in some principal's layers; SCPs have a name only."""
        return {policy: arn for arn, policy in self._policies.items()}

    def layers(self, principal_arn: str) -> PolicyLayers:
        """Return the policies that allow and limit a principal."""
        principal = self._people[principal_arn]
        identity = tuple(self._policies[arn] for arn in self._identity.get(principal_arn, ()))
        boundary_arn = principal["boundary_arn"]
        boundary = None if pd.isna(boundary_arn) else (self._policies[boundary_arn],)
        bound = self._scps is not None and principal_arn not in self._linked
        return PolicyLayers(identity, boundary, self._scps or () if bound else ())

    def known(self, principal_arn: str) -> dict[str, Any]:
        """Return the condition keys that say who the caller is."""
        principal = self._people[principal_arn]
        user = principal["kind"] == "user"
        keys: dict[str, Any] = dict.fromkeys(self._tag_keys, ABSENT)
        keys |= {f"aws:principaltag/{key.lower()}": v for key, v in principal["tags"].items()}
        values = {
            "aws:username": principal["name"] if user else ABSENT,
            "aws:userid": principal["id"] if user and isinstance(principal["id"], str) else UNKNOWN,
            "aws:principalarn": principal["principal_arn"],
            "aws:principalaccount": self.account.account_id,
            "aws:principaltype": "User" if user else "AssumedRole",
            "aws:principalisawsservice": "false",
        }
        if not user:  # however it was assumed, its credentials are temporary
            values[ISSUED.lower()] = self._now
        return keys | values

    @cached_property
    def _now(self) -> str:
        return self.account.as_of.strftime("%Y-%m-%dT%H:%M:%SZ")

    def arrival(self, name: str) -> dict[str, Any]:
        """
        Return the condition keys that say how the caller arrived, for one of `CONTEXTS`.

        Raises `SettingsError` if there is no such context.
        """
        if name not in CONTEXTS:
            raise SettingsError(f"there is no context {name!r}; there are {_list(CONTEXTS)}")
        keys = dict(CONTEXTS[name])
        address = keys.get("aws:SourceIp")
        if address in (INSIDE, OUTSIDE):
            keys["aws:SourceIp"] = self.addresses[address]
        if keys.get(ISSUED) == NOW:
            keys[ISSUED] = self._now
        straight = {
            "aws:SecureTransport": "true",
            "aws:ViaAWSService": "false",
            "aws:CurrentTime": self._now,
            "aws:EpochTime": str(int(self.account.as_of.timestamp())),
            **dict.fromkeys(ENDPOINT_KEYS, ABSENT),
        }
        return {key.lower(): value for key, value in (straight | keys).items()}

    def context(self, principal_arn: str, name: str) -> RequestContext:
        """Return what a request of a principal carries in a named context."""
        return RequestContext({**self.arrival(name), **self.known(principal_arn)}, UNKNOWN)

    def promotes_itself(self, principal_arn: str, context: str) -> bool:
        """
        Return whether a principal can give itself every permission with one call to IAM.

        A permissions boundary that it cannot lift limits that, so it must allow everything. Errs
        towards no: roundabout ways are not looked for here.
        """
        layers = self.layers(principal_arn)
        if layers.boundary is not None:
            judge = PolicyEvaluator(self.catalog)
            bounded = judge.rows(
                PolicyLayers(layers.boundary), self.context(principal_arn, context)
            )
            if (judge.every & ~bounded[ANYWHERE]).any():
                return False
        principal = self._people[principal_arn]
        groups = self.account.memberships.query("user_arn == @principal_arn")["group_arn"]
        held = self.account.policy_assignments.query("principal_arn == @principal_arn")[
            "policy_arn"
        ]
        own = self.account.policies.query("kind == 'customer'")["policy_arn"]
        targets = {
            "group": list(groups),
            "policy": list(held[held.isin(own)]),
            principal["kind"]: [principal_arn],
        }
        return any(
            self.decide(principal_arn, action, resource, context)
            for action, kind in SELF_PROMOTION.items()
            for resource in targets.get(kind, ())
        )

    def decide(self, principal: str, action: str, resource: str, context: str) -> Decision:
        """Decide one request of a principal, by name or ARN, in a named context."""
        arn = self.principal(principal)["principal_arn"]
        layers = self.layers(arn)
        return decide(
            action,
            resource,
            self.context(arn, context),
            identity=layers.identity,
            boundary=layers.boundary,
            scps=layers.scps,
        )


def _policies(account: AccountTables) -> dict[str, Policy]:
    """Each policy by ARN. One that is attached but not shown may allow anything."""
    table = account.policies
    unseen = table["problem"].fillna("").str.contains("not in the evidence")
    readable = table["problem"].isna()
    written = account.policy_versions["document"]  # in the order of the policies
    documents = [
        None if gone else document if whole else {}
        for document, gone, whole in zip(written, unseen, readable, strict=True)
    ]
    names = table["policy_name"].fillna("a policy without a name")
    found = {
        arn: Policy(name, document)
        for arn, name, document in zip(table["policy_arn"], names, documents, strict=True)
    }
    for arn in account.principals["boundary_arn"].dropna():
        found.setdefault(arn, Policy(arn.rsplit("/", 1)[-1], None))
    return found


def _control_policies(account: AccountTables) -> tuple[tuple[Policy, ...], ...] | None:
    """SCPs by level, the root first; None if the evidence does not say, () if none apply."""
    answer = account.snapshot.json("service_control_policies.json")
    if answer is None:
        return None
    organization = (account.snapshot.json("organization.json") or {}).get("Organization") or {}
    if organization.get("MasterAccountId") == account.account_id:
        return ()
    return tuple(
        tuple(_control_policy(policy) for policy in target["Policies"])
        for target in reversed(answer["Targets"])
    )


def _control_policy(policy: Mapping[str, Any]) -> Policy:
    summary = policy.get("PolicySummary") or {}
    try:
        document = json.loads(policy["Content"])
    except (KeyError, TypeError, ValueError):
        document = None
    return Policy(str(summary.get("Name") or summary.get("Id")), document)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
