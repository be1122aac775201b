"""Globs against slow and obvious ones; policy variables; contexts."""

import itertools
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iamkit.policy.context import ABSENT, UNKNOWN, RequestContext
from iamkit.policy.patterns import Pattern, literal, resolve, variable_keys
from tests.examples import examples

# Patterns mention a and b; c stands for every character that they do not mention.
GLOBS = st.text("ab*?", max_size=5)
TEXTS = ["".join(text) for length in range(8) for text in itertools.product("abc", repeat=length)]


def slow_match(glob: str, text: str) -> bool:
    if not glob:
        return not text
    if glob[0] == "*":
        return slow_match(glob[1:], text) or (bool(text) and slow_match(glob, text[1:]))
    return bool(text) and glob[0] in ("?", text[0]) and slow_match(glob[1:], text[1:])


def language(glob: str) -> set[str]:
    return {text for text in TEXTS if Pattern(glob).matches(text)}


@examples(3)
@given(st.text("ab*?", max_size=8), st.text("abc\n", max_size=10))
@example("*a*b", "aab")
@example("*a?b*", "aaabb")
def test_matching_agrees_with_the_slow_matcher(glob, text):
    assert Pattern(glob).matches(text) == slow_match(glob, text)


@examples(3)
@given(st.text("ab*?$", max_size=6), st.lists(st.text("ab$", max_size=6)))
def test_each_is_matched_as_if_alone_and_begins_with_the_start(glob, texts):
    pattern = Pattern(glob)
    assert pattern.each(texts) == [pattern.matches(text) for text in texts]
    assert all(text.startswith(pattern.start) for text in texts if pattern.matches(text))


def check_relations(glob: str, other: str, mine: set[str], theirs: set[str]) -> None:
    assert Pattern(glob).covers(Pattern(other)) == (theirs <= mine), (glob, other)
    assert Pattern(glob).overlaps(Pattern(other)) == bool(mine & theirs), (glob, other)


def test_relations_of_all_short_globs_agree_with_all_short_texts():
    globs = [
        "".join(glob) for length in range(4) for glob in itertools.product("ab*?", repeat=length)
    ]
    languages = {glob: language(glob) for glob in globs}
    for glob, other in itertools.product(globs, repeat=2):
        check_relations(glob, other, languages[glob], languages[other])


@examples(2)
@given(GLOBS, GLOBS)
@example("*a*", "a*b?")
@example("a*b*", "a*?b")
def test_relations_of_longer_globs_agree_with_all_short_texts(glob, other):
    check_relations(glob, other, language(glob), language(other))


@examples(2)
@given(st.text("a*?${}", max_size=8))
def test_a_literal_matches_its_text_and_nothing_else(text):
    assert Pattern(literal(text)).plain == text
    assert Pattern(literal(text)).matches(text)
    assert not Pattern(literal(text)).matches(text + "a")
    assert Pattern("*").covers(Pattern(literal(text)))


@pytest.mark.parametrize(
    ("glob", "text", "expected"),
    [
        pytest.param("arn:aws:s3:::*", "arn:aws:s3:::b/x:y/z", True, id="a star crosses : and /"),
        pytest.param("*", "", True, id="a star may be nothing"),
        pytest.param("*", "two\nlines", True, id="a star crosses lines"),
        pytest.param("a?", "a", False, id="a question mark is one character"),
        pytest.param("A", "a", False, id="case counts"),
        pytest.param("[ab]", "a", False, id="brackets are no class"),
        pytest.param("[ab]", "[ab]", True, id="brackets are ordinary"),
        pytest.param("a.c", "abc", False, id="a point is ordinary"),
        pytest.param("a${*}", "a*", True, id="a written asterisk matches itself"),
        pytest.param("a${*}", "ab", False, id="a written asterisk is no wildcard"),
        pytest.param("${?}${$}", "?$", True, id="so are a written question mark and dollar"),
        pytest.param("$x{*}", "$x{y}", True, id="a lone dollar is ordinary"),
    ],
)
def test_matching(glob, text, expected):
    assert Pattern(glob).matches(text) is expected


def test_hostile_patterns_have_an_answer():
    """One that backtracks, or follows every choice, does not live to see it."""
    assert not Pattern("*a" * 100 + "*b").matches("a" * 20_000)
    assert not Pattern("*a" + "?" * 20 + "b*").covers(Pattern("*a*b" * 40))
    assert Pattern("*a" + "?" * 20 + "b*").overlaps(Pattern("*a*b" * 40))
    assert not Pattern("*a" + "?" * 24).covers(Pattern("*a" * 12))


BOB = RequestContext(
    {"aws:username": "bob", "aws:PrincipalTag/team": "re*d", "aws:TagKeys": ["a", "b"]}
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("user/${aws:username}", "user/bob", id="a variable is replaced"),
        pytest.param("user/${AWS:UserName}", "user/bob", id="in any case"),
        pytest.param("${aws:username}/*", "bob/*", id="wildcards beside it stay"),
        pytest.param("${aws:PrincipalTag/team}", "re${*}d", id="an asterisk in it is ordinary"),
        pytest.param("${aws:userid}", None, id="an absent one matches nothing"),
        pytest.param("${aws:userid, 'none'}", "none", id="unless it has a default"),
        pytest.param("${aws:username, 'none'}", "bob", id="which gives way to a value"),
        pytest.param("${aws:userid, ''}", "", id="a default may be empty"),
        pytest.param("${aws:TagKeys}", None, id="a key with several values is no variable"),
        pytest.param("a${*}b${?}", "a${*}b${?}", id="special characters are kept"),
        pytest.param("${aws:username", "${$}{aws:username", id="an open one is ordinary text"),
        pytest.param("${aws:userid", "${$}{aws:userid", id="even if it is absent"),
    ],
)
def test_variables(text, expected):
    assert resolve(text, BOB) == (None if expected is None else Pattern(expected))


def test_an_unknown_variable_makes_a_pattern_unknown():
    context = RequestContext({"aws:userid": ABSENT}, default=UNKNOWN)
    assert resolve("${aws:username}", context) is UNKNOWN
    assert resolve("${aws:username, 'x'}", context) is UNKNOWN
    assert resolve("${aws:username}${aws:userid}", context) is None, "whatever the name is"


def test_variables_and_wildcards_can_be_ordinary_text():
    old = resolve("${aws:username}*", BOB, variables=False)
    assert isinstance(old, Pattern)
    assert old.matches("${aws:username}-and-more")
    plain = resolve("${aws:username}*", BOB, wildcards=False)
    assert isinstance(plain, Pattern)
    assert plain.plain == "bob*"


def test_variable_keys_leaves_special_characters_out():
    assert variable_keys("${*}/${aws:UserName}/${aws:PrincipalTag/Team, 'x'}") == {
        "aws:username",
        "aws:principaltag/team",
    }


def test_arn_parts_end_with_all_that_follows_the_fifth_colon():
    parts = Pattern("arn:aws:logs:*::log-group:*").arn_parts
    assert [part.text for part in parts] == ["arn", "aws", "logs", "*", "", "log-group:*"]


def test_a_context_reads_keys_in_any_case_and_falls_back_to_its_default():
    context = RequestContext(
        {"AWS:SourceIp": "203.0.113.9", "aws:username": ABSENT}, default=UNKNOWN
    )
    assert context.get("aws:sourceip") == "203.0.113.9"
    assert context.get("aws:username") is ABSENT
    assert context.get("aws:RequestedRegion") is UNKNOWN
    assert RequestContext({}).get("aws:RequestedRegion") is ABSENT


def test_a_context_holds_text_and_reads_json():
    context = RequestContext(json.loads('{"a": true, "b": 60, "c": [1, "x"], "d": []}'))
    assert [context.get(key) for key in "abcd"] == ["true", "60", ("1", "x"), ABSENT]


@pytest.mark.parametrize("value", [None, {"a": 1}, [["a"]], b"a"])
def test_a_context_refuses_what_no_key_can_be(value):
    with pytest.raises(TypeError, match="aws:username is"):
        RequestContext({"aws:username": value})


def test_contexts_that_answer_alike_are_equal_and_cannot_be_changed():
    one = RequestContext({"aws:UserName": "bob", "k": ABSENT})
    same = RequestContext({"aws:username": "bob"})
    assert one == same
    assert hash(one) == hash(same)
    assert one != RequestContext({"aws:username": "bob"}, default=UNKNOWN)
    with pytest.raises(TypeError):
        one.values["k"] = "x"


def test_but_changes_a_copy():
    context = RequestContext({"aws:username": "bob"}, default=UNKNOWN)
    changed = context.but({"AWS:Username": "eve", "k": ABSENT})
    assert changed == RequestContext({"aws:username": "eve", "k": ABSENT}, default=UNKNOWN)
    assert context.get("aws:username") == "bob"
