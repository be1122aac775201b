"""From where each identity can be used, as the page asks it."""

import re

import pytest

from iamkit import Account
from iamkit.pages import counts, identities, network, overview
from iamkit.restrictions import NETWORK_RESTRICTIONS
from iamkit.tables import ROLES
from tests.accounts import ACCOUNT, account, again, details, report
from tests.pages import holding, numbers
from tests.policies import EVERYTHING, allow, deny, line, person, trusts, worker

OFFICE = "203.0.113.0/24"
AWAY = {"NotIpAddress": {"aws:SourceIp": [OFFICE]}}
INSIDE = {"IpAddress": {"aws:SourceIp": ["0.0.0.0/0", "10.0.0.0/8"]}}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Ann works in the office, bo mostly, cy anywhere; dee has no permissions."""
    users = [
        person("ann", EVERYTHING, deny("*", Condition=AWAY)),
        person("bo", allow(["s3:*", "iam:*"]), deny("iam:*", Condition=AWAY)),
        person("cy", EVERYTHING),
        person("dee"),
        person("eve", allow("ec2:*", Condition=INSIDE)),
    ]
    roles = [worker("ops", trusts(f"arn:aws:iam::{ACCOUNT}:user/cy"), allow("s3:GetObject"))]
    lines = report(*(line(each, password=True) for each in ("ann", "bo", "cy", "dee")), line("eve"))
    folder = tmp_path_factory.mktemp("company")
    return account(folder, details(users, roles=roles), credential_report=lines)


def test_the_numbers_are_those_of_the_tables_below(company: Account) -> None:
    assert numbers(network.headline(company)) == {
        "Restricted": ("17 %", "plain"),
        "Partly restricted": ("1", "note"),
        "Lists of networks": ("3", "plain"),
        "Open lists": ("1", "bad"),
    }


def test_the_share_is_that_of_the_first_page(company: Account) -> None:
    """One measure has one number on every page: of users and roles, without service-linked ones."""
    there = overview.number(company, "network_restricted")
    assert (there.part, there.whole) == (1, 6)
    (_, _, note, _) = network.headline(company).items[0]
    assert note == "1 of 6 users and roles: from named networks only"


def test_roles_of_aws_count_on_no_page(demo_account: Account) -> None:
    whole = counts.users_and_roles(demo_account)
    assert whole == len(demo_account.identities) - 1, "without root"
    assert whole < len(demo_account.permissions.principals), "it has service-linked roles"
    for measure in ("network_restricted", "administrators"):
        assert overview.number(demo_account, measure).whole == whole
    verdicts = network.restricted_or_not(demo_account)["principal_arn"]
    assert set(verdicts) <= set(demo_account.identities["principal_arn"])
    said = identities.populations(demo_account).set_index("who")["number"]
    assert said["users and roles"] == whole == said["users"] + said["roles"]
    practice = overview.practices(demo_account).set_index("practice").loc["Networks"]
    parts = [int(number) for number in re.findall(r"(\d+)(?= of| are| have)", practice["verdict"])]
    assert sum(parts) == whole, "all verdicts together are everybody"


def test_identities_without_permissions_are_left_out(company: Account) -> None:
    found = network.restricted_or_not(company).set_index("name")
    assert set(found.index) == {"ann", "bo", "cy", "eve", "ops"}
    assert found.loc["cy", ["privilege", "access"]].tolist() == ["admin", "console"]


def test_identities_are_counted_by_kind_and_verdict_the_best_first(company: Account) -> None:
    found = network.by_kind(company)
    assert list(found.columns) == ["restricted", "partly restricted", "unrestricted"]
    assert found.loc["user"].tolist() == [1, 1, 2]
    assert found.loc["role"].tolist() == [0, 0, 1]


def test_users_with_credentials_that_work_from_outside_are_listed(company: Account) -> None:
    found = network.users_from_outside(company)
    assert found["name"].tolist() == ["cy", "bo"], "eve has no credential, ann is restricted"


def test_each_that_works_from_outside_has_a_request(company: Account) -> None:
    found = network.requests_from_outside(company).set_index("name")
    assert list(found.index) == ["cy", "eve", "bo", "ops"], "the riskiest first"
    assert found["request that is allowed"].notna().all()


def test_each_that_is_restricted_is_shown_with_its_networks(company: Account) -> None:
    found = network.restricted_to(company).set_index("name")
    assert list(found.index) == ["ann", "bo"]
    assert found.loc["ann", "networks"] == [OFFICE]
    assert found.loc["ann", "policy"] == "own"


def test_lists_that_admit_every_address_come_first(company: Account) -> None:
    found = network.lists(company)
    assert found["networks"].tolist() == [["0.0.0.0/0", "10.0.0.0/8"], [OFFICE], [OFFICE]]
    assert len(network.lists_with_mistakes(company)) == 1


def test_no_list_is_unapproved_unless_the_settings_approve_some(company: Account) -> None:
    assert network.unapproved(company).empty
    approving = again(company, approved_networks=[OFFICE])
    assert network.unapproved(approving)["policy_name"].tolist() == ["own"]


def test_missing_evidence_takes_the_place_of_the_numbers() -> None:
    lists = NETWORK_RESTRICTIONS.rows().assign(open=False)
    nobody = NETWORK_RESTRICTIONS.rows().assign(privilege=None, access=None, mfa_enforced=None)
    held = holding(
        "policies are not known",
        network_restrictions=NETWORK_RESTRICTIONS.rows(),
        network_lists=lists,
        identities=nobody,
        roles=ROLES.rows(),
    )
    assert str(network.headline(held)) == "Not assessed: policies are not known."
