"""
The account authorization details as one answer: its lists, who is in which group, who holds what.

Source: IAM API Reference, "GetAccountAuthorizationDetails".
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from iamkit.policy import statement_rows
from iamkit.tables.authorization_details import (
    inline_policy,
    managed_policy,
    unseen_policy,
    unshown_policies,
)
from iamkit.tables.contradictions import once
from iamkit.tables.schema import UNSHOWN
from iamkit.values import as_dict, as_list, as_text

LISTS: Final = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
KINDS: Final = ("User", "Group", "Role")
NO_ARN: Final = "(no ARN)"  # in the place of the ARN of a policy that an entry attaches without one

# Lists that AWS writes into every entry, if only an empty one. It leaves out a user's own policies
# where there are none; if they are there, they are a list, too.
ENTRY_LISTS: Final = {
    "User": ("GroupList", "AttachedManagedPolicies"),
    "Group": ("GroupPolicyList", "AttachedManagedPolicies"),
    "Role": ("RolePolicyList", "AttachedManagedPolicies"),
}


class AuthorizationDetails:
    """
    The answer, whatever it holds; without one, its lists are empty and it is not `there`.

    `prefix` begins the ARN of every user, group and role of the account.
    """

    def __init__(self, answer: Any, prefix: str) -> None:
        self._answer = as_dict(answer)
        self._prefix = prefix

    @property
    def there(self) -> bool:
        """Whether there is an answer, complete or not."""
        return bool(self._answer)

    @property
    def root_arn(self) -> str:
        """The ARN of the root user, whom these details never list."""
        return f"{self._prefix}root"

    @cached_property
    def lists(self) -> dict[str, list[dict[str, Any]]]:
        """
        The lists, by name, without entries that repeat one of their ARN, or have none.

        An entry without a name has the one that its ARN ends in.
        """
        whole = {name: map(as_dict, as_list(self._answer.get(name))) for name in LISTS}
        return {
            name: once(_named(entry, name) for entry in entries if as_text(entry.get("Arn")))
            for name, entries in whole.items()
        }

    @cached_property
    def members(self) -> list[tuple[str, str]]:
        """Which user is in which group, by ARN; nobody knows the path of a group not shown."""
        shown = self.lists["GroupDetailList"]
        arns = {str(group.get("GroupName")): str(group.get("Arn")) for group in shown}
        pairs = (
            (str(user.get("Arn")), arns.get(str(name), f"{self._prefix}group/{name}"))
            for user in self.lists["UserDetailList"]
            for name in as_list(user.get("GroupList"))
        )
        return list(dict.fromkeys(pairs))

    @cached_property
    def unshown_groups(self) -> list[str]:
        """ARNs of the groups that have members, but are not shown."""
        shown = {str(group.get("Arn")) for group in self.lists["GroupDetailList"]}
        return sorted({group for _, group in self.members} - shown)

    @cached_property
    def unshown(self) -> dict[str, str]:
        """Who may hold any policy, by ARN, and why: what the answer shows of it is not all."""
        found = dict.fromkeys(self.unshown_groups, "it has members, but is not in the evidence")
        for kind, names in ENTRY_LISTS.items():
            for entry in self.lists[f"{kind}DetailList"]:
                wanted = [*names, *({f"{kind}PolicyList"} & entry.keys() - set(names))]
                absent = [name for name in wanted if not isinstance(entry.get(name), list)]
                if absent:
                    found[str(entry.get("Arn"))] = f"its entry has no {' and no '.join(absent)}"
        return found

    @cached_property
    def attached(self) -> list[tuple[str, str, str]]:
        """Rows (principal, policy, how); an incomplete principal may have any policy."""
        rows = []
        for kind in KINDS:
            for entry in self.lists[f"{kind}DetailList"]:
                arn = str(entry.get("Arn"))
                for policy in as_list(entry.get("AttachedManagedPolicies")):
                    attached = str(as_dict(policy).get("PolicyArn") or NO_ARN)
                    rows.append((arn, attached, "attached"))
                for policy in as_list(entry.get(f"{kind}PolicyList")):
                    rows.append((arn, f"{arn}#{as_dict(policy).get('PolicyName')}", "inline"))
                boundary = as_dict(entry.get("PermissionsBoundary")).get("PermissionsBoundaryArn")
                if boundary:
                    rows.append((arn, str(boundary), "boundary"))
        rows += [(holder, holder + UNSHOWN, "inline") for holder in self.unshown]
        return list(dict.fromkeys(rows))

    @cached_property
    def policies(self) -> list[dict[str, Any]]:
        """Every policy with its document: managed, inline, and those attached but not shown."""
        managed = [managed_policy(policy) for policy in self.lists["Policies"]]
        inline = [
            inline_policy(str(entry.get("Arn")), as_dict(policy))
            for kind in KINDS
            for entry in self.lists[f"{kind}DetailList"]
            for policy in as_list(entry.get(f"{kind}PolicyList"))
        ]
        inline += [unshown_policies(arn, reason) for arn, reason in self.unshown.items()]
        shown = {policy["policy_arn"] for policy in (*managed, *inline)}
        unseen = sorted({arn for _, arn, _ in self.attached} - shown)
        known = once([*managed, *inline], "policy_arn")
        return [*known, *(unseen_policy(arn) for arn in unseen)]

    @cached_property
    def statements(self) -> list[list[dict[str, Any]]]:
        """The rows of the statements of each of the `policies`."""
        return [list(statement_rows(policy["document"])) for policy in self.policies]

    @cached_property
    def problems(self) -> dict[str, str]:
        """Why nobody can say what a policy allows, by its ARN; readable ones are absent."""
        found: dict[str, str] = {}
        for policy, statements in zip(self.policies, self.statements, strict=True):
            problem = policy["problem"]
            if not problem and any(row["problem"] for row in statements):
                problem = "a statement of it cannot be read"
            if problem:
                found[policy["policy_arn"]] = problem
        return found


def _named(entry: dict[str, Any], listed: str) -> dict[str, Any]:
    """An entry of a list with its name."""
    member = "PolicyName" if listed == "Policies" else listed.replace("DetailList", "Name")
    return entry if as_text(entry.get(member)) else {**entry, member: entry["Arn"].split("/")[-1]}
