"""
Proposals that end paths to administrator access, at the places that most of them go through.

A choke point is a policy that allows many paths, or an identity that many lead to. Taken away are
only the calls that lead there: a Deny of these, on what they reach, and nothing else of the policy.
AWS's own policies and trust policies cannot hold it: there, the callers get a policy with the Deny.

Source: IAM User Guide, "Policy evaluation logic": an explicit deny wins, also where a trust policy
names the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pandas as pd

from iamkit.access import DEFAULT_CONTEXTS
from iamkit.account import Account
from iamkit.policy import Policy
from iamkit.reference import escalation_methods
from iamkit.remedies.commands import kind_of, name_of
from iamkit.remedies.documents import Statement, own_policy, statements_of, written
from iamkit.remedies.proposal import Proposal, for_emergencies
from iamkit.remedies.restrictions import full_of_groups, in_group, shared
from iamkit.results import changes

PLACES: Final = 3  # choke points that are tried
SID: Final = "DenyPathsToAdministrator"
NAME: Final = "iamkit-no-paths"
# On what a call has to be allowed that names who or what is reached.
REACHED: Final = ("target", "passed", "own")

Denied = tuple[str, str]  # action and resource


def end_paths(account: Account) -> Iterator[Proposal]:
    """Return a proposal for each choke point, and one for all of them if there are several."""
    if account.missing("permissions"):
        return
    places = _places(account)
    for number, (kind, arn) in enumerate(places, start=1):
        rows = _rows(account, [(kind, arn)])
        yield _proposal(account, f"end-paths-{number}", f"through {_called(arn)}", rows, (arn,))
    if len(places) > 1:
        names = ", ".join(_called(arn) for _, arn in places)
        rows = _rows(account, places)
        yield _proposal(
            account, "end-paths-all", f"through {names}", rows, [arn for _, arn in places]
        )


def _called(arn: str) -> str:
    owner, _, inline = arn.partition("#")
    return f"{inline} of {name_of(owner)}" if inline else name_of(owner)


def _places(account: Account) -> list[tuple[str, str]]:
    """The choke points that stop most, in whichever context; each once."""
    paths = account.admin_paths
    able = paths[paths["steps"].gt(0) & paths["has_credential"].fillna(value=True)]
    asked = [each for each in DEFAULT_CONTEXTS if each in set(able["context"])]
    tables = [account.choke_points(each, PLACES) for each in asked]
    if not tables:
        return []
    found = pd.concat(tables).sort_values("removed_count", ascending=False, kind="stable")
    found = found.drop_duplicates(["kind", "arn"]).head(PLACES)
    return list(zip(found["kind"], found["arn"], strict=True))


def _rows(account: Account, places: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """The escalations of callers with a path that go through one of these places."""
    paths = account.admin_paths
    administrators = set(account.administrators["principal_arn"])
    callers = set(paths.loc[paths["steps"].gt(0), "principal_arn"]) - administrators
    leading = callers | administrators
    rows = account.escalations
    rows = rows[rows["principal_arn"].isin(callers)]
    rows = rows[rows["reaches_admin"].fillna(value=False) | rows["target_arn"].isin(leading)]
    held = account.policy_assignments
    through = pd.Series(data=False, index=rows.index)
    for kind, arn in places:
        holders = held.loc[held["policy_arn"].eq(arn), "principal_arn"]
        through |= rows["principal_arn"].isin(holders) if kind == "policy" else (
            rows["target_arn"].eq(arn)
        )  # fmt: skip
    return rows[through]


def _proposal(
    account: Account, name: str, where: str, rows: pd.DataFrame, places: Iterable[str]
) -> Proposal:
    """Deny the calls of these escalations: in the policies that are choke points, else apart."""
    emergency = for_emergencies(account)
    policies = _to_edit(account, places, emergency)
    in_policies: dict[str, set[Denied]] = {each: set() for each in policies}
    apart: dict[str, set[Denied]] = {}
    held = account.policy_assignments
    for row in rows.to_dict("records"):
        caller = row["principal_arn"]
        mine = set(held.loc[held["principal_arn"].eq(caller), "policy_arn"])
        call = _call(row)
        of = [each for each in policies if each in mine and _allows(account, each, call[0])]
        for each in of:
            in_policies[each].add(call)
        if not of:
            apart.setdefault(caller, set()).add(call)
    made: list[changes.Change] = []
    for each, calls in in_policies.items():
        if calls:
            made += written(account, each, [*statements_of(account, each), *_denials(calls)])
    policy = f"{NAME}-{name.rpartition('-')[2]}"
    full = full_of_groups(account, policy) & set(apart) - emergency
    callers = sorted(set(apart) - emergency - full)
    beside: list[changes.Change] = []
    if callers:
        calls = set().union(*(apart[each] for each in callers))
        beside = _apart(account, policy, calls, callers)
    left = [f"{name_of(each)}: kept for emergencies" for each in sorted(set(apart) & emergency)]
    left += [f"{name_of(each)}: in as many groups as IAM allows" for each in sorted(full)]
    return Proposal(
        name,
        f"End paths to administrator access {where}",
        "Most paths go through this place. Denied are only the calls that lead there, on what they "
        "reach.",
        (*made, *beside),
        (*_stopped(account, rows), *_besides(account, rows, in_policies)),
        (
            "whether these calls are somebody's work: an assumed role or a passed one may be",
            "session policies and resource policies, which the evidence does not have",
        ),
        tuple(left),
        together=shared(beside),
    )


def _to_edit(account: Account, places: Iterable[str], emergency: set[str]) -> list[str]:
    """
    Own policies among choke points in which a Deny stops no administrator and nobody in need.

    It would hold for each of their holders, whatever else they are allowed.
    """
    named = [each for each in places if ":policy/" in each or "#" in each]
    spared = emergency | set(account.administrators["principal_arn"])
    held = account.policy_assignments
    spared_have = set(held.loc[held["principal_arn"].isin(spared), "policy_arn"])
    return [
        each
        for each in named
        if own_policy(each) and each not in spared_have and statements_of(account, each)
    ]


def _besides(
    account: Account, rows: pd.DataFrame, in_policies: Mapping[str, set[Denied]]
) -> Iterator[str]:
    """Who has an edited policy and no such path: the denials hold for them too."""
    held = account.policy_assignments
    for policy, calls in in_policies.items():
        holders = held.loc[held["policy_arn"].eq(policy), "principal_arn"]
        for arn in sorted(set(holders) - set(rows["principal_arn"])) if calls else ():
            yield f"{name_of(arn)}: has {_called(policy)} too"


def _call(row: Mapping[Any, Any]) -> Denied:
    """The call of an escalation without which it fails, and what it reaches; *: it makes that."""
    permissions = escalation_methods()[row["method"]].permissions
    reaching = [action for action, on in permissions.items() if str(on).startswith(REACHED)]
    target = row["target_arn"]
    if not reaching or not isinstance(target, str):
        return next(iter(permissions)), "*"
    return reaching[0], target


def _allows(account: Account, policy: str, action: str) -> bool:
    document = {"Statement": statements_of(account, policy)}
    return any(each.allows for each in Policy(policy, document).about(action))


def _denials(calls: set[Denied]) -> list[Statement]:
    """Statements that deny these calls: those on the same resources together."""
    of: dict[str, set[str]] = {}
    for action, resource in calls:
        of.setdefault(action, set()).add(resource)
    together: dict[tuple[str, ...], list[str]] = {}
    for action, resources in sorted(of.items()):
        named = ("*",) if "*" in resources else tuple(sorted(resources))
        together.setdefault(named, []).append(action)
    return [
        {"Sid": f"{SID}{number}", "Effect": "Deny", "Action": actions, "Resource": list(resources)}
        for number, (resources, actions) in enumerate(sorted(together.items()), start=1)
    ]


def _apart(
    account: Account, name: str, calls: set[Denied], callers: list[str]
) -> list[changes.Change]:
    """A policy of denials: for users through a group, for roles on themselves."""
    document = {"Version": "2012-10-17", "Statement": _denials(calls)}
    users = [each for each in callers if kind_of(each) == "user"]
    roles = [each for each in callers if kind_of(each) == "role"]
    return [*in_group(account, name, document, users, roles)]


def _stopped(account: Account, rows: pd.DataFrame) -> Iterator[str]:
    """Who can no longer do what, each once; of roles when they were last used."""
    used = account.roles.set_index("role_arn")["last_used"].to_dict()
    said = dict.fromkeys((row["principal_arn"], *_call(row)) for row in rows.to_dict("records"))
    for caller, action, target in said:
        at = used.get(caller)
        when = f" (last used {at:%Y-%m-%d})" if at is not None and pd.notna(at) else ""
        on = "" if target == "*" else f" on {name_of(target)}"
        yield f"{name_of(caller)}{when}: {action}{on}"
