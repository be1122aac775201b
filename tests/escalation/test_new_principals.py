"""Who can make a user or role that may do everything, and become it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.accounts import ARN, account, details, policy
from tests.escalation.test_escalations import (
    ANN,
    NOBODY,
    OWN_ONLY,
    PATHS,
    PROVEN,
    READS,
    may,
    rows_of,
    status,
    ways,
)
from tests.policies import (
    EVERYTHING,
    allow,
    attached,
    bounded,
    controlled,
    deny,
    document,
    person,
    worker,
)

MAKES = ["iam:CreateRole", "iam:PutRolePolicy"]
MAKES_USERS = ["iam:CreateUser", "iam:PutUserPolicy", "iam:CreateAccessKey"]
APPS, WEBS = f"{ARN}role/app-*", f"{ARN}role/web-*"
BOUNDED = {"StringEquals": {"iam:PermissionsBoundary": f"{ARN}policy/reads"}}
# ann's entry; the path; its status. A role boss and a policy reads are there.
MADE: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "a role": (person("ann", allow(MAKES)), "make-role-put", PROVEN),
    "a role of some name": (person("ann", allow(MAKES, APPS)), "make-role-put", PROVEN),
    "a role of some path": (
        person("ann", allow(MAKES, f"{ARN}role/team/?/*")),
        "make-role-put",
        PROVEN,
    ),
    "a role in any account, of some name": (
        person("ann", allow(MAKES, "arn:aws:iam::*:role/app-*")),
        "make-role-put",
        PROVEN,
    ),
    "a role of one's own name": (
        person("ann", allow(MAKES, f"{ARN}role/${{aws:username}}-*")),
        "make-role-put",
        PROVEN,
    ),
    "no role: others may be written into": (
        person("ann", allow(MAKES[0], APPS), allow(MAKES[1], WEBS)),
        "make-role-put",
        None,
    ),
    "no role in another account": (
        person("ann", allow(MAKES, "arn:aws:iam::999988887777:role/*")),
        "make-role-put",
        None,
    ),
    "no role: all but those of the name may be written into": (
        person("ann", allow(MAKES[0], APPS), {**allow(MAKES[1]), "NotResource": APPS}),
        "make-role-put",
        None,
    ),
    "the role named, which is not there": (
        person("ann", allow(MAKES, f"{ARN}role/next")),
        "make-role-put",
        PROVEN,
    ),
    "no role: the one named is there already": (
        person("ann", allow(MAKES, f"{ARN}role/BOSS")),
        "make-role-put",
        None,
    ),
    "no role without the boundary that the policy asks for": (
        person("ann", allow(MAKES[0], Condition=BOUNDED), allow(MAKES[1])),
        "make-role-put",
        None,
    ),
    "a role that is not to have the boundary": (
        person("ann", allow(MAKES, Condition={"StringNotEquals": BOUNDED["StringEquals"]})),
        "make-role-put",
        PROVEN,
    ),
    "no role: it may not be assumed": (
        person("ann", allow(MAKES, APPS), deny("sts:AssumeRole", f"{ARN}role/app-*")),
        "make-role-put",
        None,
    ),
    "a role: others may not be assumed": (
        person("ann", allow(MAKES, APPS), deny("sts:AssumeRole", WEBS)),
        "make-role-put",
        PROVEN,
    ),
    "no role: its maker's boundary leaves assuming out": (
        person("ann", EVERYTHING, **bounded("reads")),
        "make-role-put",
        None,
    ),
    "a role, to which the administrator's policy is attached": (
        person("ann", allow([MAKES[0], "iam:AttachRolePolicy"])),
        "make-role-attach",
        PROVEN,
    ),
    "no role: only a harmless policy may be attached": (
        person(
            "ann",
            allow(MAKES[0]),
            may("iam:AttachRolePolicy", ArnEquals={"iam:PolicyARN": f"{ARN}policy/reads"}),
        ),
        "make-role-attach",
        None,
    ),
    "no role for certain: it takes a tag": (
        person("ann", allow(MAKES, Condition={"StringEquals": {"aws:RequestTag/team": "a"}})),
        "make-role-put",
        None,
    ),
    "a user": (person("ann", allow(MAKES_USERS)), "make-user-put", PROVEN),
    "a user of some name": (
        person("ann", allow(MAKES_USERS, f"{ARN}user/app-*"), deny(MAKES_USERS[2], ANN)),
        "make-user-put",
        PROVEN,
    ),
    "no user: keys are for others": (
        person("ann", allow(MAKES_USERS[:2]), allow(MAKES_USERS[2], OWN_ONLY)),
        "make-user-put",
        None,
    ),
    "a user, to which the administrator's policy is attached": (
        person("ann", allow([MAKES_USERS[0], MAKES_USERS[2], "iam:AttachUserPolicy"])),
        "make-user-attach",
        PROVEN,
    ),
}


@pytest.mark.parametrize("case", MADE)
def test_a_caller_makes(case: str, tmp_path: Path) -> None:
    ann, path, expected = MADE[case]
    boss = worker("boss", NOBODY)
    rows = rows_of(tmp_path, users=[ann], roles=[boss], policies=[READS])
    assert status(rows, path) == expected
    if expected:
        row = rows.set_index("method").loc[path]
        assert row["reaches_admin"]
        assert pd.isna(row["target_arn"]), "nobody who is there yet"
        assert len(row["statements"]) == len(PATHS[path]["permissions"])


def test_a_boundary_that_lets_a_role_be_made_does_not_bind_it(tmp_path: Path) -> None:
    lets = policy("lets", document(allow([*MAKES, "sts:AssumeRole"])))
    ann = person("ann", EVERYTHING, **bounded("lets"))
    assert status(rows_of(tmp_path, users=[ann], policies=[lets]), "make-role-put") == PROVEN


def test_a_role_makes_a_role_and_a_control_policy_stops_it(tmp_path: Path) -> None:
    app = worker("app", NOBODY, allow(MAKES))
    free = account(tmp_path, details(roles=[app]))
    assert ways(free.escalations, "role/app", PROVEN) == {"make-role-put", "iam-005"}
    shut = controlled(free, document(EVERYTHING), document(deny("iam:CreateRole")))
    assert ways(shut.escalations, "role/app", PROVEN) == {"iam-005"}


def test_callers_and_ways_are_told_apart(tmp_path: Path) -> None:
    bob = {"StringEquals": {"aws:username": "bob"}}
    not_bob = deny(
        MAKES[0], f"{ARN}role/*", Condition=bob
    )  # as far as bits of actions tell, he may
    shared = {"AttachedManagedPolicies": attached("shared")}
    harmless = may("iam:AttachRolePolicy", ArnEquals={"iam:PolicyARN": f"{ARN}policy/reads"})
    users = [
        person("ann", **shared),
        person("bob", **shared),
        person("cid", allow(MAKES)),
        person("dan", allow(MAKES), deny("sts:AssumeRole")),
        person("eve", allow(MAKES), harmless),
    ]
    contents = details(users, policies=[policy("shared", document(allow(MAKES), not_bob)), READS])
    rows = account(tmp_path, contents).escalations
    found = {
        name: ways(rows, f"user/{name}", PROVEN) for name in ("ann", "bob", "cid", "dan", "eve")
    }
    made = {"make-role-put"}
    assert found == {"ann": made, "bob": set(), "cid": made, "dan": set(), "eve": made}
