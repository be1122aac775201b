"""
Conditions in contexts: the table of what absence and ignorance mean, every operator, properties.

Examples come from the IAM User Guide where it has them.
"""

import itertools
import json

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from iamkit.policy.conditions import condition_key, evaluate, explain, keys, problems
from iamkit.policy.context import ABSENT, UNKNOWN, RequestContext
from tests.examples import examples

T, F, U = True, False, None


def case(sentence, condition, context, expected):
    return pytest.param(condition, context, expected, id=sentence)


# What absence, ignorance and mistakes mean

KEY = "aws:PrincipalTag/team"

TABLE = [
    case("no condition always holds", {}, {}, T),
    case("an empty block holds", {"StringEquals": {}}, {}, T),
    case("absent, positive", {"StringEquals": {KEY: "red"}}, {}, F),
    case("absent, StringNotEquals", {"StringNotEquals": {KEY: "red"}}, {}, T),
    case("absent, StringNotLike", {"StringNotLike": {KEY: "*"}}, {}, T),
    case("absent, NotIpAddress", {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, {}, T),
    case("absent, ArnNotLike", {"ArnNotLike": {KEY: "arn:aws:iam::*:role/x"}}, {}, T),
    case("absent, DateNotEquals", {"DateNotEquals": {KEY: "2020-01-01"}}, {}, T),
    case("absent, NumericNotEquals", {"NumericNotEquals": {KEY: "1"}}, {}, T),
    case("absent, IfExists", {"StringEqualsIfExists": {KEY: "red"}}, {}, T),
    case("absent, negated IfExists", {"StringNotEqualsIfExists": {KEY: "red"}}, {}, T),
    case("absent, Null true", {"Null": {KEY: "true"}}, {}, T),
    case("absent, Null false", {"Null": {KEY: "false"}}, {}, F),
    case("present, Null true", {"Null": {KEY: "true"}}, {KEY: "red"}, F),
    case("present, Null false", {"Null": {KEY: False}}, {KEY: "red"}, T),
    case("absent, ForAllValues", {"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {}, T),
    case("absent, ForAnyValue", {"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}, {}, F),
    case(
        "absent, ForAnyValue negated", {"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}, {}, F
    ),
    case(
        "absent, ForAllValues IfExists",
        {"ForAllValues:StringEqualsIfExists": {"aws:TagKeys": "a"}},
        {},
        T,
    ),
    case(
        "absent, ForAnyValue IfExists: AWS's pages disagree",
        {"ForAnyValue:StringEqualsIfExists": {"aws:TagKeys": "a"}},
        {},
        U,
    ),
    case(
        "an empty list is an absent key", {"Null": {"aws:TagKeys": "true"}}, {"aws:TagKeys": []}, T
    ),
    case("unknown, positive", {"StringEquals": {KEY: "red"}}, {KEY: UNKNOWN}, U),
    case("unknown, negated", {"StringNotEquals": {KEY: "red"}}, {KEY: UNKNOWN}, U),
    case("unknown, IfExists", {"StringEqualsIfExists": {KEY: "red"}}, {KEY: UNKNOWN}, U),
    case("unknown, Null true", {"Null": {KEY: "true"}}, {KEY: UNKNOWN}, U),
    case("unknown, Null false", {"Null": {KEY: "false"}}, {KEY: UNKNOWN}, U),
    case("unknown, Null either way", {"Null": {KEY: ["true", "false"]}}, {KEY: UNKNOWN}, T),
    case("unknown, * may still be absent", {"StringLike": {KEY: "*"}}, {KEY: UNKNOWN}, U),
    case("unknown, * IfExists", {"StringLikeIfExists": {KEY: ["x", "*"]}}, {KEY: UNKNOWN}, T),
    case("unknown, ?* IfExists", {"StringLikeIfExists": {KEY: "?*"}}, {KEY: UNKNOWN}, U),
    case("unknown, not * may be absent", {"StringNotLike": {KEY: "*"}}, {KEY: UNKNOWN}, U),
    case("unknown, all *", {"ForAllValues:StringLike": {KEY: "*"}}, {KEY: UNKNOWN}, T),
    case("unknown, any *", {"ForAnyValue:StringLike": {KEY: "*"}}, {KEY: UNKNOWN}, U),
    case("unknown, any not *", {"ForAnyValue:StringNotLike": {KEY: "*"}}, {KEY: UNKNOWN}, F),
    case("unknown, no value can match", {"StringEquals": {KEY: []}}, {KEY: UNKNOWN}, F),
    case("unknown, none of no values", {"StringNotEquals": {KEY: []}}, {KEY: UNKNOWN}, T),
    case(
        "unknown, but the value needs an absent variable",
        {"StringEquals": {KEY: "${aws:username}"}},
        {KEY: UNKNOWN},
        F,
    ),
    case("no values, present", {"StringEquals": {KEY: []}}, {KEY: "red"}, F),
    case("no values, IfExists: only if absent", {"StringEqualsIfExists": {KEY: []}}, {}, T),
    case(
        "no values, ForAllValues: only if absent",
        {"ForAllValues:StringEquals": {KEY: []}},
        {KEY: ["x"]},
        F,
    ),
]

MFA = "aws:MultiFactorAuthPresent"

MFA_CASES = [
    case("Bool false needs the key", {"Bool": {MFA: "false"}}, {}, F),
    case("BoolIfExists false does not", {"BoolIfExists": {MFA: "false"}}, {}, T),
    case("a password session says false", {"Bool": {MFA: "false"}}, {MFA: "false"}, T),
    case("an MFA session says true", {"BoolIfExists": {MFA: "false"}}, {MFA: "true"}, F),
    case("IfExists true lets a key in", {"BoolIfExists": {MFA: "true"}}, {}, T),
    case(
        "an age under an hour",
        {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}},
        {"aws:MultiFactorAuthAge": "300"},
        T,
    ),
    case("no age is no young age", {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}, {}, F),
]

LOGIC = [
    case("keys are ANDed", {"StringEquals": {"a": "1", "b": "2"}}, {"a": "1", "b": "3"}, F),
    case(
        "blocks are ANDed",
        {"StringEquals": {"a": "1"}, "StringLike": {"b": "2*"}},
        {"a": "1", "b": "22"},
        T,
    ),
    case("values are ORed", {"StringEquals": {"a": ["1", "2"]}}, {"a": "2"}, T),
    case("none of the values may match", {"StringNotEquals": {"a": ["1", "2"]}}, {"a": "2"}, F),
    case(
        "false beats unknown", {"StringEquals": {"a": "1", "b": "2"}}, {"a": UNKNOWN, "b": "3"}, F
    ),
    case("unknown beats true", {"StringEquals": {"a": "1", "b": "2"}}, {"a": UNKNOWN, "b": "2"}, U),
    case(
        "a true value beats an unknown one",
        {"StringEquals": {"a": ["${v}", "1"]}},
        {"a": "1", "v": UNKNOWN},
        T,
    ),
    case(
        "key names ignore case", {"StringEquals": {"AWS:UserName": "x"}}, {"aws:username": "x"}, T
    ),
    case("operator names ignore case", {"stringequals": {"a": "x"}}, {"a": "x"}, T),
    case("so do prefix and suffix", {"forallvalues:stringEqualsifexists": {"a": "x"}}, {}, T),
]

# Each operator: a value that matches, one that does not, and the operator that says the opposite

ARN = "arn:aws:iam::111122223333:role/app/deployer"
OPERATORS = [
    ("StringEquals", "red", "red", "Red", "StringNotEquals"),
    ("StringEquals", "r*", "r*", "red", "StringNotEquals"),
    ("StringEquals", "r${*}", "r*", "red", "StringNotEquals"),
    ("StringEqualsIgnoreCase", "rEd", "Red", "blue", "StringNotEqualsIgnoreCase"),
    ("StringLike", "r*/?", "red/blue/1", "red/", "StringNotLike"),
    ("StringLike", "[r]", "[r]", "r", "StringNotLike"),
    ("NumericEquals", "10", "10.0", "11", "NumericNotEquals"),
    ("NumericEquals", 0.1, "0.10", "0.1000000000000000001", "NumericNotEquals"),
    ("NumericLessThan", "10", "9.5", "10", None),
    ("NumericLessThanEquals", "10", "10", "10.01", None),
    ("NumericGreaterThan", "-1", "0", "-1", None),
    ("NumericGreaterThanEquals", 10, "10", "9", None),
    ("DateEquals", "2020-01-01", "1577836800", "1577836801", "DateNotEquals"),
    ("DateEquals", "1577836800", "2020-01-01T01:00:00+01:00", "2020-01-01T01:00Z", "DateNotEquals"),
    (
        "DateLessThan",
        "2020-01-01T00:00:01Z",
        "2020-01-01T00:00:00.5Z",
        "2020-01-01T00:00:01Z",
        None,
    ),
    ("DateLessThanEquals", "2020-01", "2020-01-01", "2020-01-02", None),
    ("DateGreaterThan", "2019", "2020-01-01T00:00:00Z", "2019-01-01", None),
    ("DateGreaterThanEquals", 1577836800, "2020", "2019-12-31T23:59:59Z", None),
    ("Bool", "true", "true", "false", None),
    ("Bool", True, "True", "yes", None),
    ("Bool", "${v}", "true", "false", None),
    ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QQ==", None),
    ("IpAddress", "203.0.113.0/24", "203.0.113.9", "203.0.114.9", "NotIpAddress"),
    ("IpAddress", "203.0.113.9/24", "203.0.113.1", "203.0.114.1", "NotIpAddress"),
    ("IpAddress", "203.0.113.9", "203.0.113.9", "203.0.113.10", "NotIpAddress"),
    (
        "IpAddress",
        "2001:DB8:1234:5678::/64",
        "2001:db8:1234:5678::9",
        "2001:db8::9",
        "NotIpAddress",
    ),
    ("IpAddress", "2001:db8::9", "2001:db8::9", "2001:db8::a", "NotIpAddress"),
    ("IpAddress", "::/0", "2001:db8::9", "203.0.113.9", "NotIpAddress"),
    ("IpAddress", "0.0.0.0/0", "203.0.113.9", "::ffff:203.0.113.9", "NotIpAddress"),
    ("IpAddress", "203.0.113.0/24", "203.0.113.0", "203.0.113.0/24", "NotIpAddress"),
    ("ArnLike", "arn:aws:iam::*:role/app/*", ARN, ARN.replace("iam", "sts"), "ArnNotLike"),
    ("ArnEquals", "arn:aws:iam::*:role/app/*", ARN, ARN.replace("role", "user"), "ArnNotEquals"),
    ("ArnLike", "arn:aws:iam:*:*:role/${v}/*", ARN.replace("app", "true"), ARN, "ArnNotLike"),
    (
        "ArnLike",
        "arn:aws:someservice:*:111122223333:finance/*",
        "arn:aws:someservice:us-east-2:111122223333:finance/doc:1",
        "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
        "ArnNotLike",
    ),
    ("ArnLike", "arn:*:*:*:*:*", ARN, "not an arn", "ArnNotLike"),
    ("ArnLike", "arn:*:*:*:*:*", ARN, "arn:aws:iam", "ArnNotLike"),
]


@pytest.mark.parametrize(("condition", "context", "expected"), [*TABLE, *MFA_CASES, *LOGIC])
def test_what_absence_ignorance_and_lists_mean(condition, context, expected):
    assert evaluate(condition, RequestContext(context)) is expected


@pytest.mark.parametrize(("operator", "value", "match", "other", "opposite"), OPERATORS)
def test_each_operator(operator, value, match, other, opposite):
    condition = {operator: {"k": value}}
    assert problems(condition) == []
    with_v = RequestContext({"v": "true"})
    assert evaluate(condition, with_v.but({"k": match})) is True
    assert evaluate(condition, with_v.but({"k": other})) is False
    assert evaluate(condition, with_v) is False, "absent"
    assert evaluate(condition, with_v.but({"k": UNKNOWN})) is None
    if opposite:
        condition = {opposite: {"k": value}}
        assert evaluate(condition, with_v.but({"k": match})) is False
        assert evaluate(condition, with_v.but({"k": other})) is True
        assert evaluate(condition, with_v) is True, "absent"
        assert evaluate(condition, with_v.but({"k": UNKNOWN})) is None


TAGS = "aws:TagKeys"


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        case("all in", {"ForAllValues:StringLike": {TAGS: ["a*", "b"]}}, {TAGS: ["ab", "b"]}, T),
        case("one out", {"ForAllValues:StringLike": {TAGS: ["a*", "b"]}}, {TAGS: ["ab", "c"]}, F),
        case("any in", {"ForAnyValue:StringEquals": {TAGS: ["a", "b"]}}, {TAGS: ["b", "c"]}, T),
        case("none in", {"ForAnyValue:StringEquals": {TAGS: ["a", "b"]}}, {TAGS: ["c"]}, F),
        case(
            "all differ",
            {"ForAllValues:StringNotEquals": {TAGS: ["a", "b"]}},
            {TAGS: ["c", "a"]},
            F,
        ),
        case(
            "any differs",
            {"ForAnyValue:StringNotEquals": {TAGS: ["a", "b"]}},
            {TAGS: ["c", "a"]},
            T,
        ),
        case(
            "an empty text is an empty set",
            {"ForAllValues:StringEquals": {TAGS: "a"}},
            {TAGS: ""},
            T,
        ),
        case("in which there is none", {"ForAnyValue:StringLike": {TAGS: "*"}}, {TAGS: ""}, F),
        case("one text is a set of one", {"ForAnyValue:StringEquals": {TAGS: "a"}}, {TAGS: "a"}, T),
        case("plain, all agree", {"StringEquals": {TAGS: ["a", "b"]}}, {TAGS: ["a", "b"]}, T),
        case("plain, none agrees", {"StringEquals": {TAGS: "a"}}, {TAGS: ["b", "c"]}, F),
        case("plain, some agree", {"StringEquals": {TAGS: "a"}}, {TAGS: ["a", "b"]}, U),
        case("negated, some agree", {"StringNotEquals": {TAGS: "a"}}, {TAGS: ["a", "b"]}, U),
        case("Null of an empty text", {"Null": {KEY: "true"}}, {KEY: ""}, U),
        case("ForAllValues:Null", {"ForAllValues:Null": {TAGS: "true"}}, {TAGS: "a"}, T),
        case("ForAnyValue:Null", {"ForAnyValue:Null": {TAGS: "true"}}, {}, F),
    ],
)
def test_keys_with_several_values(condition, context, expected):
    assert evaluate(condition, RequestContext(context)) is expected


OWN = "${aws:username}"
OWNER = "aws:ResourceTag/Owner"


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        case("own", {"StringEquals": {OWNER: OWN}}, {OWNER: "heidi", "aws:username": "heidi"}, T),
        case("not own", {"StringEquals": {OWNER: OWN}}, {OWNER: "eve", "aws:username": "heidi"}, F),
        case(
            "a star in a name is no wildcard",
            {"StringLike": {OWNER: OWN}},
            {OWNER: "eve", "aws:username": "*"},
            F,
        ),
        case("nobody's", {"StringEquals": {OWNER: OWN}}, {OWNER: "eve"}, F),
        case("AWS may void the statement", {"StringNotEquals": {OWNER: OWN}}, {OWNER: "eve"}, U),
        case(
            "void or matched, it is false",
            {"StringNotEquals": {OWNER: [OWN, "eve"]}},
            {OWNER: "eve"},
            F,
        ),
        case("the key is absent too", {"StringNotEquals": {OWNER: OWN}}, {}, T),
        case(
            "unknown who",
            {"StringEquals": {OWNER: OWN}},
            {OWNER: "eve", "aws:username": UNKNOWN},
            U,
        ),
        case(
            "unknown who, absent key", {"StringEquals": {OWNER: OWN}}, {"aws:username": UNKNOWN}, F
        ),
        case(
            "a default",
            {"StringEquals": {OWNER: "${aws:username, 'anyone'}"}},
            {OWNER: "anyone"},
            T,
        ),
        case("a bad Bool variable", {"Bool": {"k": "${v}"}}, {"k": "true", "v": "maybe"}, F),
        case("an unclear ARN", {"ArnLike": {"k": "*"}}, {"k": ARN}, U),
    ],
)
def test_variables_in_values(condition, context, expected):
    assert evaluate(condition, RequestContext(context)) is expected


def test_variables_are_text_in_policies_of_the_old_version():
    condition = {"StringEquals": {"k": OWN}}
    context = RequestContext({"aws:username": "heidi", "k": OWN})
    assert evaluate(condition, context) is False
    assert evaluate(condition, context, variables=False) is True


MALFORMED = [
    ([], "Condition is not an object"),
    ("text", "Condition is not an object"),
    (None, "Condition is not an object"),
    ({"StringEqual": {"k": "x"}}, "did you mean StringEquals?"),
    ({"Frobnicate": {"k": "x"}}, "Frobnicate is not a condition operator"),
    ({"ForSomeValues:StringEquals": {"k": "x"}}, "is not a condition operator"),
    ({"String\nEquals\n": {"k": "x"}}, "is not a condition operator"),
    ({"BinaryNotEquals": {"k": "QQ=="}}, "is not a condition operator"),
    ({"StringLikeIgnoreCase": {"k": "x"}}, "is not a condition operator"),
    ({"NullIfExists": {"k": "true"}}, "Null takes no IfExists"),
    ({"StringEquals": "x"}, "StringEquals holds no object"),
    ({"StringEquals": {"k": {"a": "b"}}}, 'wants text, not {"a": "b"}'),
    ({"StringEquals": {"k": [["x"]]}}, 'wants text, not ["x"]'),
    ({"StringNotEquals": {"k": None}}, "wants text, not null"),
    ({"Bool": {"k": "yes"}}, 'Bool k wants true or false, not "yes"'),
    ({"Bool": {"k": 1}}, "wants true or false, not 1"),
    ({"Null": {"k": "${v}"}}, "wants true or false"),
    ({"NumericLessThan": {"k": "ten"}}, "wants a number"),
    ({"NumericLessThan": {"k": ["1", True]}}, "wants a number, not true"),
    ({"NumericEquals": {"k": "1_000"}}, "wants a number"),
    ({"NumericEquals": {"k": "NaN"}}, "wants a number"),
    ({"NumericEquals": {"k": "${v}"}}, "wants a number"),
    ({"DateLessThan": {"k": "yesterday"}}, "wants a date"),
    ({"DateLessThan": {"k": "2020-13-01"}}, "wants a date"),
    ({"DateLessThan": {"k": "2020-*"}}, "wants a date"),
    ({"BinaryEquals": {"k": "not base64!"}}, "wants base64"),
    ({"IpAddress": {"k": "203.0.113.0/33"}}, "wants an IP address"),
    ({"NotIpAddress": {"k": "203.0.113.0/255.255.255.0"}}, "wants an IP address"),
    ({"NotIpAddress": {"k": "203.0.113.*"}}, "wants an IP address"),
    ({"IpAddress": {"k": "fe80::1%eth0"}}, "wants an IP address"),
    ({"ArnLike": {"k": "arn:aws:iam::role/x"}}, "wants an ARN of six parts"),
    ({"ArnNotLike": {"k": "role/x"}}, "wants an ARN of six parts"),
]


@pytest.mark.parametrize(("condition", "words"), MALFORMED)
def test_what_is_malformed_never_matches_and_is_a_problem(condition, words):
    assert any(words in problem for problem in problems(condition))
    for value in ("x", "true", ABSENT, UNKNOWN):
        context = RequestContext({"k": value, "v": "true"})
        assert evaluate(condition, context) is False
        assert explain(condition, context).startswith("condition false, as it is malformed: ")


def test_one_malformed_value_spoils_the_whole_condition():
    condition = {"Bool": {"k": ["true", "yes"]}, "StringEquals": {"a": "x"}}
    assert evaluate(condition, RequestContext({"k": "true", "a": "x"})) is False


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"stringEquals": {"k": "x"}}, "stringEquals: IAM writes it StringEquals"),
        ({"StringEquals": {"k": []}}, "StringEquals k lists no value"),
        ({"ForAllValues:Null": {"k": "true"}}, "ForAllValues:Null k is always true"),
        ({"ForAnyValue:Null": {"k": "true"}}, "ForAnyValue:Null k is always false"),
        ({"ForAllValues:ArnLike": {"aws:PrincipalArn": ARN}}, "the key has one value"),
        ({"StringEquals": {"aws:TagKeys": "x"}}, "can have several values"),
        ({"StringEquals": {"k": "${aws:username"}}, "is not closed"),
        ({"ArnLike": {"k": "*"}}, "wants an ARN of six parts"),
    ],
)
def test_a_mistake_is_a_problem_but_is_evaluated(condition, words):
    (problem,) = problems(condition)
    assert words in problem
    assert "malformed" not in explain(condition, RequestContext({}))


def test_a_variable_in_an_old_policy_is_a_problem():
    condition = {"StringEquals": {"k": OWN}}
    assert problems(condition) == []
    (problem,) = problems(condition, variables=False)
    assert "not read as a policy variable" in problem


@pytest.mark.parametrize(
    ("condition", "context", "words"),
    [
        ({}, {}, "no condition"),
        ({"Bool": {MFA: "true"}}, {MFA: "true"}, "condition true"),
        ({"Bool": {MFA: "true"}}, {}, f"condition false: {MFA} is absent and Bool wants a value"),
        (
            {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "192.0.2.0/24"]}},
            {"aws:SourceIp": "198.51.100.9"},
            "condition false: aws:SourceIp is 198.51.100.9 "
            "and IpAddress wants 203.0.113.0/24 or 192.0.2.0/24",
        ),
        (
            {"StringNotEquals": {"a": "x"}, "StringNotLike": {"b": list("vwxyz")}},
            {"a": "x", "b": "z"},
            "condition false: a is x and StringNotEquals wants anything but x; "
            "b is z and StringNotLike wants none of v, w, x or one of 2 others",
        ),
        (
            {"Null": {"a": "true", "b": "false"}},
            {"a": "x"},
            "condition false: a is x and Null wants it absent; "
            "b is absent and Null wants it present",
        ),
        (
            {"StringEquals": {OWNER: OWN}},
            {OWNER: "eve"},
            f"condition false: {OWNER} is eve and StringEquals wants {OWN} (absent: aws:username)",
        ),
        (
            {"StringEquals": {OWNER: OWN, "b": "x"}},
            {OWNER: UNKNOWN, "aws:username": UNKNOWN, "b": "x"},
            f"condition unknown: {OWNER}, aws:username",
        ),
        (
            {"StringEquals": {TAGS: "a"}},
            {TAGS: ["a", "b"]},
            f"condition unknown: {TAGS} is a, b and AWS does not say what StringEquals makes of it",
        ),
        (
            {"Null": {"a": []}},
            {"a": ""},
            "condition false: a is empty and Null wants nothing that it could be",
        ),
    ],
)
def test_reasons_name_each_key_that_decides(condition, context, words):
    assert explain(condition, RequestContext(context)) == words


def test_keys_are_those_tested_and_those_in_variables():
    condition = {
        "StringLike": {"s3:Prefix": ["home/${aws:UserName}/*", "${*}"]},
        "Bool": {"aws:SecureTransport": True},
        "Oops": "text",
    }
    assert keys(condition) == {"s3:prefix", "aws:username", "aws:securetransport"}
    assert keys([]) == set()


def test_equal_conditions_have_equal_keys():
    one = {"Bool": {"a": True, "b": ["x"]}, "Null": {"c": "true"}}
    same = {"Null": {"c": "true"}, "Bool": {"b": ["x"], "a": True}}
    assert condition_key(one) == condition_key(same)
    assert condition_key(one) != condition_key({**one, "Null": {"c": "false"}})


# Properties

POSITIVE = {
    "StringEquals": "StringNotEquals",
    "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase",
    "StringLike": "StringNotLike",
    "NumericEquals": "NumericNotEquals",
    "DateEquals": "DateNotEquals",
    "IpAddress": "NotIpAddress",
    "ArnLike": "ArnNotLike",
    "ArnEquals": "ArnNotEquals",
}
ORDERED = [f"{f}{c}" for f in ("Numeric", "Date") for c in ("LessThan", "GreaterThanEquals")]
VALUES = {
    "String": ["", "a", "A", "*", "a*", "?", "${v}", "${v, 'a'}", "${*}"],
    "Numeric": ["0", "1", "2.5"],
    "Date": ["1", "2020-01-01", "1970-01-01T00:00:01Z"],
    "Bool": ["true", "false", "${v}"],
    "Null": ["true", "false"],
    "Binary": ["", "YQ=="],
    "IpAddr": ["10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::/0", "::1"],
    "Arn": ["arn:aws:iam::1:a", "arn:*:*:*:*:*", "arn:aws:iam::1:${v}", "*", "${v}"],
}
ACTUAL = ["", "a", "A", "*", "1", "true", "false", "10.0.0.1", "::1", "arn:aws:iam::1:a", "YQ=="]
COMPLETIONS = [ABSENT, *ACTUAL, ["a"], ["a", "1"], ["", "a"], ["", ""]]


def values_of(operator: str) -> st.SearchStrategy[list[str]]:
    family = next(f for f in VALUES if operator.removeprefix("Not").startswith(f))
    return st.lists(st.sampled_from(VALUES[family]), max_size=3)


@st.composite
def blocks(draw):
    """One operator, key and values; few are malformed."""
    operator = draw(
        st.sampled_from([*POSITIVE, *POSITIVE.values(), *ORDERED, "Bool", "BinaryEquals", "Null"])
    )
    values = draw(values_of(operator))
    prefix = draw(st.sampled_from(["", "", "ForAllValues:", "ForAnyValue:"]))
    suffix = "" if operator == "Null" else draw(st.sampled_from(["", "", "IfExists"]))
    return f"{prefix}{operator}{suffix}", draw(st.sampled_from(["k", "v"])), values


CONDITIONS = st.lists(blocks(), min_size=1, max_size=3).map(
    lambda drawn: {operator: {key: values} for operator, key, values in drawn}
)


@examples(4)
@given(CONDITIONS, st.sampled_from([UNKNOWN, *COMPLETIONS]), st.just(UNKNOWN))
@example({"ForAllValues:StringNotLike": {"k": "${v}"}}, UNKNOWN, UNKNOWN)
@example({"StringLikeIfExists": {"k": ["*"]}}, UNKNOWN, UNKNOWN)
@example({"ForAnyValue:StringNotLikeIfExists": {"k": ["*"]}}, UNKNOWN, UNKNOWN)
def test_what_is_known_in_spite_of_an_unknown_key_holds_for_all_its_values(condition, k, v):
    answer = evaluate(condition, RequestContext({"k": k, "v": v}))
    if answer is None:
        return
    for one, other in itertools.product([k] if k is not UNKNOWN else COMPLETIONS, COMPLETIONS):
        context = RequestContext({"k": one, "v": other})
        assert evaluate(condition, context) is answer, context


@examples(3)
@given(blocks(), st.sampled_from([UNKNOWN, *COMPLETIONS]), st.sampled_from([UNKNOWN, *COMPLETIONS]))
def test_ifexists_only_helps_and_changes_nothing_for_a_present_key(block, k, v):
    operator, key, values = block
    assume(not operator.endswith(("Null", "IfExists")))
    context = RequestContext({"k": k, "v": v})
    without = evaluate({operator: {key: values}}, context)
    with_it = evaluate({f"{operator}IfExists": {key: values}}, context)
    assert not (without is True and with_it is False)
    assert not (without is True and with_it is None)
    actual = context.get(key)
    if actual not in (ABSENT, UNKNOWN) and any(actual):
        assert with_it is without


@examples(3)
@given(
    st.data(), st.sampled_from(sorted(POSITIVE)), st.sampled_from(ACTUAL), st.sampled_from(ACTUAL)
)
def test_a_negated_operator_is_the_complement_for_a_present_value(data, operator, k, v):
    values = data.draw(values_of(operator))
    context = RequestContext({"k": k, "v": v})
    answer = evaluate({operator: {"k": values}}, context)
    opposite = evaluate({POSITIVE[operator]: {"k": values}}, context)
    assert opposite is (None if answer is None else not answer)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["StringEquals", "Bool", "ForAnyValue:Null", "k", "", ":"])
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@examples(3)
@given(JUNK)
def test_nothing_that_a_document_can_hold_raises(condition):
    context = RequestContext({"k": "x"}, default=UNKNOWN)
    answer = evaluate(condition, context)
    word = {True: ("condition true", "no condition"), False: "condition false"}
    assert explain(condition, context).startswith(word.get(answer, "condition unknown: "))
    assert isinstance(problems(condition), list)
    assert isinstance(keys(condition), set)
    json.dumps(condition_key(condition))
