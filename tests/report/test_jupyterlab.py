"""
Notebooks in a real JupyterLab, opened in a browser and run from top to bottom.

`make test` runs those that are no pages, and some of the others; `make test-large` runs all.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from iamkit import charts
from iamkit.charts.previews import TONES
from iamkit.evidence import cli_files
from iamkit.report.lab import OTHERS
from tests.browser import Browser, Tab, browser
from tests.examples import thorough
from tests.processes import Program

__all__ = ["browser"]  # the fixture

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
BROKEN, MAILED = "broken.ipynb", "mailed.ipynb"
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
PAGES = [path for path in NOTEBOOKS if path.name not in OTHERS]
TRIED = [path for path in NOTEBOOKS if thorough() or path not in PAGES or path in PAGES[::5]]
WELL_RUN = Path(__file__).parents[1] / "data" / "well_run"
PANEL = "[...jupyterapp.shell.widgets('main')].find(panel => panel.context)"
CELLS = f"{PANEL}.content.model.sharedModel.toJSON().cells"
CODE = f"{CELLS}.filter(cell => cell.cell_type === 'code')"
# JupyterLab runs no cell after one that fails, so waiting for all of them would not end.
RUN = f"""({CODE}.some(cell => cell.outputs.some(output => output.output_type === 'error'))
    || {CODE}.every(cell => cell.execution_count))"""
STARTED = "window.jupyterapp?.commands.hasCommand('notebook:run-all-cells')"
READY = f"""{PANEL}?.context.isReady && {PANEL}.sessionContext.isReady
    && {PANEL}.sessionContext.session?.kernel?.status === 'idle'"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab over a copy of the notebooks, with the evidence of an account beside them."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(NOTEBOOKS[0].parent, folder / "notebooks")
    cells = [new_code_cell(code) for code in ("1", "raise ValueError('no such table')", "2")]
    broken = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    (folder / "notebooks" / BROKEN).write_text(nbformat.writes(broken))
    (folder / "notebooks" / MAILED).write_text(nbformat.writes(mailed()))
    cli_files.from_files(folder / "reports", WELL_RUN)
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
    with Program(command, env=environment) as server:
        yield server.says(r"(http://127\.0\.0\.1:\d+)/lab")


def mailed() -> NotebookNode:
    """An executed notebook that this machine did not run, with one of each kind of output."""
    frame = pd.DataFrame({"name": ["ann"], "severity": ["critical"], "days": [3]})
    shown = (
        charts.bars(pd.Series({"a": 1, "b": 2}), title="Users", unit="users"),
        charts.table(frame, "All", severity="severity"),
        charts.say("It is bad.", tone="bad"),
        charts.figures(users=(3, "of 4", "bad")),
    )
    outputs = []
    for each in shown:
        made = each._repr_mimebundle_()
        data, metadata = made if isinstance(made, tuple) else (made, {})
        outputs.append(new_output("execute_result", data, metadata=metadata, execution_count=1))
    cells = [new_code_cell("1", outputs=[each], execution_count=1) for each in outputs]
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


@pytest.fixture(scope="module")
def page(lab: str, browser: Browser) -> Iterator[Tab]:
    """JupyterLab in the browser, with no notebook open."""
    with browser.open(f"{lab}/lab?token=a-test&reset") as tab:
        tab.wait_for(STARTED)
        yield tab


def outputs_of(notebook: str, page: Tab) -> list[dict[str, Any]]:
    """Open a notebook, run all its cells, close it and return their outputs."""
    page.evaluate(f"{PANEL}?.dispose()")  # left open if the test before failed
    page.evaluate(f"void jupyterapp.commands.execute('docmanager:open', {{path: '{notebook}'}})")
    page.wait_for(READY)
    page.evaluate(f"jupyterapp.shell.activateById({PANEL}.id)")
    # Looking for the end again and again would take the browser longer than the cells take.
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells').then(() => true)")
    page.wait_for(f"{RUN} && ({READY})")
    cells = json.loads(page.evaluate(f"JSON.stringify({CELLS})"))
    page.evaluate(f"""void {PANEL}.sessionContext.shutdown()
        .then(() => {PANEL}.context.save()).then(() => {PANEL}.dispose())""")
    page.wait_for(f"!{PANEL}")
    return [output for cell in cells for output in cell.get("outputs", [])]


def errors(outputs: list[dict[str, Any]]) -> list[str]:
    return [output["evalue"] for output in outputs if output["output_type"] == "error"]


@pytest.mark.parametrize("notebook", TRIED, ids=lambda path: path.stem)
def test_run_all_runs_without_an_error(
    notebook: Path,
    page: Tab,
) -> None:
    outputs = outputs_of(notebook.name, page)
    assert errors(outputs) == []
    assert [o for o in outputs if o.get("name") == "stderr"] == []
    left = [output for output in outputs if "iamkit: " in str(output.get("data", {}))]
    assert left == [], "what was said while it was computed has not gone"
    shown = {kind for output in outputs for kind in output.get("data", {})}
    tables = {"application/vnd.iamkit.table+json"} if notebook.name not in OTHERS else set()
    assert {"text/html"} | tables <= shown
    assert not any("not_assessed" in str(output) for output in outputs)


def test_a_notebook_that_fails_is_not_waited_for(page: Tab) -> None:
    assert errors(outputs_of(BROKEN, page)) == ["no such table"]


def test_a_notebook_that_came_by_mail_shows_its_charts_and_its_colours(page: Tab) -> None:
    """JupyterLab does not trust it: it shows no SVG, and takes most styles away."""
    page.evaluate(f"{PANEL}?.dispose()")
    page.evaluate(f"void jupyterapp.commands.execute('docmanager:open', {{path: '{MAILED}'}})")
    page.wait_for(f"{PANEL}?.context.isReady && !!{PANEL}.content.node.querySelector('td')")
    assert not page.evaluate(f"{PANEL}.content.model.cells.get(0).trusted")
    looks = page.wait_for(f"""(node => {{
        const image = node.querySelector('.jp-OutputArea-output img');
        const look = (of, text) => getComputedStyle(
            [...node.querySelectorAll(of)].find(each => each.textContent === text));
        return image?.naturalWidth && {{
            chart: image.src.slice(0, 14),
            text: look('td', 'ann').textAlign,
            number: look('td', '3').textAlign,
            badge: look('span', 'critical').backgroundColor,
            sentence: look('p', 'It is bad.').color,
            figure: look('div', '3').color,
            card: look('div', '3').fontSize,
        }};
    }})({PANEL}.content.node)""")
    bad = "rgb({}, {}, {})".format(*bytes.fromhex(TONES["bad"][1:]))
    assert looks == {
        "chart": "data:image/png",
        "text": "left",
        "number": "right",
        "badge": "rgb(127, 29, 45)",
        "sentence": bad,
        "figure": bad,
        "card": "24px",
    }
