"""A number is written with its noun by one function, so that one user is no "1 users"."""

import ast
import re
from pathlib import Path

import pytest

from iamkit.checks.registry import POPULATIONS
from iamkit.counts import agreeing, counted, part_of, singular

HERE = Path(__file__).parents[1]
# What is written after a number in the plural, in text that is put together: "{number} users".
PLURAL = re.compile(
    r"^ (?:[a-z-]+ )?(accounts|actions|answers|audits|changes|checks|days|files|findings|groups|"
    r"identities|jobs|keys|passwords|people|policies|requests|roles|rows|services|steps|users)\b"
)


@pytest.mark.parametrize("nouns", sorted(POPULATIONS))
def test_each_population_has_a_singular(nouns: str) -> None:
    if nouns.startswith("the "):
        return
    one = singular(nouns)
    assert one != nouns
    assert not re.search(r"\w(?:ies|[^s]s) ?$", one.split(" with ")[0].split(" kept ")[0])


def test_numbers_and_words_agree() -> None:
    assert counted(1, "boundaries") == "1 boundary"
    assert part_of(1, 1, "users and roles") == "1 of 1 user or role"
    assert part_of(0, 0, "users and roles") == "no users and roles"
    assert agreeing("0 of 1 role [is|are]", 0, 1) == "0 of 1 role is"


def plurals(path: Path) -> list[str]:
    """Places at which a file writes a number and a noun that is always in the plural."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for number, after in zip(node.values, node.values[1:], strict=False):
            if not (isinstance(number, ast.FormattedValue) and isinstance(after, ast.Constant)):
                continue
            if PLURAL.match(str(after.value)) and _is_number(number):
                found.append(f"{path.name}:{node.lineno}: {after.value}")
    return found


def _is_number(part: ast.FormattedValue) -> bool:
    """Whether what is formatted is a number, by its format or as a length."""
    comma = isinstance(part.format_spec, ast.JoinedStr) and "," in ast.unparse(part.format_spec)
    said = ast.unparse(part.value)
    return (
        comma or said.startswith(("len(", "sum(")) or said in ("number", "count", "days", "total")
    )


def test_no_text_writes_a_number_with_a_noun_that_is_always_in_the_plural() -> None:
    files = sorted((HERE / "iamkit").rglob("*.py"))
    assert [place for path in files for place in plurals(path)] == []
