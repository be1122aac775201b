"""Identities kept for emergencies: who is one, who is fit for it, and what then is no fault."""

from pathlib import Path
from typing import Any

import pytest

from iamkit import Account
from iamkit.settings import Settings
from tests.accounts import ARN, HEADER, ROOT, account, details, role, user

WITHOUT_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ENFORCED = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": WITHOUT_MFA}
TAG = [{"Key": "break-glass", "Value": "true"}]
DEVICE = {"UserName": "ann", "SerialNumber": f"{ARN}u2f/user/ann/key-ABC"}
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
OLD = "2024-05-01T12:00:00+00:00"


def ann(*statements: Any, tags: Any = TAG) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": list(statements or (ALL, ENFORCED))}
    inline = {"PolicyName": "own", "PolicyDocument": document}
    return user("ann", UserPolicyList=[inline], Tags=tags)


def opened(
    folder: Path, someone: dict[str, Any], used: str = OLD, device: bool = True, **settings: Any
) -> Account:
    """An account with Ann, who has a password and, if wanted, a security key."""
    no_key = "false,N/A,N/A,N/A,N/A"
    line = (
        f"ann,{ARN}user/ann,{OLD},true,{used},{OLD},N/A,true,{no_key},{no_key},false,N/A,false,N/A"
    )
    devices = {"MFADevices": [DEVICE] if device else []}
    report = "\n".join([HEADER, ROOT, line])
    made = account(folder, details([someone]), credential_report=report, mfa=devices)
    return Account(made.snapshot, Settings().with_overrides(**settings))


def status(made: Account, check: str) -> str | None:
    found = made.check(check).findings.query("name == 'ann'")["status"].tolist()
    return found[0] if found else None


def test_one_who_is_fit_for_it_is_no_fault_unused_and_powerful(tmp_path: Path) -> None:
    made = opened(tmp_path, ann())
    [row] = made.break_glass.to_dict("records")
    assert (row["name"], row["said_by"], row["ready"]) == ("ann", "its tag", True)
    for check in ("old_password", "unused_password", "administrator_user", "policy_on_user"):
        assert status(made, check) == "noted", check
    assert status(made, "break_glass_used") is None
    assert status(made, "break_glass_not_ready") is None
    steps = made.check("policy_on_user").findings["next_step"].tolist()
    assert steps == ["Keep it as it is: it is for emergencies and is protected accordingly."]


@pytest.mark.parametrize(
    ("someone", "device", "lacks"),
    [
        (ann(), False, "it has no hardware token or passkey"),
        (ann(ALL), True, "policies do not require MFA"),
        (ann(ALL), False, "policies do not require MFA; it has no hardware token or passkey"),
    ],
)
def test_being_called_so_excuses_nobody(
    someone: dict[str, Any], device: bool, lacks: str, tmp_path: Path
) -> None:
    made = opened(tmp_path, someone, device=device)
    assert made.break_glass["lacks"].tolist() == [lacks]
    for check in ("unused_password", "administrator_user", "break_glass_not_ready"):
        assert status(made, check) == "fail", check


def test_its_use_is_what_is_reported(tmp_path: Path) -> None:
    made = opened(tmp_path, ann(), used="2026-10-30T12:00:00+00:00")
    assert status(made, "break_glass_used") == "fail"


@pytest.mark.parametrize(
    ("tags", "settings", "said_by"),
    [
        ([], {"break_glass": ["ann"]}, ["the settings"]),
        ([], {"break_glass": [f"{ARN}user/an*"]}, ["the settings"]),
        ([{"Key": "Break-Glass", "Value": ""}], {}, ["its tag"]),
        ([{"Key": "break-glass", "Value": "no"}], {}, []),
        ([{"Key": "team", "Value": "break-glass"}], {}, []),
    ],
)
def test_the_settings_or_a_tag_name_it(
    tags: Any, settings: dict[str, Any], said_by: list[str], tmp_path: Path
) -> None:
    made = opened(tmp_path, ann(tags=tags), **settings)
    assert made.break_glass["said_by"].tolist() == said_by
    assert status(made, "unused_password") == ("noted" if said_by else "fail")


def test_a_role_for_emergencies_is_not_unused(tmp_path: Path) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": f"{ARN}root"}, "Action": "sts:AssumeRole"}
    inline = [{"PolicyName": "own", "PolicyDocument": {"Statement": [ALL]}}]
    roles = [
        role("kept", {"Statement": trust | {"Condition": MFA}}, Tags=TAG, RolePolicyList=inline),
        role("open", {"Statement": trust}, Tags=TAG, RolePolicyList=inline),
    ]
    made = account(tmp_path, details(roles=roles))
    found = made.check("unused_role").findings.set_index("name")["status"]
    assert found.to_dict() == {"kept": "noted", "open": "fail"}


@pytest.mark.parametrize("number", [2, 3])
def test_more_administrators_than_the_settings_allow(number: int, tmp_path: Path) -> None:
    document = {"Version": "2012-10-17", "Statement": [ALL]}
    inline = [{"PolicyName": "own", "PolicyDocument": document}]
    users = [user(f"user{at}", UserPolicyList=inline) for at in range(number)]
    made = account(tmp_path, details(users))
    made = Account(made.snapshot, Settings().with_overrides(max_administrators=2))
    results = made.check("too_many_administrators").results["status"]
    assert results.item() == ("fail" if number > 2 else "pass")
