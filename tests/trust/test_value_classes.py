"""The classes into which patterns cut values: none is missed, and each example is one."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit.policy import Pattern
from iamkit.trust.value_classes import (
    ANY,
    DIGITS,
    LOWER,
    classes,
    exactly,
    glob,
    some,
    text,
    unowned,
)
from tests.examples import examples

TEXTS = ["".join(each) for length in range(1, 6) for each in product("abc", repeat=length)]
patterns = st.lists(st.text("aab**?", min_size=1, max_size=5), max_size=4, unique=True)


def kind(value: str, given_patterns: list[str]) -> tuple[bool, ...]:
    return tuple(Pattern(each).matches(value) for each in given_patterns)


@examples(6)
@given(patterns, patterns)
def test_every_class_has_an_example_and_every_example_is_of_another_class(
    found: list[str], excluded: list[str]
) -> None:
    """Texts of up to five characters, c standing for all that no pattern names."""
    made = classes(some(LOWER), tuple(map(glob, found)), tuple(map(glob, excluded)))
    kinds = [kind(each, found) for each in made.examples]
    assert made.complete
    assert len(set(kinds)) == len(kinds)
    assert not any(any(kind(each, excluded)) for each in made.examples)
    slow = {kind(each, found) for each in TEXTS if not any(kind(each, excluded))}
    assert slow <= set(kinds)


def test_forms() -> None:
    assert classes(text("root"), ()).examples == ("root",)
    assert classes(exactly(DIGITS, 3), (glob("9*"),)).examples == ("000", "900")
    assert classes(ANY, (glob("a${*}"),)).examples == ("", "a*")


@pytest.mark.parametrize(
    ("written", "matched"),
    [("o-*", True), ("o-a*", True), ("o-ab*", True), ("o-abcde*", False), ("o-abcdefghij", False)],
)
def test_nobody_has_an_id_that_is_written_out(written: str, matched: bool) -> None:
    form = (*text("o-"), *unowned(LOWER | DIGITS, 2, 10))
    found = classes(form, (glob(written),)).examples
    assert any(Pattern(written).matches(each) for each in found) is matched


def test_an_id_is_not_written_out_by_patterns_that_name_every_character() -> None:
    every = "".join(sorted(LOWER | DIGITS))
    form = (*text("o-"), *unowned(LOWER | DIGITS, 0, 10))
    found = classes(form, (glob(every), glob("o-*"))).examples
    assert [len(each) for each in found] == [12]


def test_wildcards_of_part_of_a_text_stay_in_it() -> None:
    number = (*text("a:"), *glob("4*", DIGITS), *text(":"), *ANY)
    whole = (*text("a:"), *exactly(DIGITS, 2), *text(":x4:"))
    assert classes(whole, (number,)).examples == ("a:00:x4:", "a:40:x4:")


def test_what_is_too_tangled_is_given_up() -> None:
    tangled = tuple(glob(f"*{a}*{b}*{c}*") for a, b, c in product("abc", "def", "ghi"))
    assert not classes(ANY, tangled).complete
