"""Docstrings and the reference use AWS's words, and none that has a plainer one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import iamkit
from tests.words import to_replace

PACKAGE = Path(iamkit.__file__).parent
REFERENCE = PACKAGE.parent / "docs" / "reference"
Documented = ast.Module | ast.ClassDef | ast.FunctionDef


def public(node: Documented) -> Iterator[Documented]:
    """A module, and its classes and functions that others may use."""
    yield node
    for each in node.body:
        if isinstance(each, ast.ClassDef | ast.FunctionDef) and not each.name.startswith("_"):
            yield from public(each) if isinstance(each, ast.ClassDef) else [each]


@pytest.mark.parametrize(
    "module", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_public_docstring_uses_no_word_that_has_a_plainer_one(module: Path) -> None:
    for node in public(ast.parse(module.read_text(encoding="utf-8"))):
        prose = (ast.get_docstring(node) or "").partition(">>>")[0]
        assert to_replace(prose) == [], getattr(node, "name", "the module")


@pytest.mark.parametrize("page", sorted(REFERENCE.glob("*.md")), ids=lambda path: path.name)
def test_the_reference_uses_no_word_that_has_a_plainer_one(page: Path) -> None:
    assert to_replace(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "A door that nobody uses serves only who should not come.",
        "Whoever needs a hop with a key and none with MFA",
        "an administrator in all\nbut name",
    ],
)
def test_riddles_are_found(text: str) -> None:
    assert to_replace(text)


def test_ids_and_ordinary_sentences_are_not_found() -> None:
    assert to_replace("`network_fence_with_holes` reports users that are partly restricted.") == []
