"""
Which permissions each identity gained and lost between two audits, and which policies did it.

Permissions are compared by what they allow, not by their text: a policy that is written anew and
allows the same changes nothing, and one more policy may allow nothing that was not allowed before.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from iamkit.results.finding_rows import identifiers
from iamkit.results.privileges import allowed_in_any_context
from iamkit.table import COUNT, OBJECT, TEXT, Column, Table, own_texts

PERMISSION_CHANGES: Final = Table(
    name="permission_changes",
    row="one user or role, of both audits, that may do more or less than before",
    key=("principal_arn",),
    columns=(
        Column("kind", TEXT, "user or role"),
        Column("name", TEXT, "name"),
        Column("gained", COUNT, "number of actions that it is allowed now and was not before"),
        Column("lost", COUNT, "number of actions that it was allowed and is not now"),
        Column("gained_actions", OBJECT, "list of these actions"),
        Column("lost_actions", OBJECT, "list of those actions"),
        Column(
            "because",
            OBJECT,
            "list of texts: the policies that it got, lost, or that were changed, and through "
            "which group; empty: a boundary, a control policy or a condition did it",
        ),
        Column("lines", OBJECT, "list of the lines of the changed documents, as `diff -u` does"),
        Column("principal_arn", TEXT, "ARN"),
    ),
)


@own_texts
def permission_changes(before: Any, after: Any) -> pd.DataFrame:
    """
    Return who may do more or less in the later of two accounts. Rows: see `PERMISSION_CHANGES`.

    What is certainly allowed on some resource in some request counts. Identities are known by
    their unique ids; those that only one of the audits has are left out, as `Account.since` names
    them.
    """
    old, new = _allowed(before), _allowed(after)
    documents = _documents(before), _documents(after)
    held = _held(before), _held(after)
    rows = []
    for identity in [each for each in new if each in old]:
        (was, could), (now, can) = old[identity], new[identity]
        if could == can:
            continue
        gained, lost = sorted(can - could), sorted(could - can)
        policies = (
            held[0].get(was["principal_arn"], set()),
            held[1].get(now["principal_arn"], set()),
        )
        facts = {name: now[name] for name in ("kind", "name", "principal_arn")}
        rows.append(
            {
                **facts,
                "gained": len(gained),
                "lost": len(lost),
                "gained_actions": gained,
                "lost_actions": lost,
                "because": [*_because(policies, documents)],
                "lines": [*_lines(policies, documents)],
            }
        )
    made = pd.DataFrame(rows, columns=PERMISSION_CHANGES.names, dtype="object")
    ordered = made.sort_values(["gained", "lost", "name"], ascending=[False, False, True])
    return PERMISSION_CHANGES.conform(ordered)


def _allowed(account: Any) -> dict[str, tuple[dict[str, Any], frozenset[str]]]:
    """Each user and role, by unique id, and the actions that it is certainly allowed."""
    allowed = allowed_in_any_context(account.permissions)
    names = [frozenset(allowed.catalog.names(row)) for row in allowed.certain]
    ids = identifiers(account)
    rows = account.permissions.principals[["principal_arn", "kind", "name"]].to_dict("records")
    return {
        ids.get(row["principal_arn"], row["principal_arn"]): (row, names[at])
        for row, at in zip(rows, allowed.which, strict=True)
    }


Held = set[tuple[str, str]]  # policies, and the groups through which; no group: directly
Both = tuple[Held, Held]
Documents = tuple[dict[str, Any], dict[str, Any]]


def _documents(account: Any) -> dict[str, Any]:
    versions = account.policy_versions
    return dict(zip(versions["policy_arn"], versions["document"], strict=True))


def _held(account: Any) -> dict[str, Held]:
    """The policies of each principal, and the groups through which it has them."""
    found: dict[str, Held] = {}
    rows = account.policy_assignments
    groups = rows["via_arn"].fillna("")
    for arn, policy, group in zip(rows["principal_arn"], rows["policy_arn"], groups, strict=True):
        found.setdefault(arn, set()).add((policy, group))
    return found


def _changed(policies: Both, documents: Documents) -> Iterator[tuple[str, str]]:
    """Policies that it has in both audits, with another document."""
    for arn, group in sorted(policies[0] & policies[1]):
        if documents[0].get(arn) != documents[1].get(arn):
            yield arn, group


def _because(policies: Both, documents: Documents) -> Iterator[str]:
    for arn, group in sorted(policies[1] - policies[0]):
        yield f"got {_named(arn, group)}"
    for arn, group in sorted(policies[0] - policies[1]):
        yield f"lost {_named(arn, group)}"
    for arn, group in _changed(policies, documents):
        yield f"{_named(arn, group)} was changed"


def _named(arn: str, group: str) -> str:
    """
    A policy as a sentence names it.

    >>> _named("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::111122223333:group/Ops")
    'ReadOnlyAccess through the group Ops'
    """
    name = arn.rpartition("#")[2] if "#" in arn else arn.rpartition("/")[2]
    return f"{name} through the group {group.rpartition('/')[2]}" if group else name


def _lines(policies: Both, documents: Documents) -> Iterator[str]:
    """What was changed of each document, line by line."""
    for arn, _ in _changed(policies, documents):
        old, new = (json.dumps(of.get(arn), indent=2, default=str) for of in documents)
        name = _named(arn, "")
        yield from difflib.unified_diff(
            old.splitlines(), new.splitlines(), name, name, lineterm="", n=1
        )
