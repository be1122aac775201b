"""
The principals of an account: which policies apply to each, and what its requests carry.

A named context (see `contexts`) says how a request arrived: with a stolen key from anywhere, with a
password and no second factor, in an MFA session from an approved network. The evidence says who the
caller is. Every other condition key is unknown. Service control policies and resource control
policies apply if the evidence has them, but neither to service-linked roles nor in the
organization's management account.

Source: IAM User Guide, "AWS global condition context keys" and "Multi-factor authentication: API
access with MFA"; Organizations User Guide, "Service control policies" and "Resource control
policies".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from iamkit.access.choosing import ChoosingEvaluator
from iamkit.access.contexts import (
    CALLED_VIA,
    CALLER_KEYS,
    CANDIDATES,
    CONTEXTS,
    ISSUED,
    NOW,
    SOURCE_IP,
    Place,
)
from iamkit.arns import account_of
from iamkit.errors import SettingsError
from iamkit.memory import Memo
from iamkit.policy import (
    ABSENT,
    ENDPOINT_KEY_NAMES,
    UNKNOWN,
    Decision,
    Policy,
    PolicyLayers,
    Profile,
    RequestContext,
    Statement,
    choices,
    cidr,
    decide,
)
from iamkit.reference import Catalog, load_catalog, rcp_services
from iamkit.tables import (
    AccountTables,
    resource_control_denials,
    service_control_policies,
    service_linked_arns,
    unsure,
)
from iamkit.values import as_dict

OWNER: Final = "iamkit:resource-of-this-account"  # a key of no request


class Principals:
    """The principals: the policies that allow and limit each, and what its requests carry."""

    def __init__(self, account: AccountTables) -> None:
        self.account = account
        self._policies = _policies(account)
        self._assigned: dict[str, list[str]] = {}
        assigned = account.policy_assignments[["principal_arn", "policy_arn"]]
        for principal_arn, policy_arn in zip(*(assigned[c] for c in assigned), strict=True):
            self._assigned.setdefault(principal_arn, []).append(policy_arn)
        columns = ["principal_arn", "kind", "name", "id", "boundary_arn", "tags"]
        table = account.principals[columns].astype("object")
        rows = zip(*(table[column].tolist() for column in columns), strict=True)
        self._principals: dict[str, dict[str, Any]] = {
            row[0]: dict(zip(columns, row, strict=True)) for row in rows
        }
        self._service_linked = service_linked_arns(account.roles)
        self._scps = service_control_policies(account)
        self._denials = resource_control_denials(account)
        self._layers: Memo[str, PolicyLayers] = Memo()
        self._callers: Memo[str, RequestContext] = Memo()
        self._cases: Memo[str, tuple[Profile, Any]] = Memo()
        self._arriving: Memo[str, RequestContext] = Memo()
        self._tag_keys = sorted(
            key for key in self._mentioned if key.startswith("aws:principaltag/")
        )
        self.caller_keys = frozenset(
            (*CALLER_KEYS, *self._tag_keys)
        )  # all that says who the caller is

    @cached_property
    def catalog(self) -> Catalog:
        """The action list, and the actions beside it that only this account's policies name."""
        named = {pattern for statement in self._statements() for pattern in statement.actions}
        return load_catalog().including(named)

    @cached_property
    def evaluator(self) -> ChoosingEvaluator:
        """What evaluates the principals' policies: all who ask share it, as they ask much alike."""
        return ChoosingEvaluator(self.catalog)

    @property
    def has_scps(self) -> bool:
        """Whether the evidence says which service control policies apply."""
        return self._scps is not None

    @property
    def has_rcps(self) -> bool:
        """Whether the evidence says which resource control policies apply."""
        return self._denials is not None

    def denials(self, principal_arn: str, action: str, resource: str) -> tuple[Statement, ...]:
        """
        The statements of RCPs that deny, or may deny, a principal's request for a resource.

        They are about the account's own resources. Of `*`, and of an ARN without an account, such
        as a bucket's, nobody knows whose it is: then each is only possible. Service-linked roles
        are exempt, and so are services without support for RCPs.
        """
        owner = account_of(resource)
        exempt = principal_arn in self._service_linked or not rcp_services.can_be_denied(action)
        if not self._denials or exempt or owner not in (self.account.account_id, None):
            return ()
        about = (each for each in self._denials if each.covers(action))
        return tuple(each if owner else unsure(each, OWNER) for each in about)

    def denied_case(self, principal_arn: str) -> Any:
        """Return what is equal for principals whom no RCP tells apart."""
        if principal_arn in self._service_linked:
            return None
        tested = {key for each in self._denials or () for key in self._keys(each)}
        return self.caller(principal_arn).answers(tuple(sorted(tested & self.caller_keys)))

    @staticmethod
    def _keys(statement: Statement) -> Iterable[str]:
        return (*statement.condition_keys, *statement.resource_keys)

    def where(self, context: RequestContext, resource: str) -> RequestContext:
        """The context of a request for a resource, which another account may own."""
        owner = account_of(resource)
        if owner in (self.account.account_id, None):
            return context
        return context.but(
            {
                "aws:ResourceAccount": owner,
                "aws:ResourceOrgID": UNKNOWN,
                "aws:ResourceOrgPaths": UNKNOWN,
            }
        )

    def _statements(self) -> Iterable[Statement]:
        """Every statement of every policy, SCPs and RCPs included."""
        levels = self._scps or ()
        for policy in (*self._policies.values(), *(p for level in levels for p in level)):
            yield from policy.statements
        yield from self._denials or ()

    @cached_property
    def _mentioned(self) -> set[str]:
        """Condition keys that any policy tests."""
        found: set[str] = set()
        for statement in self._statements():
            found.update(self._keys(statement))
        return found

    @cached_property
    def addresses(self) -> dict[Place, Any]:
        """
        The address that stands for each `Place`.

        Inside is in the first approved network of the settings; without any, in the network that
        most conditions of the account name; without those either, it is unknown.
        """
        conditions = (statement.condition for statement in self._statements())
        # 0.0.0.0/0, or its two halves, leave no address outside: such a list restricts nobody.
        named = [net for net in cidr.networks_in(conditions) if net.prefixlen > 1]
        approved = cidr.parse_networks(self.account.settings.approved_networks)
        free = (
            text
            for text in CANDIDATES
            if not any(
                cidr.within(each, (*named, *approved)) for each in cidr.parse_networks([text])
            )
        )
        own = approved or [net for net, _ in Counter(named).most_common(1)]
        inside = str(own[0][min(9, own[0].num_addresses - 1)]) if own else UNKNOWN
        return {Place.OUTSIDE: next(free, UNKNOWN), Place.INSIDE: inside}

    def principal(self, name: str) -> dict[str, Any]:
        """
        Return the principal with this name or ARN.

        Raises `SettingsError` if there is none, or a user and a role share the name.
        """
        if name in self._principals:
            return self._principals[name]
        found = [p for p in self._principals.values() if p["name"] == name and p["kind"] != "group"]
        if len(found) != 1:
            what = "several principals have" if found else "no principal has"
            arns = ": " + ", ".join(p["principal_arn"] for p in found) if found else ""
            raise SettingsError(f"{what} the name {name!r}{arns}; give an ARN")
        return found[0]

    @cached_property
    def policy_arns(self) -> Mapping[Policy, str]:
        """The ARN of each policy that is in some principal's layers; SCPs have a name only."""
        return {policy: arn for arn, policy in self._policies.items()}

    def layers(self, principal_arn: str) -> PolicyLayers:
        """Return the policies that allow and limit a principal."""
        return self._layers.once(principal_arn, self._find_layers, principal_arn)

    def _find_layers(self, principal_arn: str) -> PolicyLayers:
        principal = self._principals[principal_arn]
        identity = tuple(self._policies[arn] for arn in self._assigned.get(principal_arn, ()))
        boundary_arn = principal["boundary_arn"]
        bounded = isinstance(boundary_arn, str)
        boundary = (self._policies[boundary_arn],) if bounded else None
        scps = () if principal_arn in self._service_linked else self._scps or ()
        return PolicyLayers(identity, boundary, scps)

    def known(self, principal_arn: str) -> dict[str, Any]:
        """Return the condition keys that say who the caller is."""
        principal = self._principals[principal_arn]
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

    @cached_property
    def _organization(self) -> dict[str, Any]:
        """What all principals share: the account, and its organization if that is known."""
        answer = as_dict(self.account.snapshot.json("organization.json"))
        found = as_dict(answer.get("Organization")).get("Id")
        common = {"aws:PrincipalAccount": self.account.account_id}
        if isinstance(found, str):
            common["aws:PrincipalOrgID"] = found
        if self.account.partition != "aws":
            common[choices.HOME_REGION] = choices.HOME.get(self.account.partition, "")
        return common

    def arrival(self, name: str) -> dict[str, Any]:
        """
        Return the condition keys that say how the caller arrived, for one of `CONTEXTS`.

        Raises `SettingsError` if there is no such context.
        """
        if not isinstance(name, str) or name not in CONTEXTS:
            raise SettingsError(f"there is no context {name!r}; there are {', '.join(CONTEXTS)}")
        keys = dict(CONTEXTS[name].keys)
        if isinstance(keys.get(SOURCE_IP), Place):
            keys[SOURCE_IP] = self.addresses[keys[SOURCE_IP]]
        if keys.get(ISSUED) == NOW:
            keys[ISSUED] = self._now
        direct = {
            "aws:SecureTransport": "true",
            "aws:ViaAWSService": "false",
            "aws:CurrentTime": self._now,
            "aws:EpochTime": str(int(self.account.as_of.timestamp())),
            **dict.fromkeys((*ENDPOINT_KEY_NAMES, *CALLED_VIA), ABSENT),
            **self._organization,
            **self._own_resources,
        }
        return {key.lower(): value for key, value in (direct | keys).items()}

    @cached_property
    def _own_resources(self) -> dict[str, Any]:
        """Whose the account's own resources are, as far as the evidence says."""
        organization = self._organization.get("aws:PrincipalOrgID", UNKNOWN)
        return {"aws:ResourceAccount": self.account.account_id, "aws:ResourceOrgID": organization}

    def context(self, principal_arn: str, name: str) -> RequestContext:
        """Return what a request of a principal carries in a named context."""
        return self.arriving(name).joined(self.caller(principal_arn))

    def case(self, principal_arn: str) -> tuple[Profile, Any]:
        """Return what is equal for principals whom no policy tells apart; it names the profile."""
        return self._cases.once(principal_arn, self._case, principal_arn)

    def _case(self, principal_arn: str) -> tuple[Profile, Any]:
        profile = self.evaluator.profile(self.layers(principal_arn))
        if profile.keys.isdisjoint(self.caller_keys):
            return profile, ()
        return profile, profile.asked(self.caller(principal_arn), self.caller_keys)

    def caller(self, principal_arn: str) -> RequestContext:
        """Return what is `known` of a principal, to be joined to how it arrives."""
        return self._callers.once(
            principal_arn, lambda: RequestContext.of(self.known(principal_arn))
        )

    def arriving(self, name: str) -> RequestContext:
        """Return what every request contains in a named context, independent of the caller."""
        if not isinstance(name, str):  # such as a list, which would be no key
            self.arrival(name)
        return self._arriving.once(name, lambda: RequestContext(self.arrival(name), UNKNOWN))

    def decide(self, principal: str, action: str, resource: str, context: str) -> Decision:
        """Decide one request of a principal, by name or ARN, in a named context."""
        arn = self.principal(principal)["principal_arn"]
        layers = self.layers(arn)
        return decide(
            action,
            resource,
            self.where(self.context(arn, context), resource),
            **layers._asdict(),
            rcps=self.denials(arn, action, resource),
        )


def _policies(account: AccountTables) -> dict[str, Policy]:
    """
    Each policy by ARN.

    One that is attached but not in the evidence may allow anything, and so may one that cannot be
    read.
    """
    table = account.policies
    readable = table["problem"].isna()
    written = account.policy_versions["document"]  # in the order of the policies
    documents = [
        document if valid else None for document, valid in zip(written, readable, strict=True)
    ]
    names = table["policy_name"].fillna("a policy without a name")
    found = {
        arn: Policy(name, document)
        for arn, name, document in zip(table["policy_arn"], names, documents, strict=True)
    }
    for arn in account.principals["boundary_arn"].dropna():
        found.setdefault(arn, Policy(arn.rsplit("/", 1)[-1], None))
    return found
