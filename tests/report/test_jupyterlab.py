"""Every notebook in a real JupyterLab, opened in a browser and run from top to bottom."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iamkit import demo
from tests.browser import Browser, browser  # noqa: F401 (a fixture)

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
PANEL = "[...jupyterapp.shell.widgets('main')].find(panel => panel.context)"
CELLS = f"{PANEL}.content.model.sharedModel.toJSON().cells"
READY = f"""window.jupyterapp && {PANEL}?.context.isReady && {PANEL}.sessionContext.isReady
    && {PANEL}.sessionContext.session?.kernel?.status === 'idle'"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab over a copy of the notebooks with the demo company's report beside them."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(NOTEBOOKS[0].parent, folder / "notebooks")
    demo.snapshots(folder / "reports")
    environment = {
        **os.environ,
        **{f"JUPYTER_{name}": str(folder / name) for name in ("CONFIG_DIR", "DATA_DIR")},
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": "0",
        "ServerApp.open_browser": "False",
        "ServerApp.allow_root": "True",
        "IdentityProvider.token": "a-test",
        "LabApp.expose_app_in_browser": "True",
        "LabApp.news_url": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    command = [sys.executable, "-m", "jupyterlab", str(folder / "notebooks")]
    command += [f"--{name}={value}" for name, value in options.items()]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
    ) as server:
        assert server.stderr is not None
        try:
            # The server says on standard error where it listens; then nobody need read on.
            said = []
            for line in server.stderr:
                said.append(line)
                if "http://127.0.0.1:" in line and "/lab" in line:
                    yield line.split("/lab")[0].split()[-1]
                    return
            raise RuntimeError(f"JupyterLab ended: {''.join(said[-5:])}")
        finally:
            server.terminate()
            server.stderr.close()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_run_all_runs_without_an_error(
    notebook: Path,
    lab: str,
    browser: Browser,  # noqa: F811
) -> None:
    with browser.open(f"{lab}/lab/tree/{notebook.name}?token=a-test&reset") as tab:
        tab.wait_for(READY)
        tab.evaluate(f"jupyterapp.shell.activateById({PANEL}.id)")
        tab.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
        tab.wait_for(
            f"{CELLS}.filter(cell => cell.cell_type === 'code')"
            ".every(cell => cell.execution_count || cell.outputs.some(o => o.ename))"
            f" && ({READY})"
        )
        cells = json.loads(tab.evaluate(f"JSON.stringify({CELLS})"))
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        assert [o["evalue"] for o in outputs if o["output_type"] == "error"] == []
        assert [o for o in outputs if o.get("name") == "stderr"] == []
        shown = {kind for output in outputs for kind in output.get("data", {})}
        assert {"text/html", "application/vnd.iamkit.table+json"} <= shown
        assert not any("not_assessed" in str(output) for output in outputs)
        tab.evaluate("void jupyterapp.commands.execute('notebook:shutdown-kernel')")
