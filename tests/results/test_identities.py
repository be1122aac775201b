"""One row per identity: what it is, what protects it, what a thief could do, what to do."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account
from iamkit.reference.actions import load_catalog as actions
from iamkit.report.csv_files import definitions
from iamkit.results.identities import CLASSES, VERDICTS, actions_of, matters
from tests.accounts import (
    ARN,
    AS_OF,
    HEADER,
    ROOT,
    account,
    again,
    details,
    policy,
    report,
    role,
    user,
)

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
READS = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
WRITES = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
IDENTITY = {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}
MOST = {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}
KEYS = {"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": f"{ARN}user/adam"}
MFA = {
    "Effect": "Deny",
    "Action": "*",
    "Resource": "*",
    "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
}


def allowed(name: str, *statements: Any, **members: Any) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    inline = [{"PolicyName": "own", "PolicyDocument": document}] if statements else []
    return user(name, UserPolicyList=inline, **members)


def line(name: str, *, password: bool = False, key: bool = False, mfa: bool = False) -> str:
    console = "true,2026-10-30T00:00:00Z,2026-10-01T00:00:00Z,N/A"
    no_console = "false,N/A,N/A,N/A"
    first = "true,2026-09-01T00:00:00Z,2026-10-31T00:00:00Z,us-east-1,s3"
    no_key = "false,N/A,N/A,N/A,N/A"
    parts = [
        *(name, f"{ARN}user/{name}", "2024-05-01T12:00:00Z"),
        *(console if password else no_console, str(mfa).lower()),
        *(first if key else no_key, no_key, "false,N/A,false,N/A"),
    ]
    return ",".join(parts)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Users by what they may do, and two roles."""
    users = [
        allowed("adam", EVERYTHING, Tags=[{"Key": "Team", "Value": "platform"}]),
        allowed("iris", IDENTITY),
        allowed("mona", MOST),
        allowed("will", WRITES),
        allowed("rita", READS),
        allowed("nora"),
        allowed("idle", READS),
        allowed("safe", EVERYTHING, MFA),
        allowed("hank", KEYS),
    ]
    lines = [
        line("adam", password=True, key=True),
        line("iris", password=True, mfa=True),
        line("mona", key=True),
        line("will", key=True),
        line("rita", password=True),
        line("nora"),
        line("idle"),
        line("safe", password=True, key=True, mfa=True),
        line("hank", password=True),
    ]
    ec2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}
    ec2["Action"] = "sts:AssumeRole"
    roles = [
        role("web", {"Version": "2012-10-17", "Statement": ec2}),
        role("AWSServiceRoleForSupport", {}, Path="/aws-service-role/support.amazonaws.com/"),
    ]
    return account(
        tmp_path_factory.mktemp("company"),
        details(users, roles=roles, policies=[policy("spare", {})]),
        credential_report=report(*lines),
    )


@pytest.fixture(scope="module")
def rows(company: Account) -> pd.DataFrame:
    return company.identities.set_index("name")


def test_there_is_a_row_for_everyone_who_can_act(rows: pd.DataFrame) -> None:
    users = {"adam", "iris", "mona", "will", "rita", "nora", "idle", "safe", "hank"}
    assert set(rows.index) == {"<root_account>", "web", *users}


@pytest.mark.parametrize(
    ("name", "privilege"),
    [
        ("adam", "admin"),
        ("iris", "near-admin"),  # gives itself everything with one call
        ("mona", "near-admin"),  # changes most things, IAM aside
        ("will", "write"),
        ("rita", "read"),
        ("nora", "none"),
        ("safe", "admin"),  # with MFA
        ("<root_account>", "admin"),
        ("web", "none"),
    ],
)
def test_privilege_is_by_what_can_be_done(rows: pd.DataFrame, name: str, privilege: str) -> None:
    assert rows.loc[name, "privilege"] == privilege


def test_steps_to_administration_are_counted_with_what_one_has(rows: pd.DataFrame) -> None:
    """Hank may make a key for Adam."""
    next_steps = rows["admin_steps"]
    assert next_steps[["adam", "iris", "safe", "<root_account>", "hank"]].tolist() == [
        0,
        0,
        0,
        0,
        1,
    ]
    assert next_steps[["will", "rita", "nora", "web"]].isna().all()


def test_a_thief_can_do_what_the_stolen_credential_can(rows: pd.DataFrame) -> None:
    thief = rows["exposed_actions"]
    assert thief["adam"] == actions().size
    assert thief["will"] == 1
    assert thief["nora"] == thief["idle"] == 0  # nothing to steal
    assert pd.isna(thief["web"])
    assert rows.loc["adam", "exposed_worst"] == "escalation"
    assert rows.loc["rita", "exposed_worst"] == "data exfiltration"
    assert pd.isna(rows.loc["nora", "exposed_worst"])


def test_mfa_keeps_a_thief_out(rows: pd.DataFrame) -> None:
    assert rows.loc["safe", ["exposed_actions", "mfa_enforced"]].tolist() == [0, "enforced"]


def test_root_with_mfa_and_without_a_key_is_safe_from_thieves(rows: pd.DataFrame) -> None:
    assert rows.loc["<root_account>", ["exposed_actions", "network_restriction"]].tolist() == [
        0,
        "unrestricted",
    ]


@pytest.mark.parametrize(
    ("mfa", "key", "exposed"),
    [
        ("false", False, True),
        ("false", True, True),
        ("true", True, True),
        ("true", False, False),
        ("", False, True),
    ],
)
def test_root_is_exposed_by_a_key_or_by_the_lack_of_mfa(
    tmp_path: Path, mfa: str, key: bool, exposed: bool
) -> None:
    """Without MFA, or if nobody knows, root's password is enough; a key never asks for MFA."""
    slot = "true,2026-10-01T00:00:00Z,N/A,N/A,N/A" if key else "false,N/A,N/A,N/A,N/A"
    root = ROOT.replace(",true,false,N/A,N/A,N/A,N/A", f",{mfa},{slot}", 1)
    made = account(tmp_path, credential_report="\n".join([HEADER, root]))
    row = made.identities.set_index("name").loc["<root_account>"]
    known = {"true": True, "false": False}
    assert known.get(mfa) == (None if pd.isna(row["mfa_registered"]) else row["mfa_registered"])
    assert row["exposed_actions"] == (actions().size if exposed else 0)
    assert pd.isna(row["exposed_worst"]) != exposed


@pytest.mark.parametrize(
    ("idle_days", "use"), [(59, "used"), (60, "unused"), (61, "unused")], ids=str
)
def test_idle_for_as_long_as_the_limit_is_unused(tmp_path: Path, idle_days: int, use: str) -> None:
    """The limit itself counts, for users as for roles, as it does in the checks."""
    last = f"{AS_OF - timedelta(days=idle_days):%Y-%m-%dT%H:%M:%SZ}"
    console = f"true,{last},2026-01-01T00:00:00Z,N/A,true"
    no_key = "false,N/A,N/A,N/A,N/A"
    rita = f"rita,{ARN}user/rita,2024-05-01T12:00:00Z,{console},{no_key},{no_key}"
    made = account(
        tmp_path,
        details([allowed("rita")], roles=[role("ops", {}, RoleLastUsed={"LastUsedDate": last})]),
        credential_report=report(f"{rita},false,N/A,false,N/A"),
    )
    opened = again(made, unused_days=60, unused_role_days=60)
    rows = opened.identities.set_index("name")
    assert rows.loc[["rita", "ops"], "idle_days"].tolist() == [idle_days] * 2
    assert rows.loc[["rita", "ops"], "use"].tolist() == [use] * 2


def test_risk_classes_are_counted(rows: pd.DataFrame, company: Account) -> None:
    catalog = company.permissions.catalog
    everything = {name: int(catalog.mask(risk=name).view("uint8").any()) for name in CLASSES}
    assert all(everything.values())
    for name in CLASSES:
        column = actions_of(name)
        assert rows.loc["adam", column] == rows.loc["<root_account>", column] > 0
        assert rows.loc["nora", column] == 0


def test_every_column_of_every_file_is_snake_case() -> None:
    """A column with a space needs quoting in every query."""
    for name, table in definitions().items():
        spaced = [each for each in table.names if not each.replace("_", "").isalnum()]
        assert spaced == [], name


def test_ages_and_owner(rows: pd.DataFrame) -> None:
    assert rows.loc["adam", ["password_age_days", "key_age_days"]].tolist() == [31, 61]
    assert rows.loc["adam", ["owner", "use", "access"]].tolist() == ["platform", "used", "both"]
    assert rows.loc["nora", "use"] == "never used"
    assert rows.loc["web", "access"] == "services"
    assert pd.isna(rows.loc["rita", "key_age_days"])


def test_the_verdict_is_the_worst_finding_and_steps_are_its_remedies(
    rows: pd.DataFrame, company: Account
) -> None:
    findings = company.audit.findings
    mine = findings.query("name == 'adam' and status == 'fail'")
    assert rows.loc["adam", "verdict"] == mine["severity"].iloc[0] == "critical"
    assert rows.loc["adam", "findings"] == len(mine)
    assert rows.loc["adam", "next_steps"] == list(mine["next_step"].drop_duplicates().head(3))


def test_the_one_that_needs_most_comes_first(company: Account) -> None:
    identities = company.identities
    assert identities["name"].iloc[0] == "adam"
    ranks = identities["verdict"].map(VERDICTS.index)
    assert ranks.is_monotonic_increasing
    assert set(matters(identities)["verdict"]) <= {"critical", "high"}


def test_nobody_is_ok_without_a_credential_report(tmp_path: Path) -> None:
    blind = account(tmp_path, details([allowed("rita", READS)]), credential_report=None)
    row = blind.identities.set_index("name").loc["rita"]
    assert row["verdict"] != "ok"
    assert row[["mfa_registered", "exposed_actions", "access"]].isna().all()


def test_an_identity_without_findings_is_ok(demo_account: Account) -> None:
    rows = demo_account.identities.set_index("name")
    assert rows.loc["lena.fischer", ["verdict", "findings"]].tolist() == ["ok", 0]


def test_an_old_version_of_one_policy_leaves_no_finding_without_a_subject(tmp_path: Path) -> None:
    """Without a report, with a policy whose old version is judged and does not allow everything."""
    read = {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}
    versions = [
        {"Document": read, "VersionId": "v1", "IsDefaultVersion": False},
        {"Document": read, "VersionId": "v2", "IsDefaultVersion": True},
    ]
    changed = policy("read", read, DefaultVersionId="v2", PolicyVersionList=versions)
    made = account(tmp_path, details([user("ann")], policies=[changed]), credential_report=None)
    assert len(made.policy_old_versions) == 1
    assert made.audit.findings["subject"].notna().all()
    assert made.identities["verdict"].isin(VERDICTS).all()
    assert "ok" not in set(made.identities["verdict"])


def test_an_identity_whose_policies_are_not_in_the_evidence_has_no_privilege(
    tmp_path: Path,
) -> None:
    only = f"ann,{ARN}user/ann,2024-05-01T12:00:00Z,true,N/A,N/A,N/A,false" + ",N/A" * 14
    made = account(tmp_path, details([user("ben")]), credential_report=report(only))
    rows = made.identities.set_index("name")
    assert pd.isna(rows.loc["ann", "privilege"])
    assert rows.loc["ben", "privilege"] == "none"
