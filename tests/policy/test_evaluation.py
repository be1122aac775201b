"""Bit rows against single decisions and against a slow, obvious evaluator made of sets."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.policy.context import ABSENT, UNKNOWN, RequestContext
from iamkit.policy.decision import certainly_allowed, decide
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


def lists(values: list[str], most: int) -> st.SearchStrategy[list[str]]:
    """One to `most` of these values, each length as often as any other: one choice a list."""
    sizes = [list(itertools.combinations(values, n + 1)) for n in range(min(most, len(values)))]
    longest = max(map(len, sizes))
    return st.sampled_from([list(at) for of in sizes for at in of * (longest // len(of))])


def condition_tests() -> list[tuple[str, str, list[str]]]:
    """Every operator, with its prefixes and suffixes, and what is asked of a key."""
    made = []
    for operator, key in OPERATORS:
        values = VALUES.get(operator, KEYS[key])
        asked = [list(each) for n in (1, 2) for each in itertools.combinations(values, n)]
        whole = ["", "", "ForAnyValue:", "ForAllValues:"] if operator != "Null" else [""]
        ends = ["", "IfExists"] if operator != "Null" else [""]
        for prefix, suffix in itertools.product(whole, ends):
            made.append([(prefix + operator + suffix, key, each) for each in asked])
    # As often one as the other, though some can be asked about more values than others.
    most = max(map(len, made))
    return [each for of in made for each in of * (most // len(of))]


# What a policy is drawn from is listed once: an example then is few choices, which is cheap.
# Half the statements are about everything, or ask nothing: else hardly a policy allows anything.
CONDITIONS = st.just({}) | st.lists(st.sampled_from(condition_tests()), max_size=2).map(
    lambda found: {operator: {key: values} for operator, key, values in found}
)
EFFECTS = st.sampled_from(["Allow", "Allow", "Deny"])
ACTED = st.tuples(st.sampled_from(["Action", "Action", "NotAction"]), lists(PATTERNS, 3))
PLACED = st.just(("Resource", ["*"])) | st.tuples(
    st.sampled_from(["Resource", "Resource", "NotResource"]), lists([*PLACES[1:], *PLACES[-2:]], 2)
)
SIMPLE = st.builds(
    lambda effect, acted: {"Effect": effect, acted[0]: acted[1], "Resource": "*"}, EFFECTS, ACTED
)
STATEMENTS = st.builds(
    lambda effect, acted, placed, condition: {
        "Effect": effect,
        acted[0]: acted[1],
        placed[0]: placed[1],
        **({"Condition": condition} if condition else {}),
    },
    EFFECTS,
    ACTED,
    PLACED,
    CONDITIONS,
)


def layers(statements: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[PolicyLayers]:
    document = st.lists(statements, min_size=1, max_size=3).map(
        lambda found: Policy("p", {"Version": "2012-10-17", "Statement": found})
    )
    policies = st.lists(document, min_size=1, max_size=2).map(tuple)
    levels = st.lists(policies, max_size=2).map(tuple)
    return st.builds(PolicyLayers, policies, st.none() | policies, levels)


LAYERS, SIMPLE_LAYERS = layers(STATEMENTS), layers(SIMPLE)
WHO = {"aws:username": "ana"}
CONTEXTS = st.fixed_dictionaries(
    {key: st.sampled_from([UNKNOWN, ABSENT, *values]) for key, values in KEYS.items()}
)


def completions(
    found: PolicyLayers, values: dict[str, Any], limit: int = 24
) -> list[RequestContext]:
    """Requests that a context with unknown keys may turn out to be, as far as policies ask."""
    text = str([policy.document for _, level in found.named() for policy in level])
    choices = [
        [(key, choice) for choice in ([ABSENT, *KEYS[key]] if value is UNKNOWN else [value])]
        for key, value in values.items()
        if key in text
    ]
    every = list(itertools.product(*choices))
    some = every[:: max(1, len(every) // limit)]
    return [RequestContext({**WHO, **dict(pairs)}) for pairs in some]


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


@given(found=LAYERS, values=CONTEXTS)
@examples(5)
def test_rows_bound_every_request_that_a_context_may_be(
    found: PolicyLayers, values: dict[str, Any]
) -> None:
    made = rows(found, RequestContext({**WHO, **values}, UNKNOWN))
    possible, certain, anywhere = made[POSSIBLE], made[CERTAIN], made[ANYWHERE]
    assert possible >= certain >= anywhere
    for context, resource, action in itertools.product(
        completions(found, values), RESOURCES, ACTIONS
    ):
        effect = ask(found, action, resource, context)
        if effect == "Allowed":
            assert action in possible
        else:
            assert action not in anywhere


@given(found=LAYERS, values=CONTEXTS, resource=st.sampled_from([*RESOURCES, "*"]))
@examples(3)
def test_rows_about_one_resource_are_what_decide_says(
    found: PolicyLayers, values: dict[str, Any], resource: str
) -> None:
    context = RequestContext({**WHO, **values}, UNKNOWN)
    possible, certain, _ = rows(found, context, resource)
    effects = {action: ask(found, action, resource, context) for action in ACTIONS}
    assert certain == {a for a, effect in effects.items() if effect == "Allowed"}
    assert possible == {a for a, effect in effects.items() if effect in ("Allowed", "Unknown")}
    assert certain == {a for a in ACTIONS if certainly_allowed(a, resource, context, found)}


@given(found=LAYERS, values=CONTEXTS, names=st.permutations(["ana", "bo", "b"]))
@examples(4)
def test_what_is_shared_between_principals_is_what_each_would_get_alone(
    found: PolicyLayers, values: dict[str, Any], names: list[str]
) -> None:
    shared = PolicyEvaluator(load_catalog())
    for name in names:
        context = RequestContext({"aws:username": name, **values}, UNKNOWN)
        alone = PolicyEvaluator(load_catalog()).rows(found, context)
        for mine, its in zip(shared.rows(found, context), alone, strict=True):
            assert (mine == its).all()


@given(several=st.lists(LAYERS, min_size=2, max_size=4), values=CONTEXTS)
@examples(4)
def test_what_is_shared_between_layers_is_what_each_would_get_alone(
    several: list[PolicyLayers], values: dict[str, Any]
) -> None:
    shared, context = PolicyEvaluator(load_catalog()), RequestContext({**WHO, **values}, UNKNOWN)
    for found in several:
        alone = PolicyEvaluator(load_catalog()).rows(found, context)
        assert (shared.rows(found, context) == alone).all()


def test_policies_about_ones_own_bucket_are_alike_unless_another_resource_is_denied() -> None:
    def holder(name: str, denied: str) -> PolicyLayers:
        own = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{name}/*"}
        deny = {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": denied}
        return PolicyLayers((Policy("own", {"Version": "2012-10-17", "Statement": [own, deny]}),))

    evaluator = PolicyEvaluator(load_catalog())
    for denied, same in {"*": True, "arn:aws:s3:::ana/*": False}.items():
        ana, bo = (evaluator.profile(holder(name, denied)) for name in ("ana", "bo"))
        assert (ana is bo) is same
    everywhere = PolicyLayers((Policy("p", {"Statement": [ALLOW_S3]}),))
    assert evaluator.profile(everywhere) is not evaluator.profile(holder("ana", "*"))


ALLOW_S3 = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


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


@given(found=SIMPLE_LAYERS)
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
