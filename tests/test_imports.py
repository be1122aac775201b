"""Imports point one way, each big library has one home, and importing does no work."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "iamkit"

# A module imports only from its left.
ORDER = (
    "errors", "facts", "schema", "settings", "catalog",
    "snapshot", "evidence", "collect", "saved",
    "credentials", "documents", "answers", "tables",
    "patterns", "conditions", "decisions", "evaluation", "callers", "linting", "lint",
    "permissions", "paths", "oidc_providers", "powers", "doors", "federation", "crossings", "uses",
    "trusting", "needs", "newcomers", "ways", "worth", "reasons", "reach", "chokes", "escalation",
    "mfa", "enforcement", "networks", "fences",
    "findings", "checks", "identities", "controls", "account", "history", "ladder",
    "views", "charts", "exports", "page", "preloaded", "engine", "report",
    "moment", "demo",
)  # fmt: skip
TRUSTED_PRINCIPALS = ("__init__", "__main__")

HOMES = {
    "boto3": {"collect"},
    "botocore": {"collect"},
    "matplotlib": {"charts"},
    "papermill": {"engine", "report"},
    "nbconvert": {"page", "report"},
    "nbclient": {"engine", "report"},
}

# Imports every module and tells what the modules themselves did meanwhile. A library may read its
# own files when it is imported, so a deed counts only if no import lies between it and iamkit.
PROBE = """
import importlib, io, json, sys

deeds = []

def record(deed):
    frame = sys._getframe(1)
    while frame and not frame.f_code.co_filename.startswith("<frozen importlib"):
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] == "iamkit":
            deeds.append(f"{module}: {deed}")
            return
        frame = frame.f_back

def hook(event, arguments):
    if event == "open" and not str(arguments[0]).endswith((".py", ".pyc")):
        record(f"open {arguments[0]}")
    elif event.startswith(("socket.", "subprocess.", "os.system", "urllib.")):
        record(event)

class Printed(io.StringIO):
    def write(self, text):
        record(f"print {text!r}")
        return len(text)

screen = sys.stdout
sys.stdout, sys.stderr = Printed(), Printed()
sys.addaudithook(hook)
for module in sys.argv[1:]:
    importlib.import_module(module)
json.dump(deeds, screen)
"""


def sources() -> Iterator[tuple[str, str, ast.Module]]:
    """Each module's full name, its place in `ORDER` and its syntax tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(("iamkit", *parts)), parts[0], ast.parse(path.read_text())


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """Full names of what a module imports, wherever in it the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".")[: -node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def test_every_module_has_its_place():
    unplaced = {place for _, place, _ in sources()} - {*ORDER, *TRUSTED_PRINCIPALS}
    assert unplaced == set(), "say in ORDER where these stand"


def test_a_module_imports_only_from_its_left():
    wrong = []
    for name, place, tree in sources():
        if place not in ORDER:
            continue
        left = {place, *ORDER[: ORDER.index(place)]}
        own = (target for target in imported(name, tree) if target.split(".")[0] == "iamkit")
        wrong += [f"{name} imports {target}" for target in own if target.split(".")[1] not in left]
    assert wrong == []


@pytest.mark.parametrize("library", HOMES)
def test_each_big_library_has_one_home(library):
    users = {
        place
        for name, place, tree in sources()
        if any(target.split(".")[0] == library for target in imported(name, tree))
    }
    assert users <= HOMES[library]


def python(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_opens_no_file_and_no_socket_and_prints_nothing():
    modules = [name.removesuffix(".__init__") for name, _, _ in sources()]
    assert json.loads(python(PROBE, *modules)) == []


def test_the_front_door_leaves_the_big_libraries_outside():
    heavy = python("import sys, iamkit; print(*sys.modules)").split()
    assert {"boto3", "matplotlib", "nbconvert", "papermill"} & set(heavy) == set()
