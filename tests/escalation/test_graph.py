"""Whom an identity can become, over any number of steps."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.access.contexts import DEFAULT_CONTEXTS
from iamkit.errors import SettingsError
from tests.accounts import ARN, account, details, group, policy, report
from tests.examples import examples
from tests.policies import (
    ACCOUNT_ROOT,
    EVERYTHING,
    WITH_MFA,
    allow,
    bounded,
    controlled,
    deny,
    document,
    inline,
    line,
    person,
    tagged,
    trusts,
    worker,
)

OFFICE = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
ASSUME = "sts:AssumeRole"
NOBODY = trusts("robomaker.amazonaws.com")
KEYS = ("stolen-key", "key-inside")
INSIDE = ("key-inside", "password-inside", "mfa-inside")
MFA = ("mfa-outside", "mfa-inside")


def made(folder: Path, *entries: dict[str, Any], lines: tuple[str, ...] = ()) -> Account:
    """An account of these users, roles and policies."""
    kinds = {
        name: [entry for entry in entries if f"{name}Name" in entry]
        for name in ("User", "Role", "Policy")
    }
    contents = details(kinds["User"], roles=kinds["Role"], policies=kinds["Policy"])
    return account(folder, contents, credential_report=report(*lines))


def ends(account: Account, who: str = "ann", context: str = "stolen-key") -> dict[str, int]:
    """Names of whom one can become, and in how many steps."""
    rows = account.reach(who, context)
    return dict(zip(rows["name"], rows["steps"], strict=True))


def contexts(account: Account, end: str, who: str = "ann") -> set[str]:
    """The contexts in which one can become another."""
    return {context for context in DEFAULT_CONTEXTS if end in ends(account, who, context)}


# ── One step ───────────────────────────────────────────────────────────────────────────────────


def no(**condition: Any) -> dict[str, Any]:
    """A denial in a trust policy, for ann unless a condition says for whom."""
    made = {"Effect": "Deny", "Principal": {"AWS": f"{ARN}user/ann"}, "Action": ASSUME}
    return {**made, "Principal": {"AWS": "*"}, "Condition": condition} if condition else made


ROOT: Any = ACCOUNT_ROOT
WITHOUT_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
OF_ANN = {"ArnEquals": {"aws:PrincipalArn": f"{ARN}user/ann"}}
OF_BOB = {"ArnEquals": {"aws:PrincipalArn": f"{ARN}user/bob"}}
OF_OPS = {"StringEquals": {"aws:PrincipalTag/team": "ops"}}
# ann's statements, the role's trust policy, the contexts in which she can become the role.
ASSUMED: dict[str, tuple[list[Any], dict[str, Any], tuple[str, ...]]] = {
    "that names her, without any permission": ([], trusts("user/ann"), DEFAULT_CONTEXTS),
    "that names another": ([allow(ASSUME)], trusts("user/bob"), ()),
    "that trusts the account, with permission": ([allow(ASSUME)], trusts(ROOT), DEFAULT_CONTEXTS),
    "that trusts the account, without permission": ([], trusts(ROOT), ()),
    "that trusts the account, with permission for another role": (
        [allow(ASSUME, f"{ARN}role/other")],
        trusts(ROOT),
        (),
    ),
    "that trusts a service": ([allow(ASSUME)], NOBODY, ()),
    "that trusts another account": ([allow(ASSUME)], trusts("arn:aws:iam::999988887777:root"), ()),
    "that asks for MFA": ([allow(ASSUME)], trusts(ROOT, Condition=WITH_MFA), MFA),
    "that asks for MFA where it is known": (
        [allow(ASSUME)],
        trusts(ROOT, Condition={"BoolIfExists": WITH_MFA["Bool"]}),
        (*KEYS, *MFA),
    ),
    "that asks for the office": ([allow(ASSUME)], trusts(ROOT, Condition=OFFICE), INSIDE),
    "that asks for her by ARN": ([allow(ASSUME)], trusts(ROOT, Condition=OF_ANN), DEFAULT_CONTEXTS),
    "that asks for another by ARN": ([allow(ASSUME)], trusts(ROOT, Condition=OF_BOB), ()),
    "that asks for her tag": ([allow(ASSUME)], trusts(ROOT, Condition=OF_OPS), DEFAULT_CONTEXTS),
    "that asks for another tag": (
        [allow(ASSUME)],
        trusts(ROOT, Condition={"StringEquals": {"aws:PrincipalTag/team": "web"}}),
        (),
    ),
    "that asks for an external id, which nobody knows": (
        [allow(ASSUME)],
        trusts(ROOT, Condition={"StringEquals": {"sts:ExternalId": "8f3a"}}),
        (),
    ),
    "that denies her again": ([allow(ASSUME)], trusts(ROOT, no()), ()),
    "that denies whoever comes without MFA": (
        [allow(ASSUME)],
        trusts(ROOT, no(**WITHOUT_MFA)),
        MFA,
    ),
    "that perhaps denies her": (
        [allow(ASSUME)],
        trusts(ROOT, no(StringNotEquals={"sts:ExternalId": "8f3a"})),
        (),
    ),
    "that her policy denies": ([allow(ASSUME), deny(ASSUME)], trusts(ROOT), ()),
    "that names her and her policy denies": (
        [deny(ASSUME, f"{ARN}role/boss")],
        trusts("user/ann"),
        (),
    ),
    "that names her and her policy denies without MFA": (
        [deny("*", Condition=WITHOUT_MFA)],
        trusts("user/ann"),
        MFA,
    ),
    "that her policy allows with MFA": ([allow(ASSUME, Condition=WITH_MFA)], trusts(ROOT), MFA),
    "that names her as one of several": (
        [],
        document(*trusts("user/bob")["Statement"], *trusts("user/ann")["Statement"]),
        DEFAULT_CONTEXTS,
    ),
    "that lets in anyone, without any permission": ([], trusts("*"), DEFAULT_CONTEXTS),
    "that lets in anyone, but her policy denies": ([deny(ASSUME)], trusts("*"), ()),
    "that names a session of hers, which a user has none of": (
        [allow(ASSUME)],
        trusts("arn:aws:sts::012345678901:assumed-role/ann/ann"),
        (),
    ),
    "that is for a SAML provider": (
        [allow(ASSUME)],
        document(
            {
                "Effect": "Allow",
                "Principal": {"Federated": f"{ARN}saml-provider/Okta"},
                "Action": "sts:AssumeRoleWithSAML",
            }
        ),
        (),
    ),
}


@pytest.mark.parametrize("case", ASSUMED)
def test_ann_assumes_a_role(case: str, tmp_path: Path) -> None:
    statements, trust, expected = ASSUMED[case]
    ann = person("ann", *statements, **tagged(team="ops"))
    # Bob's policy names the office, so that a caller inside is one.
    bob = person("bob", allow("s3:ListBucket", Condition=OFFICE))
    opened = made(tmp_path, ann, bob, worker("boss", trust, EVERYTHING))
    assert contexts(opened, "boss") == set(expected)


def test_a_boundary_and_a_control_policy_close_the_way_to_a_role(tmp_path: Path) -> None:
    reads = policy("reads", document(allow("s3:*")))
    boss = worker("boss", trusts(ROOT))
    both = [person("ann", allow(ASSUME)), person("bob", allow(ASSUME), **bounded("reads"))]
    opened = made(tmp_path, *both, boss, reads)
    assert ends(opened, "ann") == {"boss": 1}
    assert ends(opened, "bob") == {}
    limited = controlled(opened, document(EVERYTHING), document(deny(ASSUME)))
    assert ends(limited, "ann") == {}


def test_a_trust_policy_that_cannot_be_read_proves_nothing(tmp_path: Path) -> None:
    boss = worker("boss", "{broken", EVERYTHING)
    assert ends(made(tmp_path, person("ann", allow(ASSUME)), boss)) == {}


def test_a_role_is_entered_by_rewriting_its_trust_policy(tmp_path: Path) -> None:
    ann = person("ann", allow("iam:UpdateAssumeRolePolicy"))
    boss = worker("boss", NOBODY, EVERYTHING)
    assert ends(made(tmp_path, ann, boss)) == {"boss": 1}


def test_a_rewritten_trust_policy_does_not_help_who_may_not_assume(tmp_path: Path) -> None:
    ann = person("ann", allow("iam:UpdateAssumeRolePolicy"), deny(ASSUME))
    assert ends(made(tmp_path, ann, worker("boss", NOBODY, EVERYTHING))) == {}


RUN = allow(["lambda:CreateFunction", "lambda:InvokeFunction"])


def test_a_role_is_used_by_passing_it_to_a_function(tmp_path: Path) -> None:
    ann = person("ann", allow("iam:PassRole", f"{ARN}role/boss"), RUN)
    boss = worker("boss", trusts("lambda.amazonaws.com"))
    other = worker("other", trusts("lambda.amazonaws.com"))
    assert ends(made(tmp_path, ann, boss, other)) == {"boss": 1}


def test_a_role_that_passes_itself_becomes_nobody_else(tmp_path: Path) -> None:
    app = worker("app", trusts("lambda.amazonaws.com"), allow("iam:PassRole"), RUN)
    assert ends(made(tmp_path, app), "app") == {}


def test_a_role_of_aws_s_own_is_nobody_s_end(tmp_path: Path) -> None:
    path = "/aws-service-role/x.amazonaws.com/"
    linked = worker("AWSServiceRoleForX", trusts(ROOT), EVERYTHING, Path=path)
    ann = person("ann", allow([ASSUME, "iam:UpdateAssumeRolePolicy"]))
    assert ends(made(tmp_path, ann, linked)) == {}


# Credentials of bob, what ann may do to him, whether she becomes him.
TAKEN: dict[str, tuple[dict[str, Any], list[str], bool]] = {
    "with a key": ({}, ["iam:CreateAccessKey"], True),
    "with a second key": ({"keys": 1}, ["iam:CreateAccessKey"], True),
    "not with a third key": ({"keys": 2}, ["iam:CreateAccessKey"], False),
    "with a key in the place of another": (
        {"keys": 2},
        ["iam:CreateAccessKey", "iam:DeleteAccessKey"],
        True,
    ),
    "with a key, whatever his MFA device": (
        {"password": True, "mfa": True},
        ["iam:CreateAccessKey"],
        True,
    ),
    "with a first password": ({}, ["iam:CreateLoginProfile"], True),
    "not with a first password if he has one": (
        {"password": True},
        ["iam:CreateLoginProfile"],
        False,
    ),
    "with a new password": ({"password": True}, ["iam:UpdateLoginProfile"], True),
    "not with a new password and his MFA device": (
        {"password": True, "mfa": True},
        ["iam:UpdateLoginProfile"],
        False,
    ),
    "with a new password and without his MFA device": (
        {"password": True, "mfa": True},
        ["iam:UpdateLoginProfile", "iam:DeactivateMFADevice"],
        True,
    ),
}


@pytest.mark.parametrize("case", TAKEN)
def test_ann_becomes_bob(case: str, tmp_path: Path) -> None:
    credentials, actions, expected = TAKEN[case]
    users = [person("ann", allow(actions, f"{ARN}user/bob")), person("bob", EVERYTHING)]
    lines = (line("ann", keys=1), line("bob", **credentials))
    assert ends(made(tmp_path, *users, lines=lines)) == ({"bob": 1} if expected else {})


BOTH = (line("ann", keys=1), line("bob", keys=1))


# ── Several steps ──────────────────────────────────────────────────────────────────────────────


def chain(*names: str) -> list[dict[str, Any]]:
    """Roles each of which trusts the one before by name; the first trusts ann."""
    before = ["user/ann", *(f"role/{name}" for name in names)]
    return [worker(name, trusts(before[at])) for at, name in enumerate(names)]


def test_a_route_has_every_step_and_says_how(tmp_path: Path) -> None:
    one, two, boss = chain("one", "two", "boss")
    boss |= {"RolePolicyList": [{"PolicyName": "own", "PolicyDocument": document(EVERYTHING)}]}
    rows = made(tmp_path, boss, two, one, person("ann")).reach("ann").set_index("name")
    assert rows.index.tolist() == ["one", "two", "boss"], "the nearest first"
    assert rows["steps"].tolist() == [1, 2, 3]
    assert rows["kind"].tolist() == ["role"] * 3
    assert rows["admin"].to_dict() == {"one": False, "two": False, "boss": True}
    at = [f"{ARN}user/ann", *(f"{ARN}role/{name}" for name in ("one", "two", "boss"))]
    for number, name in enumerate(("one", "two", "boss"), start=1):
        assert rows.loc[name, "route"] == at[: number + 1]
        assert len(rows.loc[name, "how"]) == number
        assert all(isinstance(text, str) and text for text in rows.loc[name, "how"])
    assert rows["principal_arn"].tolist() == [rows.loc[name, "route"][-1] for name in rows.index]


def test_the_statement_that_decides_is_named(tmp_path: Path) -> None:
    ann = person("ann", allow(ASSUME, Sid="LetMeIn"))
    row = made(tmp_path, ann, worker("boss", trusts(ROOT))).reach("ann").iloc[0]
    assert "own" in row["how"][0]
    assert "LetMeIn" in row["how"][0]


def test_a_group_that_one_joins_is_on_the_route(tmp_path: Path) -> None:
    """What the group may do comes on top of one's own."""
    ops = group("ops", GroupPolicyList=inline(allow(ASSUME)))
    contents = details(
        [person("ann", allow("iam:AddUserToGroup"))], [ops], [worker("boss", trusts(ROOT))]
    )
    row = account(tmp_path, contents).reach("ann").iloc[0]
    assert row["route"] == [f"{ARN}{each}" for each in ("user/ann", "group/ops", "role/boss")]
    assert (row["steps"], len(row["how"])) == (2, 2)


def test_what_is_denied_is_not_gained_from_a_group(tmp_path: Path) -> None:
    """Her own denial stays once ann has joined, so where the group leads she does not come."""
    ops = group("ops", GroupPolicyList=inline(allow(ASSUME)))
    users = [
        person("ann", allow("iam:AddUserToGroup"), deny(ASSUME)),
        person("bob", allow("iam:AddUserToGroup")),
    ]
    opened = account(tmp_path, details(users, [ops], [worker("boss", trusts(ROOT))]))
    assert "boss" not in set(opened.reach("ann")["name"])
    assert "boss" in set(opened.reach("bob")["name"])


def test_the_shortest_route_counts(tmp_path: Path) -> None:
    one, two = chain("one", "two")
    also = document(*trusts("role/one")["Statement"], *trusts("user/ann")["Statement"])
    two |= {"AssumeRolePolicyDocument": also}
    assert ends(made(tmp_path, person("ann"), one, two)) == {"one": 1, "two": 1}


def test_roles_that_trust_each_other_end(tmp_path: Path) -> None:
    one = worker(
        "one", document(*trusts("user/ann")["Statement"], *trusts("role/two")["Statement"])
    )
    two = worker("two", trusts("role/one"))
    opened = made(tmp_path, person("ann"), one, two)
    assert ends(opened) == {"one": 1, "two": 2}
    assert ends(opened, "one") == {"two": 1}


def test_a_session_does_not_carry_mfa_on(tmp_path: Path) -> None:
    one = worker("one", trusts("user/ann", Condition=WITH_MFA))
    two = worker("two", trusts("role/one", Condition=WITH_MFA))
    free = worker("free", trusts("role/one"))
    assert ends(made(tmp_path, person("ann"), one, two, free), context="mfa-inside") == {
        "one": 1,
        "free": 2,
    }


def test_a_session_stays_where_it_was_begun(tmp_path: Path) -> None:
    one, two = chain("one", "two")
    two |= {"AssumeRolePolicyDocument": trusts("role/one", Condition=OFFICE)}
    opened = made(tmp_path, person("ann", allow("s3:ListBucket", Condition=OFFICE)), one, two)
    assert contexts(opened, "two") == set(INSIDE)
    assert contexts(opened, "one") == set(DEFAULT_CONTEXTS)


def test_a_user_who_was_taken_over_has_a_key_and_no_mfa(tmp_path: Path) -> None:
    users = [person("ann", allow("iam:CreateAccessKey", f"{ARN}user/bob")), person("bob")]
    free = worker("free", trusts("user/bob"))
    guarded = worker("guarded", trusts("user/bob", Condition=WITH_MFA))
    opened = made(tmp_path, *users, free, guarded, lines=BOTH)
    assert ends(opened, context="mfa-inside") == {"bob": 1, "free": 2}


def test_a_user_who_was_taken_over_by_password_signs_in_without_mfa(tmp_path: Path) -> None:
    """The console says that there was no MFA; a key says nothing of it."""
    said = {"Bool": {"aws:MultiFactorAuthPresent": "false"}}
    boss = worker("boss", trusts("user/bob", Condition=said))
    for number, (action, expected) in enumerate(
        {"iam:CreateLoginProfile": {"bob": 1, "boss": 2}, "iam:CreateAccessKey": {"bob": 1}}.items()
    ):
        users = [person("ann", allow(action, f"{ARN}user/bob")), person("bob")]
        folder = tmp_path / str(number)
        folder.mkdir()
        lines = (line("ann", keys=1), line("bob"))
        assert ends(made(folder, *users, boss, lines=lines)) == expected


def test_a_taken_user_is_limited_by_its_own_policies(tmp_path: Path) -> None:
    users = [
        person("ann", allow("iam:CreateAccessKey", f"{ARN}user/bob")),
        person("bob", allow(ASSUME), deny(ASSUME, f"{ARN}role/shut")),
    ]
    roles = [worker(name, trusts(ROOT)) for name in ("open", "shut")]
    assert ends(made(tmp_path, *users, *roles, lines=BOTH)) == {"bob": 1, "open": 2}


def test_whoever_can_do_everything_can_become_anyone(tmp_path: Path) -> None:
    """In one step more, whatever anybody's trust policy or number of keys."""
    boss = worker("boss", trusts("user/ann"), EVERYTHING)
    bob, shut = person("bob"), worker("shut", NOBODY)
    opened = made(tmp_path, person("ann"), bob, boss, shut, lines=BOTH)
    assert ends(opened) == {"boss": 1, "bob": 2, "shut": 2}
    assert ends(opened, "boss") == {"ann": 1, "bob": 1, "shut": 1}


def test_whoever_gives_itself_everything_can_become_anyone(tmp_path: Path) -> None:
    """Not where a boundary keeps it from having everything."""
    bounds = policy("bounds", document(allow(["iam:PutUserPolicy", "s3:*"])))
    ann = person("ann", allow("iam:PutUserPolicy", f"{ARN}user/ann"))
    bob = person("bob", allow("iam:PutUserPolicy", f"{ARN}user/bob"), **bounded("bounds"))
    opened = made(tmp_path, ann, bob, worker("shut", NOBODY), bounds)
    assert ends(opened, "ann") == {"bob": 1, "shut": 1}
    assert ends(opened, "bob") == {}


def test_whoever_makes_an_administrator_can_become_anyone(tmp_path: Path) -> None:
    """Bob perhaps: what tag he would choose, nobody can tell."""
    makes = ["iam:CreateRole", "iam:PutRolePolicy"]
    tagged_only = allow(makes, Condition={"StringEquals": {"aws:RequestTag/team": "ops"}})
    opened = made(tmp_path, person("ann", allow(makes)), person("bob", tagged_only))
    assert ends(opened, "ann") == {"bob": 2}, "the new role is the first step"
    assert ends(opened, "bob") == {}
    rows = opened.admin_paths.query("context == 'stolen-key'").set_index("name")
    assert rows.loc["ann", "steps"] == 1
    assert rows.loc["ann", "how"][0].startswith("Make a role that trusts the caller")
    assert pd.isna(rows.loc["bob", "steps"])
    assert rows.loc["bob", "possible_steps"] == 1


# ── Everybody ──────────────────────────────────────────────────────────────────────────────────


def test_everybody_s_way_to_an_administrator_in_every_context(tmp_path: Path) -> None:
    """Ann assumes the administrator in two steps, Bob in one with MFA, Cid never.

    A role's session carries no MFA and no password: it comes in two contexts.
    """
    one = worker("one", trusts("user/ann"))
    boss = worker(
        "boss",
        document(
            *trusts("role/one")["Statement"], *trusts("user/bob", Condition=WITH_MFA)["Statement"]
        ),
        EVERYTHING,
    )
    users = [person("ann"), person("bob"), person("cid")]
    table = made(tmp_path, *users, one, boss).admin_paths
    assert len(table) == 3 * len(DEFAULT_CONTEXTS) + 2 * len(KEYS)
    steps = table.pivot(index="name", columns="context", values="steps")
    assert steps.loc["ann"].tolist() == [2] * 6
    assert steps.loc["bob", list(MFA)].tolist() == [1, 1]
    assert steps.loc["bob"].drop(list(MFA)).isna().all()
    assert steps.loc["cid"].isna().all()
    assert steps.loc["boss", list(KEYS)].tolist() == [0, 0]
    assert steps.loc["one", list(KEYS)].tolist() == [1, 1]
    assert table["possible_steps"].equals(table["steps"]), "nothing is unknown here"
    roles = table[table["kind"].eq("role")]
    assert roles["has_credential"].tolist() == [True] * len(roles), "a session is a credential"
    far = table.query("name == 'ann'").iloc[0]
    assert far["route"] == [f"{ARN}user/ann", f"{ARN}role/one", f"{ARN}role/boss"]
    assert len(far["how"]) == 2


def test_the_table_says_in_which_contexts_a_user_can_come(tmp_path: Path) -> None:
    """A device alone is no credential: MFA comes on top of a password or a key."""
    users = [person(name) for name in ("key", "word", "both", "keymfa", "device", "none")]
    lines = (
        line("key", keys=1),
        line("word", password=True),
        line("both", password=True, keys=1, mfa=True),
        line("keymfa", keys=1, mfa=True),
        line("device", mfa=True),
        line("none"),
    )
    table = made(tmp_path, *users, lines=lines).admin_paths
    comes = table[table["has_credential"]].groupby("name")["context"].agg(list).to_dict()
    assert comes == {
        "key": list(KEYS),
        "word": ["stolen-password", "password-inside"],
        "both": list(DEFAULT_CONTEXTS),
        "keymfa": [*KEYS, *MFA],
    }


def test_the_table_says_what_would_be_if_unknown_conditions_helped(tmp_path: Path) -> None:
    """Bob is denied whatever they are."""
    asks = {"StringEquals": {"sts:ExternalId": "8f3a"}}
    bob = no() | {"Principal": {"AWS": f"{ARN}user/bob"}}
    boss = worker("boss", trusts(ROOT, bob, Condition=asks), EVERYTHING)
    users = [person(name, allow(ASSUME)) for name in ("ann", "bob")]
    rows = made(tmp_path, *users, boss).admin_paths.query("context == 'stolen-key'")
    rows = rows.set_index("name")
    assert rows.loc[["ann", "bob"], "steps"].isna().all()
    assert rows.loc["ann", "possible_steps"] == 1
    assert pd.isna(rows.loc["bob", "possible_steps"])


def test_a_call_that_hangs_on_what_nobody_knows_is_perhaps_a_step(tmp_path: Path) -> None:
    """Ann may pass the role for certain; to a function that she may perhaps make."""
    makes = {**RUN, "Condition": {"StringEquals": {"lambda:Layer": "x"}}}
    ann = person("ann", allow("iam:PassRole"), makes)
    boss = worker("boss", trusts("lambda.amazonaws.com"), EVERYTHING)
    rows = made(tmp_path, ann, boss).admin_paths.query("context == 'stolen-key'")
    row = rows.set_index("name").loc["ann"]
    assert pd.isna(row["steps"])
    assert row["possible_steps"] == 1


def test_an_administrator_of_some_contexts_is_one_there(tmp_path: Path) -> None:
    ann = person("ann", allow("*", Condition=WITH_MFA))
    steps = made(tmp_path, ann).admin_paths.set_index("context")["steps"]
    assert steps[list(MFA)].tolist() == [0, 0]
    assert steps.drop(list(MFA)).isna().all()


def test_the_table_agrees_with_single_questions(tmp_path: Path) -> None:
    one, two, boss = chain("one", "two", "boss")
    boss |= {"RolePolicyList": [{"PolicyName": "own", "PolicyDocument": document(EVERYTHING)}]}
    opened = made(tmp_path, person("ann"), person("bob"), one, two, boss)
    for row in opened.admin_paths.itertuples():
        rows = opened.reach(row.principal_arn, row.context).query("admin")
        if pd.isna(row.steps):
            assert rows.empty
        elif row.steps:
            nearest = rows.sort_values("steps").iloc[0]
            assert (row.steps, row.route) == (nearest["steps"], nearest["route"])


def test_who_becomes_nobody_gets_an_empty_table(tmp_path: Path) -> None:
    rows = made(tmp_path, person("ann")).reach("ann")
    assert rows.empty
    assert {"principal_arn", "kind", "name", "steps", "admin", "route", "how"} <= set(rows.columns)


def test_a_caller_is_named_by_name_or_arn(tmp_path: Path) -> None:
    opened = made(tmp_path, person("ann"), worker("boss", trusts("user/ann")))
    assert ends(opened, "ann") == ends(opened, f"{ARN}user/ann") == {"boss": 1}


def test_who_or_what_does_not_exist_is_refused(tmp_path: Path) -> None:
    opened = made(tmp_path, person("ann"), person("sam"), worker("sam", NOBODY))
    with pytest.raises(SettingsError, match="no principal has the name 'eve'"):
        opened.reach("eve")
    with pytest.raises(SettingsError, match="several principals"):
        opened.reach("sam")
    with pytest.raises(SettingsError, match="stolen-car"):
        opened.reach("ann", "stolen-car")


# ── Against a slow, obvious search ─────────────────────────────────────────────────────────────

NAMES = [f"{kind}/{name}" for kind in ("user", "role") for name in ("a", "b", "c")]
slowly = examples(0.25)
actions = st.sampled_from(
    [ASSUME, ASSUME, "iam:CreateAccessKey", "iam:UpdateAssumeRolePolicy", "iam:PassRole"]
)
onto = st.sampled_from(["*", *(f"{ARN}{name}" for name in NAMES)])
conditions = st.sampled_from([{}, {}, {}, WITH_MFA, OFFICE])
statements = st.one_of(
    st.builds(allow, actions, onto),
    st.builds(
        lambda what, where, when: allow(what, where, Condition=when), actions, onto, conditions
    ),
    st.builds(deny, actions, onto),
    st.just(RUN),
)
trusted = st.tuples(st.sampled_from([ROOT, ROOT, *NAMES, "lambda.amazonaws.com"]), conditions)
worlds = st.tuples(
    st.tuples(*[st.lists(statements, max_size=3)] * len(NAMES)), st.tuples(*[trusted] * 3)
)
World = tuple[Any, Any]


def drawn(world: World, folder: Path) -> Account:
    """Three users and three roles; the policy of one who cannot be taken over names the office."""
    policies, trust = world
    users = [person(name[5:], *own) for name, own in zip(NAMES[:3], policies[:3], strict=True)]
    roles = [
        worker(name[5:], trusts(who, **({"Condition": when} if when else {})), *own)
        for name, own, (who, when) in zip(NAMES[3:], policies[3:], trust, strict=True)
    ]
    watch = person("watch", allow("s3:ListBucket", Condition=OFFICE))
    lines = (*(line(name, keys=1) for name in "abc"), line("watch", keys=2))
    return made(folder, *users, watch, *roles, lines=lines)


def later(context: str) -> str:
    """How a session, or a key just made, comes: without MFA, from the same place."""
    return "key-inside" if context.endswith("inside") else "stolen-key"


def met(condition: Any, context: str) -> bool:
    """Whether a drawn condition lets in who comes so."""
    if condition == WITH_MFA:
        return context.startswith("mfa")
    return not condition or context.endswith("inside")


def steps(opened: Account, trust: Any, who: str, context: str) -> set[str]:
    """Whom one becomes in one step, one request at a time."""

    def can(action: str, name: str) -> str:
        return opened.can(f"{ARN}{who}", action, f"{ARN}{name}", context).effect

    def becomes(name: str) -> bool:
        if name.startswith("user/"):
            return can("iam:CreateAccessKey", name) == "Allowed"
        whom, when = trust[NAMES.index(name) - 3]
        if whom == "lambda.amazonaws.com" and not when and runs:
            passed = can("iam:PassRole", name) == "Allowed"
        else:
            passed = False
        assume = can(ASSUME, name)
        named = whom == who and met(when, context)
        named = named or can("iam:UpdateAssumeRolePolicy", name) == "Allowed"
        allowed = whom == ROOT and met(when, context) and assume == "Allowed"
        return passed or allowed or (named and assume != "ExplicitlyDenied")

    runs = all(can(action, "any") == "Allowed" for action in RUN["Action"])
    return {name for name in NAMES if name != who and becomes(name)}


def obvious(opened: Account, trust: Any, who: str, context: str) -> dict[str, int]:
    """Whom one becomes, and in how many steps, breadth first; a role's session carries no MFA."""
    found: dict[str, int] = {}
    edge = [(who, later(context) if who.startswith("role/") else context)]
    number = 0
    while edge:
        number += 1
        reached = {to for at, how in edge for to in steps(opened, trust, at, how)}
        fresh = sorted(reached - set(found) - {who})
        found |= dict.fromkeys(fresh, number)
        edge = [(name, later(context)) for name in fresh]
    return found


@slowly
@given(worlds, st.sampled_from(NAMES), st.sampled_from(DEFAULT_CONTEXTS))
def test_reach_is_what_single_requests_add_up_to(world: World, who: str, context: str) -> None:
    with TemporaryDirectory() as folder:
        opened = drawn(world, Path(folder))
        rows = opened.reach(f"{ARN}{who}", context)
        names = rows["principal_arn"].str.removeprefix(ARN)
        expected = obvious(opened, world[1], who, context)
        assert dict(zip(names, rows["steps"], strict=True)) == expected


@slowly
@given(worlds, st.sampled_from(NAMES), st.sampled_from(DEFAULT_CONTEXTS))
def test_a_route_is_made_of_single_steps_and_goes_on(world: World, who: str, context: str) -> None:
    """Its length is the number of steps and one; whom its end reaches, its beginning reaches."""
    with TemporaryDirectory() as folder:
        opened = drawn(world, Path(folder))
        rows = opened.reach(f"{ARN}{who}", context)
        reached = set(rows["principal_arn"])
        for row in rows.itertuples():
            assert len(row.route) == row.steps + 1 == len(row.how) + 1
            assert (row.route[0], row.route[-1]) == (f"{ARN}{who}", row.principal_arn)
            for at, (one, two) in enumerate(zip(row.route, row.route[1:], strict=False)):
                next_ = opened.reach(one, later(context) if at else context)
                assert two in set(next_.query("steps == 1")["principal_arn"])
            further = set(opened.reach(row.principal_arn, later(context))["principal_arn"])
            assert further - {f"{ARN}{who}"} <= reached


# ── Coming back with MFA ───────────────────────────────────────────────────────────────────────

OWN = f"{ARN}user/${{aws:username}}"
REGISTERS = (allow("iam:EnableMFADevice", OWN), allow("iam:CreateVirtualMFADevice"))
GUARDED = {**deny("*"), "Condition": WITHOUT_MFA}
SPARED = {**GUARDED, "NotAction": ["iam:EnableMFADevice", "iam:CreateVirtualMFADevice"]}
SPARED.pop("Action")


@pytest.mark.parametrize(
    ("statements", "device", "steps"),
    [
        ([EVERYTHING, SPARED, *REGISTERS], False, 1),
        ([EVERYTHING, SPARED, *REGISTERS], True, None),
        ([EVERYTHING, GUARDED], False, None),
        ([EVERYTHING, {**SPARED, "NotAction": "iam:EnableMFADevice"}], False, None),
    ],
    ids=["no device", "has one", "may register none", "may make none"],
)
def test_a_thief_may_register_a_device_where_there_is_none(
    tmp_path: Path, statements: list[Any], device: bool, steps: int | None
) -> None:
    """Ann may do everything, with MFA."""
    lines = (line("ann", keys=1, mfa=device),)
    rises = made(tmp_path, person("ann", *statements), lines=lines).admin_paths
    found = rises.set_index("context")["steps"]
    assert found["mfa-outside"] == 0
    assert (None if pd.isna(found["stolen-key"]) else found["stolen-key"]) == steps


def test_with_a_device_of_ones_own_go_on_as_one_who_has_mfa(tmp_path: Path) -> None:
    asks = trusts(ROOT, Condition=WITH_MFA)
    ann = person("ann", allow(ASSUME), *REGISTERS)
    opened = made(tmp_path, ann, worker("boss", asks, EVERYTHING), lines=(line("ann", keys=1),))
    assert ends(opened)["boss"] == 2
    found = opened.reach("ann").set_index("name").loc["boss"]
    assert found["route"] == [f"{ARN}user/ann", f"{ARN}user/ann", f"{ARN}role/boss"]
    assert "register-own-mfa" in found["how"][0]


def test_a_device_of_ones_own_is_no_escalation_if_nothing_asks_for_mfa(tmp_path: Path) -> None:
    opened = made(tmp_path, person("ann", *REGISTERS), lines=(line("ann", keys=1),))
    assert opened.escalations.empty
