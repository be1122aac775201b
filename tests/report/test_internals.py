"""What is used of other packages without their promise was looked at with the versions in use."""

import ast
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import iamkit
from iamkit.report.kernels import internals

PACKAGE = Path(iamkit.__file__).parent
LOCK = (PACKAGE.parent / "requirements.lock").read_text()


@pytest.mark.parametrize("package", internals.VERSIONS)
def test_the_versions_are_those_that_somebody_looked_at(package: str):
    """Read `internals`, see that what it says still holds, and write the new version there."""
    locked = re.search(rf"^{package}==(\S+)", LOCK, re.MULTILINE)[1]
    assert internals.VERSIONS[package] == locked
    assert version(package) == locked


def test_no_private_name_of_a_library_is_used_elsewhere():
    """An attribute with an underscore belongs to `self`, or to a class or module of the kit."""
    ours = {"self", "cls", "os", "ctx"}
    for path in (PACKAGE / "report").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
                assert ast.unparse(node.value) in ours, f"{path.name}: {ast.unparse(node)}"
            if isinstance(node, ast.ImportFrom):
                private = [each.name for each in node.names if re.match(r"_[^_]", each.name)]
                assert not private, f"{path.name}: {private}"


def test_the_grammar_is_away_for_a_while_only():
    before = sys.modules.get("rfc3987_syntax")
    with internals.without_grammar():
        assert sys.modules["rfc3987_syntax"] is before
    assert sys.modules.get("rfc3987_syntax") is before
    assert ("rfc3987_syntax" in sys.modules) == (before is not None)
