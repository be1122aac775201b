"""A report is made again from its evidence: every byte is equal, or what differs is named."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from iamkit.cli import main
from iamkit.errors import ReportError
from iamkit.report import manifest, rebuild, verify
from iamkit.report.exports import FILES
from iamkit.report.manifest import MANIFEST
from iamkit.report.rebuild import as_yaml
from iamkit.settings_files import read
from tests.report.audits import Audit
from tests.report.test_kernels import with_own_check

SETTINGS = """# what we decided
unused_days: 9
accepted:

- check: root_used
  subject: "*"
  owner: "Ana \\U0001F511"
  reason: "It says: #1"
  expires: 2027-03-31
- {check: old_access_key, subject: ci, owner: Bo, reason: later, expires: 2027-01-01, ticket: 7}
approved_networks: [203.0.113.0/24]
known_accounts: ["012345678901"]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """A report with settings and parameters, one page of which failed."""
    audit = Audit(tmp_path_factory.mktemp("made"))
    (audit.out / "strict.yml").write_text(SETTINGS)
    audit.notebook(
        "00-a",
        "from iamkit import load\naccount = load(snapshot, settings)",
        "print(snapshot, settings, account.settings, share)",
        "account.audit.acceptances[['line', 'check']]",
    )
    audit.notebook("01-b", "{}['user']")
    with pytest.raises(Exception, match="01-b: Cell 3 failed"):
        audit.render(
            settings=audit.out / "strict.yml", parameters={"share": "0.25", "unused_days": "11"}
        )
    (audit.out / "strict.yml").unlink()  # the manifest holds what it said
    return audit


def test_every_byte_is_equal_whatever_lies_where(made: Audit, tmp_path: Path):
    shutil.copytree(made.out, tmp_path / "mailed", ignore=shutil.ignore_patterns("snapshot"))
    assert "unused_days=11" in made.outputs("00-a")
    again = rebuild(tmp_path / "mailed", made.snapshot, notebooks=made.notebooks)
    assert again.differing == ()
    assert again.reasons == ()
    assert again.files == 6 + len(FILES)
    assert not list(tmp_path.glob("**/iamkit-*"))


def test_a_page_that_was_sealed_anew_is_named(made: Audit, tmp_path: Path):
    forged = tmp_path / "forged"
    shutil.copytree(made.out, forged)
    page = (forged / "00-a.html").read_bytes().replace(b"0.25", b"0.75")
    (forged / "00-a.html").write_bytes(page)
    facts = manifest.read(forged)
    files = facts.pop("files") | {"00-a.html": manifest.sha256(page)}
    (forged / MANIFEST).write_bytes(manifest.sealed(facts, files, facts["failures"]))
    verify(forged)
    assert rebuild(forged, notebooks=made.notebooks).differing == ("00-a.html",)
    ran = CliRunner().invoke(main, ["rebuild", str(forged), "--notebooks", str(made.notebooks)])
    assert ran.exit_code == 1, ran.output
    assert ran.stdout == "00-a.html differs\n"
    assert f"iamkit: 1 of {6 + len(FILES)} files differs from what the evidence gives" in ran.stderr


def test_other_notebooks_and_versions_are_named_as_the_reason(made: Audit, tmp_path: Path):
    notebooks = tmp_path / "notebooks"
    shutil.copytree(made.notebooks, notebooks)
    source = (notebooks / "00-a.ipynb").read_text()
    (notebooks / "00-a.ipynb").write_text(source.replace("print(", "print(1, "))
    again = rebuild(made.out, notebooks=notebooks)
    assert again.reasons == ("the notebook 00-a is another",)
    assert again.differing == ("00-a.html", "00-a.ipynb")


def test_other_evidence_is_refused(made: Audit, tmp_path: Path):
    other = Audit(tmp_path)
    other.manifest(alias="another")
    with pytest.raises(ReportError, match=r"and the report is of evidence [0-9a-f]{64}; name that"):
        rebuild(made.out, other.snapshot)
    shutil.copytree(made.out, tmp_path / "copy")
    shutil.copy(other.snapshot / "manifest.json", tmp_path / "copy" / "snapshot")
    with pytest.raises(ReportError, match=r"but the pages are of evidence [0-9a-f]{64}; put the"):
        verify(tmp_path / "copy")


def test_checks_of_ones_own_have_to_be_given_again(audit: Audit):
    settings = with_own_check(audit, "pass")
    audit.notebook("00-a", "from iamkit import load\nlen(load(snapshot, settings).audit.results)")
    audit.render(settings=settings)
    with pytest.raises(
        ReportError, match=r"checks of your own \(ours.py\), which it does not hold"
    ):
        rebuild(audit.out, notebooks=audit.notebooks)
    assert rebuild(audit.out, settings=settings, notebooks=audit.notebooks).differing == ()
    with_own_check(audit, "0")
    again = rebuild(audit.out, settings=settings, notebooks=audit.notebooks)
    assert again.reasons == ("the own checks are others",)
    assert again.differing == (MANIFEST,)


def test_settings_are_read_from_a_manifest_as_from_their_file(tmp_path: Path):
    (tmp_path / "given.yml").write_text(SETTINGS)
    given = read(tmp_path / "given.yml")
    (tmp_path / "again.yml").write_text(as_yaml(given.values()))
    assert read(tmp_path / "again.yml") == given
    assert [each.line for each in given.accepted] == [5, 10]
