"""Which ways to gain permissions each identity has, and whether the evidence proves them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account, load
from iamkit.evidence import cli_files
from iamkit.reference.files import read_data
from tests.accounts import ARN, AS_OF, account, details, group, policy, report
from tests.examples import examples
from tests.policies import (
    ACCOUNT_ROOT,
    ADMINISTRATOR,
    EVERYTHING,
    WITH_MFA,
    allow,
    attached,
    bounded,
    controlled,
    deny,
    document,
    inline,
    line,
    person,
    profile,
    tagged,
    trusts,
    worker,
)

DATA = Path(__file__).parents[1] / "data" / "escalation"
IDS = set(json.loads((DATA.parent / "privesc_ids.json").read_text("utf-8")))
PATHS = {path["id"]: path for path in read_data("escalation.yaml")["methods"]}
PROVEN, NEEDS = "proven", "needs a target"
NOBODY = trusts("robomaker.amazonaws.com")  # a service to which no path passes a role


def read(name: str) -> Any:
    return json.loads((DATA / name).read_text("utf-8"))


def ways(rows: pd.DataFrame, who: str, status: str = "") -> set[str]:
    """Ids of the paths that one has, in this status or in any."""
    own = rows[rows["principal_arn"].eq(f"{ARN}{who}")]
    return set(own.loc[own["status"].eq(status) if status else own.index, "method"])


# ── Answers that others know ───────────────────────────────────────────────────────────────────


def holders(folder: Path, documents: Iterable[Any]) -> dict[str, Account]:
    """
    An account of users, and one of roles, that hold each of these documents: a customer policy.

    Users are in a group of their own; there is another, and some of everything to be a target.
    """
    policies = [policy(f"p{number}", each) for number, each in enumerate(documents)]
    made = {}
    for kind in ("user", "role"):
        holds = [attached(each["PolicyName"]) for each in policies]
        users = [
            person(f"h{number}", GroupList=["own"], AttachedManagedPolicies=each)
            for number, each in enumerate(holds if kind == "user" else [])
        ]
        roles = [
            worker(f"h{number}", NOBODY, AttachedManagedPolicies=each)
            for number, each in enumerate(holds if kind == "role" else [])
        ]
        groups = [group("own"), group("other")]
        (folder / kind).mkdir()
        made[kind] = account(folder / kind, details(users, groups, roles, policies))
    return made


def held(folder: Path, documents: Mapping[str, Any]) -> dict[str, dict[str, set[str]]]:
    """Ids of the paths that a user and a role with each document have: name, kind, ids."""
    made = holders(folder, documents.values())
    rows = {kind: each.escalations for kind, each in made.items()}
    return {
        name: {kind: ways(rows[kind], f"{kind}/h{number}") for kind in rows}
        for number, name in enumerate(documents)
    }


CASES = {case["id"]: case for case in read("cases.json")}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, set[str]]]:
    documents = {name: case["policy"] for name, case in CASES.items()}
    return held(tmp_path_factory.mktemp("cases"), documents)


@pytest.mark.parametrize("name", CASES)
def test_a_policy_holds_exactly_the_paths_that_its_permissions_make(
    cases: dict[str, dict[str, set[str]]], name: str
) -> None:
    either = cases[name]["user"] | cases[name]["role"]
    assert either & IDS == set(CASES[name]["expected_paths"])


def variants(path: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Documents with exactly what a path takes, with each permission missing and each denied."""
    taken = [each["action"] for each in path["permissions"]]
    made = {"exact": document(allow(taken))}
    for action in taken:
        rest = [each for each in taken if each != action]
        made[f"without {action}"] = document(*([allow(rest)] if rest else []))
        made[f"denied {action}"] = document(allow(taken), deny(action))
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, set[str]]]:
    documents = {
        f"{name} {variant}": each
        for name in sorted(IDS)
        for variant, each in variants(PATHS[name]).items()
    }
    return held(tmp_path_factory.mktemp("built"), documents)


@pytest.mark.parametrize("name", sorted(IDS))
def test_a_path_takes_each_of_its_permissions_and_no_other(
    built: dict[str, dict[str, set[str]]], name: str
) -> None:
    goes = {"any": {"user", "role"}}.get(PATHS[name]["caller"], {PATHS[name]["caller"]})
    found = {
        variant: {kind for kind, ids in built[f"{name} {variant}"].items() if name in ids}
        for variant in variants(PATHS[name])
    }
    assert found == {variant: goes if variant == "exact" else set() for variant in found}


PROWLER = {case["id"]: case for case in read("prowler.json")}


@pytest.fixture(scope="module")
def prowler(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, set[str]]]:
    documents = {name: case["policy"] for name, case in PROWLER.items()}
    return held(tmp_path_factory.mktemp("prowler"), documents)


@pytest.mark.parametrize("name", PROWLER)
def test_prowlers_policies_get_prowlers_answer(
    prowler: dict[str, dict[str, set[str]]], name: str
) -> None:
    assert any(prowler[name].values()) is (PROWLER[name]["expected"] == "FAIL"), prowler[name]


# ── The lab of IAM-vulnerable ──────────────────────────────────────────────────────────────────


LAB = read("iam_vulnerable_expected.json")
LAB_ARN = "arn:aws:iam::123456789012:"
# What must be flagged, and what says that it is not by a path.
NO_WAY = {
    "user/fn3-exploitableConditionConstraint-user": (
        "a long-term key has no aws:TokenIssueTime, and sessions made without MFA cannot call IAM"
    ),
    "role/privesc13-AddUserToGroup-role": "a role joins no group",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Account:
    files = {
        "authorization_details": DATA / "iam_vulnerable_authorization_details.json",
        "credential_report": DATA / "iam_vulnerable_credential_report.csv",
    }
    return load(cli_files.from_files(tmp_path_factory.mktemp("lab"), named=files, as_of=AS_OF))


def found(lab: Account, arn: str, status: str = "") -> set[str]:
    rows = lab.escalations.query("principal_arn == @arn")
    return set(rows.loc[rows["status"].eq(status) if status else rows.index, "method"])


@pytest.mark.parametrize("arn", LAB)
def test_in_the_lab_exactly_the_paths_that_work_alone_are_proven(lab: Account, arn: str) -> None:
    assert found(lab, arn, PROVEN) & IDS == set(LAB[arn]["paths_strict"])


@pytest.mark.parametrize("arn", LAB)
def test_in_the_lab_what_needs_another_resource_says_so(lab: Account, arn: str) -> None:
    assert set(LAB[arn]["paths_if_service_resource_exists"]) <= found(lab, arn, NEEDS)


@pytest.mark.parametrize("arn", LAB)
def test_in_the_lab_no_path_is_found_without_its_permissions(lab: Account, arn: str) -> None:
    """A role that trusts somebody by name lets them in without any."""
    held = {*LAB[arn]["paths_by_permission"], "sts-001"}
    assert found(lab, arn) & IDS <= held


@pytest.mark.parametrize("arn", LAB)
def test_in_the_lab_who_must_be_flagged_has_a_way_and_the_harmless_have_none(
    lab: Account, arn: str
) -> None:
    expected = LAB[arn]
    if expected["must_flag"]:
        assert bool(found(lab, arn)) is (arn.removeprefix(LAB_ARN) not in NO_WAY)
    elif not expected["paths_strict"]:
        assert found(lab, arn) == set()


def test_in_the_lab_everybody_comes_with_a_stolen_key(lab: Account) -> None:
    """Its users have an active key and nothing else."""
    assert set(lab.escalations["context"]) == {"stolen-key"}


CHAINS = [chain for each in LAB.values() for chain in each["assume_role_chains_to_admin"]]


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain[0].rpartition("/")[2])
def test_in_the_lab_a_chain_of_roles_is_a_route(lab: Account, chain: list[str]) -> None:
    row = lab.reach(chain[0]).set_index("principal_arn").loc[chain[-1]]
    assert row["route"] == chain
    assert row["admin"]


def test_in_the_lab_the_starting_role_is_two_steps_from_an_administrator(lab: Account) -> None:
    chain = [f"{LAB_ARN}role/privesc-AssumeRole-{at}-role" for at in CHAIN]
    row = lab.reach(chain[0]).set_index("principal_arn").loc[chain[-1]]
    assert (row["steps"], row["route"], bool(row["admin"])) == (2, chain, True)


CHAIN = ("starting", "intermediate", "ending")


# ── Proven or not: one account, one path, one sentence ─────────────────────────────────────────


def rows_of(folder: Path, *, lines: Iterable[str] = (), **entries: list[Any]) -> pd.DataFrame:
    """Escalations of ann in an account; unless `lines` say otherwise, she has a key."""
    given = list(lines) or [line("ann", keys=1)]
    made = account(folder, details(**entries), credential_report=report(*given))
    return made.escalations[made.escalations["principal_arn"].str.endswith("/ann")]


def status(rows: pd.DataFrame, path: str) -> str | None:
    """The status of one path; None if it is not found."""
    own = rows.loc[rows["method"].eq(path), "status"]
    return None if own.empty else own.item()


LAMBDA = ["lambda:CreateFunction", "lambda:InvokeFunction"]
TO_LAMBDA = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
TO_EC2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
TRUSTS_LAMBDA = trusts("lambda.amazonaws.com")
BOSS = worker("boss", TRUSTS_LAMBDA, EVERYTHING)
SMALL = worker("small", TRUSTS_LAMBDA, allow("lambda:InvokeFunction"))
READER = worker("reader", TRUSTS_LAMBDA, allow("s3:GetObject", "arn:aws:s3:::pay/*"))


def passing(resource: Any = "*", **members: Any) -> list[dict[str, Any]]:
    return [allow(LAMBDA), allow("iam:PassRole", resource, **members)]


PASSED: dict[str, tuple[list[Any], list[Any], str | None]] = {
    "any role to any service": (passing(), [BOSS], PROVEN),
    "a role to the service that it trusts": (passing(Condition=TO_LAMBDA), [BOSS], PROVEN),
    "a role to another service": (passing(Condition=TO_EC2), [BOSS], None),
    "to one of several services": (
        passing(Condition={"StringLike": {"iam:PassedToService": ["ec2.*", "lambda.*"]}}),
        [BOSS],
        PROVEN,
    ),
    "to any service but the one that it trusts": (
        passing(Condition={"StringNotEquals": TO_LAMBDA["StringEquals"]}),
        [BOSS],
        None,
    ),
    "the administrator by name": (passing(f"{ARN}role/boss"), [BOSS], PROVEN),
    "another role by name, which may do no more": (
        passing(f"{ARN}role/small"),
        [BOSS, SMALL],
        NEEDS,
    ),
    "a role that is not an administrator, but may do more": (passing(), [READER], PROVEN),
    "a role that may do no more": (passing(), [SMALL], NEEDS),
    "a role that nobody has": (passing(f"{ARN}role/gone"), [BOSS], NEEDS),
    "any role but the administrator": (
        [*passing(), deny("iam:PassRole", f"{ARN}role/boss")],
        [BOSS, SMALL],
        NEEDS,
    ),
    "a role that trusts another service": (
        passing(),
        [worker("boss", trusts("ec2.amazonaws.com"), EVERYTHING)],
        NEEDS,
    ),
    "a role that denies the service again": (
        passing(),
        [worker("boss", document(*TRUSTS_LAMBDA["Statement"], {
            "Effect": "Deny",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }), EVERYTHING)],
        NEEDS,
    ),
    "an administrator who is denied everything again": (
        passing(),
        [worker("boss", TRUSTS_LAMBDA, EVERYTHING, deny("*"))],
        NEEDS,
    ),
    "no role at all": (passing(), [], NEEDS),
    "to a function that only a condition nobody knows lets it make": (
        [allow(LAMBDA, Condition={"StringEquals": {"lambda:Layer": "x"}}), allow("iam:PassRole")],
        [BOSS],
        None,
    ),
    "a role with the tag that the policy asks for": (
        passing(Condition={"StringEquals": {"iam:ResourceTag/team": "ops"}}),
        [BOSS | tagged(team="ops")],
        PROVEN,
    ),
    "a role with another tag, and none is there that has the right one": (
        passing(Condition={"StringEquals": {"iam:ResourceTag/team": "ops"}}),
        [BOSS | tagged(team="web")],
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PASSED)
def test_a_role_is_passed_if_it_may_be_and_if_it_gives_more(case: str, tmp_path: Path) -> None:
    statements, roles, expected = PASSED[case]
    rows = rows_of(tmp_path, users=[person("ann", *statements)], roles=roles)
    assert status(rows, "lambda-001") == expected


@pytest.mark.parametrize(("members", "expected"), [(profile("boss"), PROVEN), ({}, NEEDS)])
def test_an_instance_takes_its_role_from_an_instance_profile(
    tmp_path: Path, members: dict[str, Any], expected: str
) -> None:
    boss = worker("boss", trusts("ec2.amazonaws.com"), EVERYTHING, **members)
    ann = person("ann", allow(["iam:PassRole", "ec2:RunInstances"]))
    assert status(rows_of(tmp_path, users=[ann], roles=[boss]), "ec2-001") == expected


STACK_SETS = [
    "iam:PassRole",
    "cloudformation:CreateStackSet",
    "cloudformation:CreateStackInstances",
]
MANAGES = worker("manages", trusts("cloudformation.amazonaws.com"), allow("sts:AssumeRole"))


@pytest.mark.parametrize(("trust", "expected"), [(trusts("role/manages"), PROVEN), (NOBODY, NEEDS)])
def test_a_stack_set_acts_as_the_role_that_its_administration_role_may_assume(
    tmp_path: Path, trust: Any, expected: str
) -> None:
    ann = person("ann", allow(STACK_SETS))
    roles = [MANAGES, worker("executes", trust, EVERYTHING)]
    rows = rows_of(tmp_path, users=[ann], roles=roles)
    assert status(rows, "cloudformation-003") == expected
    if expected == PROVEN:
        assert (
            rows.set_index("method").loc["cloudformation-003", "target_arn"].endswith("/executes")
        )


ANN = f"{ARN}user/ann"
OWN_ONLY = f"{ARN}user/${{aws:username}}"
OPS = {"StringEquals": {"aws:ResourceTag/team": "ops"}}
# ann's statements; the role, which trusts the whole account; the path; its status.
ROLES: dict[str, tuple[list[Any], dict[str, Any], str, str | None]] = {
    "assumed: it trusts the account, and the caller is allowed to": (
        [allow("sts:AssumeRole")],
        worker("boss", trusts(ACCOUNT_ROOT), EVERYTHING),
        "sts-001",
        PROVEN,
    ),
    "not assumed: the account is trusted, the caller not allowed to": (
        [allow("s3:GetObject")],
        worker("boss", trusts(ACCOUNT_ROOT), EVERYTHING),
        "sts-001",
        None,
    ),
    "assumed by whom it names, who need no permission": (
        [],
        worker("boss", trusts("user/ann"), EVERYTHING),
        "sts-001",
        PROVEN,
    ),
    "not assumed by whom it names and their policy denies": (
        [deny("sts:AssumeRole", f"{ARN}role/boss")],
        worker("boss", trusts("user/ann"), EVERYTHING),
        "sts-001",
        None,
    ),
    "not assumed: it trusts nobody in the account": (
        [allow("sts:AssumeRole")],
        worker("boss", NOBODY, EVERYTHING),
        "sts-001",
        NEEDS,
    ),
    "assumed by tag": (
        [allow("sts:AssumeRole", Condition=OPS)],
        worker("boss", trusts(ACCOUNT_ROOT), EVERYTHING, **tagged(team="ops")),
        "sts-001",
        PROVEN,
    ),
    "not assumed by tag: it has another": (
        [allow("sts:AssumeRole", Condition=OPS)],
        worker("boss", trusts(ACCOUNT_ROOT), EVERYTHING, **tagged(team="web")),
        "sts-001",
        None,
    ),
    "not assumed by tag: it has none": (
        [allow("sts:AssumeRole", Condition=OPS)],
        worker("boss", trusts(ACCOUNT_ROOT), EVERYTHING),
        "sts-001",
        None,
    ),
    "assumed, but its boundary leaves no more than the caller has": (
        [allow(["sts:AssumeRole", "s3:GetObject"])],
        worker("boss", trusts(ACCOUNT_ROOT), EVERYTHING, **bounded("reads")),
        "sts-001",
        NEEDS,
    ),
    "let oneself in: its trust policy is rewritten": (
        [allow("iam:UpdateAssumeRolePolicy")],
        worker("boss", NOBODY, EVERYTHING),
        "iam-012",
        PROVEN,
    ),
    "let oneself in, by the tag that IAM knows": (
        [allow("iam:UpdateAssumeRolePolicy", Condition={"StringEquals": {
            "iam:ResourceTag/team": "ops",
        }})],
        worker("boss", NOBODY, EVERYTHING, **tagged(team="ops")),
        "iam-012",
        PROVEN,
    ),
    "not let oneself in: the caller may not assume it even then": (
        [allow("iam:UpdateAssumeRolePolicy"), deny("sts:AssumeRole")],
        worker("boss", NOBODY, EVERYTHING),
        "iam-012",
        NEEDS,
    ),
    "not let oneself in: another role is named": (
        [allow("iam:UpdateAssumeRolePolicy", f"{ARN}role/other")],
        worker("boss", NOBODY, EVERYTHING),
        "iam-012",
        NEEDS,
    ),
    "not let oneself in: the role may do no more": (
        [allow(["iam:UpdateAssumeRolePolicy", "s3:GetObject"])],
        worker("boss", NOBODY, allow("s3:GetObject")),
        "iam-012",
        NEEDS,
    ),
    "written into and let oneself in: it need not have anything": (
        [allow(["iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"])],
        worker("boss", NOBODY),
        "iam-021",
        PROVEN,
    ),
    "written into, but not the one that may be assumed": (
        [allow("iam:PutRolePolicy", f"{ARN}role/other"), allow("sts:AssumeRole")],
        worker("boss", trusts(ACCOUNT_ROOT)),
        "iam-017",
        NEEDS,
    ),
    "written into, for whom it names, who need no permission to assume it": (
        [allow("iam:PutRolePolicy")],
        worker("boss", trusts("user/ann")),
        "put-into-trusting-role",
        PROVEN,
    ),
    "written into, but it trusts the account, and the caller may not assume it": (
        [allow("iam:PutRolePolicy")],
        worker("boss", trusts(ACCOUNT_ROOT)),
        "put-into-trusting-role",
        None,
    ),
    "given a rewritten policy that it has": (
        [allow(["iam:CreatePolicyVersion", "sts:AssumeRole"])],
        worker("boss", trusts(ACCOUNT_ROOT), AttachedManagedPolicies=attached("reads")),
        "iam-016",
        PROVEN,
    ),
    "not given a rewritten policy: it does not have the one that may be rewritten": (
        [allow("iam:CreatePolicyVersion", f"{ARN}policy/reads"), allow("sts:AssumeRole")],
        worker("boss", trusts(ACCOUNT_ROOT), EVERYTHING),
        "iam-016",
        NEEDS,
    ),
    "freed of its boundary and assumed": (
        [allow(["iam:DeleteRolePermissionsBoundary", "sts:AssumeRole", "s3:GetObject"])],
        worker("boss", trusts(ACCOUNT_ROOT), EVERYTHING, **bounded("reads")),
        "iam-023",
        PROVEN,
    ),
    "assumed, but it has no boundary to be freed of": (
        [allow(["iam:DeleteRolePermissionsBoundary", "sts:AssumeRole", "s3:GetObject"])],
        worker("boss", trusts(ACCOUNT_ROOT), EVERYTHING),
        "iam-023",
        NEEDS,
    ),
}  # fmt: skip
READS = policy("reads", document(allow("s3:GetObject")))


@pytest.mark.parametrize("case", ROLES)
def test_a_role_is(case: str, tmp_path: Path) -> None:
    statements, boss, path, expected = ROLES[case]
    rows = rows_of(tmp_path, users=[person("ann", *statements)], roles=[boss], policies=[READS])
    assert status(rows, path) == expected


KEYS = ["iam:CreateAccessKey", "iam:DeleteAccessKey"]
PASSWORDS = ["iam:CreateLoginProfile", "iam:UpdateLoginProfile"]
BARE: dict[str, Any] = {}
# ann's statements; the credentials of boss, an administrator; the path; its status.
USERS: dict[str, tuple[list[Any], dict[str, Any], str, str | None]] = {
    "a first key": ([allow(KEYS[0])], BARE, "iam-002", PROVEN),
    "a second key": ([allow(KEYS[0])], {"keys": 1}, "iam-002", PROVEN),
    "no third key": ([allow(KEYS[0])], {"keys": 2}, "iam-002", NEEDS),
    "a key in the place of another": ([allow(KEYS)], {"keys": 2}, "iam-003", PROVEN),
    "no key in the place of none": ([allow(KEYS)], {"keys": 1}, "iam-003", NEEDS),
    "a key for oneself only": ([allow(KEYS[0], OWN_ONLY)], BARE, "iam-002", None),
    "no key: it is denied for this user": (
        [allow(KEYS[0]), deny(KEYS[0], f"{ARN}user/boss")],
        BARE,
        "iam-002",
        NEEDS,
    ),
    "a password": ([allow(PASSWORDS[0])], {"keys": 1}, "iam-004", PROVEN),
    "no second password": ([allow(PASSWORDS[0])], {"password": True}, "iam-004", NEEDS),
    "another password": ([allow(PASSWORDS[1])], {"password": True}, "iam-006", PROVEN),
    "no other password than none": ([allow(PASSWORDS[1])], {"keys": 1}, "iam-006", NEEDS),
    "another password, which is of no use without the MFA device": (
        [allow(PASSWORDS[1])],
        {"password": True, "mfa": True},
        "iam-006",
        NEEDS,
    ),
    "another password, and no MFA device any more": (
        [allow([PASSWORDS[1], "iam:DeactivateMFADevice"])],
        {"password": True, "mfa": True},
        "iam-006",
        PROVEN,
    ),
}


@pytest.mark.parametrize("case", USERS)
def test_another_user_gets(case: str, tmp_path: Path) -> None:
    statements, credentials, path, expected = USERS[case]
    users = [person("ann", *statements), person("boss", EVERYTHING)]
    lines = [line("ann", keys=1), line("boss", **credentials)]
    assert status(rows_of(tmp_path, users=users, lines=lines), path) == expected


def test_a_key_for_a_user_who_may_do_no_more_gains_nothing(tmp_path: Path) -> None:
    users = [
        person("ann", allow(["iam:CreateAccessKey", "s3:*"])),
        person("bob", allow("s3:GetObject")),
    ]
    assert status(rows_of(tmp_path, users=users), "iam-002") == NEEDS


def test_without_a_credential_report_no_key_is_proven(tmp_path: Path) -> None:
    """Nobody knows whether there is room for one."""
    users = [person("ann", allow("iam:CreateAccessKey")), person("boss", EVERYTHING)]
    made = account(tmp_path, details(users), credential_report=None)
    assert status(made.escalations.query("principal_arn == @ANN"), "iam-002") == NEEDS


PUT = "iam:PutUserPolicy"
WIDE = policy("wide", document(EVERYTHING))
JUST_PUT = policy("just-put", document(allow(PUT)))


def versions(default: Any, other: Any) -> dict[str, Any]:
    """A customer policy with a version that is not the default one."""
    return policy(
        "two",
        default,
        DefaultVersionId="v2",
        PolicyVersionList=[
            {"Document": default, "VersionId": "v2", "IsDefaultVersion": True},
            {"Document": other, "VersionId": "v1", "IsDefaultVersion": False},
        ],
    )


def may(action: str, resource: Any = "*", **condition: Any) -> dict[str, Any]:
    return allow(action, resource, **({"Condition": condition} if condition else {}))


STOP = {"PolicyName": "stop", "PolicyDocument": document(deny("s3:*"))}
SET = "iam:SetDefaultPolicyVersion"
# ann's entry; further entries; the path; its status.
SELF: dict[str, tuple[dict[str, Any], dict[str, list[Any]], str, str | None]] = {
    "writes a policy into oneself": (person("ann", may(PUT)), {}, "iam-007", PROVEN),
    "writes one into oneself by variable": (
        person("ann", may(PUT, OWN_ONLY)),
        {},
        "iam-007",
        PROVEN,
    ),
    "writes one into another user only": (
        person("ann", may(PUT, f"{ARN}user/bob")),
        {},
        "iam-007",
        None,
    ),
    "attaches the administrator's policy": (
        person("ann", may("iam:AttachUserPolicy", ArnEquals={"iam:PolicyARN": ADMINISTRATOR})),
        {},
        "iam-008",
        PROVEN,
    ),
    "attaches a harmless policy only": (
        person(
            "ann",
            may("iam:AttachUserPolicy", ArnEquals={"iam:PolicyARN": f"{ARN}policy/reads"}),
            allow("s3:GetObject"),
        ),
        {"policies": [READS]},
        "iam-008",
        None,
    ),
    "writes a policy into a group that one is in": (
        person("ann", may("iam:PutGroupPolicy"), GroupList=["own"]),
        {"groups": [group("own")]},
        "iam-011",
        PROVEN,
    ),
    "writes a policy into a group that one is not in": (
        person("ann", may("iam:PutGroupPolicy")),
        {"groups": [group("own")]},
        "iam-011",
        NEEDS,
    ),
    "joins a group of administrators": (
        person("ann", may("iam:AddUserToGroup")),
        {"groups": [group("admins", GroupPolicyList=inline(EVERYTHING))]},
        "iam-013",
        PROVEN,
    ),
    "joins a group that may assume an administrator": (
        person("ann", may("iam:AddUserToGroup"), may("sts:AssumeRole", f"{ARN}role/none")),
        {
            "groups": [group("ops", GroupPolicyList=inline(allow("sts:AssumeRole")))],
            "roles": [worker("chief", trusts(ACCOUNT_ROOT), EVERYTHING)],
        },
        "iam-013",
        PROVEN,
    ),
    "joins a group that one is in already": (
        person("ann", may("iam:AddUserToGroup"), GroupList=["readers"]),
        {"groups": [group("readers", GroupPolicyList=inline(allow("s3:GetObject")))]},
        "iam-013",
        NEEDS,
    ),
    "joins a group that may do no more": (
        person("ann", may("iam:AddUserToGroup"), allow("s3:*")),
        {"groups": [group("readers", GroupPolicyList=inline(allow("s3:GetObject")))]},
        "iam-013",
        NEEDS,
    ),
    "rewrites the policy that one has": (
        person("ann", may("iam:CreatePolicyVersion"), AttachedManagedPolicies=attached("reads")),
        {"policies": [READS]},
        "iam-001",
        PROVEN,
    ),
    "rewrites the policy of a group that one is in": (
        person("ann", may("iam:CreatePolicyVersion"), GroupList=["own"]),
        {"policies": [READS], "groups": [group("own", AttachedManagedPolicies=attached("reads"))]},
        "iam-001",
        PROVEN,
    ),
    "rewrites a policy that one does not have": (
        person("ann", may("iam:CreatePolicyVersion")),
        {"policies": [READS]},
        "iam-001",
        NEEDS,
    ),
    "brings back a version that allows more": (
        person("ann", may(SET), AttachedManagedPolicies=attached("two")),
        {"policies": [versions(document(allow("s3:GetObject")), document(EVERYTHING))]},
        "set-default-policy-version",
        PROVEN,
    ),
    "brings back a version that allows less": (
        person("ann", may(SET), AttachedManagedPolicies=attached("two")),
        {"policies": [versions(document(allow("s3:*")), document(allow("s3:GetObject")))]},
        "set-default-policy-version",
        NEEDS,
    ),
    "deletes the inline policy that denies": (
        person("ann", may("iam:DeleteUserPolicy"), allow("s3:*"))
        | {
            "UserPolicyList": [
                *inline(may("iam:DeleteUserPolicy"), allow("s3:*")),
                STOP,
            ]
        },
        {},
        "delete-user-policy",
        PROVEN,
    ),
    "deletes an inline policy that denies what nothing allows": (
        person("ann", may("iam:DeleteUserPolicy"))
        | {"UserPolicyList": [*inline(may("iam:DeleteUserPolicy")), STOP]},
        {},
        "delete-user-policy",
        NEEDS,
    ),
    "detaches the policy that denies": (
        person(
            "ann",
            may("iam:DetachUserPolicy"),
            allow("s3:*"),
            AttachedManagedPolicies=attached("stop"),
        ),
        {"policies": [policy("stop", document(deny("s3:*")))]},
        "detach-user-policy",
        PROVEN,
    ),
    "deletes inline policies, but the one that denies is attached": (
        person(
            "ann",
            may("iam:DeleteUserPolicy"),
            allow("s3:*"),
            AttachedManagedPolicies=attached("stop"),
        ),
        {"policies": [policy("stop", document(deny("s3:*")))]},
        "delete-user-policy",
        NEEDS,
    ),
    "detaches policies, but the one that denies comes from a group": (
        person("ann", may("iam:DetachUserPolicy"), allow("s3:*"), GroupList=["own"]),
        {
            "policies": [policy("stop", document(deny("s3:*")))],
            "groups": [group("own", AttachedManagedPolicies=attached("stop"))],
        },
        "detach-user-policy",
        NEEDS,
    ),
    "detaches a policy, and only loses what it allows": (
        person("ann", may("iam:DetachUserPolicy"), AttachedManagedPolicies=attached("reads")),
        {"policies": [READS]},
        "detach-user-policy",
        NEEDS,
    ),
    "leaves the group that denies": (
        person("ann", may("iam:RemoveUserFromGroup"), allow("s3:*"), GroupList=["own"]),
        {"groups": [group("own", GroupPolicyList=inline(deny("s3:*")))]},
        "leave-group",
        PROVEN,
    ),
    "removes one's own boundary": (
        person("ann", EVERYTHING, **bounded("limit")),
        {"policies": [policy("limit", document(allow("iam:DeleteUserPermissionsBoundary")))]},
        "iam-022",
        PROVEN,
    ),
    "rewrites one's own boundary": (
        person("ann", EVERYTHING, **bounded("limit")),
        {"policies": [policy("limit", document(allow("iam:CreatePolicyVersion")))]},
        "rewrite-own-boundary",
        PROVEN,
    ),
    "removes a boundary that takes nothing away": (
        person("ann", may("iam:DeleteUserPermissionsBoundary"), **bounded("wide")),
        {"policies": [WIDE]},
        "iam-022",
        NEEDS,
    ),
    "removes a boundary that one does not have": (
        person("ann", may("iam:DeleteUserPermissionsBoundary")),
        {},
        "iam-022",
        NEEDS,
    ),
    "is stopped by a boundary that leaves the action out": (
        person("ann", may(PUT), **bounded("reads")),
        {"policies": [READS]},
        "iam-007",
        None,
    ),
    "writes what the boundary does not let through": (
        person("ann", may(PUT), **bounded("just-put")),
        {"policies": [JUST_PUT]},
        "iam-007",
        NEEDS,
    ),
    "writes what the boundary lets through": (
        person("ann", may(PUT), **bounded("wide")),
        {"policies": [WIDE]},
        "iam-007",
        PROVEN,
    ),
    "writes into oneself with the boundary that the policy asks for": (
        person(
            "ann",
            may(PUT, StringEquals={"iam:PermissionsBoundary": f"{ARN}policy/wide"}),
            **bounded("wide"),
        ),
        {"policies": [WIDE]},
        "iam-007",
        PROVEN,
    ),
    "writes into oneself without the boundary that the policy asks for": (
        person("ann", may(PUT, StringEquals={"iam:PermissionsBoundary": f"{ARN}policy/wide"})),
        {"policies": [WIDE]},
        "iam-007",
        None,
    ),
    "makes a key where the boundary holds only the maker": (
        person("ann", may("iam:CreateAccessKey"), **bounded("keys")),
        {"policies": [policy("keys", document(allow("iam:CreateAccessKey")))]},
        "iam-002",
        PROVEN,
    ),
}


@pytest.mark.parametrize("case", SELF)
def test_a_caller(case: str, tmp_path: Path) -> None:
    ann, others, path, expected = SELF[case]
    users = [ann, person("boss", EVERYTHING)]
    lines = [line("ann", keys=1), line("boss", keys=1)]
    assert status(rows_of(tmp_path, users=users, lines=lines, **others), path) == expected


ROLE_PATHS = {
    "iam:PutRolePolicy": "iam-005",
    "iam:AttachRolePolicy": "iam-009",
}


@pytest.mark.parametrize("action", ROLE_PATHS)
def test_a_role_that_writes_into_itself_is_proven(action: str, tmp_path: Path) -> None:
    rows = rows_of(tmp_path, roles=[worker("ann", NOBODY, allow(action, f"{ARN}role/ann"))])
    assert status(rows, ROLE_PATHS[action]) == PROVEN
    assert set(rows["context"]) == {"stolen-key"}


def test_a_service_control_policy_closes_a_path(tmp_path: Path) -> None:
    users = [person("ann", allow(["iam:CreateAccessKey", PUT])), person("boss", EVERYTHING)]
    free = account(tmp_path, details(users), credential_report=report(line("ann", keys=1)))
    shut = controlled(free, document(EVERYTHING), document(deny("iam:CreateAccessKey")))
    assert {"iam-002", "iam-007"} <= ways(free.escalations, "user/ann")
    assert ways(shut.escalations, "user/ann") & {"iam-002", "iam-007"} == {"iam-007"}


# ── What a row says ────────────────────────────────────────────────────────────────────────────


CONTEXTS = {
    "with a key": ({"keys": 1}, "stolen-key"),
    "with a password": ({"password": True}, "stolen-password"),
    "with a password and an MFA device": ({"password": True, "mfa": True}, "stolen-password"),
    "with all of them, the first": ({"password": True, "keys": 1, "mfa": True}, "stolen-key"),
    "without any, as if with a key": (BARE, "stolen-key"),
}


@pytest.mark.parametrize("case", CONTEXTS)
def test_a_caller_comes_as_its_credentials_let_it(case: str, tmp_path: Path) -> None:
    credentials, expected = CONTEXTS[case]
    lines = [line("ann", **credentials)]
    rows = rows_of(tmp_path, users=[person("ann", allow(PUT))], lines=lines)
    assert set(rows["context"]) == {expected}


MFA_CASES = {
    "with a key": ({"keys": 1}, None),
    "with a password": ({"password": True}, None),
    "with a password and an MFA device": ({"password": True, "mfa": True}, "mfa-outside"),
}


@pytest.mark.parametrize("case", MFA_CASES)
def test_what_asks_for_mfa_is_for_those_who_have_a_device(case: str, tmp_path: Path) -> None:
    credentials, expected = MFA_CASES[case]
    ann = person("ann", allow(PUT, Condition=WITH_MFA))
    rows = rows_of(tmp_path, users=[ann], lines=[line("ann", **credentials)])
    assert status(rows, "iam-007") == (PROVEN if expected else None)
    assert rows["context"].tolist() == ([expected] if expected else [])


def test_what_asks_for_the_office_is_found_for_a_caller_inside(tmp_path: Path) -> None:
    inside = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    rows = rows_of(tmp_path, users=[person("ann", allow(PUT, Condition=inside))])
    assert rows["context"].tolist() == ["key-inside"]


def test_a_way_that_only_mfa_proves_is_proven(tmp_path: Path) -> None:
    """Without MFA only a role that may do no more can be passed."""
    statements = [*passing(f"{ARN}role/small"), *passing(f"{ARN}role/boss", Condition=WITH_MFA)]
    rows = rows_of(
        tmp_path,
        users=[person("ann", *statements)],
        roles=[SMALL, BOSS],
        lines=[line("ann", password=True, keys=1, mfa=True)],
    )
    row = rows.set_index("method").loc["lambda-001"]
    assert (row["status"], row["context"]) == (PROVEN, "mfa-outside")


def test_a_proven_row_names_its_target_and_what_decides(tmp_path: Path) -> None:
    row = rows_of(tmp_path, users=[person("ann", *passing())], roles=[SMALL, BOSS])
    first = row.set_index("method").loc["lambda-001"]
    assert first["target_arn"] == f"{ARN}role/boss"
    assert any("own" in text for text in first["statements"])
    assert pd.isna(first["prerequisite"])


def test_a_row_without_a_target_says_what_it_takes(tmp_path: Path) -> None:
    row = rows_of(tmp_path, users=[person("ann", *passing())]).set_index("method").loc["lambda-001"]
    assert pd.isna(row["target_arn"])
    assert row["prerequisite"]
    assert row["statements"]


def test_an_administrator_is_the_target_of_choice(tmp_path: Path) -> None:
    users = [person("ann", allow("iam:CreateAccessKey")), person("bob", allow("s3:*"))]
    users += [person("boss", EVERYTHING), person("cid", allow("ec2:*"))]
    lines = [line(name, keys=1) for name in ("ann", "bob", "boss", "cid")]
    row = rows_of(tmp_path, users=users, lines=lines).set_index("method").loc["iam-002"]
    assert row["target_arn"] == f"{ARN}user/boss"


def test_an_administrator_comes_before_who_can_become_one(tmp_path: Path) -> None:
    users = [person("ann", allow("iam:CreateAccessKey"))]
    users += [person("abe", allow("iam:CreateAccessKey")), person("boss", EVERYTHING)]
    lines = [line(name, keys=1) for name in ("ann", "abe", "boss")]
    rows = rows_of(tmp_path, users=users, lines=lines)
    [target] = rows.query("name == 'ann' and method == 'iam-002'")["target_arn"]
    assert target == f"{ARN}user/boss"


def test_without_an_administrator_it_is_who_may_do_most(tmp_path: Path) -> None:
    users = [person("ann", allow("iam:CreateAccessKey")), person("bob", allow("s3:GetObject"))]
    users += [person("cid", allow("s3:*")), person("dan", allow("s3:ListBucket"))]
    lines = [line(name, keys=1) for name in ("ann", "bob", "cid", "dan")]
    row = rows_of(tmp_path, users=users, lines=lines).set_index("method").loc["iam-002"]
    assert row["target_arn"] == f"{ARN}user/cid"


@pytest.mark.parametrize(("role", "everything"), [(BOSS, True), (READER, False)])
def test_a_row_says_whether_the_way_ends_with_everything(
    tmp_path: Path, role: dict[str, Any], everything: bool
) -> None:
    rows = rows_of(tmp_path, users=[person("ann", *passing())], roles=[role])
    assert rows.set_index("method").loc["lambda-001", "reaches_admin"] == everything


def test_an_account_without_ways_has_an_empty_table(tmp_path: Path) -> None:
    empty = account(tmp_path).escalations
    assert empty.empty
    assert {"principal_arn", "method", "status", "target_arn", "context"} <= set(empty.columns)
    assert {"statements", "prerequisite"} <= set(empty.columns)


def test_a_user_and_path_has_one_row(lab: Account) -> None:
    assert not lab.escalations.duplicated(["principal_arn", "method"]).any()
    assert set(lab.escalations["status"]) == {PROVEN, NEEDS}
    assert set(lab.escalations["method"]) <= set(PATHS)
    proven = lab.escalations["status"].eq(PROVEN)
    assert (lab.escalations["prerequisite"].isna() == proven).all()


# ── Whatever the account ───────────────────────────────────────────────────────────────────────

# Paths that end with a principal, or with its policies: what IAM and STS do, and a function.
ACTIONS = sorted(
    {
        permission["action"]
        for path in PATHS.values()
        if path["evidence"] in ("details", "report") and path["gains"] in ("everything", "target")
        for permission in path["permissions"]
        if permission["action"].split(":")[0] in ("iam", "sts", "lambda")
    }
)
NAMES = [f"{ARN}{name}" for name in ("user/ann", "role/app", "user/boss", "role/chief")]
slowly = examples(0.12)
resources = st.sampled_from(["*", "*", *NAMES, f"{ARN}group/admins", f"{ARN}policy/held"])
lists = st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=4, unique=True)
allows = st.builds(allow, lists, resources)
denials = st.builds(deny, lists, resources)
held_by_one = st.lists(st.one_of(allows, allows, denials), max_size=4)
kinds = st.sampled_from(["user", "role"])


def alone(kind: str, **callers: list[Any]) -> dict[str, dict[str, str]]:
    """Each caller's paths and their status, in an account of its own among administrators."""
    found = {}
    for name, statements in callers.items():
        member = {"AttachedManagedPolicies": attached("held")}
        ann = person("ann", *statements, GroupList=["own"], **member)
        app = worker("app", NOBODY, *statements, **member)
        trust = document(
            *trusts(ACCOUNT_ROOT)["Statement"], *trusts("lambda.amazonaws.com")["Statement"]
        )
        contents = details(
            [*([ann] if kind == "user" else []), person("boss", EVERYTHING)],
            [group("own"), group("admins", GroupPolicyList=inline(EVERYTHING))],
            [*([app] if kind == "role" else []), worker("chief", trust, EVERYTHING)],
            [policy("held", document(allow("s3:GetObject")))],
        )
        lines = [line("ann", keys=1), line("boss", keys=1)][kind == "role" :]
        with TemporaryDirectory() as folder:
            rows = account(Path(folder), contents, credential_report=report(*lines)).escalations
        own = rows[rows["principal_arn"].isin(NAMES[:2])]
        found[name] = dict(zip(own["method"], own["status"], strict=True))
    return found


@slowly
@given(kinds, held_by_one, st.one_of(allows, denials))
def test_allowing_more_takes_no_path_away_and_denying_more_adds_none(
    kind: str, held: list[Any], further: Any
) -> None:
    without, having = ("less", "more") if further["Effect"] == "Allow" else ("more", "less")
    made = alone(kind, **{without: held, having: [*held, further]})
    assert set(made["less"]) <= set(made["more"])
    proven = {path for path, each in made["less"].items() if each == PROVEN}
    assert {made["more"][path] for path in proven} <= {PROVEN}


@slowly
@given(kinds, held_by_one)
def test_denying_everything_takes_every_path_away(kind: str, held: list[Any]) -> None:
    assert alone(kind, none=[*held, deny("*")])["none"] == {}
