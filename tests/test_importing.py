"""Importing does no work, each big library has one home, and a folder keeps what it offers."""

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "iamkit"
HOMES = {
    "boto3": (
        "iamkit.evidence.aws",
        "iamkit.evidence.sessions",
        "iamkit.rotation.handler",
        "iamkit.storage.objects",
    ),
    "botocore": (
        "iamkit.evidence.aws",
        "iamkit.evidence.sessions",
        "iamkit.rotation.apply",
        "iamkit.rotation.clients",
        "iamkit.storage.objects",
    ),
    "obstore": "iamkit.storage.objects",
    "distributed": "iamkit.fleet.workers",
    "dask": "iamkit.fleet.workers",
    "matplotlib": "iamkit.charts",
    "papermill": "iamkit.report.kernels",
    "nbclient": "iamkit.report.kernels",
    "jupyter_client": "iamkit.report.kernels",
    "nbconvert": "iamkit.report",
    "xlsxwriter": "iamkit.report",
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


@functools.cache
def modules() -> dict[str, ast.Module]:
    """Each module's full name and its syntax tree."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(("iamkit", *path.relative_to(PACKAGE).with_suffix("").parts))
        found[name.removesuffix(".__init__")] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def libraries(tree: ast.Module) -> Iterator[str]:
    """What a module imports besides iamkit, wherever in it the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("library", HOMES)
def test_each_big_library_has_one_home(library):
    users = [name for name, tree in modules().items() if library in libraries(tree)]
    assert users
    assert [name for name in users if not name.startswith(HOMES[library])] == []


@pytest.mark.parametrize("folder", sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py")))
def test_a_folder_has_what_it_offers_and_says_what_it_is_for(folder):
    package = import_module(f"iamkit.{folder}")
    for name in package.__all__:
        if not hasattr(package, name):
            import_module(f"iamkit.{folder}.{name}")  # a module imported where it is used
    assert len(package.__doc__ or "") > 40


def python(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_opens_no_file_and_no_socket_and_prints_nothing():
    assert json.loads(python(PROBE, *modules())) == []


def test_importing_iamkit_leaves_the_big_libraries_outside():
    heavy = python("import sys, iamkit; print(*sys.modules)").split()
    assert {"boto3", "matplotlib", "nbconvert", "papermill"} & set(heavy) == set()


@pytest.mark.parametrize("module", ["iamkit.cli", "iamkit.report"])
def test_the_command_line_begins_without_pandas(module: str):
    """So that the process that audits starts at once, and this one imports beside it."""
    heavy = {"boto3", "matplotlib", "numpy", "pandas", "papermill", "scipy"}
    said = f"import sys, {module}; print(*sorted({heavy} & {{*sys.modules}}))"
    found = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_what_the_package_offers_is_there_by_name_and_listed():
    import iamkit

    for name in iamkit.__all__:
        assert name in dir(iamkit)
        assert getattr(iamkit, name) is not None
    with pytest.raises(AttributeError, match="'iamkit' has no attribute 'lod'"):
        _ = iamkit.lod
