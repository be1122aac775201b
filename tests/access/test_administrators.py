"""Who can give itself everything, against every call of every principal decided one by one."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.access import DEFAULT_CONTEXTS, EVERYTHING, SELF_PROMOTION, THROUGH_IAM
from iamkit.policy import ANYWHERE, PolicyEvaluator, PolicyLayers
from tests.accounts import ARN, account, details, group, policy, role, user
from tests.examples import examples
from tests.policies import WITH_MFA, allow, attached, bounded, deny, document, person, worker
from tests.policies import inline as inline_policy
from tests.witnesses import carried, decided, named_statements

OFFICE = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
UNKNOWN_KEY = {"StringEquals": {"sts:ExternalId": "x"}}
ONLY_ANN = {"StringEquals": {"aws:username": "ann"}}
ACTIONS = [*SELF_PROMOTION, "iam:*", "iam:Put*", "iam:*Group*", "*", "s3:GetObject"]
RESOURCES = [
    "*",
    f"{ARN}user/${{aws:username}}",
    *(f"{ARN}{name}" for name in ("user/ann", "user/*", "role/work", "role/w*", "group/team")),
    *(f"{ARN}policy/{name}" for name in ("held", "shared", "${aws:username}")),
]
TRUST = document(
    {"Effect": "Allow", "Principal": {"AWS": f"{ARN}root"}, "Action": "sts:AssumeRole"}
)

statements = st.builds(
    lambda make, action, resource, condition: make(
        action, resource, **({"Condition": condition} if condition else {})
    ),
    st.sampled_from([allow, allow, allow, deny]),
    st.sampled_from(ACTIONS),
    st.sampled_from(RESOURCES),
    st.sampled_from([None, None, None, WITH_MFA, OFFICE, UNKNOWN_KEY, ONLY_ANN]),
)
policies = st.lists(statements, min_size=1, max_size=2)
members = st.fixed_dictionaries(
    {},
    optional={
        "PermissionsBoundary": st.sampled_from(
            [bounded(name)["PermissionsBoundary"] for name in ("open", "from-office", "narrow")]
        ),
        "AttachedManagedPolicies": st.sampled_from(
            [attached("held"), attached("shared"), attached("held", "shared")]
        ),
    },
)


def made(found: dict[str, Any]) -> Account:
    """Two users, one in a group, and a role, with these policies."""
    customer = [
        policy("held", document(*found["held"])),
        policy("shared", document(*found["shared"])),
        policy("open", document(allow("*"))),
        policy("from-office", document(allow("*", Condition=OFFICE))),
        policy("narrow", document(allow("iam:*"))),
    ]
    users = [
        person("ann", *found["ann"], GroupList=["team"], **found["of ann"]),
        person("bob", *found["bob"], **found["of bob"]),
    ]
    team = group("team", GroupPolicyList=inline_policy(*found["team"]))
    work = worker("work", TRUST, *found["work"], **found["of work"])
    with tempfile.TemporaryDirectory() as folder:
        return account(Path(folder), details(users, [team], [work], customer))


def promotes(made: Account, arn: str, context: str) -> bool:
    """Whether one of the calls is allowed on something of the principal's own."""
    callers = made.callers
    boundary = callers.layers(arn).boundary
    if boundary is not None:
        evaluator = PolicyEvaluator(callers.catalog)
        allowed = evaluator.rows(PolicyLayers(boundary), callers.context(arn, context))[ANYWHERE]
        if (evaluator.every & ~allowed).any():
            return False
    mine = made.policy_assignments.query("principal_arn == @arn")["policy_arn"]
    own = {
        "user": [arn] if ":user/" in arn else [],
        "role": [arn] if ":role/" in arn else [],
        "group": made.memberships.query("user_arn == @arn")["group_arn"].tolist(),
        "policy": [each for each in mine if ":policy/" in each],
    }
    return any(
        made.can(arn, action, each, context)
        for action, kind in SELF_PROMOTION.items()
        for each in own[kind]
    )


@examples(0.6)
@given(
    st.fixed_dictionaries(
        dict.fromkeys(("ann", "bob", "team", "work", "held", "shared"), policies)
        | {f"of {name}": members for name in ("ann", "bob", "work")}
    )
)
def test_who_gives_itself_everything_is_who_may_make_one_of_the_calls(found: Any) -> None:
    opened = made(found)
    summary = opened.permissions.summary().set_index(["principal_arn", "context"])["admin"]
    assert len(summary) == 3 * len(DEFAULT_CONTEXTS)
    for (arn, context), answer in summary.items():
        if answer != EVERYTHING:
            assert answer == (THROUGH_IAM if promotes(opened, arn, context) else "")
    assert_witnessed(opened)


def assert_witnessed(opened: Account) -> None:
    """Each administrator has a request that is allowed, by the statements that are named alone."""
    certain = set(opened.administrators["principal_arn"])
    for row in opened.possible_administrators.to_dict("records"):
        arn, witness = row["principal_arn"], row["witness"]
        named = named_statements(opened, arn, row["statements"])
        assert row["statements"]
        assert decided(opened, arn, witness).effect == witness["effect"]
        assert decided(opened, arn, witness, (named,)).effect == witness["effect"]
        assert witness["effect"] == "Allowed" or arn not in certain


@examples(0.3)
@given(
    st.lists(
        st.builds(
            lambda parts, condition: {
                "Effect": "Allow",
                "Resource": "*",
                **parts,
                **({"Condition": condition} if condition else {}),
            },
            st.sampled_from(
                [
                    {"Action": "*"},
                    {"Action": "iam:*"},
                    {"NotAction": "iam:*"},
                    {"NotAction": ["iam:*", "s3:*"]},
                    {"Action": ["s3:*", "iam:*"]},
                ]
            ),
            st.sampled_from([None, None, WITH_MFA, OFFICE, UNKNOWN_KEY, ONLY_ANN]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_statements_that_make_an_administrator_together_are_all_named(held: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        opened = account(Path(folder), details([person("ann", *held), person("bob", *held)]))
    assert_witnessed(opened)
    for row in opened.administrators.query("admin == 'everything'").to_dict("records"):
        named = named_statements(opened, row["principal_arn"], row["statements"])
        who = opened.callers.caller(row["principal_arn"]).but(carried(row["witness"]))
        evaluator = PolicyEvaluator(opened.callers.catalog)
        everywhere = evaluator.rows(PolicyLayers((named,)), who)[ANYWHERE]
        assert not (opened.callers.catalog.every_listed & ~everywhere).any()


def test_no_statement_is_named_that_others_make_needless(tmp_path: Path) -> None:
    opened = account(tmp_path, details([person("ann", allow("s3:*"), allow("*"))]))
    [row] = opened.administrators.to_dict("records")
    assert row["statements"] == ["statement 2 of p"] or len(row["statements"]) == 1
    assert row["witness"]["resource"] == f"{ARN}user/iamkit"


def test_of_policies_that_are_not_in_the_evidence_there_is_no_request(tmp_path: Path) -> None:
    gone = {"PolicyName": "Gone", "PolicyArn": f"{ARN}policy/Gone"}
    users = [person("ann", AttachedManagedPolicies=[gone])]
    [row] = account(tmp_path, details(users)).possible_administrators.to_dict("records")
    assert row["statements"] == ["Gone, which cannot be read"]
    assert row["witness"]["effect"] == "Unknown"


def test_the_request_of_one_of_two_with_the_same_policies_is_its_own(tmp_path: Path) -> None:
    own = allow("iam:PutUserPolicy", f"{ARN}user/${{aws:username}}", Condition=OFFICE)
    opened = account(tmp_path, details([person("ann", own), person("bob", own)]))
    found = opened.administrators.set_index("name")["witness"]
    assert [found[name]["resource"] for name in ("ann", "bob")] == [
        f"{ARN}user/{name}" for name in ("ann", "bob")
    ]
    shown = opened.network_restrictions.set_index("name")["witness"].dropna()
    assert all(found["resource"].endswith(f"user/{name}") for name, found in shown.items())


def test_those_whom_only_the_place_or_their_name_tells_apart_have_answers_of_their_own(
    tmp_path: Path,
) -> None:
    own = allow("iam:PutUserPolicy", f"{ARN}user/${{aws:username}}", Condition=OFFICE)
    others = allow("iam:PutUserPolicy", f"{ARN}user/ann")
    users = [person("ann", own), person("bob", own), person("eve", others)]
    summary = account(tmp_path, details(users)).permissions.summary()
    through = summary.query("admin == 'through IAM'")
    assert set(through["name"]) == {"ann", "bob"}
    assert set(through["context"]) == {"key-inside", "password-inside", "mfa-inside"}


# ── Sessions that began before a moment ────────────────────────────────────────────────────────


def older_sessions_revoked(before: str) -> Any:
    """What AWS's console attaches to a role as AWSRevokeOlderSessions."""
    return deny("*", Condition={"DateLessThan": {"aws:TokenIssueTime": before}})


REVOKED = {
    "earlier": "2026-10-01T00:00:00Z",
    "at-the-moment": "2026-11-01T06:00:00Z",
    "next-year": "2027-06-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def revoked(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Administrator roles, and a user with a key, whose older sessions are revoked."""
    roles = [
        role(
            name,
            TRUST,
            RolePolicyList=inline_policy(allow("*"), older_sessions_revoked(before)),
        )
        for name, before in REVOKED.items()
    ]
    both = inline_policy(allow("*"), older_sessions_revoked(REVOKED["next-year"]))
    people = [user("ann", UserPolicyList=both)]
    return account(tmp_path_factory.mktemp("revoked"), details(people, roles=roles))


@pytest.mark.parametrize("name", REVOKED)
def test_a_role_whose_older_sessions_are_revoked_is_an_administrator(
    revoked: Account, name: str
) -> None:
    """A new session can be begun: now, or after the moment that a policy names."""
    row = revoked.administrators.set_index("name").loc[name]
    assert row["admin"] == EVERYTHING
    began = row["witness"]["context"]["aws:TokenIssueTime"]
    assert began >= REVOKED[name]
    assert row["witness"]["effect"] == "Allowed"


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("earlier", "Allowed"),
        ("at-the-moment", "Allowed"),
        ("next-year", "ExplicitlyDenied"),
    ],
)
def test_sessions_of_now_are_denied_until_the_moment(
    revoked: Account, name: str, effect: str
) -> None:
    assert set(revoked.why(name, "s3:GetObject", "*")["effect"]) == {effect}


def test_a_long_term_key_begins_no_session(revoked: Account) -> None:
    """Its requests have no aws:TokenIssueTime, so the Deny does not apply to them."""
    assert revoked.administrators.set_index("name").loc["ann", "admin"] == EVERYTHING
    answers = revoked.why("ann", "s3:GetObject", "*").set_index("context")["effect"]
    assert answers["stolen-key"] == "Allowed"
    assert answers["mfa-outside"] == "ExplicitlyDenied"
