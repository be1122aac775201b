"""Who in one account can assume a role of another, decided by the evidence of both."""

import base64
import json
from pathlib import Path

import pytest

from iamkit import fleet
from iamkit.errors import SettingsError
from iamkit.evidence import cli_files
from tests.accounts import details, report, role, user

ONE, TWO, CHINESE, STRANGER = "1" * 12, "2" * 12, "3" * 12, "9" * 12
ASSUME = "sts:AssumeRole"


def trusts(*principals: str, **condition: object) -> dict:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": ASSUME}
    extra = {"Condition": condition} if condition else {}
    return {"Version": "2012-10-17", "Statement": [{**statement, **extra}]}


def may(action: str, resource: str, effect: str = "Allow", **condition: object) -> dict:
    extra = {"Condition": condition} if condition else {}
    statement = {"Effect": effect, "Action": action, "Resource": resource, **extra}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"PolicyName": f"{effect} {action}", "PolicyDocument": document}


def take(folder: Path, account_id: str, contents: dict) -> None:
    given = folder / account_id
    given.mkdir()
    partition = "arn:aws-cn:" if account_id == CHINESE else "arn:aws:"
    whole = json.dumps(contents).replace("012345678901", account_id).replace("arn:aws:", partition)
    (given / "details.json").write_text(whole)
    text = report().replace("012345678901", account_id).replace("arn:aws:", partition).encode()
    said = {"Content": base64.b64encode(text).decode(), "ReportFormat": "text/csv"}
    said["GeneratedTime"] = "2026-11-01T06:00:00Z"
    (given / "report.json").write_text(json.dumps(said))
    cli_files.from_files(folder / "reports", given)


def arn(account_id: str, what: str) -> str:
    return f"arn:aws:iam::{account_id}:{what}"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> fleet.Fleet:
    folder = tmp_path_factory.mktemp("two")
    anywhere = may(ASSUME, "*")
    users = [
        user("ann", UserPolicyList=[anywhere]),
        user("bob"),
        user("eve", UserPolicyList=[anywhere, may(ASSUME, arn(TWO, "role/a*"), "Deny")]),
        user(
            "here",
            UserPolicyList=[
                may(ASSUME, "*", StringEquals={"aws:ResourceAccount": "${aws:PrincipalAccount}"})
            ],
        ),
        user("one", UserPolicyList=[may(ASSUME, arn(TWO, "role/read"))]),
    ]
    deploy = role("deploy", trusts("*"), RolePolicyList=[anywhere])
    take(folder, ONE, details(users, roles=[deploy]))
    everything = may("*", "*")
    denying = trusts(arn(ONE, "root"))
    denying["Statement"].append(
        {"Effect": "Deny", "Principal": {"AWS": arn(ONE, "user/ann")}, "Action": ASSUME}
    )
    session = f"arn:aws:sts::{ONE}:assumed-role/deploy/at-work"
    roles = [
        role("admin", trusts(arn(ONE, "root")), RolePolicyList=[everything]),
        role("read", trusts(arn(ONE, "user/one"), arn(ONE, "user/bob"))),
        role("by-id", trusts(ONE, StringEquals={"sts:ExternalId": "secret"})),
        role("not-ann", denying),
        role("session", trusts(session)),
        role("vendor", trusts(arn(STRANGER, "root"))),
    ]
    take(folder, TWO, details(roles=roles))
    take(folder, CHINESE, details(roles=[role("open", trusts("*"), RolePolicyList=[anywhere])]))
    return fleet.open(folder / "reports")


def test_both_sides_have_to_allow_it(ours: fleet.Fleet) -> None:
    found = ours.cross_account_roles.query("of_account == @ONE")
    certain = {
        (name, arn.rpartition("/")[2]): bool(sure)
        for name, arn, sure in found[["name", "role_arn", "certain"]].itertuples(index=False)
    }
    assert certain == {
        ("ann", "admin"): True,
        ("ann", "by-id"): False,  # an external id that nobody knows
        ("deploy", "admin"): True,
        ("deploy", "by-id"): False,
        ("deploy", "not-ann"): True,
        ("deploy", "session"): False,  # whoever calls names the session
        ("eve", "by-id"): False,
        ("eve", "not-ann"): True,
        ("one", "read"): True,
    }
    assert set(found["role_account"]) == {TWO}


def test_no_role_crosses_the_parts_of_aws(ours: fleet.Fleet) -> None:
    found = ours.cross_account_roles
    assert CHINESE not in {*found["of_account"], *found["role_account"]}


def test_rows_say_what_the_role_may_do_and_why(ours: fleet.Fleet) -> None:
    row = ours.cross_account_roles.query("name == 'ann' and certain").iloc[0]
    assert row["role_privilege"] == "admin"
    assert row["statement"] == "statement 1"
    assert "allowed by" in row["because"]


def test_a_role_that_trusts_anyone_is_open_to_the_other_account(ours: fleet.Fleet) -> None:
    found = ours.cross_account_roles.query("of_account == @TWO")
    assert found[["name", "role_arn", "certain"]].to_numpy().tolist() == [
        ["admin", arn(ONE, "role/deploy"), True]
    ], "the only one there who may call sts:AssumeRole"


def test_trust_in_an_account_of_ours_is_told_from_that_in_a_stranger(ours: fleet.Fleet) -> None:
    found = ours.trust_between
    assert set(found["account_id"]) == {ONE}
    assert set(found["of_account"]) == {TWO}
    assert "vendor" not in set(found["role_name"])
    assert set(found["role_name"]) == {"admin", "read", "by-id", "not-ann", "session"}
    assert found["who"].eq("unknown account").any(), "external, as the account's report has it"


def test_the_paths_to_administrators_of_other_accounts(ours: fleet.Fleet) -> None:
    found = ours.admin_paths("key-inside").query("steps.notna()")
    assert set(found["of_account"]) == {ONE}
    assert set(found["admin_account"]) == {TWO}
    assert found.set_index("name")["steps"].to_dict() == {
        "ann": 1,
        "deploy": 1,
        **dict.fromkeys(("bob", "eve", "here", "one"), 2),  # deploy trusts anyone
    }
    assert ours.account_paths("key-inside")["of_account"].tolist() == [ONE]
    assert ours.choke_points("key-inside")["name"].iloc[0] == "admin"
    assert found["is_management"].isna().all(), "no evidence says which account manages"
    with pytest.raises(SettingsError, match="not in 'any'"):
        ours.admin_paths("any")
