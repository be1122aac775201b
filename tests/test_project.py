"""The files around the package say the same thing: pyproject, lock, conda, Makefile, top level."""

import importlib.metadata
import os
import re
import subprocess
import tomllib
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
ENTRIES = [  # one logical line per package and marker
    line for line in LOCK.replace("\\\n", " ").splitlines() if not re.match(r"\s*(#|$)", line)
]
TOP_LEVEL = {
    ".ci", ".gitignore", "benchmarks", "CHANGELOG.md", "CONTRIBUTING.md", "environment.yml",
    "iamkit", "LICENSE", "Makefile", "notebooks", "pyproject.toml", "README.md", "reports",
    "requirements.lock", "tests",
}  # fmt: skip


def locked_versions() -> dict[str, set[str]]:
    """Versions in the lock by package; more than one where markers choose between them."""
    versions: dict[str, set[str]] = {}
    for entry in ENTRIES:
        name, version = re.match(r"([^=\s]+)==(\S+)", entry).groups()
        versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


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
