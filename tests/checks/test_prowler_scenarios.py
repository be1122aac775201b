"""Prowler's own test accounts: the same answers, or the reason why not."""

import base64
import csv
import io
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from iamkit import Account, load
from iamkit.checks import run
from iamkit.checks.registry import CHECKS
from iamkit.checks.run import Audit
from iamkit.evidence import cli_files
from iamkit.reference.frameworks import load_controls
from tests import accounts

DATA = Path(__file__).parent.parent / "data" / "prowler"
CASES = json.loads((DATA / "scenarios.json").read_text())
SCENARIOS = {case["id"]: case for case in CASES["scenarios"]}
NOW = datetime.fromisoformat(CASES["now"]).replace(tzinfo=UTC)
DISAGREE = yaml.safe_load((DATA / "disagreements.yaml").read_text())
POLICY_RULES = {
    "length": "MinimumPasswordLength",
    "symbols": "RequireSymbols",
    "numbers": "RequireNumbers",
    "uppercase": "RequireUppercaseCharacters",
    "lowercase": "RequireLowercaseCharacters",
    "allow_change": "AllowUsersToChangePassword",
    "expiration": "ExpirePasswords",
    "max_age": "MaxPasswordAge",
    "reuse_prevention": "PasswordReusePrevention",
    "hard_expiry": "HardExpiry",
}


@cache
def aws_documents() -> dict[str, dict[str, Any]]:
    """Documents of the AWS managed policies that scenarios attach, as moto has them."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    found: dict[str, dict[str, Any]] = json.loads(aws_managed_policies_data)
    return found


def with_aws_policies(details: dict[str, Any]) -> dict[str, Any]:
    """Authorization details hold every attached AWS managed policy; the scenarios leave it out."""
    entries = [
        entry for kind in ("User", "Group", "Role") for entry in details[f"{kind}DetailList"]
    ]
    attached = {
        p["PolicyArn"]: p["PolicyName"] for e in entries for p in e["AttachedManagedPolicies"]
    }
    shown = {policy["Arn"] for policy in details["Policies"]}
    added = []
    for arn, name in attached.items():
        if arn not in shown and arn.startswith("arn:aws:iam::aws:"):
            version = {
                "VersionId": "v1",
                "IsDefaultVersion": True,
                "Document": aws_documents()[name]["Document"],
            }
            added.append(
                {
                    "PolicyName": name,
                    "Arn": arn,
                    "DefaultVersionId": "v1",
                    "PolicyVersionList": [version],
                }
            )
    named = {
        "GroupName": "nobody",
        "Arn": "arn:aws:iam::123456789012:group/nobody",
        "GroupPolicyList": [],
        "AttachedManagedPolicies": [],
    }  # whose account
    return {
        **details,
        "GroupDetailList": [*details["GroupDetailList"], named],
        "Policies": [*details["Policies"], *added],
    }


def answers(scenario: dict[str, Any]) -> dict[str, Any]:
    """The scenario as saved answers, by file name; what is refused is not there."""
    given = scenario["overrides"]
    found: dict[str, Any] = {"authorization_details": with_aws_policies(scenario["account"])}
    if None in (given.get("roles", []), given.get("entities_role_attached_to_support_policy", [])):
        found["authorization_details"]["IsTruncated"] = True  # some roles were not shown
    rules = given.get("password_policy", scenario["password_policy"])
    if rules and rules.get("_type"):
        rules = {POLICY_RULES[name]: value for name, value in rules.items() if name != "_type"}
    if rules:
        found["password_policy"] = {"PasswordPolicy": rules}
    if "account_summary" in given:
        found["account_summary"] = given["account_summary"]
    if "virtual_mfa_devices" in given:
        found["virtual_mfa_devices"] = {"VirtualMFADevices": given["virtual_mfa_devices"]}
        found["mfa_devices"] = {"MFADevices": []}
    if "users[0].mfa_devices" in given:
        found["mfa_devices"] = {"MFADevices": given["users[0].mfa_devices"]}
        found["virtual_mfa_devices"] = {"VirtualMFADevices": []}
    if "organization_features" in given:
        found["organizations_features"] = {
            "OrganizationId": "o-example",
            "EnabledFeatures": given["organization_features"],
        }
    return found


def credential_report(scenario: dict[str, Any]) -> str:
    rows = [dict(row) for row in scenario["credential_report"] or []]
    if not rows:  # every account's report has the root user
        return accounts.report().replace(accounts.ACCOUNT, "123456789012")
    used = scenario["overrides"].get("users[0].password_last_used")
    for row in rows:
        if row["user"] == "<root_account>":
            row["arn"] = "arn:aws:iam::123456789012:root"
        elif used:
            row |= {"password_last_used": used.replace(" ", "T"), "password_enabled": "true"}
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def loaded(scenario: dict[str, Any], folder: Path) -> Account:
    given = folder / "given"
    given.mkdir()
    found = answers(scenario)
    found["credential_report"] = {
        "Content": base64.b64encode(credential_report(scenario).encode()).decode(),
        "ReportFormat": "text/csv",
        "GeneratedTime": NOW.isoformat(),
    }
    found["caller_identity"] = {
        "Account": "123456789012",
        "UserId": "AIDAEXAMPLE",
        "Arn": "arn:aws:iam::123456789012:user/auditor",
    }
    for name, answer in found.items():
        (given / f"{name}.json").write_text(json.dumps(answer))
    settings = folder / "iamkit.yml"
    settings.write_text("hardware_mfa: everyone\n")
    snapshot = cli_files.from_files(folder / "reports", given, as_of=NOW)
    return load(snapshot, settings)


def subjects(account: Account, result: dict[str, Any]) -> set[str]:
    """The subjects that stand for one of Prowler's resources."""
    named, arn = result["resource_id"] or "", result["resource_arn"] or ""
    if named == "<root_account>":
        return {"arn:aws:iam::123456789012:root"}
    if ":group/" in arn and "policy" not in named:
        members = account.memberships.query("group_arn == @arn")["user_arn"]
        return {arn, *members}
    policies = set(account.policies["policy_arn"])
    inline = f"{arn}#{named.rsplit('/', 1)[-1]}"
    if inline in policies:
        return {inline, arn}
    known = {*account.principals["principal_arn"], *policies}
    return {arn} if arn in known else {"123456789012"}


@cache
def mapped() -> dict[str, list[str]]:
    """Which of our checks answer each of Prowler's."""
    table = load_controls().query("framework == 'Prowler'")
    return dict(zip(table["id"], table["checks"], strict=True))


def answer(account: Account, outcome: Audit, result: dict[str, Any]) -> str:
    """FAIL, PASS or not assessed, in Prowler's words for one of its resources."""
    # What Prowler fails and we note is one fact, told by both.
    found = outcome.findings.query("status in ['fail', 'noted']")
    if set(found["subject"]) & subjects(account, result):
        return "FAIL"
    open_ = outcome.results["status"].eq("not assessed").any()
    return "not assessed" if open_ else "PASS"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_answered_as_expected_or_with_a_reason(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS[name]
    checks = mapped()[scenario["check"]]
    account = loaded(scenario, tmp_path)
    outcome = run.run(account, {check: CHECKS[check] for check in checks})
    results = outcome.results
    assert not results["reason"].fillna("").str.contains("broke").any()
    if not scenario["expected"]:  # nothing to judge: nothing may fail
        failing = ["FAIL"] * int(results["status"].isin(["fail", "noted"]).any())
        assert failing == DISAGREE.get(name, {"answer": []})["answer"]
        refused = None in scenario["overrides"].values()
        assert not refused or results["status"].eq("not assessed").all()
        return
    got = [answer(account, outcome, result) for result in scenario["expected"]]
    wanted = [result["status"] for result in scenario["expected"]]
    if name in DISAGREE:
        assert got == DISAGREE[name]["answer"], DISAGREE[name]["reason"]
        assert got != wanted, "they agree by now: take it off the list"
    else:
        assert got == wanted


def test_every_disagreement_is_about_a_scenario() -> None:
    assert set(DISAGREE) <= set(SCENARIOS)
    assert all(len(entry["reason"]) > 40 for entry in DISAGREE.values())
