"""Each check that fails is explained once, with the statement that decides and its element."""

from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.pages import explained, identities, overview
from tests.accounts import account, details, report
from tests.policies import EVERYTHING, line, person, trusts, worker


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Bo is an administrator with a password alone and a key, and anyone may assume a role."""
    users = [person("bo", EVERYTHING)]
    lines = report(line("bo", password=True, keys=1))
    roles = [worker("open", trusts("*"))]
    folder = tmp_path_factory.mktemp("company")
    return account(folder, details(users, roles=roles), credential_report=lines)


def marked(fold: Any) -> list[str]:
    return [line.strip() for part in fold["parts"] if part["kind"] == "code"
            for line, mark in part["lines"] if mark]  # fmt: skip


def by_check(company: Account, page: str) -> dict[str, Any]:
    folds = explained.explained(company, page)
    return {fold["anchor"].removeprefix("check-"): fold for fold in folds}


def test_every_check_that_fails_is_explained_on_its_page_and_links_lead_there(
    company: Account,
) -> None:
    at = overview.explained_at(company)
    there = {
        f"{page}.html#{fold['anchor']}"
        for page in {address.partition(".html")[0] for address in at.values()}
        for fold in explained.explained(company, page)
    }
    assert set(at.values()) == there


def test_a_fold_says_what_counts_what_to_do_and_who_recommends_it(company: Account) -> None:
    fold = by_check(company, "01-mfa")["password_without_enforced_mfa"]
    said = {part["label"]: part for part in fold["parts"] if "label" in part}
    assert {"What counts:", "How it may err:", "What to do:", "Who recommends it:"} <= set(said)
    to = said["Commands, and what is left:"]["address"]
    assert to == "10-remedies.html#check-password_without_enforced_mfa"
    assert fold["severity"] in ("critical", "high")
    assert fold["note"].startswith("1 of 1 ")


def test_the_statement_that_decides_is_shown_with_its_element_marked(company: Account) -> None:
    fold = by_check(company, "04-permissions")["administrator_user"]
    assert any(each.startswith('"Action": "*"') for each in marked(fold))
    assert any(each.startswith('"Resource"') for each in marked(fold))
    assert not any(each.startswith('"Effect"') for each in marked(fold))
    fold = by_check(company, "06-trust")["anyone_may_assume"]
    assert any(each.startswith('"Principal"') for each in marked(fold))


def test_the_command_by_hand_is_that_of_confirm(company: Account) -> None:
    fold = by_check(company, "04-permissions")["administrator_user"]
    text = [part["lines"][0][0] for part in fold["parts"] if part["kind"] == "code"]
    assert any(each.startswith("aws iam simulate-principal-policy ") for each in text)


def test_each_grave_identity_has_a_fold_that_says_why(company: Account) -> None:
    folds = {fold["title"]: fold for fold in identities.described(company)}
    assert set(folds) == set(identities.shown(company)["name"])
    bo = folds["bo"]
    assert bo["parts"][0]["text"].startswith(f"{bo['severity']}: ")
    titles = company.audit.findings.query("name == 'bo' and status == 'fail'")
    worst = titles[titles["severity"] == bo["severity"]]["title"]
    assert all(title in bo["parts"][0]["text"] for title in worst)
    links = identities.links(company)["name"]
    assert links["bo"] == f"11-identities.html#{bo['anchor']}"
    assert set(links) <= set(folds)


def test_what_a_page_has_no_room_for_is_said(company: Account, tmp_path: Path) -> None:
    assert len(identities.described(company, 1)) == 1
    said = identities.left_out(company)
    assert "identities.csv" in said or len(identities.shown(company)) == len(company.identities)
    assert "account." not in said, "a page is not asked"
    assert "No identity has a finding" in identities.left_out(account(tmp_path))
