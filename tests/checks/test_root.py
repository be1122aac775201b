"""What is wrong with a root user, and what cannot be told."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit import Account
from iamkit.checks import root
from iamkit.checks.registry import CHECKS
from iamkit.settings import Settings
from iamkit.tables.schema import (
    ACCESS_KEYS,
    CREDENTIALS,
    MFA_DEVICES,
    ORGANIZATION,
    ROOT_MANAGEMENT,
    SUMMARY,
)
from tests.accounts import ACCOUNT, ARN, HEADER, ROOT, account, details, report, user
from tests.checks import result

NOW = pd.Timestamp("2026-11-01T06:00:00Z")
NO_ROOT = f"bo,{ARN}user/bo,2024-05-01T12:00:00Z,true,{','.join(['N/A'] * 18)}"


def reported(**facts: Any) -> pd.DataFrame:
    """Root, and a user of whom no check of root's may speak."""
    usual = {
        "password_enabled": None,
        "password_use": "never used",
        "mfa_registered": True,
        "keys_active": 0,
        "certificates_active": 0,
    }
    bo = {"keys_active": 2, "certificates_active": 2, "mfa_registered": False, "last_used": NOW}
    return CREDENTIALS.rows(
        {"user_arn": f"{ARN}root", "is_root": True, **usual, **facts},
        {"user_arn": f"{ARN}user/bo", "is_root": False, "password_enabled": True, **bo},
    )


def key(slot: int, **facts: Any) -> dict[str, Any]:
    return {"user_arn": f"{ARN}root", "is_root": True, "slot": slot, "active": False, **facts}


def device(owner: str, kind: str) -> pd.DataFrame:
    is_root = owner == "root"
    return MFA_DEVICES.rows({"user_arn": ARN + owner, "is_root": is_root, "kind": kind})


def status(found: pd.DataFrame) -> list[str]:
    assert found["subject"].eq(f"{ARN}root").all()
    return found["status"].tolist()


NO_DEVICE = MFA_DEVICES.rows()
NO_SUMMARY = SUMMARY.rows()


# ── Keys and certificates ────────────────────────────────────────────────────────────────────────


def test_each_active_key_of_root_is_named_and_no_key_of_a_user() -> None:
    users = key(2, active=True, user_arn=f"{ARN}user/bo", is_root=False)
    keys = ACCESS_KEYS.rows(key(1), key(2, active=True), users)
    found = root.root_access_key(keys)
    assert found[["subject", "detail", "status"]].values.tolist() == [
        [f"{ARN}root", "access key 2 is active", "fail"]
    ]


def test_a_key_of_which_the_report_does_not_say_whether_it_is_active_is_not_assessed() -> None:
    assert status(root.root_access_key(ACCESS_KEYS.rows(key(1, active=None)))) == ["not assessed"]


def test_an_inactive_key_of_root_cannot_be_used() -> None:
    assert root.root_access_key(ACCESS_KEYS.rows(key(1), key(2))).empty


def test_active_signing_certificates_of_root_are_counted() -> None:
    found = root.root_signing_certificate(reported(certificates_active=2))
    assert found["detail"].tolist() == ["active signing certificates: 2"]
    assert root.root_signing_certificate(reported()).empty


# ── MFA ──────────────────────────────────────────────────────────────────────────────────────────


def test_root_without_mfa_fails_and_with_it_does_not() -> None:
    assert status(root.root_without_mfa(reported(mfa_registered=False))) == ["fail"]
    assert status(root.root_without_mfa(reported(mfa_registered=None))) == ["not assessed"]
    assert root.root_without_mfa(reported()).empty


@pytest.mark.parametrize(
    ("password", "keys", "asked"),
    [(False, 0, False), (False, 1, True), (True, 0, True), (None, 0, True), (False, None, True)],
)
def test_mfa_is_asked_of_a_root_user_that_has_something_to_sign_in_with(
    password: bool | None, keys: int | None, asked: bool
) -> None:
    bare = reported(password_enabled=password, keys_active=keys, mfa_registered=False)
    assert len(root.root_without_mfa(bare)) == asked
    phone = device("root", "virtual")
    assert len(root.root_without_hardware_mfa(bare, NO_DEVICE, NO_SUMMARY)) == asked
    assert len(root.root_without_hardware_mfa(bare, phone, NO_SUMMARY)) == asked


def test_mfa_of_root_that_no_list_shows_is_hardware() -> None:
    users = device("user/bo", "virtual")
    assert root.root_without_hardware_mfa(reported(), users, NO_SUMMARY).empty


def test_a_virtual_device_of_root_is_no_hardware() -> None:
    phone = device("root", "virtual")
    found = root.root_without_hardware_mfa(reported(), phone, NO_SUMMARY)
    assert found["detail"].tolist() == ["its MFA device is virtual"]
    unsure = root.root_without_hardware_mfa(reported(mfa_registered=None), phone, NO_SUMMARY)
    assert status(unsure) == ["fail"]


def test_root_without_any_mfa_has_no_hardware_either() -> None:
    found = root.root_without_hardware_mfa(reported(mfa_registered=False), NO_DEVICE, NO_SUMMARY)
    assert found["detail"].tolist() == ["no MFA device is registered"]
    unknown = root.root_without_hardware_mfa(reported(mfa_registered=None), NO_DEVICE, NO_SUMMARY)
    assert status(unknown) == ["not assessed"]


def test_the_account_summary_too_says_that_root_has_mfa() -> None:
    counted = SUMMARY.rows({"name": "AccountMFAEnabled", "value": 1})
    none = SUMMARY.rows({"name": "AccountMFAEnabled", "value": 0}, {"name": "Users", "value": 1})
    old = reported(mfa_registered=False)
    assert root.root_without_hardware_mfa(old, NO_DEVICE, counted).empty
    assert status(root.root_without_hardware_mfa(old, NO_DEVICE, none)) == ["fail"]


def test_without_the_list_of_devices_nobody_can_say_that_roots_is_hardware(tmp_path: Path) -> None:
    made = account(tmp_path, account_summary={"SummaryMap": {"AccountMFAEnabled": 1}})
    assert result(made, "root_without_mfa")["status"] == "pass"
    hardware = result(made, "root_without_hardware_mfa")
    assert hardware["status"] == "not assessed"
    assert "iam:ListVirtualMFADevices" in hardware["reason"]


# ── Use ──────────────────────────────────────────────────────────────────────────────────────────


def used(settings: Settings = Settings(), **facts: Any) -> pd.DataFrame:  # noqa: B008
    return root.root_used(reported(**facts), settings, NOW)


@pytest.mark.parametrize(("days", "failing"), [(0, True), (29, True), (30, False), (92, False)])
def test_root_should_have_been_quiet_for_the_days_that_the_settings_say(
    days: int, failing: bool
) -> None:
    when = NOW - pd.Timedelta(days=days)
    found = used(password_use="used", password_used=when, last_used=when)
    assert found["status"].tolist() == ["fail"] * failing
    looser = Settings().with_overrides(root_quiet_days=10)
    assert used(looser, password_use="used", last_used=when).empty == (days >= 10)


def test_the_latest_use_of_all_counts() -> None:
    long_ago, today = NOW - pd.Timedelta(days=900), NOW
    found = used(password_use="used", password_used=long_ago, last_used=today)
    assert found["detail"].tolist() == [
        "an access key was used on 2026-11-01, less than 30 days before the evidence"
    ]
    both = used(password_use="used", password_used=today, last_used=today)
    assert both["detail"].str.startswith("its password was used").all()


@pytest.mark.parametrize("use", ["never used", "not tracked", "no password"])
def test_a_root_user_without_any_use_on_record_is_fine(use: str) -> None:
    assert used(password_use=use).empty


@pytest.mark.parametrize("use", ["not known", None])
def test_what_the_report_does_not_say_of_the_password_is_not_assessed(use: str | None) -> None:
    assert status(used(password_use=use)) == ["not assessed"]
    assert status(used(password_use=use, last_used=NOW)) == ["fail"]


# ── Reports without root, and without a report ───────────────────────────────────────────────────

OF_ROOT = ("root_access_key", "root_without_mfa", "root_used", "root_without_hardware_mfa")


@pytest.mark.parametrize("name", OF_ROOT)
def test_a_report_that_leaves_root_out_passes_nothing(name: str, tmp_path: Path) -> None:
    without = report(NO_ROOT).replace(f"{ROOT}\n", "")
    assert result(account(tmp_path, credential_report=without), name)["status"] == "not assessed"


@pytest.mark.parametrize("name", OF_ROOT)
def test_without_a_report_nothing_is_said_of_root(name: str, tmp_path: Path) -> None:
    said = result(account(tmp_path, details([user("bo")]), credential_report=None), name)
    assert (said["status"], said["unknown"]) == ("not assessed", 0)
    assert "iam:GetCredentialReport" in said["reason"]
    assert "broke" not in said["reason"]


def test_root_is_named_in_the_partition_of_the_report() -> None:
    china = CREDENTIALS.rows(
        {"user_arn": "arn:aws-cn:iam::012345678901:user/x/bo", "is_root": False}
    )
    found = root.root_without_mfa(china)
    assert found["subject"].tolist() == ["arn:aws-cn:iam::012345678901:root"]


# ── Central management ───────────────────────────────────────────────────────────────────────────

ORG = ORGANIZATION.rows({"organization_id": "o-example"})


def features(enabled: bool | None) -> pd.DataFrame:
    return ROOT_MANAGEMENT.rows(
        {"feature": "RootSessions", "enabled": True},
        {"feature": "RootCredentialsManagement", "enabled": enabled},
    )


def test_an_organization_should_manage_root_credentials() -> None:
    found = root.root_not_centrally_managed(ORG, features(False), ACCOUNT)
    assert found[["subject", "status"]].values.tolist() == [[ACCOUNT, "fail"]]
    assert root.root_not_centrally_managed(ORG, features(True), ACCOUNT).empty
    unread = root.root_not_centrally_managed(ORG, features(None), ACCOUNT)
    assert unread["status"].tolist() == ["not assessed"]


def test_outside_an_organization_nothing_can_be_managed_centrally() -> None:
    assert root.root_not_centrally_managed(ORGANIZATION.rows(), features(False), ACCOUNT).empty


def test_a_member_account_that_may_not_ask_is_not_assessed(tmp_path: Path) -> None:
    organization = {"Organization": {"Id": "o-example", "MasterAccountId": "999988887777"}}
    said = result(account(tmp_path, organization=organization), "root_not_centrally_managed")
    assert (said["status"], said["failing"]) == ("not assessed", 0)


# ── Other partitions ─────────────────────────────────────────────────────────────────────────────


def in_partition(folder: Path, partition: str, root_key: str = "false") -> Account:
    """An account of a partition whose root user has no MFA, and perhaps an active key."""
    row = ROOT.replace(",true,false,N/A", f",false,{root_key},N/A", 1)
    row = row.replace("arn:aws:", f"arn:{partition}:")
    ann = user("ann", Arn=f"arn:{partition}:iam::{ACCOUNT}:user/ann")
    return account(folder, details([ann]), credential_report=f"{HEADER}\n{row}\n")


@pytest.mark.parametrize("partition", ["aws-us-gov", "aws-cn"])
@pytest.mark.parametrize("root_key", ["false", "true"])
def test_root_is_asked_for_no_mfa_where_it_can_have_none(
    partition: str, root_key: str, tmp_path: Path
) -> None:
    """AWS GovCloud (US) User Guide, "AWS GovCloud (US) account root user"; ScoutSuite 1132."""
    made = in_partition(tmp_path, partition, root_key)
    for name in ("root_without_mfa", "root_without_hardware_mfa"):
        found = result(made, name)
        assert found["status"] == "not applicable", name
        assert "root user" in found["reason"], name
    names = [name for name in CHECKS if name.startswith("root_without")]
    assert len(names) > 1
    assert made.check(*names).findings.empty


def test_elsewhere_the_same_root_fails(tmp_path: Path) -> None:
    assert result(in_partition(tmp_path, "aws"), "root_without_mfa")["status"] == "fail"


@pytest.mark.parametrize(
    ("partition", "root_key", "status"),
    [
        ("aws-us-gov", "true", "fail"),  # AWS gives out keys of its root user on request
        ("aws-us-gov", "false", "pass"),
        ("aws-cn", "true", "fail"),
        ("aws-cn", "false", "not applicable"),
    ],
)
def test_a_key_of_root_fails_everywhere(
    partition: str, root_key: str, status: str, tmp_path: Path
) -> None:
    made = in_partition(tmp_path, partition, root_key)
    assert result(made, "root_access_key")["status"] == status


def test_users_in_china_are_not_asked_for_hardware(tmp_path: Path) -> None:
    made = in_partition(tmp_path, "aws-cn")
    assert result(made, "user_without_hardware_mfa")["status"] == "not applicable"
