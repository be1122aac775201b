"""Who has no second factor, whose is weak, and where policies do not insist on it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from iamkit.checks import mfa as checks
from iamkit.checks import mfa_devices
from iamkit.pages import summary
from iamkit.restrictions.mfa_enforcement import MFA_ENFORCEMENT
from iamkit.results import matrix
from iamkit.settings import Settings
from iamkit.table import stack
from iamkit.tables.schema import ACCESS_KEYS, CREDENTIALS, GAPS, MFA_DEVICES
from tests.accounts import ARN, account, details, report, role, user
from tests.checks import result

ANA, BO, ROLE = f"{ARN}user/ana", f"{ARN}user/bo", f"{ARN}role/admin"
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}
CONSOLE = f"ana,{ARN}user/ana,2026-01-01T00:00:00+00:00,true,2026-10-29T00:00:00+00:00"
NO_KEYS = "false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"


def users(*rows: dict[str, Any]) -> pd.DataFrame:
    usual = {"user_arn": ANA, "is_root": False, "password_enabled": True, "keys_active": 0}
    return CREDENTIALS.rows(*({**usual, **row} for row in rows))


def keys(**facts: Any) -> pd.DataFrame:
    return ACCESS_KEYS.rows({"user_arn": ANA, "is_root": False, "active": True, **facts})


def devices(*kinds: str) -> pd.DataFrame:
    return MFA_DEVICES.rows(
        *({"serial": str(at), "user_arn": ANA, "kind": kind} for at, kind in enumerate(kinds))
    )


def admins(arn: str = ANA, kind: str = "user", admin: str = "everything") -> pd.DataFrame:
    row = {"principal_arn": arn, "kind": kind, "name": arn.rpartition("/")[2], "admin": admin}
    return pd.DataFrame([row])


def verdicts(arn: str = ANA, **facts: Any) -> pd.DataFrame:
    return MFA_ENFORCEMENT.rows({"principal_arn": arn, "statement": "Open", "why": "So.", **facts})


def outcome(found: pd.DataFrame) -> list[Any]:
    return found[["subject", "status"]].values.tolist()


# ── Adopted ──────────────────────────────────────────────────────────────────────────────────────


def test_a_password_without_a_device_fails_and_one_with_a_device_passes() -> None:
    report = users({"mfa_registered": False}, {"user_arn": BO, "mfa_registered": True})
    assert outcome(mfa_devices.console_user_without_mfa(report)) == [[ANA, "fail"]]


def test_neither_root_nor_a_user_without_a_password_is_a_console_user() -> None:
    report = users(
        {"is_root": True, "mfa_registered": False},
        {"user_arn": BO, "password_enabled": False, "mfa_registered": False},
    )
    assert mfa_devices.console_user_without_mfa(report).empty


def test_a_report_that_does_not_say_whether_there_is_a_device_is_no_pass() -> None:
    found = mfa_devices.console_user_without_mfa(users({"mfa_registered": None}))
    assert outcome(found) == [[ANA, "not assessed"]]


@pytest.mark.parametrize(
    ("use", "days", "said"),
    [
        ("used", 1, "used yesterday"),
        ("used", 185, "used 185 days ago"),
        ("never used", 301, "with no use on record"),
        ("not tracked", 4300, "with no use on record"),
    ],
)
def test_the_detail_says_when_the_password_was_used(use: str, days: int, said: str) -> None:
    row = {"mfa_registered": False, "password_use": use, "password_idle_days": days}
    found = mfa_devices.console_user_without_mfa(users(row))
    assert found["detail"].tolist() == [f"a password {said}, and no MFA device"]


# ── Kinds of devices ─────────────────────────────────────────────────────────────────────────────


def weak(
    *kinds: str, whose: str = "everyone", gaps: pd.DataFrame | None = None, **facts: Any
) -> list[Any]:
    found = mfa_devices.user_without_hardware_mfa(
        users({"mfa_registered": True, **facts}),
        devices(*kinds),
        admins(BO),
        GAPS.rows() if gaps is None else gaps,
        Settings().with_overrides(hardware_mfa=whose),
    )
    return found["status"].tolist()


@pytest.mark.parametrize("kind", ["hardware", "passkey"])
def test_one_strong_device_is_enough_beside_a_virtual_one(kind: str) -> None:
    assert weak("virtual", kind) == []


def test_virtual_devices_only_fail() -> None:
    assert weak("virtual", "virtual") == ["fail"]


def test_no_device_at_all_fails() -> None:
    assert weak(mfa_registered=False) == ["fail"]


def test_the_setting_says_who_is_asked() -> None:
    assert weak("virtual", whose="nobody") == []
    assert weak("virtual", whose="administrators") == []  # the administrator is somebody else
    assert weak("virtual", whose="administrators", user_arn=BO) == ["not assessed"]


def test_who_cannot_sign_in_is_not_asked() -> None:
    assert weak(password_enabled=False, mfa_registered=False) == []


@pytest.mark.parametrize("kinds", [(), ("unknown",), ("virtual", "unknown")])
def test_mfa_of_a_kind_that_nobody_knows_is_not_assessed(kinds: tuple[str, ...]) -> None:
    assert weak(*kinds) == ["not assessed"]


def test_a_virtual_device_is_no_answer_where_the_others_were_not_listed() -> None:
    refused = GAPS.rows({"call": "iam:ListMFADevices", "code": "AccessDenied"})
    assert weak("virtual", gaps=refused) == ["not assessed"]
    assert weak("passkey", gaps=refused) == []
    assert weak(gaps=refused, mfa_registered=False) == ["fail"]


# ── Administrators ───────────────────────────────────────────────────────────────────────────────


def test_an_administrator_without_a_device_fails_whatever_the_credential() -> None:
    for access in ("console", "programmatic", "both", "none"):
        report = users({"mfa_registered": False, "access": access})
        found = mfa_devices.administrator_without_mfa(admins(), report)
        assert outcome(found) == [[ANA, "fail"]]
        # What does not exist cannot be stolen.
        assert found["severity"].tolist() == ["medium" if access == "none" else "critical"]


def test_an_administrator_without_credentials_is_better_deleted() -> None:
    found = mfa_devices.administrator_without_mfa(
        admins(admin="through IAM"), users({"mfa_registered": False, "access": "none"})
    )
    assert found["detail"].tolist() == [
        "can give itself everything and has no MFA device; it has no password and no active access "
        "key now, but a new one would work without MFA"
    ]
    assert found["next_step"].str.startswith("Delete the user").all()


def test_an_administrator_whom_the_credential_report_lacks_is_not_assessed() -> None:
    found = mfa_devices.administrator_without_mfa(admins(BO), users({"mfa_registered": True}))
    assert outcome(found) == [[BO, "not assessed"]]


def test_roles_have_no_devices() -> None:
    assert mfa_devices.administrator_without_mfa(admins(ROLE, "role"), users()).empty


# ── Enforced ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("verdict", "password", "fails"),
    [
        ("none", "not required", True),
        ("partial", "partly required", True),
        ("bypassable", "partly required", True),
        ("keys only", "not required", True),
        ("console only", "required", False),
        ("enforced", "required", False),
        ("nothing to protect", "required", False),
    ],
)
def test_a_password_fails_unless_policies_close_it(
    verdict: str, password: str, fails: bool
) -> None:
    found = checks.password_without_enforced_mfa(
        users({}), verdicts(verdict=verdict, password=password)
    )
    assert outcome(found) == [[ANA, "fail"]] * fails


def test_who_has_no_password_needs_no_mfa_after_it() -> None:
    report = users({"password_enabled": False})
    verdict = verdicts(verdict="none", password="not required")
    assert checks.password_without_enforced_mfa(report, verdict).empty


def test_a_user_whose_policies_are_not_in_the_evidence_is_not_assessed() -> None:
    for found in (
        checks.password_without_enforced_mfa(users({}), verdicts(BO, verdict="none")),
        checks.key_escapes_mfa(keys(), verdicts(BO, verdict="none")),
        checks.mfa_can_be_removed(users({}), verdicts(BO, verdict="none")),
    ):
        assert outcome(found) == [[ANA, "not assessed"]]


def test_a_key_escapes_only_where_the_password_is_closed_and_only_if_it_is_active() -> None:
    escaping = verdicts(verdict="console only")
    assert outcome(checks.key_escapes_mfa(keys(slot=2), escaping)) == [[ANA, "fail"]]
    assert checks.key_escapes_mfa(keys(active=False), escaping).empty
    assert checks.key_escapes_mfa(keys(is_root=True), escaping).empty
    assert checks.key_escapes_mfa(keys(), verdicts(verdict="none")).empty


def test_two_active_keys_are_one_finding() -> None:
    both = stack(keys(slot=1), keys(slot=2))
    assert len(checks.key_escapes_mfa(both, verdicts(verdict="console only"))) == 1


def test_what_undoes_mfa_matters_to_whoever_has_a_credential() -> None:
    bypassable = verdicts(verdict="bypassable")
    only_key = users({"password_enabled": False, "keys_active": 1})
    neither = users({"password_enabled": False})
    assert outcome(checks.mfa_can_be_removed(users({}), bypassable)) == [[ANA, "fail"]]
    assert outcome(checks.mfa_can_be_removed(only_key, bypassable)) == [[ANA, "fail"]]
    assert checks.mfa_can_be_removed(neither, bypassable).empty
    assert checks.mfa_can_be_removed(users({}), verdicts(verdict="partial")).empty


@pytest.mark.parametrize("verdict", ["none", "partial", "console only", "keys only"])
def test_an_administrators_role_fails_if_it_may_be_assumed_without_mfa(verdict: str) -> None:
    found = checks.administrative_role_without_mfa(
        admins(ROLE, "role"), verdicts(ROLE, verdict=verdict)
    )
    assert outcome(found) == [[ROLE, "fail"]]


@pytest.mark.parametrize("verdict", ["enforced", "not assumable by people", "nothing to protect"])
def test_a_role_that_needs_mfa_or_is_not_for_people_passes(verdict: str) -> None:
    role = admins(ROLE, "role")
    assert checks.administrative_role_without_mfa(role, verdicts(ROLE, verdict=verdict)).empty


def test_an_administrators_role_whose_trust_policy_cannot_be_read_is_not_assessed() -> None:
    unread = verdicts(ROLE, verdict="none", statement=None)
    found = checks.administrative_role_without_mfa(admins(ROLE, "role"), unread)
    assert outcome(found) == [[ROLE, "not assessed"]]


def test_only_roles_of_administrators_are_asked() -> None:
    open_ = verdicts(ROLE, verdict="none")
    assert checks.administrative_role_without_mfa(admins(ANA), open_).empty
    assert checks.administrative_role_without_mfa(admins(ANA).iloc[:0], open_).empty


# ── Whole accounts ───────────────────────────────────────────────────────────────────────────────


def test_an_administrator_with_a_password_alone_fails_what_it_should(tmp_path: Path) -> None:
    ana = user("ana", UserPolicyList=[{"PolicyName": "all", "PolicyDocument": EVERYTHING}])
    lines = f"{CONSOLE},2026-10-01T00:00:00+00:00,N/A,false,{NO_KEYS}"
    opened = account(tmp_path, details([ana]), credential_report=report(lines))
    assert result(opened, "administrator_without_mfa")["status"] == "fail"
    noted = result(opened, "console_user_without_mfa")
    assert noted["status"] == "noted", "one fact, one finding"
    assert noted["reported_by"] == ["administrator_without_mfa"]
    controls = matrix(opened.audit.results).set_index(["framework", "version", "id"])
    asked = controls.loc[("CIS AWS Foundations Benchmark", "7.0.0", "2.10")]
    assert asked["failing_checks"] == ["administrator_without_mfa"], "and the control fails"
    assert asked["status"] == "fail"
    facts = set(summary.facts(opened)["title"])
    assert "A user with a console password has no MFA device" not in facts, "it is a problem"
    assert facts, "what no check reports is one"
    assert result(opened, "password_without_enforced_mfa")["failing"] == 1
    assert result(opened, "key_escapes_mfa")["status"] == "not applicable"


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        ([], None),
        (["iam:ChangePassword"], "low"),
        (["iam:ChangePassword", "ec2:TerminateInstances"], "high"),
    ],
)
def test_the_severity_is_that_of_what_is_left_without_mfa(
    left_out: list[str], expected: str | None, tmp_path: Path
) -> None:
    """One's own password takes the old one to change; AWS's example leaves it out for some."""
    deny = {
        "Effect": "Deny",
        "NotAction": ["iam:EnableMFADevice", "iam:ListMFADevices", *left_out],
        "Resource": "*",
        "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
    }
    allow = {"Effect": "Allow", "Action": ["ec2:*", "iam:ChangePassword"], "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [allow, deny]}
    ana = user("ana", UserPolicyList=[{"PolicyName": "own", "PolicyDocument": document}])
    lines = f"{CONSOLE},2026-10-01T00:00:00+00:00,N/A,true,{NO_KEYS}"
    opened = account(tmp_path, details([ana]), credential_report=report(lines))
    found = opened.check("password_without_enforced_mfa").findings
    assert found["severity"].tolist() == ([] if expected is None else [expected])


def test_without_a_credential_report_nothing_about_credentials_passes(tmp_path: Path) -> None:
    ana = user("ana", UserPolicyList=[{"PolicyName": "all", "PolicyDocument": EVERYTHING}])
    opened = account(tmp_path, details([ana]), credential_report=None)
    for name in ("console_user_without_mfa", "mfa_can_be_removed", "user_without_hardware_mfa"):
        assert result(opened, name)["status"] == "not assessed"
    assert result(opened, "administrator_without_mfa")["unknown"] == 1


def test_of_administrator_roles_those_count_that_people_assume(tmp_path: Path) -> None:
    inline = [{"PolicyName": "all", "PolicyDocument": EVERYTHING}]
    trusted = {
        "people": {"AWS": f"{ARN}root"},
        "robots": {"AWS": f"{ARN}role/build"},
        "instances": {"Service": "ec2.amazonaws.com"},
    }
    made = [
        role(
            name,
            {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}},
            RolePolicyList=inline,
        )
        for name, principal in trusted.items()
    ]
    opened = account(tmp_path, details([user("ana")], roles=made))
    found = result(opened, "administrative_role_without_mfa")
    assert (found["failing"], found["total"]) == (1, 1)
    (tmp_path / "robots").mkdir()
    opened = account(tmp_path / "robots", details([user("ana")], roles=made[1:]))
    assert result(opened, "administrative_role_without_mfa")["status"] == "not applicable"
