"""A report with pseudonyms: no original name is in any of its outputs, whatever holds it."""

import base64
import json
import re
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iamkit import Account
from iamkit.cli import main
from iamkit.errors import ReportError, SnapshotError
from iamkit.report import rebuild, redact, verify
from tests.browser import NOT_FOUND, chromium
from tests.report.leaks import inside, leaks, texts

SETTINGS = """approved_networks: [203.0.113.0/24, 198.51.100.0/24]
known_accounts: ["999988887777"]
break_glass: [breakglass-1]
accepted:
- check: old_access_key
  subject: svc-*
  owner: Ana Fox
  reason: Waits for Zeppelin
  expires: 2027-03-31
  ticket: SEC-4711
"""
# Also names of AWS's own, or words that every report has: the first is of roles that services make,
# then come a policy of AWS's, a control's title, and an issuer that all of GitHub has.
EVERYBODYS = re.compile(
    r"AWSServiceRoleFor\w+|Billing|Support|token\.actions\.githubusercontent\.com|v\d"
)


def names_of(account: Account) -> set[str]:
    """Every name, account, id and address of an account's evidence, as whole words."""
    users, roles, groups = account.users, account.roles, account.groups
    own = account.policies[account.policies["kind"] != "aws"]
    found = {*users["user_name"], *roles["role_name"], *groups["group_name"], *own["policy_name"]}
    ids = [table[name] for table in (users, roles, groups, own) for name in table if "_id" in name]
    found |= {each for column in ids for each in column.dropna()}
    found |= {*account.mfa_devices["serial"].dropna(), *account.identity_providers["name"]}
    found |= {*account.server_certificates["name"], account.account_id, str(account.alias)}
    written = json.dumps(account.snapshot.json("authorization_details.json"))
    found |= set(re.findall(r"\b\d{12}\b", written))
    found |= set(re.findall(r"\b(?!0\.0\.0\.0)\d{1,3}(?:\.\d{1,3}){3}\b", written))
    found |= {"José García Núñez", "Brightwater Consulting", "Ponto Sul"}  # tags
    found |= {"Ana Fox", "Zeppelin", "SEC-4711", "999988887777"}
    return {each for each in found if isinstance(each, str) and not EVERYBODYS.fullmatch(each)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("redacted")


@pytest.fixture(scope="module")
def made(folder: Path, demo_snapshot: Path) -> Result:
    (folder / "names.yaml").write_text(SETTINGS)
    command = ["report", str(demo_snapshot), "--settings", str(folder / "names.yaml")]
    command += ["--redact", str(folder / "mapping.json"), "--out", str(folder / "shared"), "--pdf"]
    ended = CliRunner().invoke(main, [*command, "--zip", str(folder / "report.zip")])
    assert ended.exit_code == 0, ended.output
    return ended


def test_no_original_name_is_in_any_output(made: Result, folder: Path, demo_account: Account):
    names = names_of(demo_account)
    assert len(names) > 250
    assert leaks(folder / "shared", names) == {}
    (folder / "alone").mkdir()
    shutil.copy(folder / "report.zip", folder / "alone")
    assert leaks(folder / "alone", names) == {}
    assert not {name for name in names if name in made.stdout}


def test_names_are_found_where_they_hide(demo_account: Account, folder: Path, tmp_path: Path):
    """The search itself finds a name in an image of a page, a workbook and a file's name."""
    image = base64.b64encode(b"<svg><!-- alba.ibrahim --></svg>").decode()
    (tmp_path / "page.html").write_text(f'<img src="data:image/svg+xml;base64,{image}">')
    (tmp_path / "alba.ibrahim.txt").write_text("")
    with zipfile.ZipFile(tmp_path / "made.xlsx", "w") as held:
        held.writestr("xl/sharedStrings.xml", "<t>ask alba.ibrahim, or</t>")
    found = leaks(tmp_path, {"alba.ibrahim"})["alba.ibrahim"]
    expected = {"page.html: image 0", "names of files", "made.xlsx: xl/sharedStrings.xml"}
    assert found == expected


def test_charts_are_searched(made: Result, folder: Path):
    pages = [where for where, _ in texts(folder / "shared") if ": image" in where]
    assert len(pages) > 10
    assert dict(inside("x", b"plain")) == {"x": "plain"}


@pytest.mark.skipif(chromium() is None, reason=NOT_FOUND)
def test_sheets_of_the_pdf_are_searched(made: Result, folder: Path):
    sheets = {where: text for where, text in texts(folder / "shared") if "report.pdf" in where}
    assert len(sheets) > 20
    said = "".join(sheets.values())
    pseudonyms = json.loads((folder / "mapping.json").read_text())["names"].values()
    assert sum(name in said for name in pseudonyms) > 50


def test_the_mapping_is_apart_for_its_owner_and_holds_every_name(
    made: Result, folder: Path, demo_account: Account
):
    path = folder / "mapping.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    held = json.loads(path.read_text())["names"]
    assert set(demo_account.users["user_name"]) <= set(held)
    for _, text in texts(folder / "shared"):
        assert json.loads(path.read_text())["key"] not in text
    assert "keep it where the report's readers cannot see it" in made.stderr


def test_it_can_be_verified_and_made_again(made: Result, folder: Path):
    report = Path(made.stdout.strip()).parent
    verified = verify(report)
    assert verified.snapshot
    assert report.parent.name != "111122223333"
    assert rebuild(report).differing == ()


def test_the_same_mapping_gives_the_same_evidence(made: Result, folder: Path, demo_snapshot: Path):
    report = Path(made.stdout.strip()).parent
    shutil.copy(folder / "mapping.json", folder / "copy.json")
    again = redact(
        demo_snapshot, folder / "copy.json", folder / "again", settings=folder / "names.yaml"
    )
    assert verify(again.snapshot).evidence == verify(report).evidence
    assert again.settings
    other = {"key": "00" * 32, "names": {"111122223333": again.snapshot.parts[-3]}}
    (folder / "copy.json").write_text(json.dumps(other))
    with pytest.raises(SnapshotError, match="of other evidence or with other pseudonyms"):
        redact(demo_snapshot, folder / "copy.json", folder / "again")


def test_what_would_give_names_away_is_refused(folder: Path, demo_snapshot: Path, tmp_path: Path):
    with pytest.raises(ReportError, match="lies in the folder to be shared"):
        redact(demo_snapshot, tmp_path / "out" / "mapping.json", tmp_path / "out")
    (tmp_path / "ours.py").write_text("")
    (tmp_path / "own.yaml").write_text("own_checks: [ours.py]")
    with pytest.raises(ReportError, match="name settings without own_checks"):
        redact(demo_snapshot, tmp_path / "m.json", tmp_path / "out", settings=tmp_path / "own.yaml")
    assert not (tmp_path / "m.json").exists()
