"""Effective permissions of whole accounts, against answers that are known."""

import csv
import gzip
import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from iamkit import account as accounts
from iamkit import demo
from iamkit.access import contexts
from iamkit.access.permissions import effective
from iamkit.access.principals import Principals
from iamkit.account import Account
from iamkit.errors import SettingsError
from iamkit.evidence import cli_files
from iamkit.policy.context import RequestContext
from iamkit.policy.decision import decide
from iamkit.policy.evaluation import CERTAIN, POSSIBLE, PolicyEvaluator
from iamkit.policy.model import Policy, PolicyLayers
from tests.accounts import ARN, again, details, policy, report, role, user
from tests.accounts import account as imported

MATRIX = Path(__file__).parents[1] / "data" / "matrix"


@cache
def inputs() -> dict[str, Any]:
    return json.loads((MATRIX / "inputs.json").read_text())


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Principals:
    given = {"authorization_details": MATRIX / "authorization_details.json"}
    snapshot = cli_files.from_files(tmp_path_factory.mktemp("matrix"), named=given)
    return Principals(accounts.load(snapshot))


def expected() -> list[dict[str, str]]:
    with gzip.open(MATRIX / "expected.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


def layers_of(setting: Principals, principal: str) -> PolicyLayers:
    scps = tuple(
        tuple(
            Policy(f"{level['level']} {n}", document)
            for n, document in enumerate(level["policies"])
        )
        for level in inputs()["scp_levels"]
    )
    return setting.layers(principal)._replace(scps=scps)


def context_of(
    setting: Principals, principal: str, name: str, question: dict[str, Any]
) -> RequestContext:
    who = {key: value for key, value in setting.known(principal).items() if key != "aws:userid"}
    return RequestContext({**who, **inputs()["contexts"][name], **question["extra_context"]})


def test_every_question_of_the_matrix_is_decided_right(matrix: Principals) -> None:
    questions = {str(question["id"]): question for question in inputs()["questions"]}
    wrong = []
    for row in expected():
        principal = row["principal"]
        context = context_of(matrix, principal, row["context"], questions[row["question"]])
        layers = layers_of(matrix, principal)
        decision = decide(
            row["action"],
            row["resource"],
            context,
            identity=layers.identity,
            boundary=layers.boundary,
            scps=layers.scps,
        )
        if decision.effect != row["expected"]:
            wrong.append((row, decision))
    assert wrong == []


def test_the_bit_rows_of_a_resource_answer_the_matrix_too(matrix: Principals) -> None:
    questions = {str(question["id"]): question for question in inputs()["questions"]}
    asked = defaultdict(list)
    for row in expected():
        asked[row["resource"]].append(row)
    wrong = []
    for resource, rows in asked.items():
        judge = PolicyEvaluator(matrix.catalog, resource)
        for row in rows:
            principal = row["principal"]
            context = context_of(matrix, principal, row["context"], questions[row["question"]])
            made = judge.rows(layers_of(matrix, principal), context)
            bit = matrix.catalog.bits(row["action"])
            answers = [bool((made[strength] & bit).any()) for strength in (POSSIBLE, CERTAIN)]
            if answers != [row["expected"] == "Allowed"] * 2:
                wrong.append((row, answers))
    assert wrong == []


def test_the_bit_rows_of_all_resources_bound_the_matrix(matrix: Principals) -> None:
    questions = {str(question["id"]): question for question in inputs()["questions"]}
    judge = PolicyEvaluator(matrix.catalog)
    for row in expected():
        context = context_of(matrix, row["principal"], row["context"], questions[row["question"]])
        possible, _, anywhere = judge.rows(layers_of(matrix, row["principal"]), context)
        bit = matrix.catalog.bits(row["action"])
        if row["expected"] == "Allowed":
            assert (possible & bit).any(), row
        else:
            assert not (anywhere & bit).any(), row


# --- the wrong answers that tools give


def single(tmp_path: Path, *statements: dict[str, Any], **members: Any) -> Account:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    inline = [{"PolicyName": "p", "PolicyDocument": document}]
    return imported(tmp_path, details([user("ana", UserPolicyList=inline, **members)]))


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


NO_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
AWAY = {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}


def holds(account: Account, action: str, context: str, strength: str = "certain") -> bool:
    row = account.permissions.bits(strength, context)[0]
    return bool((row & account.permissions.catalog.bits(action)).any())


def admin(account: Account, context: str) -> str:
    summary = account.permissions.summary()
    return summary.query("context == @context and name == 'ana'")["admin"].item()


def test_a_deny_without_mfa_leaves_escalation_with_it(tmp_path: Path) -> None:
    made = single(tmp_path, allow("iam:*"), deny("*", Condition=NO_MFA))
    assert admin(made, "mfa-outside") == "through IAM"
    assert admin(made, "stolen-key") == admin(made, "stolen-password") == ""


def test_a_deny_from_elsewhere_leaves_escalation_from_here(tmp_path: Path) -> None:
    made = single(tmp_path, allow("iam:*"), deny("*", Condition=AWAY))
    assert not holds(made, "iam:PutUserPolicy", "stolen-key", "possible")
    assert holds(made, "iam:PutUserPolicy", "key-inside", "possible")


def test_a_deny_on_one_resource_erases_no_action(tmp_path: Path) -> None:
    made = single(tmp_path, allow("iam:*"), deny("iam:*", f"{ARN}user/somebody"))
    assert holds(made, "iam:PutUserPolicy", "stolen-key")
    assert not holds(made, "iam:PutUserPolicy", "stolen-key", "anywhere")


@pytest.mark.parametrize(
    ("left", "denials"),
    [
        ("the bucket without a suffix", [{"NotResource": "arn:aws:s3:::logs"}]),
        ("what is within the buckets", [{"NotResource": "arn:aws:s3:::logs*/*"}]),
        (
            "the other buckets",
            [{"Resource": "arn:aws:s3:::logs"}, {"Resource": "arn:aws:s3:::logs*/*"}],
        ),
    ],
)
def test_what_denials_leave_of_a_pattern_is_certain(
    tmp_path: Path, left: str, denials: list[dict[str, Any]]
) -> None:
    """Denials on some of the resources that an Allow names leave the action on the others."""
    denied = [{"Effect": "Deny", "Action": "s3:*", **each} for each in denials]
    made = single(tmp_path, allow("s3:GetObject", "arn:aws:s3:::logs*"), *denied)
    assert holds(made, "s3:GetObject", "stolen-key", "certain"), left


def test_a_condition_that_always_holds_is_no_limit(tmp_path: Path) -> None:
    secure = {"Bool": {"aws:SecureTransport": "true"}}
    made = single(tmp_path, allow("*", Condition=secure))
    assert admin(made, "stolen-key") == "everything"


@pytest.mark.parametrize(
    "statement",
    [
        allow("*", ["*", "arn:aws:s3:::x"]),
        allow("*:*"),
        {"Effect": "Allow", "NotAction": "nothing:AtAll", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::x"},
        allow(["s3:GetObject", "*"]),
        allow("?*"),
    ],
    ids=["list of resources", "*:*", "NotAction", "NotResource", "list of actions", "?*"],
)
def test_an_administrator_in_another_spelling_is_one(
    tmp_path: Path, statement: dict[str, Any]
) -> None:
    made = single(tmp_path, statement)
    if "NotResource" in statement or statement.get("Action") == "?*":
        assert holds(made, "iam:PutUserPolicy", "stolen-key") == ("NotResource" in statement)
    else:
        assert admin(made, "stolen-key") == "everything"


def test_everything_allowed_and_everything_denied_is_nothing(tmp_path: Path) -> None:
    made = single(tmp_path, allow("*"), deny("*"))
    assert admin(made, "stolen-key") == ""
    assert made.permissions.summary()["possible"].max() == 0


def test_null_as_mfa_condition_is_understood(tmp_path: Path) -> None:
    absent = {"Null": {"aws:MultiFactorAuthPresent": "true"}}
    made = single(tmp_path, allow("*"), deny("*", Condition=absent))
    assert admin(made, "stolen-key") == ""
    assert admin(made, "stolen-password") == "everything", "the key is there, and false"


def test_an_allow_with_if_exists_lets_a_key_in(tmp_path: Path) -> None:
    made = single(
        tmp_path, allow("*", Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}})
    )
    assert admin(made, "stolen-key") == "everything"
    assert admin(made, "stolen-password") == ""


def test_a_restricted_administrator_is_not_powerless(tmp_path: Path) -> None:
    made = single(tmp_path, allow("*", Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
    assert not holds(made, "s3:GetObject", "stolen-key", "possible")
    assert holds(made, "s3:GetObject", "key-inside", "possible")


def test_inside_is_an_approved_network(tmp_path: Path) -> None:
    made = single(tmp_path, allow("*", Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
    opened = again(made, approved_networks=["203.0.113.0/24"])
    assert admin(opened, "key-inside") == "everything"
    assert admin(opened, "stolen-key") == ""


def test_a_list_of_both_halves_of_the_internet_keeps_nobody_out(tmp_path: Path) -> None:
    """An address outside is still looked for, so that the list is seen to hold it too."""
    halves = {"NotIpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}
    made = single(tmp_path, allow("s3:*"), deny("*", Condition=halves))
    assert holds(made, "s3:GetObject", "stolen-key", "certain")
    assert made.network_restrictions.set_index("name").loc["ana", "verdict"] == "unrestricted"


# --- layers, roles, groups


def test_a_boundary_takes_away_and_gives_nothing(tmp_path: Path) -> None:
    edge = policy("edge", {"Statement": [allow("s3:*")]})
    boundary = {"PermissionsBoundaryArn": f"{ARN}policy/edge"}
    inline = [{"PolicyName": "p", "PolicyDocument": {"Statement": [allow(["s3:Get*", "ec2:*"])]}}]
    who = user("ana", UserPolicyList=inline, PermissionsBoundary=boundary)
    made = imported(tmp_path, details([who], policies=[edge]))
    assert holds(made, "s3:GetObject", "stolen-key", "anywhere")
    assert not holds(made, "ec2:RunInstances", "stolen-key", "possible")
    assert not holds(made, "s3:PutObject", "stolen-key", "possible")
    assert "boundary" in made.can("ana", "ec2:RunInstances").why


def test_scopes_that_do_not_meet_allow_nothing(tmp_path: Path) -> None:
    edge = policy("edge", {"Statement": [allow("s3:*", "arn:aws:s3:::dev-*")]})
    boundary = {"PermissionsBoundaryArn": f"{ARN}policy/edge"}
    document = {"Statement": [allow("s3:GetObject", "arn:aws:s3:::prod-*")]}
    inline = [{"PolicyName": "p", "PolicyDocument": document}]
    who = user("ana", UserPolicyList=inline, PermissionsBoundary=boundary)
    made = imported(tmp_path, details([who], policies=[edge]))
    assert not holds(made, "s3:GetObject", "stolen-key", "possible")


def test_a_policy_that_is_not_in_the_evidence_may_allow_anything(tmp_path: Path) -> None:
    far = [{"PolicyName": "far", "PolicyArn": f"{ARN}policy/far"}]
    opened = imported(tmp_path, details([user("ana", AttachedManagedPolicies=far)]))
    assert holds(opened, "s3:GetObject", "stolen-key", "possible")
    assert not holds(opened, "s3:GetObject", "stolen-key")
    assert opened.can("ana", "s3:GetObject").effect == "Unknown"


def test_who_is_in_the_credential_report_only_is_not_said_to_be_powerless(tmp_path: Path) -> None:
    """Nothing shows the user's policies, so nothing is said about what they allow."""
    bo = f"bo,{ARN}user/bo,2024-05-01T12:00:00Z,false,N/A,N/A,N/A,false"
    slots = ",".join(["false,N/A,N/A,N/A,N/A"] * 2)
    made = imported(
        tmp_path,
        details([user("ana")]),
        credential_report=report(f"{bo},{slots},false,N/A,false,N/A"),
    )
    assert f"{ARN}user/bo" in set(made.users["user_arn"])
    assert made.permissions.principals["name"].tolist() == ["ana"]
    privilege = made.identities.set_index("name")["privilege"]
    assert privilege["ana"] == "none"
    assert pd.isna(privilege["bo"])


def test_actions_that_the_list_does_not_know_are_kept(tmp_path: Path) -> None:
    made = single(tmp_path, allow(["newservice:DoThings", "s3:GetObjekt"]))
    actions = made.permissions.actions("ana", "stolen-key")
    assert set(actions["action"]) == {"newservice:DoThings", "s3:GetObjekt"}
    assert not actions["known"].any()


def test_actions_say_how_far_and_through_what(tmp_path: Path) -> None:
    tagged = {"StringEquals": {"aws:ResourceTag/team": "x"}}
    made = single(
        tmp_path,
        allow("s3:GetObject"),
        allow("s3:PutObject", "arn:aws:s3:::x/*"),
        allow("ec2:StopInstances", Condition=tagged),
    )
    actions = made.permissions.actions("ana", "stolen-key").set_index("action")
    assert actions["extent"].to_dict() == {
        "s3:GetObject": "anywhere",
        "s3:PutObject": "certain",
        "ec2:StopInstances": "possible",
    }
    assert actions["policies"].tolist() == [["p"]] * 3
    assert "only if" in made.can("ana", "ec2:StopInstances").why
    assert "aws:ResourceTag/team" in made.can("ana", "ec2:StopInstances").why


def test_variables_know_whose_they_are(tmp_path: Path) -> None:
    own = allow("iam:CreateAccessKey", ARN + "user/${aws:username}")
    made = single(tmp_path, own)
    assert made.can("ana", "iam:CreateAccessKey", f"{ARN}user/ana")
    assert not made.can("ana", "iam:CreateAccessKey", f"{ARN}user/bo")
    assert made.can("ana", "iam:CreateAccessKey", f"{ARN}user/bo").effect == "ImplicitlyDenied"


def test_unknown_names_are_errors_that_list_what_there_is(tmp_path: Path) -> None:
    made = single(tmp_path, allow("s3:*"))
    with pytest.raises(SettingsError, match="no principal has the name 'bo'"):
        made.can("bo", "s3:GetObject")
    with pytest.raises(SettingsError, match="no context 'moon'; there are stolen-key"):
        made.can("ana", "s3:GetObject", context="moon")
    with pytest.raises(SettingsError, match="not evaluated in 'any'"):
        made.permissions.actions("ana", "any")


def test_a_name_that_a_user_and_a_role_share_asks_for_an_arn(tmp_path: Path) -> None:
    opened = imported(tmp_path, details([user("ana")], roles=[role("ana", {})]))
    with pytest.raises(SettingsError, match=f"several principals.*{ARN}role/ana; give an ARN"):
        opened.can("ana", "s3:GetObject")
    assert opened.can(f"{ARN}role/ana", "s3:GetObject").effect == "ImplicitlyDenied"


# --- service control policies


def controlled(tmp_path: Path, master: str) -> Account:
    inline = [{"PolicyName": "p", "PolicyDocument": {"Statement": [allow("*")]}}]
    linked = role("linked", {}, Path="/aws-service-role/x/", RolePolicyList=inline)
    contents = details([user("ana", UserPolicyList=inline)], roles=[linked])
    made = imported(tmp_path, contents, organization={"Organization": {"MasterAccountId": master}})
    full = {"Content": json.dumps({"Statement": [allow("*")]}), "PolicySummary": {"Name": "Full"}}
    less = {"Content": json.dumps({"Statement": [allow("s3:*")]}), "PolicySummary": {"Name": "S3"}}
    targets = [
        {"TargetId": "012345678901", "Policies": [full]},
        {"TargetId": "ou-1", "Policies": [less]},
        {"TargetId": "r-1", "Policies": [full]},
    ]
    files = {**made.snapshot.manifest["files"], "service_control_policies.json": {}}
    answers = {"service_control_policies.json": {"Targets": targets}}
    given = type(made.snapshot)
    fake = type("Fake", (given,), {"json": lambda self, n: answers.get(n) or given.json(self, n)})
    seen = {**vars(made.snapshot), "manifest": {**made.snapshot.manifest, "files": files}}
    return Account(fake(**seen), made.settings)


def test_every_level_of_scps_must_allow(tmp_path: Path) -> None:
    made = controlled(tmp_path, "999999999999")
    assert made.can("ana", "s3:GetObject")
    assert "SCP level 2" in made.can("ana", "ec2:RunInstances").why
    assert made.can("linked", "ec2:RunInstances", context="role-session"), "they are exempt"


def test_scps_do_not_bind_the_management_account(tmp_path: Path) -> None:
    assert controlled(tmp_path, "012345678901").can("ana", "ec2:RunInstances")


# --- the demo demo_account


def test_strengths_are_nested_for_everyone(demo_account: Account) -> None:
    made = demo_account.permissions
    for context in made.contexts:
        possible, certain, anywhere = (
            made.bits(strength, context) for strength in ("possible", "certain", "anywhere")
        )
        assert not (certain & ~possible).any()
        assert not (anywhere & ~certain).any()


def test_administrators_are_found_by_what_they_can_do(demo_account: Account) -> None:
    summary = demo_account.permissions.summary().query("context == 'mfa-inside'")
    admins = summary.set_index("name")["admin"]
    assert admins["carlos.mendez"] == "everything"
    assert admins["aisha.rahman"] == "through IAM"
    assert admins["kofi.mensah"] == "through IAM"
    assert admins["victor.lemaire"] == "through IAM"
    assert admins["marek.kowalski"] == admins["jack.doyle"] == ""
    assert not admins[list(set(demo.CLEAN) & set(admins.index))].any()


def test_every_context_evaluates(demo_account: Account) -> None:
    made = effective(demo_account, contexts.CONTEXTS)
    widest = made.bits("possible", "any")
    for context in contexts.CONTEXTS:
        assert not (made.bits("certain", context) & ~widest).any(), context


def test_the_services_add_up(demo_account: Account) -> None:
    made = demo_account.permissions
    rows = made.bits("certain", "stolen-key")
    by_service = made.by_service(rows)
    assert by_service.shape == (len(made.principals), len(made.services))
    assert np.array_equal(by_service.sum(axis=1), made.catalog.count(rows))
