"""The page on remedies: what each ends, changes and stops, and what is left to decide."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.checks import SEVERITIES
from iamkit.pages import expected, overview, remedies
from tests.accounts import account, details, policy, report, user
from tests.pages import numbers
from tests.policies import EVERYTHING, line, person

ALL_OF_IT = "1 user, 1 new policy, 1 new group, 1 attached policy"
OLD = "2020-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Ann signs in without MFA and has a key that nobody uses; a policy is attached to nobody."""
    users = [person("ann", EVERYTHING), user("bo")]
    lines = report(line("ann", password=True, keys=1), line("bo", keys=2))
    made = details(users, policies=[policy("forgotten", {"Statement": []})])
    return account(tmp_path_factory.mktemp("company"), made, credential_report=lines)


@pytest.fixture(scope="module")
def offer(company: Account) -> remedies.Offer:
    return remedies.offered(company)


def test_those_that_end_the_gravest_findings_come_first(offer: remedies.Offer) -> None:
    shown = remedies.overview(offer)
    ids = [each.proposal.id for each in offer.remedies]
    assert ids[0] == "enforce-mfa"
    assert "delete-unattached-policies" in ids
    assert shown.iloc[0]["changes"] == ALL_OF_IT
    assert shown.iloc[0]["ends"] in ("1 high finding", "1 critical finding")


def test_what_is_changed_is_counted_once_per_kind(demo_account: Account) -> None:
    for changes in remedies.overview(remedies.offered(demo_account))["changes"]:
        kinds = [each.partition(" ")[2].removesuffix("s") for each in changes.split(", ")]
        assert len(kinds) == len(set(kinds)), changes


def test_the_first_page_says_what_to_do_to_whom_and_what_that_ends(company: Account) -> None:
    found = remedies.first(company)
    assert found == overview.facts(company)["changes"]
    assert len(found) <= 5
    assert found[0]["what"] == "Enforce MFA for everybody with a password"
    assert found[0]["whom"] == ALL_OF_IT
    assert found[0]["ends"].startswith("Ends at least 1 ")
    assert found[0]["address"] == "10-remedies.html#remedy-enforce-mfa"


def test_of_an_account_with_nothing_to_change_nothing_is_proposed(tmp_path: Path) -> None:
    safe: Account = account(tmp_path, details())
    assert [each for each in remedies.first(safe) if each["what"].startswith("Enforce")] == []


def test_each_fold_has_an_anchor_its_commands_and_who_may_be_cut_off(
    company: Account, offer: remedies.Offer
) -> None:
    folds = remedies.described(company, offer)
    assert len({fold["anchor"] for fold in folds}) == len(folds)
    links = remedies.links(offer)["remedy"]
    assert set(links.values()) == {f"#{fold['anchor']}" for fold in folds}
    texts = {part["label"]: part for part in folds[0]["parts"] if part["kind"] != "table"}
    assert "until a device is registered" in texts["May be cut off:"]["text"]
    lines = [text for text, _ in texts["Commands:"]["lines"]]
    assert "aws iam add-user-to-group --user-name ann --group-name iamkit-require-mfa" in lines
    assert any("remove-user-from-group" in text for text, _ in texts["To undo it:"]["lines"])
    assert "policy-iamkit-require-mfa.json:" in texts


def test_findings_are_ended_or_left_and_never_both(company: Account, offer: remedies.Offer) -> None:
    shown = numbers(remedies.headline(offer))
    ended, left = (int(shown[name][0]) for name in ("Findings they end", "Left to decide"))
    assert ended + left == len(offer.failing)
    assert ended == len({key for each in offer.remedies for key in keys(each)})
    folds = remedies.left(company, offer, overview.explained_at(company))
    assert len(folds) == offer.failing["check"].nunique()
    counted = sum(len(part["table"]["data"]) for fold in folds for part in fold["parts"]
                  if part["kind"] == "table")  # fmt: skip
    assert counted == left
    addresses = [part["address"] for fold in folds for part in fold["parts"]
                 if part["kind"] == "link" and part["label"].startswith("Why")]  # fmt: skip
    assert len(addresses) == len(folds)


def keys(each: remedies.Offered) -> set[tuple[Any, ...]]:
    return set(each.ends[["check", "subject"]].itertuples(index=False, name=None))


def test_a_proof_says_what_is_new_and_what_is_lost(company: Account) -> None:
    proven = remedies.offered(company, prove=True)
    assert proven.proven
    labels = {part["label"] for part in remedies.described(company, proven)[0]["parts"]
              if "label" in part}  # fmt: skip
    assert "Takes away:" in labels
    counted = {each.proposal.id: each for each in expected.expected(company)}
    for each in proven.remedies:
        assert keys(each) >= keys(counted[each.proposal.id])  # type: ignore[arg-type]


def test_a_key_that_stays_keeps_its_finding() -> None:
    slots = {"ann": {"1"}}
    for detail, ended in (("access key 1 is old", True), ("access key 2 is old", False)):
        row = type("Row", (), {"check": "old_access_key", "subject": "ann", "detail": detail})
        assert expected._ended(row, slots) is ended


@pytest.mark.parametrize(
    ("said", "command"),
    [
        (
            "create_policy X / policy-X.json",
            "aws iam create-policy --policy-name X --path / --policy-document file://policy-X.json",
        ),
        (
            "new_version arn:aws:iam::1:policy/X policy-X.json",
            "aws iam create-policy-version --policy-arn arn:aws:iam::1:policy/X --policy-document "
            "file://policy-X.json --set-as-default",
        ),
        (
            "set_key ann 2024-05-01T12:00:00 Inactive",
            "aws iam update-access-key --user-name ann --access-key-id '<made 2024-05-01>' "
            "--status Inactive",
        ),
        ("run delete-user --user-name 'a b'", "aws iam delete-user --user-name 'a b'"),
    ],
)
def test_lines_of_the_script_are_commands_of_the_cli(said: str, command: str) -> None:
    assert remedies.as_aws(said) == command
    assert shlex.split(command)[:2] == ["aws", "iam"]


def test_the_place_of_most_paths_stands_among_what_is_as_grave(
    demo_account: Account,
) -> None:
    found = remedies.first(demo_account)
    ranks = [SEVERITIES.index(each["severity"]) for each in found]
    assert ranks == sorted(ranks)
    (paths,) = (each for each in found if each["what"].startswith("End paths"))
    assert paths["severity"] == "high"
    page = remedies.overview(remedies.offered(demo_account))
    ranks = [SEVERITIES.index(each) for each in page["severity"]]
    assert ranks == sorted(ranks), "the page has the same order"
    titles = [each["what"] for each in found]
    assert [each for each in page["remedy"] if each in titles] == titles


def test_what_is_not_counted_is_not_said_to_be_none(demo_account: Account) -> None:
    offer = remedies.offered(demo_account)
    folds = remedies.described(demo_account, offer)
    assert {each.is_counted for each in offer.remedies} == {True, False}
    for each, fold in zip(offer.remedies, folds, strict=True):
        assert ("It is not counted" in json.dumps(fold)) is not each.is_counted
