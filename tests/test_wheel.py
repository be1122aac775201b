"""The built wheel: what it lacks, no test beside the repository shows."""

from pathlib import Path
from zipfile import ZipFile

from tests.wheel import REPOSITORY, built


def test_the_wheel_holds_all_code_data_and_notebooks(tmp_path: Path) -> None:
    held = set(ZipFile(built(tmp_path)).namelist())
    package = REPOSITORY / "iamkit"
    wanted = {
        f"iamkit/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted |= {f"iamkit/notebooks/{path.name}" for path in REPOSITORY.glob("notebooks/*.ipynb")}
    assert wanted <= held
    assert {name for name in held if ".dist-info/" not in name} == wanted
