"""The documents of policies, to be written anew: where each is, and how a change writes it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from iamkit.account import Account
from iamkit.policy import read_document
from iamkit.results import changes
from iamkit.values import as_dict, as_list

VERSIONS: Final = 5  # of a policy: IAM's quota
Statement = dict[str, Any]


# Of each account, its groups and roles by ARN: to read the whole answer takes a second in a large
# account, and hundreds of commands ask for one entry each.
_ENTRIES: Final[WeakKeyDictionary[Account, dict[str, dict[str, Any]]]] = WeakKeyDictionary()


class Blank(NamedTuple):
    """
    A place in documents for a value that only a person knows.

    `name` is the script's variable for it, and `example` what stands there while the change is
    tried: text that is nowhere else in the account.
    """

    name: str
    meaning: str
    example: str

    @property
    def mark(self) -> str:
        """What stands there in the documents that the script reads."""
        return f"@{self.name}@"


def own_policy(policy: str) -> bool:
    """Return whether an account may write a policy: AWS's own cannot be written."""
    return ":iam::aws:policy/" not in policy


def statements_of(account: Account, policy: str) -> list[Statement]:
    """Return copies of a policy's statements; none if the evidence does not have them."""
    rows = account.policy_versions
    found = rows.loc[rows["policy_arn"].eq(policy), "document"]
    document = found.iloc[0] if len(found) else None
    if not isinstance(document, Mapping):
        return []
    statements = copy.deepcopy(document.get("Statement"))
    listed = statements if isinstance(statements, list) else [statements]
    return [each for each in listed if isinstance(each, dict)]


def written(account: Account, policy: str, statements: list[Statement]) -> list[changes.Change]:
    """Return the changes that give a policy these statements; its other elements stay."""
    rows = account.policy_versions
    document = dict(rows.loc[rows["policy_arn"].eq(policy), "document"].iloc[0])
    document["Statement"] = statements
    if "#" in policy:
        owner, _, name = policy.partition("#")
        return [changes.PutInlinePolicy(owner, name, document)]
    return new_version(account, policy, document)


def new_version(account: Account, policy: str, document: Mapping[str, Any]) -> list[changes.Change]:
    """Return the changes that write a managed policy: at five versions the oldest makes room."""
    rows = account.policy_old_versions
    old = [str(each) for each in rows.loc[rows["policy_arn"].eq(policy), "version_id"]]
    made: list[changes.Change] = [changes.CreatePolicyVersion(policy, document)]
    if len(old) >= VERSIONS - 1:
        oldest = min(old, key=lambda each: int(each.removeprefix("v")))
        made.insert(0, changes.DeletePolicyVersion(policy, oldest))
    return made


def edited(
    account: Account, policy: str, edit: Callable[[Statement], Statement | None]
) -> list[changes.Change]:
    """Return the change by which each statement becomes what `edit` says; none if all stay."""
    if not own_policy(policy):
        return []
    before = statements_of(account, policy)
    after = [made for each in copy.deepcopy(before) if (made := edit(each)) is not None]
    return written(account, policy, after) if after and after != before else []


def trust_of(account: Account, role: str) -> dict[str, Any]:
    """Return a copy of a role's trust policy, with a list of statements."""
    trust = entry_of(account, role)["AssumeRolePolicyDocument"]
    document: dict[str, Any] = copy.deepcopy(read_document(trust)[0])
    statements = document["Statement"]
    return {**document, "Statement": statements if isinstance(statements, list) else [statements]}


def entry_of(account: Account, arn: str) -> dict[str, Any]:
    """
    Return what the authorization details say of a group or role, which nobody may alter.

    Raises `KeyError` if they do not have it.
    """
    if account not in _ENTRIES:
        details = as_dict(account.snapshot.json("authorization_details.json"))
        listed = [*as_list(details.get("GroupDetailList")), *as_list(details.get("RoleDetailList"))]
        # Of two entries with one ARN the first counts.
        _ENTRIES[account] = {str(each.get("Arn")): each for each in map(as_dict, listed[::-1])}
    return _ENTRIES[account][arn]


def held(account: Account, arn: str) -> Iterator[tuple[str, str]]:
    """Return the policies that a user, group or role has itself: ARN, attached or inline."""
    rows = account.attachments
    rows = rows[rows["principal_arn"].eq(arn) & rows["how"].isin(["attached", "inline"])]
    yield from zip(rows["policy_arn"], rows["how"], strict=True)
