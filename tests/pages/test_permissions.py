"""Who can do what, and who is an administrator, as the page asks it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account
from iamkit.lint import LINT
from iamkit.pages import mfa, permissions
from iamkit.tables.schema import LAST_ACCESSED
from tests.accounts import ARN, account, details, policy, report
from tests.pages import checked, holding, numbers
from tests.policies import (
    EVERYTHING,
    WITH_MFA,
    allow,
    attached,
    bounded,
    controlled,
    document,
    line,
    person,
    trusts,
    worker,
)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """
    Ann is an administrator with MFA, bo may make himself one, and cy writes buckets.

    The role ann has the user's name and reads.
    """
    users = [
        person("ann", {**EVERYTHING, "Condition": WITH_MFA}),
        person("bo", allow("iam:AttachUserPolicy")),
        person("cy", AttachedManagedPolicies=attached("Buckets", "Tables"), **bounded("Fence")),
    ]
    roles = [worker("ann", trusts("*"), allow("s3:ListAllMyBuckets"))]
    policies = [
        policy("Buckets", document(allow("s3:*")), AttachmentCount=1),
        policy("Tables", document(allow("dynamodb:GetItem")), AttachmentCount=1),
        policy("Fence", document(EVERYTHING), PermissionsBoundaryUsageCount=1),
        policy("Spare", document(allow("s3:GetObject"))),
    ]
    lines = report(line("ann", password=True, mfa=True), line("bo", keys=1), line("cy", keys=1))
    folder = tmp_path_factory.mktemp("company")
    contents = details(users, roles=roles, policies=policies)
    return account(folder, contents, credential_report=lines)


def test_the_numbers_are_those_of_the_tables_below(company: Account) -> None:
    found = numbers(permissions.headline(company))
    problems = company.lint.query("kind != 'aws'")["severity"]
    assert found["Users and roles"] == ("4", "plain")
    assert found["Administrators"] == ("2", "plain")
    of_mfa = numbers(mfa.headline(company))[mfa.ADMINISTRATORS_ENFORCED]
    assert found[mfa.ADMINISTRATORS_ENFORCED] == of_mfa, "one fact, one number on both pages"
    assert int(found["Mistakes in policies"][0]) == problems.eq("high").sum()


def test_the_page_says_whether_control_policies_count(company: Account) -> None:
    said = permissions.control_policies(company)
    assert "not in the evidence" in said.text
    assert said.tone == "note"
    said = permissions.control_policies(controlled(company, document(EVERYTHING)))
    assert said.text == "Service control policies are in the evidence and count."
    assert said.tone == "plain"


def test_administrators_come_first_and_then_whoever_can_do_most(company: Account) -> None:
    found = permissions.most_powerful(company)
    assert found[["kind", "name", "admin"]].values.tolist() == [
        ["user", "ann", "everything"],
        ["user", "bo", "through IAM"],
        ["user", "cy", ""],
        ["role", "ann", ""],
    ]
    assert found["policies"].tolist() == [["own"], ["own"], ["Buckets", "Tables"], ["own"]]
    assert found.loc[found["name"].eq("bo"), "stolen key"].tolist() == [1]
    assert found["stolen key"].iloc[0] == 0
    assert len(permissions.most_powerful(company, 2)) == 2


def test_each_administrator_is_listed_with_the_contexts(company: Account) -> None:
    found = permissions.administrators(company)
    assert found["name"].tolist() == ["ann", "bo"]
    assert found["arrives_with"].tolist()[0] == "MFA, from outside; MFA, from inside"


def test_each_administrator_has_the_statement_that_makes_it_one(company: Account) -> None:
    found = permissions.what_makes_administrators(company).set_index("name")
    assert found["certain"].to_dict() == {"ann": True, "bo": True}
    assert found.loc["bo", "request that is allowed"].startswith("iam:AttachUserPolicy")


def test_whoever_may_give_himself_more_comes_first_and_then_whoever_changes_more(
    company: Account,
) -> None:
    found = permissions.changes(company)
    assert found[["kind", "name"]].values.tolist() == [
        ["user", "bo"],
        ["user", "cy"],
        ["role", "ann"],
    ]
    assert found["privilege"].str.partition(":")[0].tolist()[1:] == ["write", "read"]


def test_services_are_counted_of_who_is_no_administrator(company: Account) -> None:
    found = permissions.by_service(company, services=2)
    assert list(found.columns) == ["s3", "dynamodb"]
    assert found.index.tolist() == ["cy", "ann"]
    assert found["dynamodb"].tolist() == [1, 0]
    assert permissions.by_service(company, identities=1).index.tolist() == ["cy"]


def test_a_risky_action_names_who_can_take_it_with_a_stolen_key(company: Account) -> None:
    found = permissions.exposed_by_stolen_key(company).set_index("action")
    assert found.loc["iam:AttachUserPolicy", "among_them"] == ["bo"]


def test_the_worked_example_is_of_the_most_powerful(company: Account) -> None:
    assert permissions.example(company) == f"{ARN}user/ann"
    found = permissions.why(company, "bo", "iam:AttachUserPolicy", "*")
    assert found["effect"].tolist()[0] == "Allowed"


def test_of_nobody_there_is_no_example(tmp_path: Path) -> None:
    nobody = account(tmp_path)
    assert permissions.example(nobody) == ""
    found = permissions.why(nobody, "", "s3:GetObject", "*")
    assert list(found.columns) == ["context", "effect", "why"]
    assert found.empty


def test_wide_statements_count_whom_they_are_for(company: Account) -> None:
    found = permissions.wide_statements(company)
    assert found.loc[found["policy"] == "Buckets", "holders"].tolist() == [1]
    assert found.loc[found["policy"] == "Fence", "holders"].tolist() == [0]
    assert not found["policy"].isin(["Tables", "Spare"]).any()


def test_a_boundary_that_removes_nothing_comes_first(company: Account) -> None:
    found = permissions.boundaries(company)
    assert found[["name", "boundary", "removed"]].values.tolist() == [["cy", "Fence", 0]]


def test_services_that_nobody_used_are_counted_by_identity() -> None:
    ann, bo = f"{ARN}user/ann", f"{ARN}user/bo"
    used = "2026-09-01T00:00:00Z"
    rows = [(ann, "s3", used), (ann, "ec2", None), (bo, "s3", None), (bo, "ec2", None)]
    held = holding(
        last_accessed=LAST_ACCESSED.rows(
            *({"principal_arn": arn, "service": name, "last_used": at} for arn, name, at in rows)
        ),
        principals=pd.DataFrame({"principal_arn": [ann, bo], "name": ["ann", "bo"]}),
    )
    found = permissions.unused_services(held)
    assert found.values.tolist() == [["bo", 2, 2], ["ann", 2, 1]]


def test_a_user_and_a_role_of_one_name_are_two_holders_of_policies(company: Account) -> None:
    found = permissions.policies_held(company)
    assert found.values.tolist() == [["cy", 2], ["ann", 1], ["ann", 1], ["bo", 1]]


def test_a_policy_that_bounds_somebody_is_no_unattached_one(company: Account) -> None:
    assert permissions.unattached_policies(company)["policy_name"].tolist() == ["Spare"]


def test_a_role_that_trusts_everyone_is_listed(company: Account) -> None:
    assert permissions.open_to_anyone(company)["role"].tolist() == ["ann"]


def problem(severity: str, kind: str = "customer") -> dict[str, Any]:
    name = f"{severity} {kind}"
    return {"policy_arn": name, "policy_name": name, "kind": kind, "severity": severity}


def test_problems_of_own_policies_are_listed_the_most_severe_first() -> None:
    rows = [problem(each) | {"problem": each} for each in ("info", "high", "low", "medium")]
    lint = pd.DataFrame([*rows, problem("high", "aws")], columns=LINT.names)
    held = holding(lint=lint, audit=checked())
    found = permissions.policy_problems(held)
    assert found["problem"].tolist() == ["high", "medium", "low", "info"]
    assert found["severity"].isna().all(), "no check reports them"


def test_a_mistake_has_the_severity_of_the_finding_that_reports_it(demo_account: Account) -> None:
    """The same fact has one severity on all pages."""
    found = permissions.policy_problems(demo_account)
    wrong = demo_account.audit.findings.query("status == 'fail'")
    severity = {(row.check, row.name): row.severity for row in wrong.itertuples(index=False)}
    said = found.set_index("policy_name")["severity"]
    assert said["RequireMFA-Support"] == severity["policy_says_otherwise", "RequireMFA-Support"]
    assert set(said["ReportingJobs"]) == {severity["policy_names_nothing", "ReportingJobs"]}
    lists = found[found["problem"].str.contains("every IPv4 address")]
    assert set(lists["severity"]) == {severity["network_list_open", lists["policy_name"].iloc[0]]}
    assert pd.isna(said["EverythingButIdentity"])
