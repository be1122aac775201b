"""
A question about one request, checked before it is answered: who, which action, which resource.

"Denied" reassures, so it must never be the answer to a question that was misspelt: an action that
AWS does not have, a resource that is no ARN and a caller who cannot make requests are errors, each
with what may have been meant.

Source: IAM User Guide, "IAM identifiers", "AWS account root user" and, for the root user's
condition keys, "IAM policy elements: Variables and tags"; Organizations User Guide, "Service
control policies": they limit the root users of member accounts too.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from iamkit.access.principals import Principals
from iamkit.arns import arn_parts
from iamkit.errors import SettingsError
from iamkit.policy import ABSENT, Decision, Policy, decide
from iamkit.reference import EVERY_ACTION, load_catalog
from iamkit.tables import REPORT_ONLY

ROOT: Final = Policy(
    "the root user's own authority",
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}},
)
UNSEEN: Final = Policy("its policies, which are not in the evidence", None)
PARTITION: Final = re.compile(r"aws(-[a-z]+)*")
ISSUED: Final = "aws:TokenIssueTime"
KEYS: Final = ("stolen-key", "key-inside")  # contexts of a request that a long-term key signs


@dataclass(frozen=True)
class Question:
    """A request that can be made: a user, role or the root user, an action, and a resource."""

    principal: Mapping[str, Any]
    action: str
    resource: str

    @classmethod
    def of(cls, callers: Principals, principal: str, action: str, resource: str) -> Question:
        """Check a question. Raises `SettingsError` for one that cannot be answered."""
        who = actor(callers, principal)
        return cls(who, checked_action(action), checked_resource(callers, resource, action))


def ask(callers: Principals, principal: str, action: str, resource: str, context: str) -> Decision:
    """
    Decide one request of a user, a role or the root user in a named context.

    The root user may do everything that service control policies and resource control policies
    leave. What a user may do whose policies are not in the evidence is unknown. Raises
    `SettingsError` for a principal, an action, a resource or a context that does not exist, with
    what may have been meant.
    """
    asked = Question.of(callers, principal, action, resource)
    arn, kind = asked.principal["principal_arn"], asked.principal["kind"]
    layers, where = callers.layers(arn), callers.context(arn, context)
    identity = layers.identity
    if kind == "root":
        identity = (ROOT,)
        where = where.but(_of_root(callers, context))
    elif _unseen(callers, arn):
        identity = (UNSEEN,)
    return decide(
        asked.action,
        asked.resource,
        callers.where(where, asked.resource),
        identity=identity,
        boundary=layers.boundary,
        scps=layers.scps,
        rcps=callers.denials(arn, asked.action, asked.resource),
    )


def actor(callers: Principals, name: str) -> Mapping[str, Any]:
    """
    Return the user, role or root user with this name or ARN.

    Raises `SettingsError` for a group, which makes no requests, and for a name that nobody or more
    than one has.
    """
    if not isinstance(name, str):
        raise SettingsError(f"{name!r} is no name: give the name or the ARN of one user or role")
    people = callers.account.principals
    same = people[(people["principal_arn"] == name) | (people["name"] == name)]
    able = same[same["kind"] != "group"]
    if len(same) and not len(able):
        members = callers.account.memberships
        inside = members.loc[members["group_arn"].isin(same["principal_arn"]), "user_arn"]
        said = ", ".join(inside.str.rsplit("/", n=1).str[-1].head(3)) or "it has no members"
        raise SettingsError(
            f"{name!r} is a group, and groups make no requests: ask about a member ({said})"
        )
    if not len(able):
        known = people[people["kind"] != "group"]
        raise SettingsError(f"no principal has the name {name!r}{_meant(name, known)}")
    return callers.principal(name)


def evaluated(callers: Principals, name: str) -> str:
    """
    Return the ARN of the user or role, of this name or ARN, whose policies were evaluated.

    Raises `SettingsError` as `actor` does, and for the root user and a user without policies in the
    evidence: what they may do is no row of permissions, and no empty one.
    """
    found = actor(callers, name)
    arn: str = found["principal_arn"]
    if found["kind"] == "root":
        raise SettingsError(
            "the root user may do all that service control policies leave, and has no policies to "
            "list; ask account.can('<root_account>', action, resource)"
        )
    if _unseen(callers, arn):
        raise SettingsError(
            f"what {name!r} may do is not known: only the credential report names it; collect "
            "account authorization details that list it"
        )
    return arn


def _meant(name: str, known: Any) -> str:
    """What may have been meant by a name that nobody has, in words."""
    if str(name).strip("<>").lower() in ("root", "root_account", "root account"):
        return "; the root user is <root_account>"
    names = {str(text).lower(): str(text) for text in known["name"].dropna()}
    arns = {str(text).lower(): str(text) for text in known["principal_arn"].dropna()}
    wanted = arns if ":" in str(name) else names
    close = difflib.get_close_matches(str(name).lower(), wanted, n=1)
    return (
        f"; did you mean {wanted[close[0]]}?"
        if close
        else "; give a name or an ARN of a user or role of this account"
    )


def checked_action(action: str) -> str:
    """Return the action, in any case, if AWS has it. Raises `SettingsError` if it does not."""
    if not isinstance(action, str) or action in EVERY_ACTION or set("*?") & set(str(action)):
        raise SettingsError(
            f"{action!r} is no single action: ask about one, such as s3:GetObject; what a "
            "principal may do at all is in account.permissions.actions(principal, context)"
        )
    service, colon, name = action.partition(":")
    if not colon:
        raise SettingsError(f"{action!r} names no service: write service:Action, s3:GetObject")
    known = _listed()
    if action.lower() in known:
        return action
    services = {each.partition(":")[0] for each in known}
    if service.lower() not in services:
        close = difflib.get_close_matches(service.lower(), services, n=9, cutoff=0.5)
        close.sort(key=lambda each: f"{each}:{name}".lower() not in known)  # the sort is stable
        hint = f"; did you mean {close[0]}:{name}?" if close else ""
        raise SettingsError(f"{action!r} is of a service that is not known{hint}")
    own = [each for each in known if each.startswith(f"{service.lower()}:")]
    close = difflib.get_close_matches(action.lower(), own, n=1, cutoff=0.5)
    hint = f"; did you mean {known[close[0]]}?" if close else ""
    raise SettingsError(
        f"{action!r} is not in AWS's list of actions, of {load_catalog().date}{hint}"
    )


@cache
def _listed() -> Mapping[str, str]:
    """The listed actions: in lower case to as AWS writes them."""
    return {each.lower(): each for each in load_catalog().listed.actions}


def checked_resource(callers: Principals, resource: str, action: str) -> str:
    """Return the resource, if it is `*` or looks like an ARN. Raises `SettingsError` if not."""
    parts = arn_parts(resource) if isinstance(resource, str) else ()
    if resource == "*" or (
        len(parts) == 6
        and parts[0] == "arn"
        and PARTITION.fullmatch(parts[1])
        and parts[2]
        and parts[5]
    ):
        return resource
    raise SettingsError(
        f"{resource!r} is no ARN{_arn_meant(callers, str(resource), action)}; write "
        "arn:partition:service:region:account:resource, or * for an action without a resource"
    )


def _arn_meant(callers: Principals, resource: str, action: str) -> str:
    """The ARN that may have been meant, in words."""
    if resource.startswith("arn:") or not resource:
        return ""
    if action.lower().startswith("s3:"):
        return f"; did you mean arn:{callers.account.partition}:s3:::{resource}?"
    people = callers.account.principals
    found = people.loc[people["name"] == resource, "principal_arn"]
    return f"; did you mean {found.iloc[0]}?" if len(found) else ""


def _of_root(callers: Principals, context: str) -> dict[str, Any]:
    """The condition keys in which the root user's requests differ from a role's."""
    keys: dict[str, Any] = {
        "aws:username": ABSENT,
        "aws:userid": callers.account.account_id,
        "aws:PrincipalType": "Account",
    }
    return keys | ({ISSUED: ABSENT} if context in KEYS else {})


def _unseen(callers: Principals, arn: str) -> bool:
    """Whether only the credential report names a user, so that its policies are not shown."""
    users = callers.account.users
    found = users.loc[users["user_arn"] == arn, "evidence"]
    return bool(found.eq(REPORT_ONLY).any())
