"""The built wheel, installed elsewhere: what it lacks, no test beside the repository shows."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

REPOSITORY = Path(__file__).parents[1]
NOTEBOOKS = sorted(path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb"))


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program, without the variables by which this process finds the repository."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what is committed to it, so that no build folder stays."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("iamkit", "notebooks", "pyproject.toml", "README.md", "LICENSE"):
        run("cp", "-r", REPOSITORY / name, source, cwd=source)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", out)
    run(sys.executable, "-m", "pip", "wheel", *options, source, cwd=out)
    (found,) = out.glob("iamkit-*.whl")
    return found


def test_the_wheel_holds_all_code_data_and_notebooks(wheel: Path) -> None:
    held = set(ZipFile(wheel).namelist())
    package = REPOSITORY / "iamkit"
    wanted = {
        f"iamkit/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted |= {f"iamkit/notebooks/{name}" for name in NOTEBOOKS}
    assert wanted <= held
    assert {name for name in held if ".dist-info/" not in name} == wanted


def test_an_installed_copy_makes_a_report_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """The dependencies are those of this environment; its editable install is not seen."""
    there = tmp_path / "environment"
    venv.create(there, symlinks=True)
    python = there / "bin" / "python"
    packages = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=there
    )
    (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = ("-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "-q", wheel)
    run(sys.executable, *install, cwd=there)
    home = tmp_path / "an empty folder"
    home.mkdir()
    where = run(python, "-c", "import iamkit; print(iamkit.__file__)", cwd=home)
    assert Path(where).is_relative_to(there)
    iamkit = there / "bin" / "iamkit"
    snapshot = run(iamkit, "demo", cwd=home)
    index = home / run(iamkit, "report", snapshot, cwd=home)
    pages = sorted(path.stem for path in index.parent.glob("[0-9]*.html"))
    assert pages == [Path(name).stem for name in NOTEBOOKS if name[0].isdigit()]
