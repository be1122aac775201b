"""
moto's Organizations and AssumeRole, corrected where their answers differ from AWS's.

moto lets every account list nothing, lets everybody assume every role, and gives an account an id
by chance. `apply` makes a member account that is no delegated administrator refused, gives a
delegated administrator the organization's answers, and refuses roles of members that are absent,
that want another external id, or whose account is closed. `member` makes an account with an id.

Written against moto 5.2.5. Source: Organizations API Reference, STS API Reference.
"""

import json
import re
from collections.abc import Mapping
from functools import cache, wraps

from moto.core.exceptions import AccessDeniedError, ServiceException
from moto.organizations.models import (
    FakeAccount,
    FakeOrganizationalUnit,
    OrganizationsBackend,
    organizations_backends,
)
from moto.organizations.responses import OrganizationsResponse
from moto.sts.responses import TokenResponse

from tests.aws.account import ACCOUNT, backend

OPEN_TO_MEMBERS = {"DescribeOrganization", "LeaveOrganization"}
ROLE = re.compile(r"arn:[\w-]+:iam::(\d{12}):role/(?:.*/)?([^/]+)")


class AccessDenied(ServiceException):
    """The refusal of Organizations."""

    code = "AccessDeniedException"
    message = "You don't have permissions to access this resource."


@cache
def apply() -> None:
    """Make moto answer as AWS does, for the rest of the process."""
    OrganizationsResponse.organizations_backend = property(_answering)
    TokenResponse.assume_role = _as_trusted(TokenResponse.assume_role)


def forget() -> None:
    """Forget whose members accounts are, which moto keeps when its backends are reset."""
    organizations_backends.master_accounts.clear()


def _answering(response: OrganizationsResponse) -> OrganizationsBackend:
    """The backend that answers a caller: the management account's for delegated administrators."""
    own = organizations_backends[response.current_account][response.partition]
    management = organizations_backends.master_accounts.get(response.current_account)
    if own.org or not management or response._get_action() in OPEN_TO_MEMBERS:
        return own
    theirs = organizations_backends[management[0]][management[1]]
    if response.current_account in {admin.account.id for admin in theirs.admins}:
        return theirs
    raise AccessDenied


def _as_trusted(original):
    """A role of a member is assumed only if it is there and its trust policy lets the caller."""

    @wraps(original)
    def assume_role(self):
        account_id, name = ROLE.fullmatch(self._get_param("RoleArn")).groups()
        management = organizations_backends.master_accounts.get(account_id)
        if management:
            known = organizations_backends[management[0]][management[1]]
            member = known.get_account_by_id(account_id)
            role = next((r for r in backend(account_id).roles.values() if r.name == name), None)
            if (
                role is None
                or member.state in ("SUSPENDED", "PENDING_CLOSURE", "CLOSED")
                or not _lets(role.assume_role_policy_document, self)
            ):
                caller = f"arn:aws:iam::{self.current_account}:root"
                raise AccessDeniedError(caller, f"sts:AssumeRole on {name}")
        return original(self)

    return assume_role


def _lets(trust: str, request: TokenResponse) -> bool:
    """Whether a trust policy of `trusting` lets a caller in."""
    statement = json.loads(trust)["Statement"][0]
    wanted = statement.get("Condition", {}).get("StringEquals", {}).get("sts:ExternalId")
    trusted = statement["Principal"]["AWS"] == f"arn:aws:iam::{request.current_account}:root"
    return trusted and wanted in (None, request._get_param("ExternalId"))


def trusting(account_id: str, external_id: str | None = None) -> str:
    """A trust policy that lets an account in."""
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": external_id}}}
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
                    "Action": "sts:AssumeRole",
                    **(condition if external_id else {}),
                }
            ],
        }
    )


def organization(management: str = ACCOUNT) -> OrganizationsBackend:
    """Make an account the management account of a new organization; return its record."""
    known = organizations_backends[management]["aws"]
    known.create_organization("us-east-1", FeatureSet="ALL")
    return known


def _with_full_access(known: OrganizationsBackend, target: str) -> None:
    """Attach what AWS attaches to each OU and account."""
    for policy in ("p-FullAWSAccess", "p-RCPFullAWSAccess"):
        known.attach_policy(PolicyId=policy, TargetId=target)


def unit(known: OrganizationsBackend, name: str, parent: str | None = None) -> str:
    """Make an organizational unit; return its id."""
    made = FakeOrganizationalUnit(known.org, Name=name, ParentId=parent or known.org.root_id)
    known.ou.append(made)
    _with_full_access(known, made.id)
    return made.id


def member(
    known: OrganizationsBackend,
    account_id: str,
    name: str,
    parent: str | None = None,
    *,
    state: str = "ACTIVE",
    tags: Mapping[str, str] | None = None,
    role: str | None = "audit",
    external_id: str | None = None,
) -> FakeAccount:
    """Make an account of an organization, with a role for the management account to assume."""
    made = FakeAccount(known.org, AccountName=name, Email=f"root@{account_id}.example")
    made.id, made.state = account_id, state
    made.parent_id = parent or known.org.root_id
    made.tags = dict(tags or {})
    known.accounts.append(made)
    _with_full_access(known, account_id)
    organizations_backends.master_accounts[account_id] = (known.account_id, "aws")
    if role:
        trust = trusting(known.account_id, external_id)
        backend(account_id).create_role(role, trust, "/", None, "", [], "3600")
    return made
