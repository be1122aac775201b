"""Bit rows against single decisions and against a slow, obvious evaluator made of sets."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.policy.context import ABSENT, UNKNOWN, RequestContext
from iamkit.policy.decision import decide
from iamkit.policy.evaluation import ANYWHERE, CERTAIN, POSSIBLE, PolicyEvaluator
from iamkit.policy.model import Policy, PolicyLayers
from iamkit.policy.patterns import Pattern
from iamkit.policy.scopes import ALL, Scope, apart, covers, witnesses
from iamkit.reference.actions import load_catalog
from tests.examples import examples

ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "iam:PassRole", "ec2:RunInstances"]
PATTERNS = [*ACTIONS[:4], "s3:*", "s3:?etObject", "iam:P*", "*", "*:*", "ec2:*", "s3:Get*"]
RESOURCES = ["arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:s3:::ab", "arn:aws:s3:::ana", "x"]
PLACES = ["*", "arn:aws:s3:::a", "arn:aws:s3:::a*", "arn:aws:s3:::?", "arn:aws:s3:::*b", "x"]
PLACES += ["arn:aws:s3:::${aws:username}", "arn:aws:s3:::${aws:PrincipalTag/team, 'b'}"]
KEYS = {
    "aws:MultiFactorAuthPresent": ["true", "false"],
    "aws:SourceIp": ["203.0.113.9", "198.51.100.9", "2001:db8::1"],
    "aws:RequestedRegion": ["eu-west-1", "us-east-1"],
    "aws:PrincipalTag/team": ["a", "b"],
    "s3:max-keys": ["5", "50"],
    "aws:CurrentTime": ["2026-11-01T06:00:00Z", "2020-01-01T00:00:00Z"],
    "aws:PrincipalArn": ["arn:aws:iam::012345678901:user/ana"],
}
OPERATORS = [
    *(("StringEquals", key) for key in ("aws:RequestedRegion", "aws:PrincipalTag/team")),
    ("StringNotEquals", "aws:RequestedRegion"),
    ("StringLike", "aws:PrincipalTag/team"),
    ("StringNotLike", "aws:RequestedRegion"),
    ("StringEqualsIgnoreCase", "aws:RequestedRegion"),
    ("Bool", "aws:MultiFactorAuthPresent"),
    ("IpAddress", "aws:SourceIp"),
    ("NotIpAddress", "aws:SourceIp"),
    ("NumericLessThan", "s3:max-keys"),
    ("NumericGreaterThanEquals", "s3:max-keys"),
    ("DateGreaterThan", "aws:CurrentTime"),
    ("ArnLike", "aws:PrincipalArn"),
    ("ArnNotEquals", "aws:PrincipalArn"),
    ("Null", "aws:MultiFactorAuthPresent"),
    ("Null", "aws:PrincipalTag/team"),
]
VALUES = {
    "Bool": ["true", "false"],
    "Null": ["true", "false"],
    "IpAddress": ["203.0.113.0/24", "0.0.0.0/0", "2001:db8::/32"],
    "NumericLessThan": ["10", "100"],
    "DateGreaterThan": ["2025-01-01T00:00:00Z"],
    "ArnLike": ["arn:aws:iam::*:user/*", "arn:aws:iam::*:role/*"],
    "StringLike": ["*", "a*", "?"],
}
VALUES["NotIpAddress"] = VALUES["IpAddress"]
VALUES["NumericGreaterThanEquals"] = VALUES["NumericLessThan"]
VALUES["ArnNotEquals"] = ["arn:aws:iam::012345678901:user/ana", "arn:aws:iam::1:role/x"]
VALUES["StringNotLike"] = ["eu-*", "*"]


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for operator, key in draw(st.lists(st.sampled_from(OPERATORS), max_size=2)):
        prefix = draw(st.sampled_from(["", "", "", "ForAnyValue:", "ForAllValues:"]))
        suffix = draw(st.sampled_from(["", "IfExists"])) if operator != "Null" else ""
        if operator == "Null":
            prefix = ""
        values = VALUES.get(operator, KEYS[key])
        chosen = draw(st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True))
        made[prefix + operator + suffix] = {key: chosen}
    return made


@st.composite
def statements(draw: st.DrawFn, simple: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    element = draw(st.sampled_from(["Action", "Action", "NotAction"]))
    made[element] = draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3))
    if simple:
        return {**made, "Resource": "*"}
    element = draw(st.sampled_from(["Resource", "Resource", "NotResource"]))
    made[element] = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=2))
    condition = draw(conditions())
    return {**made, "Condition": condition} if condition else made


def policies(simple: bool = False) -> st.SearchStrategy[tuple[Policy, ...]]:
    document = st.lists(statements(simple), min_size=1, max_size=3).map(
        lambda found: Policy("p", {"Version": "2012-10-17", "Statement": found})
    )
    return st.lists(document, min_size=1, max_size=2).map(tuple)


def layers(simple: bool = False) -> st.SearchStrategy[PolicyLayers]:
    return st.builds(
        PolicyLayers,
        policies(simple),
        st.none() | policies(simple),
        st.lists(policies(simple), max_size=2).map(tuple),
    )


WHO = {"aws:username": "ana"}
CONTEXTS = st.fixed_dictionaries(
    {key: st.sampled_from([UNKNOWN, ABSENT, *values]) for key, values in KEYS.items()}
)


def completions(values: dict[str, Any], limit: int = 24) -> list[RequestContext]:
    """Requests that a context with unknown keys may turn out to be."""
    choices = [
        [(key, choice) for choice in ([ABSENT, *KEYS[key]] if value is UNKNOWN else [value])]
        for key, value in values.items()
    ]
    made = itertools.islice(itertools.product(*choices), 0, None)
    every = [RequestContext({**WHO, **dict(pairs)}) for pairs in made]
    return every[:: max(1, len(every) // limit)]


def ask(found: PolicyLayers, action: str, resource: str, context: RequestContext) -> str:
    return decide(
        action,
        resource,
        context,
        identity=found.identity,
        boundary=found.boundary,
        scps=found.scps,
    ).effect


def rows(
    found: PolicyLayers, context: RequestContext, resource: str | None = None
) -> list[set[str]]:
    """The three rows as sets of the actions that these tests ask about."""
    listed = load_catalog()
    made = PolicyEvaluator(listed, resource).rows(found, context)
    return [{a for a in ACTIONS if (row & listed.bits(a)).any()} for row in made]


@given(found=layers(), values=CONTEXTS)
@examples(2.5)
def test_rows_bound_every_request_that_a_context_may_be(
    found: PolicyLayers, values: dict[str, Any]
) -> None:
    made = rows(found, RequestContext({**WHO, **values}, UNKNOWN))
    possible, certain, anywhere = made[POSSIBLE], made[CERTAIN], made[ANYWHERE]
    assert possible >= certain >= anywhere
    for context, resource, action in itertools.product(completions(values), RESOURCES, ACTIONS):
        effect = ask(found, action, resource, context)
        if effect == "Allowed":
            assert action in possible
        else:
            assert action not in anywhere


@given(found=layers(), values=CONTEXTS, resource=st.sampled_from([*RESOURCES, "*"]))
@examples(3)
def test_rows_about_one_resource_are_what_decide_says(
    found: PolicyLayers, values: dict[str, Any], resource: str
) -> None:
    context = RequestContext({**WHO, **values}, UNKNOWN)
    possible, certain, _ = rows(found, context, resource)
    effects = {action: ask(found, action, resource, context) for action in ACTIONS}
    assert certain == {a for a, effect in effects.items() if effect == "Allowed"}
    assert possible == {a for a, effect in effects.items() if effect in ("Allowed", "Unknown")}


@given(found=layers(), values=CONTEXTS, names=st.permutations(["ana", "bo", "b"]))
@examples(1)
def test_what_is_shared_between_principals_is_what_each_would_get_alone(
    found: PolicyLayers, values: dict[str, Any], names: list[str]
) -> None:
    shared = PolicyEvaluator(load_catalog())
    for name in names:
        context = RequestContext({"aws:username": name, **values}, UNKNOWN)
        alone = PolicyEvaluator(load_catalog()).rows(found, context)
        for mine, its in zip(shared.rows(found, context), alone, strict=True):
            assert (mine == its).all()


def slow(found: PolicyLayers) -> set[str]:
    """What layers without resources and conditions allow, as sets of names."""

    def named(statement: dict[str, Any]) -> set[str]:
        patterns = statement.get("Action") or statement["NotAction"]
        globs = [Pattern(pattern.lower()) for pattern in patterns]
        hit = {a for a in ACTIONS if any(glob.matches(a.lower()) for glob in globs)}
        return hit if "Action" in statement else set(ACTIONS) - hit

    allowed, denied = set(ACTIONS), set()
    for _, level in found.named():
        written = [s for policy in level for s in policy.document["Statement"]]
        allowed &= set().union(*(named(s) for s in written if s["Effect"] == "Allow"))
        denied |= set().union(*(named(s) for s in written if s["Effect"] == "Deny"))
    return allowed - denied


@given(found=layers(simple=True))
@examples(2)
def test_without_resources_and_conditions_all_rows_are_the_sets(found: PolicyLayers) -> None:
    assert rows(found, RequestContext(WHO, UNKNOWN)) == [slow(found)] * 3


SCOPES = st.builds(
    lambda places, negated: Scope(tuple(map(Pattern, places)), negated),
    st.lists(st.sampled_from(PLACES[:6]), min_size=1, max_size=3),
    st.booleans(),
)


@given(one=SCOPES, other=SCOPES)
def test_scopes_are_compared_soundly(one: Scope, other: Scope) -> None:
    for resource in RESOURCES:
        if covers(one, other) and other.holds(resource):
            assert one.holds(resource)
        if apart(one, other):
            assert not (one.holds(resource) and other.holds(resource))


@given(scopes=st.frozensets(SCOPES, max_size=3))
def test_witnesses_are_in_every_scope(scopes: frozenset[Scope]) -> None:
    for resource in witnesses(scopes):
        assert all(scope.holds(resource) for scope in scopes)


def test_everything_covers_everything() -> None:
    assert ALL.everything
    assert covers(ALL, Scope((Pattern("x"),)))
    assert witnesses(frozenset())


@pytest.mark.parametrize(
    ("denied", "certain"),
    [("arn:aws:s3:::a", True), ("arn:aws:s3:::*", False), ("*", False)],
)
def test_a_deny_erases_an_action_only_where_it_covers_all_of_the_allow(
    denied: str, certain: bool
) -> None:
    statement = {"Action": "s3:GetObject"}
    found = PolicyLayers(
        (
            Policy(
                "p",
                {
                    "Statement": [
                        {**statement, "Effect": "Allow", "Resource": "arn:aws:s3:::a*"},
                        {**statement, "Effect": "Deny", "Resource": denied},
                    ]
                },
            ),
        )
    )
    possible, sure, anywhere = rows(found, RequestContext({}))
    assert possible == sure == ({"s3:GetObject"} if certain else set())
    assert anywhere == set()
