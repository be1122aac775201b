"""
A well-run account gets a clean report; each real fault that is planted in it is found, and no more.

The account is a member of an organization: no IAM users, people of IAM Identity Center, roles of
Control Tower and StackSets, a pipeline, an auditor, a support role. `tests/data/well_run` holds it.
"""

import copy
import csv
import io
import json
import shutil
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from iamkit import Account, load
from iamkit.evidence import cli_files

FOLDER = Path(__file__).parents[1] / "data" / "well_run"
ACCOUNT = "012345678901"
ARN = f"arn:aws:iam::{ACCOUNT}:"
STRANGER = "arn:aws:iam::666677778888:root"
ADMINISTRATOR = "AWSReservedSSO_AdministratorAccess_0123456789abcdef"
READER = "AWSReservedSSO_ReadOnlyAccess_0123456789abcdef"
REGIONAL = f"-{ACCOUNT}-eu-west-1"
EXECUTION, DEPLOY = (f"cdk-hnb659fds-{name}{REGIONAL}" for name in ("cfn-exec-role", "deploy-role"))

Files = dict[str, Any]
Change = Callable[[Files], None]


def opened(folder: Path, change: Change | None = None) -> Account:
    """The account, with a change made to its files."""
    given = folder / "given"
    shutil.copytree(FOLDER, given)
    files: Files = {path.name: json.loads(path.read_text()) for path in given.glob("*.json")}
    files["report"] = list(
        csv.DictReader(io.StringIO((FOLDER / "credential_report.csv").read_text()))
    )
    if change is not None:
        change(files)
    report = files.pop("report")
    with (given / "credential_report.csv").open("w", newline="") as file:
        lines = csv.DictWriter(file, report[0].keys())
        lines.writeheader()
        lines.writerows(report)
    for path in given.glob("*.json"):
        path.unlink()
    files["account_summary.json"]["SummaryMap"] |= {
        "Roles": len(files["authorization_details.json"]["RoleDetailList"]),
        "Users": len(report) - 1,
    }
    for name, content in files.items():
        (given / name).write_text(json.dumps(content))
    return load(cli_files.from_files(folder, given, as_of=datetime(2026, 11, 1, 6, tzinfo=UTC)))


def told(account: Account) -> set[tuple[str, str, str]]:
    """What fails: check, name of the subject, severity."""
    fails = account.audit.findings.query("status != 'noted'")
    return set(zip(fails["check"], fails["name"], fails["severity"], strict=True))


@pytest.fixture(scope="module")
def well_run(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return opened(tmp_path_factory.mktemp("well_run"))


CLEAN = {
    ("escalates_with_a_target", "github-deploy", "low"),
    ("unused_role", "OrganizationAccountAccessRole", "low"),
}


def test_nothing_is_critical_high_or_medium(well_run: Account) -> None:
    assert told(well_run) == CLEAN
    assert set(well_run.identities["verdict"]) == {"low", "ok"}


def test_administrators_by_design_are_named_with_who_comes_in_by_them(well_run: Account) -> None:
    notes = well_run.audit.findings.query("check == 'administrator_role'").set_index("name")
    assert set(notes["status"]) == {"noted"}
    assert notes["detail"].to_dict() == {
        ADMINISTRATOR: "has AdministratorAccess; a role of IAM Identity Center, for people of IAM "
        "Identity Center",
        "OrganizationAccountAccessRole": "has AdministratorAccess; a role of AWS Organizations, "
        "for the management account 999999999999",
        "AWSControlTowerExecution": "has AdministratorAccess; a role of AWS Control Tower, for the "
        "management account 999999999999",
        "stacksets-exec-0123": "has AdministratorAccess; a role of AWS CloudFormation StackSets, "
        "for AWS CloudFormation StackSets of the organization",
    }


def test_readers_read_and_writers_say_what_they_write(well_run: Account) -> None:
    rows = well_run.identities.set_index("name")
    readers = rows.loc[[READER, "security-audit"]]
    assert readers["privilege"].tolist() == ["read", "read"]
    assert readers["privilege_detail"].str.contains("that hand out credentials: ").all()
    assert "ecr:GetAuthorizationToken" in readers.loc[READER, "privilege_detail"]
    assert rows.loc["flow-logs", "privilege_detail"] == (
        "write: 2 actions of 1 service, on some resources: logs:CreateLogStream, logs:PutLogEvents"
    )


def test_without_the_organization_nothing_is_excused(tmp_path: Path) -> None:
    def change(files: Files) -> None:
        del files["organization.json"]

    account = opened(tmp_path, change)
    roles = account.platform_roles.set_index("role_name")["standing"]
    assert (
        roles["OrganizationAccountAccessRole"] == roles["AWSControlTowerExecution"] == "not known"
    )
    assert {
        ("vendor_without_external_id", "AWSControlTowerExecution", "high"),
        ("vendor_without_external_id", "OrganizationAccountAccessRole", "high"),
    } <= told(account)


def test_root_without_a_password_has_nothing_to_protect(tmp_path: Path) -> None:
    def change(files: Files) -> None:
        files["account_summary.json"]["SummaryMap"] |= {
            "AccountPasswordPresent": 0,
            "AccountMFAEnabled": 0,
        }
        files["report"][0]["mfa_active"] = "false"

    account = opened(tmp_path, change)
    assert told(account) == CLEAN
    status = account.audit.results.set_index("check")["status"]
    assert status["root_without_mfa"] == status["root_without_hardware_mfa"] == "not applicable"


# Planted faults


def role(files: Files, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each
        for each in files["authorization_details.json"]["RoleDetailList"]
        if each["RoleName"] == name
    )
    return found


def allow(who: dict[str, str], action: str = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": who, "Action": action, **more}


def trusts(name: str, *statements: dict[str, Any], add: bool = False) -> Change:
    """Replace a role's trust policy, or add statements to it."""

    def change(files: Files) -> None:
        document = role(files, name)["AssumeRolePolicyDocument"]
        document["Statement"] = [*(document["Statement"] if add else []), *statements]

    return change


def may(name: str, *actions: str) -> Change:
    """Give a role an inline policy."""

    def change(files: Files) -> None:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        inline = {"PolicyName": "extra", "PolicyDocument": document}
        role(files, name)["RolePolicyList"].append(inline)

    return change


def made(files: Files, name: str, *statements: dict[str, Any], path: str = "/") -> dict[str, Any]:
    """Add a role like another one."""
    new = copy.deepcopy(role(files, "shop-api"))
    new |= {
        "RoleName": name,
        "Path": path,
        "Arn": f"{ARN}role{path}{name}",
        "RoleId": f"AROA{zlib.crc32(name.encode()):017d}",
        "RolePolicyList": [],
    }
    new["AssumeRolePolicyDocument"]["Statement"] = list(statements)
    files["authorization_details.json"]["RoleDetailList"].append(new)
    return new


def attach(new: dict[str, Any], name: str) -> None:
    arn = f"arn:aws:iam::aws:policy/{name}"
    new["AttachedManagedPolicies"] = [{"PolicyName": name, "PolicyArn": arn}]


def impostor(files: Files) -> None:
    attach(
        made(files, "AWSReservedSSO_Backup_0123456789abcdef", allow({"AWS": STRANGER})),
        "SecurityAudit",
    )


def root(**cells: str) -> Change:
    return lambda files: files["report"][0].update(cells)


def new_user(files: Files) -> None:
    line = dict.fromkeys(files["report"][0], "N/A") | {
        "user": "tmp",
        "arn": f"{ARN}user/tmp",
        "user_creation_time": "2026-10-01T00:00:00+00:00",
        "password_enabled": "true",
        "password_last_used": "2026-10-30T00:00:00+00:00",
        "password_last_changed": "2026-10-01T00:00:00+00:00",
    }
    line |= dict.fromkeys(["access_key_1_active", "access_key_2_active", "cert_1_active"], "false")
    files["report"].append(line | {"cert_2_active": "false", "mfa_active": "false"})
    user = {
        "UserName": "tmp",
        "Path": "/",
        "Arn": f"{ARN}user/tmp",
        "UserId": "AIDATMPTMPTMPTMPTMPTM",
    }
    user |= {"CreateDate": "2026-10-01T00:00:00+00:00", "GroupList": [], "Tags": []}
    attach(user, "AdministratorAccess")
    files["authorization_details.json"]["UserDetailList"].append(user)


GITHUB = "token.actions.githubusercontent.com"
LOOSE = {
    "StringLike": {f"{GITHUB}:sub": "repo:acme*"},
    "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
}
FAULTS: dict[str, tuple[Change, set[tuple[str, str, str]]]] = {
    "a trust policy that admits everybody": (
        trusts("security-audit", allow({"AWS": "*"})),
        {("anyone_may_assume", "security-audit", "critical")},
    ),
    "an external id that was removed": (
        trusts("security-audit", allow({"AWS": "arn:aws:iam::888877776666:role/auditor"})),
        {("vendor_without_external_id", "security-audit", "high")},
    ),
    "a stranger in a platform's trust policy": (
        trusts("AWSControlTowerExecution", allow({"AWS": STRANGER}), add=True),
        {
            ("platform_role_impostor", "AWSControlTowerExecution", "high"),
            ("vendor_without_external_id", "AWSControlTowerExecution", "high"),
        },
    ),
    "an impostor of a platform's role": (
        impostor,
        {
            ("platform_role_impostor", "AWSReservedSSO_Backup_0123456789abcdef", "high"),
            ("vendor_without_external_id", "AWSReservedSSO_Backup_0123456789abcdef", "high"),
        },
    ),
    "the whole account in Identity Center's trust policy": (
        trusts(READER, allow({"AWS": f"{ARN}root"}), add=True),
        {("platform_role_impostor", READER, "high")},
    ),
    "an access key of root": (
        root(access_key_1_active="true", access_key_1_last_rotated="2025-01-01T00:00:00+00:00"),
        {("root_access_key", "<root_account>", "critical")},
    ),
    "a loose OIDC subject": (
        trusts(
            "github-deploy",
            allow(
                {"Federated": f"{ARN}oidc-provider/{GITHUB}"},
                "sts:AssumeRoleWithWebIdentity",
                Condition=LOOSE,
            ),
        ),
        {("federation_without_subject", "github-deploy", "high")},
    ),
    "an inline iam:*": (
        may("shop-api", "iam:*"),
        {("administrator_through_iam", "shop-api", "high")},
    ),
    "code that may do everything": (
        may("shop-api", "*"),
        {("administrator_role", "shop-api", "medium")},
    ),
    "a service that acts for a stranger": (
        trusts(
            "flow-logs",
            allow(
                {"Service": "vpc-flow-logs.amazonaws.com"},
                Condition={"StringEquals": {"aws:SourceAccount": "666677778888"}},
            ),
        ),
        {("service_for_unknown_account", "flow-logs", "medium")},
    ),
    "a user who administers without MFA": (
        new_user,
        {
            ("administrator_user", "tmp", "high"),
            ("administrator_without_mfa", "tmp", "critical"),
            ("password_without_enforced_mfa", "tmp", "high"),
            ("policy_on_user", "tmp", "low"),
        },
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_nothing_else_changes(fault: str, tmp_path: Path) -> None:
    change, expected = FAULTS[fault]
    assert told(opened(tmp_path, change)) == CLEAN | expected


def test_root_without_mfa_is_one_finding(tmp_path: Path) -> None:
    def change(files: Files) -> None:
        files["account_summary.json"]["SummaryMap"]["AccountMFAEnabled"] = 0
        root(mfa_active="false")(files)

    new = told(opened(tmp_path, change)) - CLEAN
    assert new == {("root_without_mfa", "<root_account>", "critical")}


# Other platforms, and emergencies


def bootstrap(files: Files) -> None:
    """Roles that cdk bootstrap makes."""
    execution = made(files, EXECUTION, allow({"Service": "cloudformation.amazonaws.com"}))
    attach(execution, "AdministratorAccess")
    made(files, DEPLOY, allow({"AWS": f"{ARN}root"}))
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "iam:PassRole", "Resource": f"{ARN}role/{EXECUTION}"},
        ],
    }
    inline = {"PolicyName": "default", "PolicyDocument": document}
    role(files, DEPLOY)["RolePolicyList"].append(inline)


def test_roles_of_the_cdk_are_what_they_are(tmp_path: Path) -> None:
    account = opened(tmp_path, bootstrap)
    new = told(account) - CLEAN
    assert {each for each in new if each[1].startswith("cdk-")} == {
        ("platform_role_wide", EXECUTION, "low"),
        ("platform_role_wide", DEPLOY, "low"),
    }
    kinds = account.platform_roles.set_index("role_name")["standing"]
    assert kinds[EXECUTION] == kinds[DEPLOY] == "genuine"


def test_people_who_become_administrator_through_the_cdk_are_found(tmp_path: Path) -> None:
    def change(files: Files) -> None:
        bootstrap(files)
        may(READER, "sts:AssumeRole")(files)

    found = told(opened(tmp_path, change))
    assert ("can_become_administrator", READER, "high") in found


@pytest.mark.parametrize(
    ("name", "path", "standing"),
    [
        ("AWSControlTowerExecution2", "/", None),
        ("awscontroltowerexecution", "/", "impostor"),
        ("stacksets-exec-0456", "/", "impostor"),
        (f"cdk-x-deploy-role{REGIONAL}", "/", "genuine"),
        ("cdk-x-deploy-role-999999999999-eu-west-1", "/", None),
        (f"cdk-x-cfn-exec-role{REGIONAL}", "/", "impostor"),
        ("AWSReservedSSO_X_0123456789abcdef", "/aws-reserved/sso.amazonaws.com/", "impostor"),
        ("anything", "/service-role/", None),
        ("resize-role-a1b2c3d4", "/service-role/", None),
    ],
)
def test_a_role_is_a_platform_s_by_name_path_and_trust(
    name: str, path: str, standing: str | None, tmp_path: Path
) -> None:
    def change(files: Files) -> None:
        made(files, name, allow({"AWS": f"{ARN}root"}), path=path)

    found = opened(tmp_path, change).platform_roles.set_index("role_name")["standing"]
    assert found.get(name) == standing


AUDIT = "arn:aws:iam::555566667777:role/aws-controltower-AuditReadOnlyRole"


@pytest.mark.parametrize(
    ("accounts", "standing", "status"),
    [
        (None, "not known", "not assessed"),
        (["555566667777"], "genuine", None),
        (["444455556666"], "impostor", "fail"),
    ],
)
def test_the_audit_account_is_known_where_the_accounts_are_listed(
    accounts: list[str] | None, standing: str, status: str | None, tmp_path: Path
) -> None:
    name = "aws-controltower-ReadOnlyExecutionRole"

    def change(files: Files) -> None:
        made(files, name, allow({"AWS": AUDIT}))
        if accounts is not None:
            listed = [{"Id": each, "Name": each, "Status": "ACTIVE"} for each in accounts]
            files["organization_accounts.json"] = {"Accounts": listed}

    account = opened(tmp_path, change)
    assert account.platform_roles.set_index("role_name")["standing"][name] == standing
    found = account.check("vendor_without_external_id").findings
    assert found.set_index("name")["status"].get(name) == status


def test_a_name_that_anybody_gives_excuses_nothing(tmp_path: Path) -> None:
    """The console calls its roles so; whoever makes one may, too."""
    name = "resize-role-a1b2c3d4"

    def change(files: Files) -> None:
        lambda_ = allow({"Service": "lambda.amazonaws.com"})
        attach(made(files, name, lambda_, path="/service-role/"), "AdministratorAccess")
        role(files, name)["RoleLastUsed"] = {}

    account = opened(tmp_path, change)
    assert account.platform_roles.set_index("role_name")["standing"][name] == "genuine"
    assert told(account) - CLEAN == {
        ("administrator_role", name, "medium"),
        ("unused_role", name, "medium"),
    }
