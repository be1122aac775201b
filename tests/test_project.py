"""The files around the package say the same thing: pyproject, lock, conda, Makefile, top level."""

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())

DIRECT = [
    Requirement(text)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in group
]
# The package, and what tests and benchmarks import from their own folder.
OWN = {"iamkit", "tests", *(path.stem for path in (ROOT / "benchmarks").glob("*.py"))}
ENTRIES = [  # one logical line per package and marker
    line for line in LOCK.replace("\\\n", " ").splitlines() if not re.match(r"\s*(#|$)", line)
]
TOP_LEVEL = {
    ".ci", ".dockerignore", ".gitignore", "benchmarks", "CHANGELOG.md", "CONTRIBUTING.md",
    "environment.yml", "iamkit", "LICENSE", "Makefile", "notebooks", "pyproject.toml", "README.md",
    "reports", "requirements.lock", "tests",
}  # fmt: skip


def locked_versions() -> dict[str, set[str]]:
    """Versions in the lock by package; more than one where markers choose between them."""
    versions: dict[str, set[str]] = {}
    for entry in ENTRIES:
        name, version = re.match(r"([^=\s]+)==(\S+)", entry).groups()
        versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


def split_pin(item: str) -> tuple[str, str]:
    name, _, version = item.partition("=")
    return name, version


def code_of(path: Path) -> str:
    """The Python of a module, or of a notebook's code cells."""
    if path.suffix == ".py":
        return path.read_text("utf-8")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def imports(code: str) -> set[str]:
    """Top-level names of what a module imports, wherever in it the import stands."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.importorskip":
            names.add(node.args[0].value.partition(".")[0])
    return names


@cache  # reading the metadata of everything installed takes a quarter of a second
def distributions() -> Mapping[str, list[str]]:
    """The distributions that each top-level package comes from."""
    return importlib.metadata.packages_distributions()


def undeclared(code: str, declared: set[str]) -> set[str]:
    """What a module imports from distributions that are not declared, or that are not installed."""
    packages = distributions()
    known = sys.stdlib_module_names | OWN
    return {
        name
        for name in imports(code) - known
        if not declared & {canonicalize_name(each) for each in packages.get(name, ())}
    }


def tracked_files() -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split("\0")[:-1]


def makefile_targets() -> dict[str, str]:
    """The `## text` of each target; empty where there is none."""
    rules = re.findall(r"^([A-Za-z][\w-]*):(?!=)(.*)$", (ROOT / "Makefile").read_text(), re.M)
    return {name: rest.partition("## ")[2] for name, rest in rules}


@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_every_direct_dependency_is_locked_at_a_version_that_pyproject_allows(requirement):
    versions = locked_versions().get(canonicalize_name(requirement.name), set())
    assert versions
    assert all(requirement.specifier.contains(version) for version in versions)


@pytest.mark.parametrize("folder", ["iamkit", "notebooks", "tests", "benchmarks"])
def test_what_is_imported_is_declared(folder):
    extra = PROJECT["optional-dependencies"]["fleet"]  # imported where it is used
    declared = [*PROJECT["dependencies"], *(extra if folder == "iamkit" else ())]
    run = {canonicalize_name(Requirement(text).name) for text in declared}
    allowed = (
        run if folder in ("iamkit", "notebooks") else {canonicalize_name(r.name) for r in DIRECT}
    )
    files = [
        ROOT / name
        for name in tracked_files()
        if name.startswith(f"{folder}/") and name.endswith((".py", ".ipynb"))
    ]
    assert files
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        if path.is_file()
        for name in undeclared(code_of(path), allowed)
    }
    assert missing == set()


def test_an_import_of_what_only_another_package_needs_is_undeclared():
    code = "import json\nfrom traitlets import Any\ndef f():\n    import numpy.linalg, nowhere"
    assert undeclared(code, {"numpy"}) == {"traitlets", "nowhere"}


def test_the_lock_says_what_is_declared():
    noted = re.findall(r"^([a-z0-9-]+)==(?:[^#]|#(?! via))*# via([^=]*?)(?=^[a-z]|\Z)", LOCK, re.M)
    declared = {name for name, via in noted if "iamkit (pyproject.toml)" in via}
    assert declared == {canonicalize_name(requirement.name) for requirement in DIRECT}


def test_the_lock_holds_pins_with_hashes_and_nothing_else():
    # No index, host or path: the lock means the same packages wherever it is installed.
    pin = re.compile(r"[a-z0-9-]+==[\w.]+( ; [^@#/\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert [entry for entry in ENTRIES if not pin.fullmatch(entry)] == []
    assert "://" not in LOCK


def test_conda_lists_the_same_packages_at_the_locked_versions():
    conda = [item for item in CONDA["dependencies"] if isinstance(item, str)]
    pip = next(item["pip"] for item in CONDA["dependencies"] if isinstance(item, dict))
    pip_pins = [item for item in pip if item != "--editable ."]
    given = {item.replace("==", "=") for item in conda + pip_pins}
    given -= {"pip", f"python{PROJECT['requires-python']}"}
    # conda-forge writes some names with an underscore: jupyter_client
    given = {f"{canonicalize_name(name)}={version}" for name, version in map(split_pin, given)}

    versions = locked_versions()
    wanted = {name: versions[name] for name in (canonicalize_name(r.name) for r in DIRECT)}
    missing = [
        name
        for name, locked in wanted.items()
        if not given & {f"{name}={version}" for version in locked}
    ]
    assert missing == [], "environment.yml lacks these at their locked versions"
    assert len(given) == len(wanted), "environment.yml lists more than pyproject.toml does"


def test_conda_takes_packages_from_conda_forge_only():
    assert CONDA["name"] == PROJECT["name"]
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]


def test_every_make_target_says_in_a_line_what_it_does():
    targets = makefile_targets()
    assert {name for name, text in targets.items() if not text} == set()
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[1]
    assert set(phony.split()) == set(targets)


def test_make_alone_lists_every_target():
    outside_make = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        ["make"], cwd=ROOT, env=outside_make, capture_output=True, text=True, check=True
    )
    listed = [re.fullmatch(r"make (\S+) +(.+)", line).groups() for line in done.stdout.splitlines()]
    assert dict(listed) == makefile_targets()


def test_make_refuses_a_name_that_it_does_not_know():
    """A misspelt `FILES=` would otherwise give the demo company's report."""
    outside_make = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    command = ["make", "-n", "help", "FILE=evidence"]
    done = subprocess.run(command, cwd=ROOT, env=outside_make, capture_output=True, text=True)
    assert done.returncode == 2
    assert "nothing is called FILE; there are PYTHON SNAPSHOT" in done.stderr


def test_the_top_level_is_the_one_that_the_architecture_names():
    top = {name.split("/")[0] for name in tracked_files()}
    assert top - {"docs"} == TOP_LEVEL


def test_no_tracked_file_names_the_place_where_it_was_written():
    here = re.compile(rb"(?<![\w./~-])" + re.escape(os.fsencode(ROOT)) + rb"(?![\w.-])")
    files = [name for name in tracked_files() if (ROOT / name).is_file()]
    assert [name for name in files if here.search((ROOT / name).read_bytes())] == []


def test_the_version_is_written_once():
    assert importlib.metadata.version("iamkit") == PROJECT["version"]
    modules = sorted((ROOT / "iamkit").rglob("*.py"))
    assert [path.name for path in modules if "__version__" in path.read_text()] == []
