"""The command of a finding asks the simulator for what the finding says is allowed."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account
from iamkit.confirm import by_hand, commands_by_hand
from tests.accounts import ARN, account, details, group, policy, role, user
from tests.confirm.simulator import Simulator
from tests.examples import thorough
from tests.policies import allow, attached, deny, document, inline, trusts
from tests.processes import run

SERVICE = {
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
OFFICE = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
COMPANY = details(
    users=[
        user("ann", AttachedManagedPolicies=attached("everything")),
        user("ben", UserPolicyList=inline(allow("*", Condition=OFFICE))),
        user("cat", UserPolicyList=inline(allow(["iam:PassRole", "lambda:*"]))),
        user("dan", AttachedManagedPolicies=attached("secrets", "trails")),
        user("eve", UserPolicyList=inline(allow("*"), deny("iam:*"))),
        user("fay", UserPolicyList=inline(allow("sts:AssumeRole"))),
    ],
    groups=[group("all", Arn=f"{ARN}group/all", AttachedManagedPolicies=attached("trails"))],
    roles=[
        role("job", document(SERVICE), RolePolicyList=inline(allow("*"))),
        role("admins", trusts("root"), RolePolicyList=inline(allow("*"))),
    ],
    policies=[
        policy("everything", document(allow("*")), AttachmentCount=1),
        policy("secrets", document(allow(["secretsmanager:*", "kms:*"])), AttachmentCount=1),
        policy("trails", document(allow("cloudtrail:*")), AttachmentCount=1),
        policy("nobodys", document(allow("kms:*"))),
    ],
)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return account(tmp_path_factory.mktemp("company"), COMPANY)


def options(said: str) -> dict[str, str]:
    words = shlex.split(said)
    assert words[:3] == ["aws", "iam", "simulate-principal-policy"]
    return dict(zip(words[3::2], words[4::2], strict=True))


def answered(of: Account, said: str) -> str:
    """What the stand-in of the simulator says to a command."""
    given = options(said)
    form = {"PolicySourceArn": given["--policy-source-arn"]}
    form["ActionNames.member.1"] = given["--action-names"]
    form["ResourceArns.member.1"] = given["--resource-arns"]
    for at, each in enumerate(json.loads(given.get("--context-entries", "[]")), start=1):
        key = f"ContextEntries.member.{at}"
        form |= {f"{key}.{name}": each[name] for name in ("ContextKeyName", "ContextKeyType")}
        for number, value in enumerate(each["ContextKeyValues"], start=1):
            form[f"{key}.ContextKeyValues.member.{number}"] = value
    simulator = Simulator(of)
    assert simulator.problem(form) == ""
    (result,) = simulator.results(form)
    return result.partition("<EvalDecision>")[2].partition("<")[0]


def check(of: Account) -> set[str]:
    """The checks whose findings have a command; the simulator allows each."""
    findings = of.audit.findings
    said = commands_by_hand(of, findings)
    assert said.index.equals(findings.index)
    for text in set(said[said.ne("")]):
        assert "\n" not in text
        assert answered(of, text) == "allowed", text
    assert not findings.loc[said.ne(""), "check"].str.contains("password_policy").any()
    return set(findings.loc[said.ne(""), "check"])


def test_what_a_finding_says_is_allowed_when_it_is_asked_by_hand(company: Account) -> None:
    assert check(company) >= {
        "administrator_user",
        "administrator_role",
        "can_become_administrator",
        "full_access_to_cloudtrail",
        "near_administrator",
        "reads_every_secret",
        "whole_services_everywhere",
    }


@pytest.mark.skipif(not thorough(), reason="make test-large")
def test_so_it_is_in_the_demo_company(demo_account: Account) -> None:
    assert len(check(demo_account)) > 15


def test_a_finding_of_a_policy_asks_for_somebody_who_has_it(company: Account) -> None:
    findings = company.audit.findings
    said = commands_by_hand(company, findings)
    of = {row.subject: said[at] for at, row in findings.iterrows()
          if row.check == "full_access_to_kms"}  # fmt: skip
    assert options(of[f"{ARN}policy/secrets"])["--policy-source-arn"] == f"{ARN}user/dan"
    assert of.get(f"{ARN}policy/nobodys", "") == "", "nobody has it"


def test_what_trust_policies_decide_has_no_command(company: Account) -> None:
    witness = {"action": "sts:AssumeRole", "resource": f"{ARN}role/admins", "context": {}}
    assert by_hand(company, f"{ARN}user/fay", witness) == ""


def test_a_shell_takes_names_of_the_account_as_they_are(tmp_path: Path) -> None:
    name = "a'; touch x; `id` $HOME"
    hostile = user(name, Tags=[{"Key": "team", "Value": name}], UserPolicyList=inline(
        allow("sqs:*", Condition={"StringEquals": {"aws:PrincipalTag/team": name}})))  # fmt: skip
    made = account(tmp_path, details(users=[hostile]))
    witness: dict[str, Any] = {"action": "sqs:ListQueues", "resource": "*", "context": {}}
    said = by_hand(made, f"{ARN}user/{name}", witness)
    if os.name == "posix":
        shown = run(["sh", "-c", f'aws() {{ printf "%s\\n" "$@"; }}; {said}'],
                    cwd=tmp_path, capture_output=True, text=True)  # fmt: skip
        assert shown.stdout.splitlines() == shlex.split(said)[1:]
    assert json.loads(options(said)["--context-entries"])[0]["ContextKeyValues"] == [name]
    assert not (tmp_path / "x").exists()


def test_without_policies_in_the_evidence_no_finding_has_a_command(tmp_path: Path) -> None:
    """Only the credential report was collected: who may do what is not known."""
    made = account(tmp_path, None)
    gap = {"call": "iam:GetAccountAuthorizationDetails", "code": "AccessDenied", "meaning": "no"}
    made.snapshot.manifest["gaps"].append(gap)
    findings = pd.DataFrame({"check": ["administrator_user"], "subject": [f"{ARN}user/ann"]})
    assert made.missing("permissions")
    assert commands_by_hand(made, findings).tolist() == [""]
