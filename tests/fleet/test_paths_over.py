"""The page over all accounts on paths between them: who reaches the management account, and how."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from iamkit.cli import main
from iamkit.fleet import paths_over
from tests.accounts import ACCOUNT, details, report, role, user
from tests.fleet.accounts import no_pages, run_file
from tests.policies import EVERYTHING, allow, document, inline

ONE, TWO = "111111111111", "222222222222"


def answers(folder: Path, account_id: str, management: str, trusted: str) -> str:
    """Saved answers: a user who may assume roles, and an administrator role that trusts others."""
    folder.mkdir()
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{trusted}:root"}}
    contents = {
        "details": details(
            [user("ann", UserPolicyList=inline(allow("sts:AssumeRole")))],
            roles=[
                role(
                    "<b>boss</b>",
                    document({**trust, "Action": "sts:AssumeRole"}),
                    RolePolicyList=inline(EVERYTHING),
                )
            ],
        ),
        "organization": {"Organization": {"Id": "o-ours123456", "MasterAccountId": management}},
    }
    for name, content in contents.items():
        said = json.dumps(content).replace(ACCOUNT, account_id)
        (folder / f"{name}.json").write_text(said)
    (folder / "credential_report.csv").write_text(report().replace(ACCOUNT, account_id))
    return str(folder)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    no_pages(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(here: Path, *, management: str = TWO, **lines: object) -> str:
    """The page of a run over two accounts, of which the second trusts the first."""
    accounts = [
        {"files": answers(here / "one", ONE, management, ONE), "account": ONE, "name": "shop"},
        {"files": answers(here / "two", TWO, management, ONE), "account": TWO, "name": "main"},
    ]
    run_file(here, accounts=accounts, **lines)
    ended = CliRunner().invoke(main, ["run", "--quiet"])
    assert ended.exit_code == 0, ended.output
    page = (here / "reports/index.html").read_text()
    return page[page.index('id="paths"') : page.index('id="gaps"')].replace("<wbr>", "")


def test_the_page_says_who_reaches_the_management_account_and_draws_it(here: Path) -> None:
    said = ran(here, paths=True)
    reaches = "Whoever has administrator access to one of 1 account can become administrator"
    assert f"{reaches} of the management account: shop ({ONE})." in said
    assert f'alt="From {ONE} to administrator access to {TWO}.' in said
    assert 'src="data:image/svg+xml;base64,' in said
    assert "What to remove first" in said
    assert "<b>boss" not in said
    assert "Left out" not in said


def test_paths_that_were_not_looked_for_are_not_absent(here: Path) -> None:
    said = ran(here)
    assert "was not looked for" in said
    assert "No account" not in said
    assert f"main ({TWO})" in said, "trust is known from what each audit keeps"
    assert f"shop ({ONE})" in said


def test_a_management_account_that_is_not_there_is_not_out_of_reach(here: Path) -> None:
    said = ran(here, paths=True, management="999999999999")
    assert "whose compromise reaches it is not known" in said
    assert "No account" not in said


def test_what_cannot_be_read_is_named(here: Path) -> None:
    ran(here)
    [damaged] = (here / "reports" / TWO).glob("*/snapshot/authorization_details.json")
    damaged.chmod(0o600)
    damaged.write_text("{}")
    found = paths_over.paths_over(here / "reports")
    assert any(f"account {TWO}: it is left out" in each for each in found.left_out)
    assert found.people.empty
    none = paths_over.paths_over(here / "none")
    assert none.left_out
    assert not none.knows_management
