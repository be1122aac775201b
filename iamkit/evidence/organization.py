"""
What the management account of an organization, or a delegated administrator, says of its accounts.

A member account may not ask which accounts there are, nor which service control policies and
resource control policies apply to it. One that may is asked, once for each policy and
organizational unit. Its answers are stored in
the snapshot of each member, and the manifest names who was answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final, Protocol

from iamkit.errors import CollectError
from iamkit.evidence.identity_center import PEOPLE, IdentityCenter
from iamkit.evidence.requests import (
    ACCOUNTS,
    CALLER,
    CONTROL_POLICIES,
    ORGANIZATION,
    RESOURCE_POLICIES,
    Request,
)
from iamkit.evidence.responses import Response, ResponseStatus, cut_short

ACTIVE: Final = "ACTIVE"
POLICY_TYPES: Final = {
    CONTROL_POLICIES: "SERVICE_CONTROL_POLICY",
    RESOURCE_POLICIES: "RESOURCE_CONTROL_POLICY",
}
PARENTS: Final = Request("organizations:ListParents", "", ("Parents",), "")
TAGS: Final = Request("organizations:ListTagsForResource", "", ("Tags",), "")
UNIT: Final = Request("organizations:DescribeOrganizationalUnit", "", ("OrganizationalUnit",), "")


class Aws(Protocol):
    """What is asked of AWS; see `aws`."""

    def ask(self, call: str, *expected: str, **parameters: Any) -> dict[str, Any]:
        """One request."""

    def ask_all(self, request: Request, **parameters: Any) -> tuple[dict[str, Any], bool]:
        """Every page of an answer, and whether AWS ended it before its end."""

    def attempt(self, request: Request, take: Callable[[], Response]) -> Response:
        """The response, or what AWS's refusal or failure means."""

    def respond(self, request: Request) -> Response:
        """The response to one request."""


class OrganizationPolicies:
    """
    The SCPs and RCPs on accounts, on the OUs above them and on the root.

    Each policy, level and parent is asked for once.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._policies: dict[str, Any] = {}
        self._levels: dict[tuple[Request, str], tuple[dict[str, Any], bool]] = {}
        self._parents: dict[str, str] = {}

    def parent(self, target: str) -> str:
        """The id of the OU or root above an account or OU."""
        if target not in self._parents:
            found, _ = self._aws.ask_all(PARENTS, ChildId=target)
            self._parents[target] = found["Parents"][0]["Id"]
        return self._parents[target]

    def above(self, account_id: str) -> list[str]:
        """The ids of the OUs above an account, the nearest first, and of the root."""
        found = [self.parent(account_id)]
        while not found[-1].startswith("r-"):
            found.append(self.parent(found[-1]))
        return found

    def of(self, account_id: str, kind: Request) -> Response:
        """What applies to an account, its own level first; `kind` is one of `POLICY_TYPES`."""

        def take() -> Response:
            levels = []
            for target in (account_id, *self.above(account_id)):
                level, cut = self._level(kind, target)
                levels.append(level)
                if cut:
                    return cut_short(kind, {"Targets": levels})
            return Response(kind, ResponseStatus.OK, {"Targets": levels})

        return self._aws.attempt(kind, take)

    def _level(self, kind: Request, target: str) -> tuple[dict[str, Any], bool]:
        """The policies attached to one account, OU or root, and whether the list was cut short."""
        if (kind, target) not in self._levels:
            listed, cut = self._aws.ask_all(
                replace(kind, members=("Policies",)), TargetId=target, Filter=POLICY_TYPES[kind]
            )
            policies = [self._policy(each["Id"]) for each in listed.get("Policies") or ()]
            self._levels[kind, target] = {"TargetId": target, "Policies": policies}, cut
        return self._levels[kind, target]

    def _policy(self, policy_id: str) -> Any:
        if policy_id not in self._policies:
            call = "organizations:DescribePolicy"
            self._policies[policy_id] = self._aws.ask(call, "Policy", PolicyId=policy_id)["Policy"]
        return self._policies[policy_id]


@dataclass(frozen=True)
class Member:
    """An account of an organization. `state` is empty if AWS does not say."""

    account_id: str
    name: str
    state: str

    @property
    def is_active(self) -> bool:
        """Whether the account can be asked; one of unknown state may be."""
        return self.state in (ACTIVE, "")


class Organization:
    """
    An organization as its management account, or a delegated administrator, sees it.

    Parents, names of OUs and tags are asked for when they are needed: AWS answers few of these
    questions per second. Methods raise `CollectError` for what AWS does not answer.
    """

    def __init__(self, aws: Aws, identity_center: IdentityCenter) -> None:
        """Ask who asks, and which accounts there are; raise `CollectError` if that fails."""
        self._aws = aws
        caller = _needed(aws.respond(CALLER))
        self.caller_arn = str(caller["Arn"])
        self.own_account = str(caller["Account"])
        self.partition = self.caller_arn.split(":")[1]
        self._listed = aws.respond(ACCOUNTS)
        if ResponseStatus.NONE in (self._listed.status, aws.respond(ORGANIZATION).status):
            raise CollectError(
                f"account {self.own_account} belongs to no organization; name a profile of the "
                "management account, or remove `organization`"
            )
        self.accounts = tuple(map(_member, _needed(self._listed)["Accounts"]))
        self._policies = OrganizationPolicies(aws)
        self._identity_center = identity_center
        self._names: dict[str, str] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def above(self, account_id: str) -> Sequence[str]:
        """The ids of the OUs above an account, the nearest first, and of the root."""

        def take() -> Response:
            found = self._policies.above(account_id)
            return Response(PARENTS, ResponseStatus.OK, found)

        found: Sequence[str] = _needed(self._aws.attempt(PARENTS, take))
        return found

    def path(self, account_id: str) -> str:
        """The names of the OUs above an account, from the root: `/` or `/Workloads/Production`."""
        units = [each for each in self.above(account_id) if not each.startswith("r-")]
        return "/" + "/".join(map(self._name, reversed(units)))

    def tags(self, account_id: str) -> Mapping[str, str]:
        """The tags of an account."""

        def take() -> Response:
            found, cut = self._aws.ask_all(TAGS, ResourceId=account_id)
            if cut:
                return cut_short(TAGS, found)
            return Response(TAGS, ResponseStatus.OK, found)

        if account_id not in self._tags:
            found = _needed(self._aws.attempt(TAGS, take))["Tags"] or ()
            self._tags[account_id] = {str(tag["Key"]): str(tag["Value"]) for tag in found}
        return self._tags[account_id]

    def answers(self, account_id: str) -> list[Response]:
        """What the account itself may not ask; nothing if it is not of the organization."""
        if account_id not in {each.account_id for each in self.accounts}:
            return []
        found = [
            self._answer(kind, partial(self._policies.of, account_id, kind))
            for kind in POLICY_TYPES
        ]
        people = [
            self._answer(each, partial(self._identity_center.of, account_id, each))
            for each in PEOPLE
        ]
        return [replace(each, by=self.caller_arn) for each in (*found, *people, self._accounts)]

    def _answer(self, request: Request, ask: Callable[[], Response]) -> Response:
        try:
            return ask()
        except CollectError as error:  # the credentials have expired since; not those of the member
            return Response(request, ResponseStatus.FAILED, code="Credentials", message=str(error))

    @cached_property
    def _accounts(self) -> Response:
        """The list of accounts for members: without the mail addresses, which are not theirs."""
        kept = [
            {name: value for name, value in each.items() if name != "Email"}
            for each in self._listed.content["Accounts"]
        ]
        return replace(self._listed, content={"Accounts": kept})

    def _name(self, unit: str) -> str:
        if unit not in self._names:

            def take() -> Response:
                found, _ = self._aws.ask_all(UNIT, OrganizationalUnitId=unit)
                return Response(UNIT, ResponseStatus.OK, found)

            found = _needed(self._aws.attempt(UNIT, take))["OrganizationalUnit"]
            self._names[unit] = str(found["Name"])
        return self._names[unit]


def _member(account: Mapping[str, Any]) -> Member:
    """An account of the list; `Status` says its state where AWS still sends that alone."""
    account_id = str(account["Id"])
    state = account.get("State") or account.get("Status") or ""
    return Member(account_id, str(account.get("Name") or account_id), str(state))


def _needed(response: Response) -> Any:
    """The content of a response, all of it; raise `CollectError` if AWS did not give it."""
    if response.is_gap or response.content is None:
        raise CollectError(
            f"the organization cannot be listed: {response.request.call}: "
            f"{response.message or response.code}; use a profile of the management account, or of "
            "a delegated administrator, that may do this"
        )
    return response.content
