"""The wheel, built and installed as a user's, where nothing leads back to the repository."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path, **changes: str) -> str:
    """Run a program, without the variables by which this process finds the repository."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=kept | changes,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def built(folder: Path) -> Path:
    """Build the wheel from a copy of what is committed to it, so that no build folder stays."""
    source, out = folder / "source", folder / "wheel"
    source.mkdir(parents=True)
    out.mkdir()
    for name in ("iamkit", "notebooks", "pyproject.toml", "README.md", "LICENSE"):
        run("cp", "-r", REPOSITORY / name, source, cwd=source)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", out)
    run(sys.executable, "-m", "pip", "wheel", *options, source, cwd=out)
    (found,) = out.glob("iamkit-*.whl")
    return found


def installed(wheel: Path, folder: Path) -> Path:
    """
    Install the wheel into an environment of its own; return the `iamkit` command.

    The dependencies are those of this environment; its editable install is not seen.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    packages = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    )
    (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    options = ("-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "-q", wheel)
    run(sys.executable, *options, cwd=folder)
    where = run(python, "-c", "import iamkit; print(iamkit.__file__)", cwd=folder)
    assert Path(where).is_relative_to(folder)
    return folder / "bin" / "iamkit"
