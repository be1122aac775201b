"""Names in the settings that nothing in the account has are told, not passed over."""

import datetime as dt
from pathlib import Path

import pytest
from click.testing import CliRunner

from iamkit import Account
from iamkit.cli import main
from iamkit.pages import method
from iamkit.results import unmatched
from iamkit.settings import Acceptance
from tests.accounts import ARN, account, again, details, role, user, written

TRUST = {"Statement": []}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Account:
    contents = details([user("breaker")], roles=[role("emergency", TRUST)])
    return account(tmp_path_factory.mktemp("people"), contents)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("breaker", ""),
        ("break*", ""),
        (f"{ARN}role/emergency", ""),
        ("braeker", "which no user or role of the account has; did you mean breaker?"),
        (f"{ARN}role/emergencies", f"has; did you mean {ARN}role/emergency?"),
        ("glass-*", "break_glass names 'glass-*', which no user or role of the account has; corr"),
    ],
)
def test_a_break_glass_name_that_nobody_has_is_told(people: Account, name: str, says: str) -> None:
    said = " ".join(unmatched(again(people, break_glass=[name])))
    assert says in said
    assert bool(says) == bool(said)


def test_nothing_is_told_where_nobody_is_listed(tmp_path: Path) -> None:
    unlisted = account(tmp_path, "no details")  # type: ignore[arg-type]
    assert unlisted.missing("policy_assignments")
    assert unmatched(again(unlisted, break_glass=["ana"])) == []


def test_an_accepted_risk_that_is_not_there_is_told(people: Account) -> None:
    risk = Acceptance("old_access_key", "breaker", "Ana", "known", dt.date(2030, 1, 1), line=7)
    [said] = unmatched(again(people, accepted=[risk]))
    assert said.startswith("accepted, line 7: no finding of old_access_key is about 'breaker'; ")


def test_the_page_on_method_says_it(people: Account) -> None:
    shown = method.unused_settings(again(people, break_glass=["braeker"]))
    assert (shown.tone, "'braeker'" in shown.text) == ("note", True)
    assert method.unused_settings(people).tone == "plain"


def test_it_is_told_beside_the_pages_and_on_standard_error(tmp_path: Path, people: Account) -> None:
    path = written(tmp_path, details([user("breaker")])).snapshot.path
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / "00-a.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    given = ["report", str(path), "--notebooks", str(notebooks), "-p", "break_glass", "braeker"]
    result = CliRunner().invoke(main, given)
    said = "Settings: break_glass names 'braeker', which no user or role of the account has; did"
    assert (result.exit_code, said in result.stderr) == (0, True), result.stderr
    index = Path(result.stdout.strip()).read_text(encoding="utf-8")
    assert said.replace("'", "&#39;") in index
