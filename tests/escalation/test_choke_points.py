"""Where the ways to administration can be cut: against trying out every place, one by one."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.errors import SettingsError
from tests.accounts import ARN, account, details, group, policy, report
from tests.examples import examples
from tests.policies import (
    ACCOUNT_ROOT,
    EVERYTHING,
    WITH_MFA,
    allow,
    attached,
    document,
    inline,
    line,
    person,
    trusts,
    worker,
)

KEY, ASSUME = "stolen-key", "sts:AssumeRole"
ROOT: Any = ACCOUNT_ROOT
NOBODY = trusts("robomaker.amazonaws.com")


def made(folder: Path, *entries: dict[str, Any]) -> Account:
    """An account of these users, groups, roles and policies; every user has a key."""
    listed = [
        [entry for entry in entries if f"{kind}Name" in entry]
        for kind in ("User", "Group", "Role", "Policy")
    ]
    lines = [line(entry["UserName"], keys=1) for entry in listed[0]]
    return account(folder, details(*listed), credential_report=report(*lines))


def cuts(opened: Account, context: str = KEY, number: int = 6) -> list[tuple[str, str, int, int]]:
    """What is found: kind, name, how many it cuts off and how many are left."""
    table = opened.choke_points(context, number)
    assert table["arn"].is_unique
    return list(
        table[["kind", "name", "removed_count", "remaining_count"]].itertuples(
            index=False, name=None
        )
    )


def may(name: str, *roles: str) -> dict[str, Any]:
    """A customer policy that lets its holder assume roles, or any."""
    return policy(name, document(allow(ASSUME, [f"{ARN}role/{each}" for each in roles] or "*")))


def has(*names: str) -> dict[str, Any]:
    return {"AttachedManagedPolicies": attached(*names)}


BOSS = worker("boss", trusts(ROOT), EVERYTHING)


# ── One place ──────────────────────────────────────────────────────────────────────────────────


def test_a_policy_that_opens_the_way_for_many_is_one(tmp_path: Path) -> None:
    users = [person(name, **has("opens")) for name in ("ann", "bob", "cid")]
    opened = made(tmp_path, *users, BOSS, may("opens"))
    assert cuts(opened) == [("identity", "boss", 3, 0)]


def test_of_two_administrators_neither_is_one(tmp_path: Path) -> None:
    users = [person(name, **has("opens")) for name in ("ann", "bob", "cid")]
    chief = worker("chief", trusts(ROOT), EVERYTHING)
    opened = made(tmp_path, *users, BOSS, chief, may("opens"))
    assert cuts(opened) == [("policy", "opens", 3, 0)]


def test_a_policy_counts_for_the_target_that_leads_on(tmp_path: Path) -> None:
    """Its holders may assume more roles, by another policy that comes first."""
    aside = worker("aside", trusts(ROOT))
    chief = worker("chief", trusts(ROOT), EVERYTHING)
    users = [person(name, **has("a-first", "opens")) for name in ("ann", "bob")]
    policies = [may("a-first", "aside"), may("opens", "boss", "chief")]
    opened = made(tmp_path, *users, aside, BOSS, chief, *policies)
    assert cuts(opened) == [("policy", "opens", 2, 0)]


def test_where_two_policies_open_the_same_way_neither_alone_closes_it(tmp_path: Path) -> None:
    chief = worker("chief", trusts(ROOT), EVERYTHING)
    ann = person("ann", **has("one", "two"))
    opened = made(tmp_path, ann, BOSS, chief, may("one"), may("two"))
    assert cuts(opened) == []
    with_bob = person("bob", **has("two"))
    (tmp_path / "bob").mkdir()
    opened = made(tmp_path / "bob", ann, with_bob, BOSS, chief, may("one"), may("two"))
    assert cuts(opened) == [("policy", "two", 1, 1), ("policy", "one", 1, 0)], "after the first"


def test_the_best_is_what_cuts_most_off_and_not_what_most_come_through(tmp_path: Path) -> None:
    """Three come by "near", two of whom have another way; two have none but by "other"."""
    chief = worker("chief", trusts(ROOT), EVERYTHING)
    mid = worker("mid", trusts(ROOT), allow(ASSUME))
    users = [person("ann", **has("near")), *(person(n, **has("near", "alt")) for n in ("b", "c"))]
    users += [person(name, **has("other")) for name in ("dan", "eve")]
    policies = [may(name, "boss", "chief") for name in ("near", "other")]
    opened = made(tmp_path, *users, mid, BOSS, chief, *policies, may("alt", "mid"))
    assert cuts(opened, number=1) == [("policy", "other", 2, 4)]


def test_every_call_of_a_way_has_to_stay_open(tmp_path: Path) -> None:
    """Two policies pass the role, but only one makes the function."""
    trust = trusts("lambda.amazonaws.com")
    targets = [worker(name, trust, EVERYTHING) for name in ("boss", "chief")]
    run = policy("runs", document(allow(["lambda:CreateFunction", "lambda:InvokeFunction"])))
    passing = [policy(name, document(allow("iam:PassRole"))) for name in ("one", "two")]
    ann = person("ann", **has("one", "runs", "two"))
    assert cuts(made(tmp_path, ann, *targets, run, *passing)) == [("policy", "runs", 1, 0)]


def test_a_trust_policy_that_lets_in_by_name_is_one(tmp_path: Path) -> None:
    """Nobody's own policy is needed; the identity goes first where it cuts as many off."""
    both = document(*trusts("user/ann")["Statement"], *trusts("user/bob")["Statement"])
    gate = worker("gate", both, allow(ASSUME))
    users = [person("ann"), person("bob")]
    chief = worker("chief", trusts(ROOT), EVERYTHING)
    found = cuts(made(tmp_path, *users, gate, BOSS, chief))
    assert found == [("policy", "own of gate", 3, 0)], "the gate's own policy, for it too may rise"
    chief = worker("chief", trusts("user/ann"), EVERYTHING)
    (tmp_path / "two").mkdir()
    found = cuts(made(tmp_path / "two", person("ann"), chief))
    assert found in ([("identity", "chief", 1, 0)], [("trust policy", "chief", 1, 0)])


def test_a_way_that_needs_nobody_else_is_cut_at_its_policy(tmp_path: Path) -> None:
    """Ann gives herself everything, by a version that only she could bring back."""
    versions = [
        {"Document": document(EVERYTHING), "VersionId": "v1", "IsDefaultVersion": False},
        {"Document": document(allow("s3:*")), "VersionId": "v2", "IsDefaultVersion": True},
    ]
    two = policy("two", document(allow("s3:*")), DefaultVersionId="v2", PolicyVersionList=versions)
    ann = person("ann", allow("iam:SetDefaultPolicyVersion"), **has("two"))
    assert cuts(made(tmp_path, ann, two)) == [("policy", "own of ann", 1, 0)]


def test_a_group_that_one_joins_is_one(tmp_path: Path) -> None:
    joins = policy("joins", document(allow("iam:AddUserToGroup")))
    admins = group("admins", GroupPolicyList=inline(EVERYTHING))
    users = [person(name, **has("joins")) for name in ("ann", "bob")]
    opened = made(tmp_path, *users, admins, joins)
    assert cuts(opened)[0][2:] == (2, 0)


def test_an_own_policy_and_another_s_are_told_apart(tmp_path: Path) -> None:
    """They say the same, and IAM calls them the same."""
    chief = worker("chief", trusts(ROOT), EVERYTHING)
    users = [person(name, allow(ASSUME)) for name in ("ann", "bob")]
    table = made(tmp_path, *users, BOSS, chief).choke_points()
    assert table["arn"].tolist() == [f"{ARN}user/{name}#own" for name in ("ann", "bob")]
    assert table["name"].tolist() == ["own of ann", "own of bob"]
    assert table[["removed_count", "remaining_count"]].to_numpy().tolist() == [[1, 1], [1, 0]]


# ── Who counts, and when it ends ───────────────────────────────────────────────────────────────


def test_who_comes_in_that_context_counts(tmp_path: Path) -> None:
    """Administrators are there already; a user without a password does not come with one."""
    ann = person("ann", **has("opens"))
    opened = made(tmp_path, ann, person("root", EVERYTHING), BOSS, may("opens"))
    assert [row[2:] for row in cuts(opened)] == [(1, 0)]
    assert cuts(opened, "stolen-password") == []
    asks = policy("asks", document(allow(ASSUME, Condition=WITH_MFA)))
    folder = tmp_path / "mfa"
    folder.mkdir()
    contents = details([person("ann", **has("asks"))], [], [BOSS], [asks])
    lines = line("ann", keys=1, mfa=True)
    opened = account(folder, contents, credential_report=report(lines))
    assert cuts(opened) == []
    assert [row[2:] for row in cuts(opened, "mfa-outside")] == [(1, 0)]


def test_it_ends_when_as_many_are_found_as_are_asked_for(tmp_path: Path) -> None:
    chief = worker("chief", trusts(ROOT), EVERYTHING)
    users = [person(f"u{number}", allow(ASSUME)) for number in range(4)]
    opened = made(tmp_path, *users, BOSS, chief)
    assert [row[3] for row in cuts(opened, number=2)] == [3, 2]
    assert [row[3] for row in cuts(opened)] == [3, 2, 1, 0]
    assert cuts(opened, number=0) == []


def test_an_account_without_ways_has_none(tmp_path: Path) -> None:
    empty = made(tmp_path, person("ann"), BOSS).choke_points()
    assert empty.empty
    assert empty.columns.tolist() == ["kind", "arn", "name", "removed_count", "remaining_count"]


def test_another_context_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="any"):
        made(tmp_path, person("ann")).choke_points("any")


# ── Against trying out every place ─────────────────────────────────────────────────────────────

POLICIES, ROLES, USERS = (tuple(f"{kind}{number}" for number in range(4)) for kind in "pru")
some_roles = st.lists(st.sampled_from([*ROLES, "boss"]), min_size=1, max_size=2, unique=True)
some_policies = st.lists(st.sampled_from(POLICIES), max_size=2, unique=True)
trusting = st.sampled_from([ROOT, ROOT, ROOT, "user/u0", "user/u1", "role/r0"])
calls = st.sampled_from([ASSUME, ASSUME, ASSUME, "iam:UpdateAssumeRolePolicy"])
worlds = st.tuples(
    st.tuples(*[st.tuples(calls, some_roles)] * len(POLICIES)),
    st.tuples(*[some_policies] * (len(ROLES) + len(USERS))),
    st.tuples(*[trusting] * (len(ROLES) + 1)),
)
World = tuple[Any, Any, Any]


def entries(world: World) -> list[dict[str, Any]]:
    """Users and roles that hold policies, which let them assume roles or rewrite their trust."""
    policies, held, trust = world
    written = [
        policy(name, document(allow([ASSUME, call], [f"{ARN}role/{each}" for each in roles])))
        for name, (call, roles) in zip(POLICIES, policies, strict=True)
    ]
    users = [person(name, **has(*own)) for name, own in zip(USERS, held[:4], strict=True)]
    roles = [
        worker(name, trusts(who), **has(*own))
        for name, who, own in zip(ROLES, trust, held[4:], strict=False)
    ]
    return [*users, *roles, worker("boss", trusts(trust[-1]), EVERYTHING), *written]


def becomes(world: World, who: str, role: str, gone: frozenset[str], *, named: bool) -> bool:
    """Whether one becomes a role in one step, without some policies."""
    policies, held, trust = world
    own = held[(*USERS, *ROLES).index(who[5:])]
    rights = {
        right
        for name in own
        if name not in gone
        for call, roles in [policies[POLICIES.index(name)]]
        for right in (ASSUME, call)
        if role in roles
    }
    trusted = trust[(*ROLES, "boss").index(role)]
    by_name = named and trusted == who
    return by_name or "iam:UpdateAssumeRolePolicy" in rights or (trusted == ROOT and bool(rights))


def rising(world: World, removed: Sequence[tuple[str, str]]) -> set[str]:
    """Who can become boss once that is removed: step by step, from everybody in turn."""
    policies = frozenset(name for kind, name in removed if kind == "policy")
    ends = [name for name in (*ROLES, "boss") if ("identity", name) not in removed]
    found = set()
    for start in [*(f"user/{name}" for name in USERS), *(f"role/{name}" for name in ROLES)]:
        seen, edge = {start}, [start]
        while edge:
            who = edge.pop()
            for role in ends if who != "role/boss" else ():
                reached = f"role/{role}"
                named = ("trust policy", role) not in removed
                if reached not in seen and becomes(world, who, role, policies, named=named):
                    seen.add(reached)
                    edge.append(reached)
        found |= {start} if "role/boss" in seen else set()
    return found


PLACES = (
    *(("policy", name) for name in POLICIES),
    *((kind, name) for kind in ("identity", "trust policy") for name in (*ROLES, "boss")),
    *(("identity", name) for name in USERS),
)


@examples(0.15)
@given(worlds)
def test_each_place_is_the_best_and_cuts_off_as_many_as_are_gone_without_it(world: World) -> None:
    with TemporaryDirectory() as folder:
        table = made(Path(folder), *entries(world)).choke_points(number=20)
    removed: list[tuple[str, str]] = []
    left = rising(world, removed)
    for row in table.itertuples():
        trials = {place: len(rising(world, [*removed, place])) for place in PLACES}
        assert row.removed_count == len(left) - min(trials.values()), "no place is better"
        removed.append((row.kind, row.name))
        left = rising(world, removed)
        assert trials[row.kind, row.name] == len(left) == row.remaining_count
    assert all(rising(world, [*removed, place]) == left for place in PLACES), "it ends with none"


def test_the_table_says_who_is_left(tmp_path: Path) -> None:
    """Every row follows from the one before."""
    users = [person(f"u{number}", **has(f"p{number // 2}")) for number in range(6)]
    policies = [may(f"p{number}") for number in range(3)]
    chief = worker("chief", trusts(ROOT), EVERYTHING)
    table: pd.DataFrame = made(tmp_path, *users, *policies, BOSS, chief).choke_points()
    assert table["removed_count"].tolist() == [2, 2, 2]
    assert table["remaining_count"].tolist() == [4, 2, 0]
