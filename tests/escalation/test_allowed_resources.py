"""On which users, groups, roles and policies an action may be used, against single decisions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.access.resource_sets import KINDS, Resources, ResourceSet, certainly, members, union
from iamkit.escalation.allowed_resources import Allowance, AllowedResources
from iamkit.policy.context import ABSENT, UNKNOWN, RequestContext
from iamkit.policy.decision import decide
from iamkit.policy.model import Policy, PolicyLayers
from iamkit.policy.patterns import Pattern
from tests.accounts import ACCOUNT, ARN, account, details, group, policy, report
from tests.examples import examples
from tests.policies import (
    EVERYTHING,
    allow,
    bounded,
    deny,
    document,
    line,
    person,
    tagged,
    trusts,
    worker,
)

ACTIONS = ("iam:PassRole", "sts:AssumeRole", "iam:CreateAccessKey", "iam:CreatePolicyVersion")
NOBODY = trusts("ec2.amazonaws.com")
OTHER = "arn:aws:iam::999988887777:"
TEAM = "aws:resourcetag/team"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def at(kind: str, path: str, name: str) -> dict[str, str]:
    """The members that say where an entry is."""
    return {"Path": path, "Arn": f"{ARN}{kind}{path}{name}"}


CONTENTS = details(
    [
        person("ann", **tagged(team="ops")),
        person("Bob", **at("user", "/dev/", "Bob"), **tagged(Team="web"), **bounded("limit")),
        person("b-b", **tagged(owner="ann"), **bounded("dev/wide")),
    ],
    [group("ops"), group("dev", **at("group", "/dev/", "dev"))],
    [
        worker("ann", NOBODY, **tagged(team="ops"), **bounded("limit")),
        worker("app", NOBODY, **at("role", "/dev/", "app"), AttachedManagedPolicies=[
            {"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR},
        ]),
        worker("AWSServiceRoleForX", NOBODY, Path="/aws-service-role/x.amazonaws.com/"),
    ],
    [
        policy("limit", document(EVERYTHING)),
        policy("wide", document(EVERYTHING), **at("policy", "/dev/", "wide")),
        policy("AdministratorAccess", document(EVERYTHING), Arn=ADMINISTRATOR),
    ],
)  # fmt: skip


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Account:
    lines = [line(name, keys=1) for name in ("ann", "ghost")]
    return account(tmp_path_factory.mktemp("allowed"), CONTENTS, credential_report=report(*lines))


@pytest.fixture(scope="module")
def allowed(opened: Account) -> AllowedResources:
    return AllowedResources(opened.callers, ACTIONS)


# ── Against single decisions ───────────────────────────────────────────────────────────────────

KEYS = {
    "aws:username": ["ann", "bob", "b*", ABSENT, UNKNOWN],
    "aws:PrincipalTag/team": ["ops", "web", ABSENT, UNKNOWN],
    "aws:MultiFactorAuthPresent": ["true", "false", ABSENT, UNKNOWN],
}
VALUES = {
    "aws:username": ["ann", "bob"],
    "aws:PrincipalTag/team": ["ops", "${aws:username}"],
    "aws:MultiFactorAuthPresent": ["true", "false"],
    "sts:ExternalId": ["eu-west-1"],  # which nobody knows
    "iam:PassedToService": ["lambda.amazonaws.com", "ec2.amazonaws.com"],
    "aws:ResourceTag/team": ["ops", "WEB", "o*", "${aws:PrincipalTag/team}"],
    "iam:ResourceTag/Team": ["ops", "web", "${aws:username}"],
    "aws:ResourceTag/owner": ["${aws:username}", "ann"],
    "iam:PermissionsBoundary": [f"{ARN}policy/limit", f"{ARN}policy/*"],
    "aws:ResourceAccount": [ACCOUNT, "999988887777"],
}
OPERATORS = (
    *("StringEquals", "StringNotEquals", "StringLike", "StringEqualsIgnoreCase", "Null"),
    *("ArnLike", "ArnNotEquals", "StringNotEqualsIfExists", "BoolIfExists"),
    *("ForAnyValue:StringLike", "ForAllValues:StringEquals"),
)
NAMED = [
    *("*", "iam:*", "sts:*", "*:*", "IAM:createaccesskey", "iam:Create*", "iam:Pass????", "s3:*"),
    *("iam*", "**", "iam:${*}"),  # IAM would refuse them
    *ACTIONS,
]
PLACES = [
    *("*", f"{ARN}*", f"{ARN}user/*", f"{ARN}role/*", f"{ARN}*/ann", f"{ARN}???????b*"),
    *(f"{ARN}user/ann", f"{ARN}user/Ann", f"{ARN}user/dev/Bob", f"{ARN}user/Bob", f"{ARN}user/eve"),
    *("*/dev/*", "*b", "*ann", "arn:aws:iam::*:policy/*", f"{OTHER}user/*", f"{OTHER}role/ann"),
    *(f"{ARN}group/ops", f"{ARN}group/dev/*", f"{ARN}policy/limit", "arn:aws:iam::aws:policy/*"),
    *(f"{ARN}*/${{aws:username}}", f"{ARN}user/${{aws:username, 'ann'}}", f"{ARN}user/${{*}}"),
    *(f"{ARN}role/${{aws:PrincipalTag/team}}*", f"{ARN}role/${{sts:ExternalId}}", "arn:x"),
]


def few(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """A Condition of at most two tests."""
    made: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=2)):
        operator = draw(st.sampled_from(OPERATORS))
        values = ["true", "false"] if operator == "Null" else VALUES[key]
        made.setdefault(operator, {})[key] = draw(few(values))
    return made


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    rarely = st.sampled_from([False, False, False, True])
    made = {
        "Effect": "Deny" if draw(rarely) else "Allow",
        "NotAction" if draw(rarely) else "Action": draw(few(NAMED)),
        "NotResource" if draw(rarely) else "Resource": draw(few(PLACES)),
    }
    condition = draw(conditions())
    return made | ({"Condition": condition} if condition else {})


versions = st.sampled_from([{"Version": "2012-10-17"}] * 4 + [{}])
policies = st.lists(
    st.builds(
        lambda version, held: Policy("drawn", {**version, "Statement": held}),
        versions,
        st.lists(statements(), min_size=1, max_size=3),
    ),
    max_size=2,
)
open_to_all = st.just([Policy("all", document(EVERYTHING))])
limits = st.one_of(open_to_all, policies)
layered = st.builds(
    lambda own, bound, levels: PolicyLayers(
        tuple(own), None if bound is None else tuple(bound), tuple(map(tuple, levels))
    ),
    st.one_of(open_to_all, policies, policies),
    st.one_of(st.none(), limits),
    st.lists(limits, max_size=2),
)
knowing = st.fixed_dictionaries({key: st.sampled_from(values) for key, values in KEYS.items()})
TO_LAMBDA = RequestContext({"iam:passedtoservice": "lambda.amazonaws.com"}, UNKNOWN)


def entries(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each resource of a kind, and what its own condition keys are, as the details have them."""
    listed = {"user": "UserDetailList", "group": "GroupDetailList", "role": "RoleDetailList"}
    for entry in CONTENTS[listed.get(kind, "Policies")]:
        if not entry["Arn"].startswith(f"{ARN}{kind}/") or "aws-service-role" in entry["Path"]:
            continue
        bound = entry.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ABSENT)
        # The details of policies have no tags, though policies may have some.
        known = {"iam:permissionsboundary": bound, "aws:resourceaccount": ACCOUNT}
        for name in ("team", "owner") if kind != "policy" else ():
            tags = {tag["Key"].lower(): tag["Value"] for tag in entry.get("Tags", [])}
            value = tags.get(name, ABSENT)
            known |= {f"{key}:resourcetag/{name}": value for key in ("aws", "iam")}
        yield entry["Arn"], known


ENTRIES = {kind: list(entries(kind)) for kind in KINDS}


def test_resources_are_those_of_the_account(allowed: AllowedResources) -> None:
    """No policy of AWS's, no role of a service's, no user whom only the credential report knows."""
    for kind, found in ENTRIES.items():
        assert sorted(allowed.resources[kind].arns) == sorted(arn for arn, _ in found)


def test_nobody_can_tell_what_a_user_of_the_credential_report_alone_may_do(tmp_path: Path) -> None:
    """So none becomes it, and a path to it needs another target."""
    lines = [line(name, keys=1) for name in ("ann", "ghost")]
    contents = details([person("ann", allow("iam:CreateAccessKey"))])
    made = account(tmp_path, contents, credential_report=report(*lines))
    assert made.reach("ann").empty
    assert made.escalations["status"].tolist() == ["needs a target"]


@given(st.lists(st.text("ab/é\U0010ffff", max_size=5), unique=True), st.text("ab/é*?", max_size=5))
def test_a_pattern_finds_those_of_a_kind_that_it_matches(arns: list[str], text: str) -> None:
    kind, pattern = Resources(Pattern("*"), tuple(arns), ({},) * len(arns)), Pattern(text)
    assert members(kind.matching(pattern)).tolist() == [
        at for at, arn in enumerate(arns) if pattern.matches(arn)
    ]


@examples(3)
@given(
    layered,
    st.tuples(knowing, knowing),
    st.sampled_from(ACTIONS),
    st.sampled_from([None, TO_LAMBDA]),
)
def test_each_bit_is_what_a_decision_says(
    allowed: AllowedResources,
    layers: PolicyLayers,
    known: Any,
    action: str,
    about: RequestContext | None,
) -> None:
    """In one context after the other, for answers are kept."""
    for each in known:
        compare(allowed, layers, RequestContext(each, UNKNOWN), action, about)


def compare(
    allowed: AllowedResources,
    layers: PolicyLayers,
    context: RequestContext,
    action: str,
    about: RequestContext | None,
) -> None:
    asked = context if about is None else context.joined(about)
    for kind, found in ENTRIES.items():
        allowance = allowed.allowance(allowed.relevant_layers(layers), context, action, kind, about)
        place = allowed.resources[kind].number
        for arn, own in found:
            who = asked.joined(RequestContext(own, UNKNOWN))
            effect = decide(action, arn, who, **layers._asdict()).effect
            bits = [which >> place[arn] & 1 for which in allowance.allowed]
            assert bits == [effect == "Allowed", effect in ("Allowed", "Unknown")], (arn, effect)
            free = layers._replace(identity=(Policy("all", document(EVERYTHING)), *denials(layers)))
            effect = decide(action, arn, who, **free._asdict()).effect
            bits = [which >> place[arn] & 1 for which in allowance.if_granted]
            assert bits == [effect == "Allowed", effect in ("Allowed", "Unknown")], (arn, effect)


def denials(layers: PolicyLayers) -> Iterator[Policy]:
    """What a caller's own policies deny, without what they allow."""
    for each in layers.identity:
        held = [one for one in each.document["Statement"] if one["Effect"] == "Deny"]
        yield Policy(each.name, {**each.document, "Statement": held})


@given(policies, knowing, st.sampled_from(ACTIONS), st.sampled_from(KINDS))
def test_the_statement_named_allows_and_no_statement_before_it_does(
    allowed: AllowedResources, held: list[Policy], known: dict[str, Any], action: str, kind: str
) -> None:
    context = RequestContext(known, UNKNOWN)
    for arn, own in ENTRIES[kind]:
        who = context.joined(RequestContext(own, UNKNOWN))
        expected = None
        for each in held:
            for number, one in enumerate(each.document["Statement"], start=1):
                alone = {**each.document, "Statement": [one]}
                if expected is None and decide(action, arn, who, identity=[alone]):
                    expected = each.content, number
        where = allowed.resources[kind].set_of([arn])
        allowing = [
            (policy.content, each.statement.number)
            for policy in held
            for each in allowed.about(policy, action)
            if allowed.allows(each, context, kind, where)
        ]
        assert (allowing or [None])[0] == expected


# ── One question at a time ─────────────────────────────────────────────────────────────────────


def allowance(allowed: AllowedResources, action: str, kind: str, *statements: Any) -> Allowance:
    """Where an action may be used by ann, with these statements."""
    context = RequestContext({"aws:username": "ann", "aws:PrincipalTag/name": "Bob"}, UNKNOWN)
    layers = allowed.relevant_layers(PolicyLayers((Policy("own", document(*statements)),)))
    return allowed.allowance(layers, context, action, kind)


def names(allowed: AllowedResources, kind: str, found: int) -> set[str]:
    """Names of resources in a set; the one that may be created later is "future"."""
    arns = [arn.rsplit("/", 1)[-1] for arn in allowed.resources[kind].arns]
    return {[*arns, "future"][number] for number in members(found)}


ALL = {"ann", "Bob", "b-b", "future"}
THERE = ALL - {"future"}
KEY = "iam:CreateAccessKey"
# Statements, for whom a user may certainly create a key, for whom possibly.
KEY_CASES: dict[str, tuple[list[Any], set[str], set[str]]] = {
    "nobody, without a statement": ([], set(), set()),
    "all": ([allow(KEY)], ALL, ALL),
    "all, by the ARN of every user": ([allow(KEY, f"{ARN}user/*")], ALL, ALL),
    "all, by the ARN of every user of every account": (
        [allow(KEY, "arn:aws:iam::*:user/*")],
        ALL,
        ALL,
    ),
    "one by name: a name is taken once": ([allow(KEY, f"{ARN}user/ann")], {"ann"}, {"ann"}),
    "nobody: a name in other letters is the same name, and no other ARN can have it": (
        [allow(KEY, f"{ARN}user/ANN")],
        set(),
        set(),
    ),
    "nobody: a name that is in another path": ([allow(KEY, f"{ARN}user/Bob")], set(), set()),
    "one who is not there yet, by name": ([allow(KEY, f"{ARN}user/eve")], {"future"}, {"future"}),
    "those who begin so, and who will": ([allow(KEY, f"{ARN}user/b*")], {"b-b", "future"}, {
        "b-b",
        "future",
    }),
    "some and the one who is not there yet": (
        [allow(KEY, [f"{ARN}user/ann", f"{ARN}user/eve"])],
        {"ann", "future"},
        {"ann", "future"},
    ),
    "oneself": ([allow(KEY, f"{ARN}user/${{aws:username}}")], {"ann"}, {"ann"}),
    "oneself in any path: there is only one of that name": (
        [allow(KEY, f"{ARN}user/*/${{aws:username}}")],
        set(),
        set(),
    ),
    "another, if one is called so": (
        [allow(KEY, f"{ARN}user/dev/${{aws:PrincipalTag/name}}")],
        {"Bob"},
        {"Bob"},
    ),
    "possibly anybody: the key that decides is unknown": (
        [allow(KEY, f"{ARN}user/${{sts:ExternalId}}")],
        set(),
        ALL,
    ),
    "possibly one with a tag, in a variable that cannot be resolved": (
        [allow(KEY, f"{ARN}user/${{aws:ResourceTag/team}}")],
        set(),
        ALL,
    ),
    "nobody of this account": ([allow(KEY, f"{OTHER}user/*")], set(), set()),
    "nobody: roles": ([allow(KEY, f"{ARN}role/*")], set(), set()),
    "all but one, by NotResource": (
        [{"Effect": "Allow", "Action": KEY, "NotResource": f"{ARN}user/ann"}],
        ALL - {"ann"},
        ALL - {"ann"},
    ),
    "all but some, of whom the one to come need not be": (
        [{"Effect": "Allow", "Action": KEY, "NotResource": f"{ARN}user/b*"}],
        {"ann", "Bob", "future"},
        {"ann", "Bob", "future"},
    ),
    "nobody, if all are left out": (
        [{"Effect": "Allow", "Action": KEY, "NotResource": f"{ARN}*"}],
        set(),
        set(),
    ),
    "all but possibly one, unknown which": (
        [{"Effect": "Allow", "Action": KEY, "NotResource": f"{ARN}user/${{sts:ExternalId}}"}],
        set(),
        ALL,
    ),
    "nobody, if all is denied": ([allow(KEY), deny(KEY)], set(), set()),
    "all but one who is denied": (
        [allow(KEY), deny(KEY, f"{ARN}user/ann")],
        ALL - {"ann"},
        ALL - {"ann"},
    ),
    "all but those denied, of whom the one to come need not be": (
        [allow(KEY), deny(KEY, f"{ARN}user/b*")],
        ALL - {"b-b"},
        ALL - {"b-b"},
    ),
    "only what is not denied": (
        [allow(KEY), {"Effect": "Deny", "Action": KEY, "NotResource": f"{ARN}user/ann"}],
        {"ann"},
        {"ann"},
    ),
    "only what is not denied, and the one to come may be it": (
        [allow(KEY), {"Effect": "Deny", "Action": KEY, "NotResource": f"{ARN}user/b*"}],
        {"b-b", "future"},
        {"b-b", "future"},
    ),
    "possibly all, if a denial possibly applies": (
        [allow(KEY), deny(KEY, Condition={"StringEquals": {"sts:ExternalId": "eu-west-1"}})],
        set(),
        ALL,
    ),
    "those with a tag, and possibly a future one": (
        [allow(KEY, Condition={"StringEquals": {TEAM: "ops"}})],
        {"ann"},
        {"ann", "future"},
    ),
    "those without a tag, and possibly a future one": (
        [allow(KEY, Condition={"Null": {TEAM: "true"}})],
        {"b-b"},
        {"b-b", "future"},
    ),
    "those with a boundary, and possibly a future one": (
        [allow(KEY, Condition={"Null": {"iam:PermissionsBoundary": "false"}})],
        {"Bob", "b-b"},
        {"Bob", "b-b", "future"},
    ),
    "those of this account, whoever comes": (
        [allow(KEY, Condition={"StringEquals": {"aws:ResourceAccount": ACCOUNT}})],
        ALL,
        ALL,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KEY_CASES)
def test_a_key_may_be_made_for(case: str, allowed: AllowedResources) -> None:
    statements, certain, possible = KEY_CASES[case]
    found = allowance(allowed, KEY, "user", *statements).allowed
    assert (names(allowed, "user", found.certain), names(allowed, "user", found.possible)) == (
        certain,
        possible,
    )


VERSION = "iam:CreatePolicyVersion"
POLICIES = {
    "any": ("*", {"limit", "wide", "future"}),
    "one of this account": (f"{ARN}policy/limit", {"limit"}),
    "none by an ARN of AWS's own": (ADMINISTRATOR, set()),
    "none by the ARN of all of AWS's own": ("arn:aws:iam::aws:policy/*", set()),
}


@pytest.mark.parametrize("case", POLICIES)
def test_a_policy_is_rewritten(case: str, allowed: AllowedResources) -> None:
    resource, expected = POLICIES[case]
    found = allowance(allowed, VERSION, "policy", allow(VERSION, resource)).allowed
    assert (
        names(allowed, "policy", found.certain)
        == names(allowed, "policy", found.possible)
        == expected
    )


def test_whether_a_policy_has_a_tag_is_not_in_the_evidence(allowed: AllowedResources) -> None:
    for operator in ("StringEquals", "StringNotEquals"):
        statement = allow(VERSION, Condition={operator: {TEAM: "ops"}})
        found = allowance(allowed, VERSION, "policy", statement).allowed
        assert found == ResourceSet(0, allowed.resources["policy"].every)


def test_if_granted_is_where_only_an_own_permission_is_missing(allowed: AllowedResources) -> None:
    found = allowance(allowed, KEY, "user", deny(KEY, f"{ARN}user/ann"))
    assert found.allowed == certainly(0)
    assert names(allowed, "user", found.if_granted.certain) == ALL - {"ann"}


def test_a_boundary_that_allows_nothing_and_a_level_that_does_not_limit(
    allowed: AllowedResources,
) -> None:
    anything = (Policy("all", document(EVERYTHING)),)
    context = RequestContext({}, UNKNOWN)
    every = certainly(allowed.resources["user"].every)
    for layers, expected in (
        (PolicyLayers(anything), every),
        (PolicyLayers(anything, ()), certainly(0)),
        (PolicyLayers(anything, anything, (anything, anything)), every),
        (PolicyLayers(anything, None, (anything, ())), certainly(0)),
    ):
        found = allowed.allowance(allowed.relevant_layers(layers), context, KEY, "user")
        # What a trust policy grants to a user's ARN, a boundary limits by denials only.
        named = expected if layers.boundary != () else every
        assert found == Allowance(expected, expected, named)


def test_what_is_not_in_the_evidence_may_allow_anything(allowed: AllowedResources) -> None:
    layers = allowed.relevant_layers(PolicyLayers((Policy("gone", None),)))
    found = allowed.allowance(layers, RequestContext({}, UNKNOWN), KEY, "user").allowed
    assert found == ResourceSet(0, allowed.resources["user"].every)


def test_any_statement_will_do_where_no_resource_is_named(allowed: AllowedResources) -> None:
    mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    bucket = "arn:aws:s3:::x"
    statements = [
        deny(KEY, bucket),
        allow(KEY, f"{OTHER}user/x", Condition=mfa),
        allow(KEY, bucket),
    ]
    about = allowed.about(Policy("own", document(*statements)), KEY)
    every = allowed.resources["user"].every
    for value, expected in (("true", [2, 3]), ("false", [3]), (UNKNOWN, [3])):
        context = RequestContext({"aws:MultiFactorAuthPresent": value}, UNKNOWN)
        found = [each for each in about if allowed.allows(each, context, "user")]
        assert [each.statement.number for each in found] == expected
        assert not any(allowed.allows(each, context, "user", every) for each in about)


# ── Sets ───────────────────────────────────────────────────────────────────────────────────────


def test_two_sets_are_joined_and_cut_each_for_itself() -> None:
    one, two = ResourceSet(0b001, 0b011), ResourceSet(0b010, 0b110)
    assert one | two == ResourceSet(0b011, 0b111)
    assert one & two == ResourceSet(0, 0b010)
    assert certainly(5) == ResourceSet(5, 5)
    assert union([]) == 0
    assert union([1, 4, 5]) == 5


@given(st.sets(st.integers(0, 200)))
def test_members_are_the_numbers_in_order(numbers: set[int]) -> None:
    assert members(sum(1 << each for each in numbers)).tolist() == sorted(numbers)


ARNS = tuple(f"{ARN}user/{name}" for name in "abcdefghijk")
USERS = Resources(Pattern(f"{ARN}user/*"), ARNS, tuple({} for _ in ARNS))


@given(st.lists(st.booleans(), min_size=len(ARNS), max_size=len(ARNS)))
def test_the_set_of_some_arns_is_the_set_of_their_flags(flags: list[bool]) -> None:
    chosen = [arn for arn, flag in zip(ARNS, flags, strict=True) if flag]
    assert USERS.set_of(chosen) == USERS.select(flags)
    assert members(USERS.set_of(chosen)).tolist() == [ARNS.index(arn) for arn in chosen]


def test_a_kind_has_one_more_than_are_there() -> None:
    assert members(USERS.existing).tolist() == list(range(len(ARNS)))
    assert members(USERS.future).tolist() == [len(ARNS)]
    assert USERS.every == USERS.existing | USERS.future
    assert not USERS.existing & USERS.future
    assert USERS.set_of([f"{ARN}user/gone", ARNS[1], ARNS[1]]) == 2
    nobody = Resources(USERS.pattern, (), ())
    assert (nobody.existing, nobody.every, nobody.set_of(ARNS), nobody.select([])) == (0, 1, 0, 0)
