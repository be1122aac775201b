"""
Who can make a request: one question of every user, role and the root user at once.

A question about an ARN is decided as `ask` decides it, once for all who have the same policies and
whom these do not tell apart. A question about `*`, any resource at all, is answered by the rows of
`Permissions`: a policy that names one bucket lets its holder act on that bucket. What is only
possible is listed and said to be so: its absence from the list would reassure.

Source: IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from iamkit.access.permissions import Permissions
from iamkit.access.principals import Principals
from iamkit.access.questions import ask, checked_action, checked_resource
from iamkit.errors import SettingsError
from iamkit.memory import Memo
from iamkit.policy import ANYWHERE, CERTAIN, POSSIBLE, Decision, statement_name
from iamkit.table import OBJECT, TEXT, TRUTH, Column, Table
from iamkit.tables import REPORT_ONLY
from iamkit.values import instead

ALLOWED: Final = "allowed"
ON_SOME: Final = "allowed on some resource"
MAYBE: Final = "possibly allowed"
EXTENTS: Final = (ALLOWED, ON_SOME, MAYBE)
_STRENGTHS: Final = {ANYWHERE: ALLOWED, CERTAIN: ON_SOME, POSSIBLE: MAYBE}  # the strongest first

WHO_CAN: Final = Table(
    name="who_can",
    row="one user, role or root user that can make a request, or possibly can",
    key=("principal_arn",),
    columns=(
        Column("principal_arn", TEXT, "ARN"),
        Column("kind", TEXT, "root, user or role", values=("root", "user", "role")),
        Column("name", TEXT, "name"),
        Column(
            "extent",
            TEXT,
            "allowed: on the resource, or on every resource; allowed on some resource; possibly "
            "allowed: a condition, or a policy that the evidence does not show, decides",
            values=EXTENTS,
        ),
        Column("contexts", OBJECT, "list of the request contexts in which that is so"),
        Column("because", TEXT, "what allows it, in the first of these contexts"),
    ),
)

GRANTING: Final = Table(
    name="granting",
    row="one statement of a policy that allows an action",
    key=("policy_arn", "statement"),
    columns=(
        Column("policy_arn", TEXT, "ARN; of an inline policy OWNER_ARN#NAME"),
        Column("policy_name", TEXT, "name"),
        Column("kind", TEXT, "aws, customer or inline"),
        Column("statement", TEXT, "its Sid, or its number from 1"),
        Column("resources", OBJECT, "list of the resources that it names, or leaves out"),
        Column("conditional", TRUTH, "it has a condition"),
        Column("holders", OBJECT, "list of the users and roles that it applies to, by name"),
    ),
)


def who_can(
    permissions: Permissions, action: str, resource: str = "*", context: str = ""
) -> pd.DataFrame:
    """
    Return who can make a request. Rows: see `WHO_CAN`, those who certainly can first.

    `resource` is an ARN, or `*`: any resource at all. `context` is one of
    `DEFAULT_CONTEXTS`; empty: each of them is tried. Raises `SettingsError` for an action, a
    resource or a context that does not exist, with what may have been meant.
    """
    callers = permissions.callers
    checked_action(action)
    checked_resource(callers, resource, action)
    if context and context not in permissions.contexts:
        known = ", ".join(permissions.contexts)
        raise SettingsError(f"there is no context {context!r}; there are {known}")
    names = [context] if context else list(permissions.contexts)
    if resource == "*":
        found = dict(_on_anything(permissions, action, names))
    else:
        found = dict(_on_one(permissions, action, resource, names))
    found |= dict(_beside_rows(permissions, action, resource, names))
    people = callers.account.principals.dropna(subset="principal_arn")
    people = people[people["principal_arn"].isin(found)].drop_duplicates("principal_arn")
    answers = [found[arn] for arn in people["principal_arn"]]
    rows = people.assign(
        extent=[each[0] for each in answers],
        contexts=pd.Series([each[1] for each in answers], people.index, dtype="object"),
        because=[each[2] for each in answers],
        order=[EXTENTS.index(each[0]) for each in answers],
    )
    return WHO_CAN.conform(rows.sort_values(["order", "kind", "name"], kind="stable"))


Answer = tuple[str, list[str], str]  # extent, contexts, what allows it


def _on_anything(
    permissions: Permissions, action: str, contexts: Sequence[str]
) -> Iterator[tuple[str, Answer]]:
    """Users and roles that can do it on any resource at all."""
    catalog = permissions.catalog
    wanted = catalog.row(catalog.actions["action"].str.lower().eq(action.lower()).to_numpy())
    holds: Any = (permissions.rows & wanted).any(axis=-1)  # (distinct rows, strengths)
    columns = [permissions.contexts.index(context) for context in contexts]
    table = holds[permissions.index[:, columns]]  # (principals, contexts, strengths)
    because: Memo[Any, str] = Memo()
    arns = permissions.principals["principal_arn"].tolist()
    for number in np.flatnonzero(table.any(axis=(1, 2))):
        strongest = next(each for each in _STRENGTHS if table[number, :, each].any())
        inside = table[number, :, strongest]
        arn = arns[number]
        written = _written(permissions.callers, arn)
        said = because.once(written, _names, permissions.callers, arn, action)
        named = [name for name, yes in zip(contexts, inside, strict=True) if yes]
        spared = [name for name in named if not _may_be_denied(permissions, arn, action, name)]
        extent = _STRENGTHS[strongest] if spared else MAYBE
        yield arn, (extent, spared or named, said)


def _may_be_denied(permissions: Permissions, arn: str, action: str, context: str) -> bool:
    """Whether an RCP denies an action on what may be the account's own resource."""
    denials = permissions.callers.denials(arn, action, "*")
    if not denials:
        return False
    where = permissions.callers.context(arn, context)
    return any(each.applies(where) is not False for each in denials)


def _written(callers: Principals, arn: str) -> tuple[Any, ...]:
    """The policies of a principal as they are written: equal ones decide, and read, alike."""
    layers = callers.layers(arn)
    return tuple(
        tuple((policy.name, policy.content) for policy in policies)
        for _, policies in layers.named()
    )


def _names(callers: Principals, arn: str, action: str) -> str:
    """The statements of a principal's policies that allow an action on something."""
    said = [
        f"{statement_name(each.sid, each.number)} of {policy.name}"
        for policy in callers.layers(arn).identity
        for each in policy.about(action)
        if each.allows
    ]
    return "; ".join(said)


def _on_one(
    permissions: Permissions, action: str, resource: str, contexts: Sequence[str]
) -> Iterator[tuple[str, Answer]]:
    """Users and roles that can do it on this resource."""
    callers = permissions.callers
    decided: Memo[Any, list[Decision]] = Memo()
    for arn in permissions.principals["principal_arn"]:
        if not any(policy.about(action) for policy in callers.layers(arn).identity):
            continue
        alike = (_written(callers, arn), callers.case(arn)[1], callers.denied_case(arn))
        decisions = decided.once(alike, _decisions, callers, arn, action, resource, contexts)
        if answer := _answer(decisions, contexts):
            yield arn, answer


def _decisions(
    callers: Principals, arn: str, action: str, resource: str, contexts: Sequence[str]
) -> list[Decision]:
    return [callers.decide(arn, action, resource, name) for name in contexts]


def _beside_rows(
    permissions: Permissions, action: str, resource: str, contexts: Sequence[str]
) -> Iterator[tuple[str, Answer]]:
    """The root user, and users whose policies the evidence does not show."""
    account = permissions.callers.account
    people = account.principals
    root = people.loc[people["kind"].eq("root"), "principal_arn"]
    unseen = account.users.loc[account.users["evidence"].eq(REPORT_ONLY), "user_arn"]
    for arn in [*root.dropna(), *unseen.dropna()]:
        decisions = [ask(permissions.callers, arn, action, resource, name) for name in contexts]
        if answer := _answer(decisions, contexts):
            yield arn, answer


def _answer(decisions: Sequence[Decision], contexts: Sequence[str]) -> Answer | None:
    """What decisions in several contexts come to; None if no request is allowed."""
    pairs = list(zip(contexts, decisions, strict=True))
    for extent, holds in ((ALLOWED, bool), (MAYBE, lambda each: each.possible)):
        inside = [name for name, decision in pairs if holds(decision)]
        if inside:
            first = next(decision for name, decision in pairs if name == inside[0])
            return extent, inside, "; ".join(map(str, first.statements))
    return None


def granting(callers: Principals, action: str) -> pd.DataFrame:
    """
    Return the statements that allow an action, of every policy, in use or not.

    Rows: see `GRANTING`. What denies take away again is not looked at: `who_can` does. Raises
    `SettingsError` for an action that AWS does not have.
    """
    checked_action(action)
    account = callers.account
    policies = account.policies.set_index("policy_arn")
    names = account.principals.set_index("principal_arn")["name"]
    assigned = account.policy_assignments[["policy_arn", "principal_arn"]].drop_duplicates()
    holders = assigned["principal_arn"].map(names).groupby(assigned["policy_arn"]).agg(list)
    rows = []
    for policy, arn in callers.policy_arns.items():
        for each in policy.about(action):
            if not each.allows or arn not in policies.index:
                continue
            row = policies.loc[arn]
            rows.append(
                {
                    "policy_arn": arn,
                    "policy_name": row["policy_name"],
                    "kind": row["kind"],
                    "statement": statement_name(each.sid, each.number),
                    "resources": list(each.resources),
                    "conditional": bool(each.condition_keys),
                    "holders": sorted(map(str, holders.get(arn, []))),
                }
            )
    made = pd.DataFrame(rows, columns=GRANTING.names)
    return GRANTING.gather(made.sort_values(["policy_name", "statement"], kind="stable"))


def role_arn(callers: Principals, name: str) -> str:
    """Return the ARN of a role, by its name or ARN. Raises `SettingsError` if there is none."""
    roles = callers.account.roles
    found = roles.loc[roles["role_arn"].eq(name) | roles["role_name"].eq(name), "role_arn"]
    if found.empty:
        hint = instead(name, roles["role_name"].dropna(), "give the name or the ARN of one")
        raise SettingsError(f"no role has the name {name!r}; {hint}")
    return str(found.iloc[0])
