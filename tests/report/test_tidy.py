"""Text of the account is never rewritten; what depends on this machine or run is taken out."""

import re
import sys
import tempfile
from pathlib import Path

import pytest

from iamkit.errors import NotebookError
from iamkit.evidence import snapshot as snapshots
from iamkit.report.kernels.internals import CELL_FILE
from iamkit.report.notebooks import ExecutedNotebook
from iamkit.report.tidy import Given, Tidier
from tests.accounts import details, role
from tests.report.audits import Audit

TRUST = {"Version": "2012-10-17", "Statement": []}


def evidence(audit: Audit, *paths: str) -> list[str]:
    """Give the audit roles under these paths; returns their ARNs."""
    roles = [role(f"etl{n}", TRUST, Path=path) for n, path in enumerate(paths)]
    for each in roles:
        each["Arn"] = f"arn:aws:iam::012345678901:role{each['Path']}{each['RoleName']}"
    files = {"authorization_details.json": snapshots.canonical(details(roles=roles))}
    for name, content in files.items():
        (audit.snapshot / name).write_bytes(content)
    audit.manifest(files=snapshots.listing({}, files)["files"])
    return [each["Arn"] for each in roles]


def test_names_that_hold_the_path_of_this_run_are_left_alone(audit: Audit):
    """As a role `role/data/etl` of an account whose snapshot lies in `/data`."""
    places = (audit.snapshot, audit.out, audit.notebooks, Path(sys.prefix), Path.home())
    arns = evidence(audit, *(f"{place}/" for place in places))
    audit.notebook(
        "00-a",
        "from iamkit import charts, load\nimport pandas as pd\naccount = load(snapshot)",
        "print(*account.roles['role_arn'])",
        "charts.table(account.roles[['role_arn', 'role_name']], 'Roles')",
        "pd.options.display.max_colwidth = None\naccount.roles[['role_arn']]",
        "charts.say(*account.roles['role_arn'])",
        "import warnings; warnings.warn(account.roles['role_arn'].iloc[0])",
    )
    audit.render()
    for arn in arns:
        assert arn in audit.outputs("00-a")
        page = audit.page("00-a").replace("<wbr>", "")  # where a line of a cell may break
        assert page.count(arn) >= 4
        assert (audit.out / "identities.csv").read_text().count(arn) == 1
    page = audit.page("00-a").replace("<wbr>", "")
    assert page.count(arns[0]) >= 5, "in the warning, too"


def test_an_error_shows_names_as_they_are_and_files_without_their_place(audit: Audit):
    (arn,) = evidence(audit, f"{audit.notebooks}/")
    audit.notebook(
        "00-a",
        "from iamkit import load\naccount = load(snapshot)",
        "account.roles['role_arn'].map(lambda arn: {}[arn])",
    )
    with pytest.raises(NotebookError, match=f"00-a: Cell 4 failed: KeyError: '{arn}'"):
        audit.render()
    text = audit.page("00-a")
    assert "File pandas/core/" in text
    assert "site-packages" not in text
    assert f"KeyError: '{arn}'" in text.replace("&#39;", "'")


class Machine:
    """A tidier of a made-up run, and what it makes of a text that a program printed."""

    def __init__(self, audit: Audit, run: Path, notebooks: str) -> None:
        run.mkdir()
        self.given = Given(run, audit.snapshot, audit.out / "strict.yml")
        opened = snapshots.read(audit.snapshot)
        self._tidier = Tidier(opened, run, self.given, Path(notebooks))

    def __call__(self, text: str) -> str:
        from nbformat.v4 import new_code_cell, new_notebook, new_output

        output = new_output("stream", text=text)
        notebook = new_notebook(cells=[new_code_cell("1", outputs=[output])])
        return self._tidier.tidied(ExecutedNotebook(notebook)).notebook.cells[0].outputs[0].text


def test_only_what_the_run_made_up_is_taken_out(audit: Audit, tmp_path: Path):
    run = tmp_path / "iamkit-x7"
    machine = Machine(audit, run, "/srv/notebooks")
    for text, tidied in {
        f"{machine.given.snapshot}/x": "snapshot/x",
        str(machine.given.settings): "strict.yml",
        f"{run}/settings/ours.py": "ours.py",
        f"{run}/tmp/ipykernel_12/34.py:3: UserWarning": "cell:3: UserWarning",
        "/srv/notebooks/helper.py": "helper.py",
        f"{sys.prefix}/lib": "lib",
        "<Thing at 0x7f00aa11bb22>, <x.Y object at 0x7f00aa11bb22>": "<Thing>, <x.Y object>",
        "role/ipykernel_12/34.py": "role/ipykernel_12/34.py",
        "meet at 0x1234567890": "meet at 0x1234567890",
    }.items():
        assert machine(text) == tidied


@pytest.mark.parametrize(
    "written",
    [
        "/srv/notebooks/",
        "%2Fsrv%2Fnotebooks%2F",
        "%252fsrv%252fnotebooks/",
        "\\/srv\\/notebooks\\/",
    ],
)
def test_a_place_that_the_evidence_names_stays_however_it_is_written(
    audit: Audit, tmp_path: Path, written: str
):
    evidence(audit, written)
    machine = Machine(audit, tmp_path / "iamkit-x7", "/srv/notebooks")
    assert machine("role/srv/notebooks/etl") == "role/srv/notebooks/etl"
    assert machine(f"{sys.prefix}/lib") == "lib"


def test_an_address_stays_where_the_evidence_has_the_like(audit: Audit, tmp_path: Path):
    evidence(audit, "/<a at 0x1234567>/")
    machine = Machine(audit, tmp_path / "iamkit-x7", "/srv/notebooks")
    assert machine("/<a at 0x1234567>/etl") == "/<a at 0x1234567>/etl"


def test_where_there_are_no_links_places_are_named_as_they_are(
    audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "symlink_to", refused)
    machine = Machine(audit, tmp_path / "iamkit-x7", "/srv/notebooks")
    assert machine.given.snapshot == audit.snapshot
    assert machine(f"{audit.snapshot} {audit.out / 'strict.yml'}") == "snapshot strict.yml"
    evidence(audit, f"{audit.snapshot}/")
    machine = Machine(audit, tmp_path / "iamkit-x8", "/srv/notebooks")
    assert machine(f"role{audit.snapshot}/etl") == f"role{audit.snapshot}/etl"


def test_cells_are_named_as_ipykernel_names_them():
    from ipykernel.compiler import get_file_name

    assert re.fullmatch(re.escape(tempfile.gettempdir()) + "/" + CELL_FILE, get_file_name("1"))
