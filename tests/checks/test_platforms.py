"""Roles of platforms that were set up well, unlike a fresh one, and what stays wrong."""

from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from tests.accounts import ACCOUNT, ARN, account, again, details, policy, report, role, user

MANAGER, MEMBER = "999999999999", "555566667777"
ORGANIZATION = {"Organization": {"Id": "o-abc123", "MasterAccountId": MANAGER}}
REGIONAL = f"-{ACCOUNT}-eu-west-1"
EXECUTION, DEPLOY = (f"cdk-acme-{name}{REGIONAL}" for name in ("cfn-exec-role", "deploy-role"))
STACKSETS = "AWSCloudFormationStackSetExecutionRole"


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(kind: str, who: Any, **more: Any) -> dict[str, Any]:
    return document(
        {"Effect": "Allow", "Principal": {kind: who}, "Action": "sts:AssumeRole", **more}
    )


def allows(actions: Any, resources: Any = "*") -> list[dict[str, Any]]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return [{"PolicyName": "own", "PolicyDocument": document(statement)}]


def attached(*names: str) -> list[dict[str, Any]]:
    arn = "arn:aws:iam::aws:policy/"
    return [{"PolicyName": each, "PolicyArn": arn + each} for each in names]


def member(folder: Path, *roles: dict[str, Any], **files: Any) -> Account:
    """An account of an organization; only the management account can list the others."""
    files = {"organization": ORGANIZATION, **files}
    names = {
        each["PolicyArn"]: each["PolicyName"]
        for one in roles
        for each in one["AttachedManagedPolicies"]
    }
    everything = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    backup = document(
        {"Effect": "Allow", "Action": ["ec2:RunInstances", "iam:PassRole"], "Resource": "*"}
    )
    reads = document({"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"})
    known = {"AdministratorAccess": everything, "ReadOnlyAccess": reads}
    policies = [
        policy(name.split("/")[-1], known.get(name, backup), Arn=arn) for arn, name in names.items()
    ]
    return account(folder, details(roles=list(roles), policies=policies), **files)


def found(audited: Account, check: str) -> dict[str, tuple[str, str]]:
    """Name of each subject with its status and severity, of one check."""
    rows = audited.check(check).findings
    return {
        name: (str(status), str(severity))
        for name, status, severity in zip(
            rows["name"], rows["status"], rows["severity"], strict=True
        )
    }


def standing(audited: Account) -> dict[str, str]:
    rows = audited.platform_roles
    return dict(zip(rows["role_name"], rows["standing"], strict=True))


@pytest.mark.parametrize(
    ("name", "whom", "expected"),
    [
        ("OrganizationAccountAccessRole", f"arn:aws:iam::{MANAGER}:role/OrgAdmin", "genuine"),
        ("OrganizationAccountAccessRole", f"arn:aws:iam::{MANAGER}:user/ana", "genuine"),
        ("OrganizationAccountAccessRole", f"arn:aws:iam::{MEMBER}:role/OrgAdmin", "impostor"),
        ("OrganizationAccountAccessRole", f"{ARN}user/eve", "impostor"),
        (STACKSETS, f"arn:aws:iam::{MANAGER}:role/stack-set-administration", "genuine"),
        (DEPLOY, f"{ARN}role/github-deploy", "genuine"),
        (DEPLOY, f"{ARN}saml-provider/other", "impostor"),
    ],
)
def test_who_is_in_a_trusted_account_may_be_named_instead_of_it(
    name: str, whom: str, expected: str, tmp_path: Path
) -> None:
    """A trust policy that names a role where the platform names its account is narrower."""
    kind = "Federated" if ":saml-provider/" in whom else "AWS"
    audited = member(tmp_path, role(name, trust(kind, whom)))
    assert standing(audited) == {name: expected}
    reported = {} if expected == "genuine" else {name: ("fail", "high")}
    assert found(audited, "platform_role_impostor") == reported


def test_a_role_of_a_platform_that_trusts_a_role_elsewhere_is_not_excused(tmp_path: Path) -> None:
    stranger = trust("AWS", "arn:aws:iam::666677778888:role/any")
    audited = member(
        tmp_path, role(STACKSETS, stranger, AttachedManagedPolicies=attached("ReadOnlyAccess"))
    )
    assert standing(audited) == {STACKSETS: "not known"}
    assert found(audited, "vendor_without_external_id") == {STACKSETS: ("fail", "high")}
    assert found(audited, "cross_account_read_only") == {STACKSETS: ("fail", "medium")}


def test_the_audit_account_may_be_in_the_organization(tmp_path: Path) -> None:
    """A member cannot list the accounts, so no check knows, and none advises to change it."""
    name = "aws-controltower-ReadOnlyExecutionRole"
    audit = trust("AWS", f"arn:aws:iam::{MEMBER}:role/aws-controltower-AuditReadOnlyRole")
    read = attached("ReadOnlyAccess")
    audited = member(tmp_path, role(name, audit, AttachedManagedPolicies=read))
    rows = audited.audit.findings.query("status != 'noted' and name == @name")
    assert set(zip(rows["check"], rows["status"], strict=True)) == {
        ("vendor_without_external_id", "not assessed"),
        ("cross_account_read_only", "not assessed"),
        ("unused_role", "not assessed"),
    }
    rows = rows.query("check != 'unused_role'")
    assert rows["next_step"].str.startswith("Find out whether the account is in your org").all()


def test_advice_on_the_roles_of_the_cdk_that_was_followed_is_given_no_more(tmp_path: Path) -> None:
    cloudformation = trust("Service", "cloudformation.amazonaws.com")
    wide, narrow = (role(DEPLOY, trust("AWS", f"{ARN}{who}")) for who in ("root", "role/ci"))
    everything = role(
        EXECUTION, cloudformation, AttachedManagedPolicies=attached("AdministratorAccess")
    )
    some = role(EXECUTION, cloudformation, RolePolicyList=allows("s3:PutObject"))
    for folder, roles, told in (
        ("before", (wide, everything), {DEPLOY, EXECUTION}),
        ("after", (narrow, some), set()),
    ):
        (tmp_path / folder).mkdir()
        audited = member(tmp_path / folder, *roles)
        assert set(found(audited, "platform_role_wide")) == told
        assert not found(audited, "platform_role_impostor")


@pytest.mark.parametrize(
    ("organization", "external_id", "expected"),
    [
        ("o-abc123", None, None),
        ("o-stranger00", None, ("fail", "high")),
        ("o-stranger00", "agreed-1", None),
    ],
)
def test_another_organization_is_not_yours(
    organization: str, external_id: str | None, expected: Any, tmp_path: Path
) -> None:
    asked = {"aws:PrincipalOrgID": organization}
    if external_id is not None:
        asked["sts:ExternalId"] = external_id
    hub = trust("AWS", "*", Condition={"StringEquals": asked})
    audited = member(tmp_path, role("hub", hub, RolePolicyList=allows("s3:GetObject")))
    assert found(audited, "vendor_without_external_id").get("hub") == expected
    assert not found(audited, "anyone_may_assume")


PROFILE = {
    "InstanceProfileName": "node",
    "Arn": f"{ARN}instance-profile/node",
    "Path": "/",
    "Roles": [],
}
ANY_ACCOUNT = "arn:aws:iam::*:role/"


@pytest.mark.parametrize(
    ("resources", "severity"),
    [
        ("*", "high"),
        (f"{ANY_ACCOUNT}*", "high"),
        (["arn:aws:iam::111122223333:role/a", f"{ANY_ACCOUNT}*/deploy"], "high"),
        (f"{ANY_ACCOUNT}cdk-*", "medium"),
        ([f"{ANY_ACCOUNT}audit", f"{ANY_ACCOUNT}cdk-*"], "medium"),
        (f"{ANY_ACCOUNT}audit", "low"),
    ],
)
def test_which_roles_a_policy_leaves_open_decides_the_severity(
    resources: Any, severity: str, tmp_path: Path
) -> None:
    hub = role(
        "hub",
        trust("AWS", f"{ARN}user/ana"),
        RolePolicyList=allows(["sts:AssumeRole", "sts:TagSession"], resources),
    )
    audited = member(tmp_path, hub)
    assert found(audited, "permissive_role_assumption") == {"own": ("fail", severity)}


def test_a_condition_on_the_organization_names_the_roles(tmp_path: Path) -> None:
    """As the next step says."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"{ANY_ACCOUNT}audit"}
    statement |= {"Condition": {"StringEquals": {"aws:ResourceOrgID": "o-abc123"}}}
    own = [{"PolicyName": "own", "PolicyDocument": document(statement)}]
    hub = role("hub", trust("AWS", f"{ARN}user/ana"), RolePolicyList=own)
    assert not found(member(tmp_path, hub), "permissive_role_assumption")


def test_what_a_platform_writes_into_its_role_is_noted(tmp_path: Path) -> None:
    """In a management account, AWS Control Tower has a role that assumes its role everywhere."""
    name = "AWSControlTowerStackSetRole"
    assumes = allows("sts:AssumeRole", f"{ANY_ACCOUNT}AWSControlTowerExecution")
    cloudformation = trust("Service", "cloudformation.amazonaws.com")
    path = "/service-role/"
    tower = role(name, cloudformation, RolePolicyList=assumes, Path=path)
    tower["Arn"] = f"{ARN}role{path}{name}"
    audited = member(tmp_path, tower)
    assert found(audited, "permissive_role_assumption") == {"own": ("noted", "info")}


@pytest.mark.parametrize(
    ("name", "whom", "severity"),
    [
        ("service-role/AWSBackupServiceRolePolicyForRestores", "backup.amazonaws.com", "low"),
        ("AmazonEC2FullAccess", "backup.amazonaws.com", "low"),
        ("AmazonEC2FullAccess", "lambda.amazonaws.com", "medium"),
        ("AmazonEC2FullAccess", "cloudformation.amazonaws.com", "medium"),
        ("service-role/AWSBackupServiceRolePolicyForRestores", f"{ARN}user/ana", "medium"),
    ],
)
def test_what_aws_wrote_for_the_role_of_a_service_is_low(
    name: str, whom: str, severity: str, tmp_path: Path
) -> None:
    """AWS Backup restores instances with their roles; whoever uses the service may do only that."""
    kind = "AWS" if whom.startswith("arn:") else "Service"
    backup = role("backup", trust(kind, whom), AttachedManagedPolicies=attached(name))
    node = role(
        "node",
        trust("Service", "ec2.amazonaws.com"),
        RolePolicyList=allows("secretsmanager:GetSecretValue"),
    )
    node["InstanceProfileList"] = [PROFILE]
    audited = member(tmp_path, backup, node)
    assert found(audited, "can_escalate") == {"backup": ("fail", severity)}


@pytest.mark.parametrize(
    ("condition", "known", "severity", "without"),
    [
        ({"StringEquals": {"sts:ExternalId": "agreed-1"}}, (), "high", False),
        ({}, (), "info", True),
        ({}, ("666677778888",), "info", False),
    ],
)
def test_a_vendor_who_administers_is_a_finding_once(
    condition: Any, known: tuple[str, ...], severity: str, without: bool, tmp_path: Path
) -> None:
    """An external id keeps others of the vendor's customers out, and not the vendor."""
    vendor = trust("AWS", "arn:aws:iam::666677778888:root", Condition=condition)
    everything = attached("AdministratorAccess")
    audited = member(tmp_path, role("vendor", vendor, AttachedManagedPolicies=everything))
    audited = again(audited, known_accounts=known)
    assert found(audited, "administrator_role")["vendor"][1] == severity
    assert bool(found(audited, "vendor_without_external_id")) == without


def test_what_an_instance_may_be_restored_with_is_low(tmp_path: Path) -> None:
    """The instance's role is the finding; AWS Backup does not become an administrator itself."""
    restore = attached("service-role/AWSBackupServiceRolePolicyForRestores")
    backup = role(
        "backup", trust("Service", "backup.amazonaws.com"), AttachedManagedPolicies=restore
    )
    node = role(
        "node",
        trust("Service", "ec2.amazonaws.com"),
        AttachedManagedPolicies=attached("AdministratorAccess"),
        InstanceProfileList=[PROFILE],
    )
    audited = member(tmp_path, backup, node)
    assert found(audited, "can_become_administrator") == {"backup": ("fail", "low")}
    assert found(audited, "can_escalate") == {"backup": ("noted", "info")}
    assert found(audited, "administrator_role") == {"node": ("fail", "medium")}


def test_a_changed_role_of_a_platform_is_one_finding(tmp_path: Path) -> None:
    both = trust("Service", ["cloudformation.amazonaws.com", "ec2.amazonaws.com"])
    audited = member(tmp_path, role(EXECUTION, both, RolePolicyList=allows("s3:PutObject")))
    assert found(audited, "platform_role_impostor") == {EXECUTION: ("fail", "high")}
    assert found(audited, "service_without_source") == {EXECUTION: ("noted", "info")}


@pytest.mark.parametrize(
    ("actions", "expected"),
    [("iam:*", ("noted", "info")), (["iam:*", "sqs:*"], ("fail", "medium"))],
)
def test_all_of_iam_is_the_finding_of_its_holder(
    actions: Any, expected: tuple[str, str], tmp_path: Path
) -> None:
    holder = role("fn", trust("Service", "lambda.amazonaws.com"), RolePolicyList=allows(actions))
    audited = member(tmp_path, holder)
    assert found(audited, "administrator_through_iam") == {"fn": ("fail", "high")}
    assert found(audited, "whole_services_everywhere") == {"own": expected}


@pytest.mark.parametrize(
    ("actions", "resources", "severity"),
    [
        (["logs:PutLogEvents", "dynamodb:GetItem"], "arn:aws:dynamodb:*:*:table/shop", "low"),
        ("dynamodb:GetItem", "*", "medium"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::shop", "medium"),
    ],
)
def test_what_a_passed_role_may_decides_the_severity(
    actions: Any, resources: str, severity: str, tmp_path: Path
) -> None:
    work = role(
        "shop-api",
        trust("Service", "lambda.amazonaws.com"),
        RolePolicyList=allows(actions, resources),
    )
    code = ["lambda:CreateFunction", "lambda:InvokeFunction", "iam:PassRole"]
    deploy = role("deploy", trust("AWS", f"{ARN}user/ci"), RolePolicyList=allows(code))
    audited = member(tmp_path, work, deploy)
    assert found(audited, "can_escalate") == {"deploy": ("fail", severity)}


GITHUB = "token.actions.githubusercontent.com"


@pytest.mark.parametrize(
    ("who", "through_cdk", "severity"),
    [("workload", True, "medium"), ("workload", False, "high"), ("people", True, "high")],
)
def test_a_pipeline_that_deploys_with_the_cdk(
    who: str, through_cdk: bool, severity: str, tmp_path: Path
) -> None:
    """It is an administrator as one that has AdministratorAccess itself is, and not a worse one."""
    claims = {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:sub": "repo:acme/shop:ref:main"}
    token = trust("Federated", f"{ARN}oidc-provider/{GITHUB}", Condition={"StringEquals": claims})
    token["Statement"][0]["Action"] = "sts:AssumeRoleWithWebIdentity"
    callers = token if who == "workload" else trust("AWS", f"{ARN}user/ana")
    ci = role("ci", callers, RolePolicyList=allows("sts:AssumeRole", f"{ARN}role/{DEPLOY}"))
    execution = role(
        EXECUTION if through_cdk else "deploy-everything",
        trust("Service", "cloudformation.amazonaws.com"),
        AttachedManagedPolicies=attached("AdministratorAccess"),
    )
    deploys = [
        *allows("cloudformation:CreateStack"),
        {
            "PolicyName": "pass",
            "PolicyDocument": document(
                {"Effect": "Allow", "Action": "iam:PassRole", "Resource": execution["Arn"]}
            ),
        },
    ]
    deploy = role(DEPLOY, trust("AWS", f"{ARN}root"), RolePolicyList=deploys)
    audited = member(tmp_path, ci, deploy, execution)
    assert found(audited, "can_become_administrator")["ci"] == ("fail", severity)


@pytest.mark.parametrize(("password", "severity"), [("true", "medium"), ("false", "low")])
def test_a_password_policy_matters_where_somebody_has_a_password(
    password: str, severity: str, tmp_path: Path
) -> None:
    no_key = "false,N/A,N/A,N/A,N/A"
    line = f"ann,{ARN}user/ann,2024-05-01T12:00:00+00:00,{password},N/A,N/A,N/A,true,{no_key},"
    line += f"{no_key},false,N/A,false,N/A"
    rules = {"MinimumPasswordLength": 8, "ExpirePasswords": False}
    audited = account(
        tmp_path,
        details([user("ann")]),
        credential_report=report(line),
        password_policy={"PasswordPolicy": rules},
    )
    for check in ("password_policy_short", "password_policy_reuse"):
        assert [each for _, each in found(audited, check).values()] == [severity], check


def test_what_is_noted_of_a_platform_gives_no_advice_that_breaks_it(tmp_path: Path) -> None:
    everything = attached("AdministratorAccess")
    tower = role(
        "AWSControlTowerExecution",
        trust("AWS", f"arn:aws:iam::{MANAGER}:root"),
        AttachedManagedPolicies=everything,
    )
    cloudformation = trust("Service", "cloudformation.amazonaws.com")
    cdk = role(EXECUTION, cloudformation, AttachedManagedPolicies=everything)
    ops = role("ops", trust("AWS", f"{ARN}user/ana"), AttachedManagedPolicies=everything)
    for folder, roles, expected in (
        ("platforms", (tower, cdk), "Keep it: only roles of platforms have it."),
        ("both", (tower, cdk, ops), "Replace it on ops with policies that allow only what"),
    ):
        (tmp_path / folder).mkdir()
        audited = member(tmp_path / folder, *roles)
        rows = audited.check("administrative_aws_policy", "service_without_source").findings
        rows = rows.set_index(["check", "name"])
        step = rows["next_step"]
        assert step["administrative_aws_policy", "AdministratorAccess"].startswith(expected)
        assert step["service_without_source", EXECUTION].startswith("Change it with cdk bootstrap")
