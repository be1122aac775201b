"""
What IAM Identity Center says of an account: permission sets, who is assigned to them, and people.

A role `AWSReservedSSO_…` says nothing of the people who use it, nor does an ordinary role to which
account access manager assigns people of Identity Center. The management account of the
organization, or Identity Center's delegated administrator, is asked; its answers about an account
are stored in that account's snapshot. Permission sets, people and members of groups are asked for
once. Whether people have MFA, no API says.

Source: IAM Identity Center API Reference, Identity Store API Reference and the model of the API of
account access manager. AWS answers 20 of the
first's requests in a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, Protocol

from iamkit.evidence.requests import ACCOUNT_ACCESS, IDENTITY_CENTER, Request
from iamkit.evidence.responses import Response, ResponseStatus, cut_short

PEOPLE: Final = (IDENTITY_CENTER, ACCOUNT_ACCESS)  # what is asked about each account


class Aws(Protocol):
    """What is asked of AWS; see `aws`."""

    def ask(self, call: str, *expected: str, **parameters: Any) -> dict[str, Any]:
        """One request."""

    def ask_all(self, request: Request, **parameters: Any) -> tuple[dict[str, Any], bool]:
        """Every page of an answer, and whether AWS ended it before its end."""

    def attempt(self, request: Request, take: Callable[[], Response]) -> Response:
        """The response, or what AWS's refusal or failure means."""


_POLICIES: Final = {
    "InlinePolicy": "sso:GetInlinePolicyForPermissionSet",
    "AttachedManagedPolicies": "sso:ListManagedPoliciesInPermissionSet",
    "CustomerManagedPolicyReferences": "sso:ListCustomerManagedPolicyReferencesInPermissionSet",
}
_BOUNDARY: Final = replace(
    IDENTITY_CENTER,
    call="sso:GetPermissionsBoundaryForPermissionSet",
    none="ResourceNotFoundException",
)
# What of people is kept: enough to name them.
_OF_PEOPLE: Final = ("UserId", "UserName", "DisplayName", "UserStatus")
_STALE: Final = "LATEST_PERMISSION_SET_NOT_PROVISIONED"


class IdentityCenter:
    """The Identity Center of an organization; `elsewhere` makes what asks in another Region."""

    def __init__(self, aws: Aws, elsewhere: Callable[[str], Aws]) -> None:
        self._first, self._elsewhere = aws, elsewhere
        self._sets: dict[str, dict[str, Any]] = {}
        self._members: dict[str, list[str]] = {}
        self._cut = False

    def of(self, account_id: str, request: Request) -> Response:
        """
        What one of `PEOPLE` asks about an account.

        Of Identity Center: `PermissionSets`, `Assignments`, `Users` and `Groups`. Of account access
        manager: `entitlements`, with `Users` and `Groups`.
        """
        ask = self._content if request is IDENTITY_CENTER else self._entitlements

        def take() -> Response:
            self._cut = False
            if self._instance is None:
                return Response(request, ResponseStatus.NONE, {request.members[0]: []})
            content = ask(account_id)
            if self._cut:
                return cut_short(request, content)
            return Response(request, ResponseStatus.OK, content)

        return self._first.attempt(request, take)

    @cached_property
    def _instance(self) -> Mapping[str, Any] | None:
        """The instance of the organization, in whichever Region it is; None if there is none."""
        found = self._listed(
            "sso:ListInstances", "Instances", aws=self._first, RegionScope="ALL_REGIONS"
        )
        return next((each for each in found if each.get("Status", "ACTIVE") == "ACTIVE"), None)

    @cached_property
    def _aws(self) -> Aws:
        """What asks in the Region of the instance."""
        region = (self._instance or {}).get("PrimaryRegion")
        return self._elsewhere(region) if region else self._first

    def _listed(
        self, call: str, member: str, *, aws: Aws | None = None, **parameters: Any
    ) -> list[Any]:
        """All entries of a list."""
        request = replace(IDENTITY_CENTER, call=call, members=(member,))
        found, cut = (aws or self._aws).ask_all(request, **parameters)
        self._cut = self._cut or cut
        return found.get(member) or []

    def _content(self, account_id: str) -> dict[str, Any]:
        where = {"InstanceArn": (self._instance or {})["InstanceArn"]}
        asked = {**where, "AccountId": account_id}
        provisioned = "sso:ListPermissionSetsProvisionedToAccount"
        arns = self._listed(provisioned, "PermissionSets", **asked)
        stale = self._listed(provisioned, "PermissionSets", ProvisioningStatus=_STALE, **asked)
        assignments = [
            each
            for arn in arns
            for each in self._listed(
                "sso:ListAccountAssignments", "AccountAssignments", PermissionSetArn=arn, **asked
            )
        ]
        return {
            "PermissionSets": [
                {**self._permission_set(arn, where), "IsProvisioned": arn not in stale}
                for arn in arns
            ],
            "Assignments": assignments,
            **self._named(assignments),
        }

    def _entitlements(self, account_id: str) -> dict[str, Any]:
        """The people and groups with ordinary roles of an account, in the form of assignments."""
        found = [
            {
                "RoleArn": role["roleArn"],
                "PrincipalType": kind,
                "PrincipalId": whom[member],
            }
            for each in self._entitled
            if (role := each["entitlement"]["principalRole"]).get("account") == account_id
            for whom in [role["principal"]["identityCenter"]]
            for kind, member in (("USER", "userId"), ("GROUP", "groupId"))
            if whom.get(member)
        ]
        return {"entitlements": found, **self._named(found)}

    @cached_property
    def _entitled(self) -> list[dict[str, Any]]:
        """Every entitlement of account access manager."""
        applications = self._listed("account-access:ListApplications", "applications")
        return [
            each
            for application in applications
            for each in self._listed(
                ACCOUNT_ACCESS.call, "entitlements", applicationArn=application["applicationArn"]
            )
        ]

    def _named(self, assigned: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """The people and groups that are assigned, and the people in these groups."""
        assigned = list(assigned)
        groups = {each["PrincipalId"] for each in assigned if each["PrincipalType"] == "GROUP"}
        people = {each["PrincipalId"] for each in assigned if each["PrincipalType"] == "USER"}
        people |= {member for group in groups for member in self._members_of(group)}
        return {
            "Users": [each for each in self._people if each["UserId"] in people],
            "Groups": [
                {
                    "GroupId": group,
                    "DisplayName": self._groups.get(group),
                    "Members": self._members_of(group),
                }
                for group in sorted(groups)
            ],
        }

    def _permission_set(self, arn: str, where: Mapping[str, str]) -> dict[str, Any]:
        """A permission set with its policies and its boundary."""
        if arn not in self._sets:
            asked: dict[str, Any] = {**where, "PermissionSetArn": arn}
            described = self._aws.ask("sso:DescribePermissionSet", "PermissionSet", **asked)
            found = dict(described["PermissionSet"])
            found["PermissionSetName"] = found.pop("Name", None)
            # An answer without the member has no policy, so it is not damaged.
            inline = self._aws.ask(
                _POLICIES["InlinePolicy"], "InlinePolicy", "ResponseMetadata", **asked
            )
            found["InlinePolicy"] = inline.get("InlinePolicy")
            for member in ("AttachedManagedPolicies", "CustomerManagedPolicyReferences"):
                found[member] = self._listed(_POLICIES[member], member, **asked)
            found["PermissionsBoundary"] = self._boundary(asked)
            self._sets[arn] = found
        return self._sets[arn]

    def _boundary(self, asked: Mapping[str, str]) -> Any:
        """The boundary of a permission set; None if it has none."""

        def take() -> Response:
            found = self._aws.ask(_BOUNDARY.call, "PermissionsBoundary", **asked)
            return Response(_BOUNDARY, ResponseStatus.OK, found["PermissionsBoundary"])

        answer = self._aws.attempt(_BOUNDARY, take)
        if answer.is_gap:
            self._cut = True
        return answer.content if answer.status is ResponseStatus.OK else None

    @property
    def _store(self) -> dict[str, Any]:
        return {"IdentityStoreId": (self._instance or {})["IdentityStoreId"]}

    @cached_property
    def _people(self) -> list[dict[str, Any]]:
        """The users of the identity store, with what names them."""
        found = self._listed("identitystore:ListUsers", "Users", **self._store)
        return [{name: each.get(name) for name in _OF_PEOPLE} for each in found]

    @cached_property
    def _groups(self) -> dict[str, str]:
        found = self._listed("identitystore:ListGroups", "Groups", **self._store)
        return {each["GroupId"]: each.get("DisplayName") for each in found}

    def _members_of(self, group: str) -> list[str]:
        """The ids of the users in a group; groups have no groups in them."""
        if group not in self._members:
            found = self._listed(
                "identitystore:ListGroupMemberships",
                "GroupMemberships",
                GroupId=group,
                **self._store,
            )
            self._members[group] = [
                each["MemberId"]["UserId"] for each in found if "UserId" in each["MemberId"]
            ]
        return self._members[group]
