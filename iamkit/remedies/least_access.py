"""
A proposal that cuts policies to the services and actions that their holders have used.

What was used is what AWS recorded in its tracking period of 400 days or more: attempts count, also
those that were denied. Only what AWS tracks is cut. A service that no holder's evidence lists, and
an action that AWS does not track, such as iam:PassRole or those on data, stay as they are.

Source: IAM User Guide, "Refine permissions in AWS using last accessed information"; IAM API
Reference, ServiceLastAccessed and TrackedActionLastAccessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from iamkit.account import Account
from iamkit.counts import agreeing, counted
from iamkit.policy import Pattern
from iamkit.reference import load_catalog
from iamkit.remedies.commands import name_of
from iamkit.remedies.documents import Statement, own_policy, statements_of, written
from iamkit.remedies.proposal import RECENT, Proposal, for_emergencies
from iamkit.results import changes

ID: Final = "cut-unused-permissions"
SIZES: Final = {"policy": 6144, "user": 2048, "group": 5120, "role": 10240}  # characters
LACKING: Final = (
    "no evidence says which services anybody uses, and without it a cut would be a guess; collect "
    "with --last-accessed"
)


class Use:
    """What holders of a policy have used, as far as AWS tracks it."""

    def __init__(self, rows: pd.DataFrame, holders: Iterable[str]) -> None:
        self.services: dict[str, bool] = {}  # that every holder's evidence lists: used by any?
        self.actions: dict[str, bool] = {}
        per_holder = [rows[rows["principal_arn"].eq(each)] for each in holders]
        listed = [set(each["service"].str.lower()) for each in per_holder]
        together = pd.concat(per_holder)
        for service in set.intersection(*listed):
            of = together[together["service"].str.lower().eq(service)]
            self.services[service] = bool(of["last_used"].notna().any())
        unused = [_names(each, "actions_unused") for each in per_holder]
        used = set().union(*(_names(each, "actions_used") for each in per_holder))
        self.actions = dict.fromkeys(set.intersection(*unused) - used, False)

    def drops_service(self, service: str) -> bool:
        """Whether no holder has used a service that AWS tracks for all of them."""
        return self.services.get(service.lower()) is False

    def drops_action(self, action: str) -> bool:
        """Whether no holder has used an action that AWS tracks for all of them."""
        service = action.partition(":")[0]
        return self.drops_service(service) or action.lower() in self.actions


def _names(rows: pd.DataFrame, column: str) -> set[str]:
    """Actions, in lower case and with their service."""
    pairs = zip(rows["service"], rows[column], strict=True)
    return {
        f"{service}:{name}".lower()
        for service, names in pairs
        if isinstance(names, list)
        for name in names
    }


def unused_permissions(account: Account) -> Proposal:
    """Cut own policies to what their holders use, and detach AWS's of which they use nothing."""
    rows = account.last_accessed
    if rows.empty:
        return Proposal(ID, "Take away permissions that nobody uses", "", (), lacking=LACKING)
    made: list[changes.Change] = []
    left: list[str] = []
    for policy, holders in _held(account).items():
        why = _unknown(account, policy, holders)
        if why:
            left.append(f"{policy.rpartition('/')[2]}: {why}")
            continue
        use = Use(rows, holders)
        if own_policy(policy):
            found, said = _cut(account, policy, use)
        else:
            found, said = _detached(account, policy, use)
        made += found
        left += [f"{policy.rpartition('/')[2]}: {said}"] if said else []
    return Proposal(
        ID,
        "Take away permissions that nobody uses",
        "Whoever steals a credential can use all its permissions, also those that its owner never "
        "needs.",
        tuple(made),
        not_known=(
            "what is needed less often than once in AWS's tracking period, such as in a recovery",
            "actions on data and iam:PassRole, which AWS does not track: they stay in services in "
            "use",
        ),
        left_out=tuple(left),
    )


def _held(account: Account) -> dict[str, list[str]]:
    """Policies that grant something, with the users and roles who have them."""
    assigned = account.policy_assignments
    return {
        str(policy): sorted(of["principal_arn"].unique())
        for policy, of in assigned.groupby("policy_arn", sort=True)
    }


def _unknown(account: Account, policy: str, holders: list[str]) -> str:
    """Why nobody can say what of a policy is in use; empty if somebody can."""
    attached = account.attachments
    if attached.loc[attached["policy_arn"].eq(policy), "how"].eq("boundary").any():
        return "it is a permissions boundary too"
    known = set(account.last_accessed["principal_arn"])
    if lacking := [name_of(each) for each in holders if each not in known]:
        return f"no evidence says what {lacking[0]} uses"
    emergency = for_emergencies(account)
    if kept := [name_of(each) for each in holders if each in emergency]:
        return f"{kept[0]} is kept for emergencies"
    genuine = account.platform_roles
    genuine = genuine[genuine["standing"].eq("genuine")]
    if own := [name_of(each) for each in holders if each in set(genuine["role_arn"])]:
        return f"a platform made {own[0]} and writes its policies"
    made = account.principals.set_index("principal_arn")["created"]
    limit = account.as_of - pd.Timedelta(days=RECENT)
    if new := [name_of(each) for each in holders if not made.get(each, limit) < limit]:
        return f"{new[0]} is younger than {RECENT} days"
    return ""


def _cut(account: Account, policy: str, use: Use) -> tuple[list[changes.Change], str]:
    """The change that leaves what is in use, by action if that fits, else by service."""
    before = statements_of(account, policy)
    if not before:
        return [], "its document is not in the evidence"
    kind = (
        policy.partition("#")[0].rpartition(":")[2].partition("/")[0] if "#" in policy else "policy"
    )
    for by_action in (True, False):
        after = [left for each in before if (left := _left(each, use, by_action=by_action))]
        if after == before:
            continue
        if not any(each.get("Effect") == "Allow" for each in after):
            return [], "its holders use nothing of it: detach it"
        size, old = (len(json.dumps(each, separators=(",", ":"))) for each in (after, before))
        if size <= max(old, SIZES[kind] - 500):
            return written(account, policy, after), ""
    return [], ""


def _left(statement: Statement, use: Use, *, by_action: bool) -> Statement | None:
    """A statement without what nobody uses; None if nothing is left of it."""
    if statement.get("Effect") != "Allow" or "Action" not in statement:
        return statement
    named = statement["Action"]
    listed = [named] if isinstance(named, str) else list(named)
    kept = [each for pattern in listed for each in _kept(pattern, use, by_action=by_action)]
    if kept == listed:
        return statement
    return {**statement, "Action": list(dict.fromkeys(kept))} if kept else None


def _kept(pattern: str, use: Use, *, by_action: bool) -> list[str]:
    """What stays of a pattern of actions."""
    service, _, name = pattern.partition(":")
    if set("*?") & set(service):
        services = [each for each in _services() if Pattern(service.lower()).matches(each)]
        left = [each for each in services if not use.drops_service(each)]
        if len(left) == len(services):
            return [pattern]
        return [f"{each}:{name or '*'}" for each in left]
    if use.drops_service(service):
        return []
    if not by_action:
        return [] if use.drops_action(pattern) else [pattern]
    covered = _matching(pattern)
    left = [each for each in covered if not use.drops_action(each)]
    return [pattern] if len(left) == len(covered) else left


def _services() -> list[str]:
    return sorted({each.partition(":")[0].lower() for each in load_catalog().listed.actions})


def _matching(pattern: str) -> list[str]:
    """The actions that AWS lists and a pattern covers."""
    glob = Pattern(pattern.lower())
    return sorted(each for each in load_catalog().listed.actions if glob.matches(each.lower()))


def _detached(account: Account, policy: str, use: Use) -> tuple[list[changes.Change], str]:
    """Detach a policy of AWS whose services nobody uses: AWS's own cannot be written."""
    services = _granted(statements_of(account, policy))
    if not services:
        return [], ""
    unused = [each for each in services if use.drops_service(each)]
    if len(unused) < len(services):
        of = f"{len(unused)} of its {counted(len(services), 'services')} [is|are] unused"
        said = f"AWS's own; {agreeing(of, len(unused))}"
        return [], f"{said}: write one of your own" if unused else ""
    rows = account.attachments
    rows = rows[rows["policy_arn"].eq(policy) & rows["how"].eq("attached")]
    return [changes.DetachPolicy(arn, policy) for arn in rows["principal_arn"]], ""


def _granted(statements: Iterable[Mapping[str, Any]]) -> list[str]:
    """The services that statements allow something of."""
    found: set[str] = set()
    for each in statements:
        if each.get("Effect") != "Allow":
            continue
        named = each.get("Action", "*")
        for pattern in [named] if isinstance(named, str) else named:
            glob = Pattern(pattern.partition(":")[0].lower())
            found |= {service for service in _services() if glob.matches(service)}
    return sorted(found)
