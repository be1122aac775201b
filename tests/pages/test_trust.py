"""Who may assume roles from outside the account, as the page asks it."""

from pathlib import Path

import pytest

from iamkit import Account
from iamkit.pages import trust
from iamkit.trust import OUTBOUND_ROLES
from tests.accounts import ARN, account, again, details, role
from tests.pages import holding, numbers
from tests.policies import WITH_MFA, allow, document, person, trusts, worker

VENDOR = "arn:aws:iam::999988887777:root"
GITHUB = f"{ARN}oidc-provider/token.actions.githubusercontent.com"
FAR = "arn:aws:iam::999988887777:role/far"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Roles that trust outsiders: open and vendor too many of them, vendor and ci dangerously."""
    federated = {"Effect": "Allow", "Principal": {"Federated": GITHUB}}
    token = {**federated, "Action": "sts:AssumeRoleWithWebIdentity"}
    roles = [
        worker("open", trusts("*"), allow("s3:GetObject")),
        worker("vendor", trusts(VENDOR), allow("iam:*")),
        worker("ops", trusts("role/ci"), allow("iam:*")),
        worker("push", trusts("sns.amazonaws.com"), allow("s3:PutObject")),
        worker("lent", trusts("user/ann", Condition=WITH_MFA), allow("s3:GetObject")),
        worker("ci", document(token), allow("sts:AssumeRole", [FAR, f"{ARN}role/ops"])),
        role("torn", {"Statement": [{"Effect": "Allow", "Principal": 7, "Action": "x"}]}),
    ]
    users = [person("ann", allow("sts:AssumeRole", FAR))]
    providers = {"OpenIDConnectProviderList": [{"Arn": GITHUB, "ClientIDList": ["sts"]}]}
    folder = tmp_path_factory.mktemp("company")
    return account(folder, details(users, roles=roles), providers=providers)


def test_the_numbers_are_those_of_the_tables_below(company: Account) -> None:
    found = numbers(trust.headline(company))
    assert found["Trust outsiders"] == (
        str(trust.outsiders(company)["role_arn"].nunique()),
        "plain",
    )
    assert found["Trust outsiders"][0] == "3"
    assert found["Trust too many"] == ("4", "bad")
    assert found["Lead to admin access"] == ("2", "bad")


def test_each_role_says_which_administrator_access_it_leads_to(company: Account) -> None:
    found = trust.trusted(company).set_index("role_name")["admin_access"].dropna()
    assert found.to_dict() == {
        "vendor": "through IAM",
        "ops": "through IAM",
        "ci": "in one step",
    }


def test_roles_that_trust_too_many_are_listed_the_worst_first(company: Account) -> None:
    found = trust.too_many(company)
    assert found["problem"].tolist()[:2] == ["open to anyone", "no external id"]
    assert set(found["problem"]) <= set(trust.TOO_MANY)


def test_a_genuine_role_of_a_platform_may_lead_to_administrator_access(company: Account) -> None:
    held = again(company)
    platforms = company.platform_roles.head(0).reindex([0])
    held.__dict__["platform_roles"] = platforms.assign(
        role_arn=f"{ARN}role/vendor", standing="genuine"
    )
    assert trust.leading_to_admin(held)["role_name"].tolist() == ["ci"]


def test_trusted_principals_are_counted_by_kind(company: Account) -> None:
    found = trust.by_kind(company)
    assert list(found.columns) == ["without", "with a problem"]
    assert found.loc["anyone"].tolist() == [0, 1]
    assert found.loc["own identity"].tolist() == [2, 0]
    kinds = trust.kinds(company).set_index("who")
    assert kinds["trusted_principals"].to_dict() == found.sum(axis=1).to_dict()
    assert kinds["means"].notna().all()


def test_a_statement_that_trusts_too_many_names_a_caller(company: Account) -> None:
    found = trust.callers(company).set_index("role_name")["a_caller_that_is_admitted"]
    assert found["vendor"].startswith("arn:aws:iam::999988887777:")


def test_accounts_and_providers_are_two_tables(company: Account) -> None:
    assert set(trust.accounts(company)["role_name"]) == {"open", "vendor"}
    assert trust.federated(company)["role_name"].tolist() == ["ci"]


def test_a_service_counts_the_roles_that_nothing_narrows(company: Account) -> None:
    found = trust.services(company)
    assert found.loc["sns.amazonaws.com"].to_dict() == {
        "roles": 1,
        "narrowed": 0,
        "for_any_account": 1,
        "no_condition_needed": 0,
    }
    assert trust.services_for_any_account(company)["role_name"].tolist() == ["push"]


def test_a_provider_counts_the_roles_that_trust_it(company: Account) -> None:
    found = trust.identity_providers(company)
    assert found["roles_that_trust_it"].tolist() == [1]


def test_mfa_is_asked_of_aws_principals_only(company: Account) -> None:
    found = trust.by_mfa(company)
    assert found.loc["own identity"].tolist() == [1, 1]
    assert found.loc["anyone"].tolist() == [0, 1]
    assert "service" not in found.index
    assert set(trust.mfa_of_admin_access(company)["role_name"]) == {"ops", "vendor"}


def test_only_roles_that_are_not_in_use_are_unused(company: Account) -> None:
    assert set(trust.unused(company)["role_name"]) == {"open", "vendor", "ci"}
    used = again(company)
    used.__dict__["trusted_principals"] = company.trusted_principals.assign(unused=None)
    assert trust.unused(used).empty


def test_a_statement_that_cannot_be_read_says_what_is_wrong(company: Account) -> None:
    (row,) = trust.unreadable(company).to_dict("records")
    assert row["role_name"] == "torn"
    assert row["what_is_wrong"]


def test_roles_elsewhere_are_grouped_by_the_statement_that_names_them(company: Account) -> None:
    found = trust.outbound(company)
    assert found[["roles_of_other_accounts", "by"]].drop_duplicates().values.tolist() == [
        [FAR, "statement 1 of own"]
    ]
    assert found["identities"].tolist() == [2]
    assert sorted(found["among_them"].iloc[0]) == ["ann", "ci"]


def test_a_user_and_a_role_of_one_name_are_two_identities() -> None:
    row = {
        "name": "ann",
        "role": FAR,
        "whose": "unknown account",
        "policy_name": "own",
        "number": 1,
    }
    rows = [
        {**row, "statement": "statement 1", "principal_arn": arn, "policy_arn": arn, "kind": kind}
        for arn, kind in ((f"{ARN}user/ann", "user"), (f"{ARN}role/ann", "role"))
    ]
    found = trust.outbound(holding(outbound_roles=OUTBOUND_ROLES.rows(*rows)))
    assert found["identities"].tolist() == [2]


def test_a_chain_leads_from_outsiders_through_a_role_to_another_account(company: Account) -> None:
    found = trust.role_chains(company)
    assert found[["role_name", "onward"]].values.tolist() == [["ci", [FAR]]]


def test_an_empty_account_has_empty_tables(tmp_path: Path) -> None:
    nobody = account(tmp_path)
    tables = [trust.too_many, trust.by_kind, trust.kinds, trust.callers, trust.services]
    tables += [trust.identity_providers, trust.by_mfa, trust.outbound, trust.role_chains]
    assert [len(table(nobody)) for table in tables] == [0] * len(tables)
